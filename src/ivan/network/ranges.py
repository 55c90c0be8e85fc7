"""Where numbers inside a deployed model leave their type: a network is of real numbers, which have no largest one.

A model in float32 that multiplies by 1e-30 twice and by 1e30 twice returns 0, where its network returns the input. Such
a difference is no misreading. Whether numbers that leave the type explain a difference is tried out: the network is run
once more, factor by factor as the file has them, and what overflows or underflows at one place does so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ivan.network.activations import Activation, Truncate
from ivan.network.affine import Affine
from ivan.network.layers import Network
from ivan.network.linear import Array, LinearMap, Product, Sum

_INTEGERS = {"int32": 2.0**31, "int64": 2.0**63}
"""Where integers end that a float is cast to; beyond, a runtime has the least of them."""

_NEAR = 1e-6
"""How close to the runtime's output, as a share of it, a run with wrapped integers comes that explains it."""


def departure(
    network: Network, x: Array, wrong: NDArray[np.bool_], actual: Array, allowed: float, precision: str
) -> str | None:
    """Which numbers leave their type so that outputs differ; None where that explains no difference.

    Args:
        network: the network.
        x: (n,) the point.
        wrong: (m,) True for the outputs that differ there; the network may have more.
        actual: (m,) the deployed model's outputs.
        allowed: by how much rounding alone makes outputs differ.
        precision: the coarsest floating-point type in the model.

    Returns:
        The type and where it is left, as the end of a sentence.
    """
    expected = network(x[None])[0, : len(wrong)]

    def explains(run: _Run) -> bool:
        moved = np.abs(run.outputs(network, x)[: len(wrong)] - expected)
        return bool(np.any(wrong & ~(moved <= allowed)))  # what is no longer a number has moved

    with np.errstate(all="ignore"):
        for limited in (_overflowing, _underflowing):
            everywhere = _Run(limited, precision)
            if not explains(everywhere) or not everywhere.left:
                continue
            alone = (place for place in everywhere.left if explains(_Run(limited, precision, place)))
            place = next(alone, next(iter(everywhere.left)))
            return _said(network, precision, place, f"{everywhere.left[place]:.3g}")
        for kind, end in _INTEGERS.items():
            run = _Run(_unlimited, precision, end=end)
            outputs = run.outputs(network, x)[: len(wrong)]
            if run.left and np.all(np.abs(outputs - actual)[wrong] <= allowed + _NEAR * np.abs(actual[wrong])):
                place, number = next(iter(run.left.items()))
                return _said(network, kind, place, f"{number:.10g}")
    return None


_Place = tuple[int, bool]
"""A layer (1-based; one more for the outputs), and whether its activation's values are meant, or what leads to them."""


def _said(network: Network, kind: str, place: _Place, number: str) -> str:
    k, behind = place
    where = "on the way to the outputs"
    if k <= len(network.layers):
        name = network.layers[k - 1].name
        where = f"{'behind' if behind else 'on the way to'} {f'node {name!r}' if name else f'layer {k}'}"
    return f"{kind} inside the property's region: {where} a number is {number}"


def _overflowing(numbers: Array, precision: str) -> tuple[Array, NDArray[np.bool_]]:
    """Numbers as the type has them, but for underflow, and where that is not as they are."""
    beyond = np.abs(numbers) > float(np.finfo(precision).max)
    return np.where(beyond, np.copysign(np.inf, numbers), numbers), beyond


def _underflowing(numbers: Array, precision: str) -> tuple[Array, NDArray[np.bool_]]:
    """Likewise, but for overflow."""
    below = (np.abs(numbers) < float(np.finfo(precision).tiny)) & (numbers != 0.0)
    return np.where(below, numbers.astype(precision).astype(np.float64), numbers), below


def _unlimited(numbers: Array, precision: str) -> tuple[Array, NDArray[np.bool_]]:
    return numbers, np.zeros(numbers.shape, bool)


@dataclass
class _Run:
    """One run of a network in which numbers leave their type.

    Attributes:
        limited: what becomes of numbers, and of which.
        precision: the type.
        only: where alone they do so; None for everywhere.
        end: where integers end that floats are cast to; infinite for nowhere.
        left: every place where some have, and the one that is furthest away.
    """

    limited: Callable[[Array, str], tuple[Array, NDArray[np.bool_]]]
    precision: str
    only: _Place | None = None
    end: float = np.inf
    left: dict[_Place, float] = field(default_factory=dict)

    def outputs(self, network: Network, x: Array) -> Array:
        """(n,) -> (m,)."""
        values = {0: x[None]}
        for k, layer in enumerate(network.layers, 1):
            z = self._affine(layer.affine, values, (k, False))
            values[k] = self._kept(self._activated(layer.activation, z, (k, False)), (k, True))
        return np.asarray(self._affine(network.output, values, (len(network.layers) + 1, False))[0])

    def _activated(self, activation: Activation, z: Array, place: _Place) -> Array:
        if not isinstance(activation, Truncate) or self.end == np.inf:
            return activation.value(z)
        z = z.astype(self.precision).astype(np.float64)  # which may reach what the number itself does not
        wraps = (z >= self.end) | (z < -self.end)
        self._note(z, wraps, place)
        cut: Array = np.where(wraps, -self.end, activation.value(z))
        return cut

    def _affine(self, affine: Affine, values: dict[int, Array], place: _Place) -> Array:
        total, reach = np.zeros((1, affine.size)), np.zeros((1, affine.size))
        for source, linear in affine.terms:
            part = self._mapped(linear, values[source], place)
            total, reach = total + part, reach + np.abs(part)
        for constant, vector in affine.constants:
            part = vector[None] if constant is None else self._mapped(constant, vector[None], place)
            total, reach = total + part, reach + np.abs(part)
        # a constant that is no number, which no file that was read well has, has not become so on the way
        return self._summed(self._kept(total, place, np.isfinite(affine.constant)), reach, place)

    def _mapped(self, linear: LinearMap, x: Array, place: _Place) -> Array:
        if isinstance(linear, Product):
            return self._mapped(linear.outer, self._mapped(linear.inner, x, place), place)
        if isinstance(linear, Sum):
            parts = [self._mapped(part, x, place) for part in linear.parts]
            return self._summed(self._kept(np.asarray(sum(parts)), place), np.asarray(sum(map(np.abs, parts))), place)
        return self._summed(self._kept(linear.apply(x), place), linear.absolute().apply(np.abs(x)), place)

    def _summed(self, total: Array, reach: Array, place: _Place) -> Array:
        """A sum that is a number, though its summands are beyond the type together: there is no telling what it is."""
        lost = np.isfinite(total) & np.isfinite(reach) & (np.isinf(self.limited(reach, self.precision)[0]))
        if self.only in (None, place):
            self._note(reach, lost, place)
            return np.where(lost, np.nan, total)
        return total

    def _kept(self, numbers: Array, place: _Place, where: NDArray[np.bool_] | None = None) -> Array:
        if self.only not in (None, place):
            return numbers
        kept, changed = self.limited(numbers, self.precision)
        changed = changed if where is None else changed & where
        self._note(numbers, changed, place)
        return kept

    def _note(self, numbers: Array, where: NDArray[np.bool_], place: _Place) -> None:
        if where.any():
            found = numbers[where]
            self.left.setdefault(place, float(found[np.argmax(np.abs(np.log(np.abs(found))))]))

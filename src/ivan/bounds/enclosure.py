"""Bounds on every layer of a network over a batch of domains, computed from the input forwards.

Per layer: the interval sweep, intersected with what is known from an ancestor; then, for the units that are still
unstable, the backward pass. Each layer's bounds make the lines that later layers are bounded with. A unit that an
ancestor knows to be stable stays stable and is never bounded again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ivan.bounds import backward
from ivan.bounds.domains import Domains
from ivan.bounds.interval import affine_interval
from ivan.bounds.rigorous import LARGEST, UNIT, gamma, magnitude
from ivan.bounds.rounding import consumers, rounding_of
from ivan.deadline import NEVER, Deadline
from ivan.network.activations import Activation, Choice, Lines
from ivan.network.activations.rounding import EXACT
from ivan.network.affine import Affine
from ivan.network.element_types import float_type
from ivan.network.layers import Layer, Network

Array = NDArray[np.float64]

MIXED = 16.0 * UNIT
"""What computing a mixture of two planes loses, as a share of their parts."""


@dataclass
class Enclosure:
    """Everything a backward pass needs to know about B domains.

    Layer k has n_k values and m_k numbers in its pre-activation, as many for each operand of its activation.

    Attributes:
        network: the network.
        lower: (B, inputs) the boxes.
        upper: (B, inputs).
        empty: (B,) True where the domain was found to hold no point.
        unstable: per layer, (B, m_k) True where the activation is not known to be linear between the bounds.
        intervals: per layer, (B, m_k) rigorous bounds of the pre-activations.
        lines: per layer, lines around the activation on those bounds; upper intercepts are inflated to absorb the
            rounding of summing them.
        rounding: per affine map (layers, then the output), (B, m_k): what one unit of |coefficient| on each
            pre-activation can lose by rounding on its way through the affine map.
        reach: per source (input first, outputs last), (B, n): max |h|.
        outputs: (B, m) each, rigorous bounds of the outputs by the interval sweep.
        split: per layer, where units are split on the path.
    """

    network: Network
    lower: Array
    upper: Array
    empty: NDArray[np.bool_]
    split: tuple[NDArray[np.bool_] | None, ...]
    unstable: list[NDArray[np.bool_]] = field(default_factory=list)
    intervals: list[tuple[Array, Array]] = field(default_factory=list)
    lines: list[Lines] = field(default_factory=list)
    rounding: list[Array] = field(default_factory=list)
    reach: list[Array] = field(default_factory=list)
    outputs: tuple[Array, Array] = field(default=(np.zeros((0, 0)), np.zeros((0, 0))), init=False)
    _choices: dict[int, Choice] = field(default_factory=dict, init=False)

    def __len__(self) -> int:
        return len(self.lower)

    def choice(self, k: int) -> Choice:
        """The planes that layer k (0-based), of an activation that is `mixed`, has to choose from; inflated as lines.

        They also absorb what is lost where a mixture of them is computed.
        """
        if k not in self._choices:
            layer, (low, high) = self.network.layers[k], self.intervals[k]
            with np.errstate(over="ignore", invalid="ignore"):
                choice = layer.activation.choice(low, high)
                error = MIXED * _size(choice, np.maximum(np.abs(low), np.abs(high)))
                if self.network.arithmetic:
                    error += _uncertainty(layer, low, high, self.network.arithmetic)
            error = np.where(np.isnan(error), np.inf, error)
            first, second = (inflated(lines.apart(error)) for lines in (choice.first, choice.second))
            self._choices[k] = replace(choice, first=first, second=second)
        return self._choices[k]

    def rule(self, k: int) -> Array:
        """(B, m_k) what the rule says where slopes may be chosen for layer k (0-based).

        Of an activation that is `mixed`: the share of the second lower plane, and of the second upper one, in the
        places of the first and second operands.
        """
        activation = self.network.layers[k].activation
        if not activation.mixed:
            return self.lines[k].lower_slope
        choice, result = self.choice(k), np.zeros(self.lines[k].lower_slope.shape)
        n = choice.lower_share.shape[1]
        result[:, :n], result[:, n : 2 * n] = choice.lower_share, choice.upper_share
        return result

    @cached_property
    def one_box(self) -> bool:
        """True when all domains have the same box, as where units are split."""
        return bool(
            len(self)
            and np.array_equal(self.lower[1:], self.lower[:-1])
            and np.array_equal(self.upper[1:], self.upper[:-1])
        )

    @property
    def varied(self) -> NDArray[np.bool_]:
        """(B,) True where an integer input can still be one of several."""
        whole = self.network.whole
        if whole is None:
            return np.zeros(len(self), bool)
        return np.asarray(np.any(self.lower[:, whole] < self.upper[:, whole], axis=1))

    @property
    def domains(self) -> Domains:
        """The domains with what is now known of them."""
        return Domains(self.lower, self.upper, tuple(self.intervals), self.split, self.empty, self.network.whole)


Tighten = Callable[["Enclosure", Affine, int, Array, Array], tuple[Array, Array]]
"""Takes bounds (B, m_k) of layer k (0-based), with all bounds below it known, and returns better ones."""


def enclose(network: Network, domains: Domains, *, refresh: bool = True, deadline: Deadline = NEVER) -> Enclosure:
    """Bounds on every layer over the domains.

    Args:
        network: the network.
        domains: the sub-problems; bounds they already know are intersected with the new ones.
        refresh: bound unstable units by backward passes; otherwise by the interval sweep and what is known only.
        deadline: checked between chunks of rows.

    Raises:
        OutOfTime: the deadline passed.
    """

    def tighten(result: Enclosure, affine: Affine, k: int, low: Array, high: Array) -> tuple[Array, Array]:
        needed = any(source > 0 for source, _ in affine.terms) and network.layers[k].activation.splittable
        return _tightened(result, affine, k, low, high, deadline) if needed else (low, high)

    return walk(network, domains, tighten if refresh else None, deadline)


def walk(network: Network, domains: Domains, tighten: Tighten | None, deadline: Deadline = NEVER) -> Enclosure:
    """Layer by layer: the interval sweep, what is known, and what `tighten` makes of it.

    Raises:
        OutOfTime: the deadline passed.
    """
    result = Enclosure(network, domains.lower, domains.upper, domains.empty.copy(), domains.split)
    result.reach.append(magnitude(domains.lower, domains.upper))
    values = [(domains.lower, domains.upper)]
    for k, layer in enumerate(network.layers):
        deadline.check()
        low, high, rounding = affine_interval(
            layer.affine, values, result.reach, consumers(network), network.arithmetic
        )
        if layer.least > -np.inf:
            low, high = np.maximum(low, layer.least), np.maximum(high, layer.least)
        if domains.known is not None:
            low, high = np.maximum(low, domains.known[k][0]), np.minimum(high, domains.known[k][1])
        result.rounding.append(rounding)
        low, high = _agreed(_repeats(network, layer.affine), *_copied(result, layer.affine, low, high))
        if tighten is not None:
            low, high = tighten(result, layer.affine, k, low, high)
        crossed = np.any(low > high, axis=1)
        if crossed.any():
            # An empty domain is closed as such; give it harmless bounds so that its rows disturb no one.
            result.empty |= crossed
            low, high = np.minimum(low, high), np.maximum(low, high)
        values.append(_append(result, k, low, high))
        result.reach.append(magnitude(*values[-1]))
    return _with_outputs(result, values)


def from_known(network: Network, domains: Domains) -> Enclosure:
    """The enclosure that rests on bounds already known, without computing new ones (splits are cut into them)."""
    if domains.known is None:
        raise ValueError("nothing is known of these domains")
    result = Enclosure(network, domains.lower, domains.upper, domains.empty.copy(), domains.split)
    result.reach.append(magnitude(domains.lower, domains.upper))
    values = [(domains.lower, domains.upper)]
    for k, layer in enumerate(network.layers):
        low, high = _agreed(_repeats(network, layer.affine), *_copied(result, layer.affine, *domains.known[k]))
        crossed = np.any(low > high, axis=1)
        if crossed.any():
            result.empty |= crossed
            low, high = np.minimum(low, high), np.maximum(low, high)
        rounding = rounding_of(layer.affine, result.reach, consumers(network), network.arithmetic)
        result.rounding.append(rounding)
        values.append(_append(result, k, low, high))
        result.reach.append(magnitude(*values[-1]))
    return _with_outputs(result, values)


def _copied(result: Enclosure, affine: Affine, low: Array, high: Array) -> tuple[Array, Array]:
    """The bounds intersected with what is known, under other numbers, of what they bound."""
    if affine.copies:
        low, high = low.copy(), high.copy()
    for copy in affine.copies:
        least, most = result.intervals[copy.layer - 1]
        low[:, copy.at] = np.maximum(low[:, copy.at], least[:, copy.of])
        high[:, copy.at] = np.minimum(high[:, copy.at], most[:, copy.of])
    return low, high


Repeats = tuple[NDArray[np.int64], NDArray[np.int64]]


def _repeats(network: Network, affine: Affine) -> Repeats | None:
    """Which numbers are the same, see `Affine.repeats`; in an arithmetic that rounds, only what is moved is.

    Sums that are equal may be added up in different orders there, and what is known of one says nothing of the other.
    """
    return None if network.arithmetic and not affine.moved.all() else affine.repeats


def _agreed(repeats: Repeats | None, low: Array, high: Array) -> tuple[Array, Array]:
    """The bounds intersected among numbers that are the same."""
    if repeats is None:
        return low, high
    which = repeats[1]
    least, most = _gathered(np.maximum, low, repeats), _gathered(np.minimum, high, repeats)
    return least[:, which], most[:, which]


def _gathered(function: np.ufunc, table: NDArray[Any], repeats: Repeats) -> NDArray[Any]:
    """(B, m) -> (B, d): a function of all columns that are one number; see `Affine.repeats`."""
    first, which = repeats
    order = np.argsort(which, kind="stable")
    starts = np.searchsorted(which[order], np.arange(len(first)))
    return np.asarray(function.reduceat(table[:, order], starts, axis=1))


def _with_outputs(result: Enclosure, values: list[tuple[Array, Array]]) -> Enclosure:
    network = result.network
    low, high, rounding = affine_interval(network.output, values, result.reach, consumers(network), network.arithmetic)
    result.rounding.append(rounding)
    result.reach.append(magnitude(low, high))
    result.outputs = low, high
    return result


def _append(result: Enclosure, k: int, low: Array, high: Array) -> tuple[Array, Array]:
    """Notes a layer's bounds; returns those of its values."""
    layer = result.network.layers[k]
    # Beyond LARGEST the rounding analysis no longer holds: an infinite bound makes every claim fail.
    wild = ~(magnitude(low, high) <= LARGEST)
    if wild.any():
        low, high = np.where(wild, -np.inf, low), np.where(wild, np.inf, high)
    result.intervals.append((low, high))
    result.unstable.append(unstable_units(layer.activation, low, high))
    lines, values = enclosed(layer, low, high, result.network.arithmetic)
    result.lines.append(inflated(lines))
    return values


def enclosed(layer: Layer, low: Array, high: Array, arithmetic: float) -> tuple[Lines, tuple[Array, Array]]:
    """Lines around an activation and bounds of its values, as computed in an arithmetic of this unit roundoff."""
    with np.errstate(over="ignore", invalid="ignore"):
        lines, (least, most) = layer.activation.lines(low, high), layer.activation.interval(low, high)
        if arithmetic and layer.rounding != EXACT:
            error = _uncertainty(layer, low, high, arithmetic)
            least, most = np.nextafter(least - error, -np.inf), np.nextafter(most + error, np.inf)
            lines = lines.apart(error)
    return lines, (least, most)


def _uncertainty(layer: Layer, low: Array, high: Array, arithmetic: float) -> Array:
    """How far a runtime's values may be off: (B, n); any distance where they may be too large for the type."""
    values, reach = magnitude(*layer.activation.interval(low, high)), magnitude(low, high)
    parts = np.split(reach, layer.activation.arity, axis=-1)
    error = layer.rounding.error(arithmetic, values, np.maximum.reduce(parts))
    return np.where(values + error < float(float_type(arithmetic).max), error, np.inf)


def _size(choice: Choice, reach: Array) -> Array:
    """(B, n) what the largest plane's parts add up to, over operands of this size (B, m)."""
    n = choice.lower_share.shape[1]
    total = np.zeros(choice.lower_share.shape)
    for lines in (choice.first, choice.second):
        for slopes, intercept in (
            (lines.lower_slope, lines.lower_intercept),
            (lines.upper_slope, lines.upper_intercept),
        ):
            parts = np.abs(slopes) * reach
            size = sum((parts[:, at : at + n] for at in range(0, parts.shape[1], n)), np.zeros_like(total))
            total = np.maximum(total, size if intercept is None else size + np.abs(intercept))
    return total


def inflated(lines: Lines) -> Lines:
    """Lines (B, n) whose intercepts also absorb the rounding of summing them."""
    more = 2.0 * gamma(lines.upper_slope.shape[-1])
    lower, upper = lines.lower_intercept, lines.upper_intercept
    return Lines(
        lines.lower_slope,
        None if lower is None else lower - more * np.abs(lower),
        lines.upper_slope,
        upper + more * np.abs(upper),
    )


def unstable_units(activation: Activation, low: Array, high: Array) -> NDArray[np.bool_]:
    """Where the activation is not known to be linear between the bounds."""
    return ~activation.linear(low, high)


def _tightened(
    result: Enclosure, affine: Affine, k: int, low: Array, high: Array, deadline: Deadline
) -> tuple[Array, Array]:
    """Bounds of the unstable units of layer k (0-based), by a backward pass each way.

    The end that is nearer to 0 comes first: where it crosses, the unit is stable, and the other end tells nothing more.
    """
    activation = result.network.layers[k].activation
    unstable = unstable_units(activation, low, high) & ~result.empty[:, None]
    for copy in affine.copies:
        unstable[:, copy.at] = False  # where they are computed, they were bounded
    repeats = _repeats(result.network, affine)
    if repeats is not None:  # the first of equal numbers stands for all
        some = _gathered(np.logical_or, unstable, repeats)
        unstable = np.zeros_like(unstable)
        unstable[:, repeats[0]] = some
    owner, unit = np.nonzero(unstable)
    if not len(owner):
        return low, high
    low, high = low.copy(), high.copy()
    sign = np.where(-low[owner, unit] <= high[owner, unit], 1.0, -1.0)
    for _ in range(2):
        bound = backward.bound_rows(result, affine, k, owner, unit, sign, deadline=deadline)
        above, below = sign > 0.0, sign < 0.0
        low[owner[above], unit[above]] = np.maximum(low[owner[above], unit[above]], bound[above])
        high[owner[below], unit[below]] = np.minimum(high[owner[below], unit[below]], -bound[below])
        left = np.flatnonzero(unstable_units(activation, low, high)[owner, unit])
        if not len(left):
            break
        owner, unit, sign = owner[left], unit[left], -sign[left]
    return _agreed(repeats, low, high)

"""A network on columns: what ascent and attacks compute with (maps.py says why)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.columns.maps import ColumnMap, Columns, column_map
from ivan.network.activations import Activation
from ivan.network.affine import Affine
from ivan.network.layers import Network


@dataclass(frozen=True)
class ColumnAffine:
    """An affine map on columns.

    Attributes:
        terms: pairs of a source and its map.
        constant: (size,).
    """

    terms: tuple[tuple[int, ColumnMap], ...]
    constant: NDArray[Any]


class Model:
    """A network on columns.

    Args:
        network: the network.
        dtype: of all its numbers.
    """

    def __init__(self, network: Network, dtype: type = np.float32) -> None:
        self.network, self.dtype = network, dtype
        self.layers = [self._affine(layer.affine) for layer in network.layers]
        self.output = self._affine(network.output)

    def _affine(self, affine: Affine) -> ColumnAffine:
        terms = tuple((source, column_map(linear, self.dtype)) for source, linear in affine.terms)
        with np.errstate(over="ignore"):  # infinite where the type has no such number
            return ColumnAffine(terms, affine.constant.astype(self.dtype))

    @np.errstate(over="ignore", invalid="ignore")
    def forward(self, x: Columns) -> tuple[list[Columns], Columns]:
        """Pre-activations (n_k, R) of every layer and outputs (m, R) at inputs x (n, R)."""
        values: dict[int, Columns] = {0: x}
        before = []
        for k, (layer, affine) in enumerate(zip(self.network.layers, self.layers, strict=True), 1):
            z = evaluated(affine, values, x.shape[1])
            before.append(z)
            values[k] = on_columns(layer.activation, layer.activation.value, z)
        return before, evaluated(self.output, values, x.shape[1])

    @np.errstate(over="ignore", invalid="ignore")
    def gradient(self, before: list[Columns], C: Columns) -> Columns:
        """Slope of C_r . y in the inputs at R points: (n, R), from their pre-activations and C (m, R)."""
        pending: dict[int, Columns] = {}

        def spread(affine: ColumnAffine, behind: Columns) -> None:
            for source, linear in affine.terms:
                part = linear.transpose(behind)
                pending[source] = pending[source] + part if source in pending else part

        spread(self.output, C)
        for k in range(len(self.layers), 0, -1):
            a = pending.pop(k, None)
            if a is not None:
                activation = self.network.layers[k - 1].activation
                derivative = on_columns(activation, activation.derivative, before[k - 1])
                if activation.arity > 1:
                    a = np.tile(a, (activation.arity, 1))
                a = a * derivative.astype(self.dtype, copy=False)
                if not (activation.sloped or np.isfinite(a.sum())):
                    a = np.nan_to_num(a)  # nothing times infinitely steep is nothing
                spread(self.layers[k - 1], a)
        return pending.get(0, np.zeros((self.network.inputs, C.shape[1]), self.dtype))


def on_columns(activation: Activation, function: Callable[[Any], Any], z: Columns) -> Columns:
    """What a function of an activation, its value or derivative, makes of columns (m, R)."""
    if activation.arity == 1:
        return np.asarray(function(z))
    return np.ascontiguousarray(function(z.T).T)  # operands lie in the last axis


def evaluated(affine: ColumnAffine, values: dict[int, Columns], count: int) -> Columns:
    """The affine map's values (size, count), from those of every source."""
    z: Columns = np.repeat(affine.constant[:, None], count, axis=1)
    for source, linear in affine.terms:
        z += linear.apply(values[source])
    return z

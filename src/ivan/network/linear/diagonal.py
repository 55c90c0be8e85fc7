"""Scaling, entry by entry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ivan.digest import Digestible
from ivan.network.linear.base import Array, Index, LinearMap, frozen

if TYPE_CHECKING:
    from scipy.sparse import csr_array


class Diagonal(LinearMap):
    """y_i = scale_i x_i.

    Args:
        scale: (n,).
        uncertain: roundings behind each entry of `scale` (0 when it stands in the file).
        source: what a digest is taken over where `scale` was computed; its own numbers otherwise.
    """

    def __init__(self, scale: NDArray[Any], uncertain: int = 0, source: Digestible = None) -> None:
        self.scale: Array = frozen(scale)
        self.rows = self.columns = len(self.scale)
        self.terms = 1 + uncertain
        self.uncertain, self.source = uncertain, source

    def apply(self, x: Array) -> Array:
        return x * self.scale

    def transpose(self, a: Array) -> Array:
        return a * self.scale

    def select(self, units: Index) -> Array:
        result = np.zeros((len(units), self.columns))
        result[np.arange(len(units)), units] = self.scale[units]
        return result

    def absolute(self) -> Diagonal:
        return Diagonal(np.abs(self.scale), self.uncertain)

    def describe(self) -> Digestible:
        return ["diagonal", self.scale if self.source is None else self.source]

    def shape_only(self) -> Digestible:
        return ["diagonal", self.rows]

    def to_sparse(self) -> csr_array[Any]:
        from scipy.sparse import csr_array

        return csr_array((self.scale, np.arange(self.rows), np.arange(self.rows + 1)), shape=(self.rows, self.rows))

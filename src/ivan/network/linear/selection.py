"""Index maps: whatever moves numbers and computes none."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ivan.digest import Digestible
from ivan.network.linear.base import Array, Index, LinearMap, frozen

if TYPE_CHECKING:
    from scipy.sparse import csr_array


class Selection(LinearMap):
    """An index map, y_i = x[index_i], or 0 where index_i is -1: reshape, slice, gather, transpose, pad, concat.

    Args:
        index: (m,) positions in the input, -1 for a zero.
        columns: number of inputs n.

    Attributes:
        padded: True when some output is a zero.
        injective: True when no input is used twice.
        identity: True when it moves nothing.
    """

    def __init__(self, index: NDArray[Any], columns: int) -> None:
        self.index: Index = frozen(index, np.int64)
        self.rows, self.columns = len(self.index), columns
        used = self.index[self.index >= 0]
        self.padded = len(used) != len(self.index)
        repeats = int(np.bincount(used, minlength=1).max(initial=0))
        self.injective = repeats <= 1
        self.identity = not self.padded and self.rows == columns and bool(np.all(used == np.arange(columns)))
        self.zero = not len(used)
        self.terms = repeats

    @classmethod
    def identity_of(cls, size: int) -> Selection:
        """The identity on `size` numbers."""
        return cls(np.arange(size), size)

    def apply(self, x: Array) -> Array:
        if self.identity:
            return x
        if self.zero:
            return np.zeros((len(x), self.rows))
        result = x[:, self.index]
        if self.padded:
            result[:, self.index < 0] = 0.0
        return result

    def transpose(self, a: Array) -> Array:
        if self.identity:
            return a
        result = np.zeros((len(a), self.columns))
        valid = self.index >= 0
        if self.injective:
            result[:, self.index[valid]] = a[:, valid]
        else:
            order, starts = self._grouped
            result[:, self.index[order[starts]]] = np.add.reduceat(a[:, order], starts, axis=1)
        return result

    @cached_property
    def _grouped(self) -> tuple[Index, Index]:
        """The outputs that are not zero, sorted by the input they read, and where each input's group starts."""
        order = np.flatnonzero(self.index >= 0)
        order = order[np.argsort(self.index[order], kind="stable")]
        return order, np.flatnonzero(np.diff(self.index[order], prepend=-1))

    def select(self, units: Index) -> Array:
        result = np.zeros((len(units), self.columns))
        column = self.index[units]
        valid = column >= 0
        result[np.flatnonzero(valid), column[valid]] = 1.0
        return result

    def absolute(self) -> Selection:
        return self

    def describe(self) -> Digestible:
        return "identity" if self.identity else ["selection", self.index, self.columns]

    def shape_only(self) -> Digestible:
        return self.describe()

    def to_sparse(self) -> csr_array[Any]:
        from scipy.sparse import csr_array

        valid = self.index >= 0
        starts = np.concatenate([[0], np.cumsum(valid)])
        used = self.index[valid]
        return csr_array((np.ones(len(used)), used, starts), shape=(self.rows, self.columns))

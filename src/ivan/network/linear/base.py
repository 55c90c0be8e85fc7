"""Linear maps, kept as the model's file states them.

A map L from n inputs to m outputs is used in five ways, all batched, and never needs to be a matrix for any of them:

    apply(x)       x L^T      (B, n) -> (B, m)        the network forwards
    transpose(a)   a L        (R, m) -> (R, n)        coefficients backwards
    both with |L|, entry by entry                     magnitudes, for rounding errors (products and sums over-estimate)
    select(units)  rows of L  (R,)   -> (R, n)        where backward bounds of single neurons start
    to_sparse()    m x n matrix                       rows of linear programs

`terms` bounds the number of roundings behind an entry of `apply` or `transpose` in either direction, counting an
uncertain entry as one more: the computed result differs from the exact one by at most `gamma(terms)` times the same
product with absolute values, where `gamma(n) = 1.01 (n + 4) 2^-53` (see bounds/rigorous.py).

`describe()` feeds digests: the file's own numbers and the structure around them, nothing computed from them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ivan.digest import Digestible

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Array = NDArray[np.float64]
Index = NDArray[np.int64]


def frozen(array: NDArray[Any], dtype: type = np.float64) -> NDArray[Any]:
    """A read-only contiguous copy or view."""
    result: NDArray[Any] = np.ascontiguousarray(array, dtype=dtype).view()
    result.setflags(write=False)
    return result


class LinearMap(ABC):
    """A linear map from `columns` inputs to `rows` outputs.

    Attributes:
        rows: number of outputs m.
        columns: number of inputs n.
        terms: most roundings behind an entry of `apply` or `transpose`.
        zero: True when the structure alone says that every entry is 0.
        pieces: how many simple maps it is made of.
    """

    rows: int
    columns: int
    terms: int
    zero: bool = False
    pieces: int = 1

    @abstractmethod
    def apply(self, x: Array) -> Array:
        """X L^T: (B, n) -> (B, m)."""

    @abstractmethod
    def transpose(self, a: Array) -> Array:
        """The adjoint, a L: (R, m) -> (R, n)."""

    @abstractmethod
    def absolute(self) -> LinearMap:
        """A map whose entries are at least |L|, entry by entry."""

    @abstractmethod
    def describe(self) -> Digestible:
        """What a digest of this map is taken over."""

    @abstractmethod
    def shape_only(self) -> Digestible:
        """What a digest of the architecture is taken over: the structure without its numbers."""

    @abstractmethod
    def to_sparse(self) -> csr_array[Any]:
        """The m x n matrix."""

    @property
    def gain(self) -> float:
        """How many times the largest |input| a number may be that is computed on the way to the outputs."""
        return 0.0

    @property
    def losses(self) -> Array | float:
        """(m,) or for all alike: how many times what one step may lose is lost where every step loses as much."""
        return float(self.terms + 1)

    def select(self, units: Index) -> Array:
        """Rows of L: (R,) indices of outputs -> (R, n)."""
        one_hot = np.zeros((len(units), self.rows))
        one_hot[np.arange(len(units)), units] = 1.0
        return self.transpose(one_hot)

"""The transpose of a map, as a map: a transposed convolution is the adjoint of a convolution."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ivan.digest import Digestible
from ivan.network.linear.base import Array, LinearMap

if TYPE_CHECKING:
    from scipy.sparse import csr_array


class Adjoint(LinearMap):
    """L^T.

    Args:
        inner: L, m x n; this map takes m numbers to n.
    """

    def __init__(self, inner: LinearMap) -> None:
        self.inner = inner
        self.rows, self.columns = inner.columns, inner.rows
        self.terms = inner.terms  # it holds for both directions

    @property
    def gain(self) -> float:
        return 0.0 if self.inner.pieces == 1 else math.inf

    @property
    def losses(self) -> float:
        return float(self.terms + 1) if self.inner.pieces == 1 else math.inf

    def apply(self, x: Array) -> Array:
        return self.inner.transpose(x)

    def transpose(self, a: Array) -> Array:
        return self.inner.apply(a)

    def absolute(self) -> Adjoint:
        return Adjoint(self.inner.absolute())

    def describe(self) -> Digestible:
        return ["adjoint", self.inner.describe()]

    def shape_only(self) -> Digestible:
        return ["adjoint", self.inner.shape_only()]

    def to_sparse(self) -> csr_array[Any]:
        from scipy.sparse import csr_array

        return csr_array(self.inner.to_sparse().T)

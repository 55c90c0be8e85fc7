"""Sparse matrices."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ivan.digest import Digestible
from ivan.network.linear.base import Array, Index, LinearMap

if TYPE_CHECKING:
    from scipy.sparse import csr_array


class Sparse(LinearMap):
    """A sparse matrix: reductions, pooling, linear resize.

    Args:
        matrix: m x n, any scipy sparse array.
        uncertain: roundings behind each entry (0 when the entries are exact).
        source: what a digest is taken over where the entries were computed; the matrix itself otherwise.
    """

    def __init__(self, matrix: csr_array[Any], uncertain: int = 0, source: Digestible = None) -> None:
        from scipy.sparse import csr_array

        self.matrix: csr_array[Any] = csr_array(matrix.astype(np.float64))
        self.matrix.sum_duplicates()
        self.rows, self.columns = self.matrix.shape
        across = np.diff(self.matrix.indptr).max(initial=0)
        down = np.bincount(self.matrix.indices, minlength=1).max(initial=0)
        self.terms = int(max(across, down)) + uncertain
        self.uncertain, self.source = uncertain, source

    @cached_property
    def _transposed(self) -> csr_array[Any]:
        from scipy.sparse import csr_array

        return csr_array(self.matrix.T)

    def apply(self, x: Array) -> Array:
        return np.ascontiguousarray((self.matrix @ x.T).T)

    def transpose(self, a: Array) -> Array:
        return np.ascontiguousarray((self._transposed @ a.T).T)

    def select(self, units: Index) -> Array:
        return np.asarray(self.matrix[units].toarray())

    def absolute(self) -> Sparse:
        return Sparse(abs(self.matrix), self.uncertain)

    def describe(self) -> Digestible:
        if self.source is not None:
            return ["sparse", self.rows, self.columns, self.source]
        m = self.matrix
        return ["sparse", self.rows, self.columns, m.indptr.astype(np.int64), m.indices.astype(np.int64), m.data]

    def shape_only(self) -> Digestible:
        return ["sparse", self.rows, self.columns, int(self.matrix.nnz)]

    def to_sparse(self) -> csr_array[Any]:
        return self.matrix

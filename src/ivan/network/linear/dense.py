"""A matrix along one axis of a tensor."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ivan.digest import Digestible
from ivan.network.linear.base import Array, Index, LinearMap, frozen

if TYPE_CHECKING:
    from scipy.sparse import csr_array


SPARSE, SMALLEST = 0.05, 1 << 12
"""Share of non-zero entries below which, and size from which, products skip the zeros: below that, scipy's kernels beat
BLAS. Exporters write selections, differences and pooling as full matrices of zeros and ones."""


class Dense(LinearMap):
    """A matrix along one axis of a tensor: (before, n, after) -> (before, m, after).

    Args:
        weight: (m, n).
        before: product of the dimensions in front of the axis.
        after: product of the dimensions behind it.
        uncertain: roundings behind each entry (0 when the entries are the file's).
    """

    def __init__(self, weight: NDArray[Any], before: int = 1, after: int = 1, uncertain: int = 0) -> None:
        self.weight: Array = frozen(weight)
        self.uncertain = uncertain
        self.before, self.after = before, after
        m, n = self.weight.shape
        self.rows, self.columns = before * m * after, before * n * after
        self.terms = max(m, n) + uncertain

    @property
    def plain(self) -> bool:
        """True when it is just a matrix."""
        return self.before == 1 and self.after == 1

    @cached_property
    def sparse(self) -> csr_array[Any] | None:
        """The weight as a sparse matrix where it is a plain matrix of mostly zeros, else None."""
        if not self.plain or self.weight.size < SMALLEST:
            return None
        if np.count_nonzero(self.weight) >= SPARSE * self.weight.size:
            return None
        return self.to_sparse()

    @cached_property
    def _sparse_transposed(self) -> csr_array[Any]:
        from scipy.sparse import csr_array

        return csr_array(self.weight.T)

    @cached_property
    def _absolute(self) -> Dense:
        return Dense(np.abs(self.weight), self.before, self.after, self.uncertain)

    def _along(self, x: Array, matrix: Array) -> Array:
        # matrix: (k, j) takes axis length j to k
        if self.plain:
            return x @ matrix.T
        tensor = x.reshape(len(x), self.before, matrix.shape[1], self.after)
        # Sizes in full: of an empty batch, numpy could not infer them.
        size = self.before * matrix.shape[0] * self.after
        if self.after == 1:
            return (tensor[..., 0] @ matrix.T).reshape(len(x), size)
        result: Array = np.matmul(matrix, tensor).reshape(len(x), size)
        return result

    def apply(self, x: Array) -> Array:
        if self.sparse is not None:
            return np.ascontiguousarray((self.sparse @ x.T).T)
        return self._along(x, self.weight)

    def transpose(self, a: Array) -> Array:
        if self.sparse is not None:
            return np.ascontiguousarray((self._sparse_transposed @ a.T).T)
        return self._along(a, self.weight.T)

    def select(self, units: Index) -> Array:
        if self.plain:
            return self.weight[units]
        m, n = self.weight.shape
        before, unit, after = np.unravel_index(units, (self.before, m, self.after))
        result = np.zeros((len(units), self.before, n, self.after))
        result[np.arange(len(units)), before, :, after] = self.weight[unit]
        return result.reshape(len(units), self.columns)

    def absolute(self) -> Dense:
        return self._absolute

    def describe(self) -> Digestible:
        return ["dense", self.weight, self.before, self.after]

    def shape_only(self) -> Digestible:
        return ["dense", *self.weight.shape, self.before, self.after]

    def to_sparse(self) -> csr_array[Any]:
        from scipy.sparse import csr_array, eye_array, kron

        if self.plain:
            return csr_array(self.weight)
        return csr_array(kron(kron(eye_array(self.before), self.weight), eye_array(self.after)))

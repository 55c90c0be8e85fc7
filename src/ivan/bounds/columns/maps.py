"""Linear maps on columns: a batch is the last axis, numbers may be float32.

Ascent and attacks take hundreds of sweeps over the same few rows, and need no rigour: what they find is only advice. So
they work in float32, twice as fast, and feature by feature: with the batch innermost, a convolution's windows, an index
map and a choice of units all move whole contiguous lines, and a map is one matrix product however many rows there are.

    apply      (n, R) -> (m, R)      L x
    transpose  (m, R) -> (n, R)      L^T a
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ivan.network.linear import (
    Adjoint,
    Convolution,
    Dense,
    Diagonal,
    LinearMap,
    Product,
    Selection,
    Sparse,
    Sum,
)

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Columns = NDArray[Any]
"""A matrix whose columns are the batch."""

Apply = Callable[[Columns], Columns]


def columns_of(table: NDArray[Any], dtype: type) -> Columns:
    """(R, n) float64 -> (n, R)."""
    return np.ascontiguousarray(table.T, dtype=dtype)


def product(a: Columns, b: Columns) -> Columns:
    """The product a @ b, without a warning that means nothing.

    OpenBLAS's float32 kernels for narrow products (five rows, say) fill their registers up with what happens to lie on
    the stack, and leave out what they compute from it: the numbers are right, but where that was a signalling NaN, the
    processor has noted an invalid operation, and numpy reports it. A product of finite numbers becomes NaN only where
    one overflowed before, which is still reported.
    """
    with np.errstate(invalid="ignore"):
        result: Columns = np.matmul(a, b)
    return result


MOST_UNFOLDED = 1 << 27
"""Bytes that a convolution unfolds at a time: far beyond what a cache-sized batch needs."""


@dataclass(frozen=True)
class ColumnMap:
    """A linear map as two functions on columns."""

    apply: Apply
    transpose: Apply


def column_map(linear: LinearMap, dtype: type) -> ColumnMap:
    """The map on columns of the given type.

    Raises:
        TypeError: a kind of map that is not known here.
    """
    if isinstance(linear, Dense):
        return _dense(linear, dtype)
    if isinstance(linear, Convolution):
        return _convolution(linear, dtype)
    if isinstance(linear, Selection):
        return _selection(linear)
    if isinstance(linear, Diagonal):
        scale: Columns = linear.scale.astype(dtype)[:, None]
        return ColumnMap(lambda x: scale * x, lambda a: scale * a)
    if isinstance(linear, Sparse):
        return _sparse(linear.matrix, dtype)
    if isinstance(linear, Adjoint):
        inner = column_map(linear.inner, dtype)
        return ColumnMap(inner.transpose, inner.apply)
    if isinstance(linear, Product):
        first, then = column_map(linear.inner, dtype), column_map(linear.outer, dtype)
        return ColumnMap(lambda x: then.apply(first.apply(x)), lambda a: first.transpose(then.transpose(a)))
    if isinstance(linear, Sum):
        parts = [column_map(part, dtype) for part in linear.parts]
        return ColumnMap(
            lambda x: sum(part.apply(x) for part in parts),  # type: ignore[arg-type, return-value]
            lambda a: sum(part.transpose(a) for part in parts),  # type: ignore[arg-type, return-value]
        )
    raise TypeError(f"{type(linear).__name__} has no form on columns")


def _sparse(matrix: csr_array[Any], dtype: type) -> ColumnMap:
    forwards = matrix.astype(dtype)
    backwards = forwards.T.tocsr()
    return ColumnMap(lambda x: forwards @ x, lambda a: backwards @ a)


def _dense(linear: Dense, dtype: type) -> ColumnMap:
    if linear.sparse is not None:
        return _sparse(linear.sparse, dtype)
    weight: Columns = linear.weight.astype(dtype, copy=False)

    @cache
    def transposed() -> Columns:
        """Made when it is used first: forward bounds never do."""
        return np.ascontiguousarray(weight.T)

    if linear.plain:
        return ColumnMap(lambda x: product(weight, x), lambda a: product(transposed(), a))

    def along(made: Callable[[], Columns]) -> Apply:
        def through(x: Columns) -> Columns:
            matrix = made()
            rows, columns = matrix.shape
            tensor = x.reshape(linear.before, columns, -1)
            result = product(matrix, tensor)
            return result.reshape(linear.before * rows * linear.after, x.shape[1])

        return through

    return ColumnMap(along(lambda: weight), along(transposed))


def _selection(linear: Selection) -> ColumnMap:
    if linear.identity:
        return ColumnMap(lambda x: x, lambda a: a)
    index, valid = linear.index, linear.index >= 0
    every = bool(valid.all())
    used = index[valid]
    order = np.argsort(used, kind="stable")
    starts = np.flatnonzero(np.diff(used[order], prepend=-1))
    gathered = np.flatnonzero(valid)[order]

    def apply(x: Columns) -> Columns:
        if every:
            return x[index]
        result = np.zeros((linear.rows, x.shape[1]), x.dtype)
        result[valid] = x[used]
        return result

    def transpose(a: Columns) -> Columns:
        result = np.zeros((linear.columns, a.shape[1]), a.dtype)
        if linear.injective:
            result[used] = a[valid]
        else:
            result[used[order[starts]]] = np.add.reduceat(a[gathered], starts, axis=0)
        return result

    return ColumnMap(apply, transpose)


def _convolution(linear: Convolution, dtype: type) -> ColumnMap:
    (channels, height, width), (out, oh, ow) = linear.input_shape, linear.output_shape
    _, per_group, kh, kw = linear.kernel.shape
    (sh, sw), (dh, dw), g = linear.strides, linear.dilations, linear.groups
    top, left, bottom, right = linear.pads
    unfold = per_group * kh * kw
    kernel: Columns = linear.kernel.astype(dtype).reshape(g, out // g, unfold)
    transposed = np.ascontiguousarray(kernel.transpose(0, 2, 1))
    # as many columns at a time as keep what is unfolded within bounds
    most = max(1, MOST_UNFOLDED // (np.dtype(dtype).itemsize * g * unfold * oh * ow))
    windows = [
        (i, j, slice(i * dh, i * dh + sh * (oh - 1) + 1, sh), slice(j * dw, j * dw + sw * (ow - 1) + 1, sw))
        for i in range(kh)
        for j in range(kw)
    ]

    def in_parts(through: Apply, x: Columns) -> Columns:
        parts = [through(np.ascontiguousarray(x[:, at : at + most])) for at in range(0, x.shape[1], most)]
        return np.concatenate(parts, axis=1)

    def apply(x: Columns) -> Columns:
        batch = x.shape[1]
        if batch > most:
            return in_parts(apply, x)
        padded = x.reshape(channels, height, width, batch)
        if any(linear.pads):
            padded = np.zeros((channels, height + top + bottom, width + left + right, batch), x.dtype)
            padded[:, top : top + height, left : left + width] = x.reshape(channels, height, width, batch)
        columns = np.empty((channels, kh, kw, oh, ow, batch), x.dtype)
        for i, j, down, across in windows:
            columns[:, i, j] = padded[:, down, across]
        result = product(kernel, columns.reshape(g, unfold, oh * ow * batch))
        return result.reshape(linear.rows, batch)

    def transpose(a: Columns) -> Columns:
        batch = a.shape[1]
        if batch > most:
            return in_parts(transpose, a)
        columns = product(transposed, a.reshape(g, out // g, oh * ow * batch))
        columns = columns.reshape(channels, kh, kw, oh, ow, batch)
        padded = np.zeros((channels, height + top + bottom, width + left + right, batch), a.dtype)
        for i, j, down, across in windows:
            padded[:, down, across] += columns[:, i, j]
        if any(linear.pads):
            padded = np.ascontiguousarray(padded[:, top : top + height, left : left + width])
        return padded.reshape(linear.columns, batch)

    return ColumnMap(apply, transpose)

"""Operators that read or write entries at constant positions.

What is written is a selection too: of the old entries and the new ones, laid one behind the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ivan.network.linear import Dense, Sparse
from ivan.network.onnx_ops.elementwise import plus
from ivan.network.onnx_ops.node import Node
from ivan.network.onnx_ops.values import (
    Expression,
    Shape,
    Tensor,
    Value,
    check_size,
    concatenate,
    lift,
    normal_axis,
    rearrange,
)

_REDUCTIONS: dict[str, Callable[[Tensor, Tensor, Tensor], Any]] = {
    "add": np.add.at,
    "mul": np.multiply.at,
    "min": np.minimum.at,
    "max": np.maximum.at,
}


def _grid(shape: Sequence[int], replaced: dict[int, Tensor]) -> tuple[Tensor, ...]:
    """Coordinates of every place of a tensor of this shape, but for some axes the given ones."""
    own = np.indices(shape, sparse=True)
    return tuple(replaced.get(k, own[k]) for k in range(len(shape)))


def _integers(node: Node, value: Value, what: str = "index") -> Tensor:
    index = node.constant(value, what)
    if index.dtype.kind not in "iu":
        raise ValueError(f"{what} must be integers, not {index.dtype}")
    return index.astype(np.int64)


def _elements(index: Tensor, shape: Shape, axis: int) -> tuple[Tensor, ...]:
    """Coordinates of the entries that GatherElements reads and ScatterElements writes."""
    if index.ndim != len(shape) or any(
        i > d for k, (i, d) in enumerate(zip(index.shape, shape, strict=True)) if k != axis
    ):
        raise ValueError(f"indices of shape {list(index.shape)} into a tensor of shape {list(shape)}")
    return _grid(index.shape, {axis: index})


def gather_elements(node: Node, x: Value, indices: Value, *, axis: int = 0) -> Value:
    """GatherElements, by constant indices."""
    places = _elements(_integers(node, indices), x.shape, normal_axis(axis, x.ndim))
    return rearrange(x, lambda t: t[places])


def gather_nd(node: Node, x: Value, indices: Value, *, batch_dims: int = 0) -> Value:
    """GatherND, by constant indices."""
    index = _integers(node, indices)
    if not 0 <= batch_dims < min(index.ndim, x.ndim) or index.shape[:batch_dims] != x.shape[:batch_dims]:
        raise ValueError(f"{batch_dims} batch dimensions of shapes {list(x.shape)} and {list(index.shape)}")
    own = np.indices(index.shape[:-1], sparse=True)[:batch_dims]
    places = (*own, *np.moveaxis(index, -1, 0))
    if len(places) > x.ndim:
        raise ValueError(f"indices of {len(places)} coordinates into {x.ndim} dimensions")
    check_size((*index.shape[:-1], *x.shape[len(places) :]))
    return rearrange(x, lambda t: t[places])


def scatter_elements(
    node: Node, x: Value, indices: Value, updates: Value, *, axis: int = 0, reduction: str = "none"
) -> Value:
    """ScatterElements, and Scatter, at constant indices."""
    index = _integers(node, indices)
    if index.shape != updates.shape:
        raise ValueError(f"{list(updates.shape)} updates at {list(index.shape)} indices")
    places = _elements(index, x.shape, normal_axis(axis, x.ndim))
    return _scattered(node, x, places, updates, reduction)


def scatter_nd(node: Node, x: Value, indices: Value, updates: Value, *, reduction: str = "none") -> Value:
    """ScatterND, at constant indices."""
    index = _integers(node, indices)
    if not index.ndim or index.shape[-1] > x.ndim:
        raise ValueError(f"indices of shape {list(index.shape)} into {x.ndim} dimensions")
    return _scattered(node, x, tuple(np.moveaxis(index, -1, 0)), updates, reduction)


def _scattered(node: Node, x: Value, places: tuple[Tensor, ...], updates: Value, reduction: str) -> Value:
    """The tensor with updates written to places, or combined with what is there."""
    if reduction != "none" and reduction not in _REDUCTIONS:
        raise ValueError(f"an unknown reduction {reduction!r}")
    size = math.prod(x.shape)
    target = np.arange(size).reshape(x.shape)[places]
    if target.shape != updates.shape:
        raise ValueError(f"updates of shape {list(updates.shape)} for places of shape {list(target.shape)}")
    if reduction == "none":
        if len(np.unique(target)) < target.size:
            raise node.unsupported("that writes an entry twice")
        place = np.arange(size)
        place[target.ravel()] = size + np.arange(target.size)
        both = concatenate([rearrange(value, np.ravel) for value in (x, updates)], 0)
        return rearrange(both, lambda t: t[place.reshape(x.shape)])
    if not isinstance(x, Expression) and not isinstance(updates, Expression):
        result = x.copy()
        with np.errstate(all="ignore"):
            _REDUCTIONS[reduction](result.reshape(-1), target.ravel(), updates.ravel())
        return result
    if reduction != "add":
        raise node.unsupported(f"with reduction {reduction!r} of a variable tensor")
    return plus(x, _spread(updates, target, x.shape))


def _spread(updates: Value, target: Tensor, shape: Shape) -> Value:
    """Zeros of a shape, to which every update is added at its target."""
    from scipy.sparse import csr_array

    size = math.prod(shape)
    entries = np.ones(target.size), (target.ravel(), np.arange(target.size))
    return lift(updates).then(Sparse(csr_array(entries, shape=(size, target.size))), shape)


def compress(node: Node, x: Value, condition: Value, *, axis: int | None = None) -> Value:
    """Compress, by a constant condition; of the flattened tensor when no axis is given."""
    kept = np.flatnonzero(node.constant(condition, "condition"))
    if axis is None:
        return rearrange(x, lambda t: t.ravel()[kept])
    along = normal_axis(axis, x.ndim)
    return rearrange(x, lambda t: np.take(t, kept, along))


def trilu(node: Node, x: Value, diagonal: Value | None = None, *, upper: int = 1) -> Value:
    """Trilu: the entries on and above a diagonal, or on and below it; zeros elsewhere."""
    k = 0 if diagonal is None else int(_integers(node, diagonal, "diagonal").ravel()[0])
    rows, columns = np.indices(x.shape[-2:], sparse=True)
    kept = columns - rows >= k if upper else columns - rows <= k
    empty = -1 if isinstance(x, Expression) else 0
    return rearrange(x, lambda t: np.where(kept, t, np.asarray(empty, t.dtype)), padded=True)


def reverse_sequence(node: Node, x: Value, lengths: Value, *, batch_axis: int = 1, time_axis: int = 0) -> Value:
    """ReverseSequence: along the time axis, the first entries of each batch in reverse order."""
    counts = _integers(node, lengths, "length")
    if counts.shape != (x.shape[batch_axis],) or {batch_axis, time_axis} != {0, 1}:
        raise ValueError(f"{list(counts.shape)} lengths for a tensor of shape {list(x.shape)}")
    if np.any((counts < 0) | (counts > x.shape[time_axis])):
        raise ValueError("a length beyond the time axis")
    time = np.arange(x.shape[time_axis])
    order = np.where(time < counts[:, None], counts[:, None] - 1 - time, time)  # (batch, time)
    index = (order if batch_axis == 0 else order.T)[(..., *[None] * (x.ndim - 2))]
    places = _grid(x.shape, {time_axis: index})
    return rearrange(x, lambda t: t[places])


def cum_sum(node: Node, x: Value, axis: Value, *, exclusive: int = 0, reverse: int = 0) -> Value:
    """CumSum, along a constant axis: a triangular matrix of ones."""
    along = normal_axis(int(_integers(node, axis, "axis").ravel()[0]), x.ndim)
    if not isinstance(x, Expression):
        flipped = np.flip(x, along) if reverse else x
        total = np.cumsum(flipped, along, dtype=x.dtype)
        if exclusive:
            total = total - flipped if x.dtype.kind != "f" else _shifted(total, along)
        return np.flip(total, along) if reverse else total
    n = x.shape[along]
    check_size((n, n))
    ones = np.tril(np.ones((n, n)), -1 if exclusive else 0)
    before, after = math.prod(x.shape[:along]), math.prod(x.shape[along + 1 :])
    return x.then(Dense(ones.T if reverse else ones, before, after), x.shape)


def _shifted(total: Tensor, axis: int) -> Tensor:
    """Sums that leave out the last summand: those of the entry before."""
    result = np.roll(total, 1, axis)
    result[(slice(None),) * axis + (0,)] = 0
    return result


def center_crop_pad(node: Node, x: Value, shape: Value, *, axes: Sequence[int] | None = None) -> Value:
    """CenterCropPad: the middle of the tensor, or the tensor in the middle of zeros."""
    wanted = node.integers(shape, "shape")
    chosen = [normal_axis(axis, x.ndim) for axis in (axes if axes is not None else range(x.ndim))]
    result = x
    check_size(wanted)
    for axis, size in zip(chosen, wanted, strict=True):
        length = result.shape[axis]
        start = (length - size) // 2 if length > size else -((size - length) // 2)
        cells = np.arange(start, start + size)
        line = np.where((cells >= 0) & (cells < length), cells, -1)
        result = _taken(result, line, axis)
    return result


def _taken(x: Value, cells: Tensor, axis: int) -> Value:
    """The entries at these cells of an axis, zeros where a cell is -1."""
    check_size((*x.shape[:axis], len(cells), *x.shape[axis + 1 :]))
    inside = (cells >= 0).reshape(-1, *[1] * (x.ndim - axis - 1))
    empty = -1 if isinstance(x, Expression) else 0
    if not x.shape[axis]:
        raise ValueError("an empty axis")
    return rearrange(x, lambda t: np.where(inside, np.take(t, cells, axis), np.asarray(empty, t.dtype)), padded=True)

"""Operators that are only read on constants - bits, positions - or are constant: is it a number?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ivan.network.limits import Limit
from ivan.network.onnx_ops.node import Node, Operator, fold
from ivan.network.onnx_ops.values import Expression, Tensor, Value, check_size, normal_axis


def _folded(function: Callable[..., Any], kinds: str, count: int = 2) -> Operator:
    """The operator that applies a function of one or two constants of these kinds of numpy types."""

    def computed(node: Node, *values: Value) -> Value:
        arrays = [node.constant(value, "operand") for value in values]
        for array in arrays:
            if array.dtype.kind not in kinds:
                raise ValueError(f"an operand of type {array.dtype}")
        return fold(function, *arrays)

    def unary(node: Node, x: Value) -> Value:
        return computed(node, x)

    def binary(node: Node, a: Value, b: Value) -> Value:
        return computed(node, a, b)

    return unary if count == 1 else binary


bitwise_and = _folded(np.bitwise_and, "iu")
bitwise_or = _folded(np.bitwise_or, "iu")
bitwise_xor = _folded(np.bitwise_xor, "iu")
bitwise_not = _folded(np.invert, "iu", 1)
_is_nan = _folded(np.isnan, "f", 1)


def is_nan(node: Node, x: Value) -> Value:
    """IsNaN: of what depends on the input never, which takes for granted that it is a number."""
    if not isinstance(x, Expression):
        return np.asarray(_is_nan(node, x))
    _limit_to_numbers(node, x)
    return np.zeros(x.shape, bool)


def _limit_to_numbers(node: Node, x: Expression) -> None:
    largest = float(np.finfo(x.dtype).max)
    node.limits.append(Limit(x.affine, -largest, largest, node.place, "may read what is no number"))


def is_inf(node: Node, x: Value, *, detect_negative: int = 1, detect_positive: int = 1) -> Value:
    """IsInf: of what depends on the input only behind a mask; takes for granted that all else is a number."""
    if isinstance(x, Expression):
        _limit_to_numbers(node, x)
        masked = np.zeros(x.size, bool) if x.missing is None or not detect_negative else x.missing
        return masked.reshape(x.shape)
    array = node.constant(x, "operand")
    found = fold(np.isinf, array)
    wanted = (array > 0) & bool(detect_positive) | (array < 0) & bool(detect_negative)
    return np.asarray(found & wanted)


def mod(node: Node, a: Value, b: Value, *, fmod: int = 0) -> Value:
    """Mod, of constants; with the sign of the divisor unless it is C's fmod."""
    first, second = node.constant(a, "operand"), node.constant(b, "operand")
    if np.any(second == 0):
        raise ValueError("division by zero")
    return fold(np.fmod if fmod else np.mod, first, second).astype(first.dtype)


def bit_shift(node: Node, x: Value, amount: Value, *, direction: str) -> Value:
    """BitShift, of constants; shifts by as many bits as there are, or more, leave nothing."""
    array, by = node.constant(x, "operand"), node.constant(amount, "amount")
    if array.dtype.kind != "u" and node.opset < 28:
        raise ValueError(f"an operand of type {array.dtype}")
    if direction not in ("LEFT", "RIGHT"):
        raise ValueError(f"an unknown direction {direction!r}")
    bits = array.dtype.itemsize * 8
    beyond = (by < 0) | (by >= bits)
    near = np.where(beyond, 0, by).astype(array.dtype)
    shifted = fold(np.left_shift if direction == "LEFT" else np.right_shift, array, near)
    rest = np.where((array < 0) & (direction == "RIGHT"), -1, 0).astype(array.dtype)
    return np.asarray(np.where(beyond, rest, shifted))


def non_zero(node: Node, x: Value) -> Value:
    """NonZero, of a constant: (rank, entries) coordinates in row-major order."""
    array = node.constant(x, "operand")
    return np.asarray(np.nonzero(np.atleast_1d(array)), np.int64)


def one_hot(node: Node, indices: Value, depth: Value, values: Value, *, axis: int = -1) -> Value:
    """OneHot, of constants; an index that is out of range is hot nowhere."""
    index = node.constant(indices, "index")
    size = int(node.constant(depth, "depth").ravel()[0])
    off, on = node.constant(values, "values").ravel()
    along = normal_axis(axis, index.ndim + 1)
    check_size((*index.shape, size))
    wrapped = np.where(index < 0, index + size, index)
    line = np.arange(size).reshape(-1, *[1] * (index.ndim - along))
    return np.asarray(np.where(np.expand_dims(wrapped, along) == line, on, off))


def eye_like(node: Node, x: Value, *, dtype: int | None = None, k: int = 0) -> Value:
    """EyeLike, of any tensor, of which only the shape is read."""
    from onnx.helper import tensor_dtype_to_np_dtype

    kind = x.dtype if dtype is None else np.dtype(tensor_dtype_to_np_dtype(dtype))
    rows, columns = check_size(x.shape)
    return np.asarray(np.eye(rows, columns, k), kind)


def arg_max(node: Node, x: Value, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0) -> Value:
    """ArgMax, of a constant."""
    return _extreme(np.argmax, node.constant(x, "operand"), axis, keepdims, select_last_index)


def arg_min(node: Node, x: Value, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0) -> Value:
    """ArgMin, of a constant."""
    return _extreme(np.argmin, node.constant(x, "operand"), axis, keepdims, select_last_index)


def _extreme(function: Callable[..., Any], x: Tensor, axis: int, keepdims: int, last: int) -> Tensor:
    along = normal_axis(axis, x.ndim)
    found = function(np.flip(x, along) if last else x, along, keepdims=bool(keepdims))
    return np.asarray(x.shape[along] - 1 - found if last else found, np.int64)


def top_k(
    node: Node,
    x: Value,
    count: Value | None = None,
    *,
    axis: int = -1,
    k: int | None = None,
    largest: int = 1,
    sorted: int = 1,  # noqa: A002 - the attribute's name
) -> tuple[Value, Value]:
    """TopK, of a constant; of equal entries the first one comes first. Their order without sorting is not defined."""
    array = node.constant(x, "operand")
    if not sorted:
        raise node.unsupported("without sorting")
    wanted = k if count is None else int(node.constant(count, "count").ravel()[0])
    along = normal_axis(axis, array.ndim)
    if wanted is None or not 0 <= wanted <= array.shape[along]:
        raise ValueError(f"the first {wanted} of {array.shape[along]}")
    if largest:  # stable from behind, so that equal entries keep their order
        order = array.shape[along] - 1 - np.flip(np.argsort(np.flip(array, along), along, kind="stable"), along)
    else:
        order = np.argsort(array, along, kind="stable")
    index = np.take(order, np.arange(wanted), along).astype(np.int64)
    return np.take_along_axis(array, index, along), index

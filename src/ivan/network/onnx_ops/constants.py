"""Constants, types, and the arithmetic that exporters only do on constants: mostly shapes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ivan.network.onnx_ops.node import Node, fold
from ivan.network.onnx_ops.values import Expression, Tensor, Value, check_size


def constant(
    node: Node,
    *,
    value: Tensor | None = None,
    value_float: float | None = None,
    value_floats: Sequence[float] | None = None,
    value_int: int | None = None,
    value_ints: Sequence[int] | None = None,
    sparse_value: Tensor | None = None,
) -> Value:
    """Constant."""
    for tensor in (value, sparse_value):
        if tensor is not None:
            return tensor
    for number in (value_float, value_floats):
        if number is not None:
            return np.asarray(number, np.float32)
    for number in (value_int, value_ints):
        if number is not None:
            return np.asarray(number, np.int64)
    raise ValueError("no value")


def constant_of_shape(node: Node, shape: Value, *, value: Tensor | None = None) -> Value:
    """ConstantOfShape."""
    fill = np.zeros(1, np.float32) if value is None else value
    return np.full(check_size(node.integers(shape, "shape")), fill.ravel()[0], fill.dtype)


def shape(node: Node, x: Value, *, start: int = 0, end: int | None = None) -> Value:
    """Shape."""
    return np.asarray(x.shape[slice(start, end)], np.int64)


def size(node: Node, x: Value) -> Value:
    """Size."""
    return np.asarray(math.prod(x.shape), np.int64)


def range_(node: Node, start: Value, limit: Value, delta: Value, *, stash_type: int = 1) -> Value:
    """Range."""
    first, last, step = (node.constant(v, "limits").ravel()[0] for v in (start, limit, delta))
    if step == 0:
        raise ValueError("a range in steps of zero")
    count = max(math.ceil((last - first) / step), 0)
    return np.asarray(first + np.arange(*check_size([count])).astype(first.dtype) * step)


def cast(node: Node, x: Value, *, to: int, saturate: int = 1, round_mode: str = "up") -> Value:
    """Cast; of a tensor that depends on the input only between float32 and float64."""
    from onnx.helper import tensor_dtype_to_np_dtype

    return _cast(node, x, np.dtype(tensor_dtype_to_np_dtype(to)))


def cast_like(node: Node, x: Value, like: Value, *, saturate: int = 1, round_mode: str = "up") -> Value:
    """CastLike: a Cast to the type of the second operand."""
    return _cast(node, x, like.dtype)


def _cast(node: Node, x: Value, dtype: np.dtype[Any]) -> Value:
    if not isinstance(x, Expression):
        if dtype.kind not in "fiub":  # float8, int4 and their like round and saturate by rules of their own
            raise node.unsupported(f"to {dtype}")
        return fold(lambda t: t.astype(dtype), x)
    if dtype not in (np.float32, np.float64):
        raise node.unsupported(f"of a variable tensor to {dtype}")
    return Expression(x.affine, x.shape, dtype)


def identity(node: Node, x: Value) -> Value:
    """Identity."""
    return x


def dropout(
    node: Node, x: Value, ratio_input: Value | None = None, training: Value | None = None, *, ratio: float = 0.5,
    seed: int = 0,
) -> Value:  # fmt: skip
    """Dropout, which does nothing outside training."""
    if training is not None and node.constant(training, "training mode").any():
        raise node.unsupported("in training mode")
    return x


def sqrt(node: Node, x: Value) -> Value:
    """Sqrt of a constant."""
    return fold(np.sqrt, node.constant(x, "operand"))


def reciprocal(node: Node, x: Value) -> Value:
    """Reciprocal of a constant."""
    return fold(np.reciprocal, node.constant(x, "operand"))


def pow_(node: Node, x: Value, exponent: Value) -> Value:
    """Pow of constants."""
    base = node.constant(x, "base")
    return fold(np.power, base, node.constant(exponent, "exponent")).astype(base.dtype)


def floor(node: Node, x: Value) -> Value:
    """Floor of a constant."""
    return fold(np.floor, node.constant(x, "operand"))


def ceil(node: Node, x: Value) -> Value:
    """Ceil of a constant."""
    return fold(np.ceil, node.constant(x, "operand"))


def equal(node: Node, a: Value, b: Value) -> Value:
    """Equal, of constants."""
    return fold(np.equal, node.constant(a, "operand"), node.constant(b, "operand"))


def greater(node: Node, a: Value, b: Value) -> Value:
    """Greater, of constants."""
    return fold(np.greater, node.constant(a, "operand"), node.constant(b, "operand"))


def less(node: Node, a: Value, b: Value) -> Value:
    """Less, of constants."""
    return fold(np.less, node.constant(a, "operand"), node.constant(b, "operand"))


def not_(node: Node, x: Value) -> Value:
    """Not, of a constant."""
    return fold(np.logical_not, node.constant(x, "operand"))

"""Constants, types, and the arithmetic that exporters only do on constants: mostly shapes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ivan.network.onnx_ops.node import Node
from ivan.network.onnx_ops.values import Tensor, Value, check_size


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

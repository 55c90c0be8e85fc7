"""Quantised constants, as weights are stored: read as the numbers that they stand for."""

from __future__ import annotations

from typing import Any

import numpy as np

from ivan.network.onnx_ops.node import Node, fold
from ivan.network.onnx_ops.values import Tensor, Value, normal_axis

_INTEGERS = ("int8", "uint8", "int16", "uint16")


def _per_entry(parameter: Tensor, shape: tuple[int, ...], axis: int, block: int) -> Tensor:
    """A scale or zero point for every entry: of the whole tensor, of an index of an axis, or of a block along it."""
    if parameter.size == 1 and not block:
        return parameter.reshape(())
    along = normal_axis(axis, len(shape))
    if block:
        blocks = [-(-d // block) if k == along else d for k, d in enumerate(shape)]
        if list(parameter.shape) != blocks:
            raise ValueError(f"parameters of shape {list(parameter.shape)} for blocks {blocks}")
        return np.take(np.repeat(parameter, block, along), np.arange(shape[along]), along)
    if parameter.shape != (shape[along],):
        raise ValueError(f"parameters of shape {list(parameter.shape)} for axis {along} of {list(shape)}")
    return parameter.reshape(-1, *[1] * (len(shape) - along - 1))


def dequantize_linear(
    node: Node,
    x: Value,
    scale: Value,
    zero: Value | None = None,
    *,
    axis: int = 1,
    block_size: int = 0,
    output_dtype: int = 0,
) -> Value:
    """DequantizeLinear, of a constant: (x - zero) scale, in the scale's type or the one that is asked for."""
    array, factor = node.constant(x, "operand"), node.constant(scale, "scale")
    kind = _type(output_dtype) if output_dtype else factor.dtype
    if kind.kind != "f":
        raise node.unsupported(f"to {kind}")
    spread = _per_entry(factor, array.shape, axis, block_size)
    # Integers subtract exactly; the small floats, which were read as float32, do so within it.
    shifted: Any = array.astype(np.int64) if array.dtype.kind in "iu" else array
    if zero is not None:
        offset = node.constant(zero, "zero point")
        shifted = shifted - _per_entry(offset, array.shape, axis, block_size).astype(shifted.dtype)
    return fold(np.multiply, shifted.astype(factor.dtype), spread).astype(kind)


def quantize_linear(
    node: Node,
    x: Value,
    scale: Value,
    zero: Value | None = None,
    *,
    axis: int = 1,
    block_size: int = 0,
    output_dtype: int = 0,
    precision: int = 0,
    saturate: int = 1,
) -> Value:
    """QuantizeLinear, of a constant, to integers of 8 or 16 bits: x / scale rounded to even, + zero, saturated."""
    array, factor = node.constant(x, "operand"), node.constant(scale, "scale")
    offset = None if zero is None else node.constant(zero, "zero point")
    default = np.dtype(np.uint8) if offset is None else offset.dtype
    kind = _type(output_dtype) if output_dtype else default
    if kind.name not in _INTEGERS:
        raise node.unsupported(f"to {kind}")
    if precision:
        raise node.unsupported("with a precision")
    quotient = fold(np.divide, array.astype(factor.dtype), _per_entry(factor, array.shape, axis, block_size))
    if not np.all(np.isfinite(quotient)):
        raise ValueError("an entry divided by its scale is infinite or not a number")
    whole = np.rint(quotient).astype(np.float64)
    if offset is not None:
        whole = whole + _per_entry(offset, array.shape, axis, block_size)
    limits = np.iinfo(kind)
    return np.clip(whole, limits.min, limits.max).astype(kind)


def _type(number: int) -> np.dtype[Any]:
    from onnx.helper import tensor_dtype_to_np_dtype

    return np.dtype(tensor_dtype_to_np_dtype(number))

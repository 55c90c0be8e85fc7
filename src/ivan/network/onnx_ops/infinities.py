"""Infinite constants, and entries that a mask has made -infinity: which operators make something of them."""

from __future__ import annotations

from typing import TypeGuard

import numpy as np

from ivan.network.onnx_ops.values import Expression, Value

_MASKED = frozenset(
    {"Add", "Cast", "CastLike", "Clip", "Concat", "Div", "Dropout", "Exp", "Expand", "Flatten", "Gather",
     "GlobalMaxPool", "Identity", "IsInf", "IsNaN", "LogSoftmax", "Max", "MaxPool", "Mean", "Min", "Mul", "Pad",
     "ReduceLogSumExp", "ReduceMax", "Relu", "Reshape", "Sigmoid", "Slice", "Softmax", "Split", "Squeeze", "Sub",
     "Sum", "Tile", "Transpose", "Unsqueeze", "Where"}
)  # fmt: skip
"""Operators that know what to do with entries that a mask has made -infinity."""


def is_infinite(value: Value) -> bool:
    """Is it a constant that holds NaN or infinity somewhere?"""
    return not isinstance(value, Expression) and value.dtype.kind == "f" and not bool(np.all(np.isfinite(value)))


def is_masked(value: Value | None) -> TypeGuard[Expression]:
    """Does it depend on the input, and has a mask made some of its entries -infinity?"""
    return isinstance(value, Expression) and value.missing is not None


def takes_masked(operator: str, value: Value | None) -> bool:
    """Does the operator know what to do with such entries of a value, or with +infinity in place of them?"""
    above = isinstance(value, Expression) and value.above
    return operator == "ReduceMin" if above else operator in _MASKED


def takes_infinite(operator: str, constant: Value | None) -> bool:
    """Can an infinite constant mean something: a limit of a Clip, a mask, or a frame of what depends on the input?"""
    if operator == "Clip":
        return True
    if operator == "Pad" and isinstance(constant, np.ndarray) and np.all(np.isposinf(constant)):
        return True
    masks = isinstance(constant, np.ndarray) and np.all(np.isfinite(constant) | np.isneginf(constant))
    return bool(masks) and operator in ("Add", "Concat", "Max", "Pad", "Sub", "Sum", "Where")

"""Steps: rounding, comparisons of what depends on the input, and truth values, which are 0 and 1."""

from __future__ import annotations

from typing import Any

import numpy as np

from ivan.network.activations import (
    Activation,
    Ceil,
    Floor,
    NotNegative,
    Positive,
    Product,
    Round,
    Sign,
    Zero,
)
from ivan.network.onnx_ops import constants, elementwise, folding
from ivan.network.onnx_ops.node import Node, fold
from ivan.network.onnx_ops.values import Expression, Value, broadcast, common_shape, lift

_BOOL = np.dtype(bool)
_ONE = np.ones(())


def floor(node: Node, x: Value) -> Value:
    """Floor."""
    return node.activate(x, Floor()) if isinstance(x, Expression) else constants.floor(node, x)


def ceil(node: Node, x: Value) -> Value:
    """Ceil."""
    return node.activate(x, Ceil()) if isinstance(x, Expression) else constants.ceil(node, x)


def round_(node: Node, x: Value) -> Value:
    """Round, halves to the even number."""
    return node.activate(x, Round()) if isinstance(x, Expression) else fold(np.rint, x)


def sign(node: Node, x: Value) -> Value:
    """Sign."""
    return node.activate(x, Sign()) if isinstance(x, Expression) else fold(np.sign, x)


def greater(node: Node, a: Value, b: Value) -> Value:
    """Greater."""
    return _compared(node, a, b, Positive()) if _variable(a, b) else constants.greater(node, a, b)


def less(node: Node, a: Value, b: Value) -> Value:
    """Less."""
    return _compared(node, b, a, Positive()) if _variable(a, b) else constants.less(node, a, b)


def greater_or_equal(node: Node, a: Value, b: Value) -> Value:
    """GreaterOrEqual."""
    return _compared(node, a, b, NotNegative()) if _variable(a, b) else folding.greater_or_equal(node, a, b)


def less_or_equal(node: Node, a: Value, b: Value) -> Value:
    """LessOrEqual."""
    return _compared(node, b, a, NotNegative()) if _variable(a, b) else folding.less_or_equal(node, a, b)


def equal(node: Node, a: Value, b: Value) -> Value:
    """Equal."""
    return _compared(node, a, b, Zero()) if _variable(a, b) else constants.equal(node, a, b)


def not_(node: Node, x: Value) -> Value:
    """Not: 1 - x."""
    if not isinstance(x, Expression):
        return constants.not_(node, x)
    return _truth(x.scaled(-1.0).plus(_ONE))


def and_(node: Node, a: Value, b: Value) -> Value:
    """And: relu(a + b - 1)."""
    if not _variable(a, b):
        return _constant(folding.and_(node, a, b))
    return _truth(node.relu(_sum(a, b).minus(_ONE)))


def or_(node: Node, a: Value, b: Value) -> Value:
    """Or: 1 - relu(1 - a - b)."""
    if not _variable(a, b):
        return _constant(folding.or_(node, a, b))
    return _truth(node.relu(_sum(a, b).scaled(-1.0).plus(_ONE)).scaled(-1.0).plus(_ONE))


def xor(node: Node, a: Value, b: Value) -> Value:
    """Xor: a + b - 2 relu(a + b - 1)."""
    if not _variable(a, b):
        return _constant(folding.xor(node, a, b))
    total = node.named(_sum(a, b))
    return _truth(total.minus(node.relu(total.minus(_ONE)).scaled(2.0)))


def cast(node: Node, x: Value, *, to: int, saturate: int = 1, round_mode: str = "up") -> Value:
    """Cast: between floats as if they were exact, to integers towards 0, to truth values."""
    from onnx.helper import tensor_dtype_to_np_dtype

    return _cast(node, x, np.dtype(tensor_dtype_to_np_dtype(to)))


def cast_like(node: Node, x: Value, like: Value, *, saturate: int = 1, round_mode: str = "up") -> Value:
    """CastLike: a Cast to the type of the second operand."""
    return _cast(node, x, like.dtype)


def _cast(node: Node, x: Value, dtype: np.dtype[Any]) -> Value:
    if not isinstance(x, Expression):
        return constants.cast_constant(node, x, dtype)
    if dtype == _BOOL:
        return truth(node, x)
    if dtype in (np.int32, np.int64) and x.dtype.kind in "fb":
        return truncated(node, x, dtype)
    if dtype not in (np.float32, np.float64):
        raise node.unsupported(f"of a variable tensor to {dtype}")
    return Expression(x.affine, x.shape, dtype)


def where(node: Node, condition: Value, a: Value, b: Value) -> Value:
    """Where; by a condition c that depends on the input, b + c (a - b)."""
    if not isinstance(condition, Expression):
        return elementwise.where(node, condition, a, b)
    shape = common_shape(condition, a, b)
    chosen = broadcast(condition, shape)
    dtype = a.dtype
    if not _variable(a, b):
        # a - b would round: c a + (1 - c) b does not
        left, right = (np.asarray(value, np.float64) for value in (a, b))
        found = chosen.scaled(left).plus(chosen.scaled(-1.0).plus(_ONE).scaled(right))
        return Expression(found.affine, shape, dtype)
    other = broadcast(node.named(lift(b)), shape)
    apart_ = lift(broadcast(a, shape)).minus(other)
    found = node.combine(node.named(chosen), node.named(apart_), Product()).plus(other)
    return Expression(found.affine, shape, dtype)


def truth(node: Node, x: Expression) -> Expression:
    """A number as a truth value: whether it is not 0."""
    return x if x.dtype == _BOOL else _truth(node.activate(x, Zero()).scaled(-1.0).plus(_ONE))


def truncated(node: Node, x: Expression, dtype: np.dtype[Any]) -> Expression:
    """A floating-point number as an integer, towards 0: floor(relu(x)) - floor(relu(-x))."""
    if x.dtype.kind != "f":
        return Expression(x.affine, x.shape, dtype)
    named = node.named(x)
    up, down = (node.activate(node.relu(side), Floor()) for side in (named, named.scaled(-1.0)))
    found = up.minus(down)
    return Expression(found.affine, found.shape, dtype)


def _variable(*values: Value) -> bool:
    return any(isinstance(value, Expression) for value in values)


def _compared(node: Node, a: Value, b: Value, activation: Activation) -> Expression:
    """What a step makes of a - b, as a truth value."""
    shape = common_shape(a, b)
    apart = lift(broadcast(a, shape)).minus(broadcast(b, shape))
    return _truth(node.activate(apart, activation))


def _sum(a: Value, b: Value) -> Expression:
    """A + b of truth values, as numbers."""

    def number(x: Value) -> Value:
        return x if isinstance(x, Expression) else x.astype(np.float64)

    total = elementwise.plus(number(a), number(b))
    assert isinstance(total, Expression)
    return total


def _constant(value: Value) -> Value:
    return value


def _truth(x: Expression) -> Expression:
    return Expression(x.affine, x.shape, _BOOL)

"""Comparisons, logic on their results, rounding, and choices that depend on the input.

A truth value is 0 or 1. On these numbers And, Or and Xor are exact in ReLU: relu(a + b - 1), 1 - relu(1 - a - b),
|a - b|; and so is a choice between constants.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ivan.network.activations import Activation, Ceil, Floor, NotNegative, Positive, Round, Sign, Truncate, Zero
from ivan.network.element_types import FLOATS, INTEGERS, integer_range, whole_range
from ivan.network.limits import Limit
from ivan.network.linear import Diagonal
from ivan.network.onnx_ops.curves import activated
from ivan.network.onnx_ops.masks import kept
from ivan.network.onnx_ops.node import Node, Operator, fold
from ivan.network.onnx_ops.products import times
from ivan.network.onnx_ops.values import Expression, Tensor, Value, broadcast, common_shape, lift

_BOOL = np.dtype(bool)


def _truth(x: Expression) -> Expression:
    return Expression(x.affine, x.shape, _BOOL)


def _comparison(function: Callable[..., Any], activation: Activation, swapped: bool) -> Operator:
    """A comparison: an activation of the first operand less the second, or the other way round."""

    def operator(node: Node, a: Value, b: Value) -> Value:
        if not isinstance(a, Expression) and not isinstance(b, Expression):
            return fold(function, a, b)
        shape = common_shape(a, b)
        first, second = (b, a) if swapped else (a, b)
        return _truth(node.activate(lift(broadcast(first, shape)).minus(second), activation))

    return operator


greater = _comparison(np.greater, Positive(), swapped=False)
greater_or_equal = _comparison(np.greater_equal, NotNegative(), swapped=False)
less = _comparison(np.less, Positive(), swapped=True)
less_or_equal = _comparison(np.less_equal, NotNegative(), swapped=True)
equal = _comparison(np.equal, Zero(), swapped=False)


def _logic(function: Callable[..., Any], lowered: Callable[[Node, Expression, Value], Expression]) -> Operator:
    def operator(node: Node, a: Value, b: Value) -> Value:
        for value in (a, b):
            if value.dtype.kind != "b":
                raise ValueError(f"an operand of type {value.dtype}")
        if not isinstance(a, Expression) and not isinstance(b, Expression):
            return fold(function, a, b)
        shape = common_shape(a, b)
        first, second = (a, b) if isinstance(a, Expression) else (lift(b), a)
        numbers = second if isinstance(second, Expression) else second.astype(np.float64)
        return _truth(lowered(node, broadcast(first, shape), numbers))

    return operator


def _and(node: Node, a: Expression, b: Value) -> Expression:
    return node.relu(a.plus(b).minus(np.ones(())))


def _or(node: Node, a: Expression, b: Value) -> Expression:
    return negation(node.relu(negation(a).minus(b)))


def _xor(node: Node, a: Expression, b: Value) -> Expression:
    difference = node.named(a.minus(b))
    return node.relu(difference).scaled(2.0).minus(difference)


and_ = _logic(np.logical_and, _and)
or_ = _logic(np.logical_or, _or)
xor = _logic(np.logical_xor, _xor)


def negation(x: Expression) -> Expression:
    """1 - x."""
    return x.scaled(-1.0).plus(np.ones(()))


def not_(node: Node, x: Value) -> Value:
    """Not."""
    return negation(x) if isinstance(x, Expression) else fold(np.logical_not, x)


def where(node: Node, condition: Value, a: Value, b: Value) -> Value:
    """Where: c a + (1 - c) b for constants, b + c (a - b) where they depend on the input."""
    shape = common_shape(condition, a, b)
    if not isinstance(condition, Expression):
        return _chosen(np.broadcast_to(condition.astype(bool), shape), a, b)
    c, dtype = broadcast(condition, shape), a.dtype
    if not isinstance(a, Expression) and not isinstance(b, Expression):
        result = c.scaled(a).plus(negation(c).scaled(b))
    else:
        first, second = lift(broadcast(a, shape)), lift(broadcast(b, shape))
        second = node.named(second) if second.affine.terms else second
        result = lift(times(node, c, first.minus(second))).plus(second)
    return Expression(result.present, shape, dtype)


def _chosen(chosen: Tensor, a: Value, b: Value) -> Value:
    if not isinstance(a, Expression) and not isinstance(b, Expression):
        return np.where(chosen, a, b)
    return _masked(a, chosen).plus(_masked(b, ~chosen))


def _masked(value: Value, mask: Tensor) -> Expression:
    """The value where the mask is true, zero elsewhere."""
    if not isinstance(value, Expression):
        return lift(np.where(mask, value, np.zeros((), value.dtype)))
    return kept(value, mask)


def sign(node: Node, x: Value) -> Value:
    """Sign."""
    return activated(node, x, Sign())


def floor(node: Node, x: Value) -> Value:
    """Floor."""
    return activated(node, x, Floor())


def ceil(node: Node, x: Value) -> Value:
    """Ceil."""
    return activated(node, x, Ceil())


def round_(node: Node, x: Value) -> Value:
    """Round, half to even."""
    return activated(node, x, Round())


def thresholded_relu(node: Node, x: Value, *, alpha: float = 1.0) -> Value:
    """ThresholdedRelu: relu(x - alpha) + alpha where x > alpha."""
    return _beyond(node, lift(x), alpha, alpha)


def shrink(node: Node, x: Value, *, bias: float = 0.0, lambd: float = 0.5) -> Value:
    """Shrink: x - bias above lambd, x + bias below -lambd, 0 between."""
    if lambd < 0.0:
        raise node.unsupported("with a negative lambd")
    right, left = lift(x), lift(x).scaled(-1.0)
    return _beyond(node, right, lambd, lambd - bias).minus(_beyond(node, left, lambd, lambd - bias))


def _beyond(node: Node, x: Expression, threshold: float, jump: float) -> Expression:
    """Zero up to a threshold, a jump there, and rising with the operand beyond."""
    above = x.minus(np.asarray(threshold))
    rising = node.relu(above)
    return rising.plus(node.activate(above, Positive()).scaled(jump)) if jump else rising


def cast(node: Node, x: Value, *, to: int, saturate: int = 1, round_mode: str = "up") -> Value:
    """Cast."""
    from onnx.helper import tensor_dtype_to_np_dtype

    return _cast(node, x, np.dtype(tensor_dtype_to_np_dtype(to)))


def cast_like(node: Node, x: Value, like: Value, *, saturate: int = 1, round_mode: str = "up") -> Value:
    """CastLike: a Cast to the type of the second operand."""
    return _cast(node, x, like.dtype)


def _to_float(node: Node, x: Expression, dtype: np.dtype[Any]) -> Expression:
    """The same number, unless the type lacks it: of another float the nearest, so it counts as computed."""
    if x.dtype.kind == "f":
        narrower = dtype.itemsize < x.dtype.itemsize
        affine = x.affine.then(Diagonal(np.ones(x.size))) if narrower else x.affine
        return replace(x, affine=affine, dtype=dtype)
    most, (least, greatest) = 2 ** (np.finfo(dtype).nmant + 1), whole_range(x.dtype.name)
    if not -most <= least <= greatest <= most:
        beyond = float(np.nextafter(float(most + 1), -np.inf))  # however bounds of whole numbers were rounded
        otherwise = f"may round integers, of which {dtype} has not all"
        node.limits.append(Limit(x.present, -beyond, beyond, node.place, otherwise, rounding=True))
    return replace(x, dtype=dtype)


def _cast(node: Node, x: Value, dtype: np.dtype[Any]) -> Value:
    """To floats as it is, to integers towards zero, to truth whether it is not zero."""
    if not isinstance(x, Expression):
        if dtype.kind not in "fiub":  # float8, int4 and their like round and saturate by rules of their own
            raise node.unsupported(f"to {dtype}")
        return fold(lambda t: t.astype(dtype), x)
    source = x.dtype
    if source == dtype:
        return x
    if dtype.name in FLOATS:
        return _to_float(node, x, dtype)
    if dtype.name not in INTEGERS:
        raise node.unsupported(f"of a variable tensor to {dtype}")
    if dtype == _BOOL:
        return _truth(negation(node.activate(x, Zero())))
    if source.kind == "f":
        if dtype.name not in ("int32", "int64"):  # a narrow type wraps around what does not fit
            raise node.unsupported(f"of a variable tensor from {source} to {dtype}")
        return Expression(node.activate(x, Truncate()).affine, x.shape, dtype)
    (least, most), (low, high) = integer_range(source.name), integer_range(dtype.name)
    if not (low <= least and most <= high) and {source.name, dtype.name} != {"int32", "int64"}:
        raise node.unsupported(f"of a variable tensor from {source} to {dtype}")
    return Expression(x.present, x.shape, dtype)

"""Piecewise linear activations, lowered to affine maps and ReLU without any error."""

from __future__ import annotations

import builtins
from functools import reduce

import numpy as np

from ivan.network.activations import Identity
from ivan.network.onnx_ops.elementwise import negated
from ivan.network.onnx_ops.masks import larger, of_present, smaller
from ivan.network.onnx_ops.node import Node, fold
from ivan.network.onnx_ops.values import Expression, InfiniteError, Tensor, Value, broadcast, common_shape, lift

_IDENTITY = Identity()


def relu(node: Node, x: Value) -> Value:
    """Relu."""
    if not isinstance(x, Expression):
        return fold(np.maximum, x, np.zeros((), x.dtype))
    return of_present(x, node.relu, 0.0)


def leaky_relu(node: Node, x: Value, *, alpha: float = float(np.float32(0.01))) -> Value:
    """LeakyRelu: s x + (1 - s) relu(x)."""
    return _leaky(node, lift(x), np.asarray(alpha))


def prelu(node: Node, x: Value, slope: Value) -> Value:
    """PRelu, with a constant slope: s x + (1 - s) relu(x)."""
    return _leaky(node, lift(x), node.constant(slope, "slope").astype(np.float64))


def _leaky(node: Node, x: Expression, slope: Tensor) -> Expression:
    named = node.named(x)
    # 1 - s rounds when s is small; its digest is that of s.
    complement = node.relu(named).scaled(1.0 - slope, uncertain=1, source=["complement", slope])
    return named.scaled(slope).plus(complement)


def abs_(node: Node, x: Value) -> Value:
    """Abs: 2 relu(x) - x, which is known not to be negative, as the intervals of its parts do not show."""
    if not isinstance(x, Expression):
        return fold(np.abs, x)
    named = node.named(x)
    return node.activate(node.relu(named).scaled(2.0).minus(named), _IDENTITY, least=0.0)


def max_(node: Node, *values: Value) -> Value:
    """Max, of any number of tensors: b + relu(a - b)."""
    return reduce(lambda a, b: _larger(node, a, b), values)


def min_(node: Node, *values: Value) -> Value:
    """Min, of any number of tensors: -max(-a, -b)."""
    if not any(isinstance(value, Expression) for value in values):
        return reduce(lambda a, b: fold(np.minimum, a, b), values)  # type: ignore[arg-type]
    if any(isinstance(value, Expression) and value.missing is not None for value in values):
        return reduce(lambda a, b: smaller(a, b, lambda x, y: _smaller(node, x, y)), values)
    return negated(reduce(lambda a, b: _larger(node, a, b), [negated(value) for value in values]))


def _smaller(node: Node, a: Expression, b: Expression) -> Expression:
    return lift(negated(_larger(node, negated(a), negated(b))))


def _larger(node: Node, a: Value, b: Value) -> Value:
    if not isinstance(a, Expression) and not isinstance(b, Expression):
        return fold(np.maximum, a, b)
    if any(lift(value).missing is not None for value in (a, b)):
        return larger(a, b, lambda x, y: lift(_larger(node, x, y)))
    shape = common_shape(a, b)
    # b appears twice; a constant is the cheaper one to repeat.
    first, second = (a, b) if isinstance(a, Expression) else (b, a)
    if isinstance(second, Expression):
        second = node.named(second)
    return node.relu(lift(broadcast(first, shape)).minus(second)).plus(second)


def clip(
    node: Node,
    x: Value,
    min_input: Value | None = None,
    max_input: Value | None = None,
    *,
    min: float | None = None,  # noqa: A002 - the attribute's name
    max: float | None = None,  # noqa: A002
) -> Value:
    """Clip: lo + relu(x - lo) - relu(x - hi); the limits are attributes before opset 11 and inputs since."""
    if isinstance(x, Expression) and x.missing is not None:
        return _clip_masked(node, x, min if min_input is None else min_input, max if max_input is None else max_input)
    if isinstance(min_input, Expression) or isinstance(max_input, Expression):
        above = x if min_input is None else max_(node, x, min_input)
        return above if max_input is None else min_(node, above, max_input)
    low, high = _limit(node, x, min, min_input, -np.inf), _limit(node, x, max, max_input, np.inf)
    if not isinstance(x, Expression):
        return fold(lambda t: np.minimum(np.maximum(t, low), high).astype(t.dtype), x)
    if low >= high:  # the standard lets the upper limit win
        return np.full(x.shape, high, x.dtype)
    if high == np.inf:
        return x if low == -np.inf else node.relu(_above(x, low)).plus(np.asarray(low))
    if low == -np.inf:
        return node.relu(_above(x, high).scaled(-1.0)).scaled(-1.0).plus(np.asarray(high))
    named = node.named(x)
    return node.relu(_above(named, low)).plus(np.asarray(low)).minus(node.relu(_above(named, high)))


def _clip_masked(node: Node, x: Expression, low: Value | float | None, high: Value | float | None) -> Value:
    """Clip of what is -infinity somewhere, with a lower limit: a runtime that is given none has the type's own."""
    if isinstance(low, Expression) or isinstance(high, Expression):
        raise InfiniteError("an operand is -infinity somewhere, and a limit depends on the input")
    least = _limit(node, x, None, np.asarray(low), -np.inf) if low is not None else -np.inf
    if np.isinf(least):
        raise InfiniteError("an operand is -infinity somewhere, and there is no lower limit")
    limits = [None if limit is None else np.asarray(limit) for limit in (low, high)]
    most = np.inf if limits[1] is None else _limit(node, x, None, limits[1], np.inf)
    return of_present(x, lambda part: lift(clip(node, part, *limits)), builtins.min(least, most))


def _above(x: Expression, limit: float) -> Expression:
    return x.minus(np.asarray(limit)) if limit else x


def _limit(node: Node, x: Value, attribute: float | None, value: Value | None, absent: float) -> float:
    limit = attribute if value is None else float(node.constant(value, "limit").ravel()[0])
    largest = np.finfo(x.dtype if x.dtype.kind == "f" else np.float32).max
    if limit is None or abs(limit) >= largest:  # what old exporters write for "none"
        return absent
    if np.isnan(limit):
        raise ValueError("a limit is not a number")
    return limit


def hard_sigmoid(node: Node, x: Value, *, alpha: float = float(np.float32(0.2)), beta: float = 0.5) -> Value:
    """HardSigmoid: alpha x + beta, clipped to [0, 1]."""
    line = lift(x).scaled(alpha).plus(np.asarray(beta))
    return clip(node, line, min=0.0, max=1.0)

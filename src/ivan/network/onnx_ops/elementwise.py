"""Sums, differences and means, entry by entry."""

from __future__ import annotations

from functools import reduce

import numpy as np

from ivan.network.onnx_ops.node import Node, fold
from ivan.network.onnx_ops.values import Expression, Value, broadcast, common_shape, lift


def plus(a: Value, b: Value) -> Value:
    """A + b with broadcasting."""
    if not isinstance(a, Expression) and not isinstance(b, Expression):
        common_shape(a, b)
        return fold(np.add, a, b)
    shape = common_shape(a, b)
    return broadcast(a, shape).plus(b) if isinstance(a, Expression) else lift(broadcast(b, shape)).plus(a)


def negated(a: Value) -> Value:
    """-a."""
    return a.scaled(-1.0) if isinstance(a, Expression) else fold(np.negative, a)


def add(node: Node, a: Value, b: Value) -> Value:
    """Add."""
    return plus(a, b)


def sub(node: Node, a: Value, b: Value) -> Value:
    """Sub."""
    if not isinstance(a, Expression) and not isinstance(b, Expression):
        common_shape(a, b)
        return fold(np.subtract, a, b)
    return plus(a, negated(b))


def sum_(node: Node, *values: Value) -> Value:
    """Sum, of any number of tensors."""
    return reduce(plus, values)


def mean(node: Node, *values: Value) -> Value:
    """Mean, of any number of tensors."""
    n = len(values)
    total = reduce(plus, values)
    if isinstance(total, Expression):
        return total.scaled(1.0 / n, uncertain=1, source=["reciprocal", n])
    return fold(np.divide, total, np.asarray(n, total.dtype))


def neg(node: Node, a: Value) -> Value:
    """Neg."""
    return negated(a)

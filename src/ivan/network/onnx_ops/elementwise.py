"""Arithmetic entry by entry: linear when at most one operand depends on the input."""

from __future__ import annotations

from functools import reduce

import numpy as np

from ivan.network.activations import Product, Reciprocal, Square
from ivan.network.linear import Selection
from ivan.network.onnx_ops.node import Node, fold
from ivan.network.onnx_ops.values import Expression, Tensor, Value, broadcast, common_shape, lift


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


def mul(node: Node, a: Value, b: Value) -> Value:
    """Mul."""
    if isinstance(a, Expression) and isinstance(b, Expression):
        return product(node, a, b)
    shape = common_shape(a, b)
    if isinstance(a, Expression):
        variable, factor = a, node.constant(b, "factor")
    elif isinstance(b, Expression):
        variable, factor = b, a
    else:
        return fold(np.multiply, a, b)
    return broadcast(variable, shape).scaled(factor)


def product(node: Node, a: Expression, b: Expression) -> Expression:
    """The product of two variable tensors, entry by entry."""
    shape = common_shape(a, b)
    if a is b:
        return node.activate(a, Square())
    first, second = (broadcast(node.named(x), shape) for x in (a, b))
    return node.combine(first, second, Product())


def div(node: Node, a: Value, b: Value) -> Value:
    """Div; by a variable, a product with its reciprocal."""
    if isinstance(b, Expression) and b.dtype.kind == "f":
        return mul(node, a, node.activate(b, Reciprocal()))
    divisor = node.constant(b, "divisor")
    shape = common_shape(a, b)
    if np.any(divisor == 0):
        raise ValueError("division by zero")
    if not isinstance(a, Expression):
        return fold(_truncated if a.dtype.kind in "iu" else np.divide, a, divisor)
    exact = np.broadcast_to(divisor, shape).astype(np.float64)
    source = ["reciprocal", exact.ravel()]
    return broadcast(a, shape).scaled(fold(np.divide, np.ones(()), exact), uncertain=1, source=source)


def _truncated(a: Tensor, b: Tensor) -> Tensor:
    """Integer division towards zero, as ONNX has it; numpy rounds down."""
    quotient = np.abs(a) // np.abs(b)
    return np.where((a < 0) == (b < 0), quotient, -quotient).astype(a.dtype)


def where(node: Node, condition: Value, a: Value, b: Value) -> Value:
    """Where, by a constant condition."""
    chosen = node.constant(condition, "condition").astype(bool)
    shape = common_shape(chosen, a, b)
    chosen = np.broadcast_to(chosen, shape)
    if not isinstance(a, Expression) and not isinstance(b, Expression):
        return np.where(chosen, a, b)
    return _masked(a, chosen).plus(_masked(b, ~chosen))


def _masked(value: Value, mask: Tensor) -> Expression:
    """The value where the mask is true, zero elsewhere."""
    if not isinstance(value, Expression):
        return lift(np.where(mask, value, np.zeros((), value.dtype)))
    index = np.where(mask, np.arange(mask.size).reshape(mask.shape), -1)
    return broadcast(value, mask.shape).then(Selection(index.ravel(), mask.size), mask.shape)

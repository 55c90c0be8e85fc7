"""Products of tensors that both depend on the input, entry by entry and along an axis; quotients and powers."""

from __future__ import annotations

from functools import reduce

import numpy as np

from ivan.network.activations import Exp, Power, Product, Reciprocal, Sigmoid, Sqrt, Square, Swish
from ivan.network.linear import Selection
from ivan.network.onnx_ops.curves import activated
from ivan.network.onnx_ops.node import Node, fold
from ivan.network.onnx_ops.values import (
    Expression,
    Tensor,
    Value,
    broadcast,
    common_shape,
    lift,
    rearrange,
)


def times(node: Node, a: Value, b: Value) -> Value:
    """A b, entry by entry, with broadcasting: linear where one is constant, a square where both are the same."""
    if not isinstance(a, Expression) and not isinstance(b, Expression):
        return fold(np.multiply, a, b)
    shape = common_shape(a, b)
    if isinstance(a, Expression) and isinstance(b, Expression):
        if a.present is b.present and a.shape == b.shape:
            return node.activate(a, Square())
        for x, gate in ((a, b), (b, a)):
            if _gates(node, x, gate):
                return node.activate(x, Swish())
        return node.combine(_repeated(node, a, shape), _repeated(node, b, shape), Product())
    variable, factor = (a, b) if isinstance(a, Expression) else (lift(b), a)
    return broadcast(variable, shape).scaled(node.constant(factor, "factor"))


def _gates(node: Node, x: Expression, gate: Expression) -> bool:
    """Whether the second tensor is the logistic function of the first."""
    terms = gate.affine.terms
    if x.shape != gate.shape or len(terms) != 1 or gate.affine.constants or not terms[0][0]:
        return False
    source, linear = terms[0]
    layer = node.layers[source - 1]
    whole = isinstance(linear, Selection) and linear.identity
    return whole and isinstance(layer.activation, Sigmoid) and layer.affine is x.affine


def _repeated(node: Node, x: Expression, shape: tuple[int, ...]) -> Expression:
    """The tensor in a larger shape; what is repeated is named first, so that maps are not."""
    return broadcast(x if x.size >= int(np.prod(shape)) else node.named(x), shape)


def mul(node: Node, a: Value, b: Value) -> Value:
    """Mul."""
    return times(node, a, b)


def div(node: Node, a: Value, b: Value) -> Value:
    """Div: by a constant, a factor; else times the reciprocal."""
    if isinstance(b, Expression):
        return times(node, a, node.activate(b, Reciprocal()))
    shape = common_shape(a, b)
    if np.any(b == 0):
        raise ValueError("division by zero")
    if not isinstance(a, Expression):
        return fold(_truncated if a.dtype.kind in "iu" else np.divide, a, b)
    exact = np.broadcast_to(b, shape).astype(np.float64)
    source = ["reciprocal", exact.ravel()]
    return broadcast(a, shape).scaled(fold(np.divide, np.ones(()), exact), uncertain=1, source=source)


def _truncated(a: Tensor, b: Tensor) -> Tensor:
    """Integer division towards zero, as ONNX has it; numpy rounds down."""
    quotient = np.abs(a) // np.abs(b)
    return np.where((a < 0) == (b < 0), quotient, -quotient).astype(a.dtype)


def reciprocal(node: Node, x: Value) -> Value:
    """Reciprocal."""
    return activated(node, x, Reciprocal()) if isinstance(x, Expression) else fold(np.reciprocal, x)


def sqrt(node: Node, x: Value) -> Value:
    """Sqrt."""
    return activated(node, x, Sqrt()) if isinstance(x, Expression) else fold(np.sqrt, x)


def pow_(node: Node, x: Value, exponent: Value) -> Value:
    """Pow, where the exponent is constant, or the base and positive."""
    if not isinstance(x, Expression) and not isinstance(exponent, Expression):
        return fold(np.power, x, exponent).astype(x.dtype)
    shape = common_shape(x, exponent)
    if isinstance(exponent, Expression):
        base = node.constant(x, "base, like its exponent,").astype(np.float64)
        if np.any(base <= 0.0):
            raise node.unsupported("whose exponent depends on the input and whose base is not positive")
        full = np.broadcast_to(base, shape)
        rate = fold(np.log, full)
        grown = broadcast(exponent, shape).scaled(rate, uncertain=8, source=["logarithm", full.ravel()])
        return Expression(node.activate(grown, Exp()).affine, shape, x.dtype)
    assert isinstance(x, Expression)
    powers = np.broadcast_to(exponent, shape).astype(np.float64)
    whole = _repeated(node, x, shape)
    found = np.unique(powers)
    if len(found) == 1:
        return _power(node, whole, float(found[0]))
    # one layer for each exponent, and then every entry from where it is
    flat, named = powers.ravel(), node.named(whole)
    total: Expression | None = None
    for number in found:
        chosen = np.flatnonzero(flat == number)
        part = named.then(Selection(chosen, flat.size), (len(chosen),))
        place = np.full(flat.size, -1)
        place[chosen] = np.arange(len(chosen))
        moved = _power(node, part, float(number)).then(Selection(place, len(chosen)), shape)
        total = moved if total is None else total.plus(moved)
    assert total is not None
    return total


def _power(node: Node, x: Expression, exponent: float) -> Expression:
    if exponent == 0.0:
        return x.scaled(0.0).plus(np.ones(()))
    if exponent == 1.0:
        return x
    special = {2.0: Square(), 0.5: Sqrt(), -1.0: Reciprocal()}
    return node.activate(x, special.get(exponent) or Power(exponent))


def product_along(node: Node, x: Value, axis: int) -> Value:
    """The product along an axis, which stays with length one."""
    parts = [rearrange(x, lambda t, k=k: np.take(t, [k], axis)) for k in range(x.shape[axis])]
    while len(parts) > 2:  # in pairs, so that layers are few
        rest = parts[len(parts) // 2 * 2 :]
        parts = [times(node, first, second) for first, second in zip(parts[::2], parts[1::2], strict=False)] + rest
    return reduce(lambda first, second: times(node, first, second), parts)

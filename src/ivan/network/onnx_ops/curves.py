"""Smooth activations, entry by entry: each is an activation of the verified network."""

from __future__ import annotations

import numpy as np

from ivan.network.activations import (
    Activation,
    Arctan,
    Cos,
    Elu,
    Erf,
    Exp,
    Gelu,
    GeluTanh,
    HardSwish,
    Log,
    Mish,
    Power,
    Reciprocal,
    Sigmoid,
    Sin,
    Softplus,
    Softsign,
    Sqrt,
    Square,
    Tanh,
)
from ivan.network.onnx_ops import constants
from ivan.network.onnx_ops.linear import averaged
from ivan.network.onnx_ops.node import Node, fold
from ivan.network.onnx_ops.values import (
    Expression,
    Tensor,
    Value,
    broadcast,
    common_shape,
    lift,
    normal_axis,
    rearrange,
)


def _curve(node: Node, x: Value, activation: Activation) -> Value:
    if isinstance(x, Expression):
        return node.activate(x, activation)
    return fold(lambda t: activation.value(t.astype(np.float64)).astype(t.dtype), x)


def sigmoid(node: Node, x: Value) -> Value:
    """Sigmoid."""
    return _curve(node, x, Sigmoid())


def tanh(node: Node, x: Value) -> Value:
    """Tanh."""
    return _curve(node, x, Tanh())


def erf(node: Node, x: Value) -> Value:
    """Erf."""
    return _curve(node, x, Erf())


def atan(node: Node, x: Value) -> Value:
    """Atan."""
    return _curve(node, x, Arctan())


def softsign(node: Node, x: Value) -> Value:
    """Softsign."""
    return _curve(node, x, Softsign())


def softplus(node: Node, x: Value) -> Value:
    """Softplus."""
    return _curve(node, x, Softplus())


def exp(node: Node, x: Value) -> Value:
    """Exp."""
    return _curve(node, x, Exp())


def log(node: Node, x: Value) -> Value:
    """Log."""
    return _curve(node, x, Log())


def sin(node: Node, x: Value) -> Value:
    """Sin."""
    return _curve(node, x, Sin())


def cos(node: Node, x: Value) -> Value:
    """Cos."""
    return _curve(node, x, Cos())


def elu(node: Node, x: Value, *, alpha: float = 1.0) -> Value:
    """Elu."""
    return _curve(node, x, Elu(alpha))


def gelu(node: Node, x: Value, *, approximate: str = "none") -> Value:
    """Gelu, exact or by tanh."""
    if approximate not in ("none", "tanh"):
        raise node.unsupported(f"with approximate {approximate!r}")
    return _curve(node, x, Gelu() if approximate == "none" else GeluTanh())


def mish(node: Node, x: Value) -> Value:
    """Mish."""
    return _curve(node, x, Mish())


def hard_swish(node: Node, x: Value) -> Value:
    """HardSwish."""
    return _curve(node, x, HardSwish())


def sqrt(node: Node, x: Value) -> Value:
    """Sqrt."""
    return node.activate(x, Sqrt()) if isinstance(x, Expression) else constants.sqrt(node, x)


def reciprocal(node: Node, x: Value) -> Value:
    """Reciprocal."""
    return node.activate(x, Reciprocal()) if isinstance(x, Expression) else constants.reciprocal(node, x)


def pow_(node: Node, x: Value, exponent: Value) -> Value:
    """Pow, of a variable by one constant exponent, or of one positive constant by a variable."""
    shape = common_shape(x, exponent)
    if isinstance(exponent, Expression):
        base = np.unique(node.constant(x, "base, like its exponent,").astype(np.float64))
        if len(base) != 1 or base[0] <= 0.0:
            raise node.unsupported("of other bases than one positive number by a variable exponent")
        # the logarithm rounds; its digest is that of the base
        scaled = broadcast(exponent, shape).scaled(float(np.log(base[0])), uncertain=2, source=["log", float(base[0])])
        return node.activate(scaled, Exp())
    if not isinstance(x, Expression):
        return constants.pow_(node, x, exponent)
    powers = np.unique(exponent.astype(np.float64))
    if len(powers) != 1:
        raise node.unsupported("with several exponents")
    return _power(node, broadcast(x, shape), float(powers[0]))


def _power(node: Node, x: Expression, exponent: float) -> Value:
    if exponent == 0.0:
        return lift(np.ones(x.shape, x.dtype))
    if exponent == 1.0:
        return x
    known: dict[float, Activation] = {2.0: Square(), 0.5: Sqrt(), -1.0: Reciprocal()}
    return node.activate(x, known.get(exponent) or Power(exponent))


def softmax(node: Node, x: Value, *, axis: int | None = None) -> Value:
    """Softmax: 1 / (1 + sum over j != i of exp(x_j - x_i)), which is a sigmoid where there are two."""
    if node.opset < 13:  # all dimensions from the axis on are one
        first, shape = normal_axis(1 if axis is None else axis, x.ndim), x.shape
        flat = rearrange(x, lambda t: t.reshape(*t.shape[:first], -1))
        return rearrange(_softmax(node, flat), lambda t: t.reshape(shape))
    last = normal_axis(-1 if axis is None else axis, x.ndim)
    moved = rearrange(x, lambda t: np.moveaxis(t, last, -1))
    return rearrange(_softmax(node, moved), lambda t: np.moveaxis(t, -1, last))


def _softmax(node: Node, x: Value) -> Value:
    if not isinstance(x, Expression):
        return fold(_folded_softmax, x)
    n = x.shape[-1]
    if n == 1:
        return lift(np.ones(x.shape, x.dtype))
    named = node.named(x)
    if n == 2:
        return node.activate(named.minus(rearrange(named, lambda t: t[..., ::-1])), Sigmoid())
    others = np.array([[j for j in range(n) if j != i] for i in range(n)])
    theirs = rearrange(named, lambda t: t[..., others])
    mine = rearrange(named, lambda t: np.broadcast_to(t[..., None], (*t.shape, n - 1)))
    total = averaged(node.activate(theirs.minus(mine), Exp()), [theirs.ndim - 1], False, False)
    return node.activate(lift(total).plus(np.ones(())), Reciprocal())


def _folded_softmax(x: Tensor) -> Tensor:
    e = np.exp(x.astype(np.float64) - x.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True)).astype(x.dtype)

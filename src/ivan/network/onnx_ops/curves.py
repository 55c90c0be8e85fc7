"""Functions of one operand, entry by entry, that are a curve or made of one."""

from __future__ import annotations

from dataclasses import replace

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
    Sigmoid,
    Sin,
    Softplus,
    Softsign,
    Swish,
    Tanh,
)
from ivan.network.activations.rounding import UNKNOWN
from ivan.network.onnx_ops.masks import kept, of_present, there
from ivan.network.onnx_ops.node import Node, Operator, fold
from ivan.network.onnx_ops.values import Value

_LOW = -1000.0
"""The logistic function of this is below 2^-1074."""


def activated(node: Node, x: Value, activation: Activation) -> Value:
    """The values of an activation of one operand."""
    if not isinstance(x, np.ndarray):
        return node.activate(x, activation)
    return fold(lambda t: activation.value(t.astype(np.float64)).astype(t.dtype), x)


def curve(activation: Activation) -> Operator:
    """The operator that is an activation."""

    def operator(node: Node, x: Value) -> Value:
        return activated(node, x, activation)

    return operator


tanh = curve(Tanh())
erf = curve(Erf())
atan = curve(Arctan())
softsign = curve(Softsign())
log = curve(Log())
softplus = curve(Softplus())
sin = curve(Sin())
cos = curve(Cos())
hard_swish = curve(HardSwish())
mish = curve(Mish())


def exp(node: Node, x: Value) -> Value:
    """Exp: 0 behind a mask."""
    if isinstance(x, np.ndarray):
        return activated(node, x, Exp())
    return of_present(x, lambda part: node.activate(part, Exp()), 0.0)


def sigmoid(node: Node, x: Value) -> Value:
    """Sigmoid: behind a mask, that of a number which is as good as -infinity, and off by as much in a runtime."""
    if not isinstance(x, np.ndarray) and x.missing is not None:
        x = kept(replace(x, missing=None), there(x)).plus(np.where(there(x), 0.0, _LOW))
    return activated(node, x, Sigmoid())


def gelu(node: Node, x: Value, *, approximate: str = "none") -> Value:
    """Gelu, or its approximation by tanh."""
    if approximate not in ("none", "tanh"):
        raise ValueError(f"an unknown approximation {approximate!r}")
    if approximate == "none":
        return activated(node, x, Gelu())
    if isinstance(x, np.ndarray) or x.dtype != np.float64:
        return activated(node, x, GeluTanh())
    return node.activate(x, GeluTanh(), UNKNOWN)  # onnxruntime's constants are those of float32


def swish(node: Node, x: Value, *, alpha: float = 1.0) -> Value:
    """Swish: x / (1 + exp(-alpha x)), which is the plain one of alpha x, divided by alpha."""
    if alpha == 0.0:
        return scaled(x, 0.5)
    if alpha == 1.0:
        return activated(node, x, Swish())
    return divided(activated(node, scaled(x, alpha), Swish()), alpha)


def elu(node: Node, x: Value, *, alpha: float = 1.0) -> Value:
    """Elu."""
    if alpha < 0.0:
        raise node.unsupported("with a negative alpha")
    return activated(node, x, Elu(float(alpha)))


def selu(
    node: Node,
    x: Value,
    *,
    alpha: float = float(np.float32(1.67326319217681884765625)),
    gamma: float = float(np.float32(1.05070102214813232421875)),
) -> Value:
    """Selu: gamma times an Elu."""
    return scaled(elu(node, x, alpha=alpha), gamma)


def celu(node: Node, x: Value, *, alpha: float = 1.0) -> Value:
    """Celu: alpha times an Elu of x / alpha."""
    if alpha <= 0.0:
        raise node.unsupported("whose alpha is not positive")
    return scaled(activated(node, divided(x, alpha), Elu(1.0)), alpha)


def sinh(node: Node, x: Value) -> Value:
    """Sinh: half of exp(x) - exp(-x)."""
    return _hyperbolic(node, x, -1.0)


def cosh(node: Node, x: Value) -> Value:
    """Cosh: half of exp(x) + exp(-x)."""
    return _hyperbolic(node, x, 1.0)


def _hyperbolic(node: Node, x: Value, sign: float) -> Value:
    if isinstance(x, np.ndarray):
        return fold(np.cosh if sign > 0.0 else np.sinh, x)
    rising, falling = (node.activate(end, Exp()) for end in (x, x.scaled(-1.0)))
    return rising.scaled(0.5).plus(falling.scaled(0.5 * sign))


def scaled(x: Value, factor: float) -> Value:
    """The tensor times a number."""
    if isinstance(x, np.ndarray):
        return fold(np.multiply, x, np.asarray(factor, x.dtype))
    return x.scaled(factor) if factor != 1.0 else x


def divided(x: Value, by: float) -> Value:
    """The tensor divided by a number."""
    if isinstance(x, np.ndarray):
        return fold(np.divide, x, np.asarray(by, x.dtype))
    return x.scaled(1.0 / by, uncertain=1, source=["reciprocal", float(by)]) if by != 1.0 else x

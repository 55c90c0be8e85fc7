"""The node that is being read: what an operator's function knows besides its inputs and attributes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ivan.network.activations import Activation, Identity, Relu
from ivan.network.activations.rounding import Rounding
from ivan.network.affine import Affine
from ivan.network.layers import Layer
from ivan.network.limits import Limit
from ivan.network.linear import Selection
from ivan.network.onnx_ops.values import Expression, Tensor, UsageError, Value

_RELU, _IDENTITY = Relu(), Identity()


@dataclass(frozen=True)
class Node:
    """One node of the graph.

    Attributes:
        operator: its type, `Conv`.
        name: its name, or that of its first output.
        opset: the version of the operator set that the file declares.
        layers: the network's layers so far; nonlinear operators append theirs.
        outputs: how many outputs the node has.
        limits: what has been taken for granted so far; operators append theirs.
    """

    operator: str
    name: str
    opset: int
    layers: list[Layer] = field(default_factory=list)
    outputs: int = 1
    limits: list[Limit] = field(default_factory=list)

    @property
    def place(self) -> str:
        """What messages call it."""
        return f"{self.operator} (node {self.name!r}, opset {self.opset})"

    def unsupported(self, usage: str) -> UsageError:
        """The error that says so; `usage` completes a sentence that starts with the operator."""
        return UsageError(f"{self.operator} {usage}")

    def activate(
        self,
        value: Expression,
        activation: Activation,
        operator: Rounding | None = None,
        least: float = -math.inf,
    ) -> Expression:
        """The value behind a new layer with this activation; `operator` and `least` as `Layer` has them."""
        self.layers.append(Layer(value.present, activation, self.name, operator, least))
        return Expression(Affine.of(len(self.layers), value.size), value.shape, value.dtype)

    def combine(
        self, first: Expression, second: Expression, activation: Activation, operator: Rounding | None = None
    ) -> Expression:
        """The values of an activation of two operands of one shape, entry by entry, as a new layer."""
        affine = Affine.concatenated([first.present, second.present])
        self.layers.append(Layer(affine, activation, self.name, operator))
        return Expression(Affine.of(len(self.layers), first.size), first.shape, first.dtype)

    def relu(self, value: Expression) -> Expression:
        """max(value, 0)."""
        return self.activate(value, _RELU)

    def named(self, value: Expression) -> Expression:
        """The value, as a layer of its own unless it is entries of one: for whoever uses it more than once."""
        terms = value.affine.terms
        if len(terms) == 1 and not value.affine.constants and isinstance(terms[0][1], Selection):
            return value
        return replace(self.activate(replace(value, missing=None), _IDENTITY), missing=value.missing)

    def constant(self, value: Value, what: str) -> Tensor:
        """The array behind a value that must not depend on the input."""
        if isinstance(value, Expression):
            raise self.unsupported(f"whose {what} depends on the input")
        return value

    def integers(self, value: Value, what: str) -> tuple[int, ...]:
        """The numbers of a constant integer tensor."""
        array = self.constant(value, what)
        if array.dtype.kind not in "iu":
            raise ValueError(f"{what} must be integers, not {array.dtype}")
        return tuple(int(i) for i in array.ravel())


Operator = Callable[..., Any]
"""`(node, *inputs, **attributes) -> Value | tuple[Value, ...]`. A missing optional input is None; keyword-only
parameters are the attributes, with the standard's defaults."""


def fold(function: Callable[..., Any], *arrays: Tensor) -> Tensor:
    """A function of constants, without numpy's warnings: the reader refuses results that are not finite."""
    with np.errstate(all="ignore"):
        return np.asarray(function(*arrays))

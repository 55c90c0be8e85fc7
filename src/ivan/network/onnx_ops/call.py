"""Calling an operator's function: its parameters say what a node may have, and constants are computed on the spot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ivan.network.layers import Layer
from ivan.network.onnx_ops.node import Node, Operator
from ivan.network.onnx_ops.values import Expression, Tensor, Value

_VARIADIC = 0x04  # inspect.CO_VARARGS


def called(
    operator: Operator, node: Node, inputs: Sequence[Value | None], attributes: dict[str, Any]
) -> tuple[Value, ...]:
    """The operator's results; constants when all its inputs are.

    Raises:
        UsageError: the operator cannot be verified in this form.
        ArithmeticError, LookupError, TypeError, ValueError: inputs or attributes are not what the operator takes.
    """
    _check_call(operator, node, len(inputs), attributes)
    if any(isinstance(value, Expression) for value in inputs):
        return _tuple(operator(node, *inputs, **attributes))
    # On a scratch pad: an operator that lowers itself to layers does so for constants too, and they are computed here.
    scratch = Node(node.operator, node.name, node.opset, [], node.outputs)
    return tuple(_constant(value, scratch.layers) for value in _tuple(operator(scratch, *inputs, **attributes)))


def _check_call(operator: Any, node: Node, inputs: int, attributes: dict[str, Any]) -> None:
    """Raises where a node has too many or too few inputs, or an attribute that its operator does not know."""
    code, optional = operator.__code__, len(operator.__defaults__ or ())
    most = code.co_argcount - 1  # without the node itself
    least = 1 if code.co_flags & _VARIADIC else most - optional
    if inputs < least or (inputs > most and not code.co_flags & _VARIADIC):
        raise ValueError(f"has {inputs} inputs; it takes {least}{f' to {most}' if most != least else ''}")
    known = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    for name in attributes.keys() - set(known):
        raise node.unsupported(f"with attribute {name!r}")
    for name in set(known) - attributes.keys() - set(operator.__kwdefaults__ or ()):
        raise ValueError(f"lacks its attribute {name!r}")


def _tuple(results: Any) -> tuple[Value, ...]:
    return results if isinstance(results, tuple) else (results,)


def _constant(value: Value, layers: Sequence[Layer]) -> Tensor:
    if not isinstance(value, Expression):
        return value
    known = {0: np.zeros((1, 0))}
    for k, layer in enumerate(layers, 1):
        known[k] = layer.activation.value(layer.affine.evaluate(known))
    result = value.affine.evaluate(known)[0]
    if value.missing is not None:
        result[value.missing] = -np.inf
    return np.asarray(result.reshape(value.shape), value.dtype)

"""Reductions: sums, means, extremes, norms, products, logarithms of sums."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ivan.network.activations import Log, Power, Reciprocal, Sqrt, Square
from ivan.network.onnx_ops.curves import activated
from ivan.network.onnx_ops.elementwise import negated
from ivan.network.onnx_ops.linear import averaged
from ivan.network.onnx_ops.node import Node, Operator, fold
from ivan.network.onnx_ops.piecewise import abs_
from ivan.network.onnx_ops.pooling import maxima
from ivan.network.onnx_ops.products import product_along, times
from ivan.network.onnx_ops.softmax import log_sum_exp
from ivan.network.onnx_ops.values import Expression, Tensor, Value, lift, normal_axis, rearrange

Axes = list[int]


def _reduction(
    variable: Callable[[Node, Expression, Axes], Value],
    constant: Callable[[Tensor, tuple[int, ...]], Tensor],
    unreduced: Callable[[Node, Value], Value] = lambda node, x: x,
) -> Operator:
    """A reduction; the axes are an attribute in older operator sets and an input in newer ones.

    Args:
        variable: reduces what depends on the input along some axes, which stay with length one.
        constant: the same for an array.
        unreduced: what is left to do where no axis is reduced.
    """

    def operator(
        node: Node,
        x: Value,
        axes_input: Value | None = None,
        *,
        axes: Sequence[int] | None = None,
        keepdims: int = 1,
        noop_with_empty_axes: int = 0,
    ) -> Value:
        chosen = axes if axes_input is None else node.integers(axes_input, "axes")
        if not chosen:
            if noop_with_empty_axes:
                return unreduced(node, x)
            chosen = range(x.ndim)
        reduced = sorted({normal_axis(k, x.ndim) for k in chosen})
        if isinstance(x, Expression):
            result = variable(node, x, reduced)
        else:
            result = fold(lambda t: constant(t, tuple(reduced)).astype(t.dtype), x)
        return result if keepdims else rearrange(result, lambda t: t.squeeze(tuple(reduced)))

    return operator


def _sum(x: Value, axes: Axes) -> Expression:
    total = averaged(x, axes, keep=True, mean=False)
    assert isinstance(total, Expression)
    return total


def _mean(node: Node, x: Expression, axes: Axes) -> Value:
    return averaged(x, axes, keep=True, mean=True)


def _max(node: Node, x: Expression, axes: Axes) -> Value:
    for axis in axes:
        x = maxima(node, x, axis, [tuple(range(x.shape[axis]))])
    return x


def _min(node: Node, x: Expression, axes: Axes) -> Value:
    least = lift(negated(replace(x, missing=None, above=False)))
    # +infinity in a frame is -infinity here, which gives way to whatever is not
    return negated(_max(node, replace(least, missing=x.missing), axes))


def _l1(node: Node, x: Expression, axes: Axes) -> Value:
    return _sum(abs_(node, x), axes)


def _l2(node: Node, x: Expression, axes: Axes) -> Value:
    return node.activate(_sum(node.activate(x, Square()), axes), Sqrt(clipped=True))


def _sum_square(node: Node, x: Expression, axes: Axes) -> Value:
    return _sum(node.activate(x, Square()), axes)


def _log_sum(node: Node, x: Expression, axes: Axes) -> Value:
    return node.activate(_sum(x, axes), Log())


def _log_sum_exp(node: Node, x: Expression, axes: Axes) -> Value:
    rest = [k for k in range(x.ndim) if k not in axes]
    kept = [1 if k in axes else d for k, d in enumerate(x.shape)]
    count = math.prod(x.shape[k] for k in axes)
    rows = rearrange(x, lambda t: t.transpose(*rest, *axes).reshape(-1, count))
    return rearrange(log_sum_exp(node, rows), lambda t: t.reshape(kept))


def _product(node: Node, x: Expression, axes: Axes) -> Value:
    result: Value = x
    for axis in axes:
        result = product_along(node, result, axis)
    return result


def _log_sum_exp_of(t: Tensor, axes: tuple[int, ...]) -> Tensor:
    largest = t.max(axes, keepdims=True)
    return np.asarray(largest + np.log(np.exp(t - largest).sum(axes, keepdims=True)))


reduce_sum = _reduction(lambda node, x, axes: _sum(x, axes), lambda t, axes: t.sum(axes, t.dtype, keepdims=True))
reduce_mean = _reduction(_mean, lambda t, axes: t.mean(axes, t.dtype, keepdims=True))
reduce_max = _reduction(_max, lambda t, axes: t.max(axes, keepdims=True))
reduce_min = _reduction(_min, lambda t, axes: t.min(axes, keepdims=True))
reduce_prod = _reduction(_product, lambda t, axes: t.prod(axes, t.dtype, keepdims=True))
reduce_l1 = _reduction(_l1, lambda t, axes: np.abs(t).sum(axes, keepdims=True), abs_)
reduce_l2 = _reduction(_l2, lambda t, axes: np.sqrt((t * t).sum(axes, keepdims=True)), abs_)
reduce_sum_square = _reduction(
    _sum_square,
    lambda t, axes: (t * t).sum(axes, keepdims=True),
    lambda node, x: activated(node, x, Square()),
)
reduce_log_sum = _reduction(
    _log_sum,
    lambda t, axes: np.log(t.sum(axes, keepdims=True)),
    lambda node, x: activated(node, x, Log()),
)
reduce_log_sum_exp = _reduction(_log_sum_exp, _log_sum_exp_of)


def lp_normalization(node: Node, x: Value, *, axis: int = -1, p: int = 2) -> Value:
    """LpNormalization: divided by the norm along an axis."""
    if p not in (1, 2):
        raise ValueError(f"p is {p}, not 1 or 2")
    named, along = node.named(lift(x)), [normal_axis(axis, x.ndim)]
    if p == 1:
        return times(node, named, node.activate(_sum(abs_(node, named), along), Reciprocal()))
    return times(node, named, node.activate(_sum(node.activate(named, Square()), along), Power(-0.5)))

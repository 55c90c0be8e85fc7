"""Softmax and its relatives, from differences of their operands, so that nothing overflows.

    softmax_i = 1 / (1 + sum over j != i of exp(x_j - x_i))

The denominator is at least 1. Of two entries it is the logistic function of their difference.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ivan.network.activations import Exp, Identity, Log, Reciprocal, Sigmoid, Softplus
from ivan.network.activations.rounding import summed
from ivan.network.limits import Limit
from ivan.network.linear import Array, Selection
from ivan.network.onnx_ops.linear import averaged
from ivan.network.onnx_ops.masks import there
from ivan.network.onnx_ops.node import Node
from ivan.network.onnx_ops.values import Expression, Value, check_size, concatenate, lift, normal_axis, rearrange

_MASK = -2000.0
"""An entry whose constant part is so far below another one's is masked, as long as the rest agrees."""

_NOTHING = -750.0
"""exp of this and less is below 2^-1074: less than one product's underflow, which every bound has room for."""


def softmax(node: Node, x: Value, *, axis: int | None = None) -> Value:
    """Softmax; along one axis since opset 13, over all axes from one on before. What is masked has no weight."""
    return _along(node, lift(x), axis, lambda node, rows: _of_kept(node, rows, _kept(node, rows), _softmax))


def log_softmax(node: Node, x: Value, *, axis: int | None = None) -> Value:
    """LogSoftmax: -log(1 + sum over j != i of exp(x_j - x_i)); -infinity behind a mask of -infinity."""

    def rows(node: Node, x: Expression) -> Expression:
        return replace(_of_kept(node, x, there(x), _log_softmax), missing=x.missing)

    return _along(node, lift(x), axis, rows)


def log_sum_exp(node: Node, x: Expression) -> Expression:
    """Of the rows of (m, n): x_0 + log(1 + sum over j > 0 of exp(x_j - x_0)), (m, 1); what is masked adds nothing."""
    if x.missing is not None:
        return _of_kept(node, x, there(x), log_sum_exp, summing=True)
    named = node.named(x)
    first = rearrange(named, lambda t: t[:, :1])
    if x.shape[1] == 1:
        return first
    rest = rearrange(named, lambda t: t[:, 1:])
    apart = rest.minus(rearrange(named, lambda t: np.repeat(t[:, :1], t.shape[1] - 1, axis=1)))
    if x.shape[1] == 2:
        return first.plus(node.activate(apart, Softplus()))
    return first.plus(node.activate(_one_and_all(node, apart), Log(), summed(x.shape[1])))


def _along(node: Node, x: Expression, axis: int | None, rows: Callable[[Node, Expression], Expression]) -> Expression:
    """A function of the rows of a matrix, along an axis."""
    along = normal_axis((1 if node.opset < 13 else -1) if axis is None else axis, x.ndim)
    if node.opset < 13:
        count = math.prod(x.shape[:along])
        flat = rearrange(x, lambda t: t.reshape(count, -1))
        return rearrange(rows(node, flat), lambda t: t.reshape(x.shape))
    last = rearrange(x, lambda t: np.moveaxis(t, along, -1))
    flat = rearrange(last, lambda t: t.reshape(-1, x.shape[along]))
    return rearrange(rows(node, flat), lambda t: np.moveaxis(t.reshape(last.shape), -1, along))


def _of_kept(
    node: Node,
    x: Expression,
    kept: NDArray[np.bool_],
    function: Callable[[Node, Expression], Expression],
    summing: bool = False,
) -> Expression:
    """A function of the entries of (m, n) that are kept, row by row; zero elsewhere.

    Args:
        node: the operator.
        x: (m, n).
        kept: (m, n) which entries count.
        function: of rows of one length, (k, l) -> (k, l).
        summing: True for a function (k, l) -> (k, 1), whose values become (m, 1).
    """
    if kept.all():
        return function(node, x)
    x = replace(x, missing=None)
    counts = kept.sum(axis=1)
    if not counts.all():
        raise node.unsupported("of entries that are all masked")
    shape = (x.shape[0], 1) if summing else x.shape
    place, parts, start = np.full(math.prod(shape), -1), [], 0
    for count in np.unique(counts):
        rows = np.flatnonzero(counts == count)
        index = np.flatnonzero(kept & (counts == count)[:, None])
        part = x.then(Selection(index, x.size), (len(rows), int(count)))
        parts.append(rearrange(function(node, part), np.ravel))
        index = rows if summing else index
        place[index] = np.arange(start, start + index.size)
        start += index.size
    return rearrange(lift(concatenate(parts, 0)), lambda t: np.append(t, -1)[place].reshape(shape), padded=True)


def _kept(node: Node, x: Expression) -> NDArray[np.bool_]:
    """Which entries of (m, n) are not masked.

    A mask is -infinity, or a number that is low enough on every input; that it is, is taken for granted.
    """
    present = there(x)
    offset = np.where(present, _offsets(node, x).reshape(x.shape), -np.inf)
    first = offset.argmax(axis=1)
    low = present & (offset < offset.max(axis=1, keepdims=True) + _MASK)
    if low.any():
        rows, _ = np.nonzero(low)
        masked = Selection(np.flatnonzero(low), x.size)
        reference = Selection(np.ravel_multi_index((rows, first[rows]), x.shape), x.size)
        apart = x.affine.then(masked).plus(x.affine.then(reference).scaled(-1.0))
        node.limits.append(Limit(apart, -np.inf, _NOTHING, node.place, "may let through what its mask should hide"))
    return np.asarray(present & ~low)


def _offsets(node: Node, x: Expression) -> Array:
    """(size,) the constant parts of entries, of those that are a layer's own as well."""
    total = x.affine.constant
    if len(x.affine.terms) == 1:
        source, linear = x.affine.terms[0]
        if source and isinstance(linear, Selection) and isinstance(node.layers[source - 1].activation, Identity):
            total = total + linear.apply(node.layers[source - 1].affine.constant[None, :])[0]
    return total


def _softmax(node: Node, x: Expression) -> Expression:
    if x.shape[1] == 1:
        return x.scaled(0.0).plus(np.ones(()))
    if x.shape[1] == 2:
        return node.activate(_lead(node, x), Sigmoid())
    return node.activate(_denominators(node, x), Reciprocal(), summed(x.shape[1]))


def _log_softmax(node: Node, x: Expression) -> Expression:
    if x.shape[1] == 1:
        return x.scaled(0.0)
    if x.shape[1] == 2:
        return node.activate(_lead(node, x).scaled(-1.0), Softplus()).scaled(-1.0)
    return node.activate(_denominators(node, x), Log(), summed(x.shape[1])).scaled(-1.0)


def _lead(node: Node, x: Expression) -> Expression:
    """Of two entries: each less the other."""
    named = node.named(x)
    return named.minus(rearrange(named, lambda t: t[:, ::-1]))


def _denominators(node: Node, x: Expression) -> Expression:
    """1 + sum over j != i of exp(x_j - x_i): (m, n) -> (m, n)."""
    m, n = x.shape
    check_size((m, n, n - 1))
    named = node.named(x)
    others = np.array([[j for j in range(n) if j != i] for i in range(n)])
    apart = rearrange(named, lambda t: t[:, others]).minus(
        rearrange(named, lambda t: np.repeat(t[:, :, None], n - 1, axis=2))
    )
    return rearrange(_one_and_all(node, apart), lambda t: t.reshape(m, n))


def _one_and_all(node: Node, x: Expression) -> Expression:
    """1 + the sum of exp along the last axis, which stays with length one."""
    total = averaged(node.activate(x, Exp()), [x.ndim - 1], keep=True, mean=False)
    assert isinstance(total, Expression)
    return total.plus(np.ones(()))

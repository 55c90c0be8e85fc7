"""Matrix products, and sums along axes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ivan.network.activations import Product
from ivan.network.linear import Convolution, Dense
from ivan.network.onnx_ops.elementwise import plus
from ivan.network.onnx_ops.node import Node, fold
from ivan.network.onnx_ops.shape import reshaped
from ivan.network.onnx_ops.values import (
    Expression,
    Tensor,
    Value,
    broadcast,
    check_size,
    rearrange,
)


def gemm(
    node: Node,
    a: Value,
    b: Value,
    c: Value | None = None,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    transA: int = 0,
    transB: int = 0,
) -> Value:
    """Gemm: alpha A B + beta C."""
    result = product(node, _transposed(a) if transA else a, _transposed(b) if transB else b)
    result = _times(result, alpha)
    if c is None or beta == 0.0:
        return result
    return plus(result, broadcast(_times(c, beta), result.shape))


def _transposed(x: Value) -> Value:
    return rearrange(x, lambda t: t.T)


def _times(x: Value, factor: float) -> Value:
    if factor == 1.0:
        return x
    return x.scaled(factor) if isinstance(x, Expression) else fold(np.multiply, x, np.asarray(factor, x.dtype))


def matmul(node: Node, a: Value, b: Value) -> Value:
    """MatMul, of any number of dimensions."""
    row, column = a.ndim == 1, b.ndim == 1
    result = product(
        node,
        reshaped(a, (1, a.shape[0])) if row else a,
        reshaped(b, (b.shape[0], 1)) if column else b,
    )
    shape = list(result.shape)
    if column:
        del shape[-1]
    if row:
        del shape[-1 if column else -2]
    return reshaped(result, shape)


def product(node: Node, a: Value, b: Value) -> Value:
    """A b for (..., m, k) and (..., k, n)."""
    (m, k), n = a.shape[-2:], b.shape[-1]
    if b.shape[-2] != k:
        raise ValueError(f"shapes {list(a.shape)} and {list(b.shape)} do not match")
    if isinstance(a, Expression):
        if isinstance(b, Expression):
            return _pairs(node, a, b)
        if math.prod(b.shape[:-2]) == 1:
            batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
            linear = Dense(b.reshape(k, n).T, before=a.size // k)
            return a.then(linear, check_size((*batch, m, n)))
        # (A B)^T = B^T A^T: the constant moves to the left.
        return _swapped(_batched(np.swapaxes(b, -1, -2), _swapped(a)))
    if isinstance(b, Expression):
        if math.prod(a.shape[:-2]) == 1:
            batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
            return b.then(Dense(a.reshape(m, k), b.size // (k * n), n), check_size((*batch, m, n)))
        return _batched(a, b)
    return fold(_folded, a, b)


def _pairs(node: Node, a: Expression, b: Expression) -> Value:
    """A b of two variable tensors: the products of all entries that meet, as a layer, and their sums."""
    stack = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    shape = check_size((*stack, a.shape[-2], b.shape[-1], a.shape[-1]))
    left = rearrange(node.named(a), lambda t: np.broadcast_to(t[..., :, None, :], shape))
    right = rearrange(node.named(b), lambda t: np.broadcast_to(np.swapaxes(t, -1, -2)[..., None, :, :], shape))
    return averaged(node.combine(left, right, Product()), [len(shape) - 1], keep=False, mean=False)


def _swapped(x: Expression) -> Expression:
    return rearrange(x, lambda t: np.swapaxes(t, -1, -2))


def _batched(a: Tensor, b: Expression) -> Expression:
    """A stack of matrices (..., m, k), each times its own matrix of variables (..., k, n)."""
    assert not isinstance(a, Expression)
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    stack = math.prod(batch)
    (m, k), n = a.shape[-2:], b.shape[-1]
    shape = check_size((*batch, m, n))
    kernel = np.broadcast_to(a, (*batch, m, k)).reshape(stack * m, k, 1, 1)
    # A 1x1 convolution over n positions whose groups are the matrices of the stack.
    linear = Convolution(kernel, (stack * k, 1, n), groups=stack)
    return broadcast(b, (*batch, k, n)).then(linear, shape)


def _folded(a: Tensor, b: Tensor) -> Tensor:
    """A b of constants, summed in one order on every machine: what is folded enters digests, and libraries differ."""
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    total = np.zeros(check_size((*batch, a.shape[-2], b.shape[-1])), a.dtype)
    for k in range(a.shape[-1]):
        total += a[..., :, k, None] * b[..., None, k, :]
    return total


def averaged(x: Value, axes: Sequence[int], keep: bool, mean: bool) -> Value:
    """The sum or mean over some axes.

    Args:
        x: the tensor.
        axes: which, counted from the front.
        keep: True to keep them as dimensions of one.
        mean: True to divide by the number of summands.
    """
    if not axes:
        return x
    if not isinstance(x, Expression):
        return fold(lambda t: (np.mean if mean else np.sum)(t, tuple(axes), keepdims=keep, dtype=t.dtype), x)
    rest = [k for k in range(x.ndim) if k not in axes]
    count = math.prod(x.shape[k] for k in axes)
    moved = rearrange(x, lambda t: t.transpose(*rest, *axes))
    shape = tuple(1 if k in axes else x.shape[k] for k in range(x.ndim) if keep or k not in axes)
    total = moved.then(Dense(np.ones((1, count)), before=math.prod(shape)), shape)
    return total.scaled(1.0 / count, uncertain=1, source=["reciprocal", count]) if mean else total

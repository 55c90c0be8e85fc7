"""Normalisation: with constants that were learnt, an affine map per channel; with statistics of the tensor itself.

Of the latter the deviation is 1 / sqrt(v + epsilon) as one curve of the variance v, and multiplies what was centred.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ivan.network.activations import Power, Reciprocal, Sqrt, Square
from ivan.network.activations.rounding import UNKNOWN
from ivan.network.onnx_ops.elementwise import plus
from ivan.network.onnx_ops.linear import averaged
from ivan.network.onnx_ops.node import Node, fold
from ivan.network.onnx_ops.products import times
from ivan.network.onnx_ops.shape import reshaped
from ivan.network.onnx_ops.values import Expression, Value, lift, normal_axis

_ROUNDINGS = 4
"""Of the factor scale / sqrt(var + eps): an addition (halved by the root), a root, a division; one to spare."""


def batch_normalization(
    node: Node,
    x: Value,
    scale: Value,
    bias: Value,
    mean: Value,
    variance: Value,
    *,
    epsilon: float = float(np.float32(1e-5)),  # as ONNX holds it
    momentum: float = 0.9,
    spatial: int = 1,
    training_mode: int = 0,
) -> Value:
    """BatchNormalization, for inference: (x - mean) scale / sqrt(var + eps) + bias, per channel (axis 1)."""
    if training_mode or not spatial:
        raise node.unsupported("in training mode" if training_mode else "without spatial statistics")
    gamma, beta, mu, var = (
        node.constant(value, what).astype(np.float64)
        for value, what in ((scale, "scale"), (bias, "bias"), (mean, "mean"), (variance, "variance"))
    )
    image = lift(x)
    channels = image.shape[1] if image.ndim > 1 else 1
    if any(parameter.shape != (channels,) for parameter in (gamma, beta, mu, var)):
        raise ValueError(f"parameters do not fit {channels} channels")
    if np.any(var + epsilon <= 0.0):
        raise ValueError("a variance is not positive")
    line = (channels, *[1] * max(image.ndim - 2, 0))
    factor = fold(lambda: gamma / np.sqrt(var + epsilon)).reshape(line)
    source = ["batch normalisation", gamma, var, epsilon, list(image.shape)]
    return image.minus(mu.reshape(line)).scaled(factor, _ROUNDINGS, source).plus(beta.reshape(line))


def layer_normalization(
    node: Node,
    x: Value,
    scale: Value,
    bias: Value | None = None,
    *,
    axis: int = -1,
    epsilon: float = float(np.float32(1e-5)),
    stash_type: int = 1,
) -> tuple[Value, ...]:
    """LayerNormalization over the axes from one on, with mean and inverse deviation as further outputs."""
    first = normal_axis(axis, x.ndim)
    centred, mean = _centred(node, lift(x), range(first, x.ndim))
    inverse = _inverse_deviation(node, centred, range(first, x.ndim), epsilon)
    normal = times(node, times(node, centred, inverse), scale)
    return (normal if bias is None else plus(normal, bias), mean, inverse)[: node.outputs]


def rms_normalization(
    node: Node,
    x: Value,
    scale: Value,
    *,
    axis: int = -1,
    epsilon: float = float(np.float32(1e-5)),
    stash_type: int = 1,
) -> Value:
    """RMSNormalization: divided by the root of the mean square over the axes from one on."""
    named, axes = node.named(lift(x)), range(normal_axis(axis, x.ndim), x.ndim)
    return times(node, times(node, named, _inverse_deviation(node, named, axes, epsilon)), scale)


def instance_normalization(
    node: Node, x: Value, scale: Value, bias: Value, *, epsilon: float = float(np.float32(1e-5))
) -> Value:
    """InstanceNormalization: each channel of each sample."""
    line = (x.shape[1], *[1] * (x.ndim - 2))
    normal = _normal(node, lift(x), range(2, x.ndim), epsilon)
    return plus(times(node, normal, reshaped(scale, line)), reshaped(bias, line))


def group_normalization(
    node: Node,
    x: Value,
    scale: Value,
    bias: Value,
    *,
    num_groups: int,
    epsilon: float = float(np.float32(1e-5)),
    stash_type: int = 1,
) -> Value:
    """GroupNormalization: each group of channels of each sample; scale and bias are per group before opset 21."""
    n, channels = x.shape[:2]
    if num_groups < 1 or channels % num_groups:
        raise ValueError(f"{channels} channels in {num_groups} groups")
    grouped = (n, num_groups, channels // num_groups, *x.shape[2:])
    normal = _normal(node, lift(reshaped(x, grouped)), range(2, len(grouped)), epsilon)
    each = 1 if node.opset < 21 else channels // num_groups
    line = (num_groups, each, *[1] * (x.ndim - 2))
    result = plus(times(node, normal, reshaped(scale, line)), reshaped(bias, line))
    return reshaped(result, x.shape)


def mean_variance_normalization(node: Node, x: Value, *, axes: Sequence[int] = (0, 2, 3)) -> Value:
    """MeanVarianceNormalization: divided by the deviation and 1e-9."""
    chosen = sorted({normal_axis(k, x.ndim) for k in axes})
    centred, _ = _centred(node, lift(x), chosen)
    variance = lift(averaged(node.activate(centred, Square()), chosen, keep=True, mean=True))
    deviation = node.activate(variance, Sqrt(clipped=True)).plus(np.asarray(1e-9))
    return times(node, centred, node.activate(deviation, Reciprocal(), UNKNOWN))


def _normal(node: Node, x: Expression, axes: Sequence[int], epsilon: float) -> Value:
    """Centred, and divided by the deviation, over some axes."""
    centred, _ = _centred(node, x, axes)
    return times(node, centred, _inverse_deviation(node, centred, axes, epsilon))


def _centred(node: Node, x: Expression, axes: Sequence[int]) -> tuple[Expression, Expression]:
    """The tensor less its mean over some axes, as a layer, and the mean."""
    mean = lift(averaged(x, axes, keep=True, mean=True))
    return node.named(x.minus(mean)), mean


def _inverse_deviation(node: Node, centred: Expression, axes: Sequence[int], epsilon: float) -> Expression:
    """1 / sqrt(mean of squares + epsilon) over some axes, which stay with length one."""
    variance = lift(averaged(node.activate(centred, Square()), axes, keep=True, mean=True))
    return node.activate(variance.plus(np.asarray(epsilon)), Power(-0.5), UNKNOWN)

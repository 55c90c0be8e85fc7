"""Normalisation with constants that were learnt: an affine map per channel."""

from __future__ import annotations

import numpy as np

from ivan.network.onnx_ops.node import Node, fold
from ivan.network.onnx_ops.values import Value, lift

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

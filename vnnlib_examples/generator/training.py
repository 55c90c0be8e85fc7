"""Losses and Adam."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from generator.layers import Array, Sequential

Loss = Callable[[Array, Array], Array]
"""The gradient of the mean loss in the outputs, given outputs and targets, both (B, outputs)."""


def squared_error(outputs: Array, targets: Array) -> Array:
    """Gradient of the mean over the batch of |outputs - targets|^2."""
    return 2.0 * (outputs - targets) / len(outputs)


def cross_entropy(outputs: Array, targets: Array) -> Array:
    """Gradient of the mean cross-entropy of softmax(outputs); targets are one-hot."""
    exponentials = np.exp(outputs - outputs.max(1, keepdims=True))
    probabilities: Array = exponentials / exponentials.sum(1, keepdims=True)
    return (probabilities - targets) / len(outputs)


@dataclass(frozen=True)
class Data:
    """Samples: inputs (N, ...) and targets (N, outputs)."""

    inputs: Array
    targets: Array


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train; the rate falls to zero along half a cosine."""

    epochs: int
    rate: float
    batch: int


def train(model: Sequential, data: Data, loss: Loss, schedule: Schedule, rng: np.random.Generator) -> None:
    """Trains the model in place with Adam (Kingma and Ba, 2015)."""
    parameters = model.parameters
    first = [np.zeros_like(parameter) for parameter in parameters]
    second = [np.zeros_like(parameter) for parameter in parameters]
    batches = len(data.inputs) // schedule.batch
    steps = schedule.epochs * batches
    order = np.arange(0)
    for step in range(steps):
        if step % batches == 0:
            order = rng.permutation(len(data.inputs))
        chosen = order[(step % batches) * schedule.batch :][: schedule.batch]
        outputs, memory = model.forward(data.inputs[chosen], training=True)
        _, gradients = model.backward(memory, loss(outputs, data.targets[chosen]))
        rate = schedule.rate * 0.5 * (1.0 + np.cos(np.pi * step / steps))
        for parameter, gradient, m, v in zip(parameters, gradients, first, second, strict=True):
            m += 0.1 * (gradient - m)
            v += 0.001 * (gradient**2 - v)
            mean, variance = m / (1.0 - 0.9 ** (step + 1)), v / (1.0 - 0.999 ** (step + 1))
            parameter -= rate * mean / (np.sqrt(variance) + 1e-8)

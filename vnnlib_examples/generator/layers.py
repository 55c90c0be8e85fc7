"""The layers that the examples need, each with its forward pass and its gradient.

A forward pass returns the values and whatever the backward pass wants to remember; the backward pass returns the
gradient of the input and those of the parameters, in the order of `parameters`. The batch is the first axis; everything
is float64 until export, so that the trained weights depend as little as possible on the machine's order of summation.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Gradients = list[Array]


class Layer(Protocol):
    """What training and export ask of a layer."""

    @property
    def parameters(self) -> list[Array]:
        """Trained arrays, updated in place."""

    def forward(self, x: Array, training: bool) -> tuple[Array, Any]:
        """Values at x, and a memory for `backward`."""

    def backward(self, memory: Any, gradient: Array) -> tuple[Array, Gradients]:
        """Gradients of the loss in x and in the parameters, given that in the values."""


class Stateless:
    """A layer without parameters."""

    @property
    def parameters(self) -> list[Array]:
        """None."""
        return []


class Dense:
    """y = x W^T + b, W of shape (outputs, inputs)."""

    def __init__(self, inputs: int, outputs: int, rng: np.random.Generator) -> None:
        self.weight = rng.normal(0.0, np.sqrt(2.0 / inputs), (outputs, inputs))
        self.bias = np.zeros(outputs)

    @property
    def parameters(self) -> list[Array]:
        """Weight and bias."""
        return [self.weight, self.bias]

    def forward(self, x: Array, training: bool) -> tuple[Array, Any]:
        """(B, inputs) -> (B, outputs)."""
        return x @ self.weight.T + self.bias, x

    def backward(self, memory: Any, gradient: Array) -> tuple[Array, Gradients]:
        """(B, outputs) -> (B, inputs)."""
        return gradient @ self.weight, [gradient.T @ memory, gradient.sum(0)]


class Convolution:
    """A 3x3 convolution with padding 1; weight (outputs, inputs, 3, 3), images (B, channels, height, width)."""

    def __init__(self, inputs: int, outputs: int, rng: np.random.Generator, stride: int = 1) -> None:
        self.weight = rng.normal(0.0, np.sqrt(2.0 / (9 * inputs)), (outputs, inputs, 3, 3))
        self.bias = np.zeros(outputs)
        self.stride = stride

    @property
    def parameters(self) -> list[Array]:
        """Weight and bias."""
        return [self.weight, self.bias]

    def forward(self, x: Array, training: bool) -> tuple[Array, Any]:
        """One product per position of the kernel, summed."""
        padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
        height, width = ((size - 1) // self.stride + 1 for size in x.shape[2:])
        y = sum(
            np.einsum("oi,bihw->bohw", self.weight[:, :, r, c], padded[:, :, rows, columns])
            for (r, c), (rows, columns) in self._taps(height, width)
        )
        return y + self.bias[:, None, None], padded

    def backward(self, memory: Any, gradient: Array) -> tuple[Array, Gradients]:
        """Each position of the kernel sends the gradient back to the pixels that it saw."""
        padded = np.zeros_like(memory)
        weight = np.zeros_like(self.weight)
        for (r, c), (rows, columns) in self._taps(*gradient.shape[2:]):
            padded[:, :, rows, columns] += np.einsum("oi,bohw->bihw", self.weight[:, :, r, c], gradient)
            weight[:, :, r, c] = np.einsum("bohw,bihw->oi", gradient, memory[:, :, rows, columns])
        return padded[:, :, 1:-1, 1:-1], [weight, gradient.sum((0, 2, 3))]

    def _taps(self, height: int, width: int) -> Iterator[tuple[tuple[int, int], tuple[slice, slice]]]:
        """Positions in the kernel, each with the padded pixels that it sees."""
        for r, c in np.ndindex(3, 3):
            yield (
                (r, c),
                (
                    slice(r, r + self.stride * (height - 1) + 1, self.stride),
                    slice(c, c + self.stride * (width - 1) + 1, self.stride),
                ),
            )


class BatchNormalization:
    """Per channel: (x - mean) / sqrt(variance + epsilon) * scale + bias; the statistics are a running average."""

    epsilon = 1e-5
    memory_of_statistics = 0.9

    def __init__(self, channels: int) -> None:
        self.scale = np.ones(channels)
        self.bias = np.zeros(channels)
        self.mean = np.zeros(channels)
        self.variance = np.ones(channels)

    @property
    def parameters(self) -> list[Array]:
        """Scale and bias; the statistics are not trained but observed."""
        return [self.scale, self.bias]

    def forward(self, x: Array, training: bool) -> tuple[Array, Any]:
        """Normalises by the batch's own statistics in training, by the running ones afterwards."""
        mean, variance = self.mean, self.variance
        if training:
            mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3))
            keep = self.memory_of_statistics
            self.mean = keep * self.mean + (1 - keep) * mean
            self.variance = keep * self.variance + (1 - keep) * variance
        deviation = np.sqrt(variance + self.epsilon)
        normal = (x - mean[:, None, None]) / deviation[:, None, None]
        return normal * self.scale[:, None, None] + self.bias[:, None, None], (normal, deviation)

    def backward(self, memory: Any, gradient: Array) -> tuple[Array, Gradients]:
        """The batch's mean and variance depend on x too, which takes two projections off the gradient."""
        normal, deviation = memory
        scaled = gradient * self.scale[:, None, None]
        along = (scaled * normal).mean((0, 2, 3), keepdims=True)
        inner = scaled - scaled.mean((0, 2, 3), keepdims=True) - normal * along
        return inner / deviation[:, None, None], [(gradient * normal).sum((0, 2, 3)), gradient.sum((0, 2, 3))]


class Relu(Stateless):
    """max(x, 0), entry by entry."""

    def forward(self, x: Array, training: bool) -> tuple[Array, Any]:
        """Same shape as x."""
        return np.maximum(x, 0.0), x > 0.0

    def backward(self, memory: Any, gradient: Array) -> tuple[Array, Gradients]:
        """Passes where x was positive."""
        return gradient * memory, []


class MaxPool(Stateless):
    """The maximum of each 2x2 window; (B, C, 2h, 2w) -> (B, C, h, w)."""

    def forward(self, x: Array, training: bool) -> tuple[Array, Any]:
        """The windows become the last axis, and the winner of each is remembered."""
        batch, channels, height, width = x.shape
        windows = x.reshape(batch, channels, height // 2, 2, width // 2, 2).swapaxes(3, 4)
        windows = windows.reshape(batch, channels, height // 2, width // 2, 4)
        return windows.max(-1), np.eye(4)[windows.argmax(-1)]

    def backward(self, memory: Any, gradient: Array) -> tuple[Array, Gradients]:
        """The winner of a window takes its gradient."""
        batch, channels, height, width = gradient.shape
        windows = (memory * gradient[..., None]).reshape(batch, channels, height, width, 2, 2)
        return windows.swapaxes(3, 4).reshape(batch, channels, 2 * height, 2 * width), []


class Flatten(Stateless):
    """(B, ...) -> (B, n)."""

    def forward(self, x: Array, training: bool) -> tuple[Array, Any]:
        """Row-major."""
        return x.reshape(len(x), -1), x.shape

    def backward(self, memory: Any, gradient: Array) -> tuple[Array, Gradients]:
        """The shape of x again."""
        return gradient.reshape(memory), []


class Sequential:
    """One layer after the other."""

    def __init__(self, *layers: Layer) -> None:
        self.layers = layers

    @property
    def parameters(self) -> list[Array]:
        """Those of all layers, in order."""
        return [parameter for layer in self.layers for parameter in layer.parameters]

    def forward(self, x: Array, training: bool) -> tuple[Array, Any]:
        """Remembers what each layer does."""
        memories = []
        for layer in self.layers:
            x, memory = layer.forward(x, training)
            memories.append(memory)
        return x, memories

    def backward(self, memory: Any, gradient: Array) -> tuple[Array, Gradients]:
        """The chain rule."""
        gradients: Gradients = []
        for layer, remembered in zip(reversed(self.layers), reversed(memory), strict=True):
            gradient, own = layer.backward(remembered, gradient)
            gradients = own + gradients
        return gradient, gradients

    def __call__(self, x: Array) -> Array:
        """Outputs of the trained model."""
        return self.forward(x, training=False)[0]


class Residual:
    """x + body(x)."""

    def __init__(self, body: Sequential) -> None:
        self.body = body

    @property
    def parameters(self) -> list[Array]:
        """Those of the body."""
        return self.body.parameters

    def forward(self, x: Array, training: bool) -> tuple[Array, Any]:
        """Same shape as x."""
        y, memory = self.body.forward(x, training)
        return x + y, memory

    def backward(self, memory: Any, gradient: Array) -> tuple[Array, Gradients]:
        """The gradient takes both ways."""
        inner, gradients = self.body.backward(memory, gradient)
        return gradient + inner, gradients


def perceptron(sizes: list[int], rng: np.random.Generator) -> Sequential:
    """Dense layers of these sizes, inputs and outputs included, with a ReLU between any two."""
    layers: list[Layer] = []
    for inputs, outputs in pairwise(sizes):
        layers += [Dense(inputs, outputs, rng), Relu()]
    return Sequential(*layers[:-1])


def walk(model: Layer) -> Iterator[Layer]:
    """Every layer of a model, those inside others included."""
    yield model
    if isinstance(model, Sequential):
        for layer in model.layers:
            yield from walk(layer)
    elif isinstance(model, Residual):
        yield from walk(model.body)

"""Layers of other kinds of models: steps of a differential equation, messages along a graph, attention."""

from __future__ import annotations

from typing import Any

import numpy as np

from generator.layers import Array, Gradients, Residual, Sequential, Stateless


class Euler(Residual):
    """The flow of x' = body(x) in explicit Euler steps: x + step * body(x), again and again with the same weights."""

    def __init__(self, body: Sequential, step: float, count: int) -> None:
        super().__init__(body)
        self.step = step
        self.count = count

    def forward(self, x: Array, training: bool) -> tuple[Array, Any]:
        """Same shape as x."""
        memories = []
        for _ in range(self.count):
            slope, memory = self.body.forward(x, training)
            x = x + self.step * slope
            memories.append(memory)
        return x, memories

    def backward(self, memory: Any, gradient: Array) -> tuple[Array, Gradients]:
        """The weights take the gradients of all steps."""
        total: Gradients = [np.zeros_like(parameter) for parameter in self.parameters]
        for remembered in reversed(memory):
            inner, gradients = self.body.backward(remembered, self.step * gradient)
            gradient = gradient + inner
            total = [before + here for before, here in zip(total, gradients, strict=True)]
        return gradient, total


class GraphConvolution:
    """Y = A X W^T + b with a fixed A of shape (nodes, nodes); (B, nodes, inputs) -> (B, nodes, outputs).

    Source: Kipf and Welling, Semi-Supervised Classification with Graph Convolutional Networks, 2017, equation 2.
    """

    def __init__(self, adjacency: Array, inputs: int, outputs: int, rng: np.random.Generator) -> None:
        self.adjacency = adjacency
        self.weight = rng.normal(0.0, np.sqrt(2.0 / inputs), (outputs, inputs))
        self.bias = np.zeros(outputs)

    @property
    def parameters(self) -> list[Array]:
        """Weight and bias."""
        return [self.weight, self.bias]

    def forward(self, x: Array, training: bool) -> tuple[Array, Any]:
        """Every node gathers from its neighbours; then every node does the same."""
        gathered = self.adjacency @ x
        return gathered @ self.weight.T + self.bias, gathered

    def backward(self, memory: Any, gradient: Array) -> tuple[Array, Gradients]:
        """(B, nodes, outputs) -> (B, nodes, inputs)."""
        weight = np.einsum("bno,bni->oi", gradient, memory)
        return self.adjacency.T @ (gradient @ self.weight), [weight, gradient.sum((0, 1))]


class Mean(Stateless):
    """The mean over nodes or tokens: (B, n, features) -> (B, features)."""

    def forward(self, x: Array, training: bool) -> tuple[Array, Any]:
        """Remembers n."""
        return x.mean(1), x.shape[1]

    def backward(self, memory: Any, gradient: Array) -> tuple[Array, Gradients]:
        """Everyone takes the same share."""
        return np.repeat(gradient[:, None, :] / memory, memory, axis=1), []


class Attention:
    """One head: softmax(Q K^T / sqrt(width)) V with Q, K and V affine in the tokens; (B, n, inputs) -> (B, n, width).

    Only the queries have a bias: that of the keys would cancel in the softmax, that of the values belongs behind.

    Source: Vaswani et al., Attention Is All You Need, 2017, equation 1.
    """

    def __init__(self, inputs: int, width: int, rng: np.random.Generator) -> None:
        self.query, self.key, self.value = (rng.normal(0.0, np.sqrt(1.0 / inputs), (inputs, width)) for _ in range(3))
        self.bias = np.zeros(width)

    @property
    def parameters(self) -> list[Array]:
        """The maps to queries, keys and values, each (inputs, width), and the bias of the queries."""
        return [self.query, self.key, self.value, self.bias]

    @property
    def scale(self) -> float:
        """What the products of queries and keys are multiplied by."""
        return float(self.query.shape[1] ** -0.5)

    def forward(self, x: Array, training: bool) -> tuple[Array, Any]:
        """Remembers the tokens, what they were mapped to, and the weights (B, n, n)."""
        query, key, value = x @ self.query + self.bias, x @ self.key, x @ self.value
        scores = self.scale * query @ key.swapaxes(1, 2)
        exponentials = np.exp(scores - scores.max(2, keepdims=True))
        weights = exponentials / exponentials.sum(2, keepdims=True)
        return weights @ value, (x, query, key, value, weights)

    def backward(self, memory: Any, gradient: Array) -> tuple[Array, Gradients]:
        """(B, n, width) -> (B, n, inputs)."""
        x, query, key, value, weights = memory
        outer = gradient @ value.swapaxes(1, 2)
        scores = self.scale * weights * (outer - (outer * weights).sum(2, keepdims=True))
        slopes = [scores @ key, scores.swapaxes(1, 2) @ query, weights.swapaxes(1, 2) @ gradient]
        maps = [self.query, self.key, self.value]
        inner: Array = sum((slope @ matrix.T for slope, matrix in zip(slopes, maps, strict=True)), np.zeros_like(x))
        return inner, [*(np.einsum("bni,bnw->iw", x, slope) for slope in slopes), slopes[0].sum((0, 1))]

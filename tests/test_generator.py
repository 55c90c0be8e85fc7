"""The examples' own training is right: gradients, and what is exported is what was trained."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

sys.path.append(str(Path(__file__).parent.parent / "vnnlib_examples"))

from generator import foveated, training
from generator.blocks import Attention, Euler, GraphConvolution, Mean
from generator.export import Graph
from generator.layers import (
    BatchNormalization,
    Convolution,
    Dense,
    Flatten,
    MaxPool,
    Relu,
    Residual,
    Sequential,
    perceptron,
)

RNG = np.random.default_rng(0)
ADJACENCY = RNG.uniform(size=(4, 4))
LAYERS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "dense": (Dense(3, 2, RNG), (3,)),
    "convolution": (Convolution(2, 3, RNG), (2, 4, 4)),
    "convolution with a stride": (Convolution(2, 3, RNG, stride=2), (2, 4, 4)),
    "normalisation": (BatchNormalization(2), (2, 3, 3)),
    "relu": (Relu(), (5,)),
    "max-pool": (MaxPool(), (2, 4, 4)),
    "flatten": (Flatten(), (2, 3)),
    "residual": (Residual(perceptron([3, 4, 3], RNG)), (3,)),
    "Euler steps": (Euler(perceptron([2, 4, 2], RNG), 0.3, 3), (2,)),
    "graph convolution": (GraphConvolution(ADJACENCY, 2, 3, RNG), (4, 2)),
    "mean": (Mean(), (3, 2)),
    "attention": (Attention(3, 2, RNG), (4, 3)),
    "a model": (
        Sequential(GraphConvolution(ADJACENCY, 2, 3, RNG), Relu(), Attention(3, 2, RNG), Mean(), Dense(2, 2, RNG)),
        (4, 2),
    ),
}
for one, _ in LAYERS.values():
    for trained in one.parameters:  # biases start at zero, which would hide that one is left out
        trained += RNG.normal(0.0, 0.3, trained.shape)
SMALL = 1e-6


def slopes(value: Callable[[], float], array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Central differences of a value in the entries of an array, which are moved and moved back."""
    found = np.zeros_like(array)
    for place in np.ndindex(array.shape):
        there = array[place]
        array[place] = there + SMALL
        above = value()
        array[place] = there - SMALL
        found[place] = (above - value()) / (2 * SMALL)
        array[place] = there
    return found


@pytest.mark.parametrize("name", LAYERS)
def test_gradients_are_the_slopes(name: str) -> None:
    layer, shape = LAYERS[name]
    rng = np.random.default_rng(1)
    x = rng.normal(size=(3, *shape))
    y, memory = layer.forward(x, training=True)
    weight = rng.normal(size=y.shape)

    def value() -> float:
        return float((weight * layer.forward(x, training=True)[0]).sum())

    inner, gradients = layer.backward(memory, weight)
    assert len(gradients) == len(layer.parameters)
    for array, gradient in zip([x, *layer.parameters], [inner, *gradients], strict=True):
        assert np.allclose(slopes(value, array), gradient, atol=1e-6)


def test_the_gradients_of_losses_are_the_slopes() -> None:
    rng = np.random.default_rng(2)
    outputs, targets = rng.normal(size=(4, 3)), np.eye(3)[[0, 2, 1, 1]]

    def entropy() -> float:
        return float((np.log(np.exp(outputs).sum(1)) - (outputs * targets).sum(1)).mean())

    assert np.allclose(slopes(entropy, outputs), training.cross_entropy(outputs, targets), atol=1e-6)
    error = slopes(lambda: float(((outputs - targets) ** 2).sum(1).mean()), outputs)
    assert np.allclose(error, training.squared_error(outputs, targets), atol=1e-6)


@pytest.mark.parametrize("name", LAYERS)
def test_the_exported_layer_computes_the_same(name: str, tmp_path: Path) -> None:
    layer, shape = LAYERS[name]
    x = np.random.default_rng(3).normal(size=(1, *shape)).astype(np.float32)
    expected = layer.forward(x.astype(np.float64), training=False)[0].reshape(1, -1)
    graph, path = Graph(), tmp_path / "layer.onnx"
    result = graph.node("Flatten", graph.append(layer, "x"))
    graph.write(path, shape, [result], [expected.shape[1]])
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert np.allclose(session.run(None, {"x": x})[0], expected, atol=1e-5)


def test_the_eye_of_the_exported_model_sees_what_the_training_saw(tmp_path: Path) -> None:
    images = np.random.default_rng(4).uniform(size=(1, foveated.CHANNELS, foveated.SIDE, foveated.SIDE))
    graph, path = Graph(), tmp_path / "eye.onnx"
    result = graph.node("Flatten", foveated.eye(graph, "x"))
    graph.write(path, images.shape[1:], [result], [images.size])
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    seen = foveated.seen(images)
    assert np.allclose(session.run(None, {"x": images.astype(np.float32)})[0], seen.reshape(1, -1), atol=1e-5)


def test_the_eye_leaves_a_plain_grey_area_and_the_middle_as_they_are_and_takes_colour_from_the_edge() -> None:
    plain = np.full((1, foveated.CHANNELS, foveated.SIDE, foveated.SIDE), 0.4)
    assert np.allclose(foveated.seen(plain), plain)
    images = np.random.default_rng(5).uniform(size=plain.shape)
    seen = foveated.seen(images)
    middle = foveated.distance() <= foveated.RADII[0]
    assert middle.any()
    assert np.allclose(seen[..., middle], images[..., middle])
    edge = foveated.distance() >= foveated.RADII[-1]
    assert np.ptp(seen[..., edge], axis=1).mean() < 0.1 * np.ptp(images[..., edge], axis=1).mean()

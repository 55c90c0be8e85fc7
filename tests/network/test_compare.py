"""Distances between versions of a model."""

from __future__ import annotations

import math
import zlib

import numpy as np
import onnx
import pytest
from tests.models import ALL, DOUBLE, Graph, dense

from ivan.errors import StoreError
from ivan.network.compare import distance_to, same_architecture, stored_arrays, weight_distance, weights, weights_bytes
from ivan.network.onnx_reader import read_network


@pytest.fixture
def network(tmp_path):
    def read(data: bytes):
        path = tmp_path / "model.onnx"
        path.write_bytes(data)
        return read_network(path)

    return read


def _moved(data: bytes, by: float) -> bytes:
    proto = onnx.load_from_string(data)
    for tensor in proto.graph.initializer:
        array = onnx.numpy_helper.to_array(tensor)
        tensor.CopyFrom(onnx.numpy_helper.from_array((array * np.float32(1 + by)).astype(np.float32), tensor.name))
    return proto.SerializeToString()


def test_the_distance_is_relative_and_grows_with_the_change(network):
    data = dense([3, 8, 2], np.random.default_rng(0))
    original, near, far = (network(_moved(data, by)) for by in (0.0, 0.01, 0.1))
    assert weight_distance(original, original) == 0.0
    assert weight_distance(original, near) == pytest.approx(0.01, rel=1e-3)
    assert weight_distance(original, far) == pytest.approx(0.1, rel=1e-3)


def test_different_architectures_are_infinitely_far_apart(network):
    a, b, c = (network(dense(sizes, np.random.default_rng(0))) for sizes in ([3, 8, 2], [3, 9, 2], [3, 8, 2]))
    assert same_architecture(a, c)
    assert not same_architecture(a, b)
    assert weight_distance(a, b) == math.inf
    assert distance_to(a, weights_bytes(b)) == math.inf


@pytest.mark.parametrize("kind", sorted(ALL))
def test_stored_weights_give_the_same_distance_as_the_network(kind, network):
    a, b = (network(ALL[kind](np.random.default_rng(seed))) for seed in (0, 1))
    assert distance_to(a, weights_bytes(a)) == 0.0
    assert distance_to(a, weights_bytes(b)) == weight_distance(a, b)
    assert 0.0 < weight_distance(a, b) < math.inf


def test_weights_of_double_precision_are_stored_without_loss(network):
    g = Graph()
    W = np.random.default_rng(0).standard_normal((3, 2)) * 1e100
    double = network(g.model({"x": [1, 3]}, [g.node("MatMul", "x", W)], DOUBLE))
    assert distance_to(double, weights_bytes(double)) == 0.0


@pytest.mark.parametrize("kind", sorted(ALL))
def test_stored_arrays_are_the_weights_in_their_shapes(kind, network):
    a = network(ALL[kind](np.random.default_rng(0)))
    parts = stored_arrays(weights_bytes(a))
    np.testing.assert_array_equal(np.concatenate([part.ravel() for part in parts]), weights(a))
    if kind == "dense":
        assert [part.shape for part in parts] == [(8, 4), (8,), (8, 8), (8,), (3, 8), (3,)]


def test_weights_without_shapes_are_still_compared(network):
    """The first version of the format kept the numbers alone."""
    a, b = (network(dense([3, 8, 2], np.random.default_rng(seed))) for seed in (0, 1))
    first = b"ivan weights 1 <f4\n" + zlib.compress(weights(b).astype("<f4").tobytes())
    assert distance_to(a, first) == weight_distance(a, b)
    assert stored_arrays(first) is None


def test_a_network_without_weights_has_distance_zero_to_itself(network):
    g = Graph()
    plain = network(g.model({"x": [1, 3]}, [g.node("Relu", "x")]))
    assert weight_distance(plain, plain) == distance_to(plain, weights_bytes(plain)) == 0.0


@pytest.mark.parametrize(
    "damage",
    [
        lambda b: b"",
        lambda b: b[:-5],
        lambda b: b"other" + b,
        lambda b: b.replace(b"<f4", b"<i4"),
        lambda b: b[:20],
        lambda b: b.replace(b"8x3", b"9x3"),
        lambda b: b.replace(b"8x3", b"-8x3"),
        lambda b: b.replace(b",", b"\n", 1),
        lambda b: b.replace(b"weights 2", b"weights 3"),
    ],
)
def test_damaged_weights_are_reported(damage, network):
    a = network(dense([3, 8, 2], np.random.default_rng(0)))
    with pytest.raises(StoreError, match="stored weights are damaged"):
        distance_to(a, damage(weights_bytes(a)))

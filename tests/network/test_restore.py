"""An earlier version's network comes back exactly as it was, or not at all."""

from __future__ import annotations

import numpy as np
import pytest
from tests.engine import NETWORKS, dense, from_onnx
from tests.models import Graph, Rng, weights
from tests.models import dense as dense_model

from ivan.network.compare import stored_arrays, weights_bytes
from ivan.network.layers import Network
from ivan.network.restore import restored


def kept(network: Network) -> list[np.ndarray]:
    arrays = stored_arrays(weights_bytes(network))
    assert arrays is not None
    return arrays


@pytest.mark.parametrize("kind", sorted(set(NETWORKS) - {"onnx convolutional"}))
def test_a_version_comes_back_through_another_of_the_same_architecture(kind: str) -> None:
    old, new = (NETWORKS[kind](np.random.default_rng(seed)) for seed in (0, 1))
    found = restored(new, kept(old), old.digest)
    assert found is not None
    assert (found.digest, found.architecture_digest) == (old.digest, old.architecture_digest)


def test_what_a_file_only_implies_cannot_be_restored_with_other_numbers() -> None:
    """The factors of a batch normalisation are computed from what is kept."""
    old, new = (NETWORKS["onnx convolutional"](np.random.default_rng(seed)) for seed in (0, 1))
    assert restored(new, kept(old), old.digest) is None
    assert restored(old, kept(old), old.digest) is not None


def image_model(rng: Rng, channels: int, units: int) -> bytes:
    """Convolutions, a leaky one among them, and dense layers, of any width."""
    g = Graph()
    x = g.node("Relu", g.node("Conv", "x", weights(rng, channels, 1, 3, 3), weights(rng, channels)))
    x = g.node(
        "LeakyRelu", g.node("Conv", x, weights(rng, channels, channels, 2, 2), weights(rng, channels)), alpha=0.1
    )
    x = g.node("Relu", g.node("Gemm", g.node("Flatten", x), weights(rng, 9 * channels, units), weights(rng, units)))
    return g.model({"x": [1, 1, 6, 6]}, [g.node("Gemm", x, weights(rng, units, 2), weights(rng, 2))])


def test_a_version_with_other_sizes_comes_back() -> None:
    rng = np.random.default_rng(0)
    for old, new in (
        (from_onnx(image_model(rng, 4, 9)), from_onnx(image_model(rng, 3, 5))),
        (from_onnx(dense_model((4, 9, 7, 2), rng)), from_onnx(dense_model((4, 5, 6, 2), rng))),
    ):
        found = restored(new, kept(old), old.digest)
        assert found is not None
        x = rng.standard_normal((20, new.inputs))
        np.testing.assert_array_equal(found(x), old(x))


def test_another_structure_or_other_numbers_give_nothing() -> None:
    rng = np.random.default_rng(0)
    old, new = dense(rng, (3, 6, 6, 2)), dense(rng, (3, 5, 5, 2))
    arrays = kept(old)
    altered = [arrays[0] + 1e-9, *arrays[1:]]
    for wrong in (arrays[:-1], [*arrays, np.zeros(2)][1:], altered, arrays[::-1], [], [a.ravel() for a in arrays]):
        assert restored(new, wrong, old.digest) is None
    assert restored(dense(rng, (3, 5, 2)), arrays, old.digest) is None
    assert restored(dense(rng, (2, 5, 5, 2)), arrays, old.digest) is None

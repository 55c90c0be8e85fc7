"""Two networks as one: side by side they are both, and their differences are what one has over the other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine import EXACT, FEW, NETWORKS, PIECEWISE, Rng, affine, dense, points, versions, weights

from ivan.network.activations import Lines, Relu
from ivan.network.joint import join, side_by_side
from ivan.network.layers import Layer, Network
from ivan.network.linear import Dense

SEEDS = st.integers(0, 2**32 - 1)


class Clipped(Relu):
    """min(max(z, 0), 1), between two constants: an activation whose differences nobody has described."""

    name = "Clipped"

    def linear(self, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
        return (upper <= 0.0) | (lower >= 1.0) | ((lower >= 0.0) & (upper <= 1.0))

    def value(self, z: np.ndarray) -> np.ndarray:
        return np.clip(z, 0.0, 1.0)

    def interval(self, lower: np.ndarray, upper: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.clip(lower, 0.0, 1.0), np.clip(upper, 0.0, 1.0)

    def lines(self, lower: np.ndarray, upper: np.ndarray, slopes: np.ndarray | None = None) -> Lines:
        flat = np.zeros_like(lower)
        return Lines(flat, np.clip(lower, 0.0, 1.0), flat, np.clip(upper, 0.0, 1.0))


def with_clipped(network: Network) -> Network:
    """The network with another activation in every other layer."""
    layers = tuple(
        Layer(layer.affine, layer.activation if k % 2 else Clipped(), layer.name)
        for k, layer in enumerate(network.layers)
    )
    return Network(layers, network.input_shape, network.output, network.name, network.precision)


def some_points(rng: Rng, network: Network) -> np.ndarray:
    return points(rng, -np.ones(network.inputs), np.ones(network.inputs), 50)


@pytest.mark.parametrize("kind", sorted(NETWORKS))
@FEW
@given(seed=SEEDS, share=st.sampled_from([0.0, 1e-4, 0.1]))
def test_differences_layer_by_layer_add_up_to_the_difference_of_the_outputs(kind, share, seed):
    rng = np.random.default_rng(seed)
    first, second = versions(rng, kind, share)
    joint, x = join(first, second), some_points(rng, first)
    assert joint.difference is not None
    np.testing.assert_allclose(joint(x), second(x) - first(x), atol=1e-9)
    np.testing.assert_allclose(joint.network(x), np.concatenate([first(x), second(x)], axis=1), atol=1e-12)
    apart = joint.apart.evaluate(dict(enumerate(joint.network.forward(x))))
    np.testing.assert_allclose(apart, second(x) - first(x), atol=1e-12)


@pytest.mark.parametrize("kind", sorted(EXACT))
@FEW
@given(seed=SEEDS)
def test_values_whose_difference_is_not_described_are_subtracted_as_they_are(kind, seed):
    rng = np.random.default_rng(seed)
    first, second = map(with_clipped, versions(rng, kind, 0.1))
    joint, x = join(first, second), some_points(rng, first)
    assert len(joint.pairs) == len(first.layers) // 2
    np.testing.assert_allclose(joint(x), second(x) - first(x), atol=1e-9)


def test_networks_of_different_architectures_have_only_the_difference_of_their_outputs():
    rng = np.random.default_rng(0)
    first, second = dense(rng, (3, 5, 2)), dense(rng, (3, 4, 4, 2))
    joint, x = join(first, second), some_points(rng, first)
    assert joint.difference is None
    assert joint.pairs == ()
    np.testing.assert_allclose(joint(x), second(x) - first(x), atol=1e-12)


@pytest.mark.parametrize("kind", sorted(PIECEWISE))
def test_nothing_but_differences_is_left_of_a_network_and_itself(kind):
    """No term reads a value of the network: L - L is dropped, whatever was computed on the way to L."""
    network = NETWORKS[kind](np.random.default_rng(0))
    joint = join(network, network)
    assert joint.difference is not None
    for expression in (*(pair.affine for pair in joint.pairs), joint.difference):
        assert all(source > len(joint.network.layers) for source, _ in expression.terms)
        assert not expression.constant.any()


def test_joining_leaves_both_networks_digests_alone():
    rng = np.random.default_rng(0)
    first, second = versions(rng, "residual", 0.1)
    before = first.digest, second.digest, first.architecture_digest
    join(first, second)
    assert (first.digest, second.digest, first.architecture_digest) == before


def test_networks_that_share_no_inputs_or_outputs_cannot_be_joined():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="3 and 4 inputs"):
        side_by_side(dense(rng, (3, 5, 2)), dense(rng, (4, 5, 2)))
    with pytest.raises(ValueError, match="2 and 3 outputs"):
        join(dense(rng, (3, 5, 2)), dense(rng, (3, 5, 3)))


def test_a_network_without_layers_is_an_affine_difference():
    rng = np.random.default_rng(0)
    a, b = (Network((), (3,), affine(2, {0: Dense(weights(rng, 2, 3))}, weights(rng, 2))) for _ in range(2))
    joint, x = join(a, b), some_points(rng, a)
    assert joint.difference is not None
    assert [source for source, _ in joint.difference.terms] == [0]
    np.testing.assert_allclose(joint(x), b(x) - a(x), atol=1e-12)

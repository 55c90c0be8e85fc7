"""The units that a version was left with are found again among those of the version that it came from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.engine import LAWS, Rng, affine, convolutional, dense, residual, weights

from ivan.incremental import matching
from ivan.incremental.matching import match
from ivan.network.activations import Relu
from ivan.network.affine import Affine
from ivan.network.layers import Layer, Network
from ivan.network.linear import Convolution, Dense, LinearMap

SEEDS = st.integers(0, 2**32 - 1)
Index = NDArray[np.int64]


def left_with(network: Network, keep: Sequence[Index], rng: Rng, noise: float = 0.0) -> Network:
    """The network with some units of each layer, in this order; every map is moved by about so large a part of it."""
    chosen = [np.arange(network.inputs), *keep]

    def within(expression: Affine, rows: Index) -> Affine:
        terms: dict[int, LinearMap] = {}
        for source, linear in expression.terms:
            matrix = linear.to_sparse().toarray()[np.ix_(rows, chosen[source])]
            terms[source] = Dense(matrix + noise * rng.standard_normal(matrix.shape) * np.sqrt(np.mean(matrix**2)))
        return affine(len(rows), terms, expression.constant[rows])

    layers = tuple(
        Layer(within(layer.affine, units), layer.activation, layer.name)
        for layer, units in zip(network.layers, keep, strict=True)
    )
    output = within(network.output, np.arange(network.outputs))
    return Network(layers, network.input_shape, output, "smaller", network.precision)


def some_units(rng: Rng, network: Network, *, ordered: bool = True) -> list[Index]:
    """From half to all units of each layer."""
    keep = []
    for layer in network.layers:
        mine = rng.permutation(layer.size)[: rng.integers(layer.size // 2, layer.size + 1)]
        keep.append(np.sort(mine) if ordered or len(mine) == layer.size else mine)
    return keep


def assert_found(old: Network, new: Network, keep: Sequence[Index]) -> None:
    found = match(old, new)
    assert found is not None
    for layer, place, mine in zip(old.layers, found.place, keep, strict=True):
        expected = np.full(layer.size, -1)
        expected[mine] = np.arange(len(mine))
        np.testing.assert_array_equal(place, expected)


@pytest.mark.parametrize("noise", [0.0, 0.05])
@pytest.mark.parametrize("ordered", [True, False])
@LAWS
@given(seed=SEEDS)
def test_units_that_were_kept_are_recovered_whatever_was_removed(noise: float, ordered: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    old = dense(rng, (4, 16, 12, 14, 3))
    keep = some_units(rng, old, ordered=ordered)
    assert_found(old, left_with(old, keep, rng, noise), keep)


@LAWS
@given(seed=SEEDS)
def test_over_skip_connections_too(seed: int) -> None:
    rng = np.random.default_rng(seed)
    old = residual(rng)
    keep = [np.arange(layer.size) for layer in old.layers]
    keep[1] = np.delete(keep[1], rng.integers(4))
    keep[3] = np.delete(keep[3], rng.integers(4))
    assert_found(old, left_with(old, keep, rng), keep)


@pytest.mark.parametrize("channel", [0, 1])
def test_channels_of_a_convolution_are_recovered(channel: int) -> None:
    rng = np.random.default_rng(0)
    old = convolutional(rng)
    other = 1 - channel
    first, second = (dict(layer.affine.terms)[k] for k, layer in enumerate(old.layers))
    assert isinstance(first, Convolution)
    assert isinstance(second, Convolution)
    narrow = Convolution(first.kernel[[other]], (1, 3, 3), pads=(1, 1, 1, 1))
    units = 9 * other + np.arange(9)
    layers = (
        Layer(affine(9, {0: narrow}, old.layers[0].affine.constant[units]), Relu()),
        Layer(affine(8, {1: Convolution(second.kernel[:, [other]], (1, 3, 3))}, old.layers[1].affine.constant), Relu()),
    )
    assert_found(old, Network(layers, old.input_shape, old.output, "narrow", "float64"), [units, np.arange(8)])


def test_units_that_take_in_the_same_are_told_apart_by_what_they_give() -> None:
    rng = np.random.default_rng(0)
    alike, apart = np.repeat(weights(rng, 1, 3), 4, axis=0), weights(rng, 2, 4)
    layer = Layer(affine(4, {0: Dense(alike)}, np.zeros(4)), Relu())
    old = Network((layer,), (3,), affine(2, {1: Dense(apart)}, np.zeros(2)))
    for gone in range(4):
        keep = [np.delete(np.arange(4), gone)]
        assert_found(old, left_with(old, keep, rng), keep)


def test_nothing_is_far_from_itself_and_what_was_changed_is() -> None:
    rng = np.random.default_rng(0)
    old = dense(rng, (4, 16, 16, 3))
    keep = some_units(rng, old)
    distances = []
    for noise in (0.0, 0.01, 0.1):
        found = match(old, left_with(old, keep, rng, noise))
        assert found is not None
        distances.append(found.distance)
    assert distances[0] < 1e-12
    assert distances[1] == pytest.approx(0.01, rel=0.5)
    assert distances[2] == pytest.approx(0.1, rel=0.5)


def test_what_is_no_smaller_version_is_not_taken_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    old = dense(rng, (4, 8, 8, 3))
    for sizes in ((4, 9, 8, 3), (4, 8, 3), (3, 8, 6, 3), (4, 8, 6, 2), (4, 6, 6, 3)):
        assert match(old, dense(rng, sizes)) is None
    keep = [np.arange(8), np.arange(6)]
    monkeypatch.setattr(matching, "MOST_PAIRS", 8)
    assert match(old, left_with(old, keep, rng)) is None


def test_weights_beyond_what_can_be_squared_match_nothing() -> None:
    rng = np.random.default_rng(0)
    old = dense(rng, (4, 8, 8, 3))
    huge = left_with(old, [np.arange(6), np.arange(5)], rng, noise=1e200)
    assert match(old, huge) is None

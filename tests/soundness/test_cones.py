"""Bounds through cones are the bounds through the whole network, and no point leaves them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine import Rng, affine, points, pre_activations, random_problem, weights
from tests.soundness.test_bounds import assert_layers_hold, boxes
from tests.trees import random_refinements

from ivan.bounds import cone as cones
from ivan.bounds.cone import Cone
from ivan.bounds.enclosure import enclose
from ivan.bounds.refine import apply
from ivan.network.activations import Relu
from ivan.network.layers import Layer, Network
from ivan.network.linear import Convolution, Dense, Diagonal, Selection, compose

SEEDS = st.integers(0, 2**32 - 1)


def deep(rng: Rng, *, thinned: bool = False) -> Network:
    """Three convolutions over a plane, the last with a skip connection and scaled, then a dense output.

    With `thinned`, half of the units between are left out, as they are where they are zero.
    """
    first = Convolution(weights(rng, 2, 1, 3, 3), (1, 6, 6), pads=(1, 1, 1, 1))
    second = Convolution(weights(rng, 2, 2, 3, 3), (2, 6, 6), strides=(2, 2), pads=(1, 1, 1, 1))
    third = Convolution(weights(rng, 2, 2, 2, 2), (2, 3, 3), pads=(0, 0, 1, 1))
    scaled = compose(Diagonal(1.0 + rng.random(18)), third)
    shortcut = Convolution(weights(rng, 2, 2, 1, 1), (2, 6, 6), strides=(2, 2))
    maps = {0: first}, {1: second}, {2: scaled, 1: shortcut}
    keep = [np.sort(rng.permutation(t.rows)[: t.rows // 2]) for t in (first, second)] if thinned else []
    layers = []
    for k, terms in enumerate(maps):
        made = dict(terms)
        size = next(iter(made.values())).rows
        if thinned:
            for source, linear in terms.items():
                if source:
                    place = np.full(linear.columns, -1)
                    place[keep[source - 1]] = np.arange(len(keep[source - 1]))
                    made[source] = compose(linear, Selection(place, len(keep[source - 1])))
                if k < 2:
                    made[source] = compose(Selection(keep[k], linear.rows), made[source])
            size = len(keep[k]) if k < 2 else size
        layers.append(Layer(affine(size, made, weights(rng, size)), Relu()))
    output = affine(2, {3: Dense(weights(rng, 2, 18))}, weights(rng, 2))
    return Network(tuple(layers), (1, 1, 6, 6), output, "deep", "float64")


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cones, "TILE", 2)
    monkeypatch.setattr(cones, "WORTH", 1.0)


@pytest.mark.parametrize("thinned", [False, True])
@settings(max_examples=12, deadline=None, derandomize=True)
@given(seed=SEEDS)
def test_bounds_through_cones_are_those_of_the_whole_network(thinned, seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, deep(rng, thinned=thinned), boxes=2, radius=0.3)
    used: list[int] = []
    of = Cone.of
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Cone, "of", lambda self, enclosure: used.append(self.size) or of(self, enclosure))
        through_cones = enclose(problem.network, boxes(problem))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cones, "places", lambda linear, units: None)
        whole = enclose(problem.network, boxes(problem))
    assert used
    assert min(used) < sum(problem.network.size(source) for source in range(3))
    for (low, high), (lower, upper) in zip(through_cones.intervals, whole.intervals, strict=True):
        np.testing.assert_allclose(low, lower, atol=1e-9)
        np.testing.assert_allclose(high, upper, atol=1e-9)
    for domain, region in enumerate(problem.regions):
        assert_layers_hold(
            through_cones, domain, pre_activations(problem.network, points(rng, region.lower, region.upper))
        )


@settings(max_examples=8, deadline=None, derandomize=True)
@given(seed=SEEDS)
def test_slopes_of_intermediate_bounds_mean_the_same_in_a_cone(seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, deep(rng), radius=0.3)
    refinements = random_refinements(rng, problem, np.array([0]))
    enclosure = enclose(problem.network, boxes(problem), refresh=False)
    through_cones = apply(enclosure, refinements, np.zeros(1, np.int64))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cones, "places", lambda linear, units: None)
        whole = apply(enclosure, refinements, np.zeros(1, np.int64))
    for (low, high), (lower, upper) in zip(through_cones.intervals, whole.intervals, strict=True):
        np.testing.assert_allclose(low, lower, atol=1e-9)
        np.testing.assert_allclose(high, upper, atol=1e-9)


def test_cones_are_made_once_and_go_with_their_network():
    rng = np.random.default_rng(0)
    network = deep(rng)
    units = np.arange(network.layers[1].size)
    once = cones.cones(network, network.layers[1].affine, 1, units)
    again = cones.cones(network, network.layers[1].affine, 1, units)
    assert [id(cone) for _, cone in once] == [id(cone) for _, cone in again]
    assert sorted(np.concatenate([rows for rows, _ in once]).tolist()) == units.tolist()
    assert network in cones._known
    other = deep(rng)
    assert not {id(c) for _, c in cones.cones(other, other.layers[1].affine, 1, units)} & {id(c) for _, c in once}


def test_a_cone_that_is_most_of_the_network_is_not_worth_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cones, "TILE", 100)
    monkeypatch.setattr(cones, "WORTH", 0.6)
    network = deep(np.random.default_rng(0))
    units = np.arange(network.layers[1].size)
    ((rows, cone),) = cones.cones(network, network.layers[1].affine, 1, units)
    assert cone is None
    np.testing.assert_array_equal(rows, units)

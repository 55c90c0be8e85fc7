"""Two networks carried as one: the same outputs, and bounds, lines and copies that hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine import CURVED, FEW, PIECEWISE, points, versions

from ivan.bounds.domains import Domains
from ivan.bounds.enclosure import enclose
from ivan.bounds.forward import Forward
from ivan.network.carry import carried

SEEDS = st.integers(0, 2**32 - 1)
KINDS = sorted(PIECEWISE | CURVED)


@pytest.mark.parametrize("kind", KINDS)
@FEW
@given(seed=SEEDS, share=st.sampled_from([0.0, 1e-4, 0.1]))
def test_the_outputs_are_those_of_both_networks(kind, seed, share):
    rng = np.random.default_rng(seed)
    first, second = versions(rng, kind, share)
    x = points(rng, -np.ones(first.inputs), np.ones(first.inputs))
    expected = np.concatenate([first(x), second(x)], axis=1)
    np.testing.assert_allclose(carried(first, second)(x), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("forward", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@FEW
@given(seed=SEEDS, share=st.sampled_from([0.0, 1e-4, 0.1]), radius=st.sampled_from([0.01, 0.3, 1.0]))
def test_bounds_and_planes_hold_at_every_point(kind, forward, seed, share, radius):
    rng = np.random.default_rng(seed)
    network = carried(*versions(rng, kind, share))
    centre = rng.standard_normal(network.inputs)
    lower, upper = centre - radius, centre + radius
    x = points(rng, lower, upper)
    domains = Domains.boxes(lower[None], upper[None], len(network.layers))
    enclosure = Forward(network).enclose(domains) if forward else enclose(network, domains)
    values = dict(enumerate(network.forward(x)))
    for k, layer in enumerate(network.layers):
        z, h, lines, n = layer.affine.evaluate(values), values[k + 1], enclosure.lines[k], layer.size
        slack = 1e-9 * (1.0 + np.abs(z).max())
        low, high = enclosure.intervals[k]
        assert np.all(z >= low - slack)
        assert np.all(z <= high + slack)

        def plane(slopes, intercept, z=z, n=n):
            parts = slopes * z
            total = sum(parts[:, at : at + n] for at in range(0, parts.shape[1], n))
            return total if intercept is None else total + intercept

        assert np.all(plane(lines.upper_slope, lines.upper_intercept) >= h - slack)
        assert np.all(plane(lines.lower_slope, lines.lower_intercept) <= h + slack)


@pytest.mark.parametrize("kind", KINDS)
@FEW
@given(seed=SEEDS)
def test_what_is_called_a_copy_is_one(kind, seed):
    rng = np.random.default_rng(seed)
    network = carried(*versions(rng, kind, 0.1))
    values = dict(enumerate(network.forward(points(rng, -np.ones(network.inputs), np.ones(network.inputs)))))
    before = [layer.affine.evaluate(values) for layer in network.layers]
    for layer, z in zip(network.layers, before, strict=True):
        for copy in layer.affine.copies:
            np.testing.assert_array_equal(z[:, copy.at], before[copy.layer - 1][:, copy.of])


def test_a_network_carried_from_itself_moves_nowhere():
    first, _ = versions(np.random.default_rng(0), "dense", 0.0)
    network = carried(first, first)
    enclosure = enclose(network, Domains.boxes(-np.ones((1, 3)), np.ones((1, 3)), len(network.layers)))
    for layer, (low, high) in zip(network.layers, enclosure.intervals, strict=True):
        if layer.activation.name == "ReluMoved":
            n = layer.size
            np.testing.assert_allclose(low[:, n : 2 * n], 0.0, atol=1e-12)
            np.testing.assert_allclose(high[:, n : 2 * n], 0.0, atol=1e-12)

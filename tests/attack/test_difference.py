"""What is seen of two networks' difference is a difference at some point, and more than chance shows."""

from __future__ import annotations

import numpy as np
import pytest
from tests.engine import EXACT, affine, dense, versions

from ivan.attack.difference import seen
from ivan.network.joint import join
from ivan.network.layers import Network
from ivan.network.linear import Dense


@pytest.mark.parametrize("kind", sorted(EXACT))
def test_the_gradient_finds_more_than_the_same_points_alone(kind, monkeypatch):
    rng = np.random.default_rng(0)
    joint = join(*versions(rng, kind, 0.1))
    lower, upper = np.full((1, joint.network.inputs), -1.0), np.full((1, joint.network.inputs), 1.0)
    least, most = seen(joint, lower, upper, 20, np.random.default_rng(1))
    monkeypatch.setattr("ivan.attack.difference.STEPS", 0)
    chance_least, chance_most = seen(joint, lower, upper, 20, np.random.default_rng(1))
    assert np.all((least <= chance_least) & (most >= chance_most))
    assert np.any((least < chance_least) | (most > chance_most))


def test_the_greatest_difference_of_affine_networks_is_found_at_a_corner():
    a, b = (Network((), (3,), affine(1, {0: Dense(np.array([w]))}, np.zeros(1))) for w in ([1.0, 2, 3], [1.5, 1, 3]))
    least, most = seen(join(a, b), -np.ones((1, 3)), np.ones((1, 3)), 5, np.random.default_rng(0))
    np.testing.assert_allclose([least[0], most[0]], [-1.5, 1.5])


def test_every_region_is_looked_at():
    a = Network((), (1,), affine(1, {0: Dense(np.array([[1.0]]))}, np.zeros(1)))
    b = Network((), (1,), affine(1, {0: Dense(np.array([[2.0]]))}, np.zeros(1)))
    lower = np.array([[0.0], [5.0], [-7.0]])
    least, most = seen(join(a, b), lower, lower, 3, np.random.default_rng(0))
    assert (least[0], most[0]) == (-7.0, 5.0)


def test_gradients_beyond_float32_lead_nowhere_and_make_no_warning():
    rng = np.random.default_rng(0)
    joint = join(dense(rng), dense(rng))
    ends = np.full((1, 3), 1e200)
    least, most = seen(joint, -ends, ends, 10, rng)
    assert np.all(np.isfinite(least) & np.isfinite(most))

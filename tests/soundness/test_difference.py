"""How far two networks can be apart: no point shows more than is claimed, and little is claimed of a small change."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine import EXACT, FEW, NETWORKS, PIECEWISE, Rng, dense, perturbed, points, pre_activations, versions
from tests.network.test_joint import with_clipped
from tests.soundness.exact import ExactNetwork, vector

from ivan.bounds.difference import Differences, separately
from ivan.bounds.domains import Domains
from ivan.bounds.enclosure import Enclosure, enclose
from ivan.bounds.parallel import set_threads
from ivan.network.joint import Joint, join
from ivan.network.layers import Network

SEEDS = st.integers(0, 2**32 - 1)
SHARES = st.sampled_from([0.0, 1e-7, 1e-3, 0.1, 1.0])
SLACK = 1e-11
"""Room for the rounding of sampling itself, relative to the largest number that occurs."""


def box(rng: Rng, network: Network, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Two boxes; some inputs of theirs do not vary."""
    centre = rng.standard_normal((2, network.inputs))
    width = radius * rng.random(centre.shape) * (rng.random(centre.shape) < 0.8)
    return centre - width, centre + width


def enclosed(joint: Joint, lower: np.ndarray, upper: np.ndarray) -> Enclosure:
    return enclose(joint.network, Domains.boxes(lower, upper, len(joint.network.layers)))


def assert_holds(joint: Joint, first: Network, second: Network, lower: np.ndarray, upper: np.ndarray, rng: Rng) -> None:
    enclosure = enclosed(joint, lower, upper)
    found = Differences(joint, enclosure)
    least, most, _ = found.of_outputs()
    assert np.all(np.isfinite(least) & np.isfinite(most))
    for domain in range(len(lower)):
        x = points(rng, lower[domain], upper[domain])
        before, after = pre_activations(first, x), pre_activations(second, x)
        for pair, (low, high) in zip(joint.pairs, found.intervals, strict=True):
            z = before[pair.first - 1]
            apart = after[pair.first - 1] - z
            slack = SLACK * (1.0 + np.abs(z).max(initial=0.0))
            assert np.all(apart >= low[domain] - slack)
            assert np.all(apart <= high[domain] + slack)
        apart = second(x) - first(x)
        slack = SLACK * (1.0 + np.abs(first(x)).max())
        assert np.all(apart >= least[domain] - slack)
        assert np.all(apart <= most[domain] + slack)


@pytest.mark.parametrize("kind", sorted(NETWORKS))
@FEW
@given(seed=SEEDS, share=SHARES, radius=st.sampled_from([1.0, 0.1, 0.0]))
def test_sampled_points_never_leave_the_bounds(kind, share, radius, seed):
    rng = np.random.default_rng(seed)
    # what is not exact has variances, which must stay positive
    first, second = versions(rng, kind, share if kind in EXACT else min(share, 0.1))
    assert_holds(join(first, second), first, second, *box(rng, first, radius), rng)


@pytest.mark.parametrize("kind", sorted(EXACT))
@FEW
@given(seed=SEEDS, share=SHARES)
def test_sampled_points_never_leave_the_bounds_of_activations_without_a_difference(kind, seed, share):
    rng = np.random.default_rng(seed)
    first, second = map(with_clipped, versions(rng, kind, share))
    assert_holds(join(first, second), first, second, *box(rng, first, 0.5), rng)


@FEW
@given(seed=SEEDS)
def test_sampled_points_never_leave_the_bounds_of_different_architectures(seed):
    rng = np.random.default_rng(seed)
    first, second = dense(rng, (3, 5, 2)), dense(rng, (3, 4, 4, 2))
    assert_holds(join(first, second), first, second, *box(rng, first, 0.5), rng)


@pytest.mark.parametrize("kind", sorted(EXACT))
@pytest.mark.parametrize("radius", [0.0, 5e-324, 1e-17, 1e-9])
@FEW
@given(seed=SEEDS, share=SHARES)
def test_bounds_of_points_and_tiny_boxes_hold_exactly(kind, radius, share, seed):
    rng = np.random.default_rng(seed)
    first, second = versions(rng, kind, share)
    joint = join(first, second)
    centre = np.where(rng.random(first.inputs) < 0.2, 0.0, rng.standard_normal(first.inputs))
    ends = centre - radius, centre, centre + radius
    least, most, _ = Differences(joint, enclosed(joint, ends[0][None], ends[2][None])).of_outputs()
    for x in ends:
        (_, before), (_, after) = (ExactNetwork(network).forward(vector(x)) for network in (first, second))
        for low, high, y, z in zip(vector(least[0]), vector(most[0]), before, after, strict=True):
            assert low <= z - y <= high
    assert np.all(most - least <= 1e-6)


@pytest.mark.parametrize("kind", sorted(PIECEWISE))
@pytest.mark.parametrize("radius", [1.0, 0.01])
def test_a_network_and_itself_are_nowhere_apart(kind, radius):
    rng = np.random.default_rng(0)
    network = NETWORKS[kind](rng)
    joint = join(network, network)
    least, most, _ = Differences(joint, enclosed(joint, *box(rng, network, radius))).of_outputs()
    assert np.all(np.abs(least) < 1e-150)
    assert np.all(np.abs(most) < 1e-150)


@pytest.mark.parametrize("kind", sorted(EXACT))
def test_bounds_shrink_with_the_change(kind):
    """To first order they follow it: a thousandth of the change, about a thousandth of the bound."""
    rng = np.random.default_rng(0)
    network = EXACT[kind](rng)
    lower, upper = box(rng, network, 0.3)
    widths = []
    for share in (1e-2, 1e-5, 1e-8):
        joint = join(network, perturbed(np.random.default_rng(1), network, share))
        least, most, _ = Differences(joint, enclosed(joint, lower, upper)).of_outputs()
        widths.append(np.maximum(-least, most).max())
    assert widths[1] < 5e-3 * widths[0]
    assert widths[2] < 5e-3 * widths[1]


def test_differences_are_far_closer_than_separate_bounds_where_the_change_is_small():
    rng = np.random.default_rng(0)
    first, second = versions(rng, "dense", 1e-3)
    joint = join(first, second)
    enclosure = enclosed(joint, -np.ones((1, 3)), np.ones((1, 3)))
    low, high = separately(joint, enclosure)
    least, most, _ = Differences(joint, enclosure).of_outputs()
    assert np.all(most - least < 0.05 * (high - low))


@FEW
@given(seed=SEEDS, share=SHARES)
def test_separate_bounds_hold_too(seed, share):
    rng = np.random.default_rng(seed)
    first, second = versions(rng, "residual", share)
    joint = join(first, second)
    lower, upper = box(rng, first, 0.5)
    low, high = separately(joint, enclosed(joint, lower, upper))
    for domain in range(2):
        x = points(rng, lower[domain], upper[domain])
        apart = second(x) - first(x)
        assert np.all((apart >= low[domain] - SLACK * 10) & (apart <= high[domain] + SLACK * 10))


@pytest.mark.parametrize("scale", [1e8, 1e60, 1e200, 1e300])
@pytest.mark.parametrize("kind", sorted(EXACT))
def test_large_numbers_never_claim_too_much_and_make_no_warning(kind, scale):
    rng = np.random.default_rng(0)
    first, second = versions(rng, kind, 0.1)
    joint = join(first, second)
    ends = np.sort(scale * rng.standard_normal((2, first.inputs)), axis=0)
    least, most, _ = Differences(joint, enclosed(joint, ends[:1], ends[1:])).of_outputs()
    for x in points(rng, ends[0], ends[1], 4):
        (_, before), (_, after) = (ExactNetwork(network).forward(vector(x)) for network in (first, second))
        for low, high, y, z in zip(least[0], most[0], before, after, strict=True):
            assert low == -np.inf or vector([low])[0] <= z - y
            assert high == np.inf or z - y <= vector([high])[0]
    if scale > 1e100:
        assert np.all(np.isinf(least) & np.isinf(most))


def test_threads_change_nothing():
    rng = np.random.default_rng(0)
    first = dense(rng, (40, 300, 40, 2))
    joint = join(first, perturbed(rng, first, 1e-3))
    lower, upper = box(rng, first, 0.1)

    def ends() -> np.ndarray:
        least, most, _ = Differences(joint, enclosed(joint, lower, upper)).of_outputs()
        return np.concatenate([least, most])

    alone = ends()
    set_threads(2)
    try:
        np.testing.assert_allclose(ends(), alone, rtol=1e-12)
    finally:
        set_threads(1)

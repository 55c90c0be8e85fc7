"""Smaller boxes: bounds of the parts are bounds of the whole, and never worse."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine import FEW, NETWORKS, dense, points, versions

from ivan.attack.difference import seen
from ivan.network.joint import join
from ivan.search import differences
from ivan.search.differences import Apart, bound

SEEDS = st.integers(0, 2**32 - 1)
SLACK = 1e-9


def regions(rng: np.random.Generator, inputs: int, radius: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    centre = rng.standard_normal((2, inputs))
    return centre - radius, centre + radius


@pytest.mark.parametrize("kind", sorted(NETWORKS))
@FEW
@given(seed=SEEDS, boxes=st.integers(1, 8))
def test_what_is_seen_never_leaves_the_bounds_and_separate_ones_are_never_better(kind, boxes, seed):
    rng = np.random.default_rng(seed)
    first, second = versions(rng, kind, 0.05)
    joint = join(first, second)
    lower, upper = regions(rng, first.inputs)
    least, most = seen(joint, lower, upper, 60, rng)
    apart = bound(joint, lower, upper, (least, most), boxes)
    assert np.all(apart.lower >= apart.separate_lower)
    assert np.all(apart.upper <= apart.separate_upper)
    assert np.all(apart.lower.min(axis=0) - SLACK <= least)
    assert np.all(most <= apart.upper.max(axis=0) + SLACK)
    for region in range(2):
        x = points(rng, lower[region], upper[region])
        difference = second(x) - first(x)
        assert np.all(difference >= apart.lower[region] - SLACK)
        assert np.all(difference <= apart.upper[region] + SLACK)


def dense_question() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray], object]:
    rng = np.random.default_rng(0)
    first, second = versions(rng, "dense", 0.05)
    joint = join(first, second)
    ends = regions(rng, first.inputs)
    return ends, seen(joint, *ends, 200, rng), joint


def width(apart: Apart) -> float:
    return float((apart.upper.max(axis=0) - apart.lower.min(axis=0)).sum())


def test_more_boxes_are_never_worse_and_many_come_close_to_what_is_seen():
    ends, (least, most), joint = dense_question()
    widths = [width(bound(joint, *ends, (least, most), boxes)) for boxes in (2, 8, 32, 300)]
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < 1.15 * (most - least).sum() < widths[0]


def test_there_is_a_box_for_every_region_and_no_more_than_were_asked_for():
    ends, shown, joint = dense_question()
    assert [bound(joint, *ends, shown, boxes).boxes for boxes in (1, 2, 5, 40)] == [2, 2, 5, 40]


def test_regions_in_batches_are_bounded_as_all_at_once(monkeypatch):
    ends, shown, joint = dense_question()
    together = bound(joint, *ends, shown, 1)
    monkeypatch.setattr(differences, "batch_size", lambda network: 1)
    apart = bound(joint, *ends, shown, 1)
    np.testing.assert_allclose(apart.lower, together.lower, rtol=1e-9)
    np.testing.assert_allclose(apart.separate_upper, together.separate_upper, rtol=1e-9)


def test_what_has_been_seen_is_not_worked_on():
    ends, _, joint = dense_question()
    everything = np.full(2, -np.inf), np.full(2, np.inf)
    assert bound(joint, *ends, everything, 100).boxes == 2


def test_points_and_networks_that_are_the_same_need_no_boxes():
    (lower, _), shown, joint = dense_question()
    assert bound(joint, lower, lower, shown, 100).boxes == 2
    network = dense(np.random.default_rng(0))
    nothing = np.zeros(2), np.zeros(2)
    assert bound(join(network, network), lower, lower + 1.0, nothing, 100).boxes == 2


def test_infinite_bounds_are_worked_on_and_make_no_warning():
    ends, shown, joint = dense_question()
    apart = bound(joint, 1e300 * ends[0], 1e300 * ends[0] + 1e300, shown, 8)
    assert apart.boxes == 8
    assert np.all(np.isinf(apart.upper))

"""The attack that goes on during a search stays in its regions, and what it reports is a violation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine import FEW, NETWORKS, Box, Half, dense, points, problem_of, random_problem

from ivan.attack.pursuit import KEPT, Pursuit
from ivan.bounds.columns import Model
from ivan.deadline import NEVER, Deadline

SEEDS = st.integers(0, 2**32 - 1)
ROUNDING = {np.float32: 1e-4, np.float64: 1e-9}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", sorted(NETWORKS))
@FEW
@given(seed=SEEDS)
def test_points_lie_in_their_regions_and_violate_an_open_case_there(kind, dtype, seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, NETWORKS[kind](rng), cases=3, boxes=2, radius=0.5)
    pursuit, model = Pursuit(problem, rng), Model(problem.network, dtype)
    for _ in range(3):
        # any points of any case are suggested, also such that lie a little outside and cases that are closed
        case = rng.integers(0, len(problem.cases), 5)
        outer = [problem.regions[problem.cases[c].region] for c in case]
        x = np.array([box.lower + rng.uniform(-0.1, 1.1, problem.network.inputs) * (box.upper - box.lower)
                      for box in outer])  # fmt: skip
        pursuit.suggest(x, case, rng.standard_normal(5))
        open_cases = np.flatnonzero(rng.random(len(problem.cases)) < 0.5)
        open_cases = open_cases if len(open_cases) else np.array([0])
        found, region = pursuit.step(model, open_cases, NEVER)
        assert found.shape == (len(region), problem.network.inputs)
        worst = []
        for point, r in zip(found, region, strict=True):
            box = problem.regions[r]
            assert np.all((point >= box.inner_lower) & (point <= box.inner_upper))
            margins = [problem.margins(int(c), point[None]).max() for c in open_cases if problem.cases[c].region == r]
            worst.append(min(margins))
            assert worst[-1] <= ROUNDING[dtype]


def test_a_violation_of_half_of_a_box_is_found():
    rng = np.random.default_rng(0)
    network = dense(rng)
    y = network(points(rng, -np.ones(3), np.ones(3)))[:, 0]
    problem = problem_of(network, Box(-np.ones(3), np.ones(3), [[Half([1.0, 0.0], float(np.median(y)))]]))
    assert len(Pursuit(problem, rng).step(Model(network), np.array([0]), NEVER)[0])


@FEW
@given(seed=SEEDS)
def test_what_is_pursued_never_gets_worse(seed):
    """Where nothing is to be found, the best point of all steps stays the one that is gone on from."""
    rng = np.random.default_rng(seed)
    network = dense(rng)
    y = network(points(rng, -np.ones(3), np.ones(3), 4000))[:, 0]
    row = Half([1.0, 0.0], float(y.min() - np.ptp(y)))
    problem = problem_of(network, Box(-np.ones(3), np.ones(3), [[row]]))
    pursuit, model = Pursuit(problem, rng), Model(network, np.float64)
    least = []
    for _ in range(3):
        assert not len(pursuit.step(model, np.array([0]), NEVER)[0])
        best = pursuit._points[0]
        assert len(pursuit._points) <= KEPT
        least.append(problem.margins(0, best[None]).max())
        assert pursuit._worst[0] == pytest.approx(least[-1], rel=1e-9, abs=1e-9)
    assert least == sorted(least, reverse=True)


def test_a_step_past_the_deadline_ends_and_keeps_to_its_regions():
    rng = np.random.default_rng(0)
    problem = random_problem(rng, dense(rng), cases=2)
    found, region = Pursuit(problem, rng).step(Model(problem.network), np.array([0, 1]), Deadline(-np.inf))
    for point, r in zip(found, region, strict=True):
        assert np.all((point >= problem.regions[r].inner_lower) & (point <= problem.regions[r].inner_upper))


def test_a_box_that_is_a_point_is_pursued_at_that_point():
    rng = np.random.default_rng(0)
    network, x = dense(rng), rng.standard_normal(3)
    problem = problem_of(network, Box(x, x, [[Half([1.0, 0.0], 1e6)]]))
    found, _ = Pursuit(problem, rng).step(Model(network), np.array([0]), NEVER)
    assert len(found)
    np.testing.assert_array_equal(found, np.tile(x, (len(found), 1)))

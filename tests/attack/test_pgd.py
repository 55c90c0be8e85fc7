"""An attack stays in its region, follows the true gradient and reports what it reached."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.engine import EXACT, LAWS, NETWORKS, Box, Half, dense, points, pre_activations, problem_of, random_problem

from ivan.attack.pgd import attack, descend, starts
from ivan.bounds.ascent import Model
from ivan.deadline import Deadline
from ivan.network.layers import Network

SEEDS = st.integers(0, 2**32 - 1)


def exact(network: Network) -> Model:
    return Model(network, np.float64)


@pytest.mark.parametrize("kind", sorted(NETWORKS))
@LAWS
@given(seed=SEEDS, steps=st.integers(0, 8))
def test_points_stay_in_their_regions_and_margins_are_theirs(kind, seed, steps):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, NETWORKS[kind](rng), cases=2, boxes=2)
    case = rng.integers(0, len(problem.cases), 6)
    start = starts(problem, case, rng)
    reached, worst = descend(problem, exact(problem.network), case, start, steps=steps)
    for x, first, c, value in zip(reached, start, case, worst, strict=True):
        box = problem.regions[problem.cases[c].region]
        assert np.all((x >= box.inner_lower) & (x <= box.inner_upper))
        assert value == pytest.approx(problem.margins(int(c), x[None]).max(), rel=1e-9, abs=1e-9)
        assert value <= problem.margins(int(c), first[None]).max() + 1e-9


@pytest.mark.parametrize("kind", sorted(NETWORKS))
@LAWS
@given(seed=SEEDS, steps=st.integers(0, 8))
def test_single_precision_keeps_points_in_their_regions_and_tells_nearly_true_margins(kind, seed, steps):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, NETWORKS[kind](rng), cases=2, boxes=2)
    case = rng.integers(0, len(problem.cases), 6)
    reached, worst = descend(problem, Model(problem.network), case, starts(problem, case, rng), steps=steps)
    assert reached.dtype == np.float64
    for x, c, value in zip(reached, case, worst, strict=True):
        box = problem.regions[problem.cases[c].region]
        assert np.all((x >= box.inner_lower) & (x <= box.inner_upper))
        assert value == pytest.approx(problem.margins(int(c), x[None]).max(), rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("kind", sorted(EXACT))
@LAWS
@given(seed=SEEDS)
def test_the_gradient_agrees_with_finite_differences(kind, seed):
    rng = np.random.default_rng(seed)
    network = EXACT[kind](rng)
    x, C = rng.standard_normal((1, network.inputs)), rng.standard_normal((1, network.outputs))
    model = exact(network)
    before, y = model.forward(x.T)
    np.testing.assert_allclose(y.T, network(x), rtol=1e-12, atol=1e-12)
    assume(min(np.abs(z).min() for z in pre_activations(network, x)) > 1e-4)
    found = model.gradient(before, C.T)[:, 0]
    step = 1e-6 * np.eye(network.inputs)
    expected = (network(x + step) @ C[0] - network(x - step) @ C[0]) / 2e-6
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@LAWS
@given(seed=SEEDS)
def test_an_attack_returns_violations_and_where_they_lie(seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, dense(rng), cases=3, boxes=2)
    found, region = attack(problem, exact(problem.network), restarts=8, steps=10, rng=rng)
    assert len(found) == len(region)
    for x, r in zip(found, region, strict=True):
        box = problem.regions[r]
        assert np.all((x >= box.lower) & (x <= box.upper))
        assert any(problem.margins(case, x[None]).max() <= 1e-9 for case in problem.cases_of[r])


def test_an_attack_finds_what_half_of_a_box_violates():
    rng = np.random.default_rng(0)
    network = dense(rng)
    y = network(points(rng, -np.ones(3), np.ones(3)))[:, 0]
    problem = problem_of(network, Box(-np.ones(3), np.ones(3), [[Half([1.0, 0.0], float(np.median(y)))]]))
    assert len(attack(problem, exact(problem.network), restarts=4, steps=10, rng=rng)[0])


def test_every_case_is_tried_however_few_restarts():
    rng = np.random.default_rng(0)
    network = dense(rng)
    never, always = [Half([1.0, 0.0], -1e6)], [Half([1.0, 0.0], 1e6)]
    for place in range(7):
        cases = [never] * place + [always] + [never] * (6 - place)
        # cases that are equal are one: make them differ
        cases = [[Half(c[0].outputs, c[0].bound + i)] for i, c in enumerate(cases)]
        problem = problem_of(network, Box(-np.ones(3), np.ones(3), cases))
        assert len(attack(problem, exact(problem.network), restarts=2, steps=2, rng=rng)[0])


def test_an_attack_past_the_deadline_finds_nothing_and_ends():
    rng = np.random.default_rng(0)
    problem = random_problem(rng, dense(rng))
    found, region = attack(problem, exact(problem.network), restarts=8, steps=100, rng=rng, deadline=Deadline(-np.inf))
    assert found.shape == (0, 3)
    assert len(region) == 0


def test_a_box_that_is_a_point_is_attacked_at_that_point():
    rng = np.random.default_rng(0)
    network, x = dense(rng), rng.standard_normal(3)
    problem = problem_of(network, Box(x, x, [[Half([1.0, 0.0], 1e6)]]))
    found, _ = attack(problem, exact(problem.network), restarts=3, steps=3, rng=rng)
    np.testing.assert_array_equal(found, np.tile(x, (len(found), 1)))
    assert len(found)


@LAWS
@given(seed=SEEDS)
def test_small_steps_from_near_misses_come_first(seed):
    rng = np.random.default_rng(seed)
    network = dense(rng)
    ends = np.ones(network.inputs)
    x = points(rng, -ends, ends, 2000)
    y = network(x)[:, 0]
    best = x[y.argmin()]
    # violated next to the best of all points, and hardly anywhere else
    problem = problem_of(network, Box(-ends, ends, [[Half([1.0, 0.0], float(y.min() + 0.01 * np.ptp(y)))]]))
    near = [best + 3e-3, np.full(network.inputs, 50.0)]  # the second is moved into the box
    found, region = attack(problem, exact(network), restarts=1, steps=15, rng=rng, near=near)
    assert len(found)
    assert region[0] == 0
    assert problem.margins(0, found[:1]).max() <= 0.0
    assert np.abs(found[0]).max() <= 1.0


@LAWS
@given(seed=st.integers(0, 2**32 - 1), together=st.integers(1, 5))
def test_starts_that_do_not_fit_at_once_are_followed_in_parts(seed, together):
    problem = random_problem(np.random.default_rng(seed), dense(np.random.default_rng(seed), (2, 4, 2)))
    case = np.arange(8) % len(problem.cases)
    start = starts(problem, case, np.random.default_rng(seed))
    model = Model(problem.network, np.float64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Network, "fitting", lambda self, numbers: together)
        parts, worst = descend(problem, model, case, start, steps=3)
    for at in range(0, 8, together):
        part = slice(at, at + together)
        alone, found = descend(problem, model, case[part], start[part], steps=3)
        np.testing.assert_array_equal(parts[part], alone)
        np.testing.assert_array_equal(worst[part], found)
        if np.any(found <= 0.0):  # one is enough
            break

"""The gradient of ascent is the slope of the bound, and ascent only ever goes up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.engine import EXACT, FEW, NETWORKS, Rng, enclosure_at, random_problem, random_tree

from ivan.bounds import ascent
from ivan.bounds.ascent import Parameters, ascend, certificates_of, evaluate, initial
from ivan.bounds.certify import certify
from ivan.bounds.enclosure import Enclosure
from ivan.bounds.objective import Rows
from ivan.problem import Problem

SEEDS = st.integers(0, 2**32 - 1)
STEP = 1e-6
ZERO = np.zeros(1, np.int64)


def inner_point(rng: Rng, enclosure: Enclosure, problem: Problem, case: int) -> Parameters:
    """Parameters with every slope, multiplier and weight away from its limits."""
    start = initial(enclosure, ZERO, np.array([case]), Rows(problem))
    slopes = [rng.uniform(0.1, 0.9, s.shape) for s in start.slopes]
    multipliers: list[Any] = []
    for (low, _), mask in zip(enclosure.intervals, enclosure.split, strict=True):
        signed = None if mask is None else np.where(mask, np.where(low >= 0.0, 1.0, -1.0) * rng.uniform(0.1, 1), 0.0)
        if mask is not None:
            stable = (low >= 0.0) | (enclosure.intervals[len(multipliers)][1] <= 0.0)
            signed = np.where(stable, signed, 0.0)
        multipliers.append(signed)
    weights = np.where(start.weights > 0.0, rng.uniform(0.2, 1.0, start.weights.shape), 0.0)
    return Parameters(slopes, multipliers, weights / weights.sum())


def gradients(enclosure: Enclosure, problem: Problem, case: int, at: Parameters) -> dict[Any, np.ndarray]:
    """What one step of ascent follows."""
    seen: dict[Any, np.ndarray] = {}
    original = ascent._Adam.direction

    def spy(self: Any, name: Any, gradient: np.ndarray) -> np.ndarray:
        seen[name] = gradient.copy()
        return original(self, name, gradient)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ascent._Adam, "direction", spy)
        ascend(enclosure, ZERO, np.array([case]), Rows(problem), at, steps=1)
    return seen


def moved(at: Parameters, table: list[Any], k: int | None, unit: int, by: float) -> Parameters:
    """The parameters with one number changed; `table` is one of their own lists, or holds the weights."""
    copy = Parameters(list(at.slopes), list(at.multipliers), at.weights.copy())
    if k is None:
        copy.weights[0, unit] += by
    else:
        target = copy.slopes if table is at.slopes else copy.multipliers
        target[k] = target[k].copy()
        target[k][0, unit] += by
    return copy


def slope_at(
    enclosure: Enclosure, problem: Problem, case: int, at: Parameters, table: list[Any], k: int | None, unit: int
) -> float | None:
    """Central difference of the bound; None at a kink."""

    def bound(by: float) -> float:
        forms = evaluate(enclosure, ZERO, np.array([case]), Rows(problem), moved(at, table, k, unit, by))
        return float(forms.bound[0])

    below, here, above = bound(-STEP), bound(0.0), bound(STEP)
    left, right = (here - below) / STEP, (above - here) / STEP
    return 0.5 * (left + right) if abs(left - right) < 1e-6 * (1.0 + abs(left)) else None


@pytest.mark.parametrize("kind", sorted(EXACT))
@FEW
@given(seed=SEEDS)
def test_the_gradient_agrees_with_finite_differences(kind, seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT[kind](rng), cases=2)
    tree = random_tree(rng, problem, 4, inputs=False)
    compared = 0
    for node in tree.leaves:
        enclosure = enclosure_at(problem, tree, int(node))
        if enclosure.empty[0]:
            continue
        for case in range(2):
            at = inner_point(rng, enclosure, problem, case)
            if evaluate(enclosure, ZERO, np.array([case]), Rows(problem), at).bound[0] > 0.0:
                continue  # proved: ascent takes no step
            seen = gradients(enclosure, problem, case, at)
            places: list[tuple[Any, list[Any], int | None, np.ndarray]] = []
            for k in range(len(problem.network.layers)):
                if ("slope", k) in seen:
                    places.append((("slope", k), at.slopes, k, enclosure.unstable[k][0]))
                if ("multiplier", k) in seen:
                    places.append((("multiplier", k), at.multipliers, k, at.multipliers[k][0] != 0.0))  # type: ignore[index]
            for name, table, k, units in places:
                for unit in np.flatnonzero(units):
                    slope = slope_at(enclosure, problem, case, at, table, k, int(unit))
                    if slope is not None:
                        compared += 1
                        assert seen[name][0, unit] == pytest.approx(slope, rel=1e-4, abs=1e-4), name
            if "weights" in seen:
                rows = np.flatnonzero(at.weights[0])
                slopes = [slope_at(enclosure, problem, case, at, [at.weights], None, int(r)) for r in rows]
                if None not in slopes:
                    compared += 1
                    along = np.array(slopes) - np.mean(slopes)  # what stays on the simplex
                    np.testing.assert_allclose(seen["weights"][0, rows], along, rtol=1e-4, atol=1e-4)
    assume(compared)


@pytest.mark.parametrize("steps", [0, 1, 15])
@pytest.mark.parametrize("kind", sorted(NETWORKS))
@FEW
@given(seed=SEEDS)
def test_ascent_returns_no_less_than_its_start_and_what_it_says(kind, steps, seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, NETWORKS[kind](rng), cases=3)
    rows, tree = Rows(problem), random_tree(rng, problem, 3)
    node = int(tree.leaves[-1])
    enclosure = enclosure_at(problem, tree, node)
    owner, case = np.zeros(3, np.int64), np.arange(3)
    start = initial(enclosure, owner, case, rows)
    first = evaluate(enclosure, owner, case, rows, start)
    best, forms = ascend(enclosure, owner, case, rows, start, steps=steps)
    assert np.all(forms.bound >= first.bound)
    again = evaluate(enclosure, owner, case, rows, best)
    np.testing.assert_allclose(again.bound, forms.bound, rtol=1e-9, atol=1e-9)
    # and the certificate made of it reaches the same bound
    claims = certificates_of(enclosure, owner, np.full(3, node), case, forms.bound, best)
    claims.check(len(tree), problem.rows_of_case)
    np.testing.assert_allclose(certify(enclosure, owner, claims, rows)[1].bound, forms.bound, rtol=1e-9, atol=1e-9)


@FEW
@given(seed=SEEDS)
def test_ascent_stays_among_the_valid_parameters(seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT["dense"](rng), cases=2)
    tree = random_tree(rng, problem, 5, inputs=False)
    enclosure = enclosure_at(problem, tree, int(tree.leaves[-1]))
    owner, case = np.zeros(2, np.int64), np.arange(2)
    rows = Rows(problem)
    best, _ = ascend(enclosure, owner, case, rows, initial(enclosure, owner, case, rows), steps=20, rate=3.0)
    for slopes in best.slopes:
        assert np.all((slopes >= 0.0) & (slopes <= 1.0))
        np.testing.assert_array_equal(slopes, slopes.astype(np.float32))
    for signed, mask, (low, high) in zip(best.multipliers, enclosure.split, enclosure.intervals, strict=True):
        assert (signed is None) == (mask is None)
        if signed is not None:
            assert not np.any(signed[:, ~mask[0]])
            assert np.all((signed <= 0.0) | (low >= 0.0))
            assert np.all((signed >= 0.0) | (high <= 0.0))
    assert np.all(best.weights >= 0.0)
    np.testing.assert_allclose(best.weights.sum(axis=1), 1.0)
    assert not np.any(best.weights[np.arange(best.weights.shape[1]) >= rows.counts[case][:, None]])


def test_ascent_ends_at_the_first_proof():
    rng = np.random.default_rng(5)
    problem = random_problem(rng, EXACT["dense"](rng), cases=1, radius=0.01)
    enclosure = enclosure_at(problem, random_tree(rng, problem, 0), 0)
    rows = Rows(problem)
    proved = evaluate(enclosure, ZERO, ZERO, rows, initial(enclosure, ZERO, ZERO, rows))
    assert proved.bound[0] > 0.0
    best, forms = ascend(enclosure, ZERO, ZERO, rows, initial(enclosure, ZERO, ZERO, rows), steps=50)
    assert forms.bound[0] == proved.bound[0]
    np.testing.assert_array_equal(best.slopes[0], initial(enclosure, ZERO, ZERO, rows).slopes[0])

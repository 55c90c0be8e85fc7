"""The gradient of ascent is the slope of the bound, ascent only ever goes up, and what it says is nearly rigorous."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.bounds.ascents import (
    ROUNDING,
    SEEDS,
    STEP,
    ZERO,
    Index,
    assert_close,
    assert_equal,
    copied,
    of,
    random_parameters,
    rigorous,
    some_nodes,
)
from tests.engine import EXACT, FEW, NETWORKS, Box, Half, affine, problem_of, random_problem
from tests.trees import by_forms, enclosure_at, random_tree, together

from ivan.bounds.ascent import (
    Parameters,
    Schedule,
    certificates_of,
    initial,
)
from ivan.bounds.ascent.adam import Adam
from ivan.bounds.backward import bound_units
from ivan.bounds.certify import certify
from ivan.bounds.enclosure import Enclosure
from ivan.bounds.objective import Rows
from ivan.network.activations import Relu
from ivan.network.layers import Layer, Network
from ivan.network.linear import Dense
from ivan.proof import Kind, SpecTree, TreeBuilder

# The gradient


def followed(climb: Callable[[], object]) -> dict[Any, np.ndarray]:
    """The gradients that one step of ascent follows, by name."""
    seen: dict[Any, np.ndarray] = {}
    original = Adam.direction

    def spy(self: Any, name: Any, gradient: np.ndarray) -> np.ndarray:
        seen[name] = gradient.copy()
        return original(self, name, gradient)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Adam, "direction", spy)
        climb()
    return seen


def moved(at: Parameters, table: str, k: int, place: int, by: float) -> Parameters:
    """The parameters with one number changed."""
    copy = copied(at)
    target = copy.weights if table == "weights" else getattr(copy, table)[k]
    target[0, place] += by
    return copy


def slope_of(bound: Callable[[float], float]) -> float | None:
    """Central difference at 0; None at a kink."""
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
    ascent, rows, compared = of(problem, np.float64), Rows(problem), 0
    for node in tree.leaves:
        enclosure = enclosure_at(problem, tree, int(node))
        if enclosure.empty[0]:
            continue
        for case in (np.array([0]), np.array([1])):
            at = random_parameters(rng, enclosure, ZERO, case, rows, inner=True)

            def bound(p: Parameters, enclosure: Enclosure = enclosure, case: Index = case) -> float:
                return float(ascent.bounds(enclosure, ZERO, case, rows, p)[0])

            def slope(table: str, k: int, place: int, at: Parameters = at, bound: Any = bound) -> float | None:
                return slope_of(lambda by: bound(moved(at, table, k, place, by)))

            def climb(at: Parameters = at, enclosure: Enclosure = enclosure, case: Index = case) -> None:
                ascent.outputs(enclosure, ZERO, case, rows, copied(at), Schedule(1))

            if bound(copied(at)) > 0.0:
                continue  # proved: ascent takes no step
            seen = followed(climb)
            for k, units in enumerate(at.units):
                if ("slope", k) in seen:
                    assert seen["slope", k].shape == (len(units), 1)
                    for place in np.flatnonzero(enclosure.unstable[k][0, units]):
                        expected = slope("slopes", k, int(place))
                        if expected is not None:
                            compared += 1
                            assert seen["slope", k][place, 0] == pytest.approx(expected, rel=1e-4, abs=1e-4)
                if ("multiplier", k) in seen:
                    mask, m = enclosure.split[k], at.multipliers[k]
                    assert mask is not None
                    assert m is not None
                    split = np.flatnonzero(mask[0, units])
                    assert seen["multiplier", k].shape == (len(split), 1)
                    for row, place in enumerate(split):
                        expected = slope("multipliers", k, int(place)) if m[0, place] else None
                        if expected is not None:
                            compared += 1
                            assert seen["multiplier", k][row, 0] == pytest.approx(expected, rel=1e-4, abs=1e-4)
            if "weights" in seen:
                present = np.flatnonzero(at.weights[0])
                slopes = [slope("weights", 0, int(r)) for r in present]
                if None not in slopes:
                    compared += 1
                    along = np.array(slopes) - np.mean(slopes)  # what stays on the simplex
                    np.testing.assert_allclose(seen["weights"][0, present], along, rtol=1e-4, atol=1e-4)
    assume(compared)


@pytest.mark.parametrize("kind", sorted(EXACT))
@FEW
@given(seed=SEEDS)
def test_the_gradient_of_an_intermediate_bound_agrees_with_finite_differences(kind, seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT[kind](rng), cases=1)
    enclosure = enclosure_at(problem, SpecTree.roots(1), 0)
    ascent, compared = of(problem, np.float64), 0
    for k in range(1, len(problem.network.layers)):
        below = random_parameters(rng, enclosure, ZERO, ZERO, Rows(problem), inner=True)
        at = Parameters(below.units[:k], below.slopes[:k], [None] * k, np.zeros((1, 0)))
        for unit in np.flatnonzero(enclosure.unstable[k][0])[:3]:
            for sign in (1.0, -1.0):
                fixed = enclosure, k, ZERO, np.array([unit]), np.array([sign])

                def bound(p: Parameters, fixed: Any = fixed) -> float:
                    return float(ascent.units(*fixed, p, Schedule(0))[1].bound[0])

                def climb(at: Parameters = at, fixed: Any = fixed) -> None:
                    ascent.units(*fixed, copied(at), Schedule(1, enough=np.inf))

                seen = followed(climb)
                assert "weights" not in seen
                for j, units in enumerate(at.units):
                    for place in range(len(units)) if ("slope", j) in seen else ():
                        expected = slope_of(
                            lambda by, j=j, place=place, at=at, bound=bound: bound(moved(at, "slopes", j, place, by))
                        )
                        if expected is not None:
                            compared += 1
                            assert seen["slope", j][place, 0] == pytest.approx(expected, rel=1e-4, abs=1e-4)
    assume(compared)


# The bound


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", sorted(NETWORKS))
@FEW
@given(seed=SEEDS)
def test_unrounded_bounds_agree_with_rigorous_ones_up_to_rounding(kind, dtype, seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, NETWORKS[kind](rng), cases=2, radius=0.5)
    rows = Rows(problem)
    _, _, enclosure, owner, case = some_nodes(rng, problem, 4, inputs=False)
    p = random_parameters(rng, enclosure, owner, case, rows)
    expected = rigorous(enclosure, owner, case, rows, p)
    assert_close(of(problem, dtype).bounds(enclosure, owner, case, rows, copied(p)), expected, dtype)
    # every domain by itself
    for i in np.unique(owner):
        mine = np.flatnonzero(owner == i)
        found = of(problem, dtype).bounds(enclosure, owner[mine], case[mine], rows, p.take(mine))
        assert_close(found, expected[mine], dtype)


@pytest.mark.parametrize("kind", sorted(EXACT))
@FEW
@given(seed=SEEDS)
def test_domains_of_different_regions_do_not_get_in_each_others_way(kind, seed):
    """A unit may be active for good in one domain of a batch and inactive for good in another."""
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT[kind](rng), cases=2, boxes=4, radius=0.2)
    rows = Rows(problem)
    _, _, enclosure, owner, case = some_nodes(rng, problem, 3)
    p = random_parameters(rng, enclosure, owner, case, rows)
    found = of(problem, np.float64).bounds(enclosure, owner, case, rows, copied(p))
    assert_close(found, rigorous(enclosure, owner, case, rows, p), np.float64)


@pytest.mark.parametrize("kind", sorted(EXACT))
@FEW
@given(seed=SEEDS)
def test_unrounded_bounds_of_units_agree_with_rigorous_ones(kind, seed):
    """With the rule's slopes both are the plain backward bound."""
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT[kind](rng), cases=1)
    enclosure = enclosure_at(problem, SpecTree.roots(1), 0)
    start = initial(enclosure, ZERO, ZERO, Rows(problem))
    for k in range(1, len(problem.network.layers)):
        unit = np.arange(problem.network.layers[k].size)
        below = np.zeros(len(unit), np.int64)
        low, high = bound_units(enclosure, problem.network.layers[k].affine, k, below, unit)
        one = Parameters(start.units[:k], start.slopes[:k], [None] * k, np.zeros((1, 0))).take(below)
        for sign, expected in ((1.0, low), (-1.0, -high)):
            signs = np.full(len(unit), sign)
            args = enclosure, k, below, unit, signs
            _, found = of(problem, np.float64).units(*args, copied(one), Schedule(0))
            assert_close(found.bound, expected, np.float64)
            # and ascent never loses what the rule had
            _, better = of(problem, np.float64).units(*args, copied(one), Schedule(8, enough=np.inf))
            assert np.all(better.bound >= found.bound - 1e-12)


@pytest.mark.parametrize("steps", [0, 1, 15])
@pytest.mark.parametrize("kind", sorted(NETWORKS))
@FEW
@given(seed=SEEDS)
def test_ascent_returns_no_less_than_its_start_and_what_it_says(kind, steps, seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, NETWORKS[kind](rng), cases=3)
    rows, tree = Rows(problem), random_tree(rng, problem, 3)
    node = int(tree.leaves[-1])
    enclosure = by_forms(enclosure_at(problem, tree, node))
    owner, case = np.zeros(3, np.int64), np.arange(3)
    for dtype in (np.float32, np.float64):
        ascent = of(problem, dtype)
        start = initial(enclosure, owner, case, rows)
        first = ascent.bounds(enclosure, owner, case, rows, start)
        best, found = ascent.outputs(enclosure, owner, case, rows, start, Schedule(steps))
        slack = ROUNDING[dtype] * (1.0 + np.abs(first))
        assert np.all(found.bound >= first - slack)
        assert_close(ascent.bounds(enclosure, owner, case, rows, best), found.bound, dtype)
        # and the certificate made of it reaches the same bound, rigorously
        claims = certificates_of(enclosure, owner, np.full(3, node), case, found.bound, best)
        claims.check(len(tree), problem.rows_of_case)
        certified = certify(enclosure, owner, claims, rows)[1].bound
        assert_close(certified, found.bound, np.float32)
        if dtype is np.float32:
            np.testing.assert_allclose(certified, rigorous(enclosure, owner, case, rows, best), rtol=1e-9, atol=1e-9)


@FEW
@given(seed=SEEDS, rows_together=st.booleans())
def test_ascent_leaves_its_start_as_it_was(seed, rows_together):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT["dense"](rng), cases=3)
    rows, tree = Rows(problem), random_tree(rng, problem, 3, inputs=False)
    enclosure = enclosure_at(problem, tree, int(tree.leaves[-1]))
    assume(not enclosure.empty[0])
    for case in (np.arange(3),) if rows_together else (np.array([c]) for c in range(3)):
        owner = np.zeros(len(case), np.int64)
        start = random_parameters(rng, enclosure, owner, case, rows)
        before = copied(start)
        of(problem).outputs(enclosure, owner, case, rows, start, Schedule(5))
        assert_equal(start, before)


@FEW
@given(seed=SEEDS)
def test_ascent_stays_among_the_valid_parameters(seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT["dense"](rng), cases=2)
    tree = random_tree(rng, problem, 5, inputs=False)
    enclosure = enclosure_at(problem, tree, int(tree.leaves[-1]))
    owner, case = np.zeros(2, np.int64), np.arange(2)
    rows = Rows(problem)
    start = initial(enclosure, owner, case, rows)
    best, _ = of(problem).outputs(enclosure, owner, case, rows, start, Schedule(20, rate=3.0))
    for slopes in best.slopes:
        assert slopes.dtype == np.float32
        assert np.all((slopes >= 0.0) & (slopes <= 1.0))
    for k, (signed, mask) in enumerate(zip(best.multipliers, enclosure.split, strict=True)):
        assert (signed is None) == (mask is None)
        if signed is not None and mask is not None:
            low, high = (side[:, best.units[k]] for side in enclosure.intervals[k])
            assert not np.any(signed[:, ~mask[0, best.units[k]]])
            assert np.all((signed <= 0.0) | (low >= 0.0))
            assert np.all((signed >= 0.0) | (high <= 0.0))
    assert np.all(best.weights >= 0.0)
    np.testing.assert_allclose(best.weights.sum(axis=1), 1.0)
    assert not np.any(best.weights[np.arange(best.weights.shape[1]) >= rows.counts[case][:, None]])


def test_ascent_ends_at_the_first_proof():
    rng = np.random.default_rng(5)
    problem = random_problem(rng, EXACT["dense"](rng), cases=1, radius=0.01)
    enclosure = enclosure_at(problem, random_tree(rng, problem, 0), 0)
    rows, ascent = Rows(problem), of(problem)
    start = initial(enclosure, ZERO, ZERO, rows)
    proved = ascent.bounds(enclosure, ZERO, ZERO, rows, start)
    assert proved[0] > 0.0
    assert not followed(lambda: ascent.outputs(enclosure, ZERO, ZERO, rows, start, Schedule(50)))
    best, found = ascent.outputs(enclosure, ZERO, ZERO, rows, start, Schedule(50))
    assert found.bound[0] == proved[0]
    assert_equal(best, start)


@FEW
@given(seed=SEEDS)
def test_rows_that_are_proved_early_do_not_disturb_the_others(seed):
    """Ascended together or one by one: rows that stay open reach the same, and the same rows are proved."""
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT["dense"](rng), cases=8, radius=0.4)
    rows, ascent = Rows(problem), of(problem, np.float64)
    enclosure = enclosure_at(problem, SpecTree.roots(1), 0)
    owner, case = np.zeros(8, np.int64), np.arange(8)
    start = initial(enclosure, owner, case, rows)
    best, found = ascent.outputs(enclosure, owner, case, rows, start, Schedule(10))
    for i in range(8):
        one = np.array([i])
        _, alone = ascent.outputs(enclosure, ZERO, one, rows, copied(start.take(one)), Schedule(10))
        if alone.bound[0] <= Schedule(10).enough:
            assert found.bound[i] == pytest.approx(alone.bound[0], rel=1e-5, abs=1e-5)
        else:  # it may have climbed on, for company
            assert found.bound[i] >= alone.bound[0] - 1e-9
    assert_close(ascent.bounds(enclosure, owner, case, rows, best), found.bound, np.float64)


# A look ahead


@pytest.mark.parametrize("kind", sorted(EXACT))
@FEW
@given(seed=SEEDS)
def test_the_bound_after_a_split_is_that_of_the_child_without_a_multiplier_for_the_split(kind, seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT[kind](rng), cases=2)
    rows, ascent = Rows(problem), of(problem, np.float64)
    tree, nodes, enclosure, owner, case = some_nodes(rng, problem, 3, inputs=False)
    p = random_parameters(rng, enclosure, owner, case, rows)
    before = copied(p)
    places = [
        (pair, k, int(unit), above)
        for pair in range(len(owner))
        for k in range(len(problem.network.layers))
        for unit in np.flatnonzero(enclosure.unstable[k][owner[pair]])
        for above in (False, True)
    ]
    assume(places)
    places = [places[i] for i in rng.permutation(len(places))[:24]]
    pair, layer = np.array([place[0] for place in places]), np.array([place[1] + 1 for place in places])
    unit, above = np.array([place[2] for place in places]), np.array([place[3] for place in places])
    found = ascent.after_split(enclosure, owner[pair], case[pair], rows, p.take(pair), layer, unit, above)
    assert_equal(p, before)
    for i, (row, k, j, side) in enumerate(places):
        builder = TreeBuilder(tree)
        columns = (int(nodes[owner[row]]), Kind.UNIT, k + 1, j, 0.0, 0)
        children = builder.split(*(np.array([column]) for column in columns))
        child = enclosure_at(problem, builder.snapshot(), int(children[int(side)]))
        begin = copied(p.take(np.array([row]))).fitted(child, ZERO)
        signed = begin.multipliers[k]
        assert signed is not None
        assert not np.any(signed[:, begin.units[k] == j])
        expected = ascent.bounds(child, ZERO, case[[row]], rows, copied(begin))
        assert found[i] == pytest.approx(expected[0], rel=1e-9, abs=1e-9)


def test_two_boxes_on_either_side_of_a_unit_keep_their_bounds():
    """Y = relu(x): 0 on one box, x on the other, and no unit is unstable."""
    layer = Layer(affine(1, {0: Dense(np.ones((1, 1)))}, np.zeros(1)), Relu())
    network = Network((layer,), (1,), affine(1, {1: Dense(np.ones((1, 1)))}, np.zeros(1)), "line", "float64")
    row = [[Half([1.0], 0.5)]]
    problem = problem_of(network, *(Box(np.array([low]), np.array([low + 1.0]), row) for low in (-2.0, 1.0)))
    tree, rows, pairs = SpecTree.roots(2), Rows(problem), np.arange(2)
    enclosure = together([enclosure_at(problem, tree, r) for r in range(2)])
    found = of(problem).bounds(enclosure, pairs, pairs, rows, initial(enclosure, pairs, pairs, rows))
    np.testing.assert_allclose(found, [-0.5, 0.5])

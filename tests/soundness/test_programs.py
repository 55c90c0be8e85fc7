"""The linear program is at least as strong as any backward bound, and its duals replay."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.engine import (
    CURVED,
    EXACT,
    FEW,
    NETWORKS,
    PIECEWISE,
    Box,
    Half,
    affine,
    points,
    pre_activations,
    problem_of,
    random_problem,
)
from tests.trees import enclosure_at, inside, random_tree

from ivan.bounds.ascent import Ascent, Model, Schedule, initial
from ivan.bounds.backward import bound_outputs
from ivan.bounds.certify import certify
from ivan.bounds.descend import roots
from ivan.bounds.enclosure import Enclosure, from_known
from ivan.bounds.objective import Rows
from ivan.deadline import NEVER
from ivan.lp.duals import certificate_of
from ivan.lp.highs import LiveModel, Solution
from ivan.lp.relaxation import relax, supported
from ivan.network.activations import Relu
from ivan.network.layers import Layer, Network
from ivan.network.linear import Dense
from ivan.problem import Problem
from ivan.proof import Kind, MultiplierKind, SpecTree, TreeBuilder

SEEDS = st.integers(0, 2**32 - 1)
TOLERANCE = 1e-6
"""HiGHS is content when rows hold to 1e-7."""
ZERO = np.zeros(1, np.int64)


def solved(enclosure: Enclosure, problem: Problem, case: int) -> Solution:
    return LiveModel(relax(enclosure, 0, problem.cases[case])).solve(NEVER)


def replayed(enclosure: Enclosure, problem: Problem, case: int, solution: Solution) -> tuple[bool, float]:
    claim = certificate_of(solution, enclosure, 0, 0, case, problem.cases[case].C)
    claim.check(1, problem.rows_of_case)
    holds, forms = certify(enclosure, ZERO, claim, Rows(problem))
    return bool(holds[0]), float(forms.bound[0])


@pytest.mark.parametrize("kind", sorted(EXACT))
@FEW
@given(seed=SEEDS)
def test_the_program_is_at_least_as_strong_as_the_rule_and_as_ascent(kind, seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT[kind](rng), cases=2)
    rows, tree = Rows(problem), random_tree(rng, problem, 4)
    for node in (0, *tree.leaves[:3]):
        enclosure = enclosure_at(problem, tree, int(node))
        if enclosure.empty[0]:
            continue
        for case in range(2):
            solution = solved(enclosure, problem, case)
            assert solution.bound is not None
            index = np.arange(rows.first[case], rows.first[case + 1])
            single = bound_outputs(enclosure, np.zeros(len(index), np.int64), rows.single(index))
            start = initial(enclosure, ZERO, np.array([case]), rows)
            _, ascended = Ascent(Model(problem.network)).outputs(
                enclosure, ZERO, np.array([case]), rows, start, Schedule(20)
            )
            # single rows and ascended weights are points of the dual; its best is the least worst row
            assert solution.bound >= single.bound.max() - TOLERANCE
            assert solution.bound >= ascended.bound[0] - TOLERANCE


@pytest.mark.parametrize("kind", sorted(PIECEWISE))
@FEW
@given(seed=SEEDS)
def test_the_duals_replay_to_the_optimum_and_below_every_sample(kind, seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, NETWORKS[kind](rng), cases=2, radius=0.5)
    assert supported(problem.network)
    tree = random_tree(rng, problem, 3)
    x = points(rng, problem.regions[0].lower, problem.regions[0].upper, 300)
    before = pre_activations(problem.network, x)
    for node in (0, *tree.leaves[:2]):
        enclosure = enclosure_at(problem, tree, int(node))
        if enclosure.empty[0]:
            continue
        here = x[inside(tree, int(node), x, before)]
        for case in range(2):
            solution = solved(enclosure, problem, case)
            assert solution.bound is not None
            holds, bound = replayed(enclosure, problem, case, solution)
            if np.isinf(solution.bound):
                assert not len(here)
                assert holds
                continue
            assert bound == pytest.approx(solution.bound, rel=TOLERANCE, abs=TOLERANCE)
            assert holds == (bound > 0.0) or bound == 0.0
            # at the worst row of every point the relaxation is not above the network
            assert np.all(problem.margins(case, here).max(axis=1, initial=-np.inf) >= solution.bound - TOLERANCE)


@FEW
@given(seed=SEEDS)
def test_the_duals_use_bounds_that_were_tightened_by_other_means(seed):
    """Bounds as tight as the samples: then the program is stronger than slopes and splits alone can be."""
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT["dense"](rng), cases=3)
    x = points(rng, problem.regions[0].lower, problem.regions[0].upper, 2000)
    root = roots(problem, ZERO)
    known = tuple((z.min(axis=0)[None], z.max(axis=0)[None]) for z in pre_activations(problem.network, x))
    enclosure = from_known(problem.network, replace(root, known=known))
    stronger = 0
    for case in range(3):
        solution = solved(enclosure, problem, case)
        assert solution.bound is not None
        assert replayed(enclosure, problem, case, solution)[1] == pytest.approx(
            solution.bound, rel=TOLERANCE, abs=TOLERANCE
        )
        claim = certificate_of(solution, enclosure, 0, 0, case, problem.cases[case].C)
        stronger += bool(len(claim.multipliers["value"]))
        assert np.all(claim.multipliers["kind"] == MultiplierKind.BOUND)
    assume(stronger)


def contradiction() -> tuple[Problem, SpecTree]:
    """Two units that compute x and x + 1 up to a factor; the first >= 0 and the second <= 0 is impossible."""
    hidden = Layer(affine(2, {0: Dense(np.array([[1.0], [2.0]]))}, np.array([0.0, 2.0])), Relu())
    mixed = Layer(affine(1, {1: Dense(np.array([[1.0, -1.0]]))}, np.array([0.3])), Relu())
    network = Network((hidden, mixed), (1,), affine(1, {2: Dense(np.ones((1, 1)))}, np.zeros(1)), "x", "float64")
    problem = problem_of(network, Box(np.array([-3.0]), np.array([3.0]), [[Half([1.0], 100.0)]]))
    builder = TreeBuilder(SpecTree.roots(1))
    unit = np.array([Kind.UNIT]), np.array([1])
    first = builder.split(ZERO, *unit, np.array([0]), np.zeros(1), ZERO)
    builder.split(first[1:], *unit, np.array([1]), np.zeros(1), ZERO)
    return problem, builder.snapshot()


def test_contradictory_phases_are_infeasible_and_their_certificate_needs_no_row():
    problem, tree = contradiction()
    enclosure = enclosure_at(problem, tree, 3)  # x >= 0 and 2 x + 2 <= 0, by inherited bounds
    assert not enclosure.empty[0]
    assert not any(mask.any() for mask in enclosure.unstable[:1])
    solution = solved(enclosure, problem, 0)
    assert solution.bound == np.inf
    claim = certificate_of(solution, enclosure, 0, 3, 0, problem.cases[0].C)
    assert not len(claim.weights["row"])
    holds, forms = certify(enclosure, ZERO, claim, Rows(problem))
    assert holds[0]
    assert forms.bound[0] > 0.0
    # the same claim says nothing where the splits are not made
    root = enclosure_at(problem, tree, 0)
    assert not certify(root, ZERO, claim, Rows(problem))[0][0]


@FEW
@given(seed=SEEDS)
def test_a_program_whose_units_are_all_split_is_exact(seed):
    """Its optimum is attained by the network itself, at a point that satisfies the splits."""
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT["dense"](rng), cases=1)
    network = problem.network
    anchor = points(rng, problem.regions[0].lower, problem.regions[0].upper, 1)
    builder, node = TreeBuilder(SpecTree.roots(1)), 0
    for k, z in enumerate(pre_activations(network, anchor)):
        for j in range(network.layers[k].size):
            columns = (Kind.UNIT, k + 1, j, 0.0, 0)
            below, above = builder.split(np.array([node]), *(np.array([c]) for c in columns))
            node = int(above if z[0, j] >= 0.0 else below)
    tree = builder.snapshot()
    enclosure = enclosure_at(problem, tree, node)
    assert not any(mask.any() for mask in enclosure.unstable)
    solution = solved(enclosure, problem, 0)
    assert solution.bound is not None
    assert solution.inputs is not None
    assert problem.margins(0, solution.inputs[None]).max() == pytest.approx(solution.bound, abs=1e-5)
    for z in zip(pre_activations(network, anchor), pre_activations(network, solution.inputs[None]), strict=True):
        assert np.all(np.sign(z[0]) * z[1] >= -1e-5)
    assert solution.bound <= problem.margins(0, anchor).max() + TOLERANCE


def test_programs_know_only_piecewise_linear_activations():
    rng = np.random.default_rng(0)
    assert supported(EXACT["dense"](rng))
    assert not supported(CURVED["products"](rng))


@FEW
@given(seed=SEEDS)
def test_a_live_model_narrowed_to_a_domain_is_valid_and_replays_there(seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT["dense"](rng), cases=1)
    tree = random_tree(rng, problem, 6)
    live = LiveModel(relax(enclosure_at(problem, tree, 0), 0, problem.cases[0]))
    x = points(rng, problem.regions[0].lower, problem.regions[0].upper, 500)
    before = pre_activations(problem.network, x)
    for node in tree.leaves:
        enclosure = enclosure_at(problem, tree, int(node))
        if enclosure.empty[0]:
            continue
        live.narrow(enclosure, 0)
        solution = live.solve(NEVER)
        assert solution.bound is not None
        here = x[inside(tree, int(node), x, before)]
        assert np.all(problem.margins(0, here).max(axis=1, initial=-np.inf) >= solution.bound - TOLERANCE)
        holds, bound = replayed(enclosure, problem, 0, solution)
        if np.isinf(solution.bound):
            assert holds
        else:
            assert bound >= solution.bound - TOLERANCE * (1.0 + abs(solution.bound))


@pytest.mark.parametrize("width", [1e-12, 1e-16, 1e-300, 5e-324])
def test_a_unit_that_is_hardly_unstable_does_not_spoil_the_program(width):
    hidden = Layer(affine(2, {0: Dense(np.eye(2))}, np.zeros(2)), Relu())
    network = Network((hidden,), (2,), affine(1, {1: Dense(np.array([[1.0, 1.0]]))}, np.zeros(1)), "x", "float64")
    box = Box(np.array([-width, -1.0]), np.array([1.0, width]), [[Half([1.0], 0.5)]])
    problem = problem_of(network, box)
    enclosure = enclosure_at(problem, SpecTree.roots(1), 0)
    solution = solved(enclosure, problem, 0)
    assert solution.bound == pytest.approx(-0.5, abs=TOLERANCE)
    assert replayed(enclosure, problem, 0, solution)[1] == pytest.approx(-0.5, abs=TOLERANCE)

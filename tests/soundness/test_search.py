"""What a search says is so: no `unsat` with a counterexample in the box, no counterexample that is none."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine import (
    CURVED,
    EXACT,
    NETWORKS,
    Box,
    Half,
    Rng,
    affine,
    dense,
    from_onnx,
    hard_problem,
    points,
    problem_of,
    random_problem,
    sizes_of,
)
from tests.models import maxpool
from tests.searches import Patience, deployed, eager, search

from ivan.bounds.certify import certify
from ivan.bounds.enclosure import Enclosure
from ivan.bounds.replay import replay
from ivan.deadline import NEVER, OutOfTime
from ivan.incremental.reuse import reuse
from ivan.network.activations import Relu
from ivan.network.layers import Layer, Network
from ivan.network.linear import Dense
from ivan.problem import Problem, build_problem
from ivan.proof import Certificates, State
from ivan.search import Search, SearchResult, Seed, Statistics, by_inputs, loop
from ivan.search import by_units as units
from ivan.search.by_units import ByUnits
from ivan.verdict import Verdict
from ivan.vnnlib import parse_query

SEEDS = st.integers(0, 2**32 - 1)
SEARCHES = settings(max_examples=6, deadline=None, derandomize=True)


def assert_true(problem: Problem, result: SearchResult, rng: Rng) -> None:
    """Fails when the verdict can be shown to be wrong, or its evidence is none."""
    sizes = sizes_of(problem.network)
    result.proof.tree.check(len(problem.regions), problem.network.inputs, sizes)
    result.proof.certificates.check(len(result.proof.tree), problem.rows_of_case)
    result.proof.refinements.check(result.proof.tree, sizes)
    if result.verdict is Verdict.UNSAT:
        for r, box in enumerate(problem.regions):
            x = points(rng, box.lower, box.upper, 4000)
            for case in problem.cases_of[r]:
                assert problem.margins(case, x).max(axis=1).min() > -1e-9
        replayed = replay(problem, result.proof)
        assert replayed.complete
        assert replayed.holds[result.proof.certificates.margin > 1e-9].all()
        assert result.proof.complete
    if result.verdict is Verdict.SAT:
        assert result.witness is not None
        x, y = result.witness.inputs, result.witness.outputs
        np.testing.assert_array_equal(y, deployed(problem.network)(x))
        exact = [Fraction(float(v)) for v in x], [Fraction(float(v)) for v in y]
        boxes = [np.all((x >= r.inner_lower) & (x <= r.inner_upper)) for r in problem.regions]
        assert any(boxes[case.region] and case.violated(*exact) for case in problem.cases)


@pytest.mark.parametrize("by_units", [False, True])
@pytest.mark.parametrize("kind", sorted(EXACT | CURVED))
@SEARCHES
@given(seed=SEEDS)
def test_no_verdict_on_a_random_problem_is_wrong(kind, by_units, seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, NETWORKS[kind](rng), cases=int(rng.integers(1, 4)), boxes=int(rng.integers(1, 3)))
    assert_true(problem, search(problem, by_units=by_units, checks=300), rng)


def near_the_edge(rng: Rng, network: Network, *, rows: int, cases: int, gap: float, strict: bool) -> Problem:
    """Cases that stay clear of a violation by about `gap` times their range; each is planted where `gap` < 0."""
    centre, n = rng.standard_normal(network.inputs), network.inputs
    box = Box(centre - 0.4, centre + 0.4)
    x = points(rng, box.lower, box.upper, 1500)
    y = network(x)
    wanted = []
    for _ in range(cases):
        C = rng.standard_normal((rows, network.outputs))
        D = rng.standard_normal((rows, n)) * (rng.random() < 0.5)
        values = y @ C.T + x @ D.T
        if gap < 0.0:
            # all rows hold at one sampled point, the hardest of which is the first row's minimum
            d = values[values[:, 0].argmin()] - gap * 1e-9
        else:
            # the rows cannot all hold at any sampled point
            d = np.median(values, axis=0)
            d = d + np.max(values - d, axis=1).min() - gap * (np.ptp(values, axis=0) + 0.1)
        wanted.append([Half(c, float(b), e, strict) for c, b, e in zip(C, d, D, strict=True)])
    return problem_of(network, Box(box.lower, box.upper, wanted))


@pytest.mark.parametrize("by_units", [False, True])
@pytest.mark.parametrize("rows", [1, 2, 3])
@SEARCHES
@given(seed=SEEDS, strict=st.booleans())
def test_small_problems_are_decided(rows, by_units, seed, strict):
    rng = np.random.default_rng(seed)
    problem = near_the_edge(rng, dense(rng), rows=rows, cases=2, gap=0.05, strict=strict)
    result = search(problem, by_units=by_units)
    assert result.verdict.decided
    assert_true(problem, result, rng)


@pytest.mark.parametrize("by_units", [False, True])
@pytest.mark.parametrize("kind", sorted(EXACT | CURVED))
@SEARCHES
@given(seed=SEEDS, rows=st.integers(1, 3))
def test_a_planted_counterexample_is_never_denied(kind, by_units, seed, rows):
    rng = np.random.default_rng(seed)
    problem = near_the_edge(rng, NETWORKS[kind](rng), rows=rows, cases=2, gap=-1.0, strict=False)
    result = search(problem, by_units=by_units, checks=300)
    assert result.verdict is not Verdict.UNSAT
    assert_true(problem, result, rng)


@SEARCHES
@given(seed=SEEDS)
def test_units_are_split_where_many_inputs_vary(seed):
    rng = np.random.default_rng(seed)
    problem = near_the_edge(rng, dense(rng, (24, 5, 4, 2)), rows=1, cases=3, gap=0.2, strict=False)
    result = search(problem)
    assert not np.any(result.proof.tree.kind == 1)
    assert result.verdict.decided
    assert_true(problem, result, rng)


def test_a_maximum_pool_is_verified():
    rng = np.random.default_rng(3)
    network = from_onnx(maxpool(rng))
    centre = rng.standard_normal(network.inputs)
    y = network(points(rng, centre - 0.05, centre + 0.05, 500))[:, 0]
    row = Half([1.0, 0.0], float(y.min() - 3.0 * np.ptp(y)))
    problem = problem_of(network, Box(centre - 0.05, centre + 0.05, [[row]]))
    result = search(problem)
    assert result.verdict is Verdict.UNSAT
    assert_true(problem, result, rng)


@pytest.mark.parametrize("by_units", [False, True])
def test_a_conjunction_is_excluded_by_a_combination_of_its_rows_alone(by_units):
    """Y <= -0.5 and -y <= -0.4, and the same with an input between: each row can hold, all of them cannot."""
    rng = np.random.default_rng(0)
    network = dense(rng, (2, 4, 1))
    y = network(points(rng, -np.ones(2), np.ones(2)))
    low, high = float(np.quantile(y, 0.4)), float(np.quantile(y, 0.6))
    for mixed in (0.0, 0.3):
        rows = [Half([1.0], low, [mixed, 0.0]), Half([-1.0], -high, [-mixed, 0.0])]
        problem = problem_of(network, Box(-np.ones(2), np.ones(2), [rows]))
        result = search(problem, by_units=by_units)
        assert result.verdict is Verdict.UNSAT
        assert_true(problem, result, rng)


def line() -> Network:
    """Y = relu(x)."""
    layer = Layer(affine(1, {0: Dense(np.ones((1, 1)))}, np.zeros(1)), Relu())
    return Network((layer,), (1,), affine(1, {1: Dense(np.ones((1, 1)))}, np.zeros(1)), "line", "float64")


@pytest.mark.parametrize("by_units", [False, True])
@pytest.mark.parametrize(
    ("bound", "strict", "possible"),
    [
        (0.0, False, {Verdict.SAT}),
        (-1e-3, False, {Verdict.UNSAT}),
        (-1e-3, True, {Verdict.UNSAT}),
        (1e-3, True, {Verdict.SAT}),
        # relu(x) < 0 holds nowhere, and misses by nothing at all: rounding may leave it undecided, never deny it
        (0.0, True, {Verdict.UNSAT, Verdict.UNKNOWN, Verdict.TIMEOUT}),
    ],
)
def test_strict_rows_and_others_differ_at_the_boundary(bound, strict, possible, by_units):
    problem = problem_of(line(), Box(np.array([-1.0]), np.array([1.0]), [[Half([1.0], bound, strict=strict)]]))
    assert search(problem, by_units=by_units, checks=200).verdict in possible


@pytest.mark.parametrize("by_units", [False, True])
def test_one_case_that_can_happen_makes_the_query_sat(by_units):
    rng = np.random.default_rng(4)
    network = dense(rng)
    y = network(points(rng, -np.ones(3), np.ones(3)))
    impossible = Half([1.0, 0.0], float(y[:, 0].min() - 5.0))
    possible = Half([0.0, 1.0], float(np.median(y[:, 1])))
    cases = [[impossible], [impossible, possible], [possible]]
    elsewhere = Box(np.full(3, 5.0), np.full(3, 5.1), [[Half([1.0, 0.0], -1e3)]])
    problem = problem_of(network, elsewhere, Box(-np.ones(3), np.ones(3), cases))
    result = search(problem, by_units=by_units)
    assert result.verdict is Verdict.SAT
    assert_true(problem, result, rng)


@pytest.mark.parametrize("checks", [0, 1, 5, 20])
def test_a_search_cut_short_leaves_an_open_proof_that_a_seed_goes_on_from(checks):
    rng = np.random.default_rng(3)
    problem = near_the_edge(rng, dense(rng, (4, 10, 10, 2)), rows=1, cases=2, gap=0.02, strict=False)
    cut = search(problem, by_units=False, checks=checks)
    assert cut.verdict is Verdict.TIMEOUT
    assert not cut.proof.complete
    assert_true(problem, cut, rng)
    replayed = replay(problem, cut.proof)
    assert replayed.holds.all()
    seed = Seed(cut.proof.tree.with_open(replayed.leaf), cut.proof.certificates, replayed.leaf, replayed.case)
    result = search(problem, by_units=False, seed=seed)
    assert result.verdict.decided
    assert_true(problem, result, rng)


def test_progress_is_told_and_counts_add_up():
    rng = np.random.default_rng(3)
    problem = near_the_edge(rng, dense(rng, (4, 10, 10, 2)), rows=1, cases=2, gap=0.02, strict=False)
    told: list[tuple[int, int]] = []

    def listen(statistics: Statistics) -> None:
        told.append((statistics.domains, statistics.open))

    result = Search(
        problem, deployed(problem.network), Seed.fresh(problem), deadline=Patience(4000), progress=listen
    ).run()
    tree, statistics = result.proof.tree, result.statistics
    assert result.verdict is Verdict.UNSAT
    assert told == sorted(told, key=lambda t: t[0])
    assert told[-1] == (statistics.domains, 0)
    assert statistics.domains == len(tree)
    assert statistics.closed == len(tree.leaves) == int((tree.state == State.CLOSED).sum())
    assert statistics.splits == int((tree.state == State.SPLIT).sum())
    assert statistics.depth == tree.depth().max()


def test_a_case_without_rows_is_decided_by_its_box_alone() -> None:
    network = dense(np.random.default_rng(0), (2, 3, 1), "float32")
    everything = parse_query(
        "(declare-const X_0 Real)(declare-const X_1 Real)(declare-const Y_0 Real)"
        "(assert (>= X_0 0))(assert (<= X_0 1))(assert (>= X_1 0))(assert (<= X_1 1))"
    )
    found = search(build_problem(everything, network))
    assert found.verdict is Verdict.SAT
    # no float32 satisfies the first input's constraint exactly: nothing to confirm, and no bound excludes the case
    nowhere = parse_query(
        "(declare-const X_0 Real)(declare-const X_1 Real)(declare-const Y_0 Real)"
        "(assert (<= (* 3 X_0) 0.1))(assert (>= (* 3 X_0) 0.1))(assert (>= X_1 0))(assert (<= X_1 1))"
    )
    for by_units in (False, True):
        assert search(build_problem(nowhere, network), by_units=by_units).verdict is Verdict.UNKNOWN


# Refined and deepened searches


@pytest.mark.parametrize("kind", ["deep", "convolutional", "residual"])
@pytest.mark.parametrize("programs", [0, 24])
@settings(max_examples=6, deadline=None, derandomize=True)
@given(seed=SEEDS)
def test_a_proof_by_refined_bounds_replays_completely(kind, programs, seed):
    rng = np.random.default_rng(seed)
    network = dense(rng, (4, 8, 8, 8, 2)) if kind == "deep" else NETWORKS[kind](rng)
    problem = hard_problem(rng, network, radius=0.8, gap=0.15, cases=3, rows=int(rng.integers(1, 3)), boxes=2)
    with pytest.MonkeyPatch.context() as patch:
        eager(patch, programs=programs)
        assert_true(problem, search(problem, by_units=True), rng)


def test_bounds_are_refined_and_computed_anew_where_splits_go_deep():
    """What the other tests of refined searches rest on: all of it happens on networks of this size."""
    deepened = due = inner = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        problem = hard_problem(rng, dense(rng, (4, 10, 10, 10, 2)), radius=1.0, gap=0.1, rows=1 + seed % 2)
        with pytest.MonkeyPatch.context() as patch:
            eager(patch)
            result = search(problem, by_units=True)
        assert result.verdict.decided
        assert_true(problem, result, rng)
        tree, certificates = result.proof.tree, result.proof.certificates
        if len(tree) > 1:
            refinements = result.proof.refinements
            # slopes are those of the root
            assert refinements.node[np.diff(refinements.support.offsets) > 0].tolist() == [0]
        deepened += result.statistics.deepened
        due += int(tree.refresh[1:].sum()) - 2 * result.statistics.deepened
        inner += int((tree.depth()[certificates.node] > 3).sum())
    assert deepened > 3
    assert due > 3
    assert inner > 10


def test_what_was_proved_at_a_root_before_it_was_refined_holds_on_its_refined_bounds():
    rng = np.random.default_rng(789)
    problem = hard_problem(rng, dense(rng, (4, 8, 8, 8, 2)), radius=0.7, gap=0.15, cases=3, rows=2, boxes=2)
    with pytest.MonkeyPatch.context() as patch:
        eager(patch)
        result = search(problem, by_units=True)
    assert len(result.proof.refinements)
    assert np.any(result.proof.certificates.node == result.proof.refinements.node[0])
    assert_true(problem, result, rng)


@pytest.mark.parametrize("by_units", [False, True])
@settings(max_examples=6, deadline=None, derandomize=True)
@given(seed=SEEDS, gap=st.sampled_from([-0.4, 0.1]))
def test_a_search_that_attacks_after_every_batch_says_what_one_that_never_attacks_says(by_units, seed, gap):
    rng = np.random.default_rng(seed)
    problem = hard_problem(rng, dense(rng, (3, 6, 6, 2)), radius=0.5, gap=gap, boxes=2)
    verdicts = set()
    for share in (0.0, np.inf):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(loop, "ATTACK_SHARE", share)
            result = search(problem, by_units=by_units)
        assert_true(problem, result, rng)
        verdicts.add(result.verdict)
    assert len(verdicts) == 1
    assert verdicts <= {Verdict.SAT, Verdict.UNSAT}


def cut_before_roots_are_refined() -> tuple[Problem, Seed]:
    """Of both roots, some cases are excluded on bounds that have no slopes yet, and some are open."""

    def cut(self: ByUnits, batch: Any) -> None:
        raise OutOfTime

    rng = np.random.default_rng(0)
    problem = hard_problem(rng, dense(rng, (4, 8, 8, 8, 2)), radius=0.7, gap=0.1, cases=6, boxes=2)
    with pytest.MonkeyPatch.context() as patch:
        eager(patch)
        patch.setattr(ByUnits, "_refine", cut)
        result = search(problem, by_units=True)
    seed = reuse(problem, result.proof, lambda x: np.full(2, np.nan), NEVER).seed
    assert set(seed.certificates.node.tolist()) == set(seed.leaf.tolist()) == {0, 1}
    return problem, seed


def nothing_holds(enclosure: Enclosure, owner: Any, claims: Certificates, *rest: Any) -> tuple[Any, Any]:
    return np.zeros(len(claims), bool), certify(enclosure, owner, claims, *rest)[1]


def test_what_a_root_loses_when_it_is_refined_is_searched_again():
    """No certificate holds on its refined bounds, also of those that an earlier search left there."""
    problem, seed = cut_before_roots_are_refined()
    with pytest.MonkeyPatch.context() as patch:
        eager(patch)
        patch.setattr(units, "certify", nothing_holds)
        result = search(problem, by_units=True, seed=seed)
    assert result.proof.refinements.node.tolist() == [0, 1]
    assert result.verdict is Verdict.UNSAT
    assert_true(problem, result, np.random.default_rng(0))


def test_a_search_that_is_done_when_its_time_runs_out_is_done(monkeypatch):
    # attacks go by the clock, and so does the choice of bounds
    monkeypatch.setattr(loop, "ATTACK_SHARE", 0.0)
    monkeypatch.setattr(by_inputs, "forward_pays", lambda *arguments: False)
    rng = np.random.default_rng(4)
    problem = hard_problem(rng, dense(rng, (3, 8, 8, 2)), radius=0.5, gap=0.1, boxes=2)
    done = next(n for n in range(2000) if search(problem, by_units=False, checks=n).verdict is Verdict.UNSAT)
    # with one check less, something was left to do
    cut = search(problem, by_units=False, checks=done - 1)
    assert cut.verdict is Verdict.TIMEOUT
    assert not cut.proof.complete

"""An old proof on a changed network: what still holds is kept, what does not is searched, and nothing is believed."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.engine import EXACT, FEW, Box, Half, Rng, dense, hard_problem, perturbed, points, problem_of, random_problem
from tests.searches import Patience, deployed, eager, never_confirmed, search
from tests.trees import left_open, random_certificates, random_tree, tried

from ivan.bounds.replay import check_fit, replay, walk
from ivan.deadline import NEVER, OutOfTime
from ivan.errors import ProofError
from ivan.incremental.reuse import Reused, reuse
from ivan.network.layers import Network
from ivan.problem import Problem, build_problem
from ivan.proof import Certificates, Proof, State
from ivan.verdict import Verdict

SEEDS = st.integers(0, 2**32 - 1)
FEW_SEARCHES = settings(max_examples=10, deadline=None, derandomize=True)


def proved(rng: Rng, network: Network, *, by_units: bool, cases: int = 2) -> tuple[Problem, Proof]:
    """A problem that a search proved with some splits, and its proof."""
    centre = rng.standard_normal(network.inputs)
    x = points(rng, centre - 0.5, centre + 0.5, 1500)
    y = network(x)
    C = rng.standard_normal((cases, network.outputs))
    values = y @ C.T
    rows = [[Half(c, float(v.min() - 0.03 * np.ptp(v)))] for c, v in zip(C, values.T, strict=True)]
    problem = problem_of(network, Box(centre - 0.5, centre + 0.5, rows))
    result = search(problem, by_units=by_units)
    return problem, result.proof


def test_an_update_that_breaks_the_property_is_found_out_before_the_replay(monkeypatch):
    rng = np.random.default_rng(0)
    problem, proof = proved(rng, dense(rng), by_units=False)
    old = problem.network
    # each case asks whether C y is small: far along -C it is
    shift = -1e3 * np.sum([case.C[0] for case in problem.cases], axis=0)
    broken = Network(old.layers, old.input_shape, old.output.plus_constant(shift), "broken", old.precision)
    monkeypatch.setattr("ivan.incremental.reuse.WORTH_PURSUIT", 0)
    monkeypatch.setattr("ivan.incremental.reuse.replay", None)
    reused = reuse(build_problem(problem.query, broken), proof, deployed(broken), NEVER)
    assert reused.witness is not None
    assert not reused.complete


@pytest.mark.parametrize("by_units", [False, True])
@pytest.mark.parametrize("size", [0.0, 1e-3, 3e-2, 1.0])
@FEW
@given(seed=SEEDS)
def test_a_search_from_an_old_proof_agrees_with_a_fresh_one(size, by_units, seed):
    rng = np.random.default_rng(seed)
    problem, proof = proved(rng, dense(rng, (3, 6, 5, 2)), by_units=by_units)
    updated = build_problem(problem.query, perturbed(rng, problem.network, size))
    reused = reuse(updated, proof, deployed(updated.network), NEVER)
    fresh = search(updated, by_units=by_units, checks=300)
    if reused.witness is not None:
        assert fresh.verdict is not Verdict.UNSAT
        return
    assert_seed(updated, proof, reused)
    if reused.complete:
        assert fresh.verdict is not Verdict.SAT
        return
    result = search(updated, by_units=by_units, seed=reused.seed, checks=300)
    assert {result.verdict, fresh.verdict} != {Verdict.SAT, Verdict.UNSAT}
    if size < 1.0:
        assert result.verdict is fresh.verdict
    if result.verdict is Verdict.UNSAT:
        result.proof.tree.check(1, 3, [6, 5])
        assert replay(updated, result.proof).complete


@FEW  # and four that went wrong once
@given(seed=SEEDS)
@example(seed=158)
@example(seed=267)
@example(seed=596)
@example(seed=1249)
def test_a_search_from_a_refined_proof_leaves_a_proof_that_replays(seed):
    """Bounds that a seeded search rests on are those that the tree's recipe gives."""
    rng = np.random.default_rng(seed)
    network = dense(rng, (4, 8, 8, 8, 2) if seed % 2 else (3, 8, 8, 2))
    problem = hard_problem(rng, network, radius=0.7, gap=0.15, cases=3, rows=1 + seed % 2, boxes=2)
    with pytest.MonkeyPatch.context() as patch:
        eager(patch, programs=24 if seed % 3 == 2 else 0)
        first = search(problem, by_units=True, checks=20000)
        updated = build_problem(problem.query, perturbed(rng, network, 3e-2))
        reused = reuse(updated, first.proof, deployed(updated.network), NEVER)
        if reused.witness is not None or reused.complete:
            return
        assert_seed(updated, first.proof, reused)
        result = search(updated, by_units=True, seed=reused.seed)
    if result.verdict is Verdict.UNSAT:
        replayed = replay(updated, result.proof)
        assert replayed.complete
        assert replayed.holds[result.proof.certificates.margin > 1e-9].all()


def assert_seed(problem: Problem, proof: Proof, reused: Reused) -> None:
    """The seed claims what holds, by a replay in plain Python, and more than the old proof alone; the rest is open."""
    seed = reused.seed
    holds, _ = tried(problem, seed.tree, seed.certificates, seed.refinements)
    assert holds.all()
    expected = left_open(problem, seed.proof, holds)
    assert sorted(zip(seed.leaf.tolist(), seed.case.tolist(), strict=True)) == expected
    assert set(expected) <= set(left_open(problem, proof, replay(problem, proof).holds))
    assert seed.tree.open.tolist() == sorted({leaf for leaf, _ in expected})
    np.testing.assert_array_equal(seed.tree.state == State.SPLIT, proof.tree.state == State.SPLIT)
    assert replay(problem, seed.proof).holds.all()
    assert reused.leaves == len(proof.tree.leaves)
    assert reused.leaves_held == reused.leaves - len({leaf for leaf, _ in expected})
    assert reused.complete == (not expected)


@pytest.mark.parametrize("by_units", [False, True])
def test_certificates_that_fail_are_mended_or_become_hints(by_units):
    """More holds than by a replay alone, and where a search starts is what can not be mended."""
    mended = hinted = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        problem, proof = proved(rng, dense(rng, (3, 8, 8, 2)), by_units=by_units)
        updated = build_problem(problem.query, perturbed(rng, problem.network, 3e-2))
        alone = replay(updated, proof)
        seeded = reuse(updated, proof, never_confirmed, NEVER).seed
        assert len(seeded.certificates) + len(seeded.hints) == len(proof.certificates)
        mended += len(seeded.certificates) - np.count_nonzero(alone.holds)
        hinted += len(seeded.hints)
    assert mended > 0
    assert hinted > 0


@pytest.mark.parametrize("by_units", [False, True])
@FEW_SEARCHES
@given(seed=SEEDS)
def test_on_the_same_network_a_proof_is_complete(by_units, seed):
    rng = np.random.default_rng(seed)
    problem, proof = proved(rng, dense(rng), by_units=by_units)
    reused = reuse(problem, proof, never_confirmed, NEVER)
    assert reused.complete == proof.complete
    assert reused.leaves_held == reused.leaves - len(proof.tree.open)


@pytest.mark.parametrize("by_units", [False, True])
@pytest.mark.parametrize("kind", sorted(EXACT))
@FEW
@given(seed=SEEDS)
def test_hostile_certificates_never_make_a_wrong_unsat(kind, by_units, seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT[kind](rng), cases=2, radius=0.5)
    tree = random_tree(rng, problem, 6)
    state = tree.state.copy()
    state[tree.leaves] = rng.choice([State.OPEN, State.CLOSED], len(tree.leaves))  # claims to be done
    proof = Proof(
        replace(tree, state=state), random_certificates(rng, problem, tree, 20, lambda n: 10 * rng.standard_normal(n))
    )
    reused = reuse(problem, proof, never_confirmed, NEVER)
    assert_seed(problem, proof, reused)
    verdict = Verdict.UNSAT
    if not reused.complete:
        result = search(problem, by_units=by_units, seed=reused.seed, checks=300)
        verdict = result.verdict
        if verdict is Verdict.UNSAT:
            assert replay(problem, result.proof).complete
    if verdict is Verdict.UNSAT:
        x = points(rng, problem.regions[0].lower, problem.regions[0].upper, 4000)
        for case in range(len(problem.cases)):
            assert problem.margins(case, x).max(axis=1).min() > -1e-9


@FEW_SEARCHES
@given(seed=SEEDS)
def test_a_counterexample_that_comes_up_in_replay_is_one(seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, dense(rng), cases=3)
    tree = random_tree(rng, problem, 4)
    proof = Proof(tree, random_certificates(rng, problem, tree, 15))
    witness = reuse(problem, proof, deployed(problem.network), NEVER).witness
    if witness is not None:
        np.testing.assert_array_equal(deployed(problem.network)(witness.inputs), witness.outputs)
        exact = [Fraction(float(v)) for v in witness.inputs], [Fraction(float(v)) for v in witness.outputs]
        assert any(case.violated(*exact) for case in problem.cases)


@FEW_SEARCHES
@given(seed=SEEDS)
def test_a_margin_that_is_claimed_is_not_believed(seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, dense(rng), cases=3)
    tree = random_tree(rng, problem, 4)
    claims = random_certificates(rng, problem, tree, 15)
    boastful = replace(claims, margin=np.full(len(claims), np.inf))
    one = reuse(problem, Proof(tree, claims), never_confirmed, NEVER)
    other = reuse(problem, Proof(tree, boastful), never_confirmed, NEVER)
    np.testing.assert_array_equal(one.seed.leaf, other.seed.leaf)
    np.testing.assert_array_equal(one.seed.case, other.seed.case)


@FEW_SEARCHES
@given(seed=SEEDS)
def test_the_leaf_that_misses_by_most_comes_last(seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, dense(rng), cases=1)
    tree = random_tree(rng, problem, 8)
    claims = random_certificates(rng, problem, tree, len(tree.leaves))
    claims = replace(claims, node=tree.leaves.astype(np.int32))
    seed_of = reuse(problem, Proof(tree, claims), never_confirmed, NEVER).seed
    holds, bound = tried(problem, tree, claims)
    miss = {int(node): bound[i] for i, node in enumerate(claims.node) if not holds[i]}
    order = [miss[leaf] for leaf in seed_of.leaf.tolist()]
    assert np.all(np.diff(order) <= 1e-9)


def test_a_proof_of_something_else_is_refused():
    rng = np.random.default_rng(0)
    problem = random_problem(rng, dense(rng))
    proof = Proof(random_tree(rng, problem, 6, inputs=False), Certificates.none())
    two = random_problem(rng, problem.network, boxes=2)
    with pytest.raises(ProofError, match="one root per region"):
        reuse(two, proof, never_confirmed, NEVER)
    narrow = dense(rng, (3, 1, 2))
    with pytest.raises(ProofError, match="not there"):
        reuse(build_problem(problem.query, narrow), proof, never_confirmed, NEVER)
    fewer = random_problem(rng, problem.network, cases=1)
    claims = random_certificates(rng, problem, proof.tree, 5)
    claims = replace(claims, case=np.ones(5, np.int32))
    with pytest.raises(ProofError, match="case that is not there"):
        reuse(fewer, Proof(proof.tree, claims), never_confirmed, NEVER)


def test_an_input_split_proof_transfers_to_another_architecture():
    rng = np.random.default_rng(2)
    problem, proof = proved(rng, dense(rng), by_units=False)
    assert len(proof.tree) > 1
    other = build_problem(problem.query, dense(rng, (3, 2, 2)))
    assert_seed(other, proof, reuse(other, proof, never_confirmed, NEVER))


def test_reuse_ends_at_the_deadline():
    rng = np.random.default_rng(0)
    problem, proof = proved(rng, dense(rng), by_units=False)
    cut = reuse(problem, proof, never_confirmed, Patience(0))
    assert not cut.complete
    assert cut.cut_off is not None
    assert len(cut.cut_off.certificates) == len(proof.certificates)


@pytest.mark.parametrize("by_units", [False, True])
@settings(max_examples=3, deadline=None, derandomize=True)  # each is cut off several times
@given(seed=SEEDS)
@example(seed=24)  # a tree of 37 nodes where inputs are split
@example(seed=39)  # and one of 11 where units are
def test_a_replay_that_is_cut_off_leaves_what_it_mended_and_what_it_did_not_try(by_units, seed):
    """Whenever it is cut off: going on from there ends where it would have ended."""
    rng = np.random.default_rng(seed)
    problem, proof = proved(rng, dense(rng, (3, 6, 5, 2)), by_units=by_units)
    updated = build_problem(problem.query, perturbed(rng, problem.network, 3e-2))
    whole, held = reuse(updated, proof, never_confirmed, NEVER), [int(replay(updated, proof).holds.sum())]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(walk, "batch_size", lambda network: 1)
        for checks in range(1, 40, 5):
            try:
                cut = reuse(updated, proof, never_confirmed, Patience(checks))
            except OutOfTime:  # before anything was tried
                continue
            if cut.cut_off is None:
                assert cut.complete == whole.complete
                break
            assert not cut.complete
            check_fit(updated, cut.cut_off)
            assert not cut.cut_off.complete
            assert len(cut.cut_off.certificates) == len(proof.certificates)
            again = reuse(updated, cut.cut_off, never_confirmed, NEVER)
            assert set(again.seed.leaf.tolist()) <= set(whole.seed.leaf.tolist())
            assert_seed(updated, cut.cut_off, again)
            held.append(int(replay(updated, cut.cut_off).holds.sum()))
    assert held == sorted(held)  # the later it is cut off, the more has been mended


def test_a_proof_without_certificates_seeds_every_leaf():
    rng = np.random.default_rng(0)
    problem, proof = proved(rng, dense(rng), by_units=False)
    reused = reuse(problem, Proof(proof.tree, Certificates.none()), never_confirmed, NEVER)
    assert len(reused.seed.leaf) == 2 * len(proof.tree.leaves)
    assert reused.leaves_held == 0

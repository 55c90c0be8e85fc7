"""The base is the proof that promises the least work; weights only say which proofs to look at."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine import EXACT, FEW, dense, hard_problem, perturbed, random_problem
from tests.searches import Patience, search
from tests.trees import path_to, random_certificates, random_refinements, random_tree, some_refreshed

from ivan.bounds.replay import replay
from ivan.deadline import NEVER, OutOfTime
from ivan.incremental import base
from ivan.incremental.base import Candidate, choose, sample_of
from ivan.problem import Problem, build_problem
from ivan.proof import Certificates, Kind, Proof, Refresh, SpecTree, TreeBuilder

SEEDS = st.integers(0, 2**32 - 1)


@dataclass(frozen=True)
class Stored:
    """A proof with a name."""

    name: str
    proof: Proof


def candidate(name: str, proof: Proof, distance: float) -> Candidate[Stored]:
    return Candidate(distance, lambda: Stored(name, proof))


def refused() -> Stored:
    raise AssertionError("loaded without need")


@pytest.fixture
def curious(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proofs are compared however small they are."""
    monkeypatch.setattr(base, "NOTICEABLE", np.inf)


def without(proof: Proof, count: int) -> Proof:
    """The proof without the certificates of its last nodes, which are leaves."""
    kept = np.argsort(proof.certificates.node, kind="stable")[: max(0, len(proof.certificates) - count)]
    return replace(proof, certificates=proof.certificates.take(kept))


@pytest.fixture(scope="module")
def updated() -> tuple[Problem, Proof]:
    """A problem, and a proof of an earlier version all of whose leaves hold."""
    rng = np.random.default_rng(0)
    problem = hard_problem(rng, dense(rng, (3, 8, 8, 2)), radius=1.0, gap=0.01)
    proof = search(problem, by_units=False).proof
    assert len(proof.tree.leaves) > 20
    again = build_problem(problem.query, perturbed(rng, problem.network, 1e-9))
    assert replay(again, proof).complete
    return again, proof


# What is chosen


@pytest.mark.usefixtures("curious")
def test_the_proof_that_holds_is_chosen_though_another_version_is_nearer(updated: tuple[Problem, Proof]) -> None:
    problem, proof = updated
    near, far = candidate("near", without(proof, 20), 0.01), candidate("far", proof, 0.03)
    chosen = choose(problem, [near, far], NEVER)
    assert chosen is not None
    assert chosen.name == "far"


@pytest.mark.usefixtures("curious")
def test_of_two_proofs_that_hold_the_smaller_is_chosen(updated: tuple[Problem, Proof]) -> None:
    problem, proof = updated
    builder, leaves = TreeBuilder(proof.tree), proof.tree.leaves
    none, middle = np.zeros(len(leaves), np.int32), np.zeros(len(leaves))
    builder.split(leaves, none + Kind.INPUT, none, none, middle, none + Refresh.BACKWARD)
    finer = replace(proof, tree=builder.snapshot().with_open(np.zeros(0, np.int64)))
    assert replay(problem, finer).complete
    chosen = choose(problem, [candidate("near", finer, 0.01), candidate("far", proof, 0.03)], NEVER)
    assert chosen is not None
    assert chosen.name == "far"


@pytest.mark.usefixtures("curious")
def test_of_two_that_are_worth_the_same_the_nearer_is_chosen(updated: tuple[Problem, Proof]) -> None:
    problem, proof = updated
    for pair in ((proof, proof), (proof, without(proof, 1)), (without(proof, 1), proof)):
        chosen = choose(problem, [candidate(str(i), p, 0.01) for i, p in enumerate(pair)], NEVER)
        assert chosen is not None
        assert chosen.name == "0"


@pytest.mark.usefixtures("curious")
def test_a_version_that_is_much_farther_is_not_even_loaded(updated: tuple[Problem, Proof]) -> None:
    problem, proof = updated
    chosen = choose(problem, [candidate("near", without(proof, 99), 0.01), Candidate(0.05, refused)], NEVER)
    assert chosen is not None
    assert chosen.name == "near"


def test_where_a_replay_is_trivial_nothing_is_compared(
    updated: tuple[Problem, Proof], monkeypatch: pytest.MonkeyPatch
) -> None:
    problem, proof = updated
    monkeypatch.setattr(base, "replay", None)
    chosen = choose(problem, [candidate("near", without(proof, 99), 0.01), Candidate(0.01, refused)], NEVER)
    assert chosen is not None
    assert chosen.name == "near"


@pytest.mark.usefixtures("curious")
def test_no_more_than_three_are_loaded(updated: tuple[Problem, Proof]) -> None:
    problem, proof = updated
    three = [candidate(str(i), without(proof, 15), 0.01) for i in range(3)]
    assert choose(problem, [*three, Candidate(0.01, refused)], NEVER) is not None


def test_what_does_not_fit_or_cannot_be_read_is_passed_over(updated: tuple[Problem, Proof]) -> None:
    problem, proof = updated
    rng = np.random.default_rng(1)
    alien = Proof(
        random_tree(rng, random_problem(rng, dense(rng, (3, 40, 40, 2))), 9, inputs=False), Certificates.none()
    )
    gone: Candidate[Stored] = Candidate(0.0, lambda: None)
    chosen = choose(problem, [gone, candidate("alien", alien, 0.01), candidate("own", proof, 9.0)], NEVER)
    assert chosen is not None
    assert chosen.name == "own"
    assert choose(problem, [gone, candidate("alien", alien, 0.01)], NEVER) is None


@pytest.mark.usefixtures("curious")
def test_a_choice_ends_at_the_deadline(updated: tuple[Problem, Proof]) -> None:
    problem, proof = updated
    pair = [candidate("near", without(proof, 15), 0.01), candidate("far", proof, 0.01)]
    with pytest.raises(OutOfTime):
        choose(problem, pair, Patience(0))


# What a sample tells


def numbered(proof: Proof) -> Proof:
    """The proof with each node's number as its bound, by which it is known again."""
    return replace(proof, tree=replace(proof.tree, bound=np.arange(len(proof.tree), dtype=np.float64)))


@pytest.mark.parametrize("kind", sorted(EXACT))
@FEW
@given(seed=SEEDS)
def test_where_units_are_split_a_sample_fails_exactly_where_the_replay_does(kind: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT[kind](rng), boxes=2)
    tree = random_tree(rng, problem, 20)
    claims = random_certificates(rng, problem, tree, 60)
    proof = numbered(Proof(tree, claims, random_refinements(rng, problem, some_refreshed(rng, tree))))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base, "FEWEST_LEAVES", 5)
        sample = sample_of(proof)
    original = sample.tree.bound.astype(np.int64)
    leaves = original[sample.tree.leaves]
    assert len(leaves) == 5
    assert set(leaves) <= set(tree.leaves.tolist())
    whole, part = replay(problem, proof), replay(problem, sample)
    expected = {(leaf, case) for leaf, case in zip(whole.leaf.tolist(), whole.case.tolist(), strict=True)}
    found = {(leaf, case) for leaf, case in zip(original[part.leaf].tolist(), part.case.tolist(), strict=True)}
    assert found == {pair for pair in expected if pair[0] in leaves}


@FEW
@given(seed=SEEDS)
def test_where_inputs_are_split_a_sample_computes_the_bounds_that_claims_rest_on_and_no_others(seed: int) -> None:
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, dense(rng), boxes=2)
    tree = random_tree(rng, problem, 20, units=False)
    proof = numbered(Proof(tree, random_certificates(rng, problem, tree, 60)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base, "FEWEST_LEAVES", 5)
        sample = sample_of(proof)
    original = sample.tree.bound.astype(np.int64)
    anchors = {anchor(tree, int(original[node])) for node in sample.certificates.node}
    roots = set(range(len(problem.regions)))
    assert set(original[sample.tree.refresh != Refresh.NONE].tolist()) == anchors | roots


def anchor(tree: SpecTree, node: int) -> int:
    return next(step for step in path_to(tree, node)[::-1] if tree.refresh[step] != Refresh.NONE)


def test_a_sample_is_as_large_as_it_should_be(updated: tuple[Problem, Proof]) -> None:
    problem, proof = updated
    few = Proof(SpecTree.roots(1), Certificates.none())
    assert len(sample_of(few).tree) == 1
    assert len(sample_of(proof).tree.leaves) == base.FEWEST_LEAVES < len(proof.tree.leaves)
    assert replay(problem, sample_of(proof)).complete

"""A search that may keep next to nothing says what one with room says, and what it keeps of its proof still holds."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine import Rng, dense, hard_problem
from tests.searches import eager, search
from tests.soundness.test_search import assert_true
from tests.soundness.test_shared_search import shared

from ivan.bounds.replay import check_fit, replay
from ivan.deadline import NEVER
from ivan.errors import InternalError
from ivan.problem import Problem
from ivan.proof import State
from ivan.search import SearchResult, Seed, ledger, loop
from ivan.search.frontier import Chunk, Frontier
from ivan.search.ledger import Ledger
from ivan.verdict import Verdict

SEEDS = st.integers(0, 2**32 - 1)


def resisting(rng: Rng, *, by_units: bool, gap: float = 0.03) -> Problem:
    """One that takes a tree of some size."""
    sizes = (4, 8, 8, 8, 2) if by_units else (3, 8, 8, 2)
    return hard_problem(rng, dense(rng, sizes), radius=1.0 if by_units else 0.5, gap=gap, boxes=2)


def goes_on(problem: Problem, result: SearchResult, *, by_units: bool) -> SearchResult:
    """A search from what a result's proof has left open."""
    replayed = replay(problem, result.proof, NEVER)
    assert replayed.holds[result.proof.certificates.margin > 1e-9].all()
    assert set(replayed.leaf.tolist()) >= set(result.proof.tree.open.tolist())
    tree = result.proof.tree.with_open(replayed.leaf)
    kept = result.proof.certificates.take(np.flatnonzero(replayed.holds))
    seed = Seed(tree, kept, replayed.leaf, replayed.case, refinements=result.proof.refinements)
    return search(problem, by_units=by_units, seed=seed, checks=100_000)


@pytest.mark.parametrize("by_units", [False, True])
@settings(max_examples=3, deadline=None, derandomize=True)
@given(seed=SEEDS)
def test_a_crowded_frontier_changes_no_verdict(by_units, seed):
    rng = np.random.default_rng(seed)
    problem = resisting(rng, by_units=by_units, gap=0.1)
    with pytest.MonkeyPatch.context() as patch:
        eager(patch)
        roomy = search(problem, by_units=by_units, checks=10**6)
        patch.setattr(loop, "MOST_NUMBERS", 200)
        patch.setattr(loop, "FEWEST_TOGETHER", 1)
        crowded = search(problem, by_units=by_units, checks=10**6)
    assert crowded.verdict is roomy.verdict
    assert_true(problem, crowded, rng)


def test_a_crowded_frontier_changes_no_verdict_of_a_search_that_has_hints(monkeypatch):
    """An old proof of which nothing holds any more: all of it is hints, also for what the frontier lets go of."""
    problem = resisting(np.random.default_rng(4), by_units=True, gap=0.1)
    eager(monkeypatch)
    roomy = search(problem, by_units=True)
    root = np.array([case.region for case in problem.cases], np.int32)
    claims = roomy.proof.certificates
    seed = replace(Seed.fresh(problem), hints=replace(claims, node=root[claims.case]))
    monkeypatch.setattr(loop, "MOST_NUMBERS", 1000)
    crowded = search(problem, by_units=True, seed=seed, checks=10**6)
    assert crowded.verdict is roomy.verdict is Verdict.UNSAT
    assert_true(problem, crowded, np.random.default_rng(0))


def test_a_crowded_frontier_keeps_its_nodes_lets_go_of_starts_and_gives_few_at_a_time(monkeypatch):
    problem = resisting(np.random.default_rng(4), by_units=True)
    taken: list[tuple[bool, int]] = []
    lightened: list[bool] = []
    lighten, pop = Frontier.lighten, Frontier.pop

    def watched_lighten(self: Frontier, most: int) -> None:
        count, numbers = len(self), self.numbers
        newest = self.chunks[-1].parameters if most >= self.chunks[-1].numbers else None
        lighten(self, most)
        assert len(self) == count
        assert newest is None or self.chunks[-1].parameters is newest
        lightened.append(self.numbers < numbers)

    def watched_pop(self: Frontier, size: int, pairs: int) -> list[Chunk]:
        taken.append((self.numbers >= loop.MOST_NUMBERS, size))
        return pop(self, size, pairs)

    eager(monkeypatch)
    monkeypatch.setattr(loop, "MOST_NUMBERS", 100)
    monkeypatch.setattr(Frontier, "lighten", watched_lighten)
    monkeypatch.setattr(Frontier, "pop", watched_pop)
    search(problem, by_units=True)
    assert any(lightened)
    assert {size for crowded, size in taken if crowded} == {loop.FEWEST_TOGETHER}
    assert loop.FEWEST_TOGETHER not in {size for crowded, size in taken if not crowded}


@pytest.mark.parametrize("by_units", [False, True])
@pytest.mark.parametrize("most", [0, 500])
@pytest.mark.parametrize("together", [False, True])
def test_a_proof_that_outgrows_memory_proves_and_is_kept_in_part(by_units, most, together, monkeypatch):
    problem = resisting(np.random.default_rng(4), by_units=by_units)
    eager(monkeypatch)
    whole = search(problem, by_units=by_units)
    assert whole.verdict is Verdict.UNSAT
    assert whole.statistics.unkept == 0
    monkeypatch.setattr(ledger, "MOST_BYTES", most)
    if together:
        with shared() as started:
            result = search(problem, by_units=by_units, checks=10**6)
        assert started
    else:
        result = search(problem, by_units=by_units)
    assert result.verdict is Verdict.UNSAT
    assert result.statistics.unkept > 0
    assert (len(result.proof.certificates) > 0) == (most > 0)
    assert not result.proof.complete
    check_fit(problem, result.proof)
    monkeypatch.setattr(ledger, "MOST_BYTES", 10**9)
    again = goes_on(problem, result, by_units=by_units)
    assert again.verdict is Verdict.UNSAT
    assert again.proof.complete
    assert_true(problem, again, np.random.default_rng(0))


@pytest.mark.parametrize("by_units", [False, True])
def test_a_tree_that_outgrows_memory_leaves_the_answer_open(by_units, monkeypatch):
    problem = resisting(np.random.default_rng(4), by_units=by_units)
    eager(monkeypatch)
    monkeypatch.setattr(loop, "MOST_NODES", 6)
    result = search(problem, by_units=by_units)
    assert result.verdict is Verdict.UNKNOWN
    assert result.statistics.open == np.count_nonzero(result.proof.tree.state == State.OPEN) > 0
    monkeypatch.setattr(loop, "MOST_NODES", 10**6)
    assert goes_on(problem, result, by_units=by_units).verdict is Verdict.UNSAT


@pytest.mark.parametrize("by_units", [False, True])
@pytest.mark.parametrize(("most", "forgetful"), [(10**9, "add"), (0, "let_go")])
@pytest.mark.parametrize("together", [False, True])
def test_a_leaf_that_was_closed_by_nothing_anybody_knows_of_makes_no_unsat(
    by_units, most, forgetful, together, monkeypatch
):
    """Whatever is closed has to be in the books, kept or not: one claim that is lost is one too many."""
    problem = resisting(np.random.default_rng(4), by_units=by_units)
    remember, seen = getattr(Ledger, forgetful), [0]

    def forgets_once(self: Ledger, claims: Any) -> None:
        pairs = len(claims) if forgetful == "add" else claims.shape[1]
        seen[0] += pairs > 0
        if seen[0] != 3:  # neither the first ones, which others may cover, nor all of them
            remember(self, claims)

    eager(monkeypatch)
    monkeypatch.setattr(ledger, "MOST_BYTES", most)
    monkeypatch.setattr(Ledger, forgetful, forgets_once)
    with shared() if together else nullcontext(), pytest.raises(InternalError, match="without a certificate"):
        search(problem, by_units=by_units, checks=10**6)

"""Two processes share a search: it says what a lonely one says, whatever becomes of the other process."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine import Array, Rng, dense, hard_problem
from tests.processes import two_processes
from tests.searches import deployed, eager, search
from tests.soundness.test_search import assert_true, cut_before_roots_are_refined, nothing_holds

from ivan.bounds.certify import certify
from ivan.deadline import NEVER, Deadline, OutOfTime
from ivan.incremental.reuse import reuse
from ivan.partner import Partner
from ivan.problem import Problem
from ivan.proof import State
from ivan.search import Search, Seed, Statistics, loop
from ivan.search import by_units as units
from ivan.search.candidates import Candidates
from ivan.search.frontier import Frontier
from ivan.search.sharing import Findings, Rounds, absorb
from ivan.search.workspace import Workspace
from ivan.verdict import Verdict

SEEDS = st.integers(0, 2**32 - 1)
TO_THE_END = 10**9
"""Steps of a round that ends when one of the processes has nothing left to do."""


@contextmanager
def shared(*, steps: int = 6, deny: bool = False) -> Iterator[list[int]]:
    """Two processes share a search as soon as two nodes are open; gives the processes that are started.

    No clock ends a round: the other process does, after so many steps. With `deny`, no counterexample is ever
    confirmed by this one.
    """
    parent, confirmed, apart = os.getpid(), Candidates.confirmed, Search._apart

    def counted(self: Search, frontier: Frontier, until: float, stop: Callable[[], bool]) -> Findings:
        left = iter(range(steps))
        return apart(self, frontier, until, lambda: stop() or next(left, None) is None)

    def elsewhere(self: Candidates, x: Array, case: int) -> bool:
        return os.getpid() != parent and confirmed(self, x, case)

    with two_processes() as (started, patch):
        eager(patch)
        patch.setattr(Rounds, "due", lambda self, count: self._allowed and count >= 2)
        patch.setattr(Rounds, "next", lambda self: 3600.0)
        patch.setattr(Search, "_apart", counted)
        if deny:
            patch.setattr(Candidates, "confirmed", elsewhere)
        yield started


def shareable(rng: Rng, *, by_units: bool, gap: float = 0.1) -> Problem:
    sizes = (4, 8, 8, 8, 2) if by_units else (3, 8, 8, 2)
    return hard_problem(rng, dense(rng, sizes), radius=1.0 if by_units else 0.5, gap=gap, boxes=2)


@pytest.mark.parametrize("by_units", [False, True])
@settings(max_examples=6, deadline=None, derandomize=True)
@given(seed=SEEDS)
def test_a_shared_search_says_what_a_lonely_one_says_and_its_proof_replays(by_units, seed):
    rng = np.random.default_rng(seed)
    problem = shareable(rng, by_units=by_units)
    lonely = search(problem, by_units=by_units)
    with shared() as started:
        result = search(problem, by_units=by_units, checks=10**6)
    assert len(lonely.proof.tree) < 6 or started
    assert result.verdict is lonely.verdict
    assert result.verdict.decided
    assert_true(problem, result, rng)
    tree, statistics = result.proof.tree, result.statistics
    if result.verdict is Verdict.UNSAT:
        assert statistics.closed == len(tree.leaves) == int((tree.state == State.CLOSED).sum())
    assert statistics.splits == int((tree.state == State.SPLIT).sum())
    assert statistics.depth == tree.depth().max()
    if not by_units and result.verdict is Verdict.UNSAT:
        assert statistics.domains == len(tree)


def exits(original: Any, self: Search, *rest: Any) -> Any:
    os._exit(3)


def raises(original: Any, self: Search, *rest: Any) -> Any:
    raise RuntimeError("a fault in the other process")


def unsendable(original: Any, self: Search, *rest: Any) -> Any:
    return replace(original(self, *rest), witness=lambda: None)


def killed(original: Any, self: Search, frontier: Any, until: float, stop: Any) -> Any:
    """In the middle of its work."""
    steps = iter(range(2))

    def counted() -> bool:
        if next(steps, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
        return False

    return original(self, frontier, until + 60.0, counted)


@pytest.mark.parametrize("by_units", [False, True])
@pytest.mark.parametrize("fault", [exits, raises, unsendable, killed])
def test_a_partner_that_dies_loses_nothing(fault, by_units):
    rng = np.random.default_rng(4)
    problem = shareable(rng, by_units=by_units)
    original = Search._apart
    with shared() as started, pytest.MonkeyPatch.context() as patch:
        patch.setattr(Search, "_apart", lambda self, *rest: fault(original, self, *rest))
        result = search(problem, by_units=by_units, checks=10**6)
    assert len(started) == 1 or fault is killed  # that one may have nothing left to do before it is killed
    assert started
    assert result.verdict is search(problem, by_units=by_units).verdict
    assert_true(problem, result, rng)


def test_a_partner_tries_again_what_was_proved_at_a_root_that_it_refines():
    """No certificate holds on refined bounds, says the partner alone."""
    problem, seed = cut_before_roots_are_refined()
    parent = os.getpid()

    def partner_denies(*arguments: Any) -> tuple[Any, Any]:
        return (certify if os.getpid() == parent else nothing_holds)(*arguments)

    with shared(steps=TO_THE_END) as started, pytest.MonkeyPatch.context() as patch:
        patch.setattr(units, "certify", partner_denies)
        result = search(problem, by_units=True, seed=seed, checks=10**6)
    assert started
    assert result.proof.refinements.node.tolist() == [0, 1]
    before, after = (
        set(zip(claims.node.tolist(), claims.case.tolist(), claims.margin.tolist(), strict=True))
        for claims in (seed.certificates, result.proof.certificates)
    )
    assert {node for node, _, _ in before & after} != {0, 1}


def test_where_no_process_can_be_started_the_search_goes_on_alone():
    rng = np.random.default_rng(4)
    problem = shareable(rng, by_units=True)

    def refused() -> int:
        raise BlockingIOError("no processes left")

    with shared(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fork", refused)
        result = search(problem, by_units=True)
    assert result.verdict is Verdict.UNSAT
    assert_true(problem, result, rng)


@pytest.mark.parametrize("by_units", [False, True])
@settings(max_examples=3, deadline=None, derandomize=True)
@given(seed=SEEDS)
def test_a_counterexample_that_the_partner_finds_is_returned(by_units, seed):
    rng = np.random.default_rng(seed)
    problem = shareable(rng, by_units=by_units, gap=-0.4)
    with shared(deny=True) as started:
        result = search(problem, by_units=by_units, checks=10**6)
    assert started
    assert result.verdict is Verdict.SAT
    assert_true(problem, result, rng)


@pytest.mark.parametrize("by_units", [False, True])
@pytest.mark.parametrize("checks", [3, 8, 20, 60])
def test_a_shared_search_cut_short_leaves_an_open_proof_that_a_seed_goes_on_from(checks, by_units):
    rng = np.random.default_rng(4)
    problem = shareable(rng, by_units=by_units, gap=0.03)
    with shared():
        cut = search(problem, by_units=by_units, checks=checks)
    assert_true(problem, cut, rng)
    if cut.verdict is Verdict.UNSAT:
        return
    assert cut.verdict is Verdict.TIMEOUT
    assert not cut.proof.complete
    reused = reuse(problem, cut.proof, lambda x: np.full(2, np.nan), NEVER)
    result = search(problem, by_units=by_units, seed=reused.seed)
    assert result.verdict.decided
    assert_true(problem, result, rng)


class Parents(Deadline):
    """Passes for this process some checks after another one has been started, and never for that one."""

    def __init__(self, started: list[int], checks: int) -> None:
        super().__init__()
        self._parent, self._started, self._checks = os.getpid(), started, checks

    def check(self) -> None:
        if self._started and os.getpid() == self._parent:
            self._checks -= 1
            if self._checks < 0:
                raise OutOfTime


@pytest.mark.parametrize("checks", [0, 1, 2, 3, 5])
@pytest.mark.parametrize("by_units", [False, True])
def test_what_the_partner_has_found_by_the_deadline_is_kept_and_nothing_else_counts_as_done(by_units, checks):
    """Not the batch that this process was in the middle of, either, when nothing else is left."""
    rng = np.random.default_rng(4)
    problem = shareable(rng, by_units=by_units, gap=0.03)
    with shared(steps=TO_THE_END) as started, pytest.MonkeyPatch.context() as patch:
        patch.setattr(Partner, "stop", lambda self: None)
        lonely = Search(
            problem,
            deployed(problem.network),
            Seed.fresh(problem),
            deadline=Parents(started, checks),
            by_units=by_units,
        )
        before: list[int] = []
        patch.setattr(loop, "absorb", partial(absorbed, before))
        cut = lonely.run()
    assert len(started) == 1
    assert cut.verdict is Verdict.TIMEOUT
    (closed,) = before
    assert len(cut.proof.certificates) > closed
    assert_true(problem, cut, rng)


def absorbed(before: list[int], work: Workspace, found: Findings) -> None:
    before.append(len(work.proof().certificates))
    absorb(work, found)


def test_an_interrupted_search_leaves_no_partner_behind():
    rng = np.random.default_rng(4)
    problem = shareable(rng, by_units=True)
    with shared() as started:

        def interrupt(statistics: Statistics) -> None:
            if started:
                raise KeyboardInterrupt

        lonely = Search(
            problem, deployed(problem.network), Seed.fresh(problem), deadline=NEVER, progress=interrupt, by_units=True
        )
        with pytest.raises(KeyboardInterrupt):
            lonely.run()
    assert len(started) == 1

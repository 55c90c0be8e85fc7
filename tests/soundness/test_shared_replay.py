"""A replay that two processes share finds what a lonely one finds, whatever becomes of the other process."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine import EXACT, Array, random_problem
from tests.processes import two_processes
from tests.searches import Patience
from tests.trees import random_certificates, random_tree

from ivan.bounds.replay import Replayed, replay, walk
from ivan.bounds.replay import run as replay_run
from ivan.bounds.replay.walk import Walk
from ivan.deadline import Deadline, OutOfTime
from ivan.partner import Partner
from ivan.problem import Problem
from ivan.proof import Proof

SEEDS = st.integers(0, 2**32 - 1)
CLOSE = 1e-9


@contextmanager
def shared() -> Iterator[list[int]]:
    """Two processes share a replay as soon as something can be divided; gives the processes that are started."""
    with two_processes() as (started, patch):
        patch.setattr(walk, "WORTH_SHARING", -1.0)
        patch.setattr(walk, "batch_size", lambda network: 3)
        yield started


def example(seed: int, kind: str = "dense", splits: int = 25) -> tuple[Problem, Proof]:
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT[kind](rng), cases=3, boxes=2, radius=0.5)
    tree = random_tree(rng, problem, splits)
    return problem, Proof(tree, random_certificates(rng, problem, tree, 80))


def assert_same(found: Replayed, expected: Replayed) -> None:
    np.testing.assert_allclose(found.bound, expected.bound, rtol=CLOSE, atol=CLOSE)
    decided = np.abs(expected.bound) > CLOSE
    np.testing.assert_array_equal(found.holds[decided], expected.holds[decided])
    if decided.all():
        np.testing.assert_array_equal(found.leaf, expected.leaf)
        np.testing.assert_array_equal(found.case, expected.case)
        nodes = [sorted(n for part, _ in r.domains for n in part.tolist()) for r in (found, expected)]
        assert nodes[0] == nodes[1]


@pytest.mark.parametrize("kind", sorted(EXACT))
@settings(max_examples=5, deadline=None, derandomize=True)
@given(seed=SEEDS)
def test_two_find_what_one_finds(kind, seed):
    problem, proof = example(seed, kind)
    alone = replay(problem, proof)
    with shared() as started:
        together = replay(problem, proof)
    assert started
    assert_same(together, alone)


def test_parts_are_divided_evenly_and_completely():
    problem, proof = example(0)
    lonely = Walk(problem, proof, Patience(1000), None, None, 0)
    lonely._step()

    def nodes() -> list[int]:
        return sorted(n for part in lonely._stack for n in part.nodes.tolist())

    def pending() -> list[int]:
        return [int(n) for counts in lonely._pending() for n in counts]

    before, counts = nodes(), pending()
    theirs = lonely._half()
    mine, kept = nodes(), sum(pending())
    assert sorted(mine + [n for part in theirs for n in part.nodes.tolist()]) == before
    assert abs(kept - (sum(counts) - kept)) <= max(counts)


def ended_by(fault: Callable[[], None]) -> Callable[..., Any]:
    """The other process's part, that ends in a fault after its first batch."""
    original = Walk._apart

    def apart(self: Walk, theirs: list[Any], stop: Callable[[], bool]) -> Any:
        steps = iter(range(1))

        def counted() -> bool:
            if next(steps, None) is None:
                fault()
            return False

        found = original(self, theirs, counted)
        fault()
        return found

    return apart


def exits() -> None:
    os._exit(3)


def is_killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def raises() -> None:
    raise ZeroDivisionError


@pytest.mark.parametrize("fault", [exits, is_killed, raises])
def test_a_partner_that_dies_loses_nothing(monkeypatch, fault):
    problem, proof = example(1)
    alone = replay(problem, proof)
    monkeypatch.setattr(Walk, "_apart", ended_by(fault))
    with shared() as started:
        together = replay(problem, proof)
    assert len(started) == 1
    assert_same(together, alone)


def test_where_no_process_can_be_started_one_goes_on_alone(monkeypatch):
    problem, proof = example(1)
    alone = replay(problem, proof)

    def refused() -> int:
        raise BlockingIOError("no processes left")

    with shared():
        monkeypatch.setattr(os, "fork", refused)
        together = replay(problem, proof)
    assert_same(together, alone)


@pytest.mark.parametrize("where", ["here", "there"])
def test_a_counterexample_of_either_ends_the_replay(where):
    problem, proof = example(2)
    parent = os.getpid()
    absorbed: list[Any] = []
    absorb = Walk._absorb

    def listen(corner: Array, case: Array) -> bool:
        # what the other process says it has found is tried once more here
        return where == "here" or os.getpid() != parent or any(hit is not None for hit in absorbed)

    def absorbing(self: Walk, found: Any) -> None:
        absorbed.append(found.hit)
        absorb(self, found)

    with shared() as started, pytest.MonkeyPatch.context() as patch:
        patch.setattr(Walk, "_absorb", absorbing)
        patch.setattr(Partner, "stop", lambda self: None)  # it goes through all of its part, however slow it is
        result = replay(problem, proof, on_failure=listen)
    assert result.stopped
    assert not result.complete
    if where == "there":
        assert started
        assert absorbed[-1] is not None


def test_the_deadline_ends_both():
    problem, proof = example(3)
    with shared() as started:
        cut = replay(problem, proof, Patience(12))
    assert started
    assert_cut(problem, proof, cut)


def assert_cut(problem: Problem, proof: Proof, cut: Replayed) -> None:
    """Some certificates were tried, some were not, and what was tried is what a whole replay finds."""
    assert cut.out_of_time
    assert not cut.complete
    assert cut.tried.any()
    assert not cut.tried.all()
    assert not cut.holds[~cut.tried].any()
    whole = replay(problem, proof)
    np.testing.assert_array_equal(cut.holds[cut.tried], whole.holds[cut.tried])
    np.testing.assert_allclose(cut.bound[cut.tried], whole.bound[cut.tried], rtol=1e-9)


class OverThere(Deadline):
    """A deadline that has passed in every process but this one."""

    def __init__(self) -> None:
        super().__init__()
        self._here = os.getpid()

    def check(self) -> None:
        if os.getpid() != self._here:
            raise OutOfTime


def test_a_replay_is_not_over_where_the_partner_ran_out_of_time():
    """What it had in hands then was not visited by anybody."""
    problem, proof = example(3)
    with shared() as started:
        cut = replay(problem, proof, OverThere())
    assert started
    assert_cut(problem, proof, cut)


def test_progress_counts_what_the_partner_tried():
    problem, proof = example(4)
    told: list[tuple[int, int]] = []
    with shared() as started:
        result = replay(problem, proof, progress=lambda tried, held: told.append((tried, held)))
    assert started
    assert told[-1] == (len(proof.certificates), int(result.holds.sum()))
    assert told == sorted(told)


def test_memory_set_aside_for_bounds_is_shared(monkeypatch):
    problem, proof = example(5)
    numbers = sum(2 * layer.size for layer in problem.network.layers)
    monkeypatch.setattr(replay_run, "KEPT_NUMBERS", 6 * numbers)
    with shared() as started:
        result = replay(problem, proof)
    assert started
    assert 0 < sum(len(part) for part, _ in result.domains) <= 6 + 3

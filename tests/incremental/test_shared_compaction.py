"""A compaction that two processes share makes what a lonely one makes, whatever becomes of the other process."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.incremental.test_compact import assert_proves, wasteful
from tests.processes import two_processes
from tests.searches import Patience

from ivan.deadline import Deadline, OutOfTime
from ivan.incremental.compact import compact, sharing
from ivan.incremental.compact.found import Found

BY_UNITS = pytest.mark.parametrize("by_units", [False, True])


@contextmanager
def shared() -> Iterator[list[int]]:
    """Two processes share every pass but the first node; gives the processes that are started."""
    with two_processes() as (started, patch):
        patch.setattr(sharing, "WORTH_SHARING", -1.0)
        patch.setattr(sharing, "FIRST", 1)
        yield started


@BY_UNITS
@pytest.mark.parametrize("seed", range(3))
def test_two_find_what_one_finds(seed: int, by_units: bool) -> None:
    problem, proof = wasteful(seed, by_units=by_units)
    alone = compact(problem, proof)
    with shared() as started:
        together = compact(problem, proof)
    assert started
    assert together.finished
    assert together.counts == alone.counts
    assert sorted(together.proof.certificates.margin.round(6)) == sorted(alone.proof.certificates.margin.round(6))
    assert_proves(problem, together.proof)


def exits() -> None:
    os._exit(3)


def is_killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def raises() -> None:
    raise ZeroDivisionError


def ended_by(fault: Callable[[], None]) -> Callable[..., list[Found]]:
    """The other process's part, that ends in a fault."""

    def apart(attempt: Iterator[Found], stop: Callable[[], bool]) -> list[Found]:
        next(attempt, None)
        fault()
        return []

    return apart


@BY_UNITS
@pytest.mark.parametrize("fault", [exits, is_killed, raises])
def test_a_partner_that_dies_loses_nothing(
    monkeypatch: pytest.MonkeyPatch, fault: Callable[[], None], by_units: bool
) -> None:
    problem, proof = wasteful(1, by_units=by_units)
    alone = compact(problem, proof)
    monkeypatch.setattr(sharing, "_apart", ended_by(fault))
    with shared() as started:
        together = compact(problem, proof)
    assert len(started) == 1
    assert together.counts == alone.counts
    assert_proves(problem, together.proof)


def test_where_no_process_can_be_started_one_goes_on_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    problem, proof = wasteful(1, by_units=True)
    alone = compact(problem, proof)

    def refused() -> int:
        raise BlockingIOError("no processes left")

    with shared():
        monkeypatch.setattr(os, "fork", refused)
        together = compact(problem, proof)
    assert together.counts == alone.counts
    assert_proves(problem, together.proof)


@BY_UNITS
@pytest.mark.parametrize("checks", [0, 5, 20, 60, 150, 400])
def test_what_the_deadline_cuts_off_is_a_proof_and_goes_on(checks: int, by_units: bool) -> None:
    problem, proof = wasteful(2, by_units=by_units)
    whole = compact(problem, proof)
    with shared():
        part = compact(problem, proof, Patience(checks))
        assert_proves(problem, part.proof)
        rest = compact(problem, part.proof)
    assert rest.finished
    assert_proves(problem, rest.proof)
    assert len(rest.proof.tree.leaves) == len(whole.proof.tree.leaves)


class OverHere(Deadline):
    """A deadline that has passed in this process, but not in those that it starts, as soon as there is one."""

    def __init__(self, started: list[int]) -> None:
        super().__init__()
        self._started, self._here = started, os.getpid()

    def check(self) -> None:
        if self._started and os.getpid() == self._here:
            raise OutOfTime


@BY_UNITS
def test_what_the_partner_found_by_the_deadline_is_kept(by_units: bool) -> None:
    problem, proof = wasteful(2, by_units=by_units)
    with shared() as started:
        part = compact(problem, proof, OverHere(started))
    assert len(started) == 1
    assert not part.finished
    assert part.counts.tried > 1  # more than the first node, which is tried alone
    assert_proves(problem, part.proof)
    assert compact(problem, part.proof).finished


def test_nodes_that_were_not_tried_are_not_marked_as_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other process tells of nothing: its half stays for the next pass, and is tried then."""
    problem, proof = wasteful(0, by_units=False)
    alone = compact(problem, proof)

    def silent(*_: Any) -> list[Found]:
        return []

    monkeypatch.setattr(sharing, "_apart", silent)
    with shared() as started:
        together = compact(problem, proof)
    assert started
    assert together.counts == alone.counts
    assert together.proof.tree.firm.sum() == alone.proof.tree.firm.sum()
    assert_proves(problem, together.proof)

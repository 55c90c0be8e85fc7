"""The branch-and-bound loop: a ladder of ways to close a domain, cheapest first; what resists is split.

    while domains are open:
        take a batch; compute its bounds                        -> the empty ones are closed
        close what bounds, and what ascent on them, can close   (by_inputs.py, by_units.py)
        try the minimising corners as counterexamples           -> the end, when onnxruntime confirms one
        go on attacking, for a small part of the time           -> likewise
        solve linear programs where few units are unstable      -> closed, or a candidate, or split
        split the rest, on an input axis or on a unit

Inputs are split where few of them vary, units otherwise; a domain whose units are all stable is linear, and the linear
program decides it, so the search is complete up to the rounding of float64. Where there is a second core, two processes
share the frontier (sharing.py).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from ivan.attack.confirm import Run
from ivan.bounds import parallel
from ivan.bounds.replay import check_fit
from ivan.deadline import Deadline, OutOfTime
from ivan.partner import Partner
from ivan.problem import Problem
from ivan.process import give_back_freed_memory
from ivan.proof import Certificates, Ragged
from ivan.proof.certificate import WEIGHT_COLUMNS
from ivan.search.batch import Batch
from ivan.search.by_inputs import ByInputs
from ivan.search.by_programs import ByPrograms, suited
from ivan.search.by_units import ByUnits
from ivan.search.frontier import Chunk, Frontier, merged
from ivan.search.ledger import Ledger
from ivan.search.planting import plant
from ivan.search.sharing import Findings, Rounds, absorb, gather
from ivan.search.terms import SearchResult, Seed, Statistics
from ivan.search.workspace import Workspace
from ivan.verdict import Verdict

Index = NDArray[np.int64]
Progress = Callable[[Statistics], None]

MOST_SPLIT_INPUTS = 20
"""Inputs that vary up to which boxes are split rather than units."""

ATTACK_SHARE = 0.08
"""Part of the time that is spent on looking for counterexamples."""

MOST_NUMBERS, FEWEST_TOGETHER = 60_000_000, 8
"""Numbers held for open domains, by all processes, from which the oldest lose what they start from, and how
many domains a batch has where that is not enough."""

MOST_NODES = 12_000_000
"""Nodes of a tree with which the search ends undecided: columns, and what checks them, take some 200 bytes a node."""

TIDY = 3.0
"""Seconds after which freed memory is given back."""


class Search:
    """One branch-and-bound search.

    Args:
        problem: the problem.
        run: the deployed model, for confirming counterexamples.
        seed: where to start.
        deadline: when to stop.
        progress: told after every batch.
        by_units: split units rather than inputs; by default decided by the number of inputs that vary.
    """

    def __init__(
        self,
        problem: Problem,
        run: Run,
        seed: Seed,
        *,
        deadline: Deadline,
        progress: Progress | None = None,
        by_units: bool | None = None,
    ) -> None:
        if suited(problem.network):
            by_units = True
        if by_units is None:
            by_units = max((len(region.free) for region in problem.regions), default=0) > MOST_SPLIT_INPUTS
        self._deadline, self._progress = deadline, progress
        if by_units:
            seed = seed.with_open_roots(problem)
        strategy = ByPrograms if suited(problem.network) else ByUnits if by_units else ByInputs
        self._work = Workspace(problem, run, seed, deadline, live=by_units)
        self._strategy = strategy(self._work)
        self._rounds = Rounds(parallel.threads())
        self._tidied = time.monotonic()
        self._processes = 1

    def run(self) -> SearchResult:
        """Searches until the property is decided, the deadline, or nothing more can be done."""
        work = self._work
        try:
            self._strategy.start()
            plant(work)
            while self._going:
                self._strategy.prepare()
                self._tidy()
                if self._strategy.settled and self._rounds.due(len(work.frontier)):
                    self._round()
                else:
                    self._step()
        except OutOfTime:
            return self._result(Verdict.TIMEOUT)
        if work.candidates.witness is not None:
            return self._result(Verdict.SAT)
        if work.statistics.undecided or len(work.frontier):
            return self._result(Verdict.UNKNOWN)
        result = self._result(Verdict.UNSAT)
        check_fit(work.problem, result.proof)
        work.check()
        return result

    @property
    def _going(self) -> bool:
        if not len(self._work.frontier) or self._work.candidates.witness is not None:
            return False  # decided, even if only just
        self._deadline.check()
        return len(self._work.tree) < MOST_NODES

    def _tidy(self) -> None:
        """Gives back freed memory now and then; before another process begins with a copy of it."""
        if time.monotonic() - self._tidied > TIDY:
            give_back_freed_memory()
            self._tidied = time.monotonic()

    def _result(self, verdict: Verdict) -> SearchResult:
        work = self._work
        statistics = work.statistics
        statistics.candidates, statistics.unkept = work.candidates.tried, work.ledger.unkept.shape[1]
        statistics.open = len(work.frontier)
        return SearchResult(verdict, work.candidates.witness, work.proof(), work.statistics)

    # One batch

    def _next(self) -> Chunk:
        """The next batch; when too much is open, a small one, which is depth first in earnest."""
        frontier, strategy = self._work.frontier, self._strategy
        size, most = strategy.batch, MOST_NUMBERS // self._processes
        if frontier.numbers > most:
            frontier.lighten(most // 2)
            size = size if frontier.numbers < most else FEWEST_TOGETHER
        return merged(frontier.pop(size, max(size, strategy.pairs)))

    def _step(self) -> None:
        work, strategy, chunk = self._work, self._strategy, self._next()
        began, apart = time.monotonic(), work.paces.apart
        batch = Batch(chunk, strategy.bounded(chunk))
        work.statistics.domains += len(chunk)
        self._close_empty(batch)
        strategy.close(batch)
        for attempt in (work.candidates.corners, self._pursue, self._solve_programs):
            attempt(batch)
            if work.candidates.witness is not None:
                return
        strategy.settle(batch)
        work.settle(batch)
        if len(batch.open):
            strategy.split(batch)
        work.statistics.open = len(work.frontier)
        if chunk.parameters is not None:
            work.paces.shallow.add(time.monotonic() - began - (work.paces.apart - apart), len(chunk))
        if self._progress is not None:
            self._progress(work.statistics)

    def _close_empty(self, batch: Batch) -> None:
        empty = np.flatnonzero(batch.enclosure.empty[batch.owner])
        none = Ragged.empty(len(empty), WEIGHT_COLUMNS)
        claims = Certificates.plain(*batch.claims(empty, np.full(len(empty), np.inf)), none)
        self._work.record(batch, empty, claims)

    def _pursue(self, batch: Batch) -> None:
        """Goes on attacking, for a small part of the time."""
        work = self._work
        pace = work.paces.attack
        if len(batch.open) and pace.total + pace.each < ATTACK_SHARE * work.spent:
            began = time.monotonic()
            work.candidates.pursue(self._strategy.model, np.unique(batch.case[batch.open]))
            pace.add(time.monotonic() - began, 1)

    def _solve_programs(self, batch: Batch) -> None:
        """Linear programs for the domains with few unstable units.

        A linear domain that stays open is stuck, unless there may be nothing but what lies between integers.
        """
        work, pairs = self._work, batch.open
        if not len(pairs) or not work.programs.available:
            return
        layers = zip(work.network.layers, batch.enclosure.unstable, strict=True)
        unstable = np.sum([mask.sum(axis=1) for layer, mask in layers if layer.activation.sloped], axis=0)
        unstable = np.broadcast_to(unstable, len(batch.node))[batch.owner[pairs]]
        few = unstable <= self._strategy.program_units
        varied = batch.enclosure.varied
        for pair, count in zip(pairs[few], unstable[few], strict=True):
            owner, case = int(batch.owner[pair]), int(batch.case[pair])
            solved = work.programs.solve(batch.enclosure, owner, int(batch.node[owner]), case, self._deadline)
            work.statistics.programs += 1
            if solved.claim is not None:
                work.record(batch, np.array([pair]), solved.claim)
                continue
            batch.stuck[pair] = count == 0 and not varied[owner]
            if solved.candidate is None:
                continue
            if work.candidates.confirmed(solved.candidate, case) or (
                count == 0 and work.candidates.polished(solved.candidate, case, steps=20, rate=0.01)
            ):
                return

    # Two processes

    def _round(self) -> None:
        """Searches for a while with another process."""
        work, until = self._work, time.monotonic() + self._rounds.next()
        theirs, before = work.frontier.share(), len(work.refinements)
        try:
            partner = Partner(lambda stop: self._apart(theirs, until, stop))
        except OSError:  # no memory, no processes left
            self._rounds.give_up()
            work.frontier.take_back(theirs)
            return
        found: Findings | None = None
        self._processes = 2
        out_of_time = (
            True  # until the loop below comes to its end; what the other process has found is kept all the same
        )
        try:
            with parallel.alone(), suppress(OutOfTime):
                while self._going and not partner.ready and time.monotonic() < until:
                    self._step()
                out_of_time = False
            if work.candidates.witness is None:
                partner.stop()
                found = partner.findings(self._deadline)
                if found is None:  # it died: its part is searched here
                    self._rounds.give_up()
                    work.frontier.take_back(theirs)
        finally:
            partner.end()
            self._processes = 1
        if found is not None:
            absorb(work, found.moved(len(work.tree), (before, len(work.refinements))))
        if out_of_time:  # in the middle of a batch, which is neither open nor closed now
            raise OutOfTime

    def _apart(self, frontier: Frontier, until: float, stop: Callable[[], bool]) -> Findings:
        """The other process's part of a round."""
        self._work.frontier, self._work.ledger, self._progress = frontier, Ledger(), None
        self._processes = 2
        self._work.candidates.reseed(os.getpid())
        with gather(self._work) as findings, parallel.alone():
            while self._going and time.monotonic() < until and not stop():
                self._step()
        return findings()

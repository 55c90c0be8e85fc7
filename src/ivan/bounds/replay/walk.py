"""The walk of a replay: from refreshed node to refreshed node, certificates tried on the way.

It goes in batches, depth first, so that only the bounds of nodes with unfinished descendants are held. Where there is a
second core, two processes share what is left of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ivan.bounds import parallel
from ivan.bounds.certify import certify
from ivan.bounds.descend import descend, roots
from ivan.bounds.domains import Domains
from ivan.bounds.enclosure import from_known
from ivan.bounds.objective import Rows
from ivan.bounds.replay.below import Below
from ivan.bounds.replay.mending import Mended, Mending
from ivan.bounds.replay.recipe import Recipe, batch_size
from ivan.deadline import Deadline, OutOfTime
from ivan.partner import Partner, possible
from ivan.problem import Problem
from ivan.proof import ByNode, Proof, State
from ivan.proof.tree import COLUMNS

Index = NDArray[np.int64]
Array = NDArray[np.float64]

OnFailure = Callable[[Array, Index], bool]
"""Takes the minimising corners (F, inputs) of failing certificates, the likeliest counterexamples, and their cases."""

WORTH_SHARING = 0.06
"""Seconds that must be left, by what was measured so far, for another process to pay."""


@dataclass
class _Part:
    """Nodes still to be visited together.

    Attributes:
        nodes: (B,).
        known: domains of refreshed ancestors; None for roots.
        row: (B,) which of these each node rests on, ...
        ancestor: (B,) ... and whose it is.
        refresh: whether the nodes are refreshed.
    """

    nodes: Index
    known: Domains | None
    row: Index
    ancestor: Index
    refresh: bool

    def take(self, rows: Index) -> _Part:
        return _Part(self.nodes[rows], self.known, self.row[rows], self.ancestor[rows], self.refresh)


@dataclass
class _Found:
    """What the other process found.

    Attributes:
        claims: certificates that were tried, ...
        held: ... which hold, ...
        bound: ... and the bounds they reached.
        domains: as in `Replayed`.
        mended: likewise.
        left: parts that were not visited.
        hit: corners and cases at which `on_failure` ended it.
        out_of_time: the deadline passed.
    """

    claims: Index
    held: NDArray[np.bool_]
    bound: Array
    domains: list[tuple[Index, Domains]]
    mended: Mended
    left: list[_Part]
    hit: tuple[Array, Index] | None
    out_of_time: bool


class Walk:
    """The state of one replay; `most` is how many leaves' bounds may be handed on."""

    def __init__(
        self,
        problem: Problem,
        proof: Proof,
        deadline: Deadline,
        progress: Callable[[int, int], None] | None,
        on_failure: OnFailure | None,
        most: int,
        *,
        mend: bool = False,
    ) -> None:
        tree, certificates = proof.tree, proof.certificates
        self._problem, self._proof, self._deadline = problem, proof, deadline
        self._progress, self._on_failure = progress, on_failure
        self._rows, self._columns = Rows(problem), {name: getattr(tree, name) for name in COLUMNS}
        self._claims = ByNode(certificates, len(tree))
        self._below, self._recipe = Below(tree, self._claims.counts), Recipe(problem.network, proof)
        self._size, self._room = batch_size(problem.network), most
        count = len(certificates)
        self.held, self.bound, self.tried = np.zeros(count, bool), np.full(count, -np.inf), np.zeros(count, bool)
        self._mending = Mending(problem.network, self._rows, deadline) if mend else None
        self.mended = Mended()
        self.domains: list[tuple[Index, Domains]] = []
        self.stopped = self.out_of_time = False
        self._hit: tuple[Array, Index] | None = None
        regions = np.arange(len(problem.regions))
        self._stack = [
            _Part(part, None, part, part, True)
            for part in (regions[at : at + self._size] for at in range(0, len(regions), self._size))
        ][::-1]
        self._visited, self._spent = 0, 0.0
        self._sharing = parallel.threads() > 1 and possible()

    @property
    def _going(self) -> bool:
        return bool(self._stack) and not self.stopped

    def run(self) -> None:
        """Visits everything, or what there is time for."""
        try:
            while self._going:
                if self._sharing and self._worth_sharing():
                    self._round()
                else:
                    began = time.monotonic()
                    self._step()
                    self._spent += time.monotonic() - began
        except OutOfTime:
            self.out_of_time = True

    # One batch

    def _step(self) -> None:
        self._deadline.check()
        part = self._stack.pop()
        if part.known is None:
            domains = roots(self._problem, part.nodes)
        else:
            domains = descend(part.known.take(part.row), self._columns, part.nodes, part.ancestor)
        self._visit(part.nodes, domains, refresh=part.refresh)
        self._visited += len(part.nodes)

    def _visit(self, nodes: Index, domains: Domains, *, refresh: bool) -> None:
        network = self._problem.network
        enclosure = self._recipe.enclose(nodes, domains, self._deadline) if refresh else from_known(network, domains)
        claims, owner = self._claims.of(nodes)
        if len(claims):
            certificates = self._proof.certificates.take(claims)
            ok, forms = certify(enclosure, owner, certificates, self._rows, self._deadline)
            if self._mending is not None and not ok.all():
                self.mended.add(self._mending.mend(enclosure, owner, claims, certificates, ok, forms))
            self.held[claims], self.bound[claims], self.tried[claims] = ok, forms.bound, True
            self._tell()
            if not ok.all():
                owners = owner[~ok]
                corner = np.where(forms.slopes[~ok] >= 0.0, enclosure.lower[owners], enclosure.upper[owners])
                self._failed(corner, certificates.case[~ok].astype(np.int64))
            failed = np.unique(owner[~ok])
            failed = failed[self._proof.tree.state[nodes[failed]] != State.SPLIT]
            if 0 < len(failed) <= self._room:
                self._room -= len(failed)
                self.domains.append((nodes[failed], enclosure.domains.take(failed)))
        if refresh:
            known = enclosure.domains
            for again in (False, True):
                children, row = self._below.of(nodes, refresh=again)
                for at in range(0, len(children), self._size):
                    below, anchor = children[at : at + self._size], row[at : at + self._size]
                    self._stack.append(_Part(below, known, anchor, nodes[anchor], again))

    def _tell(self) -> None:
        if self._progress is not None:
            self._progress(int(self.tried.sum()), int(self.held.sum()))

    def _failed(self, corner: Array, case: Index) -> None:
        if self._on_failure is not None and self._on_failure(corner, case):
            self.stopped, self._hit = True, (corner, case)

    # Two processes

    def _pending(self) -> list[Index]:
        """Nodes below each node of each part, itself included."""
        return [
            self._below.count[part.nodes] if part.refresh else np.ones(len(part.nodes), np.int64)
            for part in self._stack
        ]

    def _worth_sharing(self) -> bool:
        """Is enough left, and can it be divided?"""
        if not self._visited:
            return False
        counts = self._pending()
        total, most = sum(int(c.sum()) for c in counts), max(int(c.max(initial=0)) for c in counts)
        return self._spent / self._visited * total > WORTH_SHARING and 3 * most < 2 * total

    def _half(self) -> list[_Part]:
        """Takes about half of what is left off the stack."""
        kept: list[_Part] = []
        given: list[_Part] = []
        balance = 0
        for part, counts in zip(self._stack, self._pending(), strict=True):
            mine = np.zeros(len(counts), bool)
            # the largest first, each to the side that has less
            for i in np.argsort(-counts, kind="stable"):
                mine[i] = balance <= 0
                balance += int(counts[i]) if mine[i] else -int(counts[i])
            for side, chosen in ((kept, mine), (given, ~mine)):
                if chosen.any():
                    side.append(part.take(np.flatnonzero(chosen)))
        self._stack = kept
        return given

    def _round(self) -> None:
        """Goes on together with another process until one of the two has nothing left to do."""
        theirs = self._half()
        try:
            partner = Partner(lambda stop: self._apart(theirs, stop))
        except OSError:  # no memory, no processes left
            self._sharing = False
            self._stack += theirs
            return
        out_of_time = (
            True  # until the loop below comes to its end; what the other process has found is kept all the same
        )
        try:
            with parallel.alone(), suppress(OutOfTime):
                while self._going and not partner.ready:
                    self._step()
                out_of_time = False
            if self.stopped:
                return
            partner.stop()
            found = partner.findings(self._deadline)
        finally:
            partner.end()
        if found is None:  # it died: its part is done here
            self._sharing = False
            self._stack += theirs
        else:
            self._absorb(found)
        if out_of_time:
            raise OutOfTime

    def _apart(self, theirs: list[_Part], stop: Callable[[], bool]) -> _Found:
        """The other process's part of a round."""
        self._stack, self._progress, self._room, self.domains = theirs, None, self._room // 2, []
        self.mended = Mended()
        before, out_of_time = self.tried.copy(), False
        with parallel.alone():
            try:
                while self._going and not stop():
                    self._step()
            except OutOfTime:
                out_of_time = True
        claims = np.flatnonzero(self.tried & ~before)
        return _Found(
            claims,
            self.held[claims],
            self.bound[claims],
            self.domains,
            self.mended,
            self._stack,
            self._hit,
            out_of_time,
        )

    def _absorb(self, found: _Found) -> None:
        """Takes over what the other process found.

        Raises:
            OutOfTime: it ran out of it.
        """
        self.held[found.claims], self.bound[found.claims], self.tried[found.claims] = found.held, found.bound, True
        self.domains += found.domains
        self.mended.add(found.mended)
        self._room -= sum(len(nodes) for nodes, _ in found.domains)
        self._stack += found.left
        self._tell()
        if found.hit is not None:
            self._failed(*found.hit)
        if found.out_of_time:
            raise OutOfTime

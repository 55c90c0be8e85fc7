"""Replay: a proof - a tree and certificates - against a problem.

Certifying a fresh result, checking a stored proof and re-verifying an updated model are this one operation.

The walk goes from refreshed node to refreshed node, in batches, depth first, so that only the bounds of nodes with
unfinished descendants are held. Where there is a second core, two processes share what is left of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ivan.bounds import parallel
from ivan.bounds.ascent import Ascent, Model, Schedule
from ivan.bounds.backward import Forms
from ivan.bounds.certify import certify
from ivan.bounds.descend import descend, roots
from ivan.bounds.domains import Domains
from ivan.bounds.enclosure import Enclosure, from_known
from ivan.bounds.improve import improve
from ivan.bounds.objective import Rows
from ivan.bounds.replay.coverage import uncovered
from ivan.bounds.replay.recipe import Recipe, batch_size
from ivan.bounds.replay.shrunk import Shrunk
from ivan.deadline import NEVER, Deadline, OutOfTime
from ivan.partner import Partner, possible
from ivan.problem import Problem
from ivan.proof import ByNode, Certificates, Proof, SpecTree, State, ranges
from ivan.proof.tree import COLUMNS

Index = NDArray[np.int64]
Array = NDArray[np.float64]

OnFailure = Callable[[Array, Index], bool]
"""Takes the minimising corners (F, inputs) of failing certificates, the likeliest counterexamples, and their cases."""

KEPT_NUMBERS = 20_000_000
"""Numbers of known bounds that are handed on with the leaves that failed."""

MENDING = Schedule(20)
"""How a certificate that fails is improved."""

WORTH_SHARING = 0.06
"""Seconds that must be left, by what was measured so far, for another process to pay."""


@dataclass
class Replayed:
    """What a replay found.

    Attributes:
        holds: (M,) True where a certificate holds.
        bound: (M,) the rigorous bound each certificate reached.
        leaf: (P,) leaves with a case that no certificate excludes, ...
        case: (P,) ... and that case.
        domains: known bounds of such leaves, in parts (nodes, their domains), as far as memory is set aside for it.
        mended: certificates that hold now in the place of old ones, in parts (numbers of the old ones, the new ones).
        improved: certificates that still fail, in parts.
        stopped: `on_failure` ended it early; whatever was not tried counts as failed.
    """

    holds: NDArray[np.bool_]
    bound: Array
    leaf: Index
    case: Index
    domains: list[tuple[Index, Domains]] = field(default_factory=list)
    mended: list[tuple[Index, Certificates]] = field(default_factory=list)
    improved: list[Certificates] = field(default_factory=list)
    stopped: bool = False

    @property
    def complete(self) -> bool:
        """True when every case is excluded in every leaf: the property holds."""
        return not len(self.leaf)


def replay(
    problem: Problem,
    proof: Proof,
    deadline: Deadline = NEVER,
    progress: Callable[[int, int], None] | None = None,
    on_failure: OnFailure | None = None,
    *,
    mend: bool = False,
) -> Replayed:
    """Tries every certificate of a proof on a problem.

    Args:
        problem: with as many regions and cases as the proof's; tree and certificates have been checked to fit.
        proof: the claims.
        deadline: checked between batches.
        progress: told after each batch how many certificates were tried and how many of them hold.
        on_failure: given the certificates of each batch that fail; ends the replay by returning True.
        mend: improve certificates that fail by some steps of ascent, where they stand.

    Raises:
        OutOfTime: the deadline passed.
    """
    shrunk = Shrunk.of(problem, proof, deadline)
    most = KEPT_NUMBERS // max(1, sum(2 * layer.size for layer in problem.network.layers))
    if shrunk is None:
        walk = _Walk(problem, proof, deadline, progress, on_failure, most, mend=mend)
    else:
        walk = _Walk(shrunk.problem, shrunk.proof, deadline, progress, on_failure, most, mend=mend)
    walk.run()
    held = proof.certificates.node[walk.held], proof.certificates.case[walk.held]
    leaf, case = uncovered(problem, proof.tree, *held)
    domains, mended, improved = walk.domains, walk.mended, walk.improved
    if shrunk is not None:
        domains = [(nodes, shrunk.whole(nodes, known)) for nodes, known in domains]
        mended = [(claims, shrunk.whole_claims(better)) for claims, better in mended]
        improved = [shrunk.whole_claims(better) for better in improved]
    return Replayed(walk.held, walk.bound, leaf, case, domains, mended, improved, walk.stopped)


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
        domains: see `Replayed`.
        mended, improved: likewise.
        left: parts that were not visited.
        hit: corners and cases at which `on_failure` ended it.
        out_of_time: the deadline passed.
    """

    claims: Index
    held: NDArray[np.bool_]
    bound: Array
    domains: list[tuple[Index, Domains]]
    mended: list[tuple[Index, Certificates]]
    improved: list[Certificates]
    left: list[_Part]
    hit: tuple[Array, Index] | None
    out_of_time: bool


class _Walk:
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
        mend: bool,
    ) -> None:
        tree, certificates = proof.tree, proof.certificates
        self._problem, self._proof, self._deadline = problem, proof, deadline
        self._progress, self._on_failure = progress, on_failure
        self._rows, self._columns = Rows(problem), {name: getattr(tree, name) for name in COLUMNS}
        self._claims = ByNode(certificates, len(tree))
        self._below, self._recipe = _Below(tree, self._claims.counts), Recipe(problem.network, proof)
        self._size, self._room = batch_size(problem.network), most
        count = len(certificates)
        self.held, self.bound, self._tried = np.zeros(count, bool), np.full(count, -np.inf), np.zeros(count, bool)
        self._ascent = Ascent(Model(problem.network)) if mend else None
        self.domains: list[tuple[Index, Domains]] = []
        self.mended: list[tuple[Index, Certificates]] = []
        self.improved: list[Certificates] = []
        self.stopped = False
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
        """Visits everything."""
        while self._going:
            if self._sharing and self._worth_sharing():
                self._round()
            else:
                began = time.monotonic()
                self._step()
                self._spent += time.monotonic() - began

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
            if self._ascent is not None and not ok.all():
                self._mend(enclosure, nodes, owner, claims, certificates, ok, forms)
            self.held[claims], self.bound[claims], self._tried[claims] = ok, forms.bound, True
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

    def _mend(
        self, enclosure: Enclosure, nodes: Index, owner: Index, claims: Index, certificates: Certificates,
        ok: NDArray[np.bool_], forms: Forms,
    ) -> None:  # fmt: skip
        """Improves claims that fail; where they hold then, that is noted in `ok` and in the bounds."""
        assert self._ascent is not None
        failed = np.flatnonzero(~ok)
        found = improve(
            self._ascent, enclosure, owner[failed], certificates.take(failed), self._rows, MENDING, self._deadline
        )
        better = found.certificates(np.arange(len(failed)), nodes[owner[failed]])
        good, bad = np.flatnonzero(found.holds), np.flatnonzero(~found.holds)
        ok[failed[good]], forms.bound[failed[good]] = True, found.bound[good]
        if len(good):
            self.mended.append((claims[failed[good]], better.take(good)))
        if len(bad):
            self.improved.append(better.take(bad))

    def _tell(self) -> None:
        if self._progress is not None:
            self._progress(int(self._tried.sum()), int(self.held.sum()))

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
        try:
            with parallel.alone():
                while self._going and not partner.ready:
                    self._step()
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

    def _apart(self, theirs: list[_Part], stop: Callable[[], bool]) -> _Found:
        """The other process's part of a round."""
        self._stack, self._progress, self._room, self.domains = theirs, None, self._room // 2, []
        self.mended, self.improved = [], []
        before, out_of_time = self._tried.copy(), False
        with parallel.alone():
            try:
                while self._going and not stop():
                    self._step()
            except OutOfTime:
                out_of_time = True
        claims = np.flatnonzero(self._tried & ~before)
        return _Found(
            claims,
            self.held[claims],
            self.bound[claims],
            self.domains,
            self.mended,
            self.improved,
            self._stack,
            self._hit,
            out_of_time,
        )

    def _absorb(self, found: _Found) -> None:
        """Takes over what the other process found.

        Raises:
            OutOfTime: it ran out of it.
        """
        self.held[found.claims], self.bound[found.claims], self._tried[found.claims] = found.held, found.bound, True
        self.domains += found.domains
        self.mended += found.mended
        self.improved += found.improved
        self._room -= sum(len(nodes) for nodes, _ in found.domains)
        self._stack += found.left
        self._tell()
        if found.hit is not None:
            self._failed(*found.hit)
        if found.out_of_time:
            raise OutOfTime


class _Below:
    """For a refreshed node: the nodes below it that rest on its bounds and are refreshed or carry certificates.

    Attributes:
        count: (N,) how many such nodes there are at or below each node, however far.
    """

    def __init__(self, tree: SpecTree, claims: Index) -> None:
        self._refresh = tree.refresh.astype(bool)
        wanted = self._refresh | (claims > 0)
        self.count = wanted.astype(np.int64)
        depth = tree.depth()
        by_depth = np.argsort(depth, kind="stable")
        for level in np.split(by_depth, np.flatnonzero(np.diff(depth[by_depth])) + 1)[:0:-1]:
            np.add.at(self.count, tree.parent[level], self.count[level])
        self._nodes = np.flatnonzero(wanted & (tree.parent >= 0))
        anchor = tree.parent[self._nodes].astype(np.int64)
        while True:
            inherited = ~self._refresh[anchor]
            if not inherited.any():
                break
            anchor[inherited] = tree.parent[anchor[inherited]]
        order = np.argsort(anchor, kind="stable")
        self._nodes = self._nodes[order]
        self._first = np.searchsorted(anchor[order], np.arange(len(tree) + 1))

    def of(self, nodes: Index, *, refresh: bool) -> tuple[Index, Index]:
        """Those of all the given nodes, with the position of the given node that each belongs to."""
        lengths = self._first[nodes + 1] - self._first[nodes]
        below = self._nodes[ranges(self._first[nodes], lengths)]
        row = np.repeat(np.arange(len(nodes)), lengths)
        chosen = self._refresh[below] == refresh
        return below[chosen], row[chosen]

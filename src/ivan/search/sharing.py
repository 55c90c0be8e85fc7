"""Two processes share a search: each takes half of the frontier, and after a while they put together what they found.

A round ends when its time is up or one of the two has nothing left to do; what is open then is shared out anew. Numbers
of new nodes are moved behind the other process's own. Where a process cannot be forked, the search goes on alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ivan.deadline import OutOfTime
from ivan.partner import possible
from ivan.proof import Certificates, Refinements, Witness
from ivan.search.frontier import Chunk
from ivan.search.pace import Paces
from ivan.search.workspace import Workspace

Index = NDArray[np.int64]

FEWEST_NODES = 8
"""Open nodes from which sharing them pays."""

FIRST_ROUND, LONGEST_ROUND = 0.3, 4.0
"""Seconds of a round; each is half as long again as the one before."""


@dataclass
class Findings:
    """What one process found in a round, in numbers of its own tree.

    Attributes:
        base: nodes of the tree when the round began.
        rows: the new nodes' columns by name.
        touched: older nodes that were worked on, with the columns that change.
        certificates: new ones ...
        unkept: (2, U) ... and node and case of pairs that were closed by others.
        refinements: new ones, by number.
        chunks: what is still open.
        counts: what was added to each counter.
        paces: what was measured.
        depth: of the deepest node.
        witness: a confirmed counterexample.
        out_of_time: the deadline passed.
    """

    base: int
    rows: dict[str, NDArray[Any]]
    touched: dict[str, NDArray[Any]]
    certificates: Certificates
    unkept: NDArray[np.int32]
    refinements: list[Refinements]
    chunks: list[Chunk]
    counts: dict[str, int]
    paces: Paces
    depth: int
    witness: Witness | None
    out_of_time: bool

    def moved(self, size: int, refinements: tuple[int, int]) -> Findings:
        """The same in the numbers of a tree that has `size` nodes by now.

        Args:
            size: where the new nodes will begin.
            refinements: how many there were when the round began, and how many there are now.
        """

        def node(numbers: NDArray[Any]) -> NDArray[Any]:
            return np.where(numbers >= self.base, numbers + (size - self.base), numbers).astype(numbers.dtype)

        before, now = refinements
        chunks = [
            replace(
                chunk,
                node=node(chunk.node),
                ancestor=node(chunk.ancestor),
                refined=chunk.refined + (now - before if chunk.refined >= before else 0),
            )
            for chunk in self.chunks
        ]
        return replace(
            self,
            base=size,
            rows=self.rows | {"parent": node(self.rows["parent"])},
            certificates=replace(self.certificates, node=node(self.certificates.node)),
            unkept=np.stack([node(self.unkept[0]), self.unkept[1]]),
            refinements=[replace(r, node=node(r.node)) for r in self.refinements],
            chunks=chunks,
        )


UNDECIDED = ("unconfirmed", "tied", "unbounded")
COUNTERS = ("domains", "closed", "splits", "programs", "ascents", "deepened", "undecided", *UNDECIDED)
CHANGING = ("state", "bound", "refresh")


@contextmanager
def gather(work: Workspace) -> Iterator[Callable[[], Findings]]:
    """Watches a workspace that only has its part of the frontier; afterwards tells what was found.

    Running out of time ends the work, and is passed on.
    """
    base, refinements = len(work.tree), len(work.refinements)
    old = np.unique(work.frontier.nodes)
    before, tried, paces = vars(work.statistics).copy(), work.candidates.tried, work.paces.copy()
    out_of_time = False

    def findings() -> Findings:
        counts = {name: getattr(work.statistics, name) - before[name] for name in COUNTERS}
        counts["candidates"] = work.candidates.tried - tried
        return Findings(
            base,
            work.tree.rows(base),
            {"node": old} | {name: work.tree.column(name)[old].copy() for name in CHANGING},
            Certificates.concatenate(work.ledger.parts),
            work.ledger.unkept,
            work.refinements[refinements:],
            [chunk.compact() for chunk in work.frontier.chunks],
            counts,
            work.paces.since(paces),
            work.statistics.depth,
            work.candidates.witness,
            out_of_time,
        )

    try:
        yield findings
    except OutOfTime:
        out_of_time = True


def absorb(work: Workspace, found: Findings) -> None:
    """Takes over what another process found, in this one's numbers.

    Raises:
        OutOfTime: the other process ran out of it.
    """
    work.tree.append(found.rows)
    for name in CHANGING:
        work.tree.column(name)[found.touched["node"]] = found.touched[name]
    work.ledger.add(found.certificates)
    work.ledger.let_go(found.unkept)
    for refinement in found.refinements:
        work.refined[int(refinement.node[0])] = len(work.refinements)
        work.refinements.append(refinement)
    work.candidates.tried += found.counts["candidates"]
    for name in COUNTERS:
        setattr(work.statistics, name, getattr(work.statistics, name) + found.counts[name])
    work.paces.add(found.paces)
    work.statistics.depth = max(work.statistics.depth, found.depth)
    for chunk in found.chunks:
        work.frontier.push(chunk)
    work.candidates.witness = work.candidates.witness or found.witness
    if found.out_of_time:
        raise OutOfTime


class Rounds:
    """When to share, and for how long."""

    def __init__(self, workers: int) -> None:
        self._allowed = workers > 1 and possible()
        self._seconds = FIRST_ROUND
        self._began = time.monotonic()

    def due(self, open_nodes: int) -> bool:
        """Is it time to share?"""
        return self._allowed and open_nodes >= FEWEST_NODES and time.monotonic() - self._began > FIRST_ROUND

    def next(self) -> float:
        """Seconds of the next round."""
        seconds = self._seconds
        self._seconds = min(1.5 * seconds, LONGEST_ROUND)
        return seconds

    def give_up(self) -> None:
        """No more sharing: the other process could not be made, or died."""
        self._allowed = False

"""Splitting units by linear programs: where two runs of one network are tied to one another (activations/linked.py).

A bound on such a pair comes from many weak ties at once - how far each unit can have moved, what both its values are -
and it takes a linear program to weigh them all; ascent comes near to it late. Networks of which such questions are
decided at all are small, so a program is cheap. The steps:

    bound every unit anew                                   -> closed where the domain is empty, or outputs say so
    solve a linear program                                  -> closed, or a candidate
    split a unit where the program's values are farthest from what the unit computes, weighed by its dual
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.ascent import Model
from ivan.bounds.descend import descend
from ivan.bounds.enclosure import Enclosure, enclose
from ivan.network.layers import Network
from ivan.proof import Refresh
from ivan.proof.tree import COLUMNS
from ivan.search.batch import Batch
from ivan.search.branching import unit_splits
from ivan.search.frontier import Chunk
from ivan.search.workspace import Workspace

Index = NDArray[np.int64]

CANDIDATES = 8
"""Units that a look ahead tries to split."""

BATCH = 16
"""Domains at a time: bounds of many cost little more than those of one, and what is deepest is split first."""


class ByPrograms:
    """Closes and splits domains by linear programs.

    Args:
        work: the search's state.
    """

    settled = True
    program_units = -1
    """No domain is left for the loop to solve."""

    def __init__(self, work: Workspace) -> None:
        self._work = work
        self.batch = self.pairs = BATCH
        self.model = Model(work.network)
        work.claims_rest_on = Refresh.BACKWARD
        self._branch: dict[int, tuple[int, int]] = {}

    def start(self) -> None:
        """Nothing: backward bounds, always."""

    def prepare(self) -> None:
        """Nothing."""

    def bounded(self, chunk: Chunk) -> Enclosure:
        """Bounds of a batch, computed anew."""
        work = self._work
        columns = {name: work.tree.column(name) for name in COLUMNS}
        work.tree.column("refresh")[chunk.node] = Refresh.BACKWARD
        domains = descend(chunk.known.take(chunk.row), columns, chunk.node, chunk.ancestor)
        return enclose(work.network, domains, deadline=work.deadline)

    def close(self, batch: Batch) -> None:
        """Solves every open pair; what stays open knows where it is to be split."""
        work, self._branch = self._work, {}
        if len(batch.open):
            work.sweep(batch)
        pairs, points = batch.open, []
        for pair in pairs:
            owner, case = int(batch.owner[pair]), int(batch.case[pair])
            solved = work.programs.solve(
                batch.enclosure, owner, int(batch.node[owner]), case, work.deadline, candidates=CANDIDATES
            )
            work.statistics.programs += 1
            if solved.claim is not None:
                work.record(batch, np.array([pair]), solved.claim)
                continue
            batch.bound[pair] = solved.bound
            if solved.candidate is not None:
                points.append((solved.candidate, case))
            choice = solved.branch or _widest(batch.enclosure, owner)
            if choice is None:
                batch.stuck[pair] = True
                if solved.candidate is not None and work.candidates.polished(
                    solved.candidate, case, steps=20, rate=0.01
                ):
                    return
            else:
                self._branch[int(pair)] = choice
        if points:
            work.candidates.points(np.array([x for x, _ in points]), np.array([case for _, case in points]))

    def settle(self, batch: Batch) -> None:
        """Nothing is measured."""

    def split(self, batch: Batch) -> None:
        """Splits each open node where its worst program says."""
        work = self._work
        node, pairs = batch.worst_pairs()
        layer, unit = np.array([self._branch[int(pair)] for pair in pairs], np.int64).T
        for chunk in work.children(batch, unit_splits(batch, node, layer, unit)):
            work.frontier.push(chunk)


def _widest(enclosure: Enclosure, domain: int) -> tuple[int, int] | None:
    """Layer (1-based) and unit of the widest unstable ReLU; None without any."""
    best, found = 0.0, None
    for k, layer in enumerate(enclosure.network.layers):
        if layer.activation.sloped:
            low, high = (side[domain] for side in enclosure.intervals[k])
            width = np.where(enclosure.unstable[k][domain], np.minimum(-low, high), 0.0)
            if width.max(initial=0.0) > best:
                best, found = float(width.max()), (k + 1, int(width.argmax()))
    return found


def suited(network: Network) -> bool:
    """Whether a network is of two runs that are tied to one another."""
    return any(layer.activation.name == "ReluLinked" for layer in network.layers)

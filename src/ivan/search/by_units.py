"""Splitting units: domains share intermediate bounds, slopes and multipliers are ascended, units are fixed.

The steps, cheapest first:

    ascend slopes and multipliers                           -> closed where a rigorous pass with them is positive
    refine: give a root slopes for its intermediate bounds  -> it comes back with better ones
    solve linear programs where few units are unstable      -> closed, or a candidate
    split the rest on the unit that a look ahead prefers

Two things follow from what the search measures of itself. Intermediate bounds are computed anew, by the root's slopes,
every so many depths (`patience`). And a look ahead may compute them for the children of every candidate (`deep`), where
a split there promises a smaller tree for the time it takes. Besides, once the roots have their bounds, units that are
zero wherever something is open are left out of the network (bounds/reduction.py).
"""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.ascent import Ascent, Model, Parameters, Schedule, initial
from ivan.bounds.certify import certify
from ivan.bounds.descend import descend
from ivan.bounds.domains import Domains
from ivan.bounds.enclosure import Enclosure, from_known
from ivan.bounds.refine import apply, refine
from ivan.proof import Certificates, Refresh
from ivan.proof.tree import COLUMNS
from ivan.search.batch import Batch
from ivan.search.branching import DEEP_CANDIDATES, Ahead, Lookahead, Splits, log_leaves, unit_splits
from ivan.search.frontier import Chunk
from ivan.search.hints import Hints
from ivan.search.persistence import Persistence
from ivan.search.workspace import Workspace

Array = NDArray[np.float64]
Index = NDArray[np.int64]

ASCENT, ROOT_ASCENT = Schedule(12), Schedule(60)

REFINEMENT = Schedule(10)
"""How slopes of intermediate bounds are improved."""

MOST_REFINED_BOUNDS = 20_000
"""Intermediate bounds that get slopes of their own."""

MOST_PAIRS = 256
"""(Domain, case) pairs that are ascended together: enough to fill the kernels."""

MOST_NUMBERS = 1 << 22
"""Values of all layers that these have together, in a large network."""

FEWEST_TRIALS, MOST_TRIALS = 4, 16
"""Domains whose intermediate bounds are computed anew before it is known what that brings, at a time and in all."""

DEEP_SHARE = 0.2
"""Part of the time that may go into deep looks ahead where they did not pay before."""


class ByUnits:
    """Closes and splits domains by units.

    Args:
        work: the search's state.
    """

    settled = True
    program_units = 24
    """Unstable units up to which a domain is given to the linear program."""

    def __init__(self, work: Workspace) -> None:
        self._work = work
        self.batch = self.pairs = min(MOST_PAIRS, work.network.fitting(MOST_NUMBERS))
        self._hints, self._persistence = Hints(work.seed.tree, work.seed.hints), Persistence(work)
        self._use(work)
        self._trials = self._losses = 0
        self._prepared = False

    def _use(self, work: Workspace) -> None:
        self._ascent = Ascent(Model(work.network))
        self._ahead = Lookahead(self._ascent, work.rows, work.experience)

    @property
    def model(self) -> Model:
        """The network on columns, for attacks."""
        return self._ascent.model

    def start(self) -> None:
        """Nothing: backward bounds, always."""

    def prepare(self) -> None:
        """Once all open nodes rest on bounds as good as their root's get, leaves out what is zero."""
        work = self._work
        if self._prepared or not all(
            chunk.parameters is not None and chunk.known.known is not None and (chunk.refined >= 0 or work.refined)
            for chunk in work.frontier.chunks
        ):
            return
        self._prepared = True
        if work.reduce():
            self._use(work)
            self._hints = Hints(work.seed.tree, Certificates.none())  # they speak of units that have other numbers now

    # Bounds

    def bounded(self, chunk: Chunk) -> Enclosure:
        """Bounds of a batch: an ancestor's, or new ones where these are due."""
        work = self._work
        columns = {name: work.tree.column(name) for name in COLUMNS}
        enclosure = from_known(work.network, descend(chunk.known.take(chunk.row), columns, chunk.node, chunk.ancestor))
        if not chunk.due:
            return enclosure
        began = time.monotonic()
        which = np.zeros(len(chunk), np.int64)
        enclosure = apply(enclosure, work.refinements[chunk.refined], which, work.deadline)
        work.paces.refresh.add(time.monotonic() - began, len(chunk))
        work.tree.column("refresh")[chunk.node] = Refresh.BACKWARD
        return enclosure

    def _patience(self) -> float:
        """Depths below a node with bounds of its own at which they are computed anew.

        A domain that resists because its bounds are out of date - many an empty one does - is found out then. If new
        bounds gain as much as rho splits, the tree below shrinks by 2^rho, at the price of `ratio` nodes; done every D
        depths they cost a share of ratio 2^-D of the time. D is such that this is half of what they save.
        """
        paces = self._work.paces
        if not paces.refresh.each or not paces.shallow.each or not paces.plain_gain.each:
            return 6
        ratio = max(paces.refresh.each / paces.shallow.each, 1.0)
        gain, trials = paces.due_gain.each / max(paces.plain_gain.each, 1e-12) - 1.0, paces.due_gain.count
        rho = min(max(gain * trials / (trials + 16), 1e-3), 8.0)  # a few trials prove little
        return max(2.0, math.log2(2.0 * ratio / (2.0**rho - 1.0)))

    # Closing

    def close(self, batch: Batch) -> None:
        """Excludes what the interval sweep does, ascends what is open; roots that stay open are refined."""
        if len(batch.open):
            self._work.sweep(batch)
        if len(batch.open):
            self._ascend(batch)
        self._refine(batch)

    def _ascend(self, batch: Batch) -> None:
        work, enclosure, pairs = self._work, batch.enclosure, batch.open
        owner, case = batch.owner[pairs], batch.case[pairs]
        if batch.chunk.parameters is None and self._hints:
            start, schedule = self._hints.start(enclosure, owner, batch.node[owner], case, work.rows), ROOT_ASCENT
        elif batch.chunk.parameters is None:
            start, schedule = initial(enclosure, owner, case, work.rows), ROOT_ASCENT
        else:
            start, schedule = batch.chunk.starts(pairs).fitted(enclosure, owner), ASCENT
        work.statistics.ascents += len(pairs)
        parameters, found = self._ascent.outputs(enclosure, owner, case, work.rows, start, schedule, work.deadline)
        batch.learn(pairs, parameters, found)
        work.close(batch, pairs, parameters, found.bound)
        if schedule is ASCENT:
            self._persistence.climb(batch, self._ascent)

    def _refine(self, batch: Batch) -> None:
        """Gives roots that stay open intermediate bounds of their own, and puts them back on the frontier."""
        work = self._work
        for position in np.unique(batch.owner[batch.open]):
            node = int(batch.node[position])
            if work.tree.column("parent")[node] >= 0 or node in work.refined:
                continue
            alone = from_known(work.network, batch.enclosure.domains.take(np.array([position])))
            began = time.monotonic()
            enclosure, found = refine(self._ascent, alone, node, REFINEMENT, MOST_REFINED_BOUNDS, work.deadline)
            work.paces.refresh.add((time.monotonic() - began) / (REFINEMENT.steps + 1), 1)
            work.refined[node] = len(work.refinements) if len(found) else -1
            if not len(found):
                continue
            work.refinements.append(found)
            self._recheck(batch, int(position), enclosure)
            pairs = np.flatnonzero(~batch.closed & (batch.owner == position))
            none = np.zeros(1, np.int64)
            chunk = Chunk(
                np.array([node]), enclosure.domains, none, np.array([node]), np.zeros(len(pairs), np.int64),
                batch.case[pairs], *batch.inherited(pairs), work.refined[node], deep=self._affordable(),
            )  # fmt: skip
            work.frontier.push(chunk)
            batch.postponed[position] = True

    def _recheck(self, batch: Batch, position: int, enclosure: Enclosure) -> None:
        """Drops what was proved at a root on its old bounds and does not hold on the new ones.

        Bounds only get tighter, but with given slopes a tighter chord need not make a better bound.
        """
        work = self._work
        node = int(batch.node[position])
        claims = work.ledger.of(node)
        if not len(claims):
            return
        holds_still, _ = certify(enclosure, np.zeros(len(claims), np.int64), claims, work.rows, work.deadline)
        lost = claims.case[~holds_still]
        if len(lost):
            work.ledger.drop(node, lost)
            batch.closed[(batch.owner == position) & np.isin(batch.case, lost)] = False

    def settle(self, batch: Batch) -> None:
        """Measures what splits bring, with and without new bounds; before the tree's bounds are written."""
        if batch.chunk.parameters is None:
            return
        before = np.minimum(self._work.tree.column("bound")[batch.node], 0.0)
        worst = batch.per_node(batch.open, batch.bound[batch.open])
        gained = np.where(batch.remaining, np.minimum(worst, 0.0), 0.0) - before
        known = np.isfinite(gained)
        pace = self._work.paces.due_gain if batch.chunk.due else self._work.paces.plain_gain
        pace.add(float(np.maximum(gained[known], 0.0).sum()), int(known.sum()))

    # Splitting

    def split(self, batch: Batch) -> None:
        """Splits what is open, by a look ahead."""
        work = self._work
        assert batch.ascended is not None
        node, pairs = batch.worst_pairs()
        taken = batch.learned(pairs)
        _, parameters, found = batch.ascended
        parameters, arrived = parameters.take(taken), [None if a is None else a[taken] for a in found.arrived]
        ahead = self._ahead.shallow(batch.enclosure, node, batch.case[pairs], parameters, arrived, work.deadline)
        stuck = ahead.layer == 0
        work.set_aside(batch, batch.open[np.isin(batch.owner[batch.open], node[stuck])])
        rest = np.flatnonzero(~stuck)
        if batch.chunk.refined >= 0 and len(rest):
            tried = rest if batch.chunk.deep else rest[:1] if self._affordable() else rest[:0]
            if len(tried):
                arrived = [None if a is None else a[tried] for a in arrived]
                went = self._deepen(
                    batch, node[tried], pairs[tried], parameters.take(tried), arrived, ahead.take(tried)
                )
                rest = np.setdiff1d(rest, tried[went])
        splits = unit_splits(batch, node[rest], ahead.layer[rest], ahead.unit[rest])
        for chunk in work.children(batch, splits):
            self._push(chunk)

    def _push(self, chunk: Chunk) -> None:
        """Puts children on the frontier; those that are due for new bounds apart, and in front."""
        work = self._work
        if chunk.refined < 0:
            work.frontier.push(chunk)
            return
        depth = work.tree.column("depth")
        due = depth[chunk.node] - depth[chunk.ancestor] >= self._patience()
        if work.paces.due_gain.count < FEWEST_TRIALS:  # nobody knows yet what it brings
            due &= np.cumsum(due) <= min(FEWEST_TRIALS, MOST_TRIALS - self._trials)
            self._trials += int(due.sum())
        # a batch is of one depth, and all of it would be due at once: never more than there were trials before
        due &= np.cumsum(due) <= max(FEWEST_TRIALS, work.paces.due_gain.count)
        for some, now in ((~due, False), (due, True)):
            work.frontier.push(replace(chunk.take(np.flatnonzero(some)), due=now))

    def _affordable(self) -> bool:
        """Is a deep look ahead a small part of the time the search has taken so far?"""
        paces = self._work.paces
        cost = 2 * DEEP_CANDIDATES * paces.refresh.each
        return paces.deep.total + cost < 0.1 + DEEP_SHARE * self._work.spent / (1 + self._losses)

    def _deepen(
        self, batch: Batch, node: Index, pairs: Index, parameters: Parameters, arrived: list[NDArray[Any] | None],
        shallow: Ahead,
    ) -> Index:  # fmt: skip
        """Splits the nodes for which new bounds below promise less work; which of the given ones that were."""
        work = self._work
        began = time.monotonic()
        deep = self._ahead.deep(
            batch.enclosure, node, batch.case[pairs], parameters, arrived, work.refinements[batch.chunk.refined],
            work.deadline,
        )  # fmt: skip
        work.paces.deep.add(time.monotonic() - began, len(node))
        gap = -batch.bound[pairs]
        seconds = max(work.paces.shallow.each, 1e-6)
        price = np.log((seconds + work.paces.deep.each) / seconds)
        better = log_leaves(gap, deep.bounds) + price < log_leaves(gap, shallow.bounds)
        chosen = np.flatnonzero(better & (deep.layer > 0))
        self._losses = 0 if len(chosen) else self._losses + 1
        if len(chosen) and deep.children is not None:
            domains = deep.children.take(np.concatenate([chosen, len(node) + chosen]))
            self._push_deep(batch, unit_splits(batch, node[chosen], deep.layer[chosen], deep.unit[chosen]), domains)
        return chosen

    def _push_deep(self, batch: Batch, splits: Splits, domains: Domains) -> None:
        """Puts children on the frontier that have bounds of their own, (2 S,) active pieces first."""
        work = self._work
        work.statistics.deepened += len(splits.node)
        children = work.grow(batch, splits)
        work.tree.column("refresh")[children.ravel()] = Refresh.BACKWARD
        count = len(children)
        pairs, place = batch.pairs_of(splits.node)
        owner = np.concatenate([place, count + place])
        order = np.argsort(owner, kind="stable")
        both = np.tile(pairs, 2)[order]
        nodes = np.concatenate([children[:, 1], children[:, 0]])
        work.frontier.push(
            Chunk(
                nodes,
                domains,
                np.arange(2 * count),
                nodes,
                owner[order],
                batch.case[both],
                *batch.inherited(both),
                batch.chunk.refined,
                deep=True,
            )
        )

"""Longer ascents where splits have come to bring little.

A few steps of ascent are enough for most domains, because their children go on from there. Where units interact, they
are not: bounds hardly move, children inherit slopes that are far from good, and the tree grows in vain. Whether more
steps would help cannot be told in advance, so a few of the domains that are in such a state are asked.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.ascent import Ascent, Schedule
from ivan.search.batch import Batch
from ivan.search.workspace import Workspace

Index = NDArray[np.int64]

LONGER, LONGER_PAYS = Schedule(48), 2.5
"""A longer ascent, and how many times the gain of a split it must bring: it costs four nodes, and a tree that has
gained as much as s splits is smaller by 2^s."""

MANY_SPLITS = 8.0
"""Splits that a domain is away from being proved, at its last split's gain, from which a longer ascent is tried."""

MOST_LONGER = 32.0
"""Longer ascents in which a domain would be proved if each brought as much, beyond which none is worth it."""

SAMPLED, MOST_SKIPPED = 32, 31
"""One pair in so many is tried; batches that are left alone after trials in vain."""


class Persistence:
    """Climbs on where that pays.

    Args:
        work: the search's state.
    """

    def __init__(self, work: Workspace) -> None:
        self._work = work
        self._pause = self._skipped = 0

    def climb(self, batch: Batch, ascent: Ascent) -> None:
        """Improves pairs of a batch that was ascended and is still open.

        Raises:
            OutOfTime: the deadline passed.
        """
        pairs = batch.open
        self._pause -= 1
        if self._pause > 0 or not len(pairs):
            return
        before = np.minimum(self._work.tree.column("bound")[batch.nodes_of(pairs)], 0.0)
        with np.errstate(invalid="ignore"):  # infinity minus infinity is no gain
            gained = np.maximum(batch.bound[pairs] - before, 0.0)
            stuck = np.flatnonzero(np.isfinite(gained) & (-batch.bound[pairs] > MANY_SPLITS * gained))
        if not len(stuck):
            return
        sample, rest = stuck[::SAMPLED], np.delete(stuck, np.s_[::SAMPLED])
        gap = -float(batch.bound[pairs[sample]].mean())
        if self._further(batch, ascent, pairs[sample]) > max(LONGER_PAYS * gained[sample].mean(), gap / MOST_LONGER):
            self._skipped = 0
            if len(rest):
                self._further(batch, ascent, pairs[rest])
        else:
            self._pause = self._skipped = min(2 * self._skipped + 1, MOST_SKIPPED)

    def _further(self, batch: Batch, ascent: Ascent, pairs: Index) -> float:
        """Ascends some pairs further; by how much their bounds rose, in the mean."""
        work, enclosure = self._work, batch.enclosure
        assert batch.ascended is not None
        owner, case, rows = batch.owner[pairs], batch.case[pairs], batch.learned(pairs)
        _, parameters, found = batch.ascended
        before = found.bound[rows]
        work.statistics.ascents += len(pairs)
        better, reached = ascent.outputs(
            enclosure, owner, case, work.rows, parameters.take(rows), LONGER, work.deadline
        )
        batch.relearn(pairs, better, reached)
        work.close(batch, pairs, better, reached.bound)
        with np.errstate(invalid="ignore"):
            return float((np.minimum(reached.bound, 0.0) - np.minimum(before, 0.0)).mean())

"""Splitting inputs: every box gets intermediate bounds of its own; what resists is cut in two.

The bounds are backward or forward ones, whichever pay (bounding.py). The steps, cheapest first:

    bound every row of every open case                      -> closed where one row is positive
    weigh the rows of a conjunction together                -> closed where a combination is positive
    ascend the slopes of what is nearly proved              -> closed where that makes it positive
    solve a linear program where every unit is stable       -> closed, or a counterexample
    cut the rest where a form excludes a good part, else in the middle of the axis with the greatest score
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.ascent import Ascent, Model, Schedule, initial, ragged_weights
from ivan.bounds.backward import bound_outputs
from ivan.bounds.certify import holds
from ivan.bounds.descend import descend
from ivan.bounds.domains import Domains
from ivan.bounds.enclosure import Enclosure, enclose, from_known
from ivan.bounds.forward import Forward
from ivan.bounds.replay import batch_size
from ivan.proof import Certificates, Ragged, Refresh
from ivan.proof.tree import COLUMNS
from ivan.search.batch import Batch
from ivan.search.bounding import forward_pays
from ivan.search.branching import choose_inputs
from ivan.search.frontier import Chunk
from ivan.search.weigh import weigh
from ivan.search.workspace import Workspace

Array = NDArray[np.float64]
Index = NDArray[np.int64]

REFRESH_EVERY = 4
"""Depths between nodes whose bounds are handed down. Replay then computes bounds for the leaves and one in fifteen of
the inner nodes; the search loses little by resting on bounds of at most four splits ago (docs/performance.md)."""


ASCENT = Schedule(6)

MANY_REGIONS = 8
"""Regions from which their own bounds are worth a choice. Fewer are often closed at once, sooner than one is made."""

FIRST_REACH, LEAST_REACH = 2.0, 0.01
"""Share of its range over the box by which a row's bound may miss 0 for ascent to be tried: at first, and ever."""


class ByInputs:
    """Closes and splits boxes.

    Args:
        work: the search's state.
    """

    program_units = 0

    def __init__(self, work: Workspace) -> None:
        self._work = work
        self.batch = self.pairs = batch_size(work.problem.network)
        self._ascent = Ascent(Model(work.network))
        self._reach = FIRST_REACH
        self._forward = Forward(work.network)
        # what an old proof chose goes on
        self._chosen = bool(np.any(work.seed.tree.refresh == Refresh.FORWARD))
        self._use(Refresh.FORWARD if self._chosen else Refresh.BACKWARD)

    @property
    def model(self) -> Model:
        """The network on columns, for attacks."""
        return self._ascent.model

    @property
    def settled(self) -> bool:
        """True once it is decided how boxes are bounded, which two processes should not decide each for itself."""
        return self._chosen

    def start(self) -> None:
        """Where many regions are about to be bounded for the first time, chooses how."""
        work = self._work
        if len(work.problem.regions) >= MANY_REGIONS and work.seed.untouched:
            self._choose()
            work.seed = work.seed.bounded_by(self._refresh)
            work.tree.column("refresh")[:] = self._refresh

    def prepare(self) -> None:
        """Once the first boxes have not all been closed at once, chooses the bounds that others get."""
        if self._work.statistics.domains:
            self._choose()

    def _choose(self) -> None:
        if not self._chosen:
            self._chosen = True
            if forward_pays(self._work.problem, self._forward, self._work.deadline):
                self._use(Refresh.FORWARD)

    def _use(self, refresh: Refresh) -> None:
        """From now on boxes are bounded so, and certificates are reached on such bounds."""
        self._refresh = self._work.claims_rest_on = refresh

    def bounded(self, chunk: Chunk) -> Enclosure:
        """Bounds of a batch: its own where they are known."""
        work = self._work
        columns = {name: work.tree.column(name) for name in COLUMNS}
        domains = descend(chunk.known.take(chunk.row), columns, chunk.node, chunk.ancestor)
        # what was handed on with a leaf that is not refreshed are an ancestor's bounds
        own = (chunk.node == chunk.ancestor) & (work.tree.column("refresh")[chunk.node] != Refresh.NONE)
        if domains.known is None or not own.any():
            return self._computed(domains)
        if own.all():
            return from_known(work.network, domains)
        parts = [np.flatnonzero(own), np.flatnonzero(~own)]
        done = [domains.take(parts[0]), self._computed(domains.take(parts[1])).domains]
        return from_known(work.network, Domains.concatenate(done).take(np.argsort(np.concatenate(parts))))

    def _computed(self, domains: Domains) -> Enclosure:
        if self._refresh == Refresh.FORWARD:
            return self._forward.enclose(domains, self._work.deadline)
        return enclose(self._work.network, domains, deadline=self._work.deadline)

    def close(self, batch: Batch) -> None:
        """Every row of every open case by itself, then the rows of each conjunction together."""
        pairs, rows = batch.open, self._work.rows
        if not len(pairs):
            return
        pair, within, objective = batch.rows(pairs, rows)
        owner = batch.owner[pairs][pair]
        forms = bound_outputs(batch.enclosure, owner, objective, deadline=self._work.deadline)
        batch.halfspaces.append((pairs[pair], forms.slopes, forms.bound))
        best = np.full(len(pairs), -1)
        order = np.argsort(forms.bound, kind="stable")
        best[pair[order]] = order  # the strongest row of each pair stands last
        some = np.flatnonzero(best >= 0)  # a case without rows, any input of a box, is closed by no bound
        batch.improve(pairs[some], forms, best[some])
        proved = some[holds(batch.enclosure, owner, objective, forms)[best[some]]]
        row = best[proved]
        weights = Ragged.from_rows(
            len(row), np.arange(len(row)), {"row": within[row].astype(np.int32), "value": np.ones(len(row))}
        )
        claims = Certificates.plain(*batch.claims(pairs[proved], forms.bound[row]), weights)
        self._work.record(batch, pairs[proved], claims)
        several = np.flatnonzero(~batch.closed[pairs] & (rows.counts[batch.case[pairs]] > 1))
        if len(several):
            width = int(rows.counts[batch.case[pairs[several]]].max())
            position = np.full(len(pairs), -1)
            position[several] = np.arange(len(several))
            mine = np.flatnonzero(position[pair] >= 0)
            at = position[pair[mine]], within[mine]
            slopes = np.zeros((len(several), width, self._work.network.inputs))
            constant, present = np.zeros((len(several), width)), np.zeros((len(several), width), bool)
            slopes[at], constant[at], present[at] = forms.slopes[mine], forms.constant[mine], True
            self._weigh(batch, pairs[several], np.nan_to_num(slopes), np.nan_to_num(constant), present)
        if len(batch.open):
            self._ascend(batch)

    def _weigh(self, batch: Batch, pairs: Index, slopes: Array, constant: Array, present: NDArray[np.bool_]) -> None:
        """Finds the combination of each conjunction's rows that is hardest to satisfy, and bounds it."""
        owner, case = batch.owner[pairs], batch.case[pairs]
        lambdas = weigh(slopes, constant, present, batch.enclosure.lower[owner], batch.enclosure.upper[owner])
        weights = ragged_weights(lambdas)
        objective = self._work.rows.weighted(case, weights)
        forms = bound_outputs(batch.enclosure, owner, objective, deadline=self._work.deadline)
        batch.halfspaces.append((pairs, forms.slopes, forms.bound))
        batch.improve(pairs, forms)
        proved = np.flatnonzero(holds(batch.enclosure, owner, objective, forms))
        claims = Certificates.plain(*batch.claims(pairs[proved], forms.bound[proved]), weights.take(proved))
        self._work.record(batch, pairs[proved], claims)

    def _ascend(self, batch: Batch) -> None:
        """Ascends the slopes of pairs that are near enough to being proved.

        How near is near enough follows from the outcome: half as far again as the farthest that was proved in the last
        batch, less far when none was.
        """
        work, pairs = self._work, batch.open
        owner = batch.owner[pairs]
        spread = np.sum(np.abs(batch.slopes[pairs]) * (batch.enclosure.upper - batch.enclosure.lower)[owner], axis=1)
        with np.errstate(over="ignore"):
            distance = -batch.bound[pairs] / np.maximum(spread, 1e-300)
        near = np.flatnonzero(distance <= self._reach)  # a bound of minus infinity never is
        if not len(near):
            return
        pairs, distance, owner, case = pairs[near], distance[near], owner[near], batch.case[pairs[near]]
        work.statistics.ascents += len(pairs)
        start = initial(batch.enclosure, owner, case, work.rows)
        parameters, found = self._ascent.outputs(batch.enclosure, owner, case, work.rows, start, ASCENT, work.deadline)
        work.close(batch, pairs, parameters, found.bound)
        proved = distance[batch.closed[pairs]]
        self._reach = max(1.5 * float(proved.max()) if len(proved) else 0.7 * self._reach, LEAST_REACH)

    def settle(self, batch: Batch) -> None:
        """Decides whose bounds are handed down, and whose replay needs."""
        depth, refresh = self._work.tree.column("depth")[batch.node], self._work.tree.column("refresh")
        needed = batch.node[depth % REFRESH_EVERY == 0]
        refresh[needed[refresh[needed] == Refresh.NONE]] = self._refresh

    def split(self, batch: Batch) -> None:
        """Cuts the boxes that are open in two."""
        with np.errstate(over="ignore"):  # scores of steep curves, which only rank
            splits = choose_inputs(batch, self._work.rows, self._work.experience)
        self._work.set_aside(batch, batch.open[~np.isin(batch.owner[batch.open], splits.node)])
        for chunk in self._work.children(batch, splits):
            self._work.frontier.push(chunk)

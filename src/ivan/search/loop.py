"""The branch-and-bound loop: a ladder of ways to close a domain, cheapest first; what resists is split.

    while domains are open:
        take a batch; compute its bounds                        -> the empty ones are closed
        bound every row of every open case                      -> closed where one row is positive
        weigh the rows of a conjunction together                -> closed where a combination is positive
        ascend slopes and multipliers   (unit splitting)        -> closed where that makes it positive
        try the minimising corners as counterexamples           -> the end, when onnxruntime confirms one
        solve linear programs where few units are unstable      -> closed, or a candidate, or split
        split the rest, on an input axis or on a unit

Inputs are split where few of them vary, units otherwise; a domain whose units are all stable is linear, and the linear
program decides it, so the search is complete up to the rounding of float64.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ivan.attack.confirm import Run
from ivan.bounds.ascent import ascend, certificates_of, initial, ragged_weights
from ivan.bounds.backward import bound_outputs
from ivan.bounds.certify import holds
from ivan.bounds.descend import descend, roots
from ivan.bounds.domains import Domains
from ivan.bounds.enclosure import Enclosure, enclose, from_known
from ivan.bounds.objective import Rows
from ivan.bounds.replay import batch_size, uncovered
from ivan.deadline import Deadline, OutOfTime
from ivan.errors import InternalError
from ivan.problem import Problem
from ivan.proof import Certificates, Proof, Ragged, State, TreeBuilder
from ivan.proof.certificate import WEIGHT_COLUMNS
from ivan.proof.tree import COLUMNS
from ivan.search.batch import Batch
from ivan.search.branching import Splits, choose_inputs, choose_units
from ivan.search.candidates import Candidates
from ivan.search.frontier import Chunk, Frontier, merged
from ivan.search.programs import Programs
from ivan.search.terms import SearchResult, Seed, Statistics
from ivan.search.weigh import weigh
from ivan.verdict import Verdict

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Progress = Callable[[Statistics], None]

MOST_SPLIT_INPUTS = 20
"""Inputs that vary up to which boxes are split rather than units."""

REFRESH_EVERY = 4
"""Depths between nodes whose bounds are handed down. Replay then computes bounds for the leaves and one in fifteen of
the inner nodes; the search loses little by resting on bounds of at most four splits ago (docs/performance.md)."""

MOST_REFRESHED_UNITS = 256
"""Units up to which bounds are computed anew below unit splits too: beside the ascent of a domain that is cheap
then."""

PROGRAM_UNITS = 24
"""Unstable units up to which unit splitting gives a domain to the linear program."""

ASCENT_STEPS = 12
ROOT_ASCENT_STEPS = 60


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
        self.problem, self.deadline = problem, deadline
        self.statistics = Statistics()
        self._progress = progress
        self._seed = seed
        self._rows = Rows(problem)
        self._tree = TreeBuilder(seed.tree)
        self._certificates: list[Certificates] = [seed.certificates] if len(seed.certificates) else []
        self._frontier = Frontier()
        self._candidates = Candidates(problem, run, deadline)
        self._size = batch_size(problem.network)
        if by_units is None:
            by_units = max((len(region.free) for region in problem.regions), default=0) > MOST_SPLIT_INPUTS
        self._by_units = by_units
        self._programs = Programs(problem, self._rows, live=by_units)
        # Unit splits move few other bounds; boxes move all of them.
        self._refreshes = not by_units or sum(layer.size for layer in problem.network.layers) <= MOST_REFRESHED_UNITS

    # -- the loop -----------------------------------------------------------------------------------------------------

    def run(self) -> SearchResult:
        """Searches until the property is decided, the deadline, or nothing more can be done."""
        try:
            self._plant()
            while len(self._frontier) and self._candidates.witness is None:
                self.deadline.check()
                self._step(merged(self._frontier.pop(self._size)))
        except OutOfTime:
            return self._result(Verdict.TIMEOUT)
        if self._candidates.witness is not None:
            return self._result(Verdict.SAT)
        if self.statistics.undecided:
            return self._result(Verdict.UNKNOWN)
        result = self._result(Verdict.UNSAT)
        # every certificate was reached by a rigorous pass on this model; do they cover everything?
        leaf, _ = uncovered(self.problem, result.proof, np.ones(len(result.proof.certificates), bool))
        if len(leaf):
            raise InternalError(f"{len(leaf)} leaves were closed without a certificate")
        return result

    def _result(self, verdict: Verdict) -> SearchResult:
        self.statistics.candidates = self._candidates.tried
        proof = Proof(self._tree.snapshot(), Certificates.concatenate(self._certificates))
        return SearchResult(verdict, self._candidates.witness, proof, self.statistics)

    def _step(self, chunk: Chunk) -> None:
        batch = Batch(chunk, self._bounded(chunk))
        self.statistics.domains += len(chunk)
        self._close_empty(batch)
        self._bound_rows(batch)
        if self._by_units:
            self._ascend(batch)
        self._candidates.corners(batch)
        if self._candidates.witness is None:
            self._solve_programs(batch)
        if self._candidates.witness is None:
            self._settle(batch)
            self._split(batch)
            self.statistics.open = len(self._frontier)
            if self._progress is not None:
                self._progress(self.statistics)

    # -- planting the seed --------------------------------------------------------------------------------------------

    def _plant(self) -> None:
        """Puts the seed's open leaves on the frontier, with the bounds that are known of them."""
        seed = self._seed
        nodes, first, counts = np.unique(seed.leaf, return_index=True, return_counts=True)
        order = np.argsort(first)  # in the seed's order of suspicion
        nodes, first, counts = nodes[order], first[order], counts[order]

        def push(chosen: Index, known: Domains, row: Index, ancestor: Index) -> None:
            pairs = np.concatenate([np.arange(first[i], first[i] + counts[i]) for i in chosen])
            owner = np.repeat(np.arange(len(chosen)), counts[chosen])
            self._frontier.push(Chunk(nodes[chosen], known, row, ancestor, owner, seed.case[pairs]))

        place = np.full(len(seed.tree), -1)
        place[nodes] = np.arange(len(nodes))
        planted = np.zeros(len(nodes), bool)
        parts = []
        for known_nodes, domains in seed.domains:
            rows = np.flatnonzero(place[known_nodes] >= 0)
            chosen = place[known_nodes[rows]]
            planted[chosen] = True
            by_suspicion = np.argsort(chosen)
            parts.append((chosen[by_suspicion], domains, rows[by_suspicion]))
        rest = np.flatnonzero(~planted)
        if len(rest):
            region = seed.tree.region()[nodes[rest]].astype(np.int64)
            present = np.unique(region)
            known, row = self._roots(present), np.searchsorted(present, region)
            itself = nodes[rest] == present[row]  # the root of region r is row r of the tree
            for mine in (~itself, itself):
                if mine.any():
                    push(rest[mine], known, row[mine], present[row[mine]])
        # the part with the most suspicious leaf goes last, so that it comes out first
        for chosen, domains, rows in sorted(parts, key=lambda part: part[0].max(initial=-1)):
            if len(chosen):
                push(chosen, domains, rows, nodes[chosen])

    def _roots(self, regions: Index) -> Domains:
        """Root domains with their bounds."""
        parts = []
        for at in range(0, len(regions), self._size):
            part = regions[at : at + self._size]
            parts.append(enclose(self.problem.network, roots(self.problem, part), deadline=self.deadline).domains)
        return Domains.concatenate(parts)

    # -- the ladder ---------------------------------------------------------------------------------------------------

    def _bounded(self, chunk: Chunk) -> Enclosure:
        """Bounds of a batch: its own where they are known or not worth computing anew."""
        columns = {name: self._tree.column(name) for name in COLUMNS}
        domains = descend(chunk.known, columns, chunk.node, chunk.ancestor)
        known_already = bool(chunk.node[0] == chunk.ancestor[0])
        if domains.known is not None and (known_already or not self._refreshes):
            return from_known(self.problem.network, domains)
        return enclose(self.problem.network, domains, deadline=self.deadline)

    def _close_empty(self, batch: Batch) -> None:
        empty = np.flatnonzero(batch.enclosure.empty[batch.owner])
        none = Ragged.empty(len(empty), WEIGHT_COLUMNS)
        self._record(batch, empty, Certificates.plain(*batch.claims(empty, np.full(len(empty), np.inf)), none))

    def _bound_rows(self, batch: Batch) -> None:
        """Every row of every open case by itself, then the rows of each conjunction together."""
        pairs = batch.open
        if not len(pairs):
            return
        pair, within, objective = batch.rows(pairs, self._rows)
        owner = batch.owner[pairs][pair]
        forms = bound_outputs(batch.enclosure, owner, objective, keep=self._by_units, deadline=self.deadline)
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
        self._record(batch, pairs[proved], claims)
        several = np.flatnonzero(~batch.closed[pairs] & (self._rows.counts[batch.case[pairs]] > 1))
        if len(several):
            width = int(self._rows.counts[batch.case[pairs[several]]].max())
            position = np.full(len(pairs), -1)
            position[several] = np.arange(len(several))
            mine = np.flatnonzero(position[pair] >= 0)
            at = position[pair[mine]], within[mine]
            slopes = np.zeros((len(several), width, self.problem.network.inputs))
            constant, present = np.zeros((len(several), width)), np.zeros((len(several), width), bool)
            slopes[at], constant[at], present[at] = forms.slopes[mine], forms.constant[mine], True
            self._weigh(batch, pairs[several], np.nan_to_num(slopes), np.nan_to_num(constant), present)

    def _weigh(self, batch: Batch, pairs: Index, slopes: Array, constant: Array, present: NDArray[np.bool_]) -> None:
        """Finds the combination of each conjunction's rows that is hardest to satisfy, and bounds it."""
        owner, case = batch.owner[pairs], batch.case[pairs]
        lambdas = weigh(slopes, constant, present, batch.enclosure.lower[owner], batch.enclosure.upper[owner])
        weights = ragged_weights(lambdas)
        objective = self._rows.weighted(case, weights)
        forms = bound_outputs(batch.enclosure, owner, objective, keep=self._by_units, deadline=self.deadline)
        batch.improve(pairs, forms)
        proved = np.flatnonzero(holds(batch.enclosure, owner, objective, forms))
        claims = Certificates.plain(*batch.claims(pairs[proved], forms.bound[proved]), weights.take(proved))
        self._record(batch, pairs[proved], claims)

    def _ascend(self, batch: Batch) -> None:
        pairs = batch.open
        if not len(pairs):
            return
        owner, case = batch.owner[pairs], batch.case[pairs]
        if batch.chunk.parameters is None:
            start, steps = initial(batch.enclosure, owner, case, self._rows), ROOT_ASCENT_STEPS
        else:
            start, steps = batch.chunk.parameters.take(pairs).fitted(batch.enclosure, owner), ASCENT_STEPS
        self.statistics.ascents += len(pairs)
        parameters, forms = ascend(batch.enclosure, owner, case, self._rows, start, steps=steps, deadline=self.deadline)
        batch.improve(pairs, forms)
        batch.parameters = (pairs, parameters)
        objective = self._rows.weighted(case, ragged_weights(parameters.weights))
        proved = np.flatnonzero(holds(batch.enclosure, owner, objective, forms))
        claims = certificates_of(
            batch.enclosure,
            owner[proved],
            batch.nodes_of(pairs[proved]),
            case[proved],
            forms.bound[proved],
            parameters.take(proved),
        )
        self._record(batch, pairs[proved], claims)

    def _solve_programs(self, batch: Batch) -> None:
        """Linear programs for the domains with few unstable units; a linear domain that stays open is stuck."""
        pairs = batch.open
        if not len(pairs) or not self._programs.available:
            return
        unstable = np.sum([mask.sum(axis=1) for mask in batch.enclosure.unstable], axis=0)
        unstable = np.broadcast_to(unstable, len(batch.node))[batch.owner[pairs]]
        limit = PROGRAM_UNITS if self._by_units else 0
        for pair, count in zip(pairs[unstable <= limit], unstable[unstable <= limit], strict=True):
            owner, case = int(batch.owner[pair]), int(batch.case[pair])
            solved = self._programs.solve(batch.enclosure, owner, int(batch.node[owner]), case, self.deadline)
            self.statistics.programs = self._programs.count
            if solved.claim is not None:
                self._record(batch, np.array([pair]), solved.claim)
                continue
            batch.stuck[pair] = count == 0
            if solved.candidate is None:
                continue
            if self._candidates.confirmed(solved.candidate, case) or (
                count == 0 and self._candidates.polished(solved.candidate, case, steps=20, rate=0.01)
            ):
                return

    def _record(self, batch: Batch, pairs: Index, claims: Certificates) -> None:
        """Takes certificates that hold, and closes their pairs."""
        if len(pairs):
            batch.closed[pairs] = True
            batch.bound[pairs] = np.maximum(batch.bound[pairs], claims.margin)
            self._certificates.append(claims)

    # -- closing and splitting ----------------------------------------------------------------------------------------

    def _settle(self, batch: Batch) -> None:
        """Marks closed nodes, and counts those that nothing more can be done for."""
        state, bound, refresh = (self._tree.column(name) for name in ("state", "bound", "refresh"))
        every = np.arange(len(batch.owner))
        least = np.where(batch.enclosure.empty, np.inf, batch.per_node(every, batch.bound))
        worst = batch.per_node(batch.open, batch.bound[batch.open])
        remaining = np.zeros(len(batch.node), bool)
        remaining[batch.owner[batch.open]] = True
        closed = batch.node[~remaining]
        state[closed] = State.CLOSED
        bound[batch.node] = np.where(remaining, worst, least)
        self.statistics.closed += len(closed)
        if remaining.any():
            self.statistics.worst = float(worst[remaining].min())
        if self._refreshes:
            depth = self._tree.column("depth")[batch.node]
            # a certificate was reached on the node's own bounds: replay needs them too
            claimed = np.zeros(len(batch.node), bool)
            claimed[batch.owner[batch.closed]] = True
            refresh[batch.node[claimed | (depth % REFRESH_EVERY == 0)]] = 1
        self._set_aside(batch, batch.open[batch.stuck[batch.open]])

    def _set_aside(self, batch: Batch, pairs: Index) -> None:
        """Neither searched further nor forgotten: their leaves stay open, and the verdict will be `unknown`."""
        self.statistics.undecided += len(pairs)
        batch.closed[pairs] = True

    def _split(self, batch: Batch) -> None:
        if not len(batch.open):
            return
        choose = choose_units if self._by_units else choose_inputs
        splits = choose(batch, self._rows)
        self._set_aside(batch, batch.open[~np.isin(batch.owner[batch.open], splits.node)])
        pairs = batch.open
        if not len(pairs):
            return
        # the most suspicious nodes go last, so that they come out first
        suspicion = batch.per_node(pairs, batch.suspicion[pairs])
        splits = splits.take(np.argsort(-suspicion[splits.node], kind="stable"))
        parents = batch.node[splits.node]
        children = self._tree.split(
            parents, splits.kind, splits.layer, splits.unit, splits.at, np.zeros(len(parents), np.int8)
        )
        self.statistics.splits += len(parents)
        self.statistics.depth = max(self.statistics.depth, int(self._tree.column("depth")[children].max()))
        rank = np.full(len(batch.node), -1)
        rank[splits.node] = np.arange(len(parents))
        refreshed = self._tree.column("refresh")[parents] == 1
        for chosen in (np.flatnonzero(~refreshed), np.flatnonzero(refreshed)):
            if len(chosen):
                below = np.stack([children[chosen], children[len(parents) + chosen]], axis=1)
                self._push_children(batch, splits, chosen, below, rank, on_parents=bool(refreshed[chosen[0]]))

    def _push_children(
        self, batch: Batch, splits: Splits, chosen: Index, below: Index, rank: Index, *, on_parents: bool
    ) -> None:
        """Puts the children (S, 2) of some splits on the frontier, on their parents' bounds or what those rest on."""
        nodes = splits.node[chosen]
        if on_parents:
            known, row, ancestor = batch.enclosure.domains, nodes, batch.node[nodes]
        else:
            known, row, ancestor = batch.chunk.known, nodes, batch.chunk.ancestor[nodes]
        position = np.full(len(splits.node), -1)
        position[chosen] = np.arange(len(chosen))
        place = position[rank[batch.owner]]
        pairs = batch.open[place[batch.open] >= 0]
        # children of one parent side by side, 2 i and 2 i + 1, each with all of its parent's pairs
        owner = np.concatenate([2 * place[pairs], 2 * place[pairs] + 1])
        order = np.argsort(owner, kind="stable")
        both = np.tile(pairs, 2)[order]
        self._frontier.push(
            Chunk(
                below.ravel(),
                known,
                np.repeat(row, 2),
                np.repeat(ancestor, 2),
                owner[order],
                batch.case[both],
                batch.inherited(both),
            )
        )

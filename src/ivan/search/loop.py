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

from ivan.attack.confirm import Run, confirm
from ivan.attack.pgd import descend as follow_gradient
from ivan.bounds.ascent import Parameters, ascend, certificates_of, initial, ragged_weights
from ivan.bounds.backward import Forms, bound_outputs
from ivan.bounds.certify import certify, holds
from ivan.bounds.descend import Columns, descend, roots
from ivan.bounds.domains import Domains
from ivan.bounds.enclosure import Enclosure, enclose, from_known
from ivan.bounds.objective import Rows
from ivan.bounds.replay import batch_size, uncovered
from ivan.deadline import Deadline, OutOfTime
from ivan.network.layers import Network
from ivan.problem import Problem
from ivan.proof import Certificates, Kind, Proof, Ragged, State, TreeBuilder, Witness
from ivan.proof.certificate import WEIGHT_COLUMNS
from ivan.proof.tree import COLUMNS
from ivan.search.branching import inputs as input_branching
from ivan.search.branching import units as unit_branching
from ivan.search.frontier import Chunk, Frontier, merged
from ivan.search.terms import SearchResult, Seed, Statistics
from ivan.search.weigh import weigh
from ivan.verdict import Verdict

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Progress = Callable[[Statistics], None]

MOST_SPLIT_INPUTS = 20
"""Inputs that vary up to which boxes are split rather than units."""

REFRESH_EVERY = 3
"""Depths between nodes whose bounds are handed down. Replay then computes bounds for the leaves and one in seven of the
inner nodes, and the search loses little by resting on bounds of at most three splits ago (docs/performance.md)."""

PROGRAM_UNITS = 24
"""Unstable units up to which a domain is given to the linear program."""

ASCENT_STEPS = 12
ROOT_ASCENT_STEPS = 60


class Search:
    """One branch-and-bound search.

    Args:
        problem: the problem.
        run: the deployed model, for confirming counterexamples.
        seed: where to start.
        deadline: when to stop.
        rng: draws what is random.
        progress: told after every batch.
    """

    def __init__(
        self,
        problem: Problem,
        run: Run,
        seed: Seed,
        *,
        deadline: Deadline,
        rng: np.random.Generator,
        progress: Progress | None = None,
    ) -> None:
        self.problem, self.run_model, self.deadline, self.rng = problem, run, deadline, rng
        self.statistics = Statistics()
        self._progress = progress
        self._rows = Rows(problem)
        self._tree = TreeBuilder(seed.tree)
        self._depth = list(seed.tree.depth())
        self._certificates: list[Certificates] = [seed.certificates] if len(seed.certificates) else []
        self._frontier = Frontier()
        self._undecided: list[tuple[Index, Index]] = []
        self._by_units = max((len(region.free) for region in problem.regions), default=0) > MOST_SPLIT_INPUTS
        self._size = batch_size(problem.network)
        self._best_margin = np.inf
        self._witness: Witness | None = None
        self._seed = seed

    # -- the loop -----------------------------------------------------------------------------------------------------

    def run(self) -> SearchResult:
        """Searches until the property is decided, the deadline, or nothing more can be done."""
        try:
            self._plant()
            while len(self._frontier) and self._witness is None:
                self.deadline.check()
                self._step(merged(self._frontier.pop(self._size)))
        except OutOfTime:
            return self._result(Verdict.TIMEOUT)
        if self._witness is not None:
            return self._result(Verdict.SAT)
        if self._undecided:
            return self._result(Verdict.UNKNOWN)
        result = self._result(Verdict.UNSAT)
        # every certificate was reached by a rigorous pass on this model; do they cover everything?
        leaf, _ = uncovered(self.problem, result.proof, np.ones(len(result.proof.certificates), bool))
        if len(leaf):
            raise AssertionError(f"{len(leaf)} leaves were closed without a certificate")
        return result

    def _result(self, verdict: Verdict) -> SearchResult:
        proof = Proof(self._tree.snapshot(), Certificates.concatenate(self._certificates))
        return SearchResult(verdict, self._witness, proof, self.statistics)

    def _plant(self) -> None:
        """Puts the seed's open leaves on the frontier, with the bounds that are known of them."""
        seed = self._seed
        nodes, first, counts = np.unique(seed.leaf, return_index=True, return_counts=True)
        order = np.argsort(first)  # in the seed's order of suspicion
        nodes, first, counts = nodes[order], first[order], counts[order]
        place = {int(node): i for i, node in enumerate(nodes)}
        planted = np.zeros(len(nodes), bool)
        for known_nodes, domains in seed.domains:
            rows = np.array([i for i, node in enumerate(known_nodes) if int(node) in place], np.int64)
            if len(rows):
                chosen = np.array([place[int(node)] for node in known_nodes[rows]])
                planted[chosen] = True
                self._push_leaves(nodes[chosen], first[chosen], counts[chosen], domains, rows, nodes[chosen])
        rest = np.flatnonzero(~planted)
        if len(rest):
            region = seed.tree.region()[nodes[rest]]
            known, present = self._roots(np.unique(region))
            row = np.searchsorted(present, region)
            at_root = nodes[rest] == present[row]
            for chosen in (rest[~at_root], rest[at_root]):
                if len(chosen):
                    row = np.searchsorted(present, seed.tree.region()[nodes[chosen]])
                    self._push_leaves(nodes[chosen], first[chosen], counts[chosen], known, row, present[row])

    def _roots(self, regions: Index) -> tuple[Domains, Index]:
        """Bounded root domains; the root of region r is row r of the tree."""
        parts = []
        for at in range(0, len(regions), self._size):
            self.deadline.check()
            part = regions[at : at + self._size]
            parts.append(enclose(self.problem.network, roots(self.problem, part), deadline=self.deadline).domains)
        return Domains.concatenate(parts), regions

    def _push_leaves(
        self, nodes: Index, first: Index, counts: Index, known: Domains, row: Index, ancestor: Index
    ) -> None:
        pairs = np.concatenate([np.arange(f, f + c) for f, c in zip(first, counts, strict=True)])
        owner = np.repeat(np.arange(len(nodes)), counts)
        self._frontier.push(Chunk(nodes, known, row, ancestor, owner, self._seed.case[pairs]))

    # -- one batch ----------------------------------------------------------------------------------------------------

    def _step(self, chunk: Chunk) -> None:
        batch = _Batch(chunk, self._bounded(chunk))
        self.statistics.domains += len(chunk)
        self._close_empty(batch)
        self._bound_rows(batch)
        if self._by_units:
            self._ascend(batch)
        self._try_corners(batch)
        if self._witness is not None:
            return
        self._solve_programs(batch)
        if self._witness is not None:
            return
        self._settle(batch)
        self._split(batch)
        self._report(batch)

    def _bounded(self, chunk: Chunk) -> Enclosure:
        domains = descend(chunk.known, self._columns(), chunk.node, chunk.ancestor)
        if domains.known is not None and (chunk.node[0] == chunk.ancestor[0] or not self._refreshes):
            return from_known(self.problem.network, domains)
        return enclose(self.problem.network, domains, deadline=self.deadline)

    @property
    def _refreshes(self) -> bool:
        """Are bounds computed anew below the root? Unit splits move few other bounds; boxes move all of them."""
        return not self._by_units or _small(self.problem.network)

    def _columns(self) -> Columns:
        return {name: self._tree.column(name) for name in COLUMNS}

    def _close_empty(self, batch: _Batch) -> None:
        empty = np.flatnonzero(batch.enclosure.empty[batch.owner])
        if len(empty):
            none = Ragged.empty(len(empty), WEIGHT_COLUMNS)
            self._record(batch, empty, Certificates.plain(*batch.claims(empty, np.full(len(empty), np.inf)), none))

    def _bound_rows(self, batch: _Batch) -> None:
        """Every row of every open case by itself, then the rows of a conjunction together."""
        pairs = batch.open
        if not len(pairs):
            return
        counts = self._rows.counts[batch.case[pairs]]
        pair = np.repeat(np.arange(len(pairs)), counts)
        within = np.arange(len(pair)) - np.repeat(np.cumsum(counts) - counts, counts)
        objective = self._rows.single(self._rows.first[batch.case[pairs]][pair] + within)
        owner = batch.owner[pairs][pair]
        forms = bound_outputs(batch.enclosure, owner, objective, keep=self._by_units, deadline=self.deadline)
        batch.row_forms(pairs, pair, within, forms)
        proved = holds(batch.enclosure, owner, objective, forms)
        best = np.full(len(pairs), -1)
        order = np.argsort(forms.bound, kind="stable")
        order = order[proved[order]]
        best[pair[order]] = order  # of several rows that prove it, the strongest stands last
        done = np.flatnonzero(best >= 0)
        weights = Ragged.from_rows(
            len(done), np.arange(len(done)), {"row": within[best[done]].astype(np.int32), "value": np.ones(len(done))}
        )
        self._record(
            batch, pairs[done], Certificates.plain(*batch.claims(pairs[done], forms.bound[best[done]]), weights)
        )
        self._weigh(batch)

    def _weigh(self, batch: _Batch) -> None:
        pairs = batch.open[self._rows.counts[batch.case[batch.open]] > 1]
        if not len(pairs):
            return
        slopes, constant, present = batch.stacked(pairs, self._rows)
        owner = batch.owner[pairs]
        lower, upper = batch.enclosure.lower[owner], batch.enclosure.upper[owner]
        weights, _ = weigh(slopes, constant, present, lower, upper)
        batch.weights[pairs, : weights.shape[1]] = weights
        chosen = ragged_weights(np.where(weights > 1e-6, weights, 0.0))
        objective = self._rows.weighted(batch.case[pairs], chosen)
        owner = batch.owner[pairs]
        forms = bound_outputs(batch.enclosure, owner, objective, keep=self._by_units, deadline=self.deadline)
        batch.pair_forms(pairs, forms)
        proved = np.flatnonzero(holds(batch.enclosure, owner, objective, forms))
        claims = Certificates.plain(*batch.claims(pairs[proved], forms.bound[proved]), chosen.take(proved))
        self._record(batch, pairs[proved], claims)

    def _ascend(self, batch: _Batch) -> None:
        pairs = batch.open
        if not len(pairs):
            return
        owner, case = batch.owner[pairs], batch.case[pairs]
        if batch.chunk.parameters is None:
            start, steps = initial(batch.enclosure, owner, case, self._rows), ROOT_ASCENT_STEPS
        else:
            start, steps = batch.chunk.parameters.take(pairs).fitted(batch.enclosure, owner), ASCENT_STEPS
        self.statistics.ascents += len(pairs)
        parameters, forms = ascend(
            batch.enclosure, owner, case, self._rows, start, steps=steps, deadline=self.deadline
        )
        batch.pair_forms(pairs, forms)
        batch.parameters = (pairs, parameters)
        objective = self._rows.weighted(case, ragged_weights(parameters.weights))
        proved = np.flatnonzero(holds(batch.enclosure, owner, objective, forms))
        claims = certificates_of(
            batch.enclosure, owner[proved], batch.node[owner[proved]], case[proved], forms.bound[proved],
            parameters.take(proved),
        )  # fmt: skip
        self._record(batch, pairs[proved], claims)

    # -- counterexamples ----------------------------------------------------------------------------------------------

    def _try_corners(self, batch: _Batch) -> None:
        pairs = batch.open
        if not len(pairs):
            return
        owner = batch.owner[pairs]
        slopes = batch.slopes[pairs]
        corner = np.where(slopes >= 0.0, batch.enclosure.lower[owner], batch.enclosure.upper[owner])
        case = batch.case[pairs]
        region = np.array([self.problem.cases[c].region for c in case])
        worst = np.empty(len(pairs))
        y = self.problem.network(corner)
        for c in np.unique(case):
            here = np.flatnonzero(case == c)
            margins = self.problem.margins_of_outputs(c, corner[here], y[here])
            worst[here] = margins.max(axis=1, initial=-np.inf)
        batch.suspicion[pairs] = worst
        order = np.argsort(worst)
        for i in order[:2]:
            if worst[i] <= 0.0 and self._confirmed(corner[i], int(region[i])):
                return
        first = order[0]
        if worst[first] < self._best_margin:
            self._best_margin = float(worst[first])
            points, reached = follow_gradient(
                self.problem, case[first : first + 1], corner[first : first + 1], steps=12, deadline=self.deadline
            )
            if reached[0] <= 0.0:
                self._confirmed(points[0], int(region[first]))

    def _confirmed(self, x: Array, region: int) -> bool:
        self.statistics.candidates += 1
        self._witness = confirm(self.problem, self.run_model, x, region)
        return self._witness is not None

    # -- linear programs ----------------------------------------------------------------------------------------------

    def _solve_programs(self, batch: _Batch) -> None:
        pairs = batch.open
        if not len(pairs):
            return
        unstable = sum(mask.sum(axis=1) for mask in batch.enclosure.unstable)
        unstable = np.broadcast_to(unstable, len(batch.enclosure))
        limit = PROGRAM_UNITS if self._by_units else 0
        for pair in pairs[unstable[batch.owner[pairs]] <= limit]:
            self.deadline.check()
            exact = bool(unstable[batch.owner[pair]] == 0)
            if not self._solve_program(batch, int(pair), exact=exact) and self._witness is None and exact:
                batch.stuck[pair] = True
            if self._witness is not None:
                return

    def _solve_program(self, batch: _Batch, pair: int, *, exact: bool) -> bool:
        """Closes a pair by a linear program, or tries its solution as a counterexample."""
        from ivan.lp.duals import certificate_of
        from ivan.lp.highs import LiveModel
        from ivan.lp.relaxation import relax, supported

        if not supported(self.problem.network):
            return False
        owner, case = int(batch.owner[pair]), int(batch.case[pair])
        self.statistics.programs += 1
        solution = LiveModel(relax(batch.enclosure, owner, self.problem.cases[case])).solve(self.deadline)
        if solution.bound is None:
            self.deadline.check()
            return False
        if solution.bound > 0.0:
            claim = certificate_of(
                solution, batch.enclosure, owner, int(batch.node[owner]), case, self.problem.cases[case].C
            )
            ok, forms = certify(batch.enclosure, np.array([owner]), claim, self._rows, self.deadline)
            if ok[0]:
                claim = Certificates(
                    claim.node, claim.case, forms.bound, claim.weights, claim.slopes, claim.multipliers
                )
                self._record(batch, np.array([pair]), claim)
                return True
            return False
        if solution.inputs is not None:
            region = self.problem.cases[case].region
            if self._confirmed(solution.inputs, region):
                return False
            if exact:
                points, worst = follow_gradient(
                    self.problem, np.array([case]), solution.inputs[None, :], steps=20, rate=0.01, deadline=self.deadline
                )
                if worst[0] <= 0.0:
                    self._confirmed(points[0], region)
        return False

    # -- closing and splitting ----------------------------------------------------------------------------------------

    def _record(self, batch: _Batch, pairs: Index, claims: Certificates) -> None:
        """Takes certificates that hold, and the pairs that they close."""
        if len(pairs):
            batch.closed[pairs] = True
            self._certificates.append(claims)

    def _settle(self, batch: _Batch) -> None:
        """Marks closed nodes; sets aside those that nothing more can be done for."""
        state, bound, refresh = (self._tree.column(name) for name in ("state", "bound", "refresh"))
        remaining = np.zeros(len(batch.node), bool)
        remaining[batch.owner[batch.open]] = True
        closed = batch.node[~remaining]
        state[closed] = State.CLOSED
        self.statistics.closed += len(closed)
        least = np.full(len(batch.node), np.inf)
        np.minimum.at(least, batch.owner, np.where(batch.closed, np.inf, batch.bound))
        bound[batch.node] = np.where(remaining, least, bound[batch.node])
        self.statistics.worst = float(least[remaining].min()) if remaining.any() else self.statistics.worst
        if self._refreshes:
            depth = np.array([self._depth[node] for node in batch.node])
            refresh[batch.node[~remaining | (depth % REFRESH_EVERY == 0)]] = 1
        stuck = batch.open[batch.stuck[batch.open]]
        if len(stuck):
            self._undecided.append((batch.node[batch.owner[stuck]], batch.case[stuck]))
            self.statistics.undecided += len(stuck)
            batch.closed[stuck] = True  # neither searched further nor forgotten: the verdict will be `unknown`

    def _split(self, batch: _Batch) -> None:
        pairs = batch.open
        if not len(pairs):
            return
        nodes, owner = np.unique(batch.owner[pairs], return_inverse=True)
        kind, layer, unit, at, possible = self._choose(batch, pairs, nodes, owner)
        if not possible.all():
            lost = pairs[~possible[owner]]
            self._undecided.append((batch.node[batch.owner[lost]], batch.case[lost]))
            self.statistics.undecided += len(lost)
            keep = possible[owner]
            pairs = pairs[keep]
            if not len(pairs):
                return
            nodes, kind, layer, unit, at = (column[possible] for column in (nodes, kind, layer, unit, at))
            owner = np.searchsorted(nodes, batch.owner[pairs])
        # the most suspicious nodes go last, so that they come out first
        suspicion = np.full(len(nodes), np.inf)
        np.minimum.at(suspicion, owner, batch.suspicion[pairs])
        order = np.argsort(-suspicion, kind="stable")
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        nodes, kind, layer, unit, at = (column[order] for column in (nodes, kind, layer, unit, at))
        by_rank = np.argsort(rank[owner], kind="stable")
        pairs, owner = pairs[by_rank], rank[owner][by_rank]
        parents = batch.node[nodes]
        children = self._tree.split(parents, kind, layer, unit, at, np.zeros(len(parents), np.int8))
        depth = [self._depth[node] + 1 for node in parents]
        self._depth.extend(depth)
        self._depth.extend(depth)
        self.statistics.splits += len(parents)
        self.statistics.depth = max(self.statistics.depth, *depth)
        own = self._tree.column("refresh")[parents] == 1
        parameters = batch.inherited(pairs)
        for rests_on_parent in (False, True):
            chosen = np.flatnonzero(own == rests_on_parent)
            if not len(chosen):
                continue
            if rests_on_parent:
                known, row, ancestor = batch.enclosure.domains, nodes[chosen], parents[chosen]
            else:
                known, row, ancestor = batch.chunk.known, nodes[chosen], batch.chunk.ancestor[nodes[chosen]]
            position = np.full(len(nodes), -1)
            position[chosen] = np.arange(len(chosen))
            mine = np.flatnonzero(position[owner] >= 0)
            # children of one parent side by side: node 2 i and 2 i + 1
            both = np.stack([children[chosen], children[len(parents) + chosen]], axis=1).ravel()
            pair_owner = np.concatenate([2 * position[owner[mine]], 2 * position[owner[mine]] + 1])
            pair_case = np.tile(batch.case[pairs[mine]], 2)
            pair_order = np.argsort(pair_owner, kind="stable")
            self._frontier.push(
                Chunk(
                    both,
                    known,
                    np.repeat(row, 2),
                    np.repeat(ancestor, 2),
                    pair_owner[pair_order],
                    pair_case[pair_order],
                    None if parameters is None else parameters.take(np.tile(mine, 2)[pair_order]),
                )
            )

    def _choose(
        self, batch: _Batch, pairs: Index, nodes: Index, owner: Index
    ) -> tuple[NDArray[np.int8], NDArray[np.int32], NDArray[np.int32], Array, NDArray[np.bool_]]:
        """Kind, layer, unit and position of each node's split, and whether there is one."""
        count = len(nodes)
        kind = np.full(count, Kind.UNIT if self._by_units else Kind.INPUT, np.int8)
        layer, unit, at = np.zeros(count, np.int32), np.zeros(count, np.int32), np.zeros(count)
        lower, upper = batch.enclosure.lower[nodes], batch.enclosure.upper[nodes]
        if not self._by_units:
            counts = self._rows.counts[batch.case[pairs]]
            pair = np.repeat(np.arange(len(pairs)), counts)
            within = np.arange(len(pair)) - np.repeat(np.cumsum(counts) - counts, counts)
            objective = self._rows.single(self._rows.first[batch.case[pairs]][pair] + within)
            influences = input_branching.influence(batch.enclosure, batch.owner[pairs][pair], objective)
            score = input_branching.scores(count, owner[pair], influences, lower, upper)
            unit[:] = score.argmax(axis=1)
            at[:] = (0.5 * (lower + upper))[np.arange(count), unit]
            return kind, layer, unit, at, score.max(axis=1) > 0.0
        parameters = batch.inherited(pairs)
        slopes = (
            [lines.lower_slope[batch.owner[pairs]] for lines in batch.enclosure.lines]
            if parameters is None
            else parameters.slopes
        )
        per_layer = unit_branching.scores(
            batch.enclosure, batch.owner[pairs], [None if a is None else a[pairs] for a in batch.kept], slopes
        )
        best = np.zeros(count)
        for k, score in enumerate(per_layer):
            chosen = score[nodes].argmax(axis=1)
            value = score[nodes, chosen]
            better = value > best
            best[better], layer[better], unit[better] = value[better], k + 1, chosen[better]
        return kind, layer, unit, at, best > 0.0

    def _report(self, batch: _Batch) -> None:
        del batch
        self.statistics.open = len(self._frontier)
        if self._progress is not None:
            self._progress(self.statistics)


def _small(network: Network) -> bool:
    """Is computing all bounds anew cheap beside the ascent of one domain?"""
    return sum(layer.size for layer in network.layers) <= 256


class _Batch:
    """What is known of one batch while it climbs the ladder."""

    def __init__(self, chunk: Chunk, enclosure: Enclosure) -> None:
        self.chunk, self.enclosure = chunk, enclosure
        self.node, self.owner, self.case = chunk.node, chunk.owner, chunk.case
        count, network = len(chunk.owner), enclosure.network
        self.closed = np.zeros(count, bool)
        self.stuck = np.zeros(count, bool)
        self.bound = np.full(count, -np.inf)
        self.slopes = np.zeros((count, network.inputs))
        self.suspicion = np.full(count, np.inf)
        self.kept: list[Array | None] = [None] * len(network.layers)
        self.parameters: tuple[Index, Parameters] | None = None
        self.weights = np.zeros((count, 1))
        self._row_pair = np.zeros(0, np.int64)
        self._row_within = np.zeros(0, np.int64)
        self._row_forms: Forms | None = None

    @property
    def open(self) -> Index:
        """Pairs that are not closed yet."""
        return np.flatnonzero(~self.closed)

    def claims(self, pairs: Index, margin: Array) -> tuple[NDArray[np.int32], NDArray[np.int32], Array]:
        """Node, case and margin, as certificates begin."""
        return self.node[self.owner[pairs]].astype(np.int32), self.case[pairs].astype(np.int32), margin

    def row_forms(self, pairs: Index, pair: Index, within: Index, forms: Forms) -> None:
        """Takes the forms of every row of the pairs; each pair is represented by its best row."""
        self._row_pair, self._row_within, self._row_forms = pairs[pair], within, forms
        width = int(within.max(initial=0)) + 1
        self.weights = np.zeros((len(self.owner), width))
        order = np.argsort(forms.bound, kind="stable")
        best = np.zeros(len(pairs), np.int64)
        best[pair[order]] = order
        self.weights[pairs, within[best]] = 1.0
        taken = Forms(
            forms.slopes[best], forms.constant[best], forms.error[best], forms.bound[best],
            [None if a is None else a[best] for a in forms.kept],
        )  # fmt: skip
        self.pair_forms(pairs, taken)

    def pair_forms(self, pairs: Index, forms: Forms) -> None:
        """Takes better forms for the pairs, where they are better."""
        better = forms.bound >= self.bound[pairs]
        chosen = pairs[better]
        self.bound[chosen], self.slopes[chosen] = forms.bound[better], forms.slopes[better]
        for k, a in enumerate(forms.kept):
            if a is not None:
                mine = self.kept[k]
                if mine is None:
                    mine = self.kept[k] = np.zeros((len(self.owner), a.shape[1]))
                mine[chosen] = a[better]

    def stacked(self, pairs: Index, rows: Rows) -> tuple[Array, Array, NDArray[np.bool_]]:
        """Forms of the pairs' rows side by side: slopes (P, r, inputs), constant (P, r), present (P, r)."""
        forms = self._row_forms
        assert forms is not None
        position = np.full(len(self.owner), -1)
        position[pairs] = np.arange(len(pairs))
        mine = np.flatnonzero(position[self._row_pair] >= 0)
        width = int(rows.counts[self.case[pairs]].max())
        slopes = np.zeros((len(pairs), width, forms.slopes.shape[1]))
        constant, present = np.zeros((len(pairs), width)), np.zeros((len(pairs), width), bool)
        at = position[self._row_pair[mine]], self._row_within[mine]
        slopes[at], constant[at], present[at] = forms.slopes[mine], forms.constant[mine], True
        return np.nan_to_num(slopes), np.nan_to_num(constant), present

    def inherited(self, pairs: Index) -> Parameters | None:
        """Parameters of the given pairs, for their children."""
        if self.parameters is None:
            return None
        known, parameters = self.parameters
        position = np.full(len(self.owner), -1)
        position[known] = np.arange(len(known))
        return parameters.take(position[pairs])

"""What a search has in its hands: the growing tree, what is proved, what is open, what was measured."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ivan.attack.confirm import Run
from ivan.bounds.ascent import Parameters, certificates_of, ragged_weights
from ivan.bounds.backward import bound_outputs
from ivan.bounds.certify import holds
from ivan.bounds.objective import Rows
from ivan.bounds.reduction import Reduction
from ivan.bounds.replay import uncovered
from ivan.deadline import Deadline
from ivan.errors import InternalError
from ivan.network.layers import Network
from ivan.problem import Problem
from ivan.proof import Certificates, Kind, Proof, Ragged, Refinements, Refresh, State, TreeBuilder
from ivan.search.batch import Batch
from ivan.search.branching import Splits
from ivan.search.candidates import Candidates
from ivan.search.frontier import Chunk, Frontier
from ivan.search.ledger import Ledger
from ivan.search.pace import Paces
from ivan.search.programs import Programs
from ivan.search.terms import Seed, Statistics

Array = NDArray[np.float64]
Index = NDArray[np.int64]

SAMPLED_PAIRS = 4
"""Of a batch's pairs that are given up, how many have points of their boxes tried on the deployed model."""


class Workspace:
    """The state of one search; strategies work on it, and another process can work on a copy.

    Args:
        problem: the problem.
        run: the deployed model, for confirming counterexamples.
        seed: where to start.
        deadline: when to stop.
        live: whether one linear program per case serves all its domains.

    Attributes:
        network: the problem's network, or one that computes the same on its regions (`reduce`).
        refinements: slopes of intermediate bounds, one refined node each, in the terms of `network`.
        claims_rest_on: how the bounds of a node that something is claimed of were computed anew; NONE where they may be
            an ancestor's.
        refined: which of them belongs to a refined node; -1 for a node that had nothing to refine.
    """

    def __init__(self, problem: Problem, run: Run, seed: Seed, deadline: Deadline, *, live: bool) -> None:
        self.problem, self.seed, self.deadline = problem, seed, deadline
        self.network: Network = problem.network
        self.rows = Rows(problem)
        self.experience = seed.experience
        self.claims_rest_on = Refresh.NONE
        self.tree = TreeBuilder(seed.tree)
        self.frontier = Frontier()
        self.ledger = Ledger(seed.certificates)
        self.refinements = [seed.refinements.take(np.array([i])) for i in range(len(seed.refinements))]
        self.refined = {int(node): i for i, node in enumerate(seed.refinements.node)}
        self.candidates = Candidates(problem, run, deadline)
        self.programs = Programs(problem, self.rows, live=live)
        self.statistics, self.paces = Statistics(), Paces()
        self._began = time.monotonic()
        self._reduction: Reduction | None = None
        self._whole: tuple[list[Certificates], list[Refinements]] = [], []

    @property
    def spent(self) -> float:
        """Seconds since the search began."""
        return time.monotonic() - self._began

    # What happens to a batch

    def record(self, batch: Batch, pairs: Index, claims: Certificates) -> None:
        """Takes certificates that hold, and closes their pairs."""
        if len(pairs):
            batch.closed[pairs] = True
            batch.bound[pairs] = np.maximum(batch.bound[pairs], claims.margin)
            self.ledger.add(claims)
            if self.claims_rest_on != Refresh.NONE:
                refresh = self.tree.column("refresh")
                fresh = claims.node[refresh[claims.node] == Refresh.NONE]
                refresh[fresh] = self.claims_rest_on

    def sweep(self, batch: Batch) -> None:
        """Closes pairs by bounds of the outputs alone: a strict requirement may need one that is exact."""
        pairs, rows, enclosure = batch.open, self.rows, batch.enclosure
        pair, within, objective = batch.rows(pairs, rows)
        bound = objective.least(batch.owner[pairs][pair], enclosure.outputs, (enclosure.lower, enclosure.upper))
        proved, first = np.unique(pair[objective.excludes(bound)], return_index=True)
        if not len(proved):
            return
        row = np.flatnonzero(objective.excludes(bound))[first]
        weights = Ragged.from_rows(
            len(row), np.arange(len(row)), {"row": within[row].astype(np.int32), "value": np.ones(len(row))}
        )
        claims = Certificates.plain(*batch.claims(pairs[proved], bound[row]), weights)
        self.record(batch, pairs[proved], claims)

    def close(self, batch: Batch, pairs: Index, parameters: Parameters, reached: Array) -> None:
        """Puts what ascent found to use: one rigorous pass for the pairs whose bound, it says, is positive.

        Args:
            batch: the batch.
            pairs: (Q,) pairs that were ascended.
            parameters: what was found for them.
            reached: (Q,) the bounds that go with it, not rigorous.
        """
        promising = np.flatnonzero(reached > 0.0)
        if not len(promising):
            return
        enclosure, pairs, parameters = batch.enclosure, pairs[promising], parameters.take(promising)
        owner, case = batch.owner[pairs], batch.case[pairs]
        objective = self.rows.weighted(case, ragged_weights(parameters.weights))
        forms = bound_outputs(enclosure, owner, objective, parameters.advice(enclosure, owner), deadline=self.deadline)
        proved = np.flatnonzero(holds(enclosure, owner, objective, forms))
        node = batch.nodes_of(pairs[proved])
        claims = certificates_of(
            enclosure, owner[proved], node, case[proved], forms.bound[proved], parameters.take(proved)
        )
        self.record(batch, pairs[proved], claims)

    def set_aside(self, batch: Batch, pairs: Index) -> None:
        """Neither searched further nor forgotten: their leaves stay open, and the verdict will be `unknown`."""
        statistics, margin = self.statistics, batch.suspicion[pairs]
        unbounded = ~np.isfinite(batch.bound[pairs])
        strict = np.array([self.problem.cases[case].strict.any() for case in batch.case[pairs]], bool)
        tied = ~unbounded & strict & (margin == 0.0)
        statistics.undecided += len(pairs)
        statistics.unbounded += int(unbounded.sum())
        statistics.tied += int(tied.sum())
        statistics.unconfirmed += int((~unbounded & ~tied & (margin <= 0.0)).sum())
        batch.closed[pairs] = True
        if self.network.arithmetic:
            for pair in pairs[:SAMPLED_PAIRS]:
                owner = batch.owner[pair]
                low, high = batch.enclosure.lower[owner], batch.enclosure.upper[owner]
                if self.candidates.witness is None and self.candidates.sampled(low, high, int(batch.case[pair])):
                    break

    def settle(self, batch: Batch) -> None:
        """Marks closed nodes, and counts those that nothing more can be done for."""
        state, bound = self.tree.column("state"), self.tree.column("bound")
        every = np.arange(len(batch.owner))
        least = np.where(batch.enclosure.empty, np.inf, batch.per_node(every, batch.bound))
        remaining, worst = batch.remaining, batch.per_node(batch.open, batch.bound[batch.open])
        closed = batch.node[~remaining & ~batch.postponed]
        state[closed] = State.CLOSED
        bound[batch.node] = np.where(remaining, worst, least)
        self.statistics.closed += len(closed)
        if remaining.any():
            self.statistics.worst = float(worst[remaining].min())
        self.set_aside(batch, batch.open[batch.stuck[batch.open]])

    def grow(self, batch: Batch, splits: Splits) -> Index:
        """Splits nodes: (S, 2) rows of the new ones, below and above."""
        parents = batch.node[splits.node]
        none = np.zeros(len(parents), np.int8)
        children = self.tree.split(parents, splits.kind, splits.layer, splits.unit, splits.at, none)
        self.statistics.splits += len(parents)
        self.statistics.depth = max(self.statistics.depth, int(self.tree.column("depth")[children].max()))
        return children.reshape(2, -1).T

    def children(self, batch: Batch, splits: Splits) -> list[Chunk]:
        """Splits nodes; their children, as chunks that rest on their parents' bounds or on what those rest on.

        The most suspicious stand last, so that they come out first.
        """
        pairs = batch.open[np.isin(batch.owner[batch.open], splits.node)]
        if not len(pairs):
            return []
        suspicion = batch.per_node(pairs, batch.suspicion[pairs])
        splits = splits.take(np.argsort(-suspicion[splits.node], kind="stable"))
        below = self.grow(batch, splits)
        refreshed = self.tree.column("refresh")[batch.node[splits.node]] != Refresh.NONE
        parts = []
        for chosen, on_parents in ((np.flatnonzero(~refreshed), False), (np.flatnonzero(refreshed), True)):
            if not len(chosen):
                continue
            nodes = splits.node[chosen]
            known, row, ancestor = batch.chunk.known, batch.chunk.row[nodes], batch.chunk.ancestor[nodes]
            if on_parents:
                known, row, ancestor = batch.enclosure.domains, nodes, batch.node[nodes]
            pairs, place = batch.pairs_of(nodes)
            # children of one parent side by side, 2 i and 2 i + 1, each with all of its parent's pairs
            owner = np.concatenate([2 * place, 2 * place + 1])
            order = np.argsort(owner, kind="stable")
            both = np.tile(pairs, 2)[order]
            parts.append(
                Chunk(
                    below[chosen].ravel(),
                    known,
                    np.repeat(row, 2),
                    np.repeat(ancestor, 2),
                    owner[order],
                    batch.case[both],
                    *batch.inherited(both),
                    batch.chunk.refined,
                )
            )
        return parts

    # The network

    def reduce(self) -> bool:
        """Goes on with the part of the network that can be anything but zero, where that is worth it."""
        kind, layer, unit = (self.tree.column(name) for name in ("kind", "layer", "unit"))
        split = kind == Kind.UNIT
        known = [chunk.known for chunk in self.frontier.chunks]
        reduction = Reduction.of(self.network, known, layer[split], unit[split])
        if reduction is None:
            return False
        self._reduction, self.network = reduction, reduction.network
        unit[:] = reduction.tree_units(kind, layer, unit)
        self._whole = self.ledger.parts, self.refinements
        self.ledger.parts = []
        self.refinements = [reduction.refinements(r) for r in self.refinements]
        self.frontier.replace(lambda chunk: chunk.reduced(reduction))
        if self.experience is not None:
            self.experience = self.experience.take(reduction.keep)
        self.candidates.use(self.network)
        self.programs = Programs(replace(self.problem, network=self.network), self.rows, live=True)
        return True

    def check(self) -> None:
        """Is all of it closed, and is the tree one?

        Every pair was closed by a rigorous pass on this model, whether its certificate is kept or not.

        Raises:
            InternalError: it is not.
        """
        parts = self.ledger.parts + self._whole[0]
        pairs = [np.stack([part.node, part.case]) for part in parts]
        node, case = np.concatenate([self.ledger.unkept, *pairs], axis=1)
        leaf, _ = uncovered(self.problem, self.tree.snapshot(), node, case)
        if len(leaf):
            raise InternalError(f"{len(leaf)} leaves were closed without a certificate")

    def proof(self) -> Proof:
        """All that is proved and kept, in terms of the whole network.

        Leaves whose certificates are not kept are open in it.
        """
        proof = self._proof()
        if not self.statistics.unkept:
            return proof
        claims = proof.certificates
        leaf, _ = uncovered(self.problem, proof.tree, claims.node, claims.case)
        return replace(proof, tree=proof.tree.with_open(leaf))

    def _proof(self) -> Proof:
        tree, certificates = self.tree.snapshot(), Certificates.concatenate(self.ledger.parts)
        if self._reduction is None:
            return Proof(tree, certificates, Refinements.concatenate(self.refinements))
        before, refinements = self._whole
        unit = self._reduction.whole_tree_units(tree.kind, tree.layer, tree.unit)
        certificates = Certificates.concatenate([*before, self._reduction.whole_certificates(certificates)])
        return Proof(replace(tree, unit=unit), certificates, Refinements.concatenate(refinements))

"""Compact: the same proof, cheaper to replay.

A replay bounds every leaf anew, so what counts is how many leaves there are, and how many of them have bounds of their
own. Bottom-up, each node above two leaves gets bounds and more steps of ascent than a search has time for. Where every
case that its leaves exclude is then excluded at the node, it becomes a leaf itself. Where that fails but the leaves can
do with the node's bounds, bounds are computed once instead of twice.

Every new certificate holds by a rigorous pass on the bounds that a replay will compute. A node that was tried in vain
is marked as firm, so a compaction that was cut off goes on where it stopped, and the proof of a later version, which
grows from this one, is only tried where it is new.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.ascent import Ascent, Model, Schedule, certificates_of, from_certificates, ragged_weights
from ivan.bounds.backward import bound_outputs
from ivan.bounds.certify import holds
from ivan.bounds.descend import descend
from ivan.bounds.domains import Domains
from ivan.bounds.enclosure import Enclosure, from_known
from ivan.bounds.objective import Rows
from ivan.bounds.replay import Recipe, Shrunk, anchors, batch_size
from ivan.deadline import NEVER, Deadline, OutOfTime
from ivan.problem import Problem
from ivan.proof import ByNode, Certificates, Proof, Refresh, SpecTree, State
from ivan.proof.tree import COLUMNS

Index = NDArray[np.int64]
Mask = NDArray[np.bool_]

ASCENT = Schedule(20, enough=np.inf)
"""Measured on ACAS Xu: with 6 steps three quarters of the nodes that 60 steps prove are proved, with 20 nearly all."""

FEWEST_TRIALS, LEAST_SHARE = 128, 1 / 3
"""A thrifty compaction ends after so many trials where a smaller share of them made anything cheaper: a trial costs
about as much as bounding a leaf, so it has to be earned back by several replays."""

ROOM = 0.005
"""Margin, relative to the bound of the region's root, that a new certificate keeps where the old one had it: what only
just holds does not hold for the next version."""


@dataclass(frozen=True)
class Counts:
    """How far a compaction got.

    Attributes:
        tried: nodes that were tried.
        joined: nodes that became leaves.
        shared: nodes whose bounds now serve their two leaves.
    """

    tried: int = 0
    joined: int = 0
    shared: int = 0

    def plus(self, other: Counts) -> Counts:
        """Both together."""
        return Counts(self.tried + other.tried, self.joined + other.joined, self.shared + other.shared)

    @property
    def pays(self) -> bool:
        """False once enough nodes were tried and too few of them made anything cheaper."""
        return self.tried < FEWEST_TRIALS or self.joined + self.shared >= LEAST_SHARE * self.tried


@dataclass(frozen=True)
class Compacted:
    """What a compaction made of a proof.

    Attributes:
        proof: as complete as the old one.
        counts: how it was made.
        finished: nothing is left to try.
    """

    proof: Proof
    counts: Counts
    finished: bool


def compact(
    problem: Problem,
    proof: Proof,
    deadline: Deadline = NEVER,
    progress: Callable[[Counts], None] | None = None,
    *,
    thrifty: bool = False,
) -> Compacted:
    """Makes a proof cheaper to replay.

    Args:
        problem: the problem.
        proof: complete, holds for the problem.
        deadline: when to stop; what was reached by then is kept.
        progress: told after each batch.
        thrifty: stop as well where it hardly pays.
    """
    try:
        shrunk = Shrunk.of(problem, proof, deadline)
    except OutOfTime:
        return Compacted(proof, Counts(), finished=False)
    small_problem, small = (problem, proof) if shrunk is None else (shrunk.problem, shrunk.proof)
    rows, ascent, counts = Rows(small_problem), Ascent(Model(small_problem.network)), Counts()
    while True:
        nodes = _above_two_leaves(small.tree)
        if not len(nodes):
            return Compacted(proof, counts, finished=True)
        found, before, stopped = _Round(small_problem, small, nodes, rows, ascent, deadline), counts, False
        try:
            for _ in found.run():
                counts = before.plus(found.counts)
                if progress is not None:
                    progress(counts)
                stopped = thrifty and not counts.pays
                if stopped:
                    break
        except OutOfTime:
            stopped = True
        counts, claims = before.plus(found.counts), found.claims
        small = found.applied(small, claims)
        proof = small if shrunk is None else found.applied(proof, shrunk.whole_claims(claims))
        if stopped:
            return Compacted(proof, counts, finished=False)


def _above_two_leaves(tree: SpecTree) -> Index:
    """Split nodes, not yet tried, whose two children are closed leaves."""
    closed = np.flatnonzero((tree.state == State.CLOSED) & (tree.parent >= 0))
    leaves = np.bincount(tree.parent[closed], minlength=len(tree))
    return np.flatnonzero((leaves == 2) & (tree.firm == 0))


class _Round:
    """One pass over the nodes above two leaves.

    Args:
        problem: the problem.
        proof: the proof as it stands.
        nodes: (C,) the nodes to try.
        rows: the problem's rows.
        ascent: improves slopes.
        deadline: when to stop.
    """

    def __init__(
        self, problem: Problem, proof: Proof, nodes: Index, rows: Rows, ascent: Ascent, deadline: Deadline
    ) -> None:
        tree = proof.tree
        self._problem, self._proof, self._nodes = problem, proof, nodes
        self._rows, self._ascent, self._deadline = rows, ascent, deadline
        self._columns = {name: getattr(tree, name) for name in COLUMNS}
        self._below, self._claims_of = tree.children, ByNode(proof.certificates, len(tree))
        # a node gets bounds of its own where its leaves had
        self._refresh = tree.refresh.copy()
        own = nodes[tree.refresh[nodes] == Refresh.NONE]
        self._refresh[own] = tree.refresh[self._below[own]].max(axis=1)
        with_own = replace(proof, tree=replace(tree, refresh=self._refresh.copy()))
        self._recipe = Recipe(problem.network, with_own)
        root = np.abs(tree.bound[tree.region()])  # roots stand in front, in the order of their regions
        self._room = np.where(np.isfinite(root), ROOM * root, 0.0)
        self._tried: list[Index] = []
        self._joined: list[Index] = []
        self._shared: list[Index] = []
        self._new: list[Certificates] = []

    @property
    def counts(self) -> Counts:
        """How far it got."""
        return Counts(*(sum(map(len, parts)) for parts in (self._tried, self._joined, self._shared)))

    def run(self) -> Iterator[None]:
        """Tries all nodes; yields after each batch.

        Raises:
            OutOfTime: the deadline passed.
        """
        size = batch_size(self._problem.network)
        for nodes, ancestor, row, domains in anchors(self._problem, self._proof, self._nodes, self._deadline):
            for at in range(0, len(nodes), size):
                part = slice(at, at + size)
                self._try(nodes[part], ancestor[part], domains.take(row[part]))
                yield

    def _try(self, nodes: Index, ancestor: Index, known: Domains) -> None:
        domains = descend(known, self._columns, nodes, ancestor)
        fresh = (self._refresh[nodes] != Refresh.NONE) & (nodes != ancestor)
        for chosen, anew in ((np.flatnonzero(fresh), True), (np.flatnonzero(~fresh), False)):
            if not len(chosen):
                continue
            some, mine = nodes[chosen], domains.take(chosen)
            network = self._problem.network
            enclosure = self._recipe.enclose(some, mine, self._deadline) if anew else from_known(network, mine)
            joined, claims = self._claimed(enclosure, some, self._below[some])
            shared, others = self._sharing(enclosure, some, np.flatnonzero(~joined))
            self._tried.append(some)
            self._joined.append(some[joined])
            self._shared.append(shared)
            self._new += [claims, others]

    def _sharing(self, enclosure: Enclosure, nodes: Index, rest: Index) -> tuple[Index, Certificates]:
        """Of these positions the nodes whose leaves had bounds of their own and can do with the node's; new claims."""
        refresh = self._proof.tree.refresh
        rest = rest[(refresh[self._below[nodes[rest]]] != Refresh.NONE).all(axis=1)]
        rest = rest[~np.isin(self._below[nodes[rest]], self._proof.refinements.node).any(axis=1)]
        if not len(rest):
            return nodes[rest], Certificates.none()
        leaves = self._below[nodes[rest]].ravel()
        above = np.repeat(rest, 2)
        domains = descend(enclosure.domains.take(above), self._columns, leaves, nodes[above])
        held, claims = self._claimed(from_known(self._problem.network, domains), leaves, leaves[:, None])
        both = held.reshape(-1, 2).all(axis=1)
        return nodes[rest[both]], claims.take(np.flatnonzero(np.isin(claims.node, leaves[np.repeat(both, 2)])))

    def _claimed(self, enclosure: Enclosure, nodes: Index, sources: Index) -> tuple[Mask, Certificates]:
        """Is every case that some other nodes exclude excluded in a node's domain?

        Args:
            enclosure: the domains of B nodes.
            nodes: (B,).
            sources: (B, s) nodes whose certificates are taken up.

        Returns:
            Which of the nodes, and their certificates.
        """
        old, source = self._claims_of.of(sources.ravel())
        owner = source // sources.shape[1]
        # of several certificates of a case the weakest is the better start
        certificates = self._proof.certificates
        order = np.lexsort((certificates.margin[old], certificates.case[old], owner))
        old, owner = old[order], owner[order]
        new = np.ones(len(old), bool)
        new[1:] = (np.diff(owner) != 0) | (np.diff(certificates.case[old]) != 0)
        owner, taken = owner[new], certificates.take(old[new])
        case = taken.case.astype(np.int64)
        start = from_certificates(enclosure, owner, taken, self._rows)
        parameters, _ = self._ascent.outputs(enclosure, owner, case, self._rows, start, ASCENT, self._deadline)
        objective = self._rows.weighted(case, ragged_weights(parameters.weights))
        advice = parameters.advice(enclosure, owner)
        forms = bound_outputs(enclosure, owner, objective, advice, deadline=self._deadline)
        room = np.minimum(taken.margin, self._room[nodes[owner]])
        enough = holds(enclosure, owner, objective, forms) & ((forms.bound >= room) | enclosure.empty[owner])
        held = np.ones(len(nodes), bool)
        held[owner[~enough]] = False
        good = np.flatnonzero(held[owner])
        return held, certificates_of(
            enclosure, owner[good], nodes[owner[good]], case[good], forms.bound[good], parameters.take(good)
        )

    @property
    def claims(self) -> Certificates:
        """What is claimed instead, of the nodes as they are numbered now."""
        return Certificates.concatenate(self._new)

    def applied(self, proof: Proof, claims: Certificates) -> Proof:
        """The proof with what was found: the one at hand, or the same in terms of another network."""
        none = [np.zeros(0, np.int64)]
        joined, shared, tried = (np.concatenate(none + part) for part in (self._joined, self._shared, self._tried))
        tree, certificates, refinements = proof.tree, proof.certificates, proof.refinements
        columns = {name: getattr(tree, name).copy() for name in COLUMNS}
        columns["state"][joined] = State.CLOSED
        columns["firm"][np.setdiff1d(tried, joined)] = 1
        given = np.concatenate([joined, shared])
        columns["refresh"][given] = self._refresh[given]
        columns["refresh"][self._below[shared].ravel()] = Refresh.NONE
        least = np.full(len(tree), np.inf)
        np.minimum.at(least, claims.node, claims.margin)
        columns["bound"][joined] = np.maximum(columns["bound"][joined], least[joined])
        stays = np.ones(len(tree), bool)
        stays[self._below[joined].ravel()] = False
        row = np.cumsum(stays) - 1
        columns["parent"] = np.where(tree.parent >= 0, row[tree.parent], -1).astype(np.int32)
        replaced = ~stays
        replaced[self._below[shared].ravel()] = True
        both = Certificates.concatenate([certificates.take(np.flatnonzero(~replaced[certificates.node])), claims])
        kept = refinements.take(np.flatnonzero(stays[refinements.node]))
        return Proof(
            SpecTree(**{name: column[stays] for name, column in columns.items()}),
            replace(both, node=row[both.node].astype(np.int32)),
            replace(kept, node=row[kept.node].astype(np.int32)),
        )

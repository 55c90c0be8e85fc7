"""Joining: a node above two leaves becomes a leaf, or at least its bounds serve both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.descend import descend
from ivan.bounds.domains import Domains
from ivan.bounds.enclosure import Enclosure, from_known
from ivan.bounds.replay import Recipe, anchors, batch_size
from ivan.deadline import Deadline
from ivan.incremental.compact.claims import Claims
from ivan.incremental.compact.found import Found
from ivan.problem import Problem
from ivan.proof import Certificates, Firm, Proof, Refresh, SpecTree, State
from ivan.proof.tree import COLUMNS

Index = NDArray[np.int64]


def above_two_leaves(proof: Proof) -> Index:
    """Split nodes, not yet tried, whose two children are closed leaves."""
    tree = proof.tree
    closed = np.flatnonzero((tree.state == State.CLOSED) & (tree.parent >= 0))
    leaves = np.bincount(tree.parent[closed], minlength=len(tree))
    return np.flatnonzero((leaves == 2) & (tree.firm & Firm.LEAF == 0))


class Joining:
    """One pass over the nodes above two leaves: they become leaves themselves, or their bounds serve both.

    Args:
        problem: the problem.
        proof: the proof as it stands.
        nodes: (C,) the nodes to try.
        claims: the proof's certificates.
        at_roots: bounds of the roots, where there is memory for them.
        deadline: when to stop.
    """

    def __init__(
        self,
        problem: Problem,
        proof: Proof,
        nodes: Index,
        claims: Claims,
        at_roots: Domains | None,
        deadline: Deadline,
    ) -> None:
        tree = proof.tree
        self._problem, self._proof, self._nodes = problem, proof, nodes
        self._claims, self._at_roots, self._deadline = claims, at_roots, deadline
        self._columns = {name: getattr(tree, name) for name in COLUMNS}
        self._below = tree.children
        # a node gets bounds of its own where its leaves had
        self._refresh = tree.refresh.copy()
        own = nodes[tree.refresh[nodes] == Refresh.NONE]
        self._refresh[own] = tree.refresh[self._below[own]].max(axis=1)
        with_own = replace(proof, tree=replace(tree, refresh=self._refresh.copy()))
        self._recipe = Recipe(problem.network, with_own)

    def run(self, nodes: Index) -> Iterator[Found]:
        """Tries some of the nodes, batch by batch.

        Raises:
            OutOfTime: the deadline passed.
        """
        size = batch_size(self._problem.network)
        for some, ancestor, row, domains in anchors(self._problem, self._proof, nodes, self._deadline, self._at_roots):
            for at in range(0, len(some), size):
                part = slice(at, at + size)
                yield from self._try(some[part], ancestor[part], domains.take(row[part]))

    def _try(self, nodes: Index, ancestor: Index, known: Domains) -> Iterator[Found]:
        domains = descend(known, self._columns, nodes, ancestor)
        fresh = (self._refresh[nodes] != Refresh.NONE) & (nodes != ancestor)
        for chosen, anew in ((np.flatnonzero(fresh), True), (np.flatnonzero(~fresh), False)):
            if not len(chosen):
                continue
            some, mine = nodes[chosen], domains.take(chosen)
            network = self._problem.network
            enclosure = self._recipe.enclose(some, mine, self._deadline) if anew else from_known(network, mine)
            joined, claims = self._claims.claimed(enclosure, some, self._below[some])
            shared, others = self._sharing(enclosure, some, np.flatnonzero(~joined))
            yield Found(some, some[joined], shared, claims=Certificates.concatenate([claims, others]))

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
        held, claims = self._claims.claimed(from_known(self._problem.network, domains), leaves, leaves[:, None])
        both = held.reshape(-1, 2).all(axis=1)
        return nodes[rest[both]], claims.take(np.flatnonzero(np.isin(claims.node, leaves[np.repeat(both, 2)])))

    def applied(self, proof: Proof, found: Found) -> Proof:
        """The proof with what was found: the one at hand, or the same in terms of another network."""
        joined, shared, tried, claims = found.joined, found.shared, found.tried, found.claims
        tree, certificates, refinements = proof.tree, proof.certificates, proof.refinements
        columns = {name: getattr(tree, name).copy() for name in COLUMNS}
        columns["state"][joined] = State.CLOSED
        columns["firm"][np.setdiff1d(tried, joined)] |= Firm.LEAF
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

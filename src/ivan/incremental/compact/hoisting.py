"""Hoisting: leaves do with the bounds of an ancestor further up, so that a node's own need not be computed any more.

Units are split, and every unstable unit of every layer is bounded anew at a refreshed node: that costs as much as
hundreds of leaves. What such bounds brought the search, a few more steps of ascent often bring, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.descend import descend
from ivan.bounds.domains import Domains
from ivan.bounds.enclosure import from_known
from ivan.bounds.replay import anchors, batch_size
from ivan.deadline import Deadline
from ivan.incremental.compact.claims import Claims
from ivan.incremental.compact.found import Found
from ivan.problem import Problem
from ivan.proof import Certificates, Firm, Kind, Proof, Refresh
from ivan.proof.tree import COLUMNS

Index = NDArray[np.int64]

MOST_CLAIMS = 256
"""Nodes with claims that rest on a node's bounds up to which it is tried: its bounds are little work beside more."""


def lowest_bounds(proof: Proof) -> Index:
    """Nodes below a split unit, not yet tried, with bounds but not slopes of their own, and no bounds below theirs."""
    tree = proof.tree
    own = (tree.refresh != Refresh.NONE) & (tree.parent >= 0)
    above = np.zeros(len(tree), bool)  # a node with bounds of its own
    up = np.unique(tree.parent[own])
    while len(up):
        above[up] = True
        up = np.unique(tree.parent[up[tree.parent[up] >= 0]])
    chosen = own & ~above & (tree.kind == Kind.UNIT) & (tree.firm & Firm.BOUNDS == 0)
    chosen[proof.refinements.node] = False
    return np.flatnonzero(chosen)


class Hoisting:
    """One pass over nodes that have bounds of their own, none of them below another.

    Args:
        problem: the problem.
        proof: the proof as it stands.
        nodes: (C,) the nodes to try, ascending.
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
        self._problem, self._nodes, self._claims = problem, nodes, claims
        self._at_roots, self._deadline = at_roots, deadline
        refresh = tree.refresh.copy()
        refresh[nodes] = Refresh.NONE
        self._without = replace(proof, tree=replace(tree, refresh=refresh))
        self._columns = {name: getattr(self._without.tree, name) for name in COLUMNS}
        # everything that rests on a node's bounds and claims something
        claiming = np.flatnonzero(claims.counts > 0)
        nearest = claiming.copy()
        while not (settled := (tree.refresh[nearest] != Refresh.NONE) | (tree.parent[nearest] < 0)).all():
            nearest = np.where(settled, nearest, tree.parent[nearest])
        mine = np.isin(nearest, nodes)
        self._members, self._owner = claiming[mine], np.searchsorted(nodes, nearest[mine])
        self._left = np.bincount(self._owner, minlength=len(nodes))
        self._failed = self._left > MOST_CLAIMS
        self._told = np.zeros(len(nodes), bool)
        self._new: list[Certificates] = []

    def run(self, nodes: Index) -> Iterator[Found]:
        """Tries some of the nodes; tells of each when all that rests on its bounds was tried.

        Raises:
            OutOfTime: the deadline passed.
        """
        size = batch_size(self._problem.network)
        self._told[~np.isin(self._nodes, nodes)] = True
        place = np.full(len(self._without.tree), -1)
        place[self._members] = self._owner
        members = self._members[~self._told[self._owner] & ~self._failed[self._owner]]
        for some, ancestor, row, known in anchors(
            self._problem, self._without, members, self._deadline, self._at_roots
        ):
            order = np.argsort(place[some], kind="stable")  # one node after the other
            for at in range(0, len(some), size):
                part = order[at : at + size]
                self._try(some[part], ancestor[part], known.take(row[part]), place[some[part]])
                yield self._settled()
        yield self._settled()

    def _settled(self) -> Found:
        """What was decided since the last time."""
        settled = np.flatnonzero(((self._left == 0) | self._failed) & ~self._told)
        self._told[settled] = True
        hoisted = settled[~self._failed[settled]]
        claims = Certificates.concatenate(self._new)
        mine = np.isin(claims.node, self._members[np.isin(self._owner, hoisted)])
        waiting = np.isin(claims.node, self._members[~self._told[self._owner]])
        self._new = [claims.take(np.flatnonzero(waiting))]
        found = claims.take(np.flatnonzero(mine))
        return Found(self._nodes[settled], hoisted=self._nodes[hoisted], claims=found)

    def _try(self, members: Index, ancestor: Index, known: Domains, owner: Index) -> None:
        left = np.flatnonzero(~self._failed[owner])
        if not len(left):
            return
        members, ancestor, owner = members[left], ancestor[left], owner[left]
        domains = descend(known.take(left), self._columns, members, ancestor)
        held, claims = self._claims.claimed(from_known(self._problem.network, domains), members, members[:, None])
        self._failed[owner[~held]] = True
        np.subtract.at(self._left, owner, 1)
        self._new.append(claims)

    def applied(self, proof: Proof, found: Found) -> Proof:
        """The proof with what was found: the one at hand, or the same in terms of another network."""
        tree, hoisted, claims = proof.tree, found.hoisted, found.claims
        refresh, firm = tree.refresh.copy(), tree.firm.copy()
        refresh[hoisted] = Refresh.NONE
        firm[np.setdiff1d(found.tried, hoisted)] |= Firm.BOUNDS
        stays = np.flatnonzero(~np.isin(proof.certificates.node, claims.node))
        return replace(
            proof,
            tree=replace(tree, refresh=refresh, firm=firm),
            certificates=Certificates.concatenate([proof.certificates.take(stays), claims]),
        )

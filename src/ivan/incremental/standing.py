"""A tree without some of its splits: a node whose split is dropped gives its place to one of its children.

That child's subtree is kept, without the other one's. So every split node of the new tree still has two children that
cover it, and the leaves cover every region, wherever the new tree cuts. What a subtree's certificates claim, they
claimed for another region; replay tells which still hold.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ivan.problem import Region
from ivan.proof import Kind, Proof, Refinements, Refresh, Side, SpecTree, State
from ivan.proof.tree import COLUMNS

Array = NDArray[np.float64]
Index = NDArray[np.int64]


class Standing:
    """Which nodes stand where, once some splits are gone.

    Args:
        tree: the old tree.
        dropped: (N,) splits to drop.
        heir: (N,) the child that takes the place of a node whose split is dropped.

    Attributes:
        places: (M,) old nodes whose places remain, ascending: where each stands is told by its own row, ...
        content: (M,) ... and what is below it by that of the last node that took its place.
        place: (N,) the place that each old node stands at, -1 for those that are gone.
        row: (N,) new row of each place.
        levels: (M,) numbers of places by depth, the roots first.
    """

    def __init__(self, tree: SpecTree, dropped: NDArray[np.bool_], heir: Index) -> None:
        self._tree = tree
        below = tree.children
        self.place = np.full(len(tree), -1)
        levels, content = [], []
        current = np.flatnonzero(tree.parent < 0)
        while len(current):
            self.place[current] = current
            last = current.copy()
            while dropped[last].any():
                last = np.where(dropped[last], heir[last], last)
                self.place[last] = current
            levels.append(current)
            content.append(last)
            split = tree.state[last] == State.SPLIT
            current = below[last[split]].ravel()
        places, contents = np.concatenate(levels), np.concatenate(content)
        order = np.argsort(places)
        self.places, self.content = places[order], contents[order]
        self.row = np.full(len(tree), -1)
        self.row[self.places] = np.arange(len(self.places))
        self.levels = [self.row[level] for level in levels]

    def tree(self, proof: Proof, at: Array, bound: Array) -> SpecTree:
        """The new tree.

        Args:
            proof: the old one.
            at: (M,) where the new tree cuts.
            bound: (M,) what is known of its nodes.
        """
        tree, places = self._tree, self.places
        columns = {name: getattr(tree, name)[places] for name in COLUMNS} | {"at": at, "bound": bound}
        inner = columns["parent"] >= 0
        columns["parent"] = np.where(inner, self.row[self.place[columns["parent"]]], -1).astype(np.int32)
        columns["state"] = tree.state[self.content]
        refresh = np.zeros(len(tree), np.int8)
        kept = np.flatnonzero(self.place >= 0)
        # of the nodes that stand at one place, the last recipe, or that of slopes
        chosen = kept[tree.refresh[kept] != Refresh.NONE]
        refresh[self.place[chosen]] = tree.refresh[chosen]
        refined = self.place[proof.refinements.node]
        refresh[refined[refined >= 0]] = Refresh.BACKWARD
        columns["refresh"] = refresh[places]
        return SpecTree(**columns)

    def proof(self, proof: Proof, at: Array, bound: Array) -> Proof:
        """The new tree, with the certificates and slopes of all nodes that still stand; arguments as for `tree`."""
        certificates = proof.certificates
        kept = np.flatnonzero(self.place[certificates.node] >= 0)
        moved = self.row[self.place[certificates.node[kept]]].astype(np.int32)
        return Proof(
            self.tree(proof, at, bound),
            replace(certificates.take(kept), node=moved),
            self._refinements(proof.refinements),
        )

    def _refinements(self, refinements: Refinements) -> Refinements:
        """The slopes of nodes that still stand; of those at one place, the last."""
        place = self.place[refinements.node]
        last = {int(p): i for i, p in enumerate(place) if p >= 0}
        chosen = np.array(sorted(last.values()), np.int64)
        rows = self.row[place[chosen]].astype(np.int32)
        order = np.argsort(rows)
        return replace(refinements.take(chosen[order]), node=rows[order])


def boxes(tree: SpecTree, axes: Index, regions: tuple[Region, ...]) -> tuple[Array, Array]:
    """(N, axes) ends of every node's box on some axes, with regions for the roots; empty where it lies beside them."""
    column = np.full(int(axes.max()) + 1, -1)
    column[axes] = np.arange(len(axes))
    low, high = np.zeros((len(tree), len(axes))), np.zeros((len(tree), len(axes)))
    depth = tree.depth()
    order = np.argsort(depth, kind="stable")
    for level in np.split(order, np.flatnonzero(np.diff(depth[order])) + 1):
        if depth[level[0]] == 0:
            low[level] = [regions[r].lower[axes] for r in tree.unit[level]]
            high[level] = [regions[r].upper[axes] for r in tree.unit[level]]
            continue
        low[level], high[level] = low[tree.parent[level]], high[tree.parent[level]]
        mine = level[tree.kind[level] == Kind.INPUT]
        axis, upper = column[tree.unit[mine]], tree.side[mine] == Side.ABOVE
        low[mine[upper], axis[upper]] = np.maximum(low[mine, axis], tree.at[mine])[upper]
        high[mine[~upper], axis[~upper]] = np.minimum(high[mine, axis], tree.at[mine])[~upper]
    return low, high

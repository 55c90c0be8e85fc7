"""An old tree without some of its splits: where one is dropped, a child takes its parent's place.

That child's subtree - the heir's - is kept, for the node's own, larger region; the other child's goes. So every node of
the new tree still has two children that cover it, and the leaves cover every region. What the subtree's certificates
claim, they claimed for a smaller region; replay tells which still hold.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ivan.incremental.effectiveness import children
from ivan.proof import Certificates, Proof, Refinements, Refresh, SpecTree, State
from ivan.proof.tree import COLUMNS

Array = NDArray[np.float64]
Index = NDArray[np.int64]


class Standing:
    """Which nodes stand where, once some splits are gone.

    Args:
        tree: the old tree.
        dropped: (N,) splits to drop.
        heir: (N,) the child that takes its place where a node's split is dropped.

    Attributes:
        places: (M,) old nodes whose places remain, ascending: where each stands is told by its own row, ...
        content: (M,) ... and what is below it by that of the last node that took its place.
        place: (N,) the place that each old node stands at, -1 for those that are gone.
        row: (N,) new row of each place.
        levels: (M,) numbers of places by depth, the roots first.
    """

    def __init__(self, tree: SpecTree, dropped: NDArray[np.bool_], heir: Index) -> None:
        below = children(tree)
        self._tree = tree
        self.place = np.full(len(tree), -1)
        levels, content = [], []
        current = np.flatnonzero(tree.parent < 0)
        while len(current):
            self.place[current] = current
            last = current.copy()
            while dropped[last].any():
                gone = dropped[last]
                last = np.where(gone, heir[last], last)
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

    def proof(self, proof: Proof, at: Array) -> Proof:
        """What is left of a proof with this tree.

        Args:
            proof: the old one.
            at: (M,) where the new tree cuts.
        """
        tree = replace(self._cut(proof.refinements), at=at)
        return Proof(tree, self._certificates(proof.certificates), self._refinements(proof.refinements))

    def _cut(self, refinements: Refinements) -> SpecTree:
        tree, places = self._tree, self.places
        columns = {name: getattr(tree, name)[places] for name in COLUMNS}
        inner = columns["parent"] >= 0
        columns["parent"] = np.where(inner, self.row[self.place[columns["parent"]]], -1).astype(np.int32)
        columns["state"] = tree.state[self.content]
        refresh = np.zeros(len(tree), np.int8)
        kept = np.flatnonzero(self.place >= 0)
        # of the nodes that stand at one place, the last recipe, or that of slopes
        chosen = kept[tree.refresh[kept] != Refresh.NONE]
        refresh[self.place[chosen]] = tree.refresh[chosen]
        refined = self.place[refinements.node]
        refresh[refined[refined >= 0]] = Refresh.BACKWARD
        columns["refresh"] = refresh[places]
        return SpecTree(**columns)

    def _certificates(self, certificates: Certificates) -> Certificates:
        kept = np.flatnonzero(self.place[certificates.node] >= 0)
        moved = self.row[self.place[certificates.node[kept]]].astype(np.int32)
        return replace(certificates.take(kept), node=moved)

    def _refinements(self, refinements: Refinements) -> Refinements:
        """The slopes of nodes that still stand; of those at one place, the last."""
        place = self.place[refinements.node]
        last = {int(p): i for i, p in enumerate(place) if p >= 0}
        chosen = np.array(sorted(last.values()), np.int64)
        rows = self.row[place[chosen]].astype(np.int32)
        order = np.argsort(rows)
        return replace(refinements.take(chosen[order]), node=rows[order])

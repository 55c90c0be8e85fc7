"""What every picture draws: the tree in the order in which it is drawn, and sums over subtrees.

Nodes are numbered anew, depth first, below before above: so a subtree is a range of positions, and its leaves are a
range of leaves. `row` tells the number that the proof itself gives a node, which is the one that pictures show.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ivan.incremental.origin import Origin
from ivan.proof import SpecTree, State

Index = NDArray[np.int64]
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Facts:
    """What a picture is headed by.

    Attributes:
        run: number of the run that the proof belongs to.
        model: its name.
        network: digest of the network.
        property: its name.
        question: digest of the property.
        verdict: of the run.
        created: when it was saved, in UTC.
        seconds: that it took.
        base: the run whose proof this one grew from; None where there is none, or where it is gone.
        base_model: the model of that run.
        compared: origins are known: there was no base, or its proof could be read.
    """

    run: int
    model: str
    network: str
    property: str
    question: str
    verdict: str
    created: datetime
    seconds: float
    base: int | None = None
    base_model: str | None = None
    compared: bool = True


@dataclass(frozen=True)
class Picture:
    """A forest of N nodes, depth first, the half below a split before the half above.

    Attributes:
        facts: what it is headed by.
        tree: the tree itself; its arrays are in another order.
        row: (N,) the row of the tree at each position.
        parent: (N,) position of the parent, -1 for roots.
        depth: (N,) splits above it.
        leaves: (N,) leaves at and below it.
        origin: (N,) its `Origin`.
    """

    facts: Facts
    tree: SpecTree
    row: Index
    parent: Index
    depth: Index
    leaves: Index
    origin: NDArray[np.int8]

    @classmethod
    def of(cls, facts: Facts, tree: SpecTree, origin: NDArray[np.int8]) -> Picture:
        """The picture of a tree.

        Args:
            facts: what it is headed by.
            tree: well-formed (`SpecTree.check`).
            origin: (N,) by row of the tree.
        """
        depth = tree.depth().astype(np.int64)
        levels = [np.flatnonzero(depth == level) for level in range(int(depth.max(initial=0)) + 1)]
        leaves = (tree.state != State.SPLIT).astype(np.int64)
        for level in levels[:0:-1]:
            np.add.at(leaves, tree.parent[level], leaves[level])
        nodes = 2 * leaves - 1  # at and below: every split has two sides
        place = np.zeros(len(tree), np.int64)
        place[levels[0]] = np.cumsum(nodes[levels[0]]) - nodes[levels[0]]
        below = tree.children
        for level in levels[:-1]:
            first, second = below[level[tree.state[level] == State.SPLIT]].T
            place[first] = place[tree.parent[first]] + 1
            place[second] = place[first] + nodes[first]
        row = np.argsort(place)
        parent = np.where(tree.parent[row] >= 0, place[tree.parent[row]], -1)
        return cls(facts, tree, row, parent, depth[row], leaves[row], origin[row])

    def __len__(self) -> int:
        return len(self.row)

    @cached_property
    def end(self) -> Index:
        """(N,) the position behind each subtree: its nodes are those from its own position on."""
        return np.arange(len(self)) + 2 * self.leaves - 1

    @cached_property
    def is_leaf(self) -> NDArray[np.bool_]:
        """(N,) whether a node is one."""
        return np.asarray(self.leaves == 1)

    @cached_property
    def bound(self) -> Array:
        """(N,) lower bound of the worst case; infinite where the region is empty, -inf where it was never bounded."""
        return np.nan_to_num(self.tree.bound[self.row], nan=-np.inf, posinf=np.inf, neginf=-np.inf)

    @cached_property
    def state(self) -> NDArray[np.int8]:
        """(N,) `State`."""
        return self.tree.state[self.row]

    @cached_property
    def worst(self) -> Array:
        """(N,) the least bound of a leaf at or below each node."""
        if not len(self):
            return np.zeros(0)
        # of two ends the range between them; what is behind the last one is of no account
        leaf_bounds = np.append(np.where(self.is_leaf, self.bound, np.inf), np.inf)
        ends = np.stack([np.arange(len(self)), self.end], axis=1).ravel()
        return np.minimum.reduceat(leaf_bounds, ends)[::2]

    def count(self, chosen: NDArray[np.bool_]) -> Index:
        """(N,) how many leaves at and below each node are among the chosen nodes (N,)."""
        before = np.concatenate([[0], np.cumsum(chosen & self.is_leaf)])
        return np.asarray(before[self.end] - before[:-1])

    @cached_property
    def open_leaves(self) -> Index:
        """(N,) leaves at and below each node that are not decided."""
        return self.count(self.state == State.OPEN)

    @cached_property
    def by_origin(self) -> dict[Origin, Index]:
        """For each origin (N,) how many leaves at and below each node have it."""
        return {origin: self.count(self.origin == origin) for origin in Origin}

    @property
    def roots(self) -> Index:
        """Positions of the regions' roots."""
        return np.flatnonzero(self.parent < 0)

    def total(self, counts: Index) -> int:
        """The sum over all regions of what is counted per subtree."""
        return int(counts[self.roots].sum())

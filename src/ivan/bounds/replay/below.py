"""Which nodes rest on which bounds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ivan.proof import SpecTree, ranges

Index = NDArray[np.int64]


class Below:
    """For a refreshed node: the nodes below it that rest on its bounds and are refreshed or carry certificates.

    Attributes:
        count: (N,) how many such nodes there are at or below each node, however far.
    """

    def __init__(self, tree: SpecTree, claims: Index) -> None:
        self._refresh = tree.refresh.astype(bool)
        wanted = self._refresh | (claims > 0)
        self.count = wanted.astype(np.int64)
        depth = tree.depth()
        by_depth = np.argsort(depth, kind="stable")
        for level in np.split(by_depth, np.flatnonzero(np.diff(depth[by_depth])) + 1)[:0:-1]:
            np.add.at(self.count, tree.parent[level], self.count[level])
        self._nodes = np.flatnonzero(wanted & (tree.parent >= 0))
        anchor = tree.parent[self._nodes].astype(np.int64)
        while True:
            inherited = ~self._refresh[anchor]
            if not inherited.any():
                break
            anchor[inherited] = tree.parent[anchor[inherited]]
        order = np.argsort(anchor, kind="stable")
        self._nodes = self._nodes[order]
        self._first = np.searchsorted(anchor[order], np.arange(len(tree) + 1))

    def of(self, nodes: Index, *, refresh: bool) -> tuple[Index, Index]:
        """Those of all the given nodes, with the position of the given node that each belongs to."""
        lengths = self._first[nodes + 1] - self._first[nodes]
        below = self._nodes[ranges(self._first[nodes], lengths)]
        row = np.repeat(np.arange(len(nodes)), lengths)
        chosen = self._refresh[below] == refresh
        return below[chosen], row[chosen]

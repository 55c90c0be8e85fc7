"""What is known of one batch of nodes while it climbs the ladder."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.ascent import Ascended, Parameters
from ivan.bounds.backward import Forms
from ivan.bounds.enclosure import Enclosure
from ivan.bounds.objective import Objective, Rows
from ivan.search.frontier import Chunk

Array = NDArray[np.float64]
Index = NDArray[np.int64]


class Batch:
    """B nodes with their bounds, and the P (node, case) pairs that are open in them.

    Args:
        chunk: the nodes.
        enclosure: their bounds.

    Attributes:
        node: (B,) rows of the tree.
        owner: (P,) position of each pair's node.
        case: (P,).
        closed: (P,) True once a certificate excludes the case.
        stuck: (P,) True where nothing more can be done.
        bound: (P,) best rigorous bound.
        slopes: (P, inputs) the linear form that reaches it.
        suspicion: (P,) worst margin at the form's minimising corner; the least is the likeliest counterexample.
        postponed: (B,) True for nodes that go back to the frontier as they are.
        halfspaces: linear forms that must be at most 0 where a case is violated, every single row first: pairs (R,),
            slopes (R, inputs) and least values (R,).
        ascended: pairs that were ascended, what with, and how far.
    """

    def __init__(self, chunk: Chunk, enclosure: Enclosure) -> None:
        self.chunk, self.enclosure = chunk, enclosure
        self.node, self.owner, self.case = chunk.node, chunk.owner, chunk.case
        count, network = len(chunk.owner), enclosure.network
        self.closed = np.zeros(count, bool)
        self.postponed = np.zeros(len(self.node), bool)
        self.stuck = np.zeros(count, bool)
        self.bound = np.full(count, -np.inf)
        self.slopes = np.zeros((count, network.inputs))
        self.suspicion = np.full(count, np.inf)
        self.halfspaces: list[tuple[Index, Array, Array]] = []
        self.ascended: tuple[Index, Parameters, Ascended] | None = None

    @property
    def open(self) -> Index:
        """Pairs that are not closed yet."""
        return np.flatnonzero(~self.closed & ~self.postponed[self.owner])

    @property
    def remaining(self) -> NDArray[np.bool_]:
        """(B,) True for nodes with an open pair."""
        result = np.zeros(len(self.node), bool)
        result[self.owner[self.open]] = True
        return result

    def row_slopes(self, pairs: Index) -> Array:
        """(R, inputs) slopes of all rows of the given open pairs, in the order of `rows`; NaN counts as flat."""
        pair, slopes, _ = self.halfspaces[0]
        return np.nan_to_num(slopes[np.isin(pair, pairs)], nan=0.0, posinf=0.0, neginf=0.0)

    def worst_pairs(self) -> tuple[Index, Index]:
        """Nodes (S,) with an open pair, as positions here, and the open pair of each whose bound is least."""
        pairs = self.open
        order = np.lexsort((self.bound[pairs], self.owner[pairs]))
        node, first = np.unique(self.owner[pairs][order], return_index=True)
        return node, pairs[order][first]

    def pairs_of(self, nodes: Index) -> tuple[Index, Index]:
        """Open pairs (Q,) of some nodes (positions here), and which of these each belongs to."""
        place = np.full(len(self.node), -1)
        place[nodes] = np.arange(len(nodes))
        pairs = self.open[place[self.owner[self.open]] >= 0]
        return pairs, place[self.owner[pairs]]

    def nodes_of(self, pairs: Index) -> Index:
        """Rows of the tree."""
        return self.node[self.owner[pairs]]

    def claims(self, pairs: Index, margin: Array) -> tuple[NDArray[np.int32], NDArray[np.int32], Array]:
        """Node, case and margin, as certificates begin."""
        return self.nodes_of(pairs).astype(np.int32), self.case[pairs].astype(np.int32), margin

    def rows(self, pairs: Index, rows: Rows) -> tuple[Index, Index, Objective]:
        """All rows of the pairs' cases, one by one: position in `pairs`, row of the case, and the rows."""
        counts = rows.counts[self.case[pairs]]
        pair = np.repeat(np.arange(len(pairs)), counts)
        within = np.arange(len(pair)) - np.repeat(np.cumsum(counts) - counts, counts)
        return pair, within, rows.single(rows.first[self.case[pairs]][pair] + within)

    def improve(self, pairs: Index, forms: Forms, taken: Index | None = None) -> None:
        """Takes better forms where they are better.

        Args:
            pairs: (Q,) pairs.
            forms: linear forms.
            taken: (Q,) which form belongs to each pair; by default the forms are in the pairs' order.
        """
        form = np.arange(len(pairs)) if taken is None else taken
        better = forms.bound[form] >= self.bound[pairs]
        pairs, form = pairs[better], form[better]
        self.bound[pairs], self.slopes[pairs] = forms.bound[form], forms.slopes[form]

    def learn(self, pairs: Index, parameters: Parameters, found: Ascended) -> None:
        """Takes what an ascent found for some pairs; its bounds are not rigorous, but tell where to go on."""
        self.ascended = pairs, parameters, found
        self.bound[pairs], self.slopes[pairs] = found.bound, found.slopes

    def relearn(self, pairs: Index, parameters: Parameters, found: Ascended) -> None:
        """Takes what a longer ascent found for some of the pairs that were ascended already."""
        assert self.ascended is not None
        rows = self.learned(pairs)
        self.ascended[1].put(rows, parameters)
        self.ascended[2].put(rows, found)
        self.bound[pairs], self.slopes[pairs] = found.bound, found.slopes

    def learned(self, pairs: Index) -> Index:
        """Rows of the given pairs in what was ascended."""
        assert self.ascended is not None
        position = np.full(len(self.owner), -1)
        position[self.ascended[0]] = np.arange(len(self.ascended[0]))
        return position[pairs]

    def inherited(self, pairs: Index) -> tuple[Parameters | None, Index | None]:
        """Parameters of the given pairs, which may repeat, each once; and the row that belongs to each pair.

        Nothing where nothing was ascended.
        """
        if self.ascended is None:
            return None, None
        rows, start = np.unique(self.learned(pairs), return_inverse=True)
        return self.ascended[1].take(rows), start

    def per_node(self, pairs: Index, values: Array) -> Array:
        """(B,) least value among each node's pairs; infinity without any."""
        least = np.full(len(self.node), np.inf)
        np.minimum.at(least, self.owner[pairs], values)
        return least

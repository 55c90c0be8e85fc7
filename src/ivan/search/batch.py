"""What is known of one batch of nodes while it climbs the ladder."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.ascent import Parameters
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
        kept: per layer (P, n_k), coefficients that arrived at h_k in that form; None where none were kept.
        parameters: pairs that were ascended, and what with.
    """

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

    @property
    def open(self) -> Index:
        """Pairs that are not closed yet."""
        return np.flatnonzero(~self.closed)

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
        for k, a in enumerate(forms.kept):
            if a is not None:
                mine = self.kept[k]
                if mine is None:
                    mine = self.kept[k] = np.zeros((len(self.owner), a.shape[1]))
                mine[pairs] = a[form]

    def inherited(self, pairs: Index) -> Parameters | None:
        """Parameters of the given pairs, for their children; None where nothing was ascended."""
        if self.parameters is None:
            return None
        known, parameters = self.parameters
        position = np.full(len(self.owner), -1)
        position[known] = np.arange(len(known))
        return parameters.take(position[pairs])

    def per_node(self, pairs: Index, values: Array) -> Array:
        """(B,) least value among each node's pairs; infinity without any."""
        least = np.full(len(self.node), np.inf)
        np.minimum.at(least, self.owner[pairs], values)
        return least

"""Putting the seed's open leaves on the frontier, with the bounds that are known of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.domains import Domains
from ivan.bounds.replay import anchors
from ivan.search.frontier import Chunk
from ivan.search.workspace import Workspace

Index = NDArray[np.int64]


def plant(work: Workspace) -> None:
    """Fills the frontier.

    Leaves whose bounds were handed on stand on these; all others on those of their nearest refreshed ancestor (or their
    own), computed by the tree's recipe, so that what is proved there is proved on the bounds that a replay will have.

    Raises:
        OutOfTime: the deadline passed.
    """
    seed = work.seed
    nodes, first, counts = np.unique(seed.leaf, return_index=True, return_counts=True)
    order = np.argsort(first)  # in the seed's order of suspicion
    nodes, first, counts = nodes[order], first[order], counts[order]
    refined = seed.refinements.nearest(seed.tree)

    def push(chosen: Index, known: Domains, row: Index, ancestor: Index) -> None:
        for which in np.unique(refined[nodes[chosen]]):
            here = np.flatnonzero(refined[nodes[chosen]] == which)
            some = chosen[here]
            pairs = np.concatenate([np.arange(first[i], first[i] + counts[i]) for i in some])
            owner = np.repeat(np.arange(len(some)), counts[some])
            chunk = Chunk(nodes[some], known, row[here], ancestor[here], owner, seed.case[pairs])
            work.frontier.push(replace(chunk, refined=int(which)))

    place = np.full(len(seed.tree), -1)
    place[nodes] = np.arange(len(nodes))
    planted = np.zeros(len(nodes), bool)
    parts = []
    for known_nodes, domains in seed.domains:
        rows = np.flatnonzero(place[known_nodes] >= 0)
        chosen = place[known_nodes[rows]]
        planted[chosen] = True
        by_suspicion = np.argsort(chosen)
        parts.append((chosen[by_suspicion], domains, rows[by_suspicion]))
    rest = np.flatnonzero(~planted)
    if len(rest):
        for leaves, ancestor, row, domains in anchors(work.problem, seed.proof, nodes[rest], work.deadline):
            chosen = np.sort(place[leaves])
            back = np.argsort(place[leaves])
            itself = ancestor[back] == nodes[chosen]
            for mine in (np.flatnonzero(~itself), np.flatnonzero(itself)):
                if len(mine):
                    push(chosen[mine], domains, row[back][mine], ancestor[back][mine])
    # the part with the most suspicious leaf goes last, so that it comes out first
    for chosen, domains, rows in sorted(parts, key=lambda part: part[0].max(initial=-1)):
        if len(chosen):
            push(chosen, domains, rows, nodes[chosen])

"""The bounds that a proof rests on: not stored, but computed along the tree by the recipe that it records."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.descend import descend, roots
from ivan.bounds.domains import Domains
from ivan.bounds.enclosure import Enclosure, enclose, from_known
from ivan.bounds.forward import Forward
from ivan.bounds.refine import apply
from ivan.deadline import NEVER, Deadline
from ivan.network.layers import Network
from ivan.problem import Problem
from ivan.proof import Proof, Refresh
from ivan.proof.tree import COLUMNS

Index = NDArray[np.int64]


def batch_size(network: Network) -> int:
    """Domains that are bounded together: enough to fill the kernels, few enough to fit the caches and the memory."""
    return int(np.clip(network.fitting(200_000), min(8, network.fitting(1 << 22)), 1024))


class Recipe:
    """How the bounds of refreshed nodes are computed.

    Args:
        network: the network at hand.
        proof: its tree and refinements say how.
    """

    def __init__(self, network: Network, proof: Proof) -> None:
        self._network, self._refinements = network, proof.refinements
        self._refresh, self._forward = proof.tree.refresh, Forward(network)
        self._own = np.full(len(proof.tree), -1)
        self._own[proof.refinements.node] = np.arange(len(proof.refinements))
        parent = proof.tree.parent
        self._above = np.where(parent >= 0, proof.refinements.nearest(proof.tree)[parent], -1)

    def enclose(self, nodes: Index, domains: Domains, deadline: Deadline) -> Enclosure:
        """Bounds of some nodes, from what their ancestors are known to have."""
        above = self._above[nodes]
        way = np.where(self._refresh[nodes] == Refresh.FORWARD, -2, np.minimum(above, 0))
        if len(nodes) and (way != way[0]).any():
            # what is computed for a node must not depend on the company it is in
            parts = [np.flatnonzero(way == one) for one in np.unique(way)]
            done = [self.enclose(nodes[p], domains.take(p), deadline).domains for p in parts]
            return from_known(self._network, Domains.concatenate(done).take(np.argsort(np.concatenate(parts))))
        if len(nodes) and way[0] == -2:
            return self._forward.enclose(domains, deadline)
        if len(nodes) and way[0] == 0:
            enclosure = apply(from_known(self._network, domains), self._refinements, above, deadline)
        else:
            enclosure = enclose(self._network, domains, deadline=deadline)
        return apply(enclosure, self._refinements, self._own[nodes], deadline)


def root_bounds(problem: Problem, proof: Proof, deadline: Deadline = NEVER) -> Domains:
    """Bounds of all roots, by the proof's recipe.

    Raises:
        OutOfTime: the deadline passed.
    """
    regions = np.arange(len(problem.regions))
    return Recipe(problem.network, proof).enclose(regions, roots(problem, regions), deadline).domains


def anchors(
    problem: Problem, proof: Proof, leaves: Index, deadline: Deadline = NEVER, at_roots: Domains | None = None
) -> Iterator[tuple[Index, Index, Index, Domains]]:
    """Bounds that some leaves rest on, by the proof's recipe.

    Args:
        problem: the problem.
        proof: the recipe.
        leaves: nodes of its tree.
        deadline: checked between batches.
        at_roots: see `root_bounds`, where they are known already.

    Yields:
        leaves: (L,) some of the leaves.
        ancestor: (L,) the nearest refreshed ancestor of each, or itself.
        row: (L,) its row among ...
        domains: ... these, with all their bounds.

    Raises:
        OutOfTime: the deadline passed.
    """
    if not len(leaves):
        return
    tree = proof.tree
    recipe, columns = Recipe(problem.network, proof), {name: getattr(tree, name) for name in COLUMNS}
    parent, refresh = tree.parent.astype(np.int64), tree.refresh != Refresh.NONE
    anchor = leaves.astype(np.int64)
    while not refresh[anchor].all():
        anchor = np.where(refresh[anchor], anchor, parent[anchor])
    needed = np.zeros(len(tree), bool)
    above = np.full(len(tree), -1)  # nearest refreshed ancestor of the needed nodes
    wave = np.unique(anchor)
    while len(wave):
        needed[wave] = True
        up = parent[wave]
        while not (refresh[up] | (up < 0)).all():
            up = np.where((up >= 0) & ~refresh[up], parent[up], up)
        above[wave] = up
        wave = np.unique(up[up >= 0])
        wave = wave[~needed[wave]]
    size = batch_size(problem.network)
    regions = np.flatnonzero(needed & (parent < 0))
    start = (lambda part: roots(problem, part)) if at_roots is None else at_roots.take
    stack = [(part, start(part)) for part in np.array_split(regions, -(-len(regions) // size))]
    while stack:
        deadline.check()
        nodes, domains = stack.pop()
        at_root = at_roots is not None and parent[nodes[0]] < 0
        enclosure = domains if at_root else recipe.enclose(nodes, domains, deadline).domains
        position = np.full(len(tree), -1)
        position[nodes] = np.arange(len(nodes))
        mine = np.flatnonzero(position[anchor] >= 0)
        if len(mine):
            yield leaves[mine], anchor[mine], position[anchor[mine]], enclosure
        below = np.flatnonzero(needed & (above >= 0))
        below = below[position[above[below]] >= 0]
        for at in range(0, len(below), size):
            part = below[at : at + size]
            known = enclosure.take(position[above[part]])
            stack.append((part, descend(known, columns, part, above[part])))

"""Replay: a proof - a tree and certificates - against a problem.

Certifying a fresh result, checking a stored proof and re-verifying an updated model are this one operation.

Bounds on intermediate neurons depend on the weights and are not stored; they are recomputed along the tree by the
recipe that it records. The walk goes from refreshed node to refreshed node, in batches, depth first, so that only the
bounds of nodes with unfinished descendants are held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.certify import certify
from ivan.bounds.descend import descend, roots
from ivan.bounds.domains import Domains
from ivan.bounds.enclosure import Enclosure, enclose, from_known
from ivan.bounds.forward import Forward
from ivan.bounds.objective import Rows
from ivan.bounds.refine import apply
from ivan.deadline import NEVER, Deadline
from ivan.network.layers import Network
from ivan.problem import Problem
from ivan.proof import Proof, Refresh, SpecTree, State
from ivan.proof.tree import COLUMNS

Index = NDArray[np.int64]


@dataclass
class Replayed:
    """What a replay found.

    Attributes:
        holds: (M,) True where a certificate holds.
        bound: (M,) the rigorous bound each certificate reached.
        leaf: (P,) leaves with a case that no certificate excludes, ...
        case: (P,) ... and that case.
        domains: known bounds of such leaves, in parts (nodes, their domains), as far as memory is set aside for it.
        stopped: `on_failure` ended it early; whatever was not tried counts as failed.
    """

    holds: NDArray[np.bool_]
    bound: NDArray[np.float64]
    leaf: Index
    case: Index
    domains: list[tuple[Index, Domains]] = field(default_factory=list)
    stopped: bool = False

    @property
    def complete(self) -> bool:
        """True when every case is excluded in every leaf: the property holds."""
        return not len(self.leaf)


def batch_size(network: Network) -> int:
    """Domains that are bounded together: enough to fill the kernels, few enough to fit the caches and the memory."""
    units = network.inputs + sum(layer.size for layer in network.layers)
    return int(np.clip(200_000 // max(units, 1), 8, 1024))


OnFailure = Callable[[NDArray[np.float64], Index], bool]
"""Takes the minimising corners (F, inputs) of failing certificates, the likeliest counterexamples, and their cases."""

KEPT_NUMBERS = 20_000_000
"""Numbers of known bounds that are handed on with the leaves that failed."""


def replay(
    problem: Problem,
    proof: Proof,
    deadline: Deadline = NEVER,
    progress: Callable[[int, int], None] | None = None,
    on_failure: OnFailure | None = None,
) -> Replayed:
    """Tries every certificate of a proof on a problem.

    Args:
        problem: with as many regions and cases as the proof's; tree and certificates have been checked to fit.
        proof: the claims.
        deadline: checked between batches.
        progress: told after each batch how many certificates were tried and how many of them hold.
        on_failure: given the certificates of each batch that fail; ends the replay by returning True.

    Raises:
        OutOfTime: the deadline passed.
    """
    tree, certificates = proof.tree, proof.certificates
    rows, columns = Rows(problem), {name: getattr(tree, name) for name in COLUMNS}
    count = len(certificates)
    held, bound = np.zeros(count, bool), np.full(count, -np.inf)
    order = np.argsort(certificates.node, kind="stable")
    first = np.searchsorted(certificates.node[order], np.arange(len(tree) + 1))
    below, recipe = _Below(tree, first), Recipe(problem.network, proof)
    result = Replayed(held, bound, np.zeros(0, np.int64), np.zeros(0, np.int64))
    size, tried, room = batch_size(problem.network), 0, KEPT_NUMBERS

    def visit(nodes: Index, domains: Domains, *, refresh: bool) -> None:
        nonlocal tried, room
        deadline.check()
        enclosure = recipe.enclose(nodes, domains, deadline) if refresh else from_known(problem.network, domains)
        lengths = first[nodes + 1] - first[nodes]
        claims = order[_ranges(first[nodes], lengths)]
        owner = np.repeat(np.arange(len(nodes)), lengths)
        if len(claims):
            ok, forms = certify(enclosure, owner, certificates.take(claims), rows, deadline)
            held[claims], bound[claims] = ok, forms.bound
            tried += len(claims)
            if progress is not None:
                progress(tried, int(held.sum()))
            if on_failure is not None and not ok.all():
                owners = owner[~ok]
                corner = np.where(forms.slopes[~ok] >= 0.0, enclosure.lower[owners], enclosure.upper[owners])
                result.stopped = on_failure(corner, certificates.case[claims[~ok]].astype(np.int64))
            failed = np.unique(owner[~ok])
            failed = failed[tree.state[nodes[failed]] != State.SPLIT]
            numbers = len(failed) * sum(2 * layer.size for layer in problem.network.layers)
            if len(failed) and numbers <= room:
                room -= numbers
                result.domains.append((nodes[failed], enclosure.domains.take(failed)))
        if refresh:
            known = enclosure.domains
            for again in (False, True):
                children, row = below.of(nodes, refresh=again)
                for at in range(0, len(children), size):
                    part, anchor = children[at : at + size], row[at : at + size]
                    stack.append((part, known, anchor, nodes[anchor], again))

    stack: list[tuple[Index, Domains, Index, Index, bool]] = []
    regions = np.arange(len(problem.regions))
    for at in range(0, len(regions), size):
        if result.stopped:
            break
        part = regions[at : at + size]
        visit(part, roots(problem, part), refresh=True)
        while stack and not result.stopped:
            nodes, known, row, ancestor, refresh = stack.pop()
            visit(nodes, descend(known.take(row), columns, nodes, ancestor), refresh=refresh)
    result.leaf, result.case = uncovered(problem, proof, held)
    return result


def anchors(
    problem: Problem, proof: Proof, leaves: Index, deadline: Deadline = NEVER
) -> Iterator[tuple[Index, Index, Index, Domains]]:
    """Bounds that some leaves rest on, by the proof's recipe.

    Yields:
        leaves: (L,) some of the leaves.
        ancestor: (L,) the nearest refreshed ancestor of each, or itself.
        row: (L,) its row among ...
        domains: ... these, with all their bounds.

    Raises:
        OutOfTime: the deadline passed.
    """
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
    stack = [(part, roots(problem, part)) for part in np.array_split(regions, -(-len(regions) // size))]
    while stack:
        deadline.check()
        nodes, domains = stack.pop()
        enclosure = recipe.enclose(nodes, domains, deadline).domains
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


class _Below:
    """For a refreshed node: the nodes below it that rest on its bounds and are refreshed or carry certificates."""

    def __init__(self, tree: SpecTree, first: Index) -> None:
        self._refresh = tree.refresh.astype(bool)
        needed = (self._refresh | (np.diff(first) > 0)) & (tree.parent >= 0)
        self._nodes = np.flatnonzero(needed)
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
        below = self._nodes[_ranges(self._first[nodes], lengths)]
        row = np.repeat(np.arange(len(nodes)), lengths)
        chosen = self._refresh[below] == refresh
        return below[chosen], row[chosen]


def _ranges(starts: Index, lengths: Index) -> Index:
    """All numbers of the half-open ranges, one range after the other."""
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total) + np.repeat(starts - ends + lengths, lengths)


def check_fit(problem: Problem, proof: Proof) -> None:
    """Does the proof speak about this problem's regions, cases, inputs and units?

    Raises:
        ProofError: saying where it does not fit.
    """
    network = problem.network
    sizes = [layer.size if layer.activation.split_points else 0 for layer in network.layers]
    proof.tree.check(len(problem.regions), network.inputs, sizes)
    proof.certificates.check(len(proof.tree), problem.rows_of_case)
    proof.refinements.check(proof.tree, sizes)


def uncovered(problem: Problem, proof: Proof, held: NDArray[np.bool_]) -> tuple[Index, Index]:
    """Pairs (leaf, case) that no certificate that holds, at the leaf or above it, excludes.

    64 cases at a time are one bit each of a word per node, handed down from parents to children.
    """
    tree, certificates = proof.tree, proof.certificates
    region, depth = tree.region(), tree.depth()
    levels = [np.flatnonzero(depth == level) for level in range(1, int(depth.max(initial=0)) + 1)]
    position = np.zeros(len(problem.cases), np.int64)
    most = 0
    for members in problem.cases_of:
        position[list(members)] = np.arange(len(members))
        most = max(most, len(members))
    sizes = np.array([len(members) for members in problem.cases_of], np.int64)
    case_region = np.array([case.region for case in problem.cases], np.int64)
    # a certificate about another region's case says nothing here
    usable = held & (case_region[certificates.case] == region[certificates.node]) if len(held) else held
    leaves, found = tree.leaves, []
    for start in range(0, most, 64):
        mask = np.zeros(len(tree), np.uint64)
        place = position[certificates.case] - start
        here = usable & (place >= 0) & (place < 64)
        np.bitwise_or.at(mask, certificates.node[here], np.uint64(1) << place[here].astype(np.uint64))
        for level in levels:
            mask[level] |= mask[tree.parent[level]]
        bits = np.clip(sizes[region[leaves]] - start, 0, 64)
        for bit in range(int(bits.max(initial=0))):
            missing = (bits > bit) & ((mask[leaves] >> np.uint64(bit)) & np.uint64(1) == 0)
            found.append((leaves[missing], np.full(int(missing.sum()), start + bit)))
    if not found:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    leaf, place = np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found])
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    flat = np.concatenate([np.array(members, np.int64) for members in problem.cases_of])
    case = flat[offsets[region[leaf]] + place]
    order = np.lexsort((case, leaf))
    return leaf[order], case[order]

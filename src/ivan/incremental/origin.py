"""Origin: which nodes of a proof were there before it, told by a comparison with the proof that it grew from.

Both trees are walked together from the roots, a depth at a time: the child of a node that stands in both stands in
both when both nodes were split alike. So two nodes are one exactly when the same splits lead to them, wherever they
are in their arrays: compaction and pruning renumber nodes.

What is compared is what is stored: where the older proof was compacted after the newer one grew from it, nodes that it
lost count as new.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from ivan.proof import ByNode, Kind, Proof, Ragged, SpecTree, State, ranges

Index = NDArray[np.int64]
Mask = NDArray[np.bool_]

_MOST_ENTRIES = 1 << 22
"""Entries of certificates that are compared at once."""


class Origin(IntEnum):
    """Where a node comes from."""

    UNKNOWN = 0
    NEW = 1
    REUSED = 2
    TRANSFERRED = 3


def origins(proof: Proof, base: Proof | None) -> NDArray[np.int8]:
    """(N,) the `Origin` of every node.

    A node is reused when the base has one with the same splits on its way from the same region's root. It is
    transferred when it is, beyond that, a closed leaf, and every certificate at it or above it stands at the same node
    of the base: the same case, weights, slopes and multipliers to the last bit.

    Args:
        proof: of the same property as the base.
        base: what it grew from; None where nothing is known of it.
    """
    tree = proof.tree
    if base is None:
        return np.full(len(tree), Origin.UNKNOWN, np.int8)
    place = counterparts(tree, base.tree)
    result = np.where(place >= 0, Origin.REUSED, Origin.NEW).astype(np.int8)
    changed = np.zeros(len(tree), bool)
    changed[proof.certificates.node[~_found(proof, base, place)]] = True
    for level in _levels(tree)[1:]:
        changed[level] |= changed[tree.parent[level]]
    result[(place >= 0) & (tree.state == State.CLOSED) & ~changed] = Origin.TRANSFERRED
    return result


def counterparts(tree: SpecTree, base: SpecTree) -> Index:
    """(N,) the base's node with the same splits on its way from the root of the same region; -1 where there is none."""
    place = np.full(len(tree), -1)
    below = base.children
    roots, *levels = _levels(tree)
    common = roots[: np.count_nonzero(base.kind == Kind.ROOT)]  # row r is the root of region r
    place[common] = common
    if not len(common):
        return place
    for level in levels:
        above = place[tree.parent[level]]
        there = np.where(above >= 0, below[above, tree.side[level]], -1)
        alike = there >= 0
        for name in ("kind", "layer", "unit", "at"):
            alike &= getattr(tree, name)[level] == getattr(base, name)[there]
        place[level] = np.where(alike, there, -1)
    return place


def _levels(tree: SpecTree) -> list[Index]:
    """Nodes by depth, the roots first, ascending."""
    depth = tree.depth()
    order = np.argsort(depth, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(depth[order])) + 1)


def _found(proof: Proof, base: Proof, place: Index) -> Mask:
    """(M,) which certificates stand at the same node of the base."""
    mine, theirs = proof.certificates, base.certificates
    found = np.zeros(len(mine), bool)
    asked = np.flatnonzero(place[mine.node] >= 0)
    there, position = ByNode(theirs, len(base.tree)).of(place[mine.node[asked]])
    here = asked[position]
    same = mine.case[here] == theirs.case[there]
    here, there = here[same], there[same]
    for column in ("weights", "slopes", "multipliers"):
        same = _equal(getattr(mine, column), here, getattr(theirs, column), there)
        here, there = here[same], there[same]
    found[here] = True
    return found


def _equal(a: Ragged, rows: Index, b: Ragged, others: Index) -> Mask:
    """(P,) whether row `rows[p]` of `a` and row `others[p]` of `b` hold the same entries in the same order."""
    length = np.diff(a.offsets)[rows]
    equal = length == np.diff(b.offsets)[others]
    pairs = np.flatnonzero(equal)
    ends = np.cumsum(length[pairs])
    parts = np.searchsorted(ends, np.arange(_MOST_ENTRIES, ends[-1] if len(ends) else 0, _MOST_ENTRIES))
    for part in np.split(pairs, parts):
        of = np.repeat(part, length[part])
        mine = ranges(a.offsets[rows[part]], length[part])
        theirs = ranges(b.offsets[others[part]], length[part])
        for name in a.columns:
            equal[of[a[name][mine] != b[name][theirs]]] = False
    return np.asarray(equal)

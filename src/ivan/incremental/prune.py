"""Prune: an old tree without the splits that brought next to nothing (P_Delta).

A node whose split raised the bound by less than theta takes its worse child's place: that child's subtree is kept, for
the node's own, larger region. So every node of the new tree still has two children that cover it, and the leaves cover
every region. What the subtree's certificates claim, they claimed for a smaller region; replay tells which still hold.

An input split below a dropped one is cut at the same relative position of the larger box.

Source: Ugare, Banerjee, Misailovic & Singh, PLDI 2023, section 4.2.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ivan.incremental.effectiveness import children, improvements
from ivan.problem import Region
from ivan.proof import Kind, Proof, Refinements, Refresh, Side, SpecTree, State
from ivan.proof.tree import COLUMNS

Array = NDArray[np.float64]
Index = NDArray[np.int64]


def prune(proof: Proof, regions: tuple[Region, ...], theta: float) -> Proof:
    """The proof without weak splits.

    Args:
        proof: fits the regions.
        regions: of the problem at hand.
        theta: improvement, relative to the root's bound, below which a split is dropped.
    """
    tree = proof.tree
    with np.errstate(invalid="ignore"):
        weak = improvements(tree) < theta  # NaN is not: a split that nothing is known of stays
    if not weak.any():
        return proof
    standing = _Standing(tree, weak)
    pruned = _recut(standing, proof, regions)
    certificates = proof.certificates
    kept = np.flatnonzero(standing.place[certificates.node] >= 0)
    moved = standing.row[standing.place[certificates.node[kept]]].astype(np.int32)
    return Proof(
        pruned,
        replace(certificates.take(kept), node=moved),
        _refinements(proof.refinements, standing),
    )


class _Standing:
    """Which nodes stand where, once the weak splits are gone.

    Args:
        tree: the old tree.
        weak: (N,) splits to drop.

    Attributes:
        places: (M,) old nodes whose places remain, ascending: where each stands is told by its own row, ...
        content: (M,) ... and what is below it by that of the last node that took its place.
        place: (N,) the place that each old node stands at, -1 for those that are gone.
        row: (N,) new row of each place.
        levels: (M,) numbers of places by depth, the roots first.
    """

    def __init__(self, tree: SpecTree, weak: NDArray[np.bool_]) -> None:
        below = children(tree)
        with np.errstate(invalid="ignore"):
            worse = below[np.arange(len(tree)), np.argmin(np.nan_to_num(tree.bound[below], nan=-np.inf), axis=1)]
        self.place = np.full(len(tree), -1)
        levels, content = [], []
        current = np.flatnonzero(tree.parent < 0)
        while len(current):
            self.place[current] = current
            last = current.copy()
            while weak[last].any():
                dropped = weak[last]
                last = np.where(dropped, worse[last], last)
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


def _recut(standing: _Standing, proof: Proof, regions: tuple[Region, ...]) -> SpecTree:
    """The new tree."""
    tree = proof.tree
    places, content = standing.places, standing.content
    columns = {name: getattr(tree, name)[places] for name in COLUMNS}
    inner = columns["parent"] >= 0
    columns["parent"] = np.where(inner, standing.row[standing.place[columns["parent"]]], -1).astype(np.int32)
    columns["state"] = tree.state[content]
    refresh = np.zeros(len(tree), np.int8)
    kept = np.flatnonzero(standing.place >= 0)
    # of the nodes that stand at one place, the last recipe, or that of slopes
    chosen = kept[tree.refresh[kept] != Refresh.NONE]
    refresh[standing.place[chosen]] = tree.refresh[chosen]
    refined = standing.place[proof.refinements.node]
    refresh[refined[refined >= 0]] = Refresh.BACKWARD
    columns["refresh"] = refresh[places]
    columns["at"] = _positions(standing, tree, regions)
    return SpecTree(**columns)


def _positions(standing: _Standing, tree: SpecTree, regions: tuple[Region, ...]) -> Array:
    """(M,) where the new tree cuts: input splits at the same relative position of their new box."""
    places, content = standing.places, standing.content
    at = tree.at[places].copy()
    axes = np.unique(tree.unit[tree.kind == Kind.INPUT])
    if not len(axes):
        return at
    column = np.full(int(axes.max()) + 1, -1)
    column[axes] = np.arange(len(axes))
    before, now = _boxes(tree, axes, regions), (np.zeros((len(places), len(axes))), np.zeros((len(places), len(axes))))
    for depth, level in enumerate(standing.levels):
        old = places[level]
        if depth == 0:
            for side, ends in zip(now, ("lower", "upper"), strict=True):
                side[level] = [getattr(regions[r], ends)[axes] for r in tree.unit[old]]
            continue
        above = standing.row[standing.place[tree.parent[old]]]
        for side in now:
            side[level] = side[above]
        mine = np.flatnonzero(tree.kind[old] == Kind.INPUT)
        rows, axis = level[mine], column[tree.unit[old[mine]]]
        box = content[above[mine]]  # the split was made in this old node's box
        low, high = before[0][box, axis], before[1][box, axis]
        new_low, new_high = now[0][rows, axis], now[1][rows, axis]
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            share = (tree.at[old[mine]] - low) / (high - low)
            moved = new_low + share * (new_high - new_low)
        same = (low == new_low) & (high == new_high) | ~np.isfinite(moved)
        at[rows] = np.where(same, tree.at[old[mine]], moved)
        upper = tree.side[old[mine]] == Side.ABOVE
        now[0][rows[upper], axis[upper]] = np.maximum(new_low, at[rows])[upper]
        now[1][rows[~upper], axis[~upper]] = np.minimum(new_high, at[rows])[~upper]
    return at


def _boxes(tree: SpecTree, axes: Index, regions: tuple[Region, ...]) -> tuple[Array, Array]:
    """(N, axes) ends of every node's box on some axes."""
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


def _refinements(refinements: Refinements, standing: _Standing) -> Refinements:
    """The slopes of nodes that still stand; of those at one place, the last."""
    place = standing.place[refinements.node]
    last = {int(p): i for i, p in enumerate(place) if p >= 0}
    chosen = np.array(sorted(last.values()), np.int64)
    rows = standing.row[place[chosen]].astype(np.int32)
    order = np.argsort(rows)
    return replace(refinements.take(chosen[order]), node=rows[order])

"""Prune: an old tree without the splits that brought next to nothing (P_Delta).

A node whose split raised the bound by less than theta takes its worse child's place: that child's subtree is kept, for
the node's own, larger region. An input split below a dropped one is cut at the same relative position of the larger
box.

Source: Ugare, Banerjee, Misailovic & Singh, PLDI 2023, section 4.2.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ivan.incremental.effectiveness import improvements
from ivan.incremental.standing import Standing, boxes
from ivan.problem import Region
from ivan.proof import Kind, Proof, Side, SpecTree

Array = NDArray[np.float64]


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
    below = tree.children
    with np.errstate(invalid="ignore"):
        worse = below[np.arange(len(tree)), np.argmin(np.nan_to_num(tree.bound[below], nan=-np.inf), axis=1)]
    standing = Standing(tree, weak, worse)
    return standing.proof(proof, _positions(standing, tree, regions), tree.bound[standing.places])


def _positions(standing: Standing, tree: SpecTree, regions: tuple[Region, ...]) -> Array:
    """(M,) where the new tree cuts: input splits at the same relative position of their new box."""
    places, content = standing.places, standing.content
    at = tree.at[places].copy()
    axes = np.unique(tree.unit[tree.kind == Kind.INPUT])
    if not len(axes):
        return at
    column = np.full(int(axes.max()) + 1, -1)
    column[axes] = np.arange(len(axes))
    before, now = boxes(tree, axes, regions), (np.zeros((len(places), len(axes))), np.zeros((len(places), len(axes))))
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

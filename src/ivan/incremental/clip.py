"""Clip: an old tree on other boxes, without the splits that cut beside them.

An input split whose position lies beside the node's new box leaves all of it on one side: the child there takes the
node's place. All other splits stay where they were, so a leaf's part of the region is what the old leaf and the new box
have in common; at the rim of a larger box it is more.
"""

from __future__ import annotations

import numpy as np

from ivan.incremental.standing import Standing, boxes
from ivan.problem import Region
from ivan.proof import Kind, Proof, Side, State


def clip(proof: Proof, regions: tuple[Region, ...]) -> Proof:
    """The proof on other regions.

    Args:
        proof: as many roots as there are regions.
        regions: of the problem at hand.
    """
    tree = proof.tree
    below = tree.children[:, Side.BELOW]
    split = np.flatnonzero(tree.state == State.SPLIT)
    split = split[tree.kind[below[split]] == Kind.INPUT]
    if not len(split):
        return proof
    # what a node was split on stands with its children
    axes, column = np.unique(tree.unit[below[split]], return_inverse=True)
    low, high = boxes(tree, axes, regions)
    at = tree.at[below[split]]
    above, beneath = at <= low[split, column], at >= high[split, column]
    dropped, heir = np.zeros(len(tree), bool), np.full(len(tree), -1)
    dropped[split] = above | beneath
    heir[split] = tree.children[split, np.where(above, Side.ABOVE, Side.BELOW)]
    if not dropped.any():
        return proof
    standing = Standing(tree, dropped, heir)
    return standing.proof(proof, tree.at[standing.places], tree.bound[standing.content])

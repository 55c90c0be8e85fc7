"""Reorder: what an old proof's splits brought advises the new search (H_Delta, see search/experience.py)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ivan.incremental.effectiveness import improvements
from ivan.network.layers import Network
from ivan.proof import Kind, SpecTree
from ivan.search.experience import Experience


def experience_of(tree: SpecTree, network: Network, alpha: float, theta: float) -> Experience:
    """Mean improvement of every split decision that a tree took.

    Args:
        tree: fits the network.
        network: the network at hand.
        alpha: see `Experience`.
        theta: see `Experience`.
    """
    gained = improvements(tree)
    split = np.flatnonzero(~np.isnan(gained))
    # what a node was split on stands with its children
    first = tree.children[split, 0]
    kind, layer, unit = tree.kind[first], tree.layer[first], tree.unit[first]

    def mean(chosen: NDArray[np.bool_], size: int) -> NDArray[np.float64]:
        total = np.bincount(unit[chosen], gained[split[chosen]], size)
        count = np.bincount(unit[chosen], minlength=size)
        with np.errstate(invalid="ignore", divide="ignore"):
            result: NDArray[np.float64] = total / count
        return result

    units = tuple(mean((kind == Kind.UNIT) & (layer == k), at.size) for k, at in enumerate(network.layers, 1))
    return Experience(mean(kind == Kind.INPUT, network.inputs), units, alpha, theta)

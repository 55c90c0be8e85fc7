"""What the splits of an old proof brought: the improvement of the bound from a node to the worse of its children.

    improvement(n) = min(LB(below), LB(above)) - LB(n)

An infeasible child has a bound of infinity. A node that was never bounded has minus infinity, and then nothing is known
of the improvement: NaN. Improvements of different queries compare once they are divided by |LB| of the region's
root.

Source: Ugare, Banerjee, Misailovic & Singh, PLDI 2023, section 4.2.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ivan.proof import SpecTree, State

Array = NDArray[np.float64]
Index = NDArray[np.int64]


def improvements(tree: SpecTree) -> Array:
    """(N,) how far each split raised the bound, relative to the bound of its region's root; NaN where none is known."""
    below = tree.children
    split = np.flatnonzero(tree.state == State.SPLIT)
    result = np.full(len(tree), np.nan)
    if not len(split):
        return result
    root = np.abs(tree.bound[tree.region()[split]])  # roots stand in front, in the order of their regions
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        gained = np.min(tree.bound[below[split]], axis=1) - tree.bound[split]
        relative = gained / np.maximum(root, np.finfo(np.float64).tiny)
    known = np.isfinite(tree.bound[split]) & np.isfinite(root) & (relative > -np.inf)
    result[split[known]] = relative[known]
    return result

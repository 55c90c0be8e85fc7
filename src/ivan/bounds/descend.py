"""From a refreshed ancestor's domain to a node's: the splits in between, applied."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.domains import Domains, Intervals
from ivan.problem import Problem
from ivan.proof import Kind, Side

Index = NDArray[np.int64]
Columns = Mapping[str, NDArray[Any]]


def roots(problem: Problem, regions: Index) -> Domains:
    """The domains of whole regions."""
    lower = np.array([problem.regions[r].lower for r in regions]).reshape(-1, problem.network.inputs)
    upper = np.array([problem.regions[r].upper for r in regions]).reshape(-1, problem.network.inputs)
    return Domains.boxes(lower, upper, len(problem.network.layers), problem.network.whole)


def descend(domains: Domains, columns: Columns, node: Index, ancestor: Index) -> Domains:
    """Cuts the splits between an ancestor and a node into the ancestor's domain.

    Args:
        domains: one row per node: its ancestor's domain, with known bounds where units are split in between.
        columns: the tree's columns by name.
        node: (B,) the nodes.
        ancestor: (B,) an ancestor of each, or the node itself.

    Returns:
        The nodes' domains; bounds known of the ancestor are kept, with the splits cut in. Of an integer input what a
        cut leaves begins and ends at integers.
    """
    parent, kind, side = columns["parent"], columns["kind"], columns["side"]
    layer, unit, at = columns["layer"], columns["unit"], columns["at"]
    lower, upper = domains.lower.copy(), domains.upper.copy()
    known = list(domains.known) if domains.known is not None else None
    split = list(domains.split)
    copied: set[int] = set()
    current = node.copy()
    pending = np.flatnonzero(current != ancestor)
    while len(pending):
        here = current[pending]
        above = side[here] == Side.ABOVE
        is_input = kind[here] == Kind.INPUT
        for chosen, bounds, keep in ((is_input & above, lower, np.maximum), (is_input & ~above, upper, np.minimum)):
            rows, cuts = pending[chosen], here[chosen]
            bounds[rows, unit[cuts]] = keep(bounds[rows, unit[cuts]], at[cuts])
        for k in np.unique(layer[here[kind[here] == Kind.UNIT]]):
            if known is None:
                raise ValueError("a unit is split above the first refreshed node")
            chosen = (kind[here] == Kind.UNIT) & (layer[here] == k)
            if k not in copied:
                known[k - 1] = (known[k - 1][0].copy(), known[k - 1][1].copy())
                mask = split[k - 1]
                split[k - 1] = np.zeros(known[k - 1][0].shape, bool) if mask is None else mask.copy()
                copied.add(int(k))
            low, high = known[k - 1]
            mask = split[k - 1]
            assert mask is not None
            rows, cuts = pending[chosen], here[chosen]
            mask[rows, unit[cuts]] = True
            for part, bounds, keep in ((above[chosen], low, np.maximum), (~above[chosen], high, np.minimum)):
                r, c = rows[part], cuts[part]
                bounds[r, unit[c]] = keep(bounds[r, unit[c]], at[c])
        current[pending] = parent[here]
        pending = pending[current[pending] != ancestor[pending]]
    if domains.whole is not None:
        lower[:, domains.whole] = np.ceil(lower[:, domains.whole])
        upper[:, domains.whole] = np.floor(upper[:, domains.whole])
    empty = domains.empty | np.any(lower > upper, axis=1)
    intervals: Intervals | None = None if known is None else tuple(known)
    return Domains(lower, upper, intervals, tuple(split), empty, domains.whole)

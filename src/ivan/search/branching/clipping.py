"""Cutting off what no violation can reach: a cut that closes one of its halves at once.

A violation needs every row's linear form a . x + c to be at most 0, and any combination's. From the corner where the
form takes its least value m < 0, axis i can move by at most -m / |a_i|: what lies beyond is excluded. So a box is cut
there rather than in the middle, where that takes away a good part of it; the piece beyond becomes a leaf that the same
form closes. Such a cut is a split like any other: on other weights its leaf is tried like any other, and searched if it
fails. It stands off a little, so that the leaf has a margin to live on.

Source: half-space clipping, e.g. Zhou et al., Clip-and-Verify, 2025.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ivan.search.batch import Batch

Array = NDArray[np.float64]
Index = NDArray[np.int64]

WORTH = 0.3
"""Share of a box's width that a cut must take away to be preferred (docs/performance.md)."""

BEYOND = 0.02
"""Share of the width by which a cut stands off."""


def kept(batch: Batch) -> tuple[Array, Array]:
    """(B, inputs) lower and upper ends of the part of each box where some open case may be violated.

    Infinite the wrong way round for boxes without an open pair.
    """
    lower, upper = batch.enclosure.lower, batch.enclosure.upper
    low, high = lower[batch.owner], upper[batch.owner]
    for pair, slopes, least in batch.halfspaces:
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            reach = np.maximum(-least, 0.0)[:, None] / np.abs(slopes)
        reach = np.where(np.isnan(reach), np.inf, reach)
        owner = batch.owner[pair]
        np.minimum.at(high, pair, np.where(slopes > 0.0, lower[owner] + reach, np.inf))
        np.maximum.at(low, pair, np.where(slopes < 0.0, upper[owner] - reach, -np.inf))
    first, last = np.full(lower.shape, np.inf), np.full(lower.shape, -np.inf)
    pairs = batch.open
    np.minimum.at(first, batch.owner[pairs], low[pairs])
    np.maximum.at(last, batch.owner[pairs], high[pairs])
    return first, last


def cuts(batch: Batch, node: Index, splittable: NDArray[np.bool_]) -> tuple[Index, Array, NDArray[np.bool_]]:
    """The cut that takes most away from each of some boxes.

    Args:
        batch: boxes, with the halfspaces that were found.
        node: (S,) boxes with an open pair.
        splittable: (S, inputs) axes that can be cut.

    Returns:
        axis: (S,) where to cut.
        at: (S,) the position.
        worth: (S,) True where the cut takes enough away to be preferred to any other.
    """
    lower, upper = batch.enclosure.lower[node], batch.enclosure.upper[node]
    first, last = (side[node] for side in kept(batch))
    width = np.maximum(upper - lower, 1e-300)
    below, above = (first - lower) / width, (upper - last) / width
    away = np.where(splittable, np.maximum(below, above), 0.0)
    axis, here = away.argmax(axis=1), np.arange(len(node))
    margin = BEYOND * width[here, axis]
    at = np.where(below[here, axis] >= above[here, axis], first[here, axis] - margin, last[here, axis] + margin)
    inside = (at > lower[here, axis]) & (at < upper[here, axis])
    return axis, at, inside & (away[here, axis] >= WORTH)

"""Smear scores for input axes: how far each axis can move the rows that are still open.

The score of axis i is the width of the box along it times how strongly the rows depend on it, summed over all open rows
of the domain: the best row alone keeps splitting the same axes. There are two measures of how strongly. The slope of a
row's linear bound is what the relaxation sees; but it is blind to an axis along which the relaxation is loose and yet
happens to be flat, and boxes that stay wide along such an axis are never proved. A bound on |d row / d x_i| over the
box, by interval arithmetic backwards (an unstable unit's derivative is anything in [0, 1]), misses no axis but
overrates many. Their geometric mean needs fewer domains than either, or than taking turns (docs/performance.md).

Source: Wang et al., ReluVal, USENIX Security 2018 (smear from interval gradients).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.enclosure import Enclosure
from ivan.bounds.objective import Objective
from ivan.network.affine import Affine

Array = NDArray[np.float64]
Index = NDArray[np.int64]


def influence(enclosure: Enclosure, owner: Index, objective: Objective) -> Array:
    """Bounds on |d row / d x_i| over each row's box: (R, inputs).

    Args:
        enclosure: the domains.
        owner: (R,) domain of each row.
        objective: the rows.
    """
    network = enclosure.network
    centre: dict[int, Array] = {}
    radius: dict[int, Array] = {}

    def spread(affine: Affine, middle: Array, reach: Array | None) -> None:
        for source, linear in affine.terms:
            part = linear.transpose(middle)
            wide = np.zeros_like(part) if reach is None else linear.absolute().transpose(reach)
            centre[source] = centre[source] + part if source in centre else part
            radius[source] = radius[source] + wide if source in radius else wide

    with np.errstate(over="ignore", invalid="ignore"):
        spread(network.output, objective.C, None)
        for k in range(len(network.layers), 0, -1):
            if k not in centre:
                continue
            middle, reach = centre.pop(k), radius.pop(k)
            lines, unstable = enclosure.lines[k - 1], enclosure.unstable[k - 1]
            layer = network.layers[k - 1]
            if not layer.activation.sloped:
                # anything between the slopes of the two lines: an estimate, no bound
                middle, reach = (np.tile(part, (1, layer.activation.arity)) for part in (middle, reach))
                low, high = (side[owner] for side in (lines.lower_slope, lines.upper_slope))
                slope, span = 0.5 * (low + high), 0.5 * np.abs(high - low)
                wide = reach * (np.abs(slope) + span) + np.abs(middle) * span
                spread(layer.affine, middle * slope, wide)
                continue
            fixed = np.where(unstable, 0.0, lines.upper_slope)[owner]
            free = unstable[owner]
            # anything in [0, 1] times [m - r, m + r]: the hull of that interval and zero
            low = np.where(free, np.minimum(middle - reach, 0.0), 0.0)
            high = np.where(free, np.maximum(middle + reach, 0.0), 0.0)
            spread(
                network.layers[k - 1].affine, middle * fixed + 0.5 * (low + high), reach * fixed + 0.5 * (high - low)
            )
    none = np.zeros((len(owner), network.inputs))
    middle, reach = centre.get(0, none), radius.get(0, none)
    if objective.D is not None:
        middle = middle + objective.D
    return np.abs(middle) + reach


FLAT = 1e-3
"""Share of a row's steepest slope that a flat axis counts with."""


def mixed(slopes: Array, influences: Array) -> Array:
    """(R, inputs): the geometric mean of the two measures, (R, inputs) each."""
    steep = np.abs(slopes)
    result: Array = np.sqrt((steep + FLAT * steep.max(axis=1, keepdims=True, initial=0.0)) * influences)
    return result


def scores(count: int, owner: Index, influences: Array, lower: Array, upper: Array) -> Array:
    """(B, inputs) scores; 0 where an axis cannot be split.

    Args:
        count: number of domains B.
        owner: (R,) domain of each open row.
        influences: (R, inputs) of the rows.
        lower: (B, inputs).
        upper: (B, inputs).
    """
    total = np.zeros((count, influences.shape[1]))
    np.add.at(total, owner, np.nan_to_num(influences, nan=0.0, posinf=0.0))
    middle = 0.5 * (lower + upper)
    splittable = (middle > lower) & (middle < upper)
    # an axis without any influence still shrinks the box: better than giving up
    return np.where(splittable, (total + 1e-12 * total.max(axis=1, keepdims=True) + 1e-300) * (upper - lower), 0.0)

"""The interval sweep: rigorous bounds on one affine map from bounds on what it reads.

Computed as centre and radius through L and |L|, which takes three batched products and no split of L into its signs;
the rounding of doing so is bounded by the same `|L| m + |b|` that the backward pass needs anyway. What is only moved
has the bounds of its source as they are: a step is settled on the point 0, and on nothing that is wider.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.rigorous import UNDERFLOW, UNIT, gamma
from ivan.bounds.rounding import rounding_from
from ivan.network.affine import Affine

Array = NDArray[np.float64]


def affine_interval(
    affine: Affine, values: Sequence[tuple[Array, Array]], reach: Sequence[Array], fan_out: int, arithmetic: float = 0.0
) -> tuple[Array, Array, Array]:
    """Bounds on an affine map.

    Args:
        affine: the map.
        values: per source, (B, n) lower and upper bounds.
        reach: per source, (B, n) max |h|.
        fan_out: most affine maps that read one source, see `rounding.consumers`.
        arithmetic: unit roundoff of the arithmetic that the bounds speak of; 0 for the real numbers'.

    Returns:
        lower, upper: (B, size) rigorous bounds.
        rounding: (B, size) see `Enclosure.rounding`.
    """
    batch = len(reach[0])
    centre = np.broadcast_to(affine.constant, (batch, affine.size)).copy()
    radius = np.zeros((batch, affine.size))
    total = np.zeros((batch, affine.size))
    terms = 0
    with np.errstate(over="ignore", invalid="ignore"):
        for source, linear in affine.terms:
            low, high = values[source]
            middle = 0.5 * (low + high)
            half = np.maximum(high - middle, middle - low)
            centre += linear.apply(middle)
            both = linear.absolute().apply(np.concatenate([half, reach[source]]))
            radius += both[:batch]
            total += both[batch:]
            terms = max(terms, linear.terms)
        rounding = rounding_from(affine, total, terms, reach, fan_out, arithmetic)
        error = radius * (1.0 + 2.0 * gamma(terms + 4)) + 2.0 * rounding + UNDERFLOW  # as sum and as dot product
        lower, upper = centre - error, centre + error
        slack = 4.0 * UNIT * (np.abs(centre) + error)
        lower, upper = lower - slack, upper + slack
        if affine.moved.any():
            least, most = _moved(affine, [low for low, _ in values]), _moved(affine, [high for _, high in values])
            lower, upper = np.where(affine.moved, least, lower), np.where(affine.moved, most, upper)
    # NaN (infinity minus infinity) claims nothing
    return np.where(np.isnan(lower), -np.inf, lower), np.where(np.isnan(upper), np.inf, upper), rounding


def _moved(affine: Affine, ends: Sequence[Array]) -> Array:
    """(B, size): of numbers that are `moved` one end of their source's bounds, else nothing of use.

    Of the summands of a number that is moved all but one are zero.
    """
    total = np.broadcast_to(affine.constant, (len(ends[0]), affine.size)).copy()
    for (source, _), entries in zip(affine.terms, affine.taken, strict=True):
        rows = np.flatnonzero(entries >= 0)
        total[:, rows] += ends[source][:, entries[rows]]
    return total

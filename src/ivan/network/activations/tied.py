"""A ReLU's argument in two networks, and what lies between: z, d and z' = z + d, each with bounds of its own.

They are tied to one another, so each interval can be cut down by what the other two say; and the bounds of z and z'
tell the phases.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ivan.network.activations.base import Array
from ivan.network.activations.difference import Interval, ReluDifference

_DIFFERENCE = ReluDifference()
_ULP = 2.0**-52

Mask = NDArray[np.bool_]


def intervals(lower: Array, upper: Array) -> tuple[Interval, Interval, Interval]:
    """Of z, d and z', each cut down by what the other two say."""
    (l1, dl, l2), (u1, du, u2) = np.split(lower, 3, axis=-1), np.split(upper, 3, axis=-1)
    with np.errstate(over="ignore", invalid="ignore"):
        first = _cut((l1, u1), _down(l2 - du), _up(u2 - dl))
        moved = _cut((dl, du), _down(l2 - u1), _up(u2 - l1))
        second = _cut((l2, u2), _down(l1 + dl), _up(u1 + du))
    return first, moved, second


def values_apart(lower: Array, upper: Array) -> Interval:
    """Rigorous bounds (..., n) on relu(z') - relu(z): between those of d and those of both values."""
    first, moved, second = intervals(lower, upper)
    low, high = _DIFFERENCE.interval(first, second, moved)
    return np.minimum(low, high), np.maximum(low, high)


def settled(first: Interval, second: Interval) -> Mask:
    """Where both are known to be active, or both inactive."""
    return np.asarray(_DIFFERENCE.settled(first, second))


def settled_apart(first: Interval, second: Interval) -> Mask:
    """Where one is known to be active and the other inactive."""
    return np.asarray(((first[0] >= 0.0) & (second[1] <= 0.0)) | ((first[1] <= 0.0) & (second[0] >= 0.0)))


def _cut(interval: Interval, low: Array, high: Array) -> Interval:
    """The intersection; the interval itself where that is empty (of an empty domain), or where a bound is NaN."""
    least, most = np.fmax(interval[0], low), np.fmin(interval[1], high)
    empty = least > most
    return np.where(empty, interval[0], least), np.where(empty, interval[1], most)


def _down(x: Array) -> Array:
    return x - _ULP * np.abs(x)


def _up(x: Array) -> Array:
    return x + _ULP * np.abs(x)

"""How far a ReLU's value moves with its argument, as an activation: f(z, d, z') = relu(z') - relu(z), where z' = z + d.

The three operands are tied to one another, but each has bounds of its own, and each serves another line: around d
alone, by which what two networks have in common cancels (difference.py); around z' and z by themselves, which wins
where the networks are far apart. Of either kind the line that is closer in the middle is taken. Where both phases are
known, f is linear: d, 0, z' or -z.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ivan.network.activations.base import Array, Curve, Lines
from ivan.network.activations.difference import Interval, ReluDifference
from ivan.network.activations.relu import Relu

_RELU, _DIFFERENCE = Relu(), ReluDifference()
_ULP = 2.0**-52

Mask = NDArray[np.bool_]


class ReluMoved(Curve):
    """act(z, d, z') = relu(z') - relu(z), for z' = z + d."""

    name = "ReluMoved"
    arity = 3
    exact = True

    def value(self, z: Array) -> Array:
        """Computed from z and d, so that nothing cancels."""
        first, moved, _ = np.split(z, 3, axis=-1)
        result: Array = np.where(first >= 0.0, np.maximum(moved, -first), np.maximum(first + moved, 0.0))
        return result

    def derivative(self, z: Array) -> Array:
        """By z and by d; z' goes with them."""
        first, moved, second = np.split(z, 3, axis=-1)
        above = (first + moved > 0.0).astype(z.dtype)
        return np.concatenate([above - (first > 0.0), above, np.zeros_like(second)], axis=-1)

    def interval(self, lower: Array, upper: Array) -> tuple[Array, Array]:
        """Between those of d and those of both values."""
        first, moved, second = _intervals(lower, upper)
        low, high = _DIFFERENCE.interval(first, second, moved)
        return np.minimum(low, high), np.maximum(low, high)

    def lines(self, lower: Array, upper: Array, slopes: Array | None = None) -> Lines:
        """Of the line in d, and the plane in z and z', the one that is closer in the middle."""
        del slopes
        first, moved, second = _intervals(lower, upper)
        with np.errstate(over="ignore", invalid="ignore"):
            alone = _DIFFERENCE.lines(first, second, moved)
            mine, other = _RELU.lines(*first), _RELU.lines(*second)
            below = np.zeros_like(alone.upper_intercept) if alone.lower_intercept is None else alone.lower_intercept
            (z, d, z2) = (0.5 * low + 0.5 * high for low, high in (first, moved, second))
            # relu(z') from above and relu(z) from below, and the other way round
            over = other.upper_slope * z2 + other.upper_intercept - mine.lower_slope * z
            under = other.lower_slope * z2 - mine.upper_slope * z - mine.upper_intercept
            apart_over = ~(over >= alone.upper_slope * d + alone.upper_intercept) & np.isfinite(over)
            apart_under = ~(under <= alone.lower_slope * d + below) & np.isfinite(under)
        settled = _settled(first, second)
        apart_over, apart_under = apart_over & ~settled, apart_under & ~settled
        # one known active and the other known inactive: both lines are the function
        crossed = settled_apart(first, second)
        apart_over, apart_under = apart_over | crossed, apart_under | crossed
        zero = np.zeros_like(below)
        return Lines(
            np.concatenate(
                [
                    np.where(apart_under, -mine.upper_slope, zero),
                    np.where(apart_under, zero, alone.lower_slope),
                    np.where(apart_under, other.lower_slope, zero),
                ],
                axis=-1,
            ),
            np.where(apart_under, -mine.upper_intercept, below),
            np.concatenate(
                [
                    np.where(apart_over, -mine.lower_slope, zero),
                    np.where(apart_over, zero, alone.upper_slope),
                    np.where(apart_over, other.upper_slope, zero),
                ],
                axis=-1,
            ),
            np.where(apart_over, other.upper_intercept, alone.upper_intercept),
        )

    def linear(self, lower: Array, upper: Array) -> Mask:
        """An operand's bounds matter as long as a phase is not known: of z and z' their own, of d either."""
        first, _, second = _intervals(lower, upper)
        known = _settled(first, second) | settled_apart(first, second)
        mine, other = (_RELU.linear(*side) for side in (first, second))
        return np.concatenate([mine | known, known, other | known], axis=-1)

    def cuts(self, lower: Array, upper: Array) -> Array:
        """Z' at zero; z is split where it is a ReLU's argument itself, and d has no point of its own."""
        first, _, second = _intervals(lower, upper)
        nowhere = np.full_like(first[0], np.nan)
        return np.concatenate([nowhere, nowhere, _RELU.cuts(*second)], axis=-1)


def _intervals(lower: Array, upper: Array) -> tuple[Interval, Interval, Interval]:
    """Of z, d and z', each cut down by what the other two say."""
    (l, dl, l2), (u, du, u2) = np.split(lower, 3, axis=-1), np.split(upper, 3, axis=-1)  # noqa: E741 - as everywhere
    with np.errstate(over="ignore", invalid="ignore"):
        first = _cut((l, u), _down(l2 - du), _up(u2 - dl))
        moved = _cut((dl, du), _down(l2 - u), _up(u2 - l))
        second = _cut((l2, u2), _down(l + dl), _up(u + du))
    return first, moved, second


def _cut(interval: Interval, low: Array, high: Array) -> Interval:
    """The intersection; the interval itself where that is empty (of an empty domain), or where a bound is NaN."""
    least, most = np.fmax(interval[0], low), np.fmin(interval[1], high)
    empty = least > most
    return np.where(empty, interval[0], least), np.where(empty, interval[1], most)


def _down(x: Array) -> Array:
    return x - _ULP * np.abs(x)


def _up(x: Array) -> Array:
    return x + _ULP * np.abs(x)


def _settled(first: Interval, second: Interval) -> Mask:
    """Where both are known to be active, or both inactive."""
    return np.asarray(_DIFFERENCE.settled(first, second))


def settled_apart(first: Interval, second: Interval) -> Mask:
    """Where one is known to be active and the other inactive."""
    return np.asarray(((first[0] >= 0.0) & (second[1] <= 0.0)) | ((first[1] <= 0.0) & (second[0] >= 0.0)))

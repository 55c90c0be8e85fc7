"""How far a ReLU's value moves with its argument, as an activation: f(z, d, z') = relu(z') - relu(z), where z' = z + d.

The three operands are tied to one another, but each has bounds of its own, and each serves another line: around d
alone, by which what two networks have in common cancels (difference.py); around z' and z by themselves, which wins
where the networks are far apart. Whatever lies between the two is a plane as well. Where both phases are
known, f is linear: d, 0, z' or -z.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ivan.network.activations.base import Array, Choice, Curve, Lines
from ivan.network.activations.difference import Interval, ReluDifference
from ivan.network.activations.relu import Relu
from ivan.network.activations.rounding import EXACT

_RELU, _DIFFERENCE = Relu(), ReluDifference()
_ULP = 2.0**-52

Mask = NDArray[np.bool_]


class ReluMoved(Curve):
    """act(z, d, z') = relu(z') - relu(z), for z' = z + d."""

    name = "ReluMoved"
    arity = 3
    mixed = True
    rounding = EXACT

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
        first, moved, second = intervals(lower, upper)
        low, high = _DIFFERENCE.interval(first, second, moved)
        return np.minimum(low, high), np.maximum(low, high)

    def lines(self, lower: Array, upper: Array, slopes: Array | None = None) -> Lines:
        """Of the line in d, and the plane in z and z', the one that is closer in the middle."""
        del slopes
        return self.choice(lower, upper).picked

    def choice(self, lower: Array, upper: Array) -> Choice:
        """Lines in d alone, and planes in z and z'."""
        first, moved, second = intervals(lower, upper)
        with np.errstate(over="ignore", invalid="ignore"):
            alone = _DIFFERENCE.lines(first, second, moved)
            mine, other = _RELU.lines(*first), _RELU.lines(*second)
            (z, d, z2) = (0.5 * low + 0.5 * high for low, high in (first, moved, second))
            # relu(z') from above and relu(z) from below, and the other way round
            over = other.upper_slope * z2 + other.upper_intercept - mine.lower_slope * z
            under = other.lower_slope * z2 - mine.upper_slope * z - mine.upper_intercept
        below = np.zeros_like(over) if alone.lower_intercept is None else alone.lower_intercept
        # where both are active, or both inactive, d says it all; where one of them is each, z and z' do
        settled, crossed = _settled(first, second), settled_apart(first, second)
        no_over, no_under = (settled | ~np.isfinite(end) for end in (over, under))
        with np.errstate(over="ignore", invalid="ignore"):
            closer_over = crossed | (over < alone.upper_slope * d + alone.upper_intercept)
            closer_under = crossed | (under > alone.lower_slope * d + below)
        zero = np.zeros_like(over)

        def three(x: Array, y: Array, w: Array) -> Array:
            return np.concatenate([x, y, w], axis=-1)

        apart = Lines(
            three(
                np.where(no_under, zero, -mine.upper_slope),
                np.where(no_under, alone.lower_slope, zero),
                np.where(no_under, zero, other.lower_slope),
            ),
            np.where(no_under, below, -mine.upper_intercept),
            three(
                np.where(no_over, zero, -mine.lower_slope),
                np.where(no_over, alone.upper_slope, zero),
                np.where(no_over, zero, other.upper_slope),
            ),
            np.where(no_over, alone.upper_intercept, other.upper_intercept),
        )
        alone = Lines(
            three(zero, alone.lower_slope, zero), below, three(zero, alone.upper_slope, zero), alone.upper_intercept
        )
        return Choice(alone, apart, closer_under.astype(lower.dtype), closer_over.astype(lower.dtype))

    def linear(self, lower: Array, upper: Array) -> Mask:
        """As long as a phase is not known, d matters, and so does z (which is bounded elsewhere); z' by its own."""
        first, _, second = intervals(lower, upper)
        known = _settled(first, second) | settled_apart(first, second)
        return np.concatenate([known, known, known | _RELU.linear(*second)], axis=-1)

    def cuts(self, lower: Array, upper: Array) -> Array:
        """Z' at zero; z is split where it is a ReLU's argument itself, and d has no point of its own."""
        first, _, second = intervals(lower, upper)
        nowhere = np.full_like(first[0], np.nan)
        return np.concatenate([nowhere, nowhere, _RELU.cuts(*second)], axis=-1)


def intervals(lower: Array, upper: Array) -> tuple[Interval, Interval, Interval]:
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

"""Step functions: constant but for jumps.

Of the function on [l, u] only four points matter for a line above it: its value at l, what it jumps to first, what it
jumps to last, and its value at u; all other jumps of a staircase lie on the line between the second and the third.
Below, what it jumps from. A slope is taken from the concave (convex) envelope of the four in the middle of the
interval, and the intercept is what that slope needs to clear all four, rounded outwards. The points are exact.

A unit is settled where the function is constant. It is split where it jumps; either side of a split holds the jump
itself, where the value may be that of the other side: then the next split is close by, so that most of the interval is
settled.
"""

from __future__ import annotations

import numpy as np

from ivan.network.activations.base import Array, Curve, Lines
from ivan.network.activations.rounding import EXACT
from ivan.network.activations.smooth import TINY, ULP, Mask

_FAR = 2.0**50
"""Beyond, a staircase is between the constants at the ends."""

_CLOSE = 0.0625


class Steps(Curve):
    """A function that jumps and never falls.

    Attributes:
        increasing: always.
    """

    increasing = True
    rounding = EXACT

    def value(self, z: Array) -> Array:
        """The function itself."""
        raise NotImplementedError

    def jumps(self, lower: Array, upper: Array, first: Array, last: Array) -> tuple[Array, Array, Array, Array]:
        """Where it jumps first on an interval and where last, what it jumps to first, and from what last.

        Args:
            lower: (...).
            upper: (...).
            first: the value at the lower end.
            last: the value at the upper end.
        """
        raise NotImplementedError

    def bends(self) -> tuple[tuple[float, float], ...]:
        """What it jumps to where its jumps do not all lie on one line; what it jumps from is the same, mirrored."""
        return ()

    def derivative(self, z: Array) -> Array:
        """None to follow; what stands in for it leads across."""
        return np.ones_like(z)

    def interval(self, lower: Array, upper: Array) -> tuple[Array, Array]:
        """The values at the ends, exact."""
        return self.value(lower), self.value(upper)

    def linear(self, lower: Array, upper: Array) -> Mask:
        """Where it is constant."""
        return np.asarray(self.value(lower) == self.value(upper))

    def lines(self, lower: Array, upper: Array, slopes: Array | None = None) -> Lines:
        """Through the corners."""
        del slopes
        first, last = self.interval(lower, upper)
        with np.errstate(all="ignore"):
            middle: Array = 0.5 * lower + 0.5 * upper
            begin, end, onto, off = self.jumps(lower, upper, first, last)
            many = end > begin
            stairs = (last - onto) / (end - begin)
            above = np.where(
                middle < begin, (onto - first) / (begin - lower), np.where(many & (middle < end), stairs, 0.0)
            )
            below = np.where(middle > end, (last - off) / (upper - end), np.where(many & (middle > begin), stairs, 0.0))
            over, under = [(lower, first), (upper, last), (begin, onto), (end, last)], [(begin, first), (end, off)]
            for z, y in self.bends():
                for at, height, points in ((z, y, over), (-z, -y, under)):
                    inside = (lower <= at) & (at <= upper)
                    points.append((np.where(inside, at, lower), np.where(inside, height, first)))
            highest = self._needed(above, over, lower, upper)
            lowest = self._needed(-below, [(z, -y) for z, y in (*over[:2], *under)], lower, upper)
            flat = (first == last) | ~(np.maximum(-lower, upper) < _FAR)
            rising = ~flat & np.isfinite(above) & (above * middle + highest < last)
            falling = ~flat & np.isfinite(below) & (below * middle - lowest > first)
        return Lines(
            np.where(falling, below, 0.0),
            np.where(falling, -lowest, first),
            np.where(rising, above, 0.0),
            np.where(rising, highest, last),
        )

    def _needed(self, slope: Array, points: list[tuple[Array, Array]], lower: Array, upper: Array) -> Array:
        """The intercept that clears the points, whose values are exact; for slopes that are two units off as well."""
        most = np.maximum.reduce([y - slope * z for z, y in points])
        size = np.maximum.reduce([np.abs(y) for _, y in points])
        reach = np.maximum(np.abs(lower), np.abs(upper))
        needed: Array = most + 8.0 * ULP * (np.abs(slope) * reach + size) + TINY
        return needed

    def cuts(self, lower: Array, upper: Array) -> Array:
        """At the jump that is nearest to the middle, or close to the end where the only one is."""
        first, last = self.interval(lower, upper)
        with np.errstate(all="ignore"):
            middle: Array = 0.5 * lower + 0.5 * upper
            begin, end, _, _ = self.jumps(lower, upper, first, last)
            at = np.clip(begin + np.round(middle - begin), begin, end)
            at = np.where(np.isfinite(at), at, middle)
            at = np.where(at <= lower, lower + _CLOSE * (upper - lower), at)
            at = np.where(at >= upper, upper - _CLOSE * (upper - lower), at)
            at = np.where((lower < at) & (at < upper), at, middle)
        return np.where((first < last) & (lower < at) & (at < upper), at, np.nan)

    def _single(self, lower: Array, first: Array, last: Array) -> tuple[Array, Array, Array, Array]:
        """One jump, at 0."""
        zero = np.zeros_like(lower)
        return zero, zero, last, first


def _bump(z: Array) -> Array:
    """1 at 0, less further away: what an attack follows."""
    return np.asarray(1.0 / (1.0 + np.abs(z)) ** 2)


class Positive(Steps):
    """act(z) = 1 where z > 0, else 0."""

    name = "Positive"

    def value(self, z: Array) -> Array:
        """Whether z > 0."""
        return (z > 0.0).astype(np.float64)

    def derivative(self, z: Array) -> Array:
        """A bump around the jump."""
        return _bump(z)

    def jumps(self, lower: Array, upper: Array, first: Array, last: Array) -> tuple[Array, Array, Array, Array]:
        """At 0."""
        return self._single(lower, first, last)


class NotNegative(Steps):
    """act(z) = 1 where z >= 0, else 0."""

    name = "NotNegative"

    def value(self, z: Array) -> Array:
        """Whether z >= 0."""
        return (z >= 0.0).astype(np.float64)

    def derivative(self, z: Array) -> Array:
        """A bump around the jump."""
        return _bump(z)

    def jumps(self, lower: Array, upper: Array, first: Array, last: Array) -> tuple[Array, Array, Array, Array]:
        """At 0."""
        return self._single(lower, first, last)


class Sign(Steps):
    """act(z) = -1, 0 or 1, as z is."""

    name = "Sign"

    def value(self, z: Array) -> Array:
        """The sign."""
        return np.asarray(np.sign(z))

    def derivative(self, z: Array) -> Array:
        """A bump around the jump."""
        return 2.0 * _bump(z)

    def jumps(self, lower: Array, upper: Array, first: Array, last: Array) -> tuple[Array, Array, Array, Array]:
        """At 0, all the way."""
        return self._single(lower, first, last)


class _Staircase(Steps):
    """Jumps of one at distances of one.

    Attributes:
        offset: how far above a value the jump to the next one is.
    """

    offset = 1.0

    def jumps(self, lower: Array, upper: Array, first: Array, last: Array) -> tuple[Array, Array, Array, Array]:
        """By the values at the ends."""
        return first + self.offset, last - 1.0 + self.offset, first + 1.0, last - 1.0


class Floor(_Staircase):
    """act(z) = the greatest integer that is not above z."""

    name = "Floor"
    offset = 1.0

    def value(self, z: Array) -> Array:
        """floor(z)."""
        return np.asarray(np.floor(z))


class Ceil(_Staircase):
    """act(z) = the least integer that is not below z."""

    name = "Ceil"
    offset = 0.0

    def value(self, z: Array) -> Array:
        """ceil(z), without negative zeros."""
        return np.asarray(np.ceil(z) + 0.0)


class Round(_Staircase):
    """act(z) = the nearest integer; of two the even one."""

    name = "Round"
    offset = 0.5

    def value(self, z: Array) -> Array:
        """Half to even."""
        return np.asarray(np.rint(z) + 0.0)


class Truncate(_Staircase):
    """act(z) = z without its fraction: towards 0."""

    name = "Truncate"

    def value(self, z: Array) -> Array:
        """trunc(z), without negative zeros."""
        return np.asarray(np.trunc(z) + 0.0)

    def jumps(self, lower: Array, upper: Array, first: Array, last: Array) -> tuple[Array, Array, Array, Array]:
        """Left of 0 at the value that is left, right of it at the one that is reached; none at 0."""
        begin = np.where(first < 0.0, first, first + 1.0)
        end = np.where(last > 0.0, last, last - 1.0)
        return begin, end, first + 1.0, last - 1.0

    def bends(self) -> tuple[tuple[float, float], ...]:
        """Where the jumps on one side of 0 end, and those on the other begin."""
        return (-1.0, 0.0), (1.0, 1.0)


class Zero(Curve):
    """act(z) = 1 where z = 0, else 0: whether two numbers are equal, of their difference."""

    name = "Zero"
    rounding = EXACT

    def value(self, z: Array) -> Array:
        """Whether z = 0."""
        return np.asarray(z == 0.0, np.float64)

    def derivative(self, z: Array) -> Array:
        """Towards 0."""
        return np.asarray(-np.sign(z) * _bump(z))

    def interval(self, lower: Array, upper: Array) -> tuple[Array, Array]:
        """1 is reached where 0 is inside; 0 anywhere but at 0."""
        inside = (lower <= 0.0) & (upper >= 0.0)
        return (inside & (lower == upper)).astype(np.float64), inside.astype(np.float64)

    def linear(self, lower: Array, upper: Array) -> Mask:
        """Where 0 is outside, or all there is."""
        return np.asarray((lower > 0.0) | (upper < 0.0) | (lower >= upper))

    def lines(self, lower: Array, upper: Array, slopes: Array | None = None) -> Lines:
        """Above: through the tip and the end that is further away."""
        del slopes
        low, high = self.interval(lower, upper)
        with np.errstate(all="ignore"):
            slope = np.where(upper > -lower, -1.0 / upper, -1.0 / lower)
            reach = np.maximum(np.abs(lower), np.abs(upper))
            intercept = np.maximum.reduce([np.ones_like(slope), -slope * lower, -slope * upper])
            intercept = intercept * (1.0 + 8.0 * ULP) + 8.0 * ULP * np.abs(slope) * reach
            use = ~self.linear(lower, upper) & np.isfinite(slope) & np.isfinite(intercept)
            use &= slope * (0.5 * lower + 0.5 * upper) + intercept < 1.0
        return Lines(np.zeros_like(low), low, np.where(use, slope, 0.0), np.where(use, intercept, high))

    def cuts(self, lower: Array, upper: Array) -> Array:
        """At 0, or close to it where it is an end."""
        width = _CLOSE * (upper - lower)
        at = np.where(lower >= 0.0, lower + width, np.where(upper <= 0.0, upper - width, 0.0))
        return np.where(~self.linear(lower, upper) & (lower < at) & (at < upper), at, np.nan)

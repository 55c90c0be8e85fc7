"""Curves: an activation of one operand that is made of convex and concave pieces, between two lines.

Any slope s makes a line above f on [l, u]: the least intercept is the maximum of g(z) = f(z) - s z. Of a convex piece
[a, b] that is g(a) or g(b). Of a concave one, any point p in it gives a bound, since f lies below its tangent there:

    g(z)  <=  g(p) + max((f'(p) - s)(a - p), (f'(p) - s)(b - p))            for all z in [a, b]

and the bound is the maximum itself where f'(p) = s. So neither the slope nor p has to be exact for the line to be
valid: they are found numerically, and only f and f' at single points are computed with care. Lines below f are lines
above -f.

The line above f that encloses the least area is the one that touches the concave envelope of f in the middle m of the
interval: on a concave piece the tangent at m, on a convex one the chord. Across several pieces its slope minimises
s m + max g, a convex function of s whose derivative is m less the z where g is greatest: found by bisection.

Rounding. Values are taken to be within 16 units in the last place (`ERROR`), which is several times what numpy and
scipy state, and derivatives within 2^-40 of themselves; a class whose functions cancel adds an absolute error
(`floor`). A knot between two pieces may be rounded as well: in between f is as good as linear.

Where a line would lie outside the interval of f's values, or is not a number, the constant is taken instead.

Source: Zhang, Weng, Chen, Hsieh, Daniel, CROWN, NeurIPS 2018 (tangents and chords); the intercepts are common practice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ivan.network.activations.base import Array, Curve, Lines

ULP = 2.0**-52
ERROR = 16.0 * ULP
"""Relative error of a computed value."""

TINY = 1e-300
"""More than is lost where a number underflows."""

_DERIVATIVE_ERROR = 2.0**-40
_BISECTIONS = 20
_NARROW = 1e-6
"""Intervals of this relative width have chords that cancel; a tangent is as close."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Piece:
    """Where a function is convex or concave, entry by entry.

    Attributes:
        lower: where it begins, a number or (...).
        upper: where it ends.
        bend: 1 where it is convex, also where it is linear; -1 where it is concave.
        index: which piece of the function it is.
    """

    lower: float | Array
    upper: float | Array
    bend: float | Array
    index: int


class Smooth(Curve):
    """A curve that is given by its values, its derivative, and where it is convex and concave.

    Attributes:
        floor: absolute error of values and derivatives, in units in the last place, besides the relative one.
        least: a bound below all values.
        most: a bound above all values.
        knots: where one piece ends and the next begins, ascending.
        bends: of each piece, 1 for convex and -1 for concave.
        knot_slopes: one-sided derivatives at the knots, where they can be outside of what the ends of an interval show.
        falling: a greater operand never makes the value greater.
    """

    floor = 0.0
    least = -np.inf
    most = np.inf
    knots: tuple[float, ...] = ()
    bends: tuple[int, ...] = (1,)
    knot_slopes: tuple[tuple[float, ...], ...] = ()
    falling = False

    def value(self, z: Array) -> Array:
        """The function itself."""
        raise NotImplementedError

    def derivative(self, z: Array) -> Array:
        """Its derivative."""
        raise NotImplementedError

    def touch(self, slope: Array, piece: Piece) -> Array:
        """About where the derivative is `slope` on a piece; anything, NaN too, where it is nowhere."""
        raise NotImplementedError(f"{self.name} has one piece")

    def slope_on(self, z: Array, piece: Piece) -> Array:
        """The derivative on a piece, also at its ends."""
        del piece
        return self.derivative(z)

    def defined(self, lower: Array, upper: Array) -> Mask:
        """Where the function has values all over the interval, except perhaps at its ends."""
        return np.asarray(lower <= upper)

    def pieces(self, lower: Array, upper: Array) -> Sequence[Piece]:
        """Those that the intervals reach into."""
        ends = [-np.inf, *self.knots, np.inf]
        least, most = (lower.min(), upper.max()) if lower.size else (0.0, 0.0)
        return [
            Piece(ends[k], ends[k + 1], float(bend), k)
            for k, bend in enumerate(self.bends)
            if ends[k + 1] >= least and ends[k] <= most
        ]

    def bend(self, lower: Array, upper: Array) -> Array:
        """(...): the bend of the piece that the interval lies in; 0 where there are several; NaN for constants only."""
        if not self.knots:
            return np.full(lower.shape, float(self.bends[0]))
        ends = np.array(self.knots)
        first, last = np.searchsorted(ends, lower, "right"), np.searchsorted(ends, upper, "left")
        return np.where(first >= last, np.array(self.bends, np.float64)[np.minimum(first, last)], 0.0)

    def interval(self, lower: Array, upper: Array) -> tuple[Array, Array]:
        """Values at the ends, and of what lies between them where the function is not monotone, rounded outwards."""
        with np.errstate(all="ignore"):
            ends = self.value(lower), self.value(upper)
            low, high = self.extremes(lower, upper, *ends)
            low, high = low - self._error(low), high + self._error(high)
            low, high = (
                np.maximum(np.nextafter(low, -np.inf), self.least),
                np.minimum(np.nextafter(high, np.inf), self.most),
            )
        unknown = ~self.defined(lower, upper)
        low = np.where(unknown, -np.inf, np.where(np.isnan(low), self.least, low))
        return low, np.where(unknown, np.inf, np.where(np.isnan(high), self.most, high))

    def extremes(self, lower: Array, upper: Array, first: Array, last: Array) -> tuple[Array, Array]:
        """The least and the greatest value, up to rounding, given those at the ends."""
        del lower, upper
        if self.increasing:
            return first, last
        if self.falling:
            return last, first
        raise NotImplementedError(f"{self.name} is not monotone")

    def lines(self, lower: Array, upper: Array, slopes: Array | None = None) -> Lines:
        """Those of least area, as far as found."""
        del slopes
        low, high = self.interval(lower, upper)
        known = self.defined(lower, upper)
        with np.errstate(all="ignore"):
            middle: Array = 0.5 * lower + 0.5 * upper
            sketch = _Sketch(
                lower, upper, middle, np.maximum(np.abs(lower), np.abs(upper)), self.bend(lower, upper),
                self.value(lower), self.value(upper), self.value(middle), self.derivative(middle),
            )  # fmt: skip
            above, highest = self._line(sketch, known, high, 1.0)
            below, lowest = self._line(sketch, known, -low, -1.0)
        below, lowest = -below, -lowest
        for straight, rise in self.straight(lower, upper):
            below, above = np.where(straight, rise, below), np.where(straight, rise, above)
            lowest, highest = np.where(straight, 0.0, lowest), np.where(straight, 0.0, highest)
        return Lines(below, lowest, above, highest)

    def straight(self, lower: Array, upper: Array) -> Sequence[tuple[Mask, float]]:
        """Where the function is 0 or z all over the interval, and its slope there: multiplying by it rounds nothing."""
        del lower, upper
        return ()

    def linear(self, lower: Array, upper: Array) -> Mask:
        """Where the interval is a point, or the function straight."""
        one = np.asarray(lower >= upper)
        for straight, _ in self.straight(lower, upper):
            one = one | straight
        return one

    def cuts(self, lower: Array, upper: Array) -> Array:
        """In the middle, where it is not linear."""
        return np.where(self.linear(lower, upper), np.nan, super().cuts(lower, upper))

    def _error(self, value: Array) -> Array:
        """How far a computed value may be off."""
        error: Array = ERROR * np.abs(value) + (self.floor * ULP + TINY)
        return error

    def _line(self, at: _Sketch, known: Mask, limit: Array, sign: float) -> tuple[Array, Array]:
        """Slope and intercept of a line above `sign` times the function, whose values are at most `limit`."""
        convex = at.bend * sign > 0.0
        chord = convex & (at.upper - at.lower > _NARROW * at.reach)
        slope = sign * np.where(chord, (at.last - at.first) / (at.upper - at.lower), at.slope)
        ends = np.maximum(self._over(sign * at.first, slope, at.lower), self._over(sign * at.last, slope, at.upper))
        steep = _DERIVATIVE_ERROR * np.abs(at.slope) + self.floor * ULP
        tangent = self._over(sign * at.inside, slope, at.middle) + steep * (at.upper - at.lower)
        intercept = np.where(convex, ends, tangent)
        hard = np.asarray((at.bend == 0.0) & known)
        if hard.any():
            low, high = at.lower[hard], at.upper[hard]
            steepness = self.steepness(low, high, sign)
            slope[hard], intercept[hard] = steepness, self._above(steepness, low, high, sign)[0]
        # a slope that is two units off, and the sum itself
        intercept += 4.0 * ULP * (np.abs(slope) * at.reach + np.abs(intercept)) + TINY
        height = slope * at.middle + intercept
        use = known & np.isfinite(at.bend) & np.isfinite(slope) & np.isfinite(intercept) & (height < limit)
        return np.where(use, slope, 0.0), np.where(use, intercept, limit)

    def _over(self, value: Array, slope: Array, z: Array) -> Array:
        """A bound above f(z) - s z, from a computed f(z)."""
        product = slope * z
        bound: Array = value - product + self._error(value) + 4.0 * ULP * np.abs(product)
        return bound

    def _above(self, slope: Array, lower: Array, upper: Array, sign: float) -> tuple[Array, Array]:
        """A bound above `sign` f(z) - s z all over the interval, and about where it is attained."""
        most, where = np.full(lower.shape, -np.inf), np.full(lower.shape, np.nan)
        for piece in self.pieces(lower, upper):
            a, b = np.maximum(lower, piece.lower), np.minimum(upper, piece.upper)
            here = a <= b
            convex = np.asarray(piece.bend * sign > 0.0)
            if convex.any():
                first, last = (self._over(sign * self.value(end), slope, end) for end in (a, b))
                bound, point = np.maximum(first, last), np.where(first > last, a, b)
            if not convex.all():
                p = np.clip(self.touch(sign * slope, piece), a, b)
                p = np.where(np.isnan(p), 0.5 * a + 0.5 * b, p)
                derivative = sign * self.slope_on(p, piece)
                off = derivative - slope
                slack = _DERIVATIVE_ERROR * np.abs(derivative) + self.floor * ULP + ULP * np.abs(slope)
                tangent = self._over(sign * self.value(p), slope, p) + slack * (b - a)
                tangent = tangent + np.maximum(off * (a - p), off * (b - p))
                if convex.any():
                    bound, point = np.where(convex, bound, tangent), np.where(convex, point, p)
                else:
                    bound, point = tangent, p
            better = here & ~(bound <= most)  # NaN comes through, and claims nothing
            most, where = np.where(better, bound, most), np.where(better, point, where)
        return most, where

    def steepness(self, lower: Array, upper: Array, sign: float) -> Array:
        """The slope of the best line above `sign` f, on intervals (m,) that reach across pieces: by bisection."""
        middle = 0.5 * lower + 0.5 * upper
        ends = [sign * self.derivative(lower), sign * self.derivative(upper)]
        for knot, slopes in zip(self.knots, self.knot_slopes or ((),) * len(self.knots), strict=True):
            inside = (lower < knot) & (knot < upper)
            for slope in slopes or (float(self.derivative(np.array(knot))),):
                ends.append(np.where(inside, sign * slope, ends[0]))
        return self.bisected(middle, lower, upper, sign, np.minimum.reduce(ends), np.maximum.reduce(ends))

    def bisected(self, middle: Array, lower: Array, upper: Array, sign: float, low: Array, high: Array) -> Array:
        """The slope between two that makes the lowest line in the middle."""
        for _ in range(_BISECTIONS):
            slope = 0.5 * low + 0.5 * high
            steeper = self._above(slope, lower, upper, sign)[1] > middle
            low, high = np.where(steeper, slope, low), np.where(steeper, high, slope)
        heights = [slope * middle + self._above(slope, lower, upper, sign)[0] for slope in (low, high)]
        return np.where(heights[0] < heights[1], low, high)


@dataclass(frozen=True)
class _Sketch:
    """What both lines are made from: intervals (...), and the function in some of their points."""

    lower: Array
    upper: Array
    middle: Array
    reach: Array
    bend: Array
    first: Array
    last: Array
    inside: Array
    slope: Array


class Sigmoidal(Smooth):
    """A function that rises from one limit to another, convex up to 0 and concave from there, and symmetric.

    Attributes:
        centre: f(0); f(-z) = 2 f(0) - f(z).
    """

    increasing = True
    knots = (0.0,)
    bends = (1, -1)
    centre = 0.0

    def steepness(self, lower: Array, upper: Array, sign: float) -> Array:
        """As of any curve: the tangent in the middle, where it clears the lower end; else the one through that end.

        Where that one touches is found by the Illinois method; the chord to it hardly depends on where exactly it is.
        """
        if sign < 0.0:  # -f(z) <= -s z + t where f(-z) <= s (-z) + t'
            return -self.steepness(-upper, -lower, 1.0)
        first, last, middle = self.value(lower), self.value(upper), 0.5 * lower + 0.5 * upper

        def gap(d: Array) -> Array:
            """How far the tangent at d passes below the lower end; rises with d."""
            return self.value(d) - first - self.derivative(d) * (d - lower)

        slope = self.derivative(middle)
        free = (middle > 0.0) & (self.value(middle) + slope * (lower - middle) >= first)
        near, far = np.maximum(middle, 0.0), upper
        gap_near, gap_far = gap(near), gap(far)
        chord = gap_far <= 0.0
        kept = np.zeros(lower.shape)
        for _ in range(_STEPS):
            at = far - gap_far * (far - near) / (gap_far - gap_near)
            at = np.where((near < at) & (at < far), at, 0.5 * near + 0.5 * far)
            gap_at = gap(at)
            below = gap_at < 0.0
            # where the same end is kept twice, its weight is halved
            gap_far = np.where(below, np.where(kept > 0.0, 0.5 * gap_far, gap_far), gap_at)
            gap_near = np.where(below, gap_at, np.where(kept < 0.0, 0.5 * gap_near, gap_near))
            near, far = np.where(below, at, near), np.where(below, far, at)
            kept = np.where(below, 1.0, -1.0)
        d = np.where(chord, upper, at)
        through = (np.where(chord, last, self.value(d)) - first) / (d - lower)
        return np.where(free, slope, through)


_STEPS = 9

Table = tuple[Any, Any]


def inverse(function: Any, points: Array) -> Table:
    """A table of the inverse of a function that is monotone on some points: values, ascending, and the points."""
    values = function(points)
    _, apart = np.unique(np.round(values * 2.0**40), return_index=True)  # so that no secant is too steep
    return values[apart], points[apart]


def inverted(table: Table, function: Any, value: Array) -> Array:
    """About where the function has the value: in which cell of the table, and two secant steps inside it.

    An end of the table where the value is beyond all of its own.
    """
    values, points = table
    cell = np.clip(np.searchsorted(values, value) - 1, 0, len(values) - 2)
    near, far = points[cell], points[cell + 1]
    low, high = np.minimum(near, far), np.maximum(near, far)
    rate = (far - near) / (values[cell + 1] - values[cell])
    at = near + np.clip(value - values[cell], 0.0, values[cell + 1] - values[cell]) * rate
    for _ in range(2):
        at = np.clip(at - (function(at) - value) * rate, low, high)
    result: Array = at
    return result

"""Powers: square, square root, reciprocal, and any other constant exponent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ivan.digest import Digestible
from ivan.network.activations.base import Array, Lines
from ivan.network.activations.rounding import ROUNDED
from ivan.network.activations.smooth import Mask, Piece, Smooth


class Square(Smooth):
    """act(z) = z^2."""

    name = "Square"
    rounding = ROUNDED
    least = 0.0

    def value(self, z: Array) -> Array:
        """Z z."""
        with np.errstate(over="ignore", under="ignore"):
            return np.asarray(z * z)

    def derivative(self, z: Array) -> Array:
        """2 z."""
        return np.asarray(2.0 * z)

    def extremes(self, lower: Array, upper: Array, first: Array, last: Array) -> tuple[Array, Array]:
        """Least at 0."""
        inside = (lower <= 0.0) & (upper >= 0.0)
        return np.where(inside, 0.0, np.minimum(first, last)), np.maximum(first, last)


@dataclass(frozen=True)
class Sqrt(Smooth):
    """act(z) = sqrt(z).

    Attributes:
        clipped: the operand is a sum of squares: what is negative in its bounds is rounding, and counts as 0.
    """

    clipped: bool = False

    name = "Sqrt"
    rounding = ROUNDED
    bends = (-1,)
    least = 0.0

    def value(self, z: Array) -> Array:
        """The root; below 0 it is NaN, or 0 where it is clipped."""
        with np.errstate(invalid="ignore"):
            return np.asarray(np.sqrt(np.maximum(z, 0.0) if self.clipped else z))

    def derivative(self, z: Array) -> Array:
        """1 / (2 sqrt(z))."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(0.5 / self.value(z))

    def defined(self, lower: Array, upper: Array) -> Mask:
        """Where nothing is negative."""
        return np.asarray((lower >= 0.0) & (lower <= upper))

    def interval(self, lower: Array, upper: Array) -> tuple[Array, Array]:
        """At the ends."""
        return super().interval(*self._clip(lower, upper))

    def lines(self, lower: Array, upper: Array, slopes: Array | None = None) -> Lines:
        """As of any curve."""
        return super().lines(*self._clip(lower, upper), slopes)

    def _clip(self, lower: Array, upper: Array) -> tuple[Array, Array]:
        return (np.maximum(lower, 0.0), np.maximum(upper, 0.0)) if self.clipped else (lower, upper)

    def extremes(self, lower: Array, upper: Array, first: Array, last: Array) -> tuple[Array, Array]:
        """At the ends."""
        del lower, upper
        return first, last

    def describe(self) -> Digestible:
        """Its name, and whether it is clipped."""
        return [self.name, "clipped"] if self.clipped else self.name


class Reciprocal(Smooth):
    """act(z) = 1 / z, on either side of its pole."""

    name = "Reciprocal"
    rounding = ROUNDED
    knots = (0.0,)
    bends = (-1, 1)

    def value(self, z: Array) -> Array:
        """1 / z."""
        with np.errstate(divide="ignore", over="ignore"):
            return np.asarray(1.0 / z)

    def derivative(self, z: Array) -> Array:
        """-1 / z^2."""
        with np.errstate(divide="ignore", over="ignore"):
            return np.asarray(-1.0 / (z * z))

    def defined(self, lower: Array, upper: Array) -> Mask:
        """Where 0 is not strictly inside, and there is more than 0."""
        return np.asarray(((lower >= 0.0) & (upper > 0.0) | (upper <= 0.0) & (lower < 0.0)) & (lower <= upper))

    def extremes(self, lower: Array, upper: Array, first: Array, last: Array) -> tuple[Array, Array]:
        """Falls on either side; at 0 it is infinite, with the sign of the side."""
        return np.where(upper == 0.0, -np.inf, last), np.where(lower == 0.0, np.inf, first)

    def cuts(self, lower: Array, upper: Array) -> Array:
        """At the pole, else in the middle."""
        return np.where((lower < 0.0) & (upper > 0.0), 0.0, super().cuts(lower, upper))


@dataclass(frozen=True)
class Power(Smooth):
    """act(z) = z^p for a constant p: on all numbers for an integer p, from 0 on otherwise.

    Attributes:
        exponent: p; neither 0 nor 1.
    """

    exponent: float

    name = "Power"

    def __post_init__(self) -> None:
        if not np.isfinite(self.exponent) or self.exponent in (0.0, 1.0):
            raise ValueError(f"not an exponent of a curve: {self.exponent}")

    @property
    def _odd(self) -> bool:
        return self.exponent % 2.0 == 1.0

    @property
    def _whole(self) -> bool:
        return self.exponent == round(self.exponent)

    @property
    def least(self) -> float:  # type: ignore[override]
        """0, unless the exponent is odd."""
        return -np.inf if self._odd else 0.0

    @property
    def increasing(self) -> bool:  # type: ignore[override]
        """Odd powers are, everywhere."""
        return self._odd and self.exponent > 0.0

    @property
    def knots(self) -> tuple[float, ...]:  # type: ignore[override]
        """0, where the bend changes or there is a pole."""
        return (0.0,) if self._whole and (self._odd or self.exponent < 0.0) else ()

    @property
    def bends(self) -> tuple[int, ...]:  # type: ignore[override]
        """Left and right of 0, as far as they differ or are apart."""
        right = -1 if 0.0 < self.exponent < 1.0 else 1
        return ((-1 if self._odd else 1), right) if self.knots else (right,)

    def value(self, z: Array) -> Array:
        """z^p."""
        with np.errstate(all="ignore"):
            return np.asarray(np.power(z, self.exponent))

    def derivative(self, z: Array) -> Array:
        """P z^(p - 1)."""
        with np.errstate(all="ignore"):
            return np.asarray(self.exponent * np.power(z, self.exponent - 1.0))

    def touch(self, slope: Array, piece: Piece) -> Array:
        """|z|^(p - 1) = s / p, of an odd power."""
        distance = np.power(np.maximum(slope / self.exponent, 0.0), 1.0 / (self.exponent - 1.0))
        return distance if piece.index else -distance

    def defined(self, lower: Array, upper: Array) -> Mask:
        """Not across a pole; nothing negative under a root."""
        known = lower <= upper
        if not self._whole:
            known = known & (lower >= 0.0)
        if self.exponent < 0.0:
            known = known & ((lower >= 0.0) & (upper > 0.0) | (upper <= 0.0) & (lower < 0.0))
        return np.asarray(known)

    def extremes(self, lower: Array, upper: Array, first: Array, last: Array) -> tuple[Array, Array]:
        """At the ends, and at 0 for even powers."""
        if self.exponent < 0.0 and self._odd:
            return np.where(upper == 0.0, -np.inf, last), np.where(lower == 0.0, np.inf, first)
        low, high = np.minimum(first, last), np.maximum(first, last)
        if self.exponent > 0.0 and self._whole and not self._odd:
            low = np.where((lower <= 0.0) & (upper >= 0.0), 0.0, low)
        return low, high

    def cuts(self, lower: Array, upper: Array) -> Array:
        """At the pole, else in the middle."""
        middle = super().cuts(lower, upper)
        return np.where((lower < 0.0) & (upper > 0.0), 0.0, middle) if self.exponent < 0.0 else middle

    def describe(self) -> Digestible:
        """With the exponent."""
        return [self.name, self.exponent]

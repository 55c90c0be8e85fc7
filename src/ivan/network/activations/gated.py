"""An operand times a gate that opens as it grows: GELU, Swish, Mish, HardSwish. They fall a little, then rise.

GELU, its approximation by tanh, Swish and Mish are convex between two knots and concave outside. Where the derivative
has a given value is found from tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from ivan.network.activations.base import Array
from ivan.network.activations.rounding import GATED
from ivan.network.activations.smooth import Mask, Piece, Smooth, Table, inverse, inverted


class _Gated(Smooth):
    """A gated operand.

    Attributes:
        bottom: where the value is least.
    """

    floor = 16.0
    rounding = GATED
    bends: tuple[int, ...] = (-1, 1, -1)
    bottom = 0.0

    def touch(self, slope: Array, piece: Piece) -> Array:
        """From a table."""
        return inverted(_table(self, piece.index), self.derivative, slope)

    def extremes(self, lower: Array, upper: Array, first: Array, last: Array) -> tuple[Array, Array]:
        """At the ends and at the bottom."""
        inside = (lower <= self.bottom) & (self.bottom <= upper)
        deep = float(self.value(np.array(self.bottom)))
        return np.where(inside, deep, np.minimum(first, last)), np.maximum(first, last)


@lru_cache(maxsize=64)
def _table(gated: _Gated, piece: int) -> Table:
    left, right = gated.knots
    outwards = np.geomspace(1e-6, 60.0, 2048)
    points = (left - outwards, np.linspace(left, right, 2049), right + outwards)[piece]
    with np.errstate(all="ignore"):
        return inverse(gated.derivative, points)


class Gelu(_Gated):
    """act(z) = z Phi(z), Phi the normal distribution function; its second derivative is (2 - z^2) times the density."""

    name = "Gelu"
    knots = (-1.4142135623730951, 1.4142135623730951)
    least = -0.17
    bottom = -0.7517915246935644

    def value(self, z: Array) -> Array:
        """By scipy."""
        from scipy.special import ndtr

        with np.errstate(invalid="ignore", under="ignore"):
            return np.asarray(z * ndtr(z))

    def derivative(self, z: Array) -> Array:
        """Phi(z) + z phi(z)."""
        from scipy.special import ndtr

        with np.errstate(invalid="ignore", under="ignore", over="ignore"):
            return np.asarray(ndtr(z) + z * (_DENSITY * np.exp(-0.5 * z * z)))


_DENSITY = 1.0 / np.sqrt(2.0 * np.pi)


class GeluTanh(_Gated):
    """act(z) = z (1 + tanh(y)) / 2 = z / (1 + exp(-2 y)), y = sqrt(2 / pi) (z + 0.044715 z^3)."""

    name = "GeluTanh"
    knots = (-1.4185040087908283, 1.4185040087908283)
    least = -0.1701
    bottom = -0.7524614220710161

    def value(self, z: Array) -> Array:
        """Without cancellation."""
        with np.errstate(all="ignore"):
            return np.asarray(z * _logistic(2.0 * _ROOT * (z + 0.044715 * z**3)))

    def derivative(self, z: Array) -> Array:
        """The gate, and the operand times the gate's derivative."""
        with np.errstate(all="ignore"):
            y, rise = 2.0 * _ROOT * (z + 0.044715 * z**3), 2.0 * _ROOT * (1.0 + 0.134145 * z * z)
            return np.asarray(_logistic(y) + z * rise * (_logistic(y) * _logistic(-y)))


_ROOT = np.sqrt(2.0 / np.pi)


class Swish(_Gated):
    """act(z) = z / (1 + exp(-z)), also called SiLU."""

    name = "Swish"
    knots = (-2.3993572805154675, 2.3993572805154675)
    least = -0.2785
    bottom = -1.278464542761074

    def value(self, z: Array) -> Array:
        """Z times the logistic function."""
        with np.errstate(invalid="ignore", under="ignore"):
            return np.asarray(z * _logistic(z))

    def derivative(self, z: Array) -> Array:
        """The gate, and the operand times the gate's derivative."""
        with np.errstate(invalid="ignore", under="ignore"):
            gate = _logistic(z)
            return np.asarray(gate + z * (gate * _logistic(-z)))


class Mish(_Gated):
    """act(z) = z tanh(log(1 + exp(z)))."""

    name = "Mish"
    knots = (-2.256376396360793, 1.4905711794854286)
    least = -0.309
    bottom = -1.1924312145154954

    def value(self, z: Array) -> Array:
        """With w = exp(z), tanh(log(1 + w)) = w (w + 2) / (w (w + 2) + 2)."""
        with np.errstate(invalid="ignore", under="ignore"):
            small = np.exp(-np.abs(z))
            n = np.where(z > 0.0, 1.0 + 2.0 * small, small * (small + 2.0))
            return np.asarray(z * (n / (n + np.where(z > 0.0, 2.0 * small * small, 2.0))))

    def derivative(self, z: Array) -> Array:
        """The gate, and z times 4 w (1 + w) / (w (w + 2) + 2)^2."""
        with np.errstate(invalid="ignore", under="ignore"):
            small = np.exp(-np.abs(z))
            positive = z > 0.0
            n = np.where(positive, 1.0 + 2.0 * small, small * (small + 2.0))
            total = n + np.where(positive, 2.0 * small * small, 2.0)
            rise = 4.0 * np.where(positive, small * small, small) * (1.0 + small) / (total * total)
            return np.asarray(n / total + z * rise)


def _logistic(z: Array) -> Array:
    small = np.exp(-np.abs(z))
    return np.asarray(np.where(z >= 0.0, 1.0, small) / (1.0 + small))


class HardSwish(Smooth):
    """act(z) = z clip(z / 6 + 1 / 2, 0, 1): 0 up to -3, z (z + 3) / 6, z from 3 on; its slope falls at both knots."""

    name = "HardSwish"
    least = -0.3751
    knots = (-3.0, 3.0)
    bends = (1, 1, 1)
    knot_slopes = ((0.0, -0.5), (1.5, 1.0))

    def value(self, z: Array) -> Array:
        """0, z (z + 3) / 6, or z."""
        inner = np.clip(z, -3.0, 3.0)
        return np.where(z >= 3.0, z, inner * (inner + 3.0) / 6.0)

    def derivative(self, z: Array) -> Array:
        """0, (2 z + 3) / 6, or 1."""
        return np.where(z <= -3.0, 0.0, np.where(z >= 3.0, 1.0, (2.0 * np.clip(z, -3.0, 3.0) + 3.0) / 6.0))

    def slope_on(self, z: Array, piece: Piece) -> Array:
        """Of either piece at a knot."""
        return (2.0 * z + 3.0) / 6.0 if piece.index == 1 else np.full_like(z, 0.5 * piece.index)

    def touch(self, slope: Array, piece: Piece) -> Array:
        """(2 z + 3) / 6 = s."""
        return 3.0 * slope - 1.5 if piece.index == 1 else np.full_like(slope, np.nan)

    def extremes(self, lower: Array, upper: Array, first: Array, last: Array) -> tuple[Array, Array]:
        """At the ends and at -3/2."""
        inside = (lower <= -1.5) & (upper >= -1.5)
        return np.where(inside, -0.375, np.minimum(first, last)), np.maximum(first, last)

    def straight(self, lower: Array, upper: Array) -> Sequence[tuple[Mask, float]]:
        """Left of -3 and right of 3."""
        return [(upper <= -3.0, 0.0), (lower >= 3.0, 1.0)]

    def cuts(self, lower: Array, upper: Array) -> Array:
        """At a knot, else in the middle."""
        middle = super().cuts(lower, upper)
        for knot in self.knots:
            middle = np.where((lower < knot) & (knot < upper), knot, middle)
        return np.where(self.linear(lower, upper), np.nan, middle)

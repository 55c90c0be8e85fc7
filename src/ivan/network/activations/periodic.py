"""Sine and cosine: arches of width pi, concave and convex by turns.

An interval wider than a whole wave, or so far out that the arches are lost in rounding, has the lines 1 and -1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ivan.network.activations.base import Array
from ivan.network.activations.smooth import Mask, Piece, Smooth

_FAR = 1e6


class _Wave(Smooth):
    """A function whose second derivative is its negative: concave above 0 and convex below.

    Attributes:
        shift: where the arch above 0 begins, in units of pi.
    """

    floor = 16.0
    least, most = -1.0, 1.0
    shift = 0.0

    def _arch(self, z: Array) -> Array:
        """The number of the arch that each operand is in; even ones are concave."""
        return np.asarray(np.floor(z / np.pi - self.shift))

    def _begins(self, arch: Array) -> Array:
        return np.asarray((arch + self.shift) * np.pi)

    def _narrow(self, lower: Array, upper: Array) -> Mask:
        """Where lines other than 1 and -1 are looked for."""
        return np.asarray((upper - lower < 2.0 * np.pi) & (lower > -_FAR) & (upper < _FAR))

    def bend(self, lower: Array, upper: Array) -> Array:
        """By the arch; what is wide is not looked at."""
        first, last = self._arch(lower), self._arch(upper)
        one = np.where(first % 2.0 == 0.0, -1.0, 1.0)
        return np.where(self._narrow(lower, upper), np.where(first == last, one, 0.0), np.nan)

    def pieces(self, lower: Array, upper: Array) -> Sequence[Piece]:
        """Up to four arches."""
        first = self._arch(lower)
        count = int(np.max(self._arch(upper) - first, initial=0.0)) + 1
        found = []
        for k in range(count):
            arch = first + k
            # the first begins, and the last ends, wherever the interval does: rounding leaves nothing out
            begin = np.full(lower.shape, -np.inf) if k == 0 else self._begins(arch)
            end = np.full(lower.shape, np.inf) if k == count - 1 else self._begins(arch + 1.0)
            found.append(Piece(begin, end, np.where(arch % 2.0 == 0.0, -1.0, 1.0), k))
        return found

    def touch(self, slope: Array, piece: Piece) -> Array:
        """On an arch from a: sin(z - a), or its negative, has the derivative cos(z - a)."""
        begin = piece.lower if piece.index else np.asarray(piece.upper) - np.pi
        begin = np.where(np.isfinite(begin), begin, np.nan)
        return np.asarray(begin + np.arccos(np.clip(-np.asarray(piece.bend) * slope, -1.0, 1.0)))

    def steepness(self, lower: Array, upper: Array, sign: float) -> Array:
        """By bisection between -1 and 1, or what the ends leave of that."""
        middle = 0.5 * lower + 0.5 * upper
        low, high = np.full(lower.shape, -1.0), np.full(lower.shape, 1.0)
        return self.bisected(middle, lower, upper, sign, low, high)

    def extremes(self, lower: Array, upper: Array, first: Array, last: Array) -> tuple[Array, Array]:
        """Between the ends, 1 or -1 where the top of an arch lies inside."""
        narrow = self._narrow(lower, upper)

        def inside(top: float) -> Mask:
            """Whether top + 2 k, in units of pi, is inside for an integer k."""
            a, b = ((z / np.pi - top - self.shift) / 2.0 for z in (lower, upper))
            return np.asarray(np.floor(b) > np.floor(a)) | ~narrow

        return (
            np.where(inside(1.5), -1.0, np.minimum(first, last)),
            np.where(inside(0.5), 1.0, np.maximum(first, last)),
        )


class Sin(_Wave):
    """act(z) = sin(z)."""

    name = "Sin"

    def value(self, z: Array) -> Array:
        """sin(z)."""
        with np.errstate(invalid="ignore"):
            return np.asarray(np.sin(z))

    def derivative(self, z: Array) -> Array:
        """cos(z)."""
        with np.errstate(invalid="ignore"):
            return np.asarray(np.cos(z))


class Cos(_Wave):
    """act(z) = cos(z)."""

    name = "Cos"
    shift = -0.5

    def value(self, z: Array) -> Array:
        """cos(z)."""
        with np.errstate(invalid="ignore"):
            return np.asarray(np.cos(z))

    def derivative(self, z: Array) -> Array:
        """-sin(z)."""
        with np.errstate(invalid="ignore"):
            return np.asarray(-np.sin(z))

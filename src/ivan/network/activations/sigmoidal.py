"""Sigmoidal functions: logistic, hyperbolic tangent, error function, inverse tangent, softsign."""

from __future__ import annotations

import numpy as np

from ivan.network.activations.base import Array
from ivan.network.activations.smooth import Piece, Sigmoidal


class Sigmoid(Sigmoidal):
    """act(z) = 1 / (1 + exp(-z))."""

    name = "Sigmoid"
    least, most = 0.0, 1.0
    centre = 0.5

    def value(self, z: Array) -> Array:
        """From exp(-|z|), which cannot overflow; accurate for small values too."""
        with np.errstate(under="ignore"):
            small = np.exp(-np.abs(z))
            result: Array = np.where(z >= 0.0, 1.0, small) / (1.0 + small)
        return result

    def derivative(self, z: Array) -> Array:
        """act(z) act(-z)."""
        with np.errstate(under="ignore"):
            small = np.exp(-np.abs(z))
            result: Array = small / (1.0 + small) ** 2
        return result

    def touch(self, slope: Array, piece: Piece) -> Array:
        """On the concave side act = (1 + sqrt(1 - 4 s)) / 2."""
        root = np.sqrt(np.maximum(1.0 - 4.0 * slope, 0.0))
        # log(act / (1 - act)), and 1 - act = 2 s / (1 + root)
        distance: Array = np.log((1.0 + root) ** 2 / (4.0 * slope))
        return distance if piece.index else -distance


class Tanh(Sigmoidal):
    """act(z) = tanh(z)."""

    name = "Tanh"
    least, most = -1.0, 1.0

    def value(self, z: Array) -> Array:
        """tanh(z)."""
        return np.asarray(np.tanh(z))

    def derivative(self, z: Array) -> Array:
        """1 / cosh(z)^2, from exp(-2 |z|), which does not cancel."""
        with np.errstate(under="ignore"):
            small = np.exp(-2.0 * np.abs(z))
            result: Array = 4.0 * small / (1.0 + small) ** 2
        return result

    def touch(self, slope: Array, piece: Piece) -> Array:
        """cosh(z) = 1 / sqrt(s)."""
        distance: Array = np.arccosh(np.maximum(1.0 / np.sqrt(slope), 1.0))
        return distance if piece.index else -distance


class Erf(Sigmoidal):
    """act(z) = 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to z."""

    name = "Erf"
    least, most = -1.0, 1.0

    def value(self, z: Array) -> Array:
        """By scipy."""
        from scipy.special import erf

        return np.asarray(erf(z))

    def derivative(self, z: Array) -> Array:
        """2 / sqrt(pi) exp(-z^2)."""
        with np.errstate(under="ignore", over="ignore"):
            return np.asarray(_PEAK * np.exp(-z * z))

    def touch(self, slope: Array, piece: Piece) -> Array:
        """z^2 = log(2 / (sqrt(pi) s))."""
        distance: Array = np.sqrt(np.maximum(np.log(_PEAK / slope), 0.0))
        return distance if piece.index else -distance


_PEAK = 2.0 / np.sqrt(np.pi)


class Arctan(Sigmoidal):
    """act(z) = arctan(z)."""

    name = "Arctan"
    least, most = -1.5707963267948968, 1.5707963267948968

    def value(self, z: Array) -> Array:
        """arctan(z)."""
        return np.asarray(np.arctan(z))

    def derivative(self, z: Array) -> Array:
        """1 / (1 + z^2)."""
        with np.errstate(over="ignore"):
            return np.asarray(1.0 / (1.0 + z * z))

    def touch(self, slope: Array, piece: Piece) -> Array:
        """z^2 = 1 / s - 1."""
        distance: Array = np.sqrt(np.maximum(1.0 / slope - 1.0, 0.0))
        return distance if piece.index else -distance


class Softsign(Sigmoidal):
    """act(z) = z / (1 + |z|)."""

    name = "Softsign"
    least, most = -1.0, 1.0

    def value(self, z: Array) -> Array:
        """Z / (1 + |z|); the limits at infinity."""
        with np.errstate(invalid="ignore"):
            return np.where(np.isinf(z), np.sign(z), z / (1.0 + np.abs(z)))

    def derivative(self, z: Array) -> Array:
        """1 / (1 + |z|)^2."""
        with np.errstate(over="ignore"):
            return np.asarray(1.0 / (1.0 + np.abs(z)) ** 2)

    def touch(self, slope: Array, piece: Piece) -> Array:
        """|z| = 1 / sqrt(s) - 1."""
        distance: Array = np.maximum(1.0 / np.sqrt(slope) - 1.0, 0.0)
        return distance if piece.index else -distance

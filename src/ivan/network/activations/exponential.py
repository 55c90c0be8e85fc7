"""Exponentials and logarithms: one piece each, except the exponential linear unit whose slope falls at its knot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ivan.digest import Digestible
from ivan.network.activations.base import Array
from ivan.network.activations.rounding import CURVE, Rounding
from ivan.network.activations.smooth import Mask, Piece, Smooth


class Exp(Smooth):
    """act(z) = exp(z)."""

    name = "Exp"
    increasing = True
    least = 0.0

    def value(self, z: Array) -> Array:
        """exp(z); infinite where that is beyond float64."""
        with np.errstate(over="ignore", under="ignore"):
            return np.asarray(np.exp(z))

    def derivative(self, z: Array) -> Array:
        """exp(z)."""
        return self.value(z)


class Log(Smooth):
    """act(z) = log(z); has no value below 0."""

    name = "Log"
    bends = (-1,)

    def value(self, z: Array) -> Array:
        """log(z), minus infinity at 0 and NaN below."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.log(z))

    def derivative(self, z: Array) -> Array:
        """1 / z."""
        with np.errstate(divide="ignore"):
            return np.asarray(1.0 / z)

    def defined(self, lower: Array, upper: Array) -> Mask:
        """Where nothing is negative."""
        return np.asarray((lower >= 0.0) & (lower <= upper))

    def extremes(self, lower: Array, upper: Array, first: Array, last: Array) -> tuple[Array, Array]:
        """At the ends."""
        del lower, upper
        return first, last


class Softplus(Smooth):
    """act(z) = log(1 + exp(z))."""

    name = "Softplus"
    increasing = True
    least = 0.0

    def value(self, z: Array) -> Array:
        """max(z, 0) + log(1 + exp(-|z|))."""
        with np.errstate(under="ignore"):
            return np.asarray(np.maximum(z, 0.0) + np.log1p(np.exp(-np.abs(z))))

    def derivative(self, z: Array) -> Array:
        """1 / (1 + exp(-z))."""
        with np.errstate(under="ignore"):
            small = np.exp(-np.abs(z))
            return np.asarray(np.where(z >= 0.0, 1.0, small) / (1.0 + small))


@dataclass(frozen=True)
class Elu(Smooth):
    """act(z) = z where z > 0, alpha (exp(z) - 1) elsewhere.

    Attributes:
        alpha: not negative. Up to 1 the function is convex; beyond, each side of 0 is.
    """

    alpha: float = 1.0

    name = "Elu"
    increasing = True

    def __post_init__(self) -> None:
        if not 0.0 <= self.alpha < np.inf:
            raise ValueError(f"alpha must not be negative, and is {self.alpha}")

    @property
    def least(self) -> float:  # type: ignore[override]
        """The limit to the left."""
        return -self.alpha

    @property
    def rounding(self) -> Rounding:  # type: ignore[override]
        """As of any curve, alpha times."""
        return Rounding(CURVE.value, CURVE.one * max(1.0, self.alpha))

    @property
    def knots(self) -> tuple[float, ...]:  # type: ignore[override]
        """0, where the slope falls."""
        return (0.0,) if self.alpha > 1.0 else ()

    @property
    def bends(self) -> tuple[int, ...]:  # type: ignore[override]
        """Convex."""
        return (1, 1) if self.alpha > 1.0 else (1,)

    @property
    def knot_slopes(self) -> tuple[tuple[float, ...], ...]:  # type: ignore[override]
        """From the left and from the right."""
        return ((self.alpha, 1.0),) if self.alpha > 1.0 else ()

    def value(self, z: Array) -> Array:
        """z, or alpha (exp(z) - 1)."""
        with np.errstate(under="ignore"):
            return np.where(z > 0.0, z, self.alpha * np.expm1(np.minimum(z, 0.0)))

    def derivative(self, z: Array) -> Array:
        """1, or alpha exp(z)."""
        with np.errstate(under="ignore"):
            return np.where(z > 0.0, 1.0, self.alpha * np.exp(np.minimum(z, 0.0)))

    def slope_on(self, z: Array, piece: Piece) -> Array:
        """Either side's."""
        return np.ones_like(z) if piece.index else self.alpha * np.exp(np.minimum(z, 0.0))

    def touch(self, slope: Array, piece: Piece) -> Array:
        """Alpha exp(z) = s."""
        return np.full_like(slope, np.nan) if piece.index else np.log(slope / self.alpha)

    def straight(self, lower: Array, upper: Array) -> list[tuple[Mask, float]]:
        """Z right of 0."""
        del upper
        return [(lower >= 0.0, 1.0)]

    def describe(self) -> Digestible:
        """With alpha."""
        return [self.name, self.alpha]

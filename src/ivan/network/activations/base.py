"""What every activation provides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ivan.digest import Digestible
from ivan.network.activations.rounding import CURVE, Rounding

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Lines:
    """Two lines around an activation on l <= z <= u, entry by entry; planes where it has two operands.

        lower_slope . z + lower_intercept  <=  act(z)  <=  upper_slope . z + upper_intercept

    The intercepts absorb every rounding, also that of multiplying a slope by a coefficient: the lines remain valid when
    a slope is off by two units in its last place. A lower intercept of None is zero everywhere.

    Attributes:
        lower_slope: (..., arity n), one for each operand.
        lower_intercept: (..., n).
        upper_slope: (..., arity n).
        upper_intercept: (..., n).
    """

    lower_slope: Array
    lower_intercept: Array | None
    upper_slope: Array
    upper_intercept: Array

    def apart(self, by: Array) -> Lines:
        """The lines moved apart by so much (..., n)."""
        lower = -by if self.lower_intercept is None else self.lower_intercept - by
        return Lines(
            self.lower_slope,
            np.nextafter(lower, -np.inf),
            self.upper_slope,
            np.nextafter(self.upper_intercept + by, np.inf),
        )


@dataclass(frozen=True)
class Choice:
    """Two pairs of lines; whatever lies between the two lower ones is a lower line too, and likewise above.

    Attributes:
        first: a share of 0.
        second: a share of 1.
        lower_share: (..., n) 0 or 1, which lower line is the rule's.
        upper_share: (..., n) likewise.
    """

    first: Lines
    second: Lines
    lower_share: Array
    upper_share: Array

    @property
    def picked(self) -> Lines:
        """The rule's lines."""

        def wide(share: Array, like: Array) -> Array:
            return np.tile(share, like.shape[-1] // share.shape[-1])

        one, other = self.first, self.second
        low, high = self.lower_share, self.upper_share
        lowest = [np.zeros_like(low) if at.lower_intercept is None else at.lower_intercept for at in (one, other)]
        return Lines(
            np.where(wide(low, one.lower_slope) > 0.0, other.lower_slope, one.lower_slope),
            np.where(low > 0.0, lowest[1], lowest[0]),
            np.where(wide(high, one.upper_slope) > 0.0, other.upper_slope, one.upper_slope),
            np.where(high > 0.0, other.upper_intercept, one.upper_intercept),
        )


class Activation(Protocol):
    """An activation: stateless, entry by entry; n values of arity * n numbers.

    The last axis of every array holds the operands one after the other: first those of all n values that come first,
    then, where the arity is 2, those that come second. All other axes are free.
    """

    @property
    def name(self) -> str:
        """Its name in messages, tables and digests."""

    @property
    def arity(self) -> int:
        """How many operands each value has: 1 or 2."""

    @property
    def sloped(self) -> bool:
        """Whether any slope from 0 to 1 makes a lower line, so that slopes are worth choosing."""

    @property
    def mixed(self) -> bool:
        """Whether there are two pairs of planes to choose between, or anything in between: see `choice`."""

    @property
    def splittable(self) -> bool:
        """Whether closer bounds on an operand can make closer lines: for all but affine activations."""

    @property
    def rounding(self) -> Rounding:
        """How far a runtime's value may be off."""

    @property
    def increasing(self) -> bool:
        """Whether a greater operand never makes the value less."""

    def value(self, z: Array) -> Array:
        """act(z): (..., arity n) -> (..., n)."""

    def derivative(self, z: Array) -> Array:
        """By each operand, (..., arity n); an element of the subdifferential, or what an attack may follow instead."""

    def interval(self, lower: Array, upper: Array) -> tuple[Array, Array]:
        """Rigorous bounds (..., n) on act over [lower, upper]."""

    def lines(self, lower: Array, upper: Array, slopes: Array | None = None) -> Lines:
        """Rigorous lines on [lower, upper]; `slopes` chooses among the valid lower lines where it is `sloped`."""

    def choice(self, lower: Array, upper: Array) -> Choice:
        """Both pairs of planes on [lower, upper], of an activation that is `mixed`."""

    def linear(self, lower: Array, upper: Array) -> NDArray[np.bool_]:
        """(..., arity n): where act is known to be linear in the operand: closer bounds on it gain nothing."""

    def cuts(self, lower: Array, upper: Array) -> Array:
        """(..., arity n): where to split the interval of each operand, strictly inside; NaN where nothing is gained."""

    def describe(self) -> Digestible:
        """What digests are taken over."""


class Curve:
    """What activations are unless they say otherwise: nowhere linear, of one operand, with one pair of lines."""

    name = ""
    arity = 1
    sloped = False
    mixed = False
    splittable = True
    rounding = CURVE
    increasing = False

    def linear(self, lower: Array, upper: Array) -> NDArray[np.bool_]:
        """Only where the interval is a point."""
        return np.asarray(lower >= upper)

    def choice(self, lower: Array, upper: Array) -> Choice:
        """There is none.

        Raises:
            TypeError: always.
        """
        raise TypeError(f"{self.name} has one pair of lines")

    def cuts(self, lower: Array, upper: Array) -> Array:
        """In the middle."""
        middle: Array = 0.5 * lower + 0.5 * upper
        return np.where((lower < middle) & (middle < upper), middle, np.nan)

    def describe(self) -> Digestible:
        """Its name."""
        return self.name


class Mixed(Curve):
    """What activations with two pairs of planes are unless they say otherwise: their lines are the rule's `choice`."""

    mixed = True

    def lines(self, lower: Array, upper: Array, slopes: Array | None = None) -> Lines:
        """Of either two planes the one that the rule picks."""
        del slopes
        return self.choice(lower, upper).picked


def operands(z: Array) -> tuple[Array, Array]:
    """The first and the second operands in the last axis: (..., 2 n) -> (..., n) each; views."""
    n = z.shape[-1] // 2
    return z[..., :n], z[..., n:]

"""Regions of inputs: boxes of exact numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

Vector = tuple[Fraction, ...]


@dataclass(frozen=True)
class Box:
    """Every input between its two bounds, both included.

    Attributes:
        lower, upper: (n,).

    Raises:
        ValueError: the bounds differ in number, or a lower one is above its upper one.
    """

    lower: Vector
    upper: Vector

    def __post_init__(self) -> None:
        if len(self.lower) != len(self.upper):
            raise ValueError(f"{len(self.lower)} lower bounds and {len(self.upper)} upper bounds")
        for axis, (low, high) in enumerate(zip(self.lower, self.upper, strict=True)):
            if low > high:
                raise ValueError(f"the box is empty: input {axis} lies between {float(low):g} and {float(high):g}")

    @property
    def size(self) -> int:
        """Number of inputs."""
        return len(self.lower)


def ball(centre: Sequence[Fraction], radius: Fraction, clip: tuple[Fraction, Fraction] | None = None) -> Box:
    """The L-infinity ball around a point, within the limits that every input has.

    Args:
        centre: (n,).
        radius: not negative.
        clip: least and greatest value of an input; None for no limits.

    Raises:
        ValueError: a negative radius, or nothing of the ball lies within the limits.
    """
    if radius < 0:
        raise ValueError("the radius is negative")
    lower, upper = [c - radius for c in centre], [c + radius for c in centre]
    if clip is not None:
        least, most = clip
        lower, upper = [max(v, least) for v in lower], [min(v, most) for v in upper]
    return Box(tuple(lower), tuple(upper))


def normalised(box: Box, mean: Sequence[Fraction], deviation: Sequence[Fraction]) -> Box:
    """The box behind the map x -> (x - mean) / deviation that data go through before they reach the model.

    Args:
        box: of n inputs.
        mean: (n,).
        deviation: (n,), positive.

    Raises:
        ValueError: a deviation is not positive.
    """
    if any(d <= 0 for d in deviation):
        raise ValueError("a standard deviation is not positive")

    def through(side: Vector) -> Vector:
        return tuple((v - m) / d for v, m, d in zip(side, mean, deviation, strict=True))

    return Box(through(box.lower), through(box.upper))

"""How far a ReLU's value moves, tied to both values: f(z, d, z', h, h') = h' - h, where z' = z + d and h = relu(z).

Both values stand in the network as ReLUs of their own, so f is linear in the last two operands: as far as that goes
nothing is relaxed here, and whatever is proved with two networks side by side can be proved with this one. What it
adds is the line in d alone (difference.py), which holds where the phases are not known: f lies between 0 and d. Any
mixture of the two is a pair of planes as well, so a bound takes from either what it needs. Of z and z' only the bounds
matter: they tell the phases.
"""

from __future__ import annotations

import numpy as np

from ivan.network.activations.base import Array, Choice, Lines, Mixed
from ivan.network.activations.difference import ReluDifference
from ivan.network.activations.rounding import EXACT
from ivan.network.activations.tied import Mask, intervals, settled, settled_apart, values_apart

_DIFFERENCE = ReluDifference()


class ReluLinked(Mixed):
    """act(z, d, z', h, h') = h' - h, for z' = z + d, h = relu(z) and h' = relu(z')."""

    name = "ReluLinked"
    arity = 5
    rounding = EXACT

    def value(self, z: Array) -> Array:
        """The difference of both values, whatever d is."""
        *_, first, second = np.split(z, 5, axis=-1)
        result: Array = second - first
        return result

    def derivative(self, z: Array) -> Array:
        """By the two values, which know their own."""
        one = np.ones_like(np.split(z, 5, axis=-1)[0])
        zero = np.zeros_like(one)
        return np.concatenate([zero, zero, zero, -one, one], axis=-1)

    def interval(self, lower: Array, upper: Array) -> tuple[Array, Array]:
        """Between those of d and those of both values."""
        return values_apart(_three(lower), _three(upper))

    def choice(self, lower: Array, upper: Array) -> Choice:
        """Lines in d alone, and both values; the rule is d where it is closer than the values' own intervals."""
        first, moved, second = intervals(_three(lower), _three(upper))
        with np.errstate(over="ignore", invalid="ignore"):
            alone = _DIFFERENCE.lines(first, second, moved)
            below = np.zeros_like(moved[0]) if alone.lower_intercept is None else alone.lower_intercept
            middle = 0.5 * moved[0] + 0.5 * moved[1]
            gap = (alone.upper_slope - alone.lower_slope) * middle + alone.upper_intercept - below
            # what the triangles around both values are apart in the middle
            own = sum((_triangle(*at) for at in (first, second)), np.zeros_like(gap))
            linked = ~(gap <= own) | (settled_apart(first, second) & (gap > 0.0))
        zero, one = np.zeros_like(middle), np.ones_like(middle)

        def five(x: Array, low: Array, high: Array) -> Array:
            return np.concatenate([zero, x, zero, low, high], axis=-1)

        both = Lines(five(zero, -one, one), zero, five(zero, -one, one), zero)
        line = Lines(
            five(alone.lower_slope, zero, zero), below, five(alone.upper_slope, zero, zero), alone.upper_intercept
        )
        share = linked.astype(lower.dtype)
        return Choice(line, both, share, share)

    def linear(self, lower: Array, upper: Array) -> Mask:
        """As long as a phase is not known, d matters, and so does z (which is bounded elsewhere)."""
        first, _, second = intervals(_three(lower), _three(upper))
        known = settled(first, second) | settled_apart(first, second)
        return np.concatenate([known, known, *[np.ones_like(known)] * 3], axis=-1)

    def cuts(self, lower: Array, upper: Array) -> Array:
        """Nowhere: it is the ReLUs that are split."""
        return np.full_like(lower, np.nan)


def _three(ends: Array) -> Array:
    """Of z, d and z' alone."""
    return ends[..., : 3 * (ends.shape[-1] // 5)]


def _triangle(low: Array, high: Array) -> Array:
    """How far the lines around a ReLU are apart in the middle."""
    unstable = (low < 0.0) & (high > 0.0)
    return np.where(unstable, -low * high / np.where(unstable, high - low, 1.0), 0.0)

"""How far a ReLU's value moves with its argument, as an activation: f(z, d, z') = relu(z') - relu(z), where z' = z + d.

The three operands are tied to one another, but each has bounds of its own, and each serves another line: around d
alone, by which what two networks have in common cancels (difference.py); around z' and z by themselves, which wins
where the networks are far apart. Whatever lies between the two is a plane as well. Where both phases are
known, f is linear: d, 0, z' or -z.
"""

from __future__ import annotations

import numpy as np

from ivan.network.activations.base import Array, Choice, Lines, Mixed
from ivan.network.activations.difference import ReluDifference
from ivan.network.activations.relu import Relu
from ivan.network.activations.rounding import EXACT
from ivan.network.activations.tied import Mask, intervals, settled, settled_apart, values_apart

_RELU, _DIFFERENCE = Relu(), ReluDifference()


class ReluMoved(Mixed):
    """act(z, d, z') = relu(z') - relu(z), for z' = z + d."""

    name = "ReluMoved"
    arity = 3
    rounding = EXACT

    def value(self, z: Array) -> Array:
        """Computed from z and d, so that nothing cancels."""
        first, moved, _ = np.split(z, 3, axis=-1)
        result: Array = np.where(first >= 0.0, np.maximum(moved, -first), np.maximum(first + moved, 0.0))
        return result

    def derivative(self, z: Array) -> Array:
        """By z and by d; z' goes with them."""
        first, moved, second = np.split(z, 3, axis=-1)
        above = (first + moved > 0.0).astype(z.dtype)
        return np.concatenate([above - (first > 0.0), above, np.zeros_like(second)], axis=-1)

    def interval(self, lower: Array, upper: Array) -> tuple[Array, Array]:
        """Between those of d and those of both values."""
        return values_apart(lower, upper)

    def choice(self, lower: Array, upper: Array) -> Choice:
        """Lines in d alone, and planes in z and z'; the rule is what is closer in the middle."""
        first, moved, second = intervals(lower, upper)
        with np.errstate(over="ignore", invalid="ignore"):
            alone = _DIFFERENCE.lines(first, second, moved)
            mine, other = _RELU.lines(*first), _RELU.lines(*second)
            (z, d, z2) = (0.5 * low + 0.5 * high for low, high in (first, moved, second))
            # relu(z') from above and relu(z) from below, and the other way round
            over = other.upper_slope * z2 + other.upper_intercept - mine.lower_slope * z
            under = other.lower_slope * z2 - mine.upper_slope * z - mine.upper_intercept
        below = np.zeros_like(over) if alone.lower_intercept is None else alone.lower_intercept
        # where both are active, or both inactive, d says it all; where one of them is each, z and z' do
        together, crossed = settled(first, second), settled_apart(first, second)
        no_over, no_under = (together | ~np.isfinite(end) for end in (over, under))
        with np.errstate(over="ignore", invalid="ignore"):
            closer_over = crossed | (over < alone.upper_slope * d + alone.upper_intercept)
            closer_under = crossed | (under > alone.lower_slope * d + below)
        zero = np.zeros_like(over)

        def three(x: Array, y: Array, w: Array) -> Array:
            return np.concatenate([x, y, w], axis=-1)

        apart = Lines(
            three(
                np.where(no_under, zero, -mine.upper_slope),
                np.where(no_under, alone.lower_slope, zero),
                np.where(no_under, zero, other.lower_slope),
            ),
            np.where(no_under, below, -mine.upper_intercept),
            three(
                np.where(no_over, zero, -mine.lower_slope),
                np.where(no_over, alone.upper_slope, zero),
                np.where(no_over, zero, other.upper_slope),
            ),
            np.where(no_over, alone.upper_intercept, other.upper_intercept),
        )
        alone = Lines(
            three(zero, alone.lower_slope, zero), below, three(zero, alone.upper_slope, zero), alone.upper_intercept
        )
        return Choice(alone, apart, closer_under.astype(lower.dtype), closer_over.astype(lower.dtype))

    def linear(self, lower: Array, upper: Array) -> Mask:
        """As long as a phase is not known, d matters, and so does z (which is bounded elsewhere); z' by its own."""
        first, _, second = intervals(lower, upper)
        known = settled(first, second) | settled_apart(first, second)
        return np.concatenate([known, known, known | _RELU.linear(*second)], axis=-1)

    def cuts(self, lower: Array, upper: Array) -> Array:
        """Z' at zero; z is split where it is a ReLU's argument itself, and d has no point of its own."""
        first, _, second = intervals(lower, upper)
        nowhere = np.full_like(first[0], np.nan)
        return np.concatenate([nowhere, nowhere, _RELU.cuts(*second)], axis=-1)

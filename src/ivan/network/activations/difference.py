"""How far an activation's value moves with its argument: f(z, d) = act(z + d) - act(z), enclosed by lines in d.

This is what carries a second network as differences from a first. Two separate enclosures of act(z') and act(z) would
not cancel; here z, z' = z + d and d are all known to lie in intervals, and a line in d alone holds for all of them.

ReLU. f lies between 0 and d; so f <= max(d, 0), whose chord over [dl, du] is the obvious line. But any slope s in
[0, 1] gives one: with g(y) = relu(y) - s y, which is convex, least at 0 and never negative,

    f - s d  =  g(z') - g(z)  <=  max(g(l'), g(u')) - min of g over [l, u]
    f - s d  <=  max(d, 0) - s d  <=  max(-s dl, (1 - s) du)

and the less of the two is an intercept. The first is what separate enclosures would give; it wins where d is wide.
Slopes tried are those of both chords, 0 and 1, and the line that is lowest in the middle of [dl, du] is taken. Where
both phases are known, f is d or 0. Below, the same with the roles exchanged: -f(z, d) = f(z', -d).

Source: Paulsen, Wang, Wang, ReluDiff, ICSE 2020, and NeuroDiff, ASE 2020 (chords of max(d, 0)).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ivan.network.activations.base import Array, Lines

_ULP = 2.0**-52

Interval = tuple[Array, Array]
"""Lower and upper bounds, of one shape."""


class Difference(Protocol):
    """The difference of an activation's values: stateless, entry by entry, on arrays of any shape."""

    def value(self, z: Array, delta: Array) -> Array:
        """act(z + delta) - act(z)."""

    def settled(self, first: Interval, second: Interval) -> NDArray[np.bool_]:
        """Where it is linear in delta whatever delta is, so that no bounds on delta are needed."""

    def interval(self, first: Interval, second: Interval, delta: Interval) -> Interval:
        """Rigorous bounds on it, for z in `first`, z + delta in `second` and delta in its interval."""

    def lines(self, first: Interval, second: Interval, delta: Interval) -> Lines:
        """Rigorous lines in delta, likewise; as forgiving about the slopes as an activation's."""


class IdentityDifference:
    """act(z) = z moves as its argument does."""

    def value(self, z: Array, delta: Array) -> Array:
        del z
        return delta

    def settled(self, first: Interval, second: Interval) -> NDArray[np.bool_]:
        del second
        return np.ones(first[0].shape, bool)

    def interval(self, first: Interval, second: Interval, delta: Interval) -> Interval:
        del first, second
        return delta

    def lines(self, first: Interval, second: Interval, delta: Interval) -> Lines:
        del first, second
        one, zero = np.ones_like(delta[0]), np.zeros_like(delta[0])
        return Lines(one, zero, one, zero)


class ReluDifference:
    """max(z + delta, 0) - max(z, 0)."""

    def value(self, z: Array, delta: Array) -> Array:
        return np.maximum(z + delta, 0.0) - np.maximum(z, 0.0)

    def settled(self, first: Interval, second: Interval) -> NDArray[np.bool_]:
        active, inactive = _phases(first, second)
        return active | inactive

    def interval(self, first: Interval, second: Interval, delta: Interval) -> Interval:
        (l, u), (l2, u2), (dl, du) = first, second, delta  # noqa: E741 - as everywhere
        active, inactive = _phases(first, second)
        apart = np.maximum(l2, 0.0) - np.maximum(u, 0.0), np.maximum(u2, 0.0) - np.maximum(l, 0.0)
        low = np.maximum(np.minimum(dl, 0.0), np.nextafter(apart[0], -np.inf))
        high = np.minimum(np.maximum(du, 0.0), np.nextafter(apart[1], np.inf))
        low, high = np.where(active, dl, low), np.where(active, du, high)
        return np.where(inactive, 0.0, low), np.where(inactive, 0.0, high)

    def lines(self, first: Interval, second: Interval, delta: Interval) -> Lines:
        active, inactive = _phases(first, second)
        exact, zero = active | inactive, np.zeros_like(delta[0])
        s, t = _above(first, second, delta)
        r, q = _above(second, first, (-delta[1], -delta[0]))
        return Lines(
            np.where(exact, active, r),
            np.where(exact, zero, -q),
            np.where(exact, active, s),
            np.where(exact, zero, t),
        )


def _phases(first: Interval, second: Interval) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where both arguments are known to be active, and inactive."""
    return (first[0] >= 0.0) & (second[0] >= 0.0), (first[1] <= 0.0) & (second[1] <= 0.0)


def _above(first: Interval, second: Interval, delta: Interval) -> tuple[Array, Array]:
    """Slope and intercept of a line above relu(z + delta) - relu(z)."""
    (l, u), (l2, u2), (dl, du) = first, second, delta  # noqa: E741 - as in the formulas above
    s = np.stack([_chord(dl, du), _chord(l2, u2), np.zeros_like(dl), np.ones_like(dl)])
    rest = 1.0 - s
    with np.errstate(invalid="ignore"):
        most, least = np.maximum(-s * l2, rest * u2), np.maximum(np.maximum(rest * l, -s * u), 0.0)
        apart = most - least + 8.0 * _ULP * (np.abs(most) + least)
        chord = np.maximum(-s * dl, rest * du) * (1.0 + 8.0 * _ULP)
        t = np.fmin(apart, chord)  # NaN, zero times an infinite bound, claims nothing
        t = np.where(np.isnan(t), np.inf, t)
        # multiplying by 0 and 1 rounds nothing, any other slope may be a little off
        t += np.where((s > 0.0) & (s < 1.0), 4.0 * _ULP * np.maximum(-dl, du), 0.0)
        height = s * (0.5 * (dl + du)) + t
    lowest = np.argmin(np.where(np.isnan(height), np.inf, height), axis=0)[None]
    return np.take_along_axis(s, lowest, 0)[0], np.take_along_axis(t, lowest, 0)[0]


def _chord(lower: Array, upper: Array) -> Array:
    """Slope of the chord of max(y, 0) over an interval; 0 or 1 where that is linear there."""
    with np.errstate(invalid="ignore", divide="ignore"):
        slope = np.clip(upper / (upper - lower), 0.0, 1.0)
    return np.where(upper <= 0.0, 0.0, np.where((lower >= 0.0) | np.isnan(slope), 1.0, slope))


DIFFERENCES: Mapping[str, Difference] = {"Identity": IdentityDifference(), "Relu": ReluDifference()}
"""By the activation's name; values of any other activation are subtracted as they are."""

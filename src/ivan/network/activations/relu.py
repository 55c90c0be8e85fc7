"""ReLU: on an interval around zero, any line alpha z with 0 <= alpha <= 1 lies below and the chord lies above.

The chord is s (z - l), s = u / (u - l). Computed, s' may be too small or too large, and then the line with the exact
intercept dips below the ReLU at one end; so the intercept is taken as max(-s' l, (1 - s') u), which is what the line of
slope s' needs to clear both ends, and rounded up.

Rounding a coefficient times a slope: fl(alpha a) = alpha' a with another alpha' in [0, 1], since rounding is monotone
and both 0 and a are numbers; fl(s' a) = s'' a with s'' within one unit of s', which moves the needed intercept by at
most that times max(-l, u).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ivan.network.activations.base import Array, Curve, Lines
from ivan.network.activations.rounding import EXACT

_ULP = 2.0**-52


class Relu(Curve):
    """act(z) = max(z, 0)."""

    name = "Relu"
    sloped = True
    rounding = EXACT
    increasing = True

    def value(self, z: Array) -> Array:
        """max(z, 0)."""
        return np.maximum(z, 0.0)

    def derivative(self, z: Array) -> Array:
        """1 where z > 0, else 0."""
        return (z > 0.0).astype(np.float64)

    def interval(self, lower: Array, upper: Array) -> tuple[Array, Array]:
        """Exact: monotone, and the maximum rounds nothing."""
        return np.maximum(lower, 0.0), np.maximum(upper, 0.0)

    def lines(self, lower: Array, upper: Array, slopes: Array | None = None) -> Lines:
        """Lower line alpha z: `slopes` (clipped to [0, 1]) or, without, the one that encloses the smaller area."""
        active, inactive = lower >= 0.0, upper <= 0.0
        unstable = ~(active | inactive)
        width = np.where(unstable, upper - lower, 1.0)
        s = np.where(unstable, np.minimum(upper / width, 1.0), active)
        needed = np.maximum(-s * lower, (1.0 - s) * upper)
        reach = np.maximum(-lower, upper)
        intercept = np.where(unstable, needed * (1.0 + 8.0 * _ULP) + 4.0 * _ULP * reach, 0.0)
        alpha = (upper > -lower).astype(np.float64) if slopes is None else np.clip(slopes, 0.0, 1.0)
        return Lines(np.where(unstable, alpha, active), None, s, intercept)

    def linear(self, lower: Array, upper: Array) -> NDArray[np.bool_]:
        """Where zero is not strictly inside."""
        return np.asarray((lower >= 0.0) | (upper <= 0.0))

    def cuts(self, lower: Array, upper: Array) -> Array:
        """At zero."""
        return np.where(self.linear(lower, upper), np.nan, 0.0)

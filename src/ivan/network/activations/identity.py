"""The identity: a layer that only names an affine expression, so that deep skip connections stay linear in size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ivan.network.activations.base import Array, Curve, Lines
from ivan.network.activations.rounding import EXACT


class Identity(Curve):
    """act(z) = z."""

    name = "Identity"
    splittable = False
    rounding = EXACT
    increasing = True

    def value(self, z: Array) -> Array:
        """Z itself."""
        return z

    def derivative(self, z: Array) -> Array:
        """One."""
        return np.ones_like(z)

    def interval(self, lower: Array, upper: Array) -> tuple[Array, Array]:
        """The interval itself."""
        return lower, upper

    def lines(self, lower: Array, upper: Array, slopes: Array | None = None) -> Lines:
        """Both lines are z: multiplying by one rounds nothing."""
        del upper, slopes
        one, zero = np.ones_like(lower), np.zeros_like(lower)
        return Lines(one, None, one, zero)

    def linear(self, lower: Array, upper: Array) -> NDArray[np.bool_]:
        """Everywhere."""
        del upper
        return np.ones(lower.shape, bool)

    def cuts(self, lower: Array, upper: Array) -> Array:
        """Nowhere."""
        del upper
        return np.full(lower.shape, np.nan)

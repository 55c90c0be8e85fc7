"""What every activation provides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ivan.digest import Digestible

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Lines:
    """Two lines around an activation on l <= z <= u, entry by entry.

        lower_slope z + lower_intercept  <=  act(z)  <=  upper_slope z + upper_intercept

    The intercepts absorb every rounding, also that of multiplying a slope by a coefficient: the lines remain valid when
    a slope is off by two units in its last place. A lower intercept of None is zero everywhere.
    """

    lower_slope: Array
    lower_intercept: Array | None
    upper_slope: Array
    upper_intercept: Array


class Activation(Protocol):
    """An activation: stateless, entry by entry, on arrays of any shape."""

    @property
    def name(self) -> str:
        """Its name in messages, tables and digests."""

    @property
    def split_points(self) -> tuple[float, ...]:
        """Where its pieces meet; empty when it is affine, or smooth."""

    @property
    def increasing(self) -> bool:
        """Whether a greater z never makes act(z) less."""

    def value(self, z: Array) -> Array:
        """act(z)."""

    def derivative(self, z: Array) -> Array:
        """act'(z), or an element of the subdifferential: what an attack follows."""

    def interval(self, lower: Array, upper: Array) -> tuple[Array, Array]:
        """Rigorous bounds on act over [lower, upper]."""

    def lines(self, lower: Array, upper: Array, slopes: Array | None = None) -> Lines:
        """Rigorous lines on [lower, upper]; `slopes` chooses among the valid lower lines where there is a choice."""

    def describe(self) -> Digestible:
        """What digests are taken over."""

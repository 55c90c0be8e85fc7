"""How far a runtime's value may be off from the function's value at the operand that the runtime has."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ivan.digest import Digestible

Array = NDArray[np.float64]

UNDERFLOWN = 2.0**-126
"""What is lost where a runtime flushes subnormal float32 to zero."""


@dataclass(frozen=True)
class Rounding:
    """An error in unit roundoffs of the arithmetic, as a sum of three parts.

    Attributes:
        value: times |value|.
        one: times 1: small values are often differences of larger ones.
        operand: times |operand|.
    """

    value: float = 0.0
    one: float = 0.0
    operand: float = 0.0

    @property
    def known(self) -> bool:
        """False where nothing is claimed of how a runtime computes the function."""
        return math.isfinite(self.value + self.one + self.operand)

    def error(self, unit: float, values: Array, operands: Array) -> Array:
        """The error (..., n) of values no greater than these (..., n), of operands no greater than these (..., n)."""
        if self == EXACT or not unit:
            return np.zeros(values.shape)
        units = self.value * values + self.one
        result: Array = unit * (units + self.operand * operands if self.operand else units) + UNDERFLOWN
        return result

    def describe(self) -> Digestible:
        """What digests are taken over."""
        return [self.value, self.one, self.operand] if self.known else "unknown"


EXACT = Rounding()
"""Any machine computes it without error."""

ROUNDED = Rounding(2.0)
"""Once rounded, as IEEE 754 has it; and as much again for a power that is off by one unit in the last place."""

CURVE = Rounding(64.0, 64.0)
"""Runtimes approximate exp and its kin by polynomials and fractions, and none promises how well; a test measures it."""

GATED = Rounding(64.0, 64.0, 4.0)
"""A large operand times a gate that is nearly shut."""

UNKNOWN = Rounding(math.inf)
"""Computed by steps whose errors depend on more than operand and value, such as a variance from a mean of squares."""


def summed(terms: int) -> Rounding:
    """Of a curve of a sum of so many exponentials, each of whose exponents was rounded before."""
    return Rounding(CURVE.value + 2.0 * terms, CURVE.one + 2.0 * terms)

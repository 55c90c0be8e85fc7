"""Rounding errors, absorbed so that a computed bound is a bound.

All kernels compute in float64 with unit roundoff u = 2^-53. A sum of n products is off by at most gamma(n) times the
sum of the products' absolute values, in whatever order it is taken. Where a backward pass computes coefficients A' =
fl(a L), |A' - a L| <= gamma (|a| |L|) entry by entry; over sources of magnitude m that moves the bound by at most
gamma |a| (|L| m). So with one vector `|L| m` per layer and domain, the price of rigour is one more dot product per row
and layer - no second matrix product.

Products that underflow lose at most 2^-1074 each, absolutely; `UNDERFLOW` covers more of them than a machine can
compute, as long as magnitudes stay below `LARGEST`, which `Enclosure` makes sure of.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

UNIT = 2.0**-53
"""Unit roundoff of float64."""

UNDERFLOW = 1e-200
"""More than all underflows of one bound together."""

LARGEST = 1e100
"""A magnitude above which nothing is claimed: the domain counts as unbounded."""


def gamma(terms: int) -> float:
    """Relative error of a sum of `terms` products, with room for a few operations around it."""
    return 1.01 * (terms + 4) * UNIT


def magnitude(lower: Array, upper: Array) -> Array:
    """Greatest |z| over lower <= z <= upper."""
    return np.maximum(-lower, upper)


def down(value: Array, error: Array) -> Array:
    """A number below value - error, for an error that is itself a rounded sum of non-negative numbers."""
    return np.nextafter(value - (1.01 * error + UNDERFLOW), -np.inf)

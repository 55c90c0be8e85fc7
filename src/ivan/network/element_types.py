"""Types of tensors' elements: floating-point numbers, and the integers among the inputs of a model.

The verifier reckons with real numbers held in float64. A number of a narrower type is one of them; so is every integer
up to 2^53, and an input of a longer integer type is limited to these.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

FLOATS = ("float32", "float64")
"""numpy names of the floating-point types that can be read, the coarser one first."""

INTEGERS = ("bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")
"""Those of the integer types, the narrower ones first; a truth value is 0 or 1."""

MOST_EXACT = 2**53
"""Integers up to this one are all numbers of float64."""


def is_integer(kind: str) -> bool:
    """Are the type's numbers integers?"""
    return kind in INTEGERS


def whole_range(kind: str) -> tuple[int, int]:
    """Least and greatest integer of an integer type."""
    return (0, 1) if kind == "bool" else (int(np.iinfo(kind).min), int(np.iinfo(kind).max))


def integer_range(kind: str) -> tuple[int, int]:
    """Least and greatest integer of an integer type that an input takes here."""
    least, most = whole_range(kind)
    return max(least, -MOST_EXACT), min(most, MOST_EXACT)


def rounded(x: Array, kind: str) -> Array:
    """The nearest numbers of a type, as float64; beyond an integer type's range, its end."""
    if is_integer(kind):
        return np.clip(np.rint(x), *integer_range(kind))
    with np.errstate(over="ignore"):
        return x.astype(kind).astype(np.float64)


def coarser(first: str, second: str) -> str:
    """Of two types the one with fewer numbers: what both hold is one of them, though not always the other way round."""
    order = INTEGERS + FLOATS
    return min(first, second, key=order.index)


def float_type(roundoff: float) -> np.finfo[Any]:
    """What there is to know of the floating-point type with this unit roundoff; of the coarsest one for any other."""
    found = (np.finfo(kind) for kind in FLOATS if float(np.finfo(kind).eps) == 2.0 * roundoff)
    return next(found, np.finfo(FLOATS[0]))

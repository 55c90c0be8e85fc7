"""The difference of two maps of one structure, as exact as the maps themselves.

The difference of two numbers a - b is d + e exactly, where d is its rounded value and e the error of rounding, itself
a number (Knuth's TwoSum). So the difference of two matrices is one matrix, in the rare case that some entry rounds the
sum of two, and small changes stay small: |a - b| bounds far less than |a| + |b|.

    A B - C D  =  A (B - D) + (A - C) D

Entries that are themselves computed (the factors of a batch normalisation) are known up to their rounding only: unless
both come from the same numbers, such maps are carried as a and -b.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ivan.digest import digest
from ivan.network.linear.adjoint import Adjoint
from ivan.network.linear.base import Array, LinearMap
from ivan.network.linear.compositions import Product, Sum, add, compose
from ivan.network.linear.convolution import Convolution
from ivan.network.linear.dense import Dense
from ivan.network.linear.diagonal import Diagonal
from ivan.network.linear.selection import Selection
from ivan.network.linear.sparse import Sparse


def exact_difference(a: Array, b: Array) -> list[Array]:
    """Arrays whose sum is a - b exactly: none where it is zero, mostly one, two where an entry rounds."""
    d = a - b
    with np.errstate(invalid="ignore", over="ignore"):
        c = d - a
        e = (a - (d - c)) - (b + c)
    return [part for part in (d, e) if part.any()]


def subtract(a: LinearMap, b: LinearMap) -> LinearMap:
    """A - b, for maps of one shape; tight where they are of one structure too."""
    if (a.rows, a.columns) != (b.rows, b.columns):
        raise ValueError(f"a map of {b.rows} x {b.columns} from one of {a.rows} x {a.columns}")
    parts = _subtracted(a, b)
    if parts is None:
        parts = [a, negative(b)]
    parts = [part for part in parts if not part.zero]
    if not parts:
        return Selection(np.full(a.rows, -1), a.columns)
    total = parts[0]
    for part in parts[1:]:
        total = add(total, part)
    return total


def negative(linear: LinearMap) -> LinearMap:
    """The map times -1, which rounds nothing."""
    return compose(Diagonal(np.full(linear.rows, -1.0)), linear)


def _subtracted(a: LinearMap, b: LinearMap) -> list[LinearMap] | None:
    """Maps whose sum is a - b; None where the two are not alike."""
    if isinstance(a, Dense) and isinstance(b, Dense):
        if (a.weight.shape, a.before, a.uncertain, b.uncertain) == (b.weight.shape, b.before, 0, 0):
            return _of(lambda w: Dense(w, a.before, a.after), a.weight, b.weight)
    elif isinstance(a, Convolution) and isinstance(b, Convolution):
        if a.shape_only() == b.shape_only():
            geometry = (a.input_shape, a.strides, a.pads, a.dilations, a.groups)
            return _of(lambda kernel: Convolution(kernel, *geometry), a.kernel, b.kernel)
    elif isinstance(a, Diagonal) and isinstance(b, Diagonal):
        if a.uncertain == b.uncertain == 0:
            return _of(Diagonal, a.scale, b.scale)
        if _same(a, b):
            return []
    elif isinstance(a, Selection) and isinstance(b, Selection):
        if np.array_equal(a.index, b.index):
            return []
    elif isinstance(a, Sparse) and isinstance(b, Sparse):
        known = a.uncertain == b.uncertain == 0 or (a.source is not None and b.source is not None)
        if known and _same(a, b):
            return []
    elif isinstance(a, Adjoint) and isinstance(b, Adjoint):
        inner = subtract(a.inner, b.inner)
        return [] if inner.zero else [Adjoint(inner)]
    elif isinstance(a, Product) and isinstance(b, Product):
        if a.inner.rows == b.inner.rows:
            return [
                compose(a.outer, subtract(a.inner, b.inner)),
                compose(subtract(a.outer, b.outer), b.inner),
            ]
    elif isinstance(a, Sum) and isinstance(b, Sum) and len(a.parts) == len(b.parts):
        return [subtract(mine, other) for mine, other in zip(a.parts, b.parts, strict=True)]
    return None


def _of(make: Callable[[NDArray[np.float64]], LinearMap], a: Array, b: Array) -> list[LinearMap]:
    return [make(part) for part in exact_difference(a, b)]


def _same(a: LinearMap, b: LinearMap) -> bool:
    """What they were computed from, where they are not exact, is the same."""
    return digest("map", a.describe()) == digest("map", b.describe())

"""What few of a map's outputs depend on: the part of the map that computes them, and the inputs that it reads.

A unit of a convolution reads a small window. Where bounds of some units are taken back through many layers, only the
windows below them count, and the rest of every layer needs no arithmetic (bounds/cone.py).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ivan.network.linear.base import Index, LinearMap
from ivan.network.linear.compositions import Product, Sum, compose
from ivan.network.linear.convolution import Convolution
from ivan.network.linear.dense import Dense
from ivan.network.linear.diagonal import Diagonal
from ivan.network.linear.selection import Selection
from ivan.network.linear.sparse import Sparse


def places(linear: LinearMap, units: Index) -> Index | None:
    """(R, 2) where in a plane some outputs stand, row and column; None where the map knows of no plane."""
    if isinstance(linear, Convolution):
        _, y, x = np.unravel_index(units, linear.output_shape)
        return np.stack([y, x], axis=1)
    if isinstance(linear, Product):
        if isinstance(linear.outer, Selection):
            return places(linear.inner, np.maximum(linear.outer.index[units], 0))
        if isinstance(linear.outer, Diagonal):
            return places(linear.inner, units)
        return places(linear.outer, units)
    if isinstance(linear, Sum):
        found = (places(part, units) for part in linear.parts)
        return next((place for place in found if place is not None), None)
    return None


def restricted(linear: LinearMap, units: Index) -> tuple[LinearMap, Index]:
    """The part of a map that computes some of its outputs.

    Args:
        linear: m x n.
        units: (R,) outputs.

    Returns:
        A map from C inputs to R outputs, with no more roundings behind an entry than the whole one, and which inputs
        these are: (C,), ascending.
    """
    if isinstance(linear, Convolution):
        return _window(linear, units)
    if isinstance(linear, Selection):
        index = linear.index[units]
        columns = np.unique(index[index >= 0])
        return Selection(np.where(index >= 0, np.searchsorted(columns, index), -1), len(columns)), columns
    if isinstance(linear, Diagonal):
        chosen, place = np.unique(units, return_inverse=True)
        scaled = Diagonal(linear.scale[chosen], linear.uncertain)
        return compose(Selection(place, len(chosen)), scaled), chosen
    if isinstance(linear, Dense) and linear.plain:
        rows = linear.weight[units]
        columns = _read(rows != 0.0)
        return Dense(rows[:, columns], uncertain=linear.uncertain), columns
    if isinstance(linear, Sparse):
        part = linear.matrix[units]
        columns = np.unique(part.indices).astype(np.int64)
        return Sparse(part[:, columns], linear.uncertain), columns
    if isinstance(linear, Product):
        outer, between = restricted(linear.outer, units)
        if not len(between):  # outputs that are zero, as where a selection takes none
            return Selection(np.full(len(units), -1), 0), between
        inner, columns = restricted(linear.inner, between)
        return compose(outer, inner), columns
    if isinstance(linear, Sum):
        parts = [restricted(part, units) for part in linear.parts]
        columns = np.unique(np.concatenate([read for _, read in parts]))
        return Sum(tuple(widened(part, read, columns) for part, read in parts)), columns
    return compose(Selection(units, linear.rows), linear), np.arange(linear.columns)


def widened(linear: LinearMap, columns: Index, wanted: Index) -> LinearMap:
    """A map that reads the inputs `columns` (C,), as one that reads the inputs `wanted`; both ascending."""
    if len(columns) == len(wanted):
        return linear
    return compose(linear, Selection(np.searchsorted(wanted, columns), len(wanted)))


def _read(used: NDArray[np.bool_]) -> Index:
    """Columns that some row uses."""
    return np.flatnonzero(used.any(axis=0))


def _window(linear: Convolution, units: Index) -> tuple[LinearMap, Index]:
    """The convolution of the window that the outputs need, in all channels."""
    out, _, _ = linear.output_shape
    channel, *spots = np.unravel_index(units, linear.output_shape)
    first, count, starts, ends, pads = [], [], [], [], []
    for axis, spot in enumerate(spots):
        size, stride = linear.input_shape[axis + 1], linear.strides[axis]
        span = linear.dilations[axis] * (linear.kernel.shape[axis + 2] - 1) + 1
        low, high = int(spot.min()), int(spot.max())
        start, end = low * stride - linear.pads[axis], high * stride - linear.pads[axis] + span
        first.append(low)
        count.append(high - low + 1)
        starts.append(max(start, 0))
        ends.append(max(min(end, size), starts[-1] + 1))  # of a window in the padding, a line that counts for nothing
        pads.append((starts[-1] - start, end - ends[-1]))
    outside = any(start >= size for start, size in zip(starts, linear.input_shape[1:], strict=True))
    if outside or min(end for pair in pads for end in pair) < 0:
        return compose(Selection(units, linear.rows), linear), np.arange(linear.columns)
    shape = (linear.input_shape[0], ends[0] - starts[0], ends[1] - starts[1])
    small = Convolution(
        linear.kernel,
        shape,
        linear.strides,
        (pads[0][0], pads[1][0], pads[0][1], pads[1][1]),
        linear.dilations,
        linear.groups,
    )
    plane = np.arange(linear.columns).reshape(linear.input_shape)
    columns = plane[:, starts[0] : ends[0], starts[1] : ends[1]].ravel()
    place = np.ravel_multi_index((channel, spots[0] - first[0], spots[1] - first[1]), (out, *count))
    return compose(Selection(place, small.rows), small), columns

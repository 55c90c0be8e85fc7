"""An earlier version's network, from the arrays that are kept of it and the structure of a later version.

The two may differ in the sizes of their layers and in nothing else. Where that is so, every array of the earlier
version finds its place in the later one's maps, and the digest of what comes out is the one that was recorded: so
whoever asks for a network of a certain digest gets that network, or nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from ivan.network.affine import Affine
from ivan.network.compare import arrays
from ivan.network.layers import Network
from ivan.network.linear import Array, Convolution, Dense, Diagonal, LinearMap, Product, Selection, Sum


def restored(later: Network, numbers: Sequence[Array], digest: str) -> Network | None:
    """The network of that digest; None where the arrays do not make it.

    Args:
        later: a version whose layers may have other sizes.
        numbers: all that the digest sees, as `compare.stored_arrays` has them.
        digest: of the earlier version.
    """
    left = iter(numbers)
    sizes = [later.inputs]
    layers = []
    try:
        for layer in later.layers:
            affine = _affine(layer.affine, left, sizes)
            layers.append(replace(layer, affine=affine))
            sizes.append(layers[-1].size)
        output = _affine(later.output, left, sizes)
        network = replace(later, layers=tuple(layers), output=output)
    except ValueError:
        return None
    return network if network.digest == digest else None


def _affine(affine: Affine, numbers: Iterator[Array], sizes: Sequence[int]) -> Affine:
    terms = {source: _linear(linear, numbers, sizes[source]) for source, linear in affine.terms}
    constants = []
    for linear, _ in affine.constants:
        moved = None if linear is None else _linear(linear, numbers, linear.columns)
        constants.append((moved, _next(numbers)))
    rows = {linear.rows for linear in terms.values()}
    rows |= {len(vector) if linear is None else linear.rows for linear, vector in constants}
    if len(rows) > 1:
        raise ValueError("parts of different sizes")
    return Affine(rows.pop() if rows else affine.size, terms, tuple(constants))


def _linear(linear: LinearMap, numbers: Iterator[Array], columns: int) -> LinearMap:
    """The same kind of map of so many inputs, with the next numbers.

    Raises:
        ValueError: they do not make such a map, or there are no more.
    """
    if isinstance(linear, Dense):
        weight = _next(numbers)
        if weight.ndim != 2:
            raise ValueError("a matrix has two axes")
        return Dense(weight, linear.before, linear.after)
    if isinstance(linear, Convolution):
        kernel = _next(numbers)
        if kernel.ndim != 4:
            raise ValueError("a kernel has four axes")
        _, height, width = linear.input_shape
        shape = (kernel.shape[1] * linear.groups, height, width)
        return Convolution(kernel, shape, linear.strides, linear.pads, linear.dilations, linear.groups)
    if isinstance(linear, Product):
        outer = [_next(numbers) for _ in arrays(linear.outer.describe())]  # they come first
        inner = _linear(linear.inner, numbers, columns)
        return Product(_linear(linear.outer, iter(outer), inner.rows), inner)
    if isinstance(linear, Sum):
        return Sum(tuple(_linear(part, numbers, columns) for part in linear.parts))
    if isinstance(linear, Diagonal) and linear.source is None:
        return Diagonal(_next(numbers))
    return _fixed(linear, numbers, columns)


def _fixed(linear: LinearMap, numbers: Iterator[Array], columns: int) -> LinearMap:
    """A map that no weight goes into: of another size, where it does the same to everything, or as it is."""
    if not all(np.array_equal(mine, _next(numbers)) for mine in arrays(linear.describe())):
        raise ValueError("a map of other numbers")
    if isinstance(linear, Selection) and linear.identity:
        return Selection.identity_of(columns)
    if isinstance(linear, Diagonal) and np.ptp(linear.scale) == 0.0:
        return Diagonal(np.full(columns, linear.scale[0]), linear.uncertain, linear.source)
    return linear


def _next(numbers: Iterator[Array]) -> Array:
    for array in numbers:
        return array
    raise ValueError("some numbers are missing")

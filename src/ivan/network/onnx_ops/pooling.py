"""Pooling: means are convolutions; maxima become ReLUs, max(a, b) = b + relu(a - b).

A two-dimensional maximum is taken along the rows first and along the columns then: a window of k x k costs 2 (k - 1)
binary maxima instead of k^2 - 1. Along an axis every window is cut behind its largest power of two, so that windows
which overlap share their parts, and a window of k cells takes ceil(log2 k) layers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ivan.network.onnx_ops.convolution import convolution
from ivan.network.onnx_ops.linear import averaged
from ivan.network.onnx_ops.node import Node
from ivan.network.onnx_ops.values import Expression, Value, concatenate, lift, rearrange
from ivan.network.onnx_ops.windows import axes

Cells = tuple[int, ...]
Index = NDArray[np.signedinteger[Any]]


def average_pool(
    node: Node,
    x: Value,
    *,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    count_include_pad: int = 0,
    dilations: Sequence[int] | None = None,
    kernel_shape: Sequence[int],
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> Value:
    """AveragePool: a convolution with ones, divided by the number of cells that count."""
    image = lift(x)
    batch, channels, *lengths = image.shape
    spatial = axes(lengths, kernel_shape, strides, pads, dilations, auto_pad, ceil_mode)
    ones = np.ones((batch * channels, 1, *kernel_shape))
    linear = convolution(ones, 1, batch * channels, spatial, batch * channels)
    total = image.then(linear, (batch, channels, *(a.windows for a in spatial)))
    counts = np.ones(())
    for axis in spatial:
        counts = np.multiply.outer(counts, [len(axis.cells(w, bool(count_include_pad))) for w in range(axis.windows)])
    return total.scaled(1.0 / counts, uncertain=1, source=["reciprocal", counts])


def max_pool(
    node: Node,
    x: Value,
    *,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    dilations: Sequence[int] | None = None,
    kernel_shape: Sequence[int],
    pads: Sequence[int] | None = None,
    storage_order: int = 0,
    strides: Sequence[int] | None = None,
) -> Value:
    """MaxPool, in any number of dimensions; cells in the padding do not take part."""
    image = lift(x)
    spatial = axes(image.shape[2:], kernel_shape, strides, pads, dilations, auto_pad, ceil_mode)
    # Columns lie along the last axis: going down them first joins rows.
    for k, axis in enumerate(spatial, 2):
        windows = [tuple(axis.cells(w)) for w in range(axis.windows)]
        if not all(windows):
            raise ValueError("a window lies in the padding only")
        image = maxima(node, image, k, windows)
    return image


def global_average_pool(node: Node, x: Value) -> Value:
    """GlobalAveragePool: the mean over all axes behind the channel."""
    return averaged(x, range(2, x.ndim), keep=True, mean=True)


def global_max_pool(node: Node, x: Value) -> Value:
    """GlobalMaxPool: the maximum over all axes behind the channel."""
    image = lift(x)
    for k in range(2, image.ndim):
        image = maxima(node, image, k, [tuple(range(image.shape[k]))])
    return image


def maxima(node: Node, x: Expression, axis: int, windows: Sequence[Cells]) -> Expression:
    """The maximum of each window of cells along an axis, as a tensor with one entry per window there.

    Entries that are -infinity, as around an image, are less than any other.
    """
    levels: dict[int, list[Cells]] = {}  # which maxima are needed, by the number of layers behind them
    seen: set[Cells] = set()
    stack = [window for window in windows if len(window) > 1]
    while stack:
        window = stack.pop()
        if window in seen:
            continue
        seen.add(window)
        levels.setdefault(math.ceil(math.log2(len(window))), []).append(window)
        stack.extend(part for part in _halves(window) if len(part) > 1)
    pool = node.named(x) if seen else x
    place: dict[Cells, int] = {(cell,): cell for cell in range(x.shape[axis])}
    for level in sorted(levels):
        wanted = sorted(levels[level])
        first = _take(pool, axis, [place[_halves(w)[0]] for w in wanted])
        second = _take(pool, axis, [place[_halves(w)[1]] for w in wanted])
        place.update({w: pool.shape[axis] + k for k, w in enumerate(wanted)})
        pool = lift(concatenate([pool, _larger(node, pool, first, second)], axis))
    return _entries(pool, _take(pool, axis, [place[window] for window in windows]))


def _halves(window: Cells) -> tuple[Cells, Cells]:
    cut = 2 ** (math.ceil(math.log2(len(window))) - 1)
    return window[:cut], window[cut:]


def _take(x: Expression, axis: int, cells: Sequence[int]) -> Index:
    """Where the entries of some cells along an axis stand."""
    return np.take(np.arange(x.size).reshape(x.shape), cells, axis)


def _entries(x: Expression, places: Index) -> Expression:
    return rearrange(x, lambda t: t.ravel()[places])


def _larger(node: Node, x: Expression, first: Index, second: Index) -> Expression:
    """The larger ones of two choices of entries, b + relu(a - b)."""
    if x.missing is None:
        a, b = _entries(x, first), _entries(x, second)
        return node.relu(a.minus(b)).plus(b)
    # what is -infinity gives way to the other one, which is then compared with itself
    neither = x.missing[first] & x.missing[second]
    first, second = np.where(x.missing[first], second, first), np.where(x.missing[second], first, second)
    larger = _larger(node, replace(x, missing=None), first, second)
    return replace(larger, missing=neither.ravel() if neither.any() else None)

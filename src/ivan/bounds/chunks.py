"""Many rows of one network in parts that suit the processor's caches and threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.parallel import WIDE, map_chunks, threads
from ivan.network.layers import Network

Index = NDArray[np.int64]
T = TypeVar("T")

CHUNK = 1 << 15
"""Numbers in one layer's coefficients per chunk of rows. Measured: larger chunks leave the cache, and their temporaries
come from fresh pages, whose faults cost as much as the arithmetic; smaller ones pay for the interpreter."""

FEWEST_ROWS = 16
"""Rows per chunk at least, however wide the network: a matrix product of fewer wastes the processor."""


def in_chunks(task: Callable[[slice], T], network: Network, count: int, owner: Index | None = None) -> list[T]:
    """What `task` makes of each part of so many rows of one network, in order."""
    return map_chunks(task, _chunks(count, network, owner), _widest(network))


def _widest(network: Network) -> int:
    return max(network.inputs, network.outputs, *(layer.affine.size for layer in network.layers), 1)


def _chunks(count: int, network: Network, owner: Index | None = None) -> list[slice]:
    """Slices of at most CHUNK numbers a layer, at least one per thread when there is work for all of them.

    Inputs count a quarter: they are reached once, and nothing is done to them but one sum.

    Where every domain has many rows, side by side, slices end where the owner changes: a chunk of one domain needs no
    copies of its tables.
    """
    widest = max(network.inputs // 4, network.outputs, *(layer.affine.size for layer in network.layers), 1)
    size = max(FEWEST_ROWS, CHUNK // widest)
    if count > 64 * threads() and _widest(network) >= WIDE:
        size = min(size, -(-count // threads()))
    if owner is not None and count:
        starts = np.flatnonzero(np.diff(owner, prepend=owner[0] - 1))
        if 2 * count >= size * len(starts):
            ends = [*starts[1:], count]
            return [
                slice(at, min(at + size, end))
                for start, end in zip(starts.tolist(), ends, strict=True)
                for at in range(start, end, size)
            ]
    return [slice(at, min(at + size, count)) for at in range(0, count, size)] or [slice(0, 0)]

"""Open nodes, and which of them are bounded next.

Depth first in batches: the frontier then holds about depth times batch nodes, whatever the size of the tree. A node
costs a few numbers; the bounds that it inherits are those of a refreshed ancestor, which all nodes below share and
which are forgotten with the last of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.ascent import Parameters
from ivan.bounds.domains import Domains

Index = NDArray[np.int64]


@dataclass(frozen=True)
class Chunk:
    """B open nodes that rest on bounds of one batch of domains, and the P (node, case) pairs open in them.

    Attributes:
        node: (B,) rows of the tree.
        known: domains of refreshed ancestors.
        row: (B,) each node's ancestor among them.
        ancestor: (B,) that ancestor's row of the tree; the node itself when its own bounds are known.
        owner: (P,) position of each pair's node in `node`, ascending.
        case: (P,).
        parameters: slopes, multipliers and weights that each pair starts from; None for the rule.
    """

    node: Index
    known: Domains
    row: Index
    ancestor: Index
    owner: Index
    case: Index
    parameters: Parameters | None = None

    def __len__(self) -> int:
        return len(self.node)

    def cut(self, size: int) -> tuple[Chunk, Chunk]:
        """All but the last `size` nodes, and these."""
        at = len(self) - size
        return self._part(0, at), self._part(at, len(self))

    def _part(self, start: int, end: int) -> Chunk:
        pairs = np.flatnonzero((self.owner >= start) & (self.owner < end))
        nodes = slice(start, end)
        return Chunk(
            self.node[nodes],
            self.known,
            self.row[nodes],
            self.ancestor[nodes],
            self.owner[pairs] - start,
            self.case[pairs],
            None if self.parameters is None else self.parameters.take(pairs),
        )


class Frontier:
    """A stack of chunks."""

    def __init__(self) -> None:
        self._chunks: list[Chunk] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def push(self, chunk: Chunk) -> None:
        """Adds open nodes; the last of them come out first."""
        if len(chunk):
            self._chunks.append(chunk)
            self._count += len(chunk)

    def pop(self, size: int) -> list[Chunk]:
        """Removes up to `size` nodes, the latest first, as chunks that agree on what they know."""
        taken: list[Chunk] = []
        while self._chunks and size > 0:
            chunk = self._chunks.pop()
            if taken and not _alike(taken[0], chunk):
                self._chunks.append(chunk)
                break
            if len(chunk) > size:
                rest, chunk = chunk.cut(size)
                self._chunks.append(rest)
            taken.append(chunk)
            size -= len(chunk)
            self._count -= len(chunk)
        return taken

    @property
    def nodes(self) -> Index:
        """Rows of all open nodes."""
        return np.concatenate([chunk.node for chunk in self._chunks] or [np.zeros(0, np.int64)])


def _alike(first: Chunk, second: Chunk) -> bool:
    """Can the two be bounded in one batch?"""
    return (
        (first.known.known is None) == (second.known.known is None)
        and (first.parameters is None) == (second.parameters is None)
        and bool(first.node[0] == first.ancestor[0]) == bool(second.node[0] == second.ancestor[0])
    )


def merged(chunks: Sequence[Chunk]) -> Chunk:
    """One chunk, with the ancestors' domains taken row by row."""
    offsets = np.concatenate([[0], np.cumsum([len(chunk) for chunk in chunks])])
    known = Domains.concatenate([chunk.known.take(chunk.row) for chunk in chunks])
    parameters = None
    parts = [chunk.parameters for chunk in chunks if chunk.parameters is not None]
    if parts:
        parameters = Parameters.concatenate(parts)
    return Chunk(
        np.concatenate([chunk.node for chunk in chunks]),
        known,
        np.arange(int(offsets[-1])),
        np.concatenate([chunk.ancestor for chunk in chunks]),
        np.concatenate([chunk.owner + offset for chunk, offset in zip(chunks, offsets, strict=False)]),
        np.concatenate([chunk.case for chunk in chunks]),
        parameters,
    )

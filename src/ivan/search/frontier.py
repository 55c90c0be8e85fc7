"""Open nodes, and which of them are bounded next.

Depth first in batches: the frontier then holds about depth times batch nodes, whatever the size of the tree. A node
costs a few numbers; the bounds that it inherits are those of a refreshed ancestor, which all nodes below share and
which are forgotten with the last of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

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
        refined: which refinement holds the slopes of their intermediate bounds, -1 for none.
        deep: intermediate bounds of their children may be computed anew.
        due: so are their own, before anything else.
    """

    node: Index
    known: Domains
    row: Index
    ancestor: Index
    owner: Index
    case: Index
    parameters: Parameters | None = None
    refined: int = -1
    deep: bool = False
    due: bool = False

    def __len__(self) -> int:
        return len(self.node)

    def cut(self, size: int) -> tuple[Chunk, Chunk]:
        """All but the last `size` nodes, and these."""
        at = len(self) - size
        first = self.take(np.arange(at))
        # bounds that only the part that is taken away rests on must not stay with the other one
        return first.compact() if 2 * at < len(self.known) else first, self.take(np.arange(at, len(self)))

    @property
    def numbers(self) -> int:
        """Roughly how many numbers it holds on to."""
        known = sum(2 * low.size for low, _ in self.known.known or ())
        parameters = 0 if self.parameters is None else sum(2 * s.size for s in self.parameters.slopes)
        return known + parameters // 2

    def compact(self) -> Chunk:
        """The same without bounds that no node of it rests on."""
        rows, place = np.unique(self.row, return_inverse=True)
        return self if len(rows) == len(self.known) else replace(self, known=self.known.take(rows), row=place)

    def take(self, nodes: Index) -> Chunk:
        """Some of the nodes (positions, ascending)."""
        place = np.full(len(self), -1)
        place[nodes] = np.arange(len(nodes))
        pairs = np.flatnonzero(place[self.owner] >= 0)
        return replace(
            self,
            node=self.node[nodes],
            row=self.row[nodes],
            ancestor=self.ancestor[nodes],
            owner=place[self.owner[pairs]],
            case=self.case[pairs],
            parameters=None if self.parameters is None else self.parameters.take(pairs),
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

    def pop(self, size: int, pairs: int) -> list[Chunk]:
        """Removes nodes, the latest first, as chunks that agree on what they know.

        Args:
            size: nodes at most.
            pairs: about how many (node, case) pairs at most.
        """
        taken: list[Chunk] = []
        while self._chunks and size > 0 and pairs > 0:
            chunk = self._chunks.pop()
            if taken and not _alike(taken[0], chunk):
                self._chunks.append(chunk)
                break
            most = min(size, max(1, pairs * len(chunk) // max(len(chunk.owner), 1)))
            if len(chunk) > most:
                rest, chunk = chunk.cut(most)
                self._chunks.append(rest)
            taken.append(chunk)
            size -= len(chunk)
            pairs -= len(chunk.owner)
            self._count -= len(chunk)
        return taken

    def share(self) -> Frontier:
        """Gives every other node to a new frontier."""
        mine, theirs, turn = Frontier(), Frontier(), 0
        for chunk in self._chunks:
            place = (np.arange(len(chunk)) + turn) % 2
            mine.push(chunk.take(np.flatnonzero(place == 0)).compact())
            theirs.push(chunk.take(np.flatnonzero(place == 1)).compact())
            turn += len(chunk)
        self._chunks, self._count = mine._chunks, mine._count
        return theirs

    @property
    def numbers(self) -> int:
        """Roughly how many numbers are held for the open nodes; shared ones count more than once."""
        return sum(chunk.numbers for chunk in self._chunks)

    def take_back(self, other: Frontier) -> None:
        """Adds everything of another frontier."""
        for chunk in other.chunks:
            self.push(chunk)

    def replace(self, chunks: list[Chunk]) -> None:
        """The same nodes, in other terms."""
        self._chunks = chunks

    @property
    def chunks(self) -> list[Chunk]:
        """All that is open, the latest last."""
        return self._chunks

    @property
    def nodes(self) -> Index:
        """Rows of all open nodes."""
        return np.concatenate([chunk.node for chunk in self._chunks] or [np.zeros(0, np.int64)])


def _alike(first: Chunk, second: Chunk) -> bool:
    """Can the two be bounded in one batch?"""
    return (
        (first.known.known is None) == (second.known.known is None)
        and (first.parameters is None) == (second.parameters is None)
        and (first.refined, first.deep, first.due) == (second.refined, second.deep, second.due)
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
        chunks[0].refined,
        chunks[0].deep,
        chunks[0].due,
    )

"""Open nodes, and which of them are bounded next.

Depth first in batches: the frontier then holds about depth times batch nodes, whatever the size of the tree. A node
costs a few numbers; the bounds that it inherits are those of a refreshed ancestor, which all nodes below share and
which are forgotten with the last of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.ascent import Parameters
from ivan.bounds.domains import Domains
from ivan.bounds.reduction import Reduction

Index = NDArray[np.int64]

SMALL = 256
"""Nodes up to which neighbouring chunks are put together when the frontier is shared."""


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

    def reduced(self, reduction: Reduction) -> Chunk:
        """The same nodes, in terms of a smaller network."""
        parameters = None if self.parameters is None else reduction.parameters(self.parameters)
        return replace(self, known=reduction.domains(self.known), parameters=parameters)

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
    """A stack of chunks for each kind of nodes that can be bounded together; the kind added to last is next."""

    def __init__(self) -> None:
        self._stacks: dict[Sort, list[Chunk]] = {}
        self._latest: list[Sort] = []  # kinds with open nodes, the one that was added to last at the end
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def push(self, chunk: Chunk) -> None:
        """Adds open nodes; the last of them come out first."""
        if not len(chunk):
            return
        kind = _kind(chunk)
        self._stacks.setdefault(kind, []).append(chunk)
        if kind in self._latest:
            self._latest.remove(kind)
        self._latest.append(kind)
        self._count += len(chunk)

    def pop(self, size: int, pairs: int) -> list[Chunk]:
        """Removes nodes of one kind, the latest first.

        Args:
            size: nodes at most.
            pairs: about how many (node, case) pairs at most.
        """
        taken: list[Chunk] = []
        kind = self._latest[-1]
        stack = self._stacks[kind]
        while stack and size > 0 and pairs > 0:
            chunk = stack.pop()
            most = min(size, max(1, pairs * len(chunk) // max(len(chunk.owner), 1)))
            if len(chunk) > most:
                rest, chunk = chunk.cut(most)
                stack.append(rest)
            taken.append(chunk)
            size -= len(chunk)
            pairs -= len(chunk.owner)
            self._count -= len(chunk)
        if not stack:
            self._latest.pop()
        return taken

    def share(self) -> Frontier:
        """Gives every other node to a new frontier; what lies in small pieces is put together on the way."""
        theirs, turn = Frontier(), 0
        kinds, stacks = self._latest, self._stacks
        self._stacks, self._latest, self._count = {}, [], 0
        for kind in kinds:
            for group in _groups(stacks[kind]):
                chunk = merged(group)
                place = (np.arange(len(chunk)) + turn) % 2
                self.push(chunk.take(np.flatnonzero(place == 0)).compact())
                theirs.push(chunk.take(np.flatnonzero(place == 1)).compact())
                turn += len(chunk)
        return theirs

    @property
    def numbers(self) -> int:
        """Roughly how many numbers are held for the open nodes; shared ones count more than once."""
        return sum(chunk.numbers for chunk in self.chunks)

    def take_back(self, other: Frontier) -> None:
        """Adds everything of another frontier."""
        for chunk in other.chunks:
            self.push(chunk)

    def replace(self, change: Callable[[Chunk], Chunk]) -> None:
        """The same nodes, in other terms."""
        for stack in self._stacks.values():
            stack[:] = [change(chunk) for chunk in stack]

    @property
    def chunks(self) -> list[Chunk]:
        """All that is open, the latest last."""
        return [chunk for kind in self._latest for chunk in self._stacks[kind]]

    @property
    def nodes(self) -> Index:
        """Rows of all open nodes."""
        return np.concatenate([chunk.node for chunk in self.chunks] or [np.zeros(0, np.int64)])


Sort = tuple[bool, bool, bool, int, bool, bool]
"""What nodes must agree on to be bounded together."""


def _kind(chunk: Chunk) -> Sort:
    own = bool(chunk.node[0] == chunk.ancestor[0])
    return chunk.known.known is None, chunk.parameters is None, own, chunk.refined, chunk.deep, chunk.due


def _groups(chunks: Sequence[Chunk]) -> Iterator[list[Chunk]]:
    """Neighbours that make a piece of some size together."""
    group: list[Chunk] = []
    for chunk in chunks:
        if group and sum(len(c) for c in group) + len(chunk) > SMALL:
            yield group
            group = []
        group.append(chunk)
    if group:
        yield group


def merged(chunks: Sequence[Chunk]) -> Chunk:
    """One chunk; nodes that rest on the same ancestor's bounds go on sharing them."""
    if len(chunks) == 1:
        return chunks[0]
    parts = [chunk.compact() for chunk in chunks]
    offsets = np.cumsum([0, *(len(chunk) for chunk in parts)])
    rows = np.cumsum([0, *(len(chunk.known) for chunk in parts)])
    row = np.concatenate([chunk.row + offset for chunk, offset in zip(parts, rows, strict=False)])
    ancestor = np.concatenate([chunk.ancestor for chunk in parts])
    # of several copies of one ancestor's bounds, the first serves all
    _, first, which = np.unique(ancestor, return_index=True, return_inverse=True)
    parameters = [chunk.parameters for chunk in parts if chunk.parameters is not None]
    whole = replace(
        parts[0],
        node=np.concatenate([chunk.node for chunk in parts]),
        known=Domains.concatenate([chunk.known for chunk in parts]),
        row=row[first][which],
        ancestor=ancestor,
        owner=np.concatenate([chunk.owner + offset for chunk, offset in zip(parts, offsets, strict=False)]),
        case=np.concatenate([chunk.case for chunk in parts]),
        parameters=Parameters.concatenate(parameters) if parameters else None,
    )
    return whole.compact()

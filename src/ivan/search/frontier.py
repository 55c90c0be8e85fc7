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

WASTED = 0.75
"""Part of what a chunk holds below which it is copied without the rest."""

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
        parameters: slopes, multipliers and weights to start from; None for the rule.
        start: (P,) the row of them that each pair starts from, which siblings share; None for the rule.
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
    start: Index | None = None
    refined: int = -1
    deep: bool = False
    due: bool = False

    def __len__(self) -> int:
        return len(self.node)

    def cut(self, size: int) -> tuple[Chunk, Chunk]:
        """All but the last `size` nodes, and these."""
        at = len(self) - size
        return self.take(np.arange(at)), self.take(np.arange(at, len(self)))

    @property
    def numbers(self) -> int:
        """Roughly how many numbers it holds on to."""
        known = sum(2 * low.size for low, _ in self.known.known or ())
        # slopes and multipliers, of half the size
        parameters = 0 if self.parameters is None else sum(s.size for s in self.parameters.slopes)
        return known + parameters

    def compact(self, share: float = 1.0) -> Chunk:
        """The same without what none of its nodes rests on any more.

        Args:
            share: part of it that is in use from which it is left as it is.
        """
        chunk = self
        rows, place = np.unique(self.row, return_inverse=True)
        if len(rows) < share * len(self.known):
            chunk = replace(chunk, known=self.known.take(rows), row=place)
        if self.parameters is not None and self.start is not None:
            rows, place = np.unique(self.start, return_inverse=True)
            if len(rows) < share * len(self.parameters):
                chunk = replace(chunk, parameters=self.parameters.take(rows), start=place)
        return chunk

    def families(self) -> Index:
        """(B,) counts neighbours that start from the same: siblings."""
        if self.start is None:  # from the rule
            return np.arange(len(self))
        first = self.start[np.searchsorted(self.owner, np.arange(len(self)))]
        return np.concatenate([[0], np.cumsum(first[1:] != first[:-1])])

    def starts(self, pairs: Index) -> Parameters:
        """What the given pairs start from."""
        assert self.parameters is not None
        assert self.start is not None
        return self.parameters.take(self.start[pairs])

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
            start=None if self.start is None else self.start[pairs],
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
        chunk = chunk.compact(WASTED)
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
                stack.append(rest.compact(WASTED))
            taken.append(chunk)
            size -= len(chunk)
            pairs -= len(chunk.owner)
            self._count -= len(chunk)
        if not stack:
            self._latest.pop()
        return taken

    def share(self) -> Frontier:
        """Gives every other family to a new frontier; what lies in small pieces is put together on the way."""
        theirs, turn = Frontier(), 0
        kinds, stacks = self._latest, self._stacks
        self._stacks, self._latest, self._count = {}, [], 0
        for kind in kinds:
            for group in _groups(stacks.pop(kind)):
                chunk = merged(group)
                family = chunk.families()
                place = (family + turn) % 2
                self.push(chunk.take(np.flatnonzero(place == 0)).compact())
                theirs.push(chunk.take(np.flatnonzero(place == 1)).compact())
                turn += int(family[-1]) + 1
        return theirs

    @property
    def numbers(self) -> int:
        """Roughly how many numbers are held for the open nodes; shared ones count more than once."""
        return sum(chunk.numbers for chunk in self.chunks)

    def lighten(self, most: int) -> None:
        """Lets all but the newest nodes, which hold `most` numbers together, start from the rule again."""
        held, kinds = 0, self._latest[::-1]
        for kind in kinds:
            stack = self._stacks[kind]
            numbers = held + np.cumsum([chunk.numbers for chunk in reversed(stack)])
            held = int(numbers[-1])
            old = int((numbers > most).sum())
            if stack[0].parameters is None or not old:
                continue
            light, stack[:old] = [replace(chunk, parameters=None, start=None) for chunk in stack[:old]], []
            if not stack:
                self._latest.remove(kind)
            kind = _kind(light[0])
            self._stacks.setdefault(kind, [])[:0] = light
            if kind not in self._latest:
                self._latest.insert(0, kind)

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


def _groups(chunks: list[Chunk]) -> Iterator[list[Chunk]]:
    """Neighbours that make a piece of some size together; takes them out of the list, so that each is held once."""
    group: list[Chunk] = []
    chunks.reverse()
    while chunks:
        chunk = chunks.pop()
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
    starts = [chunk.start for chunk in parts if chunk.start is not None]
    held = np.cumsum([0, *(len(p) for p in parameters)])
    whole = replace(
        parts[0],
        node=np.concatenate([chunk.node for chunk in parts]),
        known=Domains.concatenate([chunk.known for chunk in parts]),
        row=row[first][which],
        ancestor=ancestor,
        owner=np.concatenate([chunk.owner + offset for chunk, offset in zip(parts, offsets, strict=False)]),
        case=np.concatenate([chunk.case for chunk in parts]),
        parameters=Parameters.concatenate(parameters) if parameters else None,
        start=np.concatenate([s + at for s, at in zip(starts, held, strict=False)]) if starts else None,
    )
    return whole.compact()

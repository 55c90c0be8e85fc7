"""The specification tree: how the input region was divided, as one row per node.

The root of region r stands for the whole of its box; every other node adds one split to its parent's region. The two
children of a node share kind, layer, unit and position and differ in their side, so together they cover their parent.
A node is `OPEN` (still to be decided), `SPLIT` (its children cover it) or `CLOSED` (every case has a certificate here
or above).

The recipe for intermediate bounds: where `refresh` is set, the bounds of all layers are computed anew for the node's
own region and intersected with those of the nearest refreshed ancestor; elsewhere that ancestor's bounds are
inherited, cut by the splits in between. How they are computed: forwards or backwards, as `refresh` says. Backwards, by
the slopes of the nearest refined ancestor (refinement.py), by the activations' rule where there is none, and first by
the one, then by its own slopes at a refined node itself. Roots always refresh.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from enum import IntEnum, IntFlag
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ivan.errors import ProofError


class Kind(IntEnum):
    """What led to a node."""

    ROOT = 0
    INPUT = 1
    UNIT = 2


class Side(IntEnum):
    """Which half of a split."""

    BELOW = 0
    ABOVE = 1


class Refresh(IntEnum):
    """Where a node's intermediate bounds come from."""

    NONE = 0
    BACKWARD = 1
    FORWARD = 2


class Firm(IntFlag):
    """What was tried in vain to make a replay cheaper."""

    LEAF = 1
    BOUNDS = 2


class State(IntEnum):
    """How far a node is decided."""

    OPEN = 0
    SPLIT = 1
    CLOSED = 2


COLUMNS: dict[str, type] = {
    "parent": np.int32,
    "kind": np.int8,
    "layer": np.int32,
    "unit": np.int32,
    "at": np.float64,
    "side": np.int8,
    "bound": np.float64,
    "state": np.int8,
    "refresh": np.int8,
    "firm": np.int8,
}
"""The tree's columns and their types, in the order of the file format."""


@dataclass(frozen=True)
class SpecTree:
    """A forest; immutable. Row r is the root of region r, and a parent comes before its children.

    Attributes:
        parent: (N,) row of the parent, -1 for a root.
        kind: (N,) `Kind` of the split that leads here.
        layer: (N,) layer of a unit split, 0 otherwise.
        unit: (N,) unit of a unit split, axis of an input split, region of a root.
        at: (N,) where the split cuts (pre-activation or input); 0 for roots.
        side: (N,) `Side` of the cut.
        bound: (N,) lower bound of the node's worst case when it was last bounded.
        state: (N,) `State`.
        refresh: (N,) `Refresh`: whether and how intermediate bounds are computed anew.
        firm: (N,) `Firm`: it was tried in vain to make a leaf of a split node, or to do without bounds of its own;
            nothing rests on it.
    """

    parent: NDArray[np.int32]
    kind: NDArray[np.int8]
    layer: NDArray[np.int32]
    unit: NDArray[np.int32]
    at: NDArray[np.float64]
    side: NDArray[np.int8]
    bound: NDArray[np.float64]
    state: NDArray[np.int8]
    refresh: NDArray[np.int8]
    firm: NDArray[np.int8]

    def __post_init__(self) -> None:
        for field in fields(self):
            getattr(self, field.name).setflags(write=False)

    @classmethod
    def roots(cls, regions: int) -> SpecTree:
        """The tree before any split: one open root per region."""
        zeros: dict[str, NDArray[Any]] = {name: np.zeros(regions, kind) for name, kind in COLUMNS.items()}
        zeros["parent"][:] = -1
        zeros["unit"] = np.arange(regions, dtype=np.int32)
        zeros["bound"][:] = -np.inf
        zeros["refresh"][:] = Refresh.BACKWARD
        return cls(**zeros)

    def __len__(self) -> int:
        return len(self.parent)

    @property
    def leaves(self) -> NDArray[np.int64]:
        """Rows of all nodes without children."""
        return np.flatnonzero(self.state != State.SPLIT)

    @property
    def open(self) -> NDArray[np.int64]:
        """Rows of the nodes still to be decided."""
        return np.flatnonzero(self.state == State.OPEN)

    def with_open(self, leaves: NDArray[np.int64]) -> SpecTree:
        """The same tree with exactly these leaves open and all others closed."""
        state = np.where(self.state == State.SPLIT, State.SPLIT, State.CLOSED).astype(np.int8)
        state[leaves] = State.OPEN
        return replace(self, state=state)

    @property
    def replay_cost(self) -> int:
        """Nodes whose bounds a replay computes anew."""
        return int(np.count_nonzero(self.refresh != Refresh.NONE))

    @property
    def children(self) -> NDArray[np.int64]:
        """(N, 2) rows of both children of split nodes, below and above; -1 for leaves."""
        result = np.full((len(self), 2), -1)
        inner = np.flatnonzero(self.parent >= 0)
        result[self.parent[inner], self.side[inner]] = inner
        return result

    def depth(self) -> NDArray[np.int32]:
        """(N,) number of splits above each node."""
        depth = np.zeros(len(self), np.int32)
        pending = np.flatnonzero(self.parent >= 0)
        ancestor = self.parent[pending]
        while len(pending):
            depth[pending] += 1
            ancestor = self.parent[ancestor]
            inner = ancestor >= 0
            pending, ancestor = pending[inner], ancestor[inner]
        return depth

    def region(self) -> NDArray[np.int32]:
        """(N,) the region of each node's root."""
        root = np.arange(len(self))
        while True:
            above = np.where(self.parent[root] >= 0, self.parent[root], root)
            if np.array_equal(above, root):
                return self.unit[root]
            root = above

    def check(self, regions: int, inputs: int, sizes: Sequence[int]) -> None:
        """Is this a tree whose leaves cover every region of a problem?

        Args:
            regions: number of regions of the problem.
            inputs: number of the network's inputs.
            sizes: number of units of every layer, 0 where a layer cannot be split.

        Raises:
            ProofError: naming the first law that is broken.
        """
        n = len(self)
        rows = np.arange(n)
        root = self.kind == Kind.ROOT
        limits = np.array([0, *sizes])

        def require(law: object, what: str) -> None:
            if not np.all(law):  # type: ignore[call-overload]
                raise ProofError(f"malformed proof: {what}")

        require(np.isin(self.kind, list(Kind)), "unknown kind of split")
        require(np.isin(self.side, list(Side)), "unknown side of a split")
        require(np.isin(self.state, list(State)), "unknown state of a node")
        require(root == (self.parent == -1), "roots are the nodes without a parent")
        require(np.array_equal(np.flatnonzero(root), np.arange(regions)), "not one root per region, in front")
        require(self.unit[root] == np.arange(regions), "not one root per region, in order")
        require((self.parent[~root] >= 0) & (self.parent[~root] < rows[~root]), "a parent after its child")
        require(np.isin(self.refresh, list(Refresh)), "an unknown recipe for bounds")
        require(self.refresh[root] != Refresh.NONE, "a root without its own bounds")
        require(np.isfinite(self.at), "a split at no finite number")
        axis = self.unit[self.kind == Kind.INPUT]
        require((axis >= 0) & (axis < inputs), "a split of an input that is not there")
        layer, unit = self.layer[self.kind == Kind.UNIT], self.unit[self.kind == Kind.UNIT]
        require((layer >= 1) & (layer < len(limits)), "a split in a layer that is not there")
        require((unit >= 0) & (unit < limits[layer]), "a split of a unit that is not there")
        children = np.bincount(self.parent[~root], minlength=n)
        require(children == np.where(self.state == State.SPLIT, 2, 0), "split nodes have two children, others none")
        inner = rows[~root]
        pairs = inner[np.lexsort((self.side[inner], self.parent[inner]))].reshape(-1, 2)
        first, second = pairs[:, 0], pairs[:, 1]
        for name in ("kind", "layer", "unit", "at"):
            column = getattr(self, name)
            require(column[first] == column[second], "two children of different splits")
        require(self.side[first] != self.side[second], "two children on the same side")


class TreeBuilder:
    """A growing tree: rows are appended, states and bounds of existing rows change."""

    def __init__(self, tree: SpecTree) -> None:
        self._columns: dict[str, NDArray[Any]] = {name: np.array(getattr(tree, name)) for name in COLUMNS}
        self._columns["depth"] = tree.depth()
        self._size = len(tree)

    def __len__(self) -> int:
        return self._size

    def column(self, name: str) -> NDArray[Any]:
        """The rows so far of one column, or of `depth`: a view that may be written to; stale after the next `split`."""
        return self._columns[name][: self._size]

    def split(
        self,
        parents: NDArray[np.int64],
        kind: NDArray[np.int8],
        layer: NDArray[np.int32],
        unit: NDArray[np.int32],
        at: NDArray[np.float64],
        refresh: NDArray[np.int8],
    ) -> NDArray[np.int64]:
        """Splits each of B open nodes in two.

        Returns:
            (2 B,) rows of the new nodes: the halves below, then the halves above.
        """
        count = len(parents)
        start, end = self._size, self._size + 2 * count
        self._reserve(end)
        new = slice(start, end)
        both: dict[str, NDArray[Any]] = {
            "parent": parents,
            "kind": kind,
            "layer": layer,
            "unit": unit,
            "at": at,
            "refresh": refresh,
            "depth": self._columns["depth"][parents] + 1,
        }
        for name, values in both.items():
            self._columns[name][new] = np.tile(values, 2)
        self._columns["side"][start : start + count] = Side.BELOW
        self._columns["side"][start + count : end] = Side.ABOVE
        self._columns["bound"][new] = self._columns["bound"][np.tile(parents, 2)]
        self._columns["state"][new] = State.OPEN
        self._columns["state"][parents] = State.SPLIT
        self._size = end
        return np.arange(start, end)

    def rows(self, start: int) -> dict[str, NDArray[Any]]:
        """All columns, `depth` among them, of the nodes from `start` on."""
        return {name: column[start : self._size].copy() for name, column in self._columns.items()}

    def append(self, rows: dict[str, NDArray[Any]]) -> None:
        """Nodes that were added to a copy of this tree, parents renumbered."""
        count = len(rows["parent"])
        self._reserve(self._size + count)
        for name, column in self._columns.items():
            column[self._size : self._size + count] = rows[name]
        self._size += count

    def _reserve(self, end: int) -> None:
        if end > len(self._columns["parent"]):
            room = max(end, 2 * len(self._columns["parent"]))
            for name, column in self._columns.items():
                self._columns[name] = np.concatenate([column, np.zeros(room - len(column), column.dtype)])

    def snapshot(self) -> SpecTree:
        """The tree as it stands."""
        return SpecTree(**{name: self._columns[name][: self._size].copy() for name in COLUMNS})

"""Refinements: slopes of single intermediate bounds, part of a tree's recipe.

Where a node is refined, its bounds are first computed as at any refreshed node, and then once more, layer by layer,
every bound named here with slopes of its own. Refreshed nodes below use the same slopes: below unit splits they do
nearly as well as any. Slopes are advice, as in certificates: half precision will do, and a unit that is stable on the
weights at hand needs none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ivan.errors import ProofError
from ivan.proof.ragged import Ragged
from ivan.proof.tree import Refresh, Side, SpecTree

Index = NDArray[np.int64]

SUPPORT_COLUMNS: dict[str, type] = {"layer": np.int16, "unit": np.int32}
BOUND_COLUMNS: dict[str, type] = {"layer": np.int16, "unit": np.int32, "side": np.int8}


@dataclass(frozen=True)
class RefinedLayer:
    """U refined bounds of one node in one layer.

    Attributes:
        unit: (U,) units.
        side: (U,) which bound.
        support: per lower layer (v_j,) units that slopes are given for.
        slopes: per lower layer (U, v_j).
    """

    unit: Index
    side: NDArray[np.int8]
    support: list[Index]
    slopes: list[NDArray[Any]]


@dataclass(frozen=True)
class Refinements:
    """Refined bounds of N nodes.

    Attributes:
        node: (N,) refreshed nodes, ascending.
        support: per node, the units (layer, unit) that slopes are given for, by layer.
        bounds: per node, the bounds (layer, unit, side) that are computed with them; `Side.ABOVE`: z >= l, the lower
            bound, `Side.BELOW`: z <= u.
        slopes: (S,) per bound of each node, one per unit of its support in lower layers.
    """

    node: NDArray[np.int32]
    support: Ragged
    bounds: Ragged
    slopes: NDArray[np.float16]

    @classmethod
    def none(cls) -> Refinements:
        """No node is refined."""
        return cls(
            np.zeros(0, np.int32),
            Ragged.empty(0, SUPPORT_COLUMNS),
            Ragged.empty(0, BOUND_COLUMNS),
            np.zeros(0, np.float16),
        )

    def __len__(self) -> int:
        return len(self.node)

    @staticmethod
    def concatenate(parts: Sequence[Refinements]) -> Refinements:
        """All nodes of the parts, in ascending order; no node stands in two parts."""
        if not parts:
            return Refinements.none()
        whole = Refinements(
            np.concatenate([p.node for p in parts]),
            Ragged.concatenate([p.support for p in parts]),
            Ragged.concatenate([p.bounds for p in parts]),
            np.concatenate([p.slopes for p in parts]),
        )
        return whole if np.all(np.diff(whole.node) > 0) else whole.take(np.argsort(whole.node, kind="stable"))

    def take(self, rows: Index) -> Refinements:
        """Some of the nodes, in the given order."""
        ends = self.first[self.bounds.offsets]
        slopes = [self.slopes[ends[i] : ends[i + 1]] for i in rows]
        return Refinements(
            self.node[rows],
            self.support.take(rows),
            self.bounds.take(rows),
            np.concatenate([np.zeros(0, np.float16), *slopes]),
        )

    @cached_property
    def first(self) -> Index:
        """(bounds + 1,) where each bound's slopes begin: one per unit of its node's support in a lower layer."""
        rows, layer = self.bounds.rows, np.maximum(self.bounds["layer"].astype(np.int64), 0)
        mine = np.maximum(self.support["layer"].astype(np.int64), 0)
        height = int(max(mine.max(initial=0), layer.max(initial=0))) + 1
        # how many supported units each node has below each layer
        below = np.zeros((len(self), height + 1), np.int64)
        np.add.at(below, (self.support.rows, mine + 1), 1)
        return np.concatenate([[0], np.cumsum(np.cumsum(below, axis=1)[rows, layer])]).astype(np.int64)

    def layer(self, i: int, k: int) -> RefinedLayer | None:
        """What the i-th node has for layer k (1-based); None for nothing."""
        mine = slice(int(self.bounds.offsets[i]), int(self.bounds.offsets[i + 1]))
        chosen = np.flatnonzero(self.bounds["layer"][mine] == k) + mine.start
        if not len(chosen):
            return None
        entries = slice(int(self.support.offsets[i]), int(self.support.offsets[i + 1]))
        layers, numbers = self.support["layer"][entries], self.support["unit"][entries].astype(np.int64)
        width = int((layers < k).sum())
        table = np.stack([self.slopes[self.first[j] : self.first[j] + width] for j in chosen])
        ends = np.searchsorted(layers, np.arange(1, k + 1))
        return RefinedLayer(
            self.bounds["unit"][chosen].astype(np.int64),
            self.bounds["side"][chosen],
            [numbers[a:b] for a, b in pairwise(ends.tolist())],
            [table[:, a:b] for a, b in pairwise(ends.tolist())],
        )

    def nearest(self, tree: SpecTree) -> Index:
        """(N,) for every node of the tree, which of these is its own or belongs to its nearest ancestor; -1: none."""
        result = np.full(len(tree), -1)
        result[self.node] = np.arange(len(self))
        depth = tree.depth()
        for level in range(1, int(depth.max(initial=0)) + 1):
            here = np.flatnonzero((depth == level) & (result < 0))
            result[here] = result[tree.parent[here]]
        return result

    def check(self, tree: SpecTree, sizes: Sequence[int]) -> None:
        """Do these refinements fit a tree and layers of these sizes?

        Raises:
            ProofError: naming the first law that is broken.
        """

        def require(law: object, what: str) -> None:
            if not np.all(law):  # type: ignore[call-overload]
                raise ProofError(f"malformed proof: {what}")

        limits = np.array([0, *sizes])
        require((self.node >= 0) & (self.node < len(tree)), "a refined node that is not there")
        require(np.diff(self.node) > 0, "refined nodes out of order")
        require(tree.refresh[self.node] == Refresh.BACKWARD, "a refined node without backward bounds")
        for table, what in ((self.support, "a slope of a unit"), (self.bounds, "a refined bound of a unit")):
            layer, unit = table["layer"].astype(np.int64), table["unit"]
            require((layer >= 1) & (layer < len(limits)), f"{what} in a layer that is not there")
            require((unit >= 0) & (unit < limits[layer]), f"{what} that is not there")
        same = np.diff(self.support.rows) == 0
        require(~same | (np.diff(self.support["layer"]) >= 0), "slopes out of order")
        require(np.isin(self.bounds["side"], list(Side)), "unknown side of a refined bound")
        require(self.first[-1] == len(self.slopes), "refined bounds and their slopes do not add up")
        require((self.slopes >= 0.0) & (self.slopes <= 1.0), "a slope outside [0, 1]")

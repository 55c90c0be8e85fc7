"""Certificates: what makes one linear bound positive at a node, and witnesses of a violation.

A certificate says why a case cannot occur in a node's region: with these row weights lambda, slopes alpha and
multipliers the backward bound is positive (beta-CROWN; LP duality). All three are only advice - any
slopes in [0, 1], any multipliers >= 0, any weights >= 0 give a valid bound - so a certificate made for one model can
be tried on another.

- `weights`: per row of the case, lambda_i > 0; no entries: the region itself is claimed to be empty.
- `slopes`: lower slopes of units; a unit without one gets its activation's rule.
- `multipliers`: signed, per unit: positive on z >= l, negative on z <= u. Those of kind `SPLIT` are beta and count only
  for units that are split on the node's path; those of kind `BOUND` use whatever bounds replay has proved. Neither kind
  brings a bound of its own, so no certificate can claim a split that is not there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from ivan.errors import ProofError
from ivan.proof.ragged import Ragged, ranges
from ivan.proof.refinement import Refinements
from ivan.proof.tree import SpecTree


class MultiplierKind(IntEnum):
    """Which bound a multiplier may use, or which equation: that a move is both values' difference (`ReluLinked`)."""

    SPLIT = 0
    BOUND = 1
    TIE = 2


WEIGHT_COLUMNS: dict[str, type] = {"row": np.int32, "value": np.float64}
SLOPE_COLUMNS: dict[str, type] = {"layer": np.int16, "unit": np.int32, "value": np.float32}
MULTIPLIER_COLUMNS: dict[str, type] = {"layer": np.int16, "unit": np.int32, "kind": np.int8, "value": np.float64}


@dataclass(frozen=True)
class Certificates:
    """M certificates as arrays.

    Attributes:
        node: (M,) row of the tree; holds for the whole subtree below it.
        case: (M,) which case of the problem is excluded there.
        margin: (M,) the rigorous lower bound that was reached.
        weights: per certificate, entries (row, value > 0).
        slopes: per certificate, entries (layer, unit, value in [0, 1]).
        multipliers: per certificate, entries (layer, unit, kind, signed value).
    """

    node: NDArray[np.int32]
    case: NDArray[np.int32]
    margin: NDArray[np.float64]
    weights: Ragged
    slopes: Ragged
    multipliers: Ragged

    @classmethod
    def none(cls) -> Certificates:
        """No certificates."""
        return cls.plain(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0), Ragged.empty(0, WEIGHT_COLUMNS))

    @classmethod
    def plain(
        cls, node: NDArray[np.int32], case: NDArray[np.int32], margin: NDArray[np.float64], weights: Ragged
    ) -> Certificates:
        """Certificates with the rule's slopes and no multipliers."""
        slopes, multipliers = Ragged.empty(len(node), SLOPE_COLUMNS), Ragged.empty(len(node), MULTIPLIER_COLUMNS)
        return cls(node, case, margin, weights, slopes, multipliers)

    def __len__(self) -> int:
        return len(self.node)

    @property
    def nbytes(self) -> int:
        """Bytes that the arrays take."""
        parts = (self.node, self.case, self.margin, self.weights, self.slopes, self.multipliers)
        return sum(part.nbytes for part in parts)

    def take(self, rows: NDArray[np.int64]) -> Certificates:
        """The given certificates, in the given order."""
        return Certificates(
            self.node[rows],
            self.case[rows],
            self.margin[rows],
            self.weights.take(rows),
            self.slopes.take(rows),
            self.multipliers.take(rows),
        )

    @staticmethod
    def concatenate(parts: Sequence[Certificates]) -> Certificates:
        """All certificates of the parts, in order."""
        if not parts:
            return Certificates.none()
        return Certificates(
            np.concatenate([p.node for p in parts]),
            np.concatenate([p.case for p in parts]),
            np.concatenate([p.margin for p in parts]),
            Ragged.concatenate([p.weights for p in parts]),
            Ragged.concatenate([p.slopes for p in parts]),
            Ragged.concatenate([p.multipliers for p in parts]),
        )

    def check(self, nodes: int, rows_of_case: NDArray[np.int64]) -> None:
        """Do these certificates fit a tree of `nodes` nodes and cases with these numbers of rows?

        Layers and units are matched when a certificate is replayed; one that names others than the model has is ignored
        there, since slopes and multipliers are advice.

        Raises:
            ProofError: naming the first law that is broken.
        """

        def require(law: object, what: str) -> None:
            if not np.all(law):  # type: ignore[call-overload]
                raise ProofError(f"malformed proof: {what}")

        require((self.node >= 0) & (self.node < nodes), "a certificate of a node that is not there")
        require((self.case >= 0) & (self.case < len(rows_of_case)), "a certificate of a case that is not there")
        row = self.weights["row"]
        most = rows_of_case[self.case][self.weights.rows] if len(row) else np.zeros(0)
        require((row >= 0) & (row < most), "a weight on a row that is not there")
        values = self.weights["value"]
        require(np.isfinite(values) & (values > 0.0), "a weight that is not a positive number")
        slopes = self.slopes["value"]
        require((slopes >= 0.0) & (slopes <= 1.0), "a slope outside [0, 1]")
        require(np.isfinite(self.multipliers["value"]), "a multiplier that is not a number")


class ByNode:
    """Certificates by the node that they speak of.

    Args:
        certificates: M of them.
        nodes: number of nodes of their tree.

    Attributes:
        counts: (N,) number of certificates of each node.
    """

    def __init__(self, certificates: Certificates, nodes: int) -> None:
        self._order = np.argsort(certificates.node, kind="stable")
        self._first = np.searchsorted(certificates.node[self._order], np.arange(nodes + 1))
        self.counts = np.diff(self._first)

    def of(self, nodes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The certificates of all the given nodes, with the position of the given node that each belongs to."""
        lengths = self.counts[nodes]
        return self._order[ranges(self._first[nodes], lengths)], np.repeat(np.arange(len(nodes)), lengths)


@dataclass(frozen=True)
class Witness:
    """An input that violates the property.

    Attributes:
        inputs: (n,) exactly representable in the model's precision.
        outputs: (m,) what onnxruntime computes there.
        precision: numpy name of the model's precision.
    """

    inputs: NDArray[np.float64]
    outputs: NDArray[np.float64]
    precision: str = "float32"


@dataclass(frozen=True)
class Proof:
    """A specification tree, the certificates of its leaves, and slopes of intermediate bounds."""

    tree: SpecTree
    certificates: Certificates
    refinements: Refinements = field(default_factory=Refinements.none)

    @property
    def complete(self) -> bool:
        """True when nothing is left open."""
        return not len(self.tree.open)

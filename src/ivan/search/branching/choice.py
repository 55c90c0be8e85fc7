"""From scores to splits."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.objective import Rows
from ivan.proof import Kind
from ivan.search.batch import Batch
from ivan.search.branching import clipping, inputs, units
from ivan.search.experience import Experience

Array = NDArray[np.float64]
Index = NDArray[np.int64]


@dataclass(frozen=True)
class Splits:
    """One split for each of S nodes.

    Attributes:
        node: (S,) positions in the batch.
        kind: (S,) `Kind`.
        layer: (S,) layer of a unit, 0 for an input.
        unit: (S,) unit or axis.
        at: (S,) where to cut.
    """

    node: Index
    kind: NDArray[np.int8]
    layer: NDArray[np.int32]
    unit: NDArray[np.int32]
    at: Array

    def take(self, rows: Index) -> Splits:
        """Some of them, in the given order."""
        return Splits(*(getattr(self, field.name)[rows] for field in fields(self)))


def choose_inputs(batch: Batch, rows: Rows, experience: Experience | None = None) -> Splits:
    """Where to cut each node with an open pair: where that takes most away, else the best axis in the middle."""
    pairs = batch.open
    pair, _, objective = batch.rows(pairs, rows)
    owner = batch.owner[pairs][pair]
    influences = inputs.mixed(batch.row_slopes(pairs), inputs.influence(batch.enclosure, owner, objective))
    lower, upper = batch.enclosure.lower, batch.enclosure.upper
    score = inputs.scores(len(batch.node), owner, influences, lower, upper)
    if experience is not None:
        score = experience.of_axes(score)
    node = np.unique(owner)
    node = node[score[node].max(axis=1) > 0.0]
    axis = score[node].argmax(axis=1)
    at = 0.5 * (lower[node, axis] + upper[node, axis])
    other, place, worth = clipping.cuts(batch, node, score[node] > 0.0)
    axis, at = np.where(worth, other, axis), np.where(worth, place, at)
    none = np.zeros(len(node), np.int32)
    return Splits(node, np.full(len(node), Kind.INPUT, np.int8), none, axis.astype(np.int32), at)


def unit_splits(batch: Batch, node: Index, layer: Index, unit: Index) -> Splits:
    """Splits of units where their activation is to be cut: (S,) positions in the batch, layers (1-based) and units."""
    return Splits(
        node,
        np.full(len(node), Kind.UNIT, np.int8),
        layer.astype(np.int32),
        unit.astype(np.int32),
        units.cuts(batch.enclosure, node, layer, unit),
    )

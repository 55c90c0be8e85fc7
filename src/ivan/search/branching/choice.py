"""From scores to splits."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.objective import Rows
from ivan.proof import Kind
from ivan.search.batch import Batch
from ivan.search.branching import inputs, units

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


def choose_inputs(batch: Batch, rows: Rows) -> Splits:
    """The axis with the greatest smear score of every node with an open pair, cut in the middle."""
    pairs = batch.open
    pair, _, objective = batch.rows(pairs, rows)
    owner = batch.owner[pairs][pair]
    influences = inputs.influence(batch.enclosure, owner, objective)
    lower, upper = batch.enclosure.lower, batch.enclosure.upper
    score = inputs.scores(len(batch.node), owner, influences, lower, upper)
    node = np.unique(owner)
    node = node[score[node].max(axis=1) > 0.0]
    axis = score[node].argmax(axis=1)
    at = 0.5 * (lower[node, axis] + upper[node, axis])
    none = np.zeros(len(node), np.int32)
    return Splits(node, np.full(len(node), Kind.INPUT, np.int8), none, axis.astype(np.int32), at)


def choose_units(batch: Batch, rows: Rows) -> Splits:
    """The unit with the greatest score of every node with an open pair, cut at its activation's split point."""
    del rows
    pairs = batch.open
    owner = batch.owner[pairs]
    parameters = batch.inherited(pairs)
    slopes = [lines.lower_slope[owner] for lines in batch.enclosure.lines] if parameters is None else parameters.slopes
    kept = [None if a is None else a[pairs] for a in batch.kept]
    best = np.zeros(len(batch.node))
    layer, unit, at = np.zeros(len(best), np.int32), np.zeros(len(best), np.int32), np.zeros(len(best))
    present = np.zeros(len(best), bool)
    present[owner] = True
    for k, score in enumerate(units.scores(batch.enclosure, owner, kept, slopes)):
        points = batch.enclosure.network.layers[k].activation.split_points
        if not points or not score.size:
            continue
        chosen = score.argmax(axis=1)
        value = score[np.arange(len(score)), chosen]
        better = present & (value > best)
        best[better], layer[better], unit[better], at[better] = value[better], k + 1, chosen[better], points[0]
    node = np.flatnonzero(best > 0.0)
    return Splits(node, np.full(len(node), Kind.UNIT, np.int8), layer[node], unit[node], at[node])

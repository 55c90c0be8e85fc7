"""How much the bound of a case reacts to the bounds of intermediate units.

With w_j = max(-a_j, 0) for the coefficient a_j that arrives at unit j, the chord's value at z moves by

    w_j u (u - z) / (u - l)^2  per unit of l,        w_j (-l) (z - l) / (u - l)^2  per unit of u

(taken at the middle of the interval). A row of layer k matters that much, and passes it on to the units below it by its
own coefficients; so the weights are accumulated from the top layer down to the bottom.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.ascent import Ascent, Parameters, Schedule
from ivan.bounds.enclosure import Enclosure
from ivan.deadline import Deadline
from ivan.proof import Side
from ivan.proof.refinement import RefinedLayer, Refinements

Array = NDArray[np.float64]
Index = NDArray[np.int64]

NEGLIGIBLE = 1e-3
"""Rows whose weight is this small a share of the largest are left out."""


@dataclass
class ImportantRows:
    """The bounds of one layer that matter, for S nodes.

    Attributes:
        k: the layer, 0-based.
        table: all its refined bounds.
        place: (R,) node of each row.
        row: (R,) row of the table.
        weight: (R,) by how much the node's bound moves with this one.
        arrived: per lower layer (R, v_j), coefficients at the units of the table's support; None for none.
        slopes: per lower layer (R, v_j).
    """

    k: int
    table: RefinedLayer
    place: Index
    row: Index
    weight: Array
    arrived: list[NDArray[Any] | None]
    slopes: list[NDArray[np.float32]]


def important_rows(
    ascent: Ascent,
    enclosure: Enclosure,
    owner: Index,
    parameters: Parameters,
    arrived: list[NDArray[Any] | None],
    refinements: Refinements,
    which: int,
    deadline: Deadline,
) -> Iterator[ImportantRows]:
    """The rows that matter, layer by layer, from the top down.

    Args:
        ascent: sweeps rows of intermediate layers.
        enclosure: the domains.
        owner: (S,) domain of each node, each once.
        parameters: of one case of each node.
        arrived: per layer, (S, v_k) coefficients that arrive at the parameters' units, or None.
        refinements: where the slopes of intermediate rows are.
        which: which of them.
        deadline: checked in every sweep.
    """
    network = enclosure.network
    pull = [np.zeros((len(owner), layer.affine.size)) for layer in network.layers]
    for k, units in enumerate(parameters.units):
        a = arrived[k]
        if a is not None:
            pull[k][:, units] = np.maximum(-a, 0.0) if network.layers[k].activation.sloped else np.abs(a)
    for k in range(len(network.layers) - 1, 0, -1):
        table = refinements.layer(which, k + 1)
        if table is None:
            continue
        chosen = np.ix_(owner, table.unit)
        low, high = (side[chosen] for side in enclosure.intervals[k])
        share = np.where(table.side == Side.ABOVE, high, -low) * 0.5 / np.maximum(high - low, 1e-300)
        weight = np.where(enclosure.unstable[k][chosen], pull[k][:, table.unit] * share, 0.0)
        weight = np.nan_to_num(weight, nan=0.0, posinf=0.0)
        place, row = np.nonzero(weight > NEGLIGIBLE * weight.max(axis=1, keepdims=True, initial=0.0))
        if not len(row):
            continue
        start = Parameters(
            tuple(table.support), [s[row].astype(np.float32) for s in table.slopes], [None] * k, np.zeros((len(row), 0))
        )
        sign = np.where(table.side[row] == Side.ABOVE, 1.0, -1.0)
        _, found = ascent.units(enclosure, k, owner[place], table.unit[row], sign, start, Schedule(0), deadline)
        here = np.arange(len(owner))
        for j, units in enumerate(table.support):
            a = found.arrived[j]
            if a is not None and len(units):
                pulled = np.zeros((len(owner), len(units)))
                read = np.maximum(-a, 0.0) if network.layers[j].activation.sloped else np.abs(a)
                np.add.at(pulled, place, weight[place, row][:, None] * read)
                pull[j][np.ix_(here, units)] += pulled
        yield ImportantRows(k, table, place, row, weight[place, row], found.arrived, start.slopes)

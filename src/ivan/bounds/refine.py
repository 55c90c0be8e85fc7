"""Intermediate bounds with slopes of their own.

The rule's slopes are the best for no bound in particular. Here every bound of an unstable unit gets its own, found by
ascent, layer by layer, so that each layer profits from the ones below; the limit is what a linear program over the
triangles below would give (Salman et al., NeurIPS 2019). The slopes go into the proof's recipe, and one rigorous pass
with them, here or in a replay, gives the bounds.

Source: Xu et al., ICLR 2021 (optimised intermediate bounds).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.ascent import Ascent, Parameters, Schedule
from ivan.bounds.backward import Advice, bound_rows
from ivan.bounds.cone import Cone
from ivan.bounds.enclosure import Enclosure, unstable_units, walk
from ivan.deadline import NEVER, Deadline
from ivan.network.affine import Affine
from ivan.proof import Ragged, Side
from ivan.proof.refinement import BOUND_COLUMNS, SUPPORT_COLUMNS, RefinedLayer, Refinements

Array = NDArray[np.float64]
Index = NDArray[np.int64]


def apply(enclosure: Enclosure, refinements: Refinements, which: Index, deadline: Deadline = NEVER) -> Enclosure:
    """Bounds of a batch of domains, by the slopes that were found for them or an ancestor.

    Args:
        enclosure: bounds that are known of the domains.
        refinements: slopes.
        which: (B,) row of `refinements` for each domain, -1 for none.
        deadline: checked between chunks of rows.

    Raises:
        OutOfTime: the deadline passed.
    """
    used = [int(i) for i in np.unique(which) if i >= 0]
    if not used:
        return enclosure

    def tighten(result: Enclosure, affine: Affine, k: int, low: Array, high: Array) -> tuple[Array, Array]:
        for i in used:
            table = refinements.layer(i, k + 1)
            if table is not None:
                domains = np.flatnonzero((which == i) & ~result.empty)
                low, high = _bounded(result, affine, k, domains, table, low, high, deadline)
        return low, high

    return walk(enclosure.network, enclosure.domains, tighten, deadline)


def refine(
    ascent: Ascent, enclosure: Enclosure, node: int, schedule: Schedule, most_rows: int, deadline: Deadline = NEVER
) -> tuple[Enclosure, Refinements]:
    """Finds slopes for the bounds of one domain's unstable units.

    Args:
        ascent: improves slopes.
        enclosure: the domain's bounds by the rule; a batch of one.
        node: the domain's row of the tree.
        schedule: how each bound's slopes are improved.
        most_rows: bounds to refine in all; later layers, which matter more, come first when there are too many.
        deadline: checked in every step.

    Returns:
        The refined bounds, and what is to be recorded.

    Raises:
        OutOfTime: the deadline passed.
    """
    network = enclosure.network
    chosen = _layers_within(enclosure, most_rows)
    support: list[Index] = []
    bounds: list[tuple[int, Index, NDArray[np.int8]]] = []
    slopes: list[NDArray[np.float16]] = []

    def tighten(result: Enclosure, affine: Affine, k: int, low: Array, high: Array) -> tuple[Array, Array]:
        unit = np.flatnonzero(unstable_units(network.layers[k].activation, low[0], high[0]))
        below = [len(units) for units in support]
        if k in chosen and len(unit) and sum(below):
            count = len(unit)
            unit = np.concatenate([unit, unit])
            side = np.repeat([Side.ABOVE, Side.BELOW], count).astype(np.int8)
            sign = np.where(side == Side.ABOVE, 1.0, -1.0)
            owner = np.zeros(2 * count, np.int64)
            rule = [result.rule(j)[np.ix_(owner, u)] for j, u in enumerate(support)]
            start = Parameters(
                tuple(support),
                [s.astype(np.float32) for s in rule],
                [None] * len(support),
                np.zeros((2 * count, 0)),
            )
            found, _ = ascent.units(result, k, owner, unit, sign, start, schedule, deadline)
            halves = [s.astype(np.float16) for s in found.slopes]
            table = RefinedLayer(unit, side, list(support), list(halves))
            low, high = _bounded(result, affine, k, np.zeros(1, np.int64), table, low, high, deadline)
            bounds.append((k + 1, unit, side))
            slopes.append(np.concatenate(halves, axis=1).ravel())
        left = unstable_units(network.layers[k].activation, low[0], high[0])
        support.append(np.flatnonzero(left))
        return low, high

    refined = walk(network, enclosure.domains, tighten, deadline)
    if not bounds:
        return enclosure, Refinements.none()
    return refined, Refinements(
        np.array([node], np.int32),
        _units(support),
        _bounds(bounds),
        np.concatenate(slopes),
    )


def _layers_within(enclosure: Enclosure, most_rows: int) -> set[int]:
    """Layers, the last first, whose unstable units have no more than so many bounds."""
    chosen, rows = set(), 0
    for k in range(len(enclosure.network.layers) - 1, -1, -1):
        rows += 2 * int(enclosure.unstable[k][0].sum())
        if rows > most_rows:
            break
        chosen.add(k)
    return chosen


def _bounded(
    result: Enclosure, affine: Affine, k: int, domains: Index, table: RefinedLayer, low: Array, high: Array,
    deadline: Deadline,
) -> tuple[Array, Array]:  # fmt: skip
    """Intersects bounds of some domains with those that slopes give."""
    unstable = unstable_units(result.network.layers[k].activation, low, high)
    place, row = np.nonzero(unstable[np.ix_(domains, table.unit)])
    if not len(row):
        return low, high
    owner, unit, side = domains[place], table.unit[row], table.side[row]

    def advice(rows: Index, known: Enclosure, cone: Cone | None) -> Advice:
        slopes: list[Array | None] = [None] * len(known.network.layers)
        for j, (units, values) in enumerate(zip(table.support, table.slopes, strict=True)):
            activation = known.network.layers[j].activation
            if not len(units) or not (activation.sloped or activation.mixed):
                continue
            wide = slopes[j] = known.rule(j)[owner[rows]]
            if cone is None:
                wide[:, units] = values[row[rows]]
            else:
                place, inside = cone.position(j, units)
                wide[:, place] = values[np.ix_(row[rows], inside)]
        return Advice(slopes, [])

    bound = bound_rows(result, affine, k, owner, unit, np.where(side == Side.ABOVE, 1.0, -1.0), advice, deadline)
    low, high = low.copy(), high.copy()
    above, below = side == Side.ABOVE, side == Side.BELOW
    np.maximum.at(low, (owner[above], unit[above]), bound[above])
    np.minimum.at(high, (owner[below], unit[below]), -bound[below])
    return low, high


def _units(units: list[Index]) -> Ragged:
    """One node's units, per layer."""
    return _single(
        SUPPORT_COLUMNS,
        layer=np.concatenate([np.full(len(u), k + 1) for k, u in enumerate(units)]),
        unit=np.concatenate(units),
    )


def _bounds(bounds: list[tuple[int, Index, NDArray[np.int8]]]) -> Ragged:
    """One node's bounds: layer, units and sides."""
    none = np.zeros(0, np.int64)
    return _single(
        BOUND_COLUMNS,
        layer=np.concatenate([none, *(np.full(len(unit), k) for k, unit, _ in bounds)]),
        unit=np.concatenate([none, *(unit for _, unit, _ in bounds)]),
        side=np.concatenate([none, *(side for _, _, side in bounds)]),
    )


def _single(types: dict[str, type], **columns: NDArray[Any]) -> Ragged:
    """One row with all the entries."""
    count = len(next(iter(columns.values())))
    return Ragged(np.array([0, count], np.int64), {name: columns[name].astype(kind) for name, kind in types.items()})

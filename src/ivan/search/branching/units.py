"""Scores for units: how much a bound would gain without the unit's relaxation (BaBSR, simplified), and what follows.

With coefficient a_j arriving at h_j, the chord costs -a_j s_j l_j where a_j < 0; where a_j > 0 the lower line alpha z
costs at most a_j max(alpha (-l), (1 - alpha) u) somewhere on the interval. The first is lost for certain at a corner
of the triangle, the second only at the far end, so it counts less. Around a curve both lines cost |a_j| times the gap
between them, here taken in the middle; of two operands the one with the wider interval is credited with more of it.

A split also improves the bounds of the units above it, where those are computed anew: what a row of a later layer would
gain counts with the row's importance (bounds/importance.py).

Source: Bunel et al., JMLR 2020 (BaBSR).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.ascent import Ascent, Parameters
from ivan.bounds.enclosure import Enclosure
from ivan.bounds.importance import important_rows
from ivan.deadline import Deadline
from ivan.proof.refinement import Refinements

Array = NDArray[np.float64]
Index = NDArray[np.int64]

LOWER_LINE = 0.3
"""Weight of the lower line's loss relative to the chord's (measured)."""

LARGEST = 1e150
"""Stands for a gap without an end, as at a pole."""

NEXT_TO_NOTHING = 1e-300
"""Score of a unit that no open row reads: it can still make the domain smaller."""


def losses(
    enclosure: Enclosure, owner: Index, k: int, units: Index, arrived: NDArray[Any] | None, slopes: NDArray[Any]
) -> tuple[Array, Array]:
    """What the relaxation of each unit costs: by the chord alone, and in all; (R, v) each, 0 for stable units.

    Args:
        enclosure: the domains.
        owner: (R,) domain of each row.
        k: layer, 0-based.
        units: (v,) units of the layer.
        arrived: (R, v) coefficients that arrive at them, or None.
        slopes: (R, v) their lower slopes.
    """
    chosen = np.ix_(owner, units)
    mask = enclosure.unstable[k][chosen]
    if arrived is None:
        return np.zeros(mask.shape), np.zeros(mask.shape)
    if not enclosure.network.layers[k].activation.sloped:
        loss = np.where(mask, np.nan_to_num(np.abs(arrived) * _gaps(enclosure, owner, k, units), posinf=LARGEST), 0.0)
        return loss, loss
    low, high = (side[chosen] for side in enclosure.intervals[k])
    chord = np.maximum(-arrived, 0.0) * enclosure.lines[k].upper_intercept[chosen]
    line = np.maximum(arrived, 0.0) * np.maximum(slopes * -low, (1.0 - slopes) * high)
    chord, both = np.where(mask, chord, 0.0), np.where(mask, chord + LOWER_LINE * line, 0.0)
    return np.nan_to_num(chord, nan=0.0, posinf=0.0), np.nan_to_num(both, nan=0.0, posinf=0.0)


def shallow_scores(
    enclosure: Enclosure, owner: Index, parameters: Parameters, arrived: list[Any]
) -> tuple[list[Array], list[Array]]:
    """Per layer (R, v_k) scores of the parameters' units: by the chord alone, and in all; 0 for stable units."""
    chord: list[Array] = []
    both: list[Array] = []
    for k, units in enumerate(parameters.units):
        mask = enclosure.unstable[k][np.ix_(owner, units)]
        if not enclosure.network.layers[k].activation.sloped:
            mask = mask & np.isfinite(_cuts(enclosure, owner, k)[:, units])
        for table, loss in zip(
            (chord, both), losses(enclosure, owner, k, units, arrived[k], parameters.slopes[k]), strict=True
        ):
            table.append(np.where(mask, loss + NEXT_TO_NOTHING, 0.0))
    return chord, both


def deep_scores(
    ascent: Ascent,
    enclosure: Enclosure,
    owner: Index,
    parameters: Parameters,
    arrived: list[Any],
    refinements: Refinements,
    which: int,
    deadline: Deadline,
) -> list[Array]:
    """Per layer (R, v_k) scores that count what later layers' bounds gain.

    Args:
        ascent: sweeps rows of intermediate layers.
        enclosure: the domains.
        owner: (R,) domain of each row, each once.
        parameters: of the rows.
        arrived: per layer, (R, v_k) coefficients that arrive at h_k, or None.
        refinements: where the slopes of intermediate rows are.
        which: which refined node these domains are below.
        deadline: checked in every sweep.
    """
    _, scores = shallow_scores(enclosure, owner, parameters, arrived)
    for rows in important_rows(ascent, enclosure, owner, parameters, arrived, refinements, which, deadline):
        for j, units in enumerate(rows.table.support):
            a = rows.arrived[j]
            if a is None or not len(units):
                continue
            _, loss = losses(enclosure, owner[rows.place], j, units, a, rows.slopes[j])
            gained = np.zeros((len(owner), len(units)))
            np.add.at(gained, rows.place, rows.weight[:, None] * loss)
            known = np.isin(units, parameters.units[j])
            mine = np.searchsorted(parameters.units[j], units[known])
            scores[j][:, mine] += np.where(scores[j][:, mine] > 0.0, gained[:, known], 0.0)
    return scores


def cuts(enclosure: Enclosure, owner: Index, layer: Index, unit: Index) -> Array:
    """(S,) where units (S,) of layers (S,), 1-based, are to be split in domains (S,); 0 where a layer is 0."""
    at = np.zeros(len(unit))
    for k in np.unique(layer[layer > 0]):
        here = np.flatnonzero(layer == k)
        at[here] = _cuts(enclosure, owner[here], int(k) - 1)[np.arange(len(here)), unit[here]]
    return at


def _cuts(enclosure: Enclosure, owner: Index, k: int) -> Array:
    low, high = (side[owner] for side in enclosure.intervals[k])
    return enclosure.network.layers[k].activation.cuts(low, high)


def _gaps(enclosure: Enclosure, owner: Index, k: int, units: Index) -> Array:
    """(R, v) the gap between the lines around the units' values, in the middle, and each operand's share of it."""
    lines, layer = enclosure.lines[k], enclosure.network.layers[k]
    low, high = (side[owner] for side in enclosure.intervals[k])
    with np.errstate(over="ignore", invalid="ignore"):
        middle, width = 0.5 * low + 0.5 * high, high - low
        slope = (lines.upper_slope - lines.lower_slope)[owner] * middle
        gap = lines.upper_intercept[owner]
        gap = gap if lines.lower_intercept is None else gap - lines.lower_intercept[owner]
        total = np.zeros(gap.shape)
        for at in range(0, layer.affine.size, layer.size):
            gap = gap + slope[:, at : at + layer.size]
            total = total + width[:, at : at + layer.size]
        value = units % layer.size
        share = width[:, units] / np.maximum(total[:, value], 1e-300)
    return np.where(np.isfinite(share), share, 1.0) * np.maximum(np.nan_to_num(gap, nan=LARGEST), 0.0)[:, value]


def best(
    tables: list[list[Array]], units: tuple[Index, ...], counts: list[int]
) -> tuple[Index, Index, NDArray[np.bool_]]:
    """The greatest of several kinds of scores.

    Args:
        tables: kinds of scores, each per layer (R, v_k).
        units: per layer (v_k,) what the columns are.
        counts: how many of each kind.

    Returns:
        layer, unit: (R, c) layers (1-based) and units.
        there: (R, c) False for places left empty, and for what stands twice.
    """
    layers = np.concatenate([np.full(len(u), k + 1) for k, u in enumerate(units)])
    numbers = np.concatenate(units)
    places, values = [], []
    for table, count in zip(tables, counts, strict=True):
        flat = np.concatenate(table, axis=1)
        place = np.argsort(-flat, axis=1, kind="stable")[:, : min(count, flat.shape[1])]
        places.append(place)
        values.append(np.take_along_axis(flat, place, axis=1))
    place, value = np.concatenate(places, axis=1), np.concatenate(values, axis=1)
    there = value > 0.0
    for i in range(1, place.shape[1]):
        there[:, i] &= ~(place[:, :i] == place[:, i : i + 1]).any(axis=1)
    return layers[place], numbers[place], there

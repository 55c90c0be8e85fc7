"""A network over one domain as a linear program: the triangle relaxation.

Columns: the inputs; per layer, for an unstable unit, `h >= 0` and `g = h - z >= 0`, so that either phase is a change
of one bound (g = 0: active, h = 0: inactive); for a unit that is active, or an identity, its value z, free; an
inactive unit has none. Where a unit is stable because it is split, its phase is a constraint of its own: z of an active
one and g = -z of an inactive one keep the unit's bounds. One more column t. Rows:

    per unit with columns:   (h - g, z or -g)  -  sum over sources L h_s  =  b
    per unstable unit:       h / u  +  g / -l  <=  1                   (the chord, scaled; it implies l <= z <= u)
    per row of the case:     C y + D x - d - t  <=  0

A move of a ReLU's value (`ReluLinked`) has two columns, itself and d, both free, and its rows are:

    per move:                d  -  sum over sources L h_s  =  b
                             move  -  h'  +  h  =  0
                             move  -  s d  >=  t,   move  -  s' d  <=  t'         (the domain's lines)

and t is minimised: its least value is the largest lower bound on the case's worst row that the relaxation gives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.enclosure import Enclosure
from ivan.network.activations import Identity, Relu, ReluLinked
from ivan.network.affine import Affine
from ivan.network.layers import Layer, Network
from ivan.problem import Case

Array = NDArray[np.float64]
Index = NDArray[np.int64]

LARGEST_COEFFICIENT = 1e8
"""Chords of units that hardly are unstable are scaled down to this; HiGHS refuses models with numbers beyond 1e15."""


@dataclass(frozen=True)
class Link:
    """Where the moves of one layer (n,) went.

    Attributes:
        moves: (n,) columns of d.
        moved: (n,) rows that define d.
        tied: (n,) rows of both values' difference.
        above: (n,) rows of the lower lines, move - s d >= t.
        below: (n,) of the upper ones.
    """

    moves: Index
    moved: Index
    tied: Index
    above: Index
    below: Index


@dataclass(frozen=True)
class Relaxation:
    """Rows and columns, and where each unit went.

    Attributes:
        inputs: number of input columns, which come first.
        matrix: scipy CSR, rows x columns.
        row_lower: (rows,).
        row_upper: (rows,).
        column_lower: (columns,).
        column_upper: (columns,).
        value: per layer (n_k,) column of h or z, -1 for a unit that is always zero.
        gap: per layer (n_k,) column of g, -1 for a unit without one.
        equality: per layer (n_k,) row that defines the unit, -1 for none.
        objective_rows: (r,) rows of the case.
        objective: column t.
        links: per layer (0-based) of moves, where their other rows and columns are.
    """

    inputs: int
    matrix: Any
    row_lower: Array
    row_upper: Array
    column_lower: Array
    column_upper: Array
    value: list[Index]
    gap: list[Index]
    equality: list[Index]
    objective_rows: Index
    objective: int
    links: dict[int, Link]


def supported(network: Network) -> bool:
    """True when every activation is piecewise linear."""
    return all(isinstance(layer.activation, Relu | Identity | ReluLinked) for layer in network.layers)


def relax(enclosure: Enclosure, domain: int, case: Case) -> Relaxation:
    """The relaxation of one domain and one case.

    Args:
        enclosure: bounds of the domain (and perhaps others).
        domain: which of its domains.
        case: the rows whose worst is bounded.
    """
    from scipy.sparse import coo_array, csr_array

    network = enclosure.network
    columns = network.inputs
    value, gap, equality = [], [], []
    low_parts, high_parts = [enclosure.lower[domain]], [enclosure.upper[domain]]
    values_of: list[Index] = [np.arange(columns)]
    for k, layer in enumerate(network.layers):
        if isinstance(layer.activation, ReluLinked):
            value.append(columns + np.arange(layer.size))
            gap.append(np.full(layer.size, -1))
            low_parts.append(np.full(2 * layer.size, -np.inf))
            high_parts.append(np.full(2 * layer.size, np.inf))
            columns += 2 * layer.size
            values_of.append(value[k])
            continue
        low, high = enclosure.intervals[k][0][domain], enclosure.intervals[k][1][domain]
        unstable = enclosure.unstable[k][domain]
        mask = enclosure.split[k]
        split = np.zeros(layer.size, bool) if mask is None else mask[domain] & ~unstable
        active = ~unstable if isinstance(layer.activation, Identity) else ~unstable & (low >= 0.0)
        used, gapped = unstable | active, unstable | (split & ~active)
        count = int(used.sum())
        value.append(np.full(layer.size, -1))
        value[k][used] = columns + np.arange(count)
        low_parts.append(np.where(unstable, 0.0, np.where(split, low, -np.inf))[used])
        high_parts.append(np.where(split, high, np.inf)[used])
        columns += count
        gaps = int(gapped.sum())
        gap.append(np.full(layer.size, -1))
        gap[k][gapped] = columns + np.arange(gaps)
        low_parts.append(np.where(unstable, 0.0, -high)[gapped])
        high_parts.append(np.where(unstable, np.inf, -low)[gapped])
        columns += gaps
        values_of.append(value[k])
    objective = columns
    low_parts.append(np.array([-np.inf]))
    high_parts.append(np.array([np.inf]))
    columns += 1

    links: dict[int, Link] = {}
    entries: list[tuple[Index, Index, Array]] = []
    row_lower, row_upper = [], []
    count = 0

    def affine_rows(affine: Affine, chosen: Index, left: Any, sign: float) -> None:
        """Adds sign * (left L) over every source's columns, for the chosen outputs, at the rows from `count` on."""
        for source, linear in affine.terms:
            matrix = linear.to_sparse()
            matrix = matrix[chosen] if left is None else csr_array(left) @ matrix
            part = coo_array(matrix)
            row, column = (index.astype(np.int64) for index in part.coords)
            target = values_of[source][column]
            present = target >= 0
            entries.append((count + row[present], target[present], sign * part.data[present]))

    def link_rows(k: int, layer: Layer) -> Link:
        """What moves, both values' difference, and the lines in d."""
        nonlocal count
        n, every = layer.size, np.arange(layer.size)
        moved, tied, above, below = (count + at * n + every for at in range(4))
        link = Link(values_of[k + 1] + n, moved, tied, above, below)
        affine_rows(layer.affine, n + every, None, -1.0)
        entries.append((moved, link.moves, np.ones(n)))
        count += n
        affine_rows(layer.affine, 4 * n + every, None, -1.0)
        affine_rows(layer.affine, 3 * n + every, None, 1.0)
        entries.append((tied, value[k], np.ones(n)))
        count += n
        slopes, low, high, slack = lines_of_moves(enclosure, k, domain)
        for rows, slope in zip((above, below), slopes, strict=True):
            entries.append((rows, value[k], np.ones(n)))
            entries.append((rows, link.moves, -slope))
        count += 2 * n
        constant = layer.affine.constant[n : 2 * n]
        row_lower.append(np.concatenate([constant, -slack, low, np.full(n, -np.inf)]))
        row_upper.append(np.concatenate([constant, slack, np.full(n, np.inf), high]))
        equality.append(tied)
        return link

    for k, layer in enumerate(network.layers):
        if isinstance(layer.activation, ReluLinked):
            links[k] = link_rows(k, layer)
            continue
        chosen = np.flatnonzero((value[k] >= 0) | (gap[k] >= 0))
        equality.append(np.full(layer.size, -1))
        equality[k][chosen] = count + np.arange(len(chosen))
        affine_rows(layer.affine, chosen, None, -1.0)
        for column, sign in ((value[k], 1.0), (gap[k], -1.0)):
            present = np.flatnonzero(column >= 0)
            entries.append((equality[k][present], column[present], np.full(len(present), sign)))
        row_lower.append(layer.affine.constant[chosen])
        row_upper.append(layer.affine.constant[chosen])
        count += len(chosen)
        chord = np.flatnonzero(enclosure.unstable[k][domain])
        low, high = (side[domain][chord] for side in enclosure.intervals[k])
        rows = count + np.arange(len(chord))
        scale = np.minimum(1.0, LARGEST_COEFFICIENT * np.minimum(high, -low))
        entries.append((rows, value[k][chord], scale / high))
        entries.append((rows, gap[k][chord], scale / -low))
        row_lower.append(np.full(len(chord), -np.inf))
        row_upper.append(scale)
        count += len(chord)

    rows = count + np.arange(len(case.d))
    affine_rows(network.output, np.arange(network.outputs), case.C, 1.0)
    r, i = np.nonzero(case.D)
    entries.append((count + r, i, case.D[r, i]))
    entries.append((rows, np.full(len(rows), objective), np.full(len(rows), -1.0)))
    row_lower.append(np.full(len(rows), -np.inf))
    row_upper.append(case.d - case.C @ network.output.constant)
    count += len(rows)

    row_index, column_index, numbers = (np.concatenate(parts) for parts in zip(*entries, strict=True))
    matrix = csr_array(coo_array((numbers, (row_index, column_index)), shape=(count, columns)))
    matrix.sum_duplicates()
    return Relaxation(
        network.inputs,
        matrix,
        np.concatenate(row_lower),
        np.concatenate(row_upper),
        np.concatenate(low_parts),
        np.concatenate(high_parts),
        value,
        gap,
        equality,
        rows,
        objective,
        links,
    )


def lines_of_moves(enclosure: Enclosure, k: int, domain: int) -> tuple[tuple[Array, Array], Array, Array, Array]:
    """What ties the moves in layer k (0-based).

    Where a move is linear, one thing does, so that there is one way only to read the duals.

    Returns:
        slopes: in d, of the lower and of the upper lines.
        low: (n,) intercepts; infinite where a move is both values' difference and no more ...
        high: (n,)
        slack: (n,) ... and this where it is the line and no more: by how much it may differ from their difference.
    """
    choice = enclosure.choice(k)
    first, n = choice.first, choice.lower_share.shape[1]
    assert first.lower_intercept is not None
    linear, both = ~enclosure.unstable[k][domain][:n], choice.lower_share[domain] > 0.0
    without = linear & both
    low, high = first.lower_intercept[domain], first.upper_intercept[domain]
    low, high = np.where(without, -np.inf, low), np.where(without, np.inf, high)
    slopes = (
        np.where(np.isfinite(end), side[domain][n : 2 * n], 0.0)
        for end, side in ((low, first.lower_slope), (high, first.upper_slope))
    )
    return (next(slopes), next(slopes)), low, high, np.where(linear & ~both, np.inf, 0.0)

"""Parameters on columns, as the sweeps take them, and back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.ascent.parameters import Parameters
from ivan.bounds.ascent.sweeps import LayerLines, Sweeps
from ivan.bounds.columns import Columns

Array = NDArray[np.float64]
Index = NDArray[np.int64]


class Point:
    """Parameters on columns."""

    def __init__(self, slopes: list[Columns], multipliers: list[Columns | None], weights: Array) -> None:
        self.slopes, self.multipliers, self.weights = slopes, multipliers, weights

    def copy(self) -> Point:
        """A point of its own."""
        return Point(
            [s.copy() for s in self.slopes],
            [None if m is None else m.copy() for m in self.multipliers],
            self.weights.copy(),
        )

    def put(self, rows: Index, other: Point, chosen: NDArray[np.bool_]) -> None:
        """Takes the chosen columns of another point, whose columns are these rows here."""
        if chosen.all() and len(rows) == len(self.weights):
            for mine, theirs in zip(self.slopes + self.multipliers, other.slopes + other.multipliers, strict=True):
                if mine is not None and theirs is not None:
                    np.copyto(mine, theirs)
            np.copyto(self.weights, other.weights)
            return
        target = rows[chosen]
        for mine, theirs in zip(self.slopes + self.multipliers, other.slopes + other.multipliers, strict=True):
            if mine is not None and theirs is not None:
                mine[:, target] = theirs[:, chosen]
        self.weights[target] = other.weights[chosen]

    def take(self, rows: Index) -> Point:
        """Some of the rows."""
        return Point(
            [s[:, rows] for s in self.slopes],
            [None if m is None else m[:, rows] for m in self.multipliers],
            self.weights[rows],
        )


def point_of(sweeps: Sweeps, begin: Parameters) -> Point:
    """Parameters on columns, made to fit the rows' domains."""
    dtype, lines = sweeps.model.dtype, sweeps.lines
    slopes: list[Columns] = [np.array(s.T, dtype=dtype, order="C") for s in begin.slopes[: sweeps.top]]
    multipliers: list[Columns | None] = []
    for k, s in enumerate(slopes):
        fixed = lines[k].free == 0.0
        if fixed.any():  # the slope of a stable unit is no parameter
            np.copyto(s, lines[k].upper_slope, where=fixed)
        m, split = begin.multipliers[k], lines[k].split
        if m is None or split is None:
            multipliers.append(None)
        else:
            signed: Columns = np.ascontiguousarray(m[:, split].T, dtype=dtype)
            project(signed, lines[k])
            multipliers.append(signed)
    return Point(slopes, multipliers, begin.weights.astype(np.float64))


def project(m: Columns, lines: LayerLines) -> None:
    """Multipliers of the sign of their split, in place; zero where the unit is not split on the path."""
    assert lines.above is not None
    assert lines.below is not None
    m[...] = np.where(lines.above, np.maximum(m, 0.0), np.where(lines.below, np.minimum(m, 0.0), 0.0))


def parameters_of(begin: Parameters, sweeps: Sweeps, best: Point) -> Parameters:
    """Back to one row per pair."""
    slopes, multipliers = list(begin.slopes), list(begin.multipliers)
    for k in range(sweeps.top):
        slopes[k] = np.ascontiguousarray(best.slopes[k].T)
        m, split = best.multipliers[k], sweeps.lines[k].split
        if m is not None and split is not None:
            wide = np.zeros_like(slopes[k])
            wide[:, split] = m.T
            multipliers[k] = wide
    return Parameters(begin.units, slopes, multipliers, best.weights)

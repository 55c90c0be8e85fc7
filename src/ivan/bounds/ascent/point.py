"""Parameters on columns, as the sweeps take them, and back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.ascent.parameters import Parameters
from ivan.bounds.ascent.sweeps import Sweeps
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
    for k, (s, at) in enumerate(zip(slopes, lines, strict=True)):
        m = begin.multipliers[k]
        if at is not None:
            at.start(s)
        if at is None or at.split is None or m is None:
            multipliers.append(None)
        else:
            signed: Columns = np.ascontiguousarray(m[:, at.split].T, dtype=dtype)
            at.project(signed)
            multipliers.append(signed)
    return Point(slopes, multipliers, begin.weights.astype(np.float64))


def parameters_of(begin: Parameters, sweeps: Sweeps, best: Point) -> Parameters:
    """Back to one row per pair."""
    slopes, multipliers = list(begin.slopes), list(begin.multipliers)
    for k in range(sweeps.top):
        slopes[k] = np.ascontiguousarray(best.slopes[k].T)
        m, at = best.multipliers[k], sweeps.lines[k]
        if m is not None and at is not None and at.split is not None:
            wide = np.zeros_like(slopes[k])
            wide[:, at.split] = m.T
            multipliers[k] = wide
    return Parameters(begin.units, slopes, multipliers, best.weights)

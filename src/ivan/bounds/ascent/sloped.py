"""One layer in the sweeps of a gradient step where lower slopes are a choice (ReLU); see lines.py."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.columns import Columns, Model, columns_of
from ivan.bounds.enclosure import Enclosure

Index = NDArray[np.int64]


@dataclass
class SlopedLines:
    """Lines through zero below, chosen by slopes; arrays (v, R), or (v, 1) where all rows are of one domain.

    Attributes:
        units: (v,).
        gate: (n, R) or (n, 1), slope of all other units, 0 for `units`.
        upper_slope: s.
        upper_intercept: t.
        free: 1 where the unit is unstable, so that its slope may move.
        split: (w,) or None.
        above: (w, R) True where a multiplier is at least 0, on z >= l.
        below: (w, R) True where it is at most 0, on z <= u.
        bound: (w, R) the bound that the multiplier uses.
    """

    units: Index
    gate: Columns
    upper_slope: Columns
    upper_intercept: Columns
    free: Columns
    split: Index | None = None
    above: Columns | None = None
    below: Columns | None = None
    bound: Columns | None = None

    @classmethod
    def of(cls, model: Model, enclosure: Enclosure, rows: Index, k: int, units: Index) -> SlopedLines:
        """As `lines_of`."""
        lines = enclosure.lines[k]
        chosen = np.ix_(rows, units)
        table = lines.upper_slope[rows]
        if len(table) > 1 and np.all(np.delete(table[1:] == table[0], units, axis=1)):
            table = table[:1]  # all other units are stable in the same way everywhere
        gate = columns_of(table, model.dtype)
        gate[units] = 0.0
        result = cls(
            units,
            gate,
            columns_of(lines.upper_slope[chosen], model.dtype),
            columns_of(lines.upper_intercept[chosen], model.dtype),
            columns_of(enclosure.unstable[k][chosen], model.dtype),
        )
        mask = enclosure.split[k]
        if mask is not None:
            places = np.flatnonzero(mask[chosen].any(axis=0))
            if len(places):
                low, high = (side[np.ix_(rows, units[places])] for side in enclosure.intervals[k])
                on_path = mask[np.ix_(rows, units[places])]
                above = on_path & (low >= 0.0)
                below = on_path & (high <= 0.0) & ~above
                result.split = places
                result.above, result.below = np.ascontiguousarray(above.T), np.ascontiguousarray(below.T)
                result.bound = columns_of(np.where(above, low, np.where(below, high, 0.0)), model.dtype)
        return result

    def take(self, rows: Index) -> SlopedLines:
        """Some of the rows."""

        def part(a: Columns | None) -> Columns | None:
            return a if a is None or a.shape[1] == 1 else a[:, rows]

        return SlopedLines(
            self.units, part(self.gate), part(self.upper_slope), part(self.upper_intercept),  # type: ignore[arg-type]
            part(self.free), self.split,  # type: ignore[arg-type]
            part(self.above), part(self.below), part(self.bound),
        )  # fmt: skip

    def down(
        self, a: Columns, slopes: Columns, multipliers: Columns | None, constant: Columns
    ) -> tuple[Columns, Columns, Columns | None]:
        """As `LayerLines.down`."""
        arrived = a[self.units]
        negative = np.minimum(arrived, 0.0)
        behind = arrived - negative
        constant += (negative * self.upper_intercept).sum(axis=0)
        behind *= slopes
        negative *= self.upper_slope
        behind += negative
        if multipliers is not None and self.split is not None:
            behind[self.split] -= multipliers
            constant += (multipliers * self.bound).sum(axis=0)
        a *= self.gate
        a[self.units] = behind
        return a, arrived, None

    def up(
        self, z: Columns, slopes: Columns, arrived: Columns | None, falling: Columns | None
    ) -> tuple[Columns, Columns]:
        """As `LayerLines.up`."""
        del falling
        v = z[self.units]
        low = slopes * v
        z *= self.gate
        if arrived is not None:
            high = self.upper_slope * v
            high += self.upper_intercept
            low = np.where(arrived < 0.0, high, low)
        z[self.units] = low
        return z, v

    def start(self, slopes: Columns) -> None:
        """As `LayerLines.start`: the slope of a stable unit is no parameter."""
        fixed = self.free == 0.0
        if fixed.any():
            np.copyto(slopes, self.upper_slope, where=fixed)

    def climb(self, a: Columns, z: Columns) -> Columns | None:
        """As `LayerLines.climb`."""
        gradient: Columns = np.maximum(a, 0.0)
        gradient *= z
        gradient *= self.free
        return gradient

    def pull(self, multipliers: Columns, z: Columns) -> Columns:
        """As `LayerLines.pull`."""
        del multipliers
        assert self.split is not None
        return np.asarray(self.bound - z[self.split])

    def project(self, multipliers: Columns) -> None:
        """As `LayerLines.project`: of the sign of the split, and zero where the unit is not split on the path."""
        assert self.above is not None
        assert self.below is not None
        multipliers[...] = np.where(
            self.above, np.maximum(multipliers, 0.0), np.where(self.below, np.minimum(multipliers, 0.0), 0.0)
        )

    def fix(self, rows: Index, unit: Index, above: NDArray[np.bool_], slopes: Columns) -> None:
        """As `LayerLines.fix`, at zero."""
        width = slopes.shape[1]
        for name in ("upper_slope", "upper_intercept", "free"):
            table = getattr(self, name)
            if table.shape[1] != width:
                setattr(self, name, np.repeat(table, width, axis=1))
        place = np.searchsorted(self.units, unit)
        piece = above.astype(slopes.dtype)
        self.upper_slope[place, rows] = piece
        self.upper_intercept[place, rows] = 0.0
        slopes[place, rows] = piece

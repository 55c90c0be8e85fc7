"""One layer in the sweeps of a gradient step between lines or planes around curves; see lines.py."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.ascent.mixture import Mixture
from ivan.bounds.columns import Columns, Model, columns_of
from ivan.bounds.enclosure import Enclosure
from ivan.network.activations import Activation

Index = NDArray[np.int64]


@dataclass
class CurvedLines:
    """Two lines, or planes, around every value; arrays (..., R), or (..., 1) where all rows are of one domain.

    Attributes:
        activation: of the layer.
        units: (v,).
        size: number of values n.
        lower_slope: (m, R).
        lower_intercept: (n, R).
        upper_slope: (m, R).
        upper_intercept: (n, R).
        lower: (m, R) bounds of the pre-activation, ...
        upper: (m, R) ... which multipliers use.
        split: (w,) or None.
        on_path: (w, R) True where the unit is split on the row's path.
        mixture: what the lines are mixed from, of an activation that is `mixed`.
    """

    activation: Activation
    units: Index
    size: int
    lower_slope: Columns
    lower_intercept: Columns
    upper_slope: Columns
    upper_intercept: Columns
    lower: Columns
    upper: Columns
    split: Index | None = None
    on_path: Columns | None = None
    mixture: Mixture | None = None

    @classmethod
    def of(cls, model: Model, enclosure: Enclosure, rows: Index, k: int, units: Index) -> CurvedLines:
        """As `lines_of`."""
        layer, lines = model.network.layers[k], enclosure.lines[k]
        lower = np.zeros_like(lines.upper_intercept) if lines.lower_intercept is None else lines.lower_intercept
        tables = (lines.lower_slope, lower, lines.upper_slope, lines.upper_intercept, *enclosure.intervals[k])
        with np.errstate(over="ignore"):
            slope, intercept, upper, end, low, high = (columns_of(table[rows], model.dtype) for table in tables)
        result = cls(layer.activation, units, layer.size, slope, intercept, upper, end, low, high)
        if layer.activation.mixed:
            result.mixture = Mixture.of(enclosure.choice(k), rows, model.dtype)
        mask = enclosure.split[k]
        if mask is not None:
            on_path = mask[np.ix_(rows, units)]
            places = np.flatnonzero(on_path.any(axis=0))
            if len(places):
                result.split, result.on_path = places, np.ascontiguousarray(on_path[:, places].T)
        return result

    def take(self, rows: Index) -> CurvedLines:
        """Some of the rows."""

        def part(a: Columns) -> Columns:
            return a if a.shape[1] == 1 else a[:, rows]

        return CurvedLines(
            self.activation, self.units, self.size, part(self.lower_slope), part(self.lower_intercept),
            part(self.upper_slope), part(self.upper_intercept), part(self.lower), part(self.upper),
            self.split, None if self.on_path is None else part(self.on_path),
            None if self.mixture is None else self.mixture.take(part),
        )  # fmt: skip

    def down(
        self, a: Columns, slopes: Columns, multipliers: Columns | None, constant: Columns
    ) -> tuple[Columns, Columns, Columns | None]:
        """As `LayerLines.down`."""
        self._mix(slopes)
        negative = np.minimum(a, 0.0)
        positive = a - negative
        # a line without an end (a pole) costs only the rows that read it
        constant += np.where(a < 0.0, negative * self.upper_intercept, 0.0).sum(axis=0)
        constant += np.where(a > 0.0, positive * self.lower_intercept, 0.0).sum(axis=0)
        arity = self.activation.arity
        behind = np.tile(positive, (arity, 1)) * self.lower_slope + np.tile(negative, (arity, 1)) * self.upper_slope
        if multipliers is not None and self.split is not None:
            behind[self.units[self.split]] -= multipliers
            constant += (multipliers * self._used(multipliers)).sum(axis=0)
        return behind, a[self.units % self.size], a < 0.0

    def up(
        self, z: Columns, slopes: Columns, arrived: Columns | None, falling: Columns | None
    ) -> tuple[Columns, Columns]:
        """As `LayerLines.up`."""
        del slopes, arrived  # the lines are mixed already
        if self.mixture is not None:
            self.mixture.meet(z)
        slope, intercept = self.lower_slope, self.lower_intercept
        if falling is not None:
            arity = self.activation.arity
            slope = np.where(np.tile(falling, (arity, 1)), self.upper_slope, slope)
            intercept = np.where(falling, self.upper_intercept, intercept)
        through = slope * z
        for at in range(self.size, len(through), self.size):
            through[: self.size] += through[at : at + self.size]
        values = through[: self.size] + np.where(np.isfinite(intercept), intercept, 0.0)
        return values, z[self.units]

    def start(self, slopes: Columns) -> None:
        """As `LayerLines.start`: slopes are a choice only where planes are mixed."""
        if self.mixture is None:
            slopes[...] = 0.0

    def climb(self, a: Columns, z: Columns) -> Columns | None:
        """As `LayerLines.climb`."""
        del z
        if self.mixture is None:
            return None
        low, high = self.mixture.gains
        n, unit = self.size, self.units
        gradient: Columns = np.zeros_like(a)
        first, second = unit < n, (unit >= n) & (unit < 2 * n)
        gradient[first] = np.maximum(a[first], 0.0) * low[unit[first]]
        gradient[second] = np.minimum(a[second], 0.0) * high[unit[second] - n]
        return np.nan_to_num(gradient, copy=False, posinf=0.0, neginf=0.0)

    def pull(self, multipliers: Columns, z: Columns) -> Columns:
        """As `LayerLines.pull`; from zero a multiplier goes to whichever side gains."""
        assert self.split is not None
        z, (low, high) = z[self.split], self._bounds()
        up, down = low - z, high - z
        still = np.where(up > 0.0, up, np.where(down < 0.0, down, 0.0))
        return np.where(multipliers > 0.0, up, np.where(multipliers < 0.0, down, still))

    def project(self, multipliers: Columns) -> None:
        """As `LayerLines.project`: any, where the unit is split on the path, since both its bounds are known."""
        assert self.on_path is not None
        low, high = self._bounds()
        known = self.on_path & np.isfinite(low) & np.isfinite(high)
        multipliers[...] = np.where(known, multipliers, 0.0)

    def fix(self, rows: Index, unit: Index, above: NDArray[np.bool_], slopes: Columns) -> None:
        """As `LayerLines.fix`, where the activation would be cut."""
        width = slopes.shape[1]
        for name in ("lower_slope", "lower_intercept", "upper_slope", "upper_intercept", "lower", "upper"):
            table = getattr(self, name)
            if table.shape[1] != width:
                setattr(self, name, np.repeat(table, width, axis=1))
        value, arity = unit % self.size, self.activation.arity
        here = (value[:, None] + self.size * np.arange(arity), rows[:, None])
        low, high = self.lower[here].astype(np.float64), self.upper[here].astype(np.float64)
        mine = np.arange(len(rows)), unit // self.size
        # one value a row: its operands are the last axis
        at = self.activation.cuts(low, high)[mine]
        at = np.where(np.isnan(at), low[mine], at)
        low[mine], high[mine] = np.where(above, at, low[mine]), np.where(above, high[mine], at)
        with np.errstate(over="ignore", invalid="ignore"):
            lines = self.activation.lines(low, high)
        if self.mixture is not None:
            self.mixture.put(here, (value, rows), lines, width)
        self.lower_slope[here], self.upper_slope[here] = lines.lower_slope, lines.upper_slope
        below = 0.0 if lines.lower_intercept is None else lines.lower_intercept[:, 0]
        self.lower_intercept[value, rows], self.upper_intercept[value, rows] = below, lines.upper_intercept[:, 0]
        self.lower[here], self.upper[here] = low, high

    def _mix(self, slopes: Columns) -> None:
        """Mixes the lines by these shares."""
        if self.mixture is not None:
            (self.lower_slope, self.lower_intercept), (self.upper_slope, self.upper_intercept) = self.mixture.mixed(
                self.units, slopes
            )

    def _bounds(self) -> tuple[Columns, Columns]:
        assert self.split is not None
        places = self.units[self.split]
        return self.lower[places], self.upper[places]

    def _used(self, multipliers: Columns) -> Columns:
        """The bound that each multiplier is for; zero where it is zero, whatever the bound."""
        low, high = self._bounds()
        return np.where(multipliers > 0.0, low, np.where(multipliers < 0.0, high, 0.0))

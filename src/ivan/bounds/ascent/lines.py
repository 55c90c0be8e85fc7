"""One layer in the sweeps of a gradient step: the lines of R rows around its activation, on columns.

Where slopes are a choice (ReLU), unit j turns the coefficient a_j on h_j into

    max(a_j, 0) alpha_j + min(a_j, 0) s_j  -  m_j          and adds   min(a_j, 0) t_j + m_j b_j   to the constant,

s, t the upper line, b the bound that multiplier m uses. Most units of such a layer are stable for good; their
coefficient is multiplied by 0 or 1, and all else is done for `units` alone. Curves have two lines with an intercept
everywhere, and planes where there are several operands: two pairs, perhaps, between which anything is a choice.

Going up, each unit takes the line that it was bounded by.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.columns import Columns, Model
from ivan.bounds.enclosure import Enclosure
from ivan.network.activations import Activation, Choice, Identity, Lines

Index = NDArray[np.int64]


class LayerLines(Protocol):
    """What R rows need to know of one layer.

    Attributes:
        units: (v,) numbers of the pre-activation with a choice: those that are unstable or split in some domain.
        split: (w,) places in `units` of what is split somewhere, or None.
    """

    units: Index
    split: Index | None

    def take(self, rows: Index) -> LayerLines:
        """Some of the rows."""

    def down(
        self, a: Columns, slopes: Columns, multipliers: Columns | None, constant: Columns
    ) -> tuple[Columns, Columns, Columns | None]:
        """Replaces coefficients on values by coefficients on the pre-activation.

        Args:
            a: (n, R), consumed.
            slopes: (v, R) lower slopes.
            multipliers: (w, R), or None where nothing is split.
            constant: (R,), changed in place.

        Returns:
            behind: (m, R).
            arrived: (v, R), what arrived at the values that `units` belong to.
            falling: (n, R) True where the upper line was taken; None where `arrived` tells.
        """

    def up(
        self, z: Columns, slopes: Columns, arrived: Columns | None, falling: Columns | None
    ) -> tuple[Columns, Columns]:
        """Sends a pre-activation (m, R) through the lines; returns values (n, R) and the pre-activation of `units`.

        Consumes z.
        """

    def start(self, slopes: Columns) -> None:
        """Puts slopes (v, R) that are no choice at their only value, in place."""

    def climb(self, a: Columns, z: Columns) -> Columns | None:
        """Gradient of the bound by the slopes: (v, R), from what arrived and the values; None without a choice."""

    def pull(self, multipliers: Columns, z: Columns) -> Columns:
        """Gradient of the bound by the multipliers: (w, R), from the pre-activation (v, R) of `units`."""

    def project(self, multipliers: Columns) -> None:
        """Multipliers (w, R) of the nearest values that are valid, in place."""

    def fix(self, rows: Index, unit: Index, above: NDArray[np.bool_], slopes: Columns) -> None:
        """Gives one unit of some rows the lines of one side of a split, where it would be split.

        Args:
            rows: (r,) the rows.
            unit: (r,) the number of the pre-activation.
            above: (r,) which side.
            slopes: (v, R) lower slopes of all rows, changed in place.
        """


def lines_of(model: Model, enclosure: Enclosure, rows: Index, k: int, units: Index) -> LayerLines | None:
    """The lines of layer k (0-based) for rows of domains (R,), or of one domain (1,); None for an identity."""
    activation = model.network.layers[k].activation
    if isinstance(activation, Identity):
        return None
    if activation.sloped:
        return SlopedLines.of(model, enclosure, rows, k, units)
    return CurvedLines.of(model, enclosure, rows, k, units)


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


@dataclass
class Mixture:
    """Two lower and two upper planes, and what is between them; arrays (..., R), or (..., 1).

    Attributes:
        lower: slopes (m, R) and intercepts (n, R) of either lower plane.
        upper: likewise.
        shares: (m, R) of the second planes where nothing else is said, see `Enclosure.rule`.
        gains: (n, R) how far the second lower plane is above the first, and the second upper one, where the rows'
            points arrived.
    """

    lower: list[tuple[Columns, Columns]]
    upper: list[tuple[Columns, Columns]]
    shares: Columns
    gains: tuple[Columns, Columns]

    @classmethod
    def of(cls, choice: Choice, rows: Index, dtype: type) -> Mixture:
        """Of some rows' domains."""
        lower, upper = [], []
        for at in (choice.first, choice.second):
            assert at.lower_intercept is not None
            with np.errstate(over="ignore"):
                lower.append((columns_of(at.lower_slope[rows], dtype), columns_of(at.lower_intercept[rows], dtype)))
                upper.append((columns_of(at.upper_slope[rows], dtype), columns_of(at.upper_intercept[rows], dtype)))
        shares = np.concatenate([choice.lower_share[rows], choice.upper_share[rows]], axis=1)
        none: Columns = np.zeros((choice.lower_share.shape[1], 1), dtype)
        return cls(lower, upper, columns_of(shares, dtype), (none, none))

    def take(self, part: Callable[[Columns], Columns]) -> Mixture:
        """Some of the rows."""
        lower, upper = ([(part(s), part(t)) for s, t in planes] for planes in (self.lower, self.upper))
        return Mixture(lower, upper, part(self.shares), (part(self.gains[0]), part(self.gains[1])))

    def mixed(self, units: Index, slopes: Columns) -> tuple[tuple[Columns, Columns], tuple[Columns, Columns]]:
        """Lower and upper slopes and intercepts for the shares (v, R) of some places."""
        n = len(self.gains[0])
        shares = np.repeat(self.shares, slopes.shape[1], axis=1) if self.shares.shape[1] == 1 else self.shares.copy()
        known = units < 2 * n
        shares[units[known]] = slopes[known]
        return self._between(self.lower, shares[:n]), self._between(self.upper, shares[n:])

    @staticmethod
    def _between(planes: list[tuple[Columns, Columns]], share: Columns) -> tuple[Columns, Columns]:
        (slope, intercept), (other, end) = planes
        share = np.where(np.isfinite(intercept) & np.isfinite(end), share, share > 0.5).astype(share.dtype)
        wide = np.tile(share, (len(slope) // len(share), 1))
        between = intercept + share * (end - intercept)
        return slope + wide * (other - slope), np.where(
            np.isnan(between), np.where(share > 0.5, end, intercept), between
        )

    def meet(self, z: Columns) -> None:
        """Notes what the second planes are above the first at (m, R)."""

        def above(planes: list[tuple[Columns, Columns]]) -> Columns:
            (slope, intercept), (other, end) = planes
            parts = (other - slope) * z
            total = end - intercept
            for at in range(0, len(parts), len(intercept)):
                total = total + parts[at : at + len(intercept)]
            return total

        self.gains = above(self.lower), above(self.upper)

    def put(self, here: tuple[Index, Index], there: tuple[Index, Index], lines: Lines, width: int) -> None:
        """Gives single values other lines, between which there is no choice.

        Args:
            here: rows and columns of their operands (r, arity).
            there: of the values (r,).
            lines: of the values, one a row.
            width: number of rows R.
        """
        below = 0.0 if lines.lower_intercept is None else lines.lower_intercept[:, 0]
        for planes, slope, intercept in (
            (self.lower, lines.lower_slope, below),
            (self.upper, lines.upper_slope, lines.upper_intercept[:, 0]),
        ):
            for i, (s, t) in enumerate(planes):
                s, t = (np.repeat(a, width, axis=1) if a.shape[1] != width else a for a in (s, t))
                s[here], t[there] = slope, intercept
                planes[i] = s, t


def columns_of(table: NDArray[Any], dtype: type) -> Columns:
    """(R, n) float64 -> (n, R)."""
    return np.ascontiguousarray(table.T, dtype=dtype)

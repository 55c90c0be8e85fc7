"""The two sweeps of one gradient step, on columns: coefficients down to the input, its minimising corner up again.

The same linear bound as bounds/backward.py, without its error terms: only advice comes out of it. `Sweeps` holds what R
rows need to know of their domains, gathered once for all steps.

Going down, unit j of layer k turns the coefficient a_j on h_j into

    max(a_j, 0) alpha_j + min(a_j, 0) s_j  -  m_j          and adds   min(a_j, 0) t_j + m_j b_j   to the constant,

s, t the upper line, b the bound that multiplier m uses. Most units of a layer are stable for good; their coefficient is
multiplied by 0 or 1, and all else is done for `units` alone. Going up, each unit takes the line that it was bounded by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.columns.maps import Columns, product
from ivan.bounds.columns.model import Model, evaluated
from ivan.bounds.enclosure import Enclosure
from ivan.network.activations import Identity

Index = NDArray[np.int64]


@dataclass
class Start:
    """R rows before they go down.

    Attributes:
        coefficients: per source (n, R).
        constant: (R,).
    """

    coefficients: dict[int, Columns]
    constant: Columns

    def take(self, rows: Index) -> Start:
        """Some of the rows."""
        return Start({source: a[:, rows] for source, a in self.coefficients.items()}, self.constant[rows])


@dataclass
class LayerLines:
    """What R rows need to know of one layer; arrays (v, R), or (v, 1) where all rows are of one domain.

    Attributes:
        units: (v,) units with a choice.
        gate: (n, R) or (n, 1), slope of all other units, 0 for `units`.
        upper_slope: s.
        upper_intercept: t.
        lower_intercept: of the lower line; None for zero.
        free: 1 where the unit is unstable, so that its slope may move.
        split: (w,) places in `units` of units that are split somewhere, or None.
        above: (w, R) True where a multiplier is at least 0, on z >= l.
        below: (w, R) True where it is at most 0, on z <= u.
        bound: (w, R) the bound that the multiplier uses.
    """

    units: Index
    gate: Columns
    upper_slope: Columns
    upper_intercept: Columns
    lower_intercept: Columns | None
    free: Columns
    split: Index | None = None
    above: Columns | None = None
    below: Columns | None = None
    bound: Columns | None = None

    def take(self, rows: Index) -> LayerLines:
        """Some of the rows."""

        def part(a: Columns | None) -> Columns | None:
            return a if a is None or a.shape[1] == 1 else a[:, rows]

        return LayerLines(
            self.units, part(self.gate), part(self.upper_slope), part(self.upper_intercept),  # type: ignore[arg-type]
            part(self.lower_intercept), part(self.free), self.split,  # type: ignore[arg-type]
            part(self.above), part(self.below), part(self.bound),
        )  # fmt: skip


@dataclass
class Down:
    """What a sweep down found.

    Attributes:
        bound: (R,) minimum of the linear form over the box.
        slopes: (inputs, R) its coefficients.
        arrived: per layer (v, R), coefficients that arrived at h of `units`; None for layers that none reached.
    """

    bound: Columns
    slopes: Columns
    arrived: list[Columns | None] = field(default_factory=list)


class Sweeps:
    """R rows over some domains.

    Args:
        model: the network on columns.
        enclosure: bounds of every layer below the rows.
        owner: (R,) domain of each row.
        units: per layer, units that have slopes: all that are unstable or split in some of the domains.
        top: layers that the rows can reach.
    """

    def __init__(
        self, model: Model, enclosure: Enclosure, owner: Index, units: Sequence[Index], top: int | None = None
    ) -> None:
        self.model = model
        self.top = len(model.layers) if top is None else top
        alone = bool(len(owner)) and bool(np.all(owner == owner[0]))
        rows = owner[:1] if alone else owner
        self.lines = [_lines(model, enclosure, rows, k, units[k]) for k in range(self.top)]
        lower, upper = enclosure.lower[rows], enclosure.upper[rows]
        if len(rows) > 1 and np.all(lower == lower[0]) and np.all(upper == upper[0]):
            lower, upper = lower[:1], upper[:1]
        self.centre = _columns(0.5 * (lower + upper), model.dtype)
        self.radius = _columns(0.5 * (upper - lower), model.dtype)

    def take(self, rows: Index) -> Sweeps:
        """Some of the rows."""
        result = object.__new__(Sweeps)
        result.model, result.top = self.model, self.top
        result.lines = [lines.take(rows) for lines in self.lines]
        alone = self.centre.shape[1] == 1
        result.centre = self.centre if alone else self.centre[:, rows]
        result.radius = self.radius if alone else self.radius[:, rows]
        return result

    def fix(self, k: int, unit: Index, above: NDArray[np.bool_], slopes: list[Columns]) -> None:
        """Gives one unit of some rows the line of one of its pieces, as a split at 0 would; ReLUs only.

        Args:
            k: layer, 0-based.
            unit: (R,) the unit of each row, -1 for none.
            above: (R,) True for the active piece.
            slopes: per layer (v, R) lower slopes, changed in place.
        """
        lines = self.lines[k]
        rows = np.flatnonzero(unit >= 0)
        if not len(rows):
            return
        width = slopes[k].shape[1]
        for name in ("upper_slope", "upper_intercept", "free"):
            table = getattr(lines, name)
            if table.shape[1] != width:
                setattr(lines, name, np.repeat(table, width, axis=1))
        place = np.searchsorted(lines.units, unit[rows])
        piece = above[rows].astype(slopes[k].dtype)
        lines.upper_slope[place, rows] = piece
        lines.upper_intercept[place, rows] = 0.0
        slopes[k][place, rows] = piece

    def down(self, start: Start, slopes: Sequence[Columns], multipliers: Sequence[Columns | None]) -> Down:
        """Takes rows to the input.

        Args:
            start: the rows.
            slopes: per layer (v, R).
            multipliers: per layer (w, R), or None where nothing is split.
        """
        pending = dict(start.coefficients)
        own: set[int] = set()  # sources whose array may be written to
        constant = start.constant.copy()
        arrived: list[Columns | None] = [None] * self.top
        for k in range(self.top, 0, -1):
            a = pending.pop(k, None)
            if a is None:
                continue
            if not isinstance(self.model.network.layers[k - 1].activation, Identity):
                if k not in own:
                    a = a.copy()
                lines = self.lines[k - 1]
                v = arrived[k - 1] = a[lines.units]
                negative = np.minimum(v, 0.0)
                behind = v - negative
                constant += (negative * lines.upper_intercept).sum(axis=0)
                if lines.lower_intercept is not None:
                    constant += (behind * lines.lower_intercept).sum(axis=0)
                behind *= slopes[k - 1]
                negative *= lines.upper_slope
                behind += negative
                m = multipliers[k - 1]
                if m is not None and lines.split is not None:
                    behind[lines.split] -= m
                    constant += (m * lines.bound).sum(axis=0)
                a *= lines.gate
                a[lines.units] = behind
            affine = self.model.layers[k - 1]
            constant += product(affine.constant, a)
            for source, linear in affine.terms:
                part = linear.transpose(a)
                if source not in pending:
                    pending[source] = part
                    if part is not a:
                        own.add(source)
                elif source in own:
                    pending[source] += part
                else:
                    pending[source] = pending[source] + part
                    own.add(source)
        x = pending.get(0)
        if x is None:
            x = np.zeros((len(self.centre), len(constant)), self.model.dtype)
        bound = constant + (x * self.centre).sum(axis=0) - (np.abs(x) * self.radius).sum(axis=0)
        return Down(np.where(np.isnan(bound), -np.inf, bound), x, arrived)

    def up(self, form: Down, slopes: Sequence[Columns]) -> tuple[list[Columns | None], dict[int, Columns]]:
        """Sends the corner that minimises the form through the relaxed network.

        Returns:
            values: per layer (v, R), pre-activations of `units`; None for layers that the form did not reach.
            all: per source (n, R).
        """
        everything: dict[int, Columns] = {0: self.centre - np.copysign(self.radius, form.slopes)}
        values: list[Columns | None] = [None] * self.top
        for k in range(1, self.top + 1):
            lines = self.lines[k - 1]
            z = evaluated(self.model.layers[k - 1], everything, form.slopes.shape[1])
            a = form.arrived[k - 1]
            if not isinstance(self.model.network.layers[k - 1].activation, Identity):
                v = values[k - 1] = z[lines.units]
                low = slopes[k - 1] * v
                if lines.lower_intercept is not None:
                    low += lines.lower_intercept
                z *= lines.gate
                if a is not None:
                    high = lines.upper_slope * v
                    high += lines.upper_intercept
                    low = np.where(a < 0.0, high, low)
                z[lines.units] = low
            everything[k] = z
        return values, everything


def _columns(table: NDArray[Any], dtype: type) -> Columns:
    """(R, n) float64 -> (n, R)."""
    return np.ascontiguousarray(table.T, dtype=dtype)


def _lines(model: Model, enclosure: Enclosure, rows: Index, k: int, units: Index) -> LayerLines:
    lines = enclosure.lines[k]
    chosen = np.ix_(rows, units)
    table = lines.upper_slope[rows]
    if len(table) > 1 and np.all(np.delete(table[1:] == table[0], units, axis=1)):
        table = table[:1]  # all other units are stable in the same way everywhere
    gate = _columns(table, model.dtype)
    gate[units] = 0.0
    intercept = None if lines.lower_intercept is None else _columns(lines.lower_intercept[chosen], model.dtype)
    result = LayerLines(
        units,
        gate,
        _columns(lines.upper_slope[chosen], model.dtype),
        _columns(lines.upper_intercept[chosen], model.dtype),
        intercept,
        _columns(enclosure.unstable[k][chosen], model.dtype),
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
            result.bound = _columns(np.where(above, low, np.where(below, high, 0.0)), model.dtype)
    return result

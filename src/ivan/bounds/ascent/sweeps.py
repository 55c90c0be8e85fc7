"""The two sweeps of one gradient step, on columns: coefficients down to the input, its minimising corner up again.

The same linear bound as bounds/backward.py, without its error terms: only advice comes out of it. `Sweeps` holds what R
rows need to know of their domains, gathered once for all steps; what becomes of them at a layer stands in lines.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.ascent.lines import lines_of
from ivan.bounds.columns import Columns, Model, columns_of, evaluated, product
from ivan.bounds.enclosure import Enclosure

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
class Down:
    """What a sweep down found.

    Attributes:
        bound: (R,) minimum of the linear form over the box.
        slopes: (inputs, R) its coefficients.
        arrived: per layer (v, R), coefficients that arrived at h of `units`; None for layers that none reached.
        falling: per layer, see `LayerLines.down`.
    """

    bound: Columns
    slopes: Columns
    arrived: list[Columns | None]
    falling: list[Columns | None]

    def take(self, rows: Index) -> Down:
        """Some of the rows."""
        arrived, falling = ([None if a is None else a[:, rows] for a in per] for per in (self.arrived, self.falling))
        return Down(self.bound[rows], self.slopes[:, rows], arrived, falling)


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
        self.lines = [lines_of(model, enclosure, rows, k, units[k]) for k in range(self.top)]
        lower, upper = enclosure.lower[rows], enclosure.upper[rows]
        if len(rows) > 1 and np.all(lower == lower[0]) and np.all(upper == upper[0]):
            lower, upper = lower[:1], upper[:1]
        self.centre = columns_of(0.5 * (lower + upper), model.dtype)
        self.radius = columns_of(0.5 * (upper - lower), model.dtype)

    def take(self, rows: Index) -> Sweeps:
        """Some of the rows."""
        result = object.__new__(Sweeps)
        result.model, result.top = self.model, self.top
        result.lines = [None if lines is None else lines.take(rows) for lines in self.lines]
        alone = self.centre.shape[1] == 1
        result.centre = self.centre if alone else self.centre[:, rows]
        result.radius = self.radius if alone else self.radius[:, rows]
        return result

    def fix(self, k: int, unit: Index, above: NDArray[np.bool_], slopes: list[Columns]) -> None:
        """Gives one unit of some rows the lines of one side of a split.

        Args:
            k: layer, 0-based.
            unit: (R,) the unit of each row, -1 for none.
            above: (R,) True for its upper side.
            slopes: per layer (v, R) lower slopes, changed in place.
        """
        rows, lines = np.flatnonzero(unit >= 0), self.lines[k]
        if len(rows) and lines is not None:
            lines.fix(rows, unit[rows], above[rows], slopes[k])

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
        falling: list[Columns | None] = [None] * self.top
        for k in range(self.top, 0, -1):
            a = pending.pop(k, None)
            if a is None:
                continue
            lines = self.lines[k - 1]
            if lines is not None:
                if k not in own:
                    a = a.copy()
                a, arrived[k - 1], falling[k - 1] = lines.down(a, slopes[k - 1], multipliers[k - 1], constant)
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
        return Down(np.where(np.isnan(bound), -np.inf, bound), x, arrived, falling)

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
            if lines is not None:
                z, values[k - 1] = lines.up(z, slopes[k - 1], form.arrived[k - 1], form.falling[k - 1])
            everything[k] = z
        return values, everything

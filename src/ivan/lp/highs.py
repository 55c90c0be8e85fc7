"""HiGHS: the only place that imports highspy.

A `LiveModel` holds one relaxation in HiGHS; from node to node only column bounds change, and the last basis is the next
start. What comes back is never believed as such: `Solution.coefficients` are the duals, from which `duals.py` makes a
certificate that is replayed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import highspy
import numpy as np
from numpy.typing import NDArray

from ivan.bounds.enclosure import Enclosure
from ivan.deadline import Deadline
from ivan.lp.relaxation import Relaxation, lines_of_moves

Array = NDArray[np.float64]

Index = NDArray[np.int64]

NEGLIGIBLE = 1e-9
"""Scores of units that count as exact."""

FAINT = 0.03
"""Weight of a unit that the optimum does not rest on."""

LOOK = 200
"""Steps of the simplex method that are spent on half of a domain in a look ahead."""


@dataclass(frozen=True)
class Solution:
    """What the solver says of one domain.

    Attributes:
        bound: least value of t; infinity when the domain was found to be empty; None when the solver gave up.
        inputs: (n,) where it is attained; None without an optimum.
        weights: (r,) lambda >= 0 of the case's rows; zero when the domain is empty.
        coefficients: per layer (n_k,) the dual of each unit's defining row: the coefficient on its pre-activation.
        moved: per layer (0-based) of moves, (n_k,) the same of the rows that define d.
        values: of all columns where the optimum is attained; None without one.
    """

    bound: float | None
    inputs: Array | None
    weights: Array
    coefficients: list[Array]
    moved: dict[int, Array] = field(default_factory=dict)
    values: Array | None = None


class _QuietHighs(highspy.Highs):
    """HiGHS without callbacks: enabling them greets on stdout, where nothing may stand before the verdict."""

    def enableCallbacks(self) -> None:  # noqa: N802 - highspy's name
        """Nothing: no callback is used."""


class LiveModel:
    """One relaxation in HiGHS.

    Args:
        relaxation: rows and columns.
        threads: threads HiGHS may use; the simplex method gains nothing from more than one on models of this size.
    """

    def __init__(self, relaxation: Relaxation, threads: int = 1) -> None:
        self._relaxation = relaxation
        self._highs: Any = _QuietHighs()  # type: ignore[no-untyped-call]
        self._highs.setOptionValue("output_flag", False)
        self._highs.setOptionValue("threads", threads)
        # bounds change from node to node: the dual simplex restarts from the last basis, presolve would discard it
        self._highs.setOptionValue("presolve", "off")
        self._highs.setOptionValue("solver", "simplex")
        self._highs.passModel(self._model())

    def _model(self) -> highspy.HighsLp:
        r = self._relaxation
        lp = highspy.HighsLp()
        rows, columns = r.matrix.shape
        lp.num_row_, lp.num_col_ = rows, columns
        cost = np.zeros(columns)
        cost[r.objective] = 1.0
        lp.col_cost_ = cost
        lp.col_lower_, lp.col_upper_ = r.column_lower, r.column_upper
        lp.row_lower_, lp.row_upper_ = r.row_lower, r.row_upper
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.start_ = r.matrix.indptr
        lp.a_matrix_.index_ = r.matrix.indices
        lp.a_matrix_.value_ = r.matrix.data
        return lp

    def narrow(self, enclosure: Enclosure, domain: int) -> None:
        """Restricts the model to a part of the region it was built for: its box, and the phases of its units.

        A unit that was unstable and is active now has no gap, one that is inactive no value; the chords of the units
        that are still unstable stay as they are, which is valid, if weaker than the domain's own.

        Args:
            enclosure: bounds of the domain, which lies inside the region of the model.
            domain: its row there.
        """
        r = self._relaxation
        columns = [np.arange(r.inputs)]
        lower, upper = [enclosure.lower[domain]], [enclosure.upper[domain]]
        for k, gap in enumerate(r.gap):
            units = np.flatnonzero((gap >= 0) & (r.value[k] >= 0))
            low, high = enclosure.intervals[k][0][domain][units], enclosure.intervals[k][1][domain][units]
            for column, fixed in ((gap[units], low >= 0.0), (r.value[k][units], high <= 0.0)):
                columns.append(column)
                lower.append(np.zeros(len(units)))
                upper.append(np.where(fixed, 0.0, np.inf))
        index = np.concatenate(columns).astype(np.int32)
        self._highs.changeColsBounds(len(index), index, np.concatenate(lower), np.concatenate(upper))
        for k, link in r.links.items():
            slopes, least, most, slack = lines_of_moves(enclosure, k, domain)
            free = np.full(len(least), np.inf)
            self._highs.changeRowsBounds(len(slack), link.tied.astype(np.int32), -slack, slack)
            for rows, slope, low, high in ((link.above, slopes[0], least, free), (link.below, slopes[1], -free, most)):
                for row, column, number in zip(rows, link.moves, slope, strict=True):
                    self._highs.changeCoeff(int(row), int(column), -float(number))
                self._highs.changeRowsBounds(len(rows), rows.astype(np.int32), low, high)

    def solve(self, deadline: Deadline) -> Solution:
        """Minimises t within the deadline."""
        highs, r = self._highs, self._relaxation
        deadline.check()
        left = min(deadline.left(), 1e6)
        # HiGHS counts its run time from the model's first run on
        highs.setOptionValue("time_limit", highs.getRunTime() + left)
        highs.run()
        status = highs.getModelStatus()
        if status == highspy.HighsModelStatus.kOptimal:
            solution = highs.getSolution()
            values = np.array(solution.col_value)
            duals = np.array(solution.row_dual)
            return Solution(highs.getInfo().objective_function_value, values[: r.inputs], *self._duals(duals), values)
        if status == highspy.HighsModelStatus.kInfeasible:
            _, found, ray = highs.getDualRay()
            if found:
                return Solution(np.inf, None, *self._duals(np.array(ray)))
        return Solution(None, None, np.zeros(len(r.objective_rows)), [])

    def branch(self, solution: Solution, enclosure: Enclosure, domain: int, count: int) -> tuple[int, int] | None:
        """The unit that is best split: both halves are tried for those that are farthest from what they compute.

        Args:
            solution: the last one of this model, with an optimum.
            enclosure: bounds of the domain.
            domain: its row there.
            count: units to try.

        Returns:
            Layer, 1-based, and unit; None where the optimum is what the network computes.
        """
        layer, unit, score = self._broken(solution, enclosure, domain)
        order = np.argsort(-score, kind="stable")[:count]
        order = order[score[order] > NEGLIGIBLE]
        if not len(order):
            return None
        gained = [self._gain(solution, int(layer[i]), int(unit[i])) for i in order] if len(order) > 1 else [0.0]
        best = order[int(np.argmax(gained))]
        return int(layer[best]) + 1, int(unit[best])

    def _broken(self, solution: Solution, enclosure: Enclosure, domain: int) -> tuple[Index, Index, Array]:
        """Layers (0-based) and units that can be split, and how far their values are off, weighed by their duals."""
        assert solution.values is not None
        layers, units, scores = [], [], []
        for k, (value, gap) in enumerate(zip(self._relaxation.value, self._relaxation.gap, strict=True)):
            mine = np.flatnonzero((gap >= 0) & (value >= 0) & enclosure.unstable[k][domain][: len(gap)])
            off = np.minimum(solution.values[value[mine]], solution.values[gap[mine]])
            layers.append(np.full(len(mine), k))
            units.append(mine)
            scores.append(off * (np.abs(solution.coefficients[k][mine]) + FAINT))
        return np.concatenate(layers), np.concatenate(units), np.concatenate(scores)

    def _gain(self, solution: Solution, layer: int, unit: int) -> float:
        """How far the optimum rises in both halves, up to where they are proved: the product."""
        assert solution.bound is not None
        highs, product = self._highs, 1.0
        highs.setOptionValue("simplex_iteration_limit", LOOK)
        for columns in (self._relaxation.gap, self._relaxation.value):
            column = int(columns[layer][unit])
            highs.changeColBounds(column, 0.0, 0.0)
            highs.run()
            status, reached = highs.getModelStatus(), highs.getInfo().objective_function_value
            if status == highspy.HighsModelStatus.kInfeasible:
                reached = 0.0
            product *= max(min(reached, 0.0) - solution.bound, 1e-6)
            highs.changeColBounds(column, 0.0, np.inf)
        highs.setOptionValue("simplex_iteration_limit", highspy.kHighsIInf)
        return product

    def _duals(self, duals: Array) -> tuple[Array, list[Array], dict[int, Array]]:
        r = self._relaxation
        weights = np.maximum(-duals[r.objective_rows], 0.0)
        coefficients = [np.where(rows >= 0, duals[rows], 0.0) for rows in r.equality]
        return weights, coefficients, {k: duals[link.moved] for k, link in r.links.items()}

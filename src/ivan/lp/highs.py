"""HiGHS: the only place that imports highspy.

A `LiveModel` holds one relaxation in HiGHS; from node to node only column bounds change, and the last basis is the next
start. What comes back is never believed as such: `Solution.coefficients` are the duals, from which `duals.py` makes a
certificate that is replayed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import highspy
import numpy as np
from numpy.typing import NDArray

from ivan.bounds.enclosure import Enclosure
from ivan.deadline import Deadline
from ivan.lp.relaxation import Relaxation

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Solution:
    """What the solver says of one domain.

    Attributes:
        bound: least value of t; infinity when the domain was found to be empty; None when the solver gave up.
        inputs: (n,) where it is attained; None without an optimum.
        weights: (r,) lambda >= 0 of the case's rows; zero when the domain is empty.
        coefficients: per layer (n_k,) the dual of each unit's defining row: the coefficient on its pre-activation.
    """

    bound: float | None
    inputs: Array | None
    weights: Array
    coefficients: list[Array]


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
            inputs = np.array(solution.col_value)[: r.inputs]
            duals = np.array(solution.row_dual)
            return Solution(highs.getInfo().objective_function_value, inputs, *self._duals(duals))
        if status == highspy.HighsModelStatus.kInfeasible:
            _, found, ray = highs.getDualRay()
            if found:
                return Solution(np.inf, None, *self._duals(np.array(ray)))
        return Solution(None, None, np.zeros(len(r.objective_rows)), [])

    def _duals(self, duals: Array) -> tuple[Array, list[Array]]:
        r = self._relaxation
        weights = np.maximum(-duals[r.objective_rows], 0.0)
        coefficients = [np.where(rows >= 0, duals[rows], 0.0) for rows in r.equality]
        return weights, coefficients

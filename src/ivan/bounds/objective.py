"""What is bounded at the outputs: weighted rows of cases, lambda . (C y + D x - d)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.rigorous import UNIT, gamma
from ivan.problem import Problem
from ivan.proof import Ragged

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Objective:
    """R rows of C y + D x - d, each a weighted sum of the rows of one case.

    The numbers are computed, so they are off a little; `terms` products stand behind each of them, whose absolute
    values sum up to `C_size`, `D_size` and `d_size`. The half unit in the last place that a decimal coefficient lost
    when it was read counts as one more rounding.

    Attributes:
        C: (R, outputs).
        D: (R, inputs), or None when no row reads inputs.
        d: (R,).
        C_size: (R, outputs) at least |C|.
        D_size: (R, inputs) at least |D|, or None.
        d_size: (R,) at least |d|.
        terms: number of rows that were summed at most.
        strict: (R,) True where a bound of exactly 0 excludes the case.
    """

    C: Array
    D: Array | None
    d: Array
    C_size: Array
    D_size: Array | None
    d_size: Array
    terms: int
    strict: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.d)

    def take(self, rows: slice | NDArray[np.int64]) -> Objective:
        """Some of the rows."""
        return Objective(
            self.C[rows],
            None if self.D is None else self.D[rows],
            self.d[rows],
            self.C_size[rows],
            None if self.D_size is None else self.D_size[rows],
            self.d_size[rows],
            self.terms,
            self.strict[rows],
        )

    def uncertainty(self, outputs: Array, inputs: Array) -> Array:
        """(R,): how far the rows can be off, for outputs (R, m) and inputs (R, n) of at most these magnitudes."""
        size: Array = np.einsum("rm,rm->r", self.C_size, outputs) + self.d_size
        if self.D_size is not None:
            size = size + np.einsum("ri,ri->r", self.D_size, inputs)
        return gamma(self.terms + 4) * size + 4.0 * UNIT * np.abs(self.d)

    def excludes(self, bound: Array) -> NDArray[np.bool_]:
        """(R,): does a rigorous lower bound of this much exclude the case?"""
        return (bound > 0.0) | (self.strict & (bound >= 0.0))


class Rows:
    """All rows of all cases of a problem, stacked, for gathering them in batches.

    Args:
        problem: the problem.
    """

    def __init__(self, problem: Problem) -> None:
        cases = problem.cases
        n, m = problem.network.inputs, problem.network.outputs
        self.first = np.concatenate([[0], np.cumsum(problem.rows_of_case)]).astype(np.int64)
        self.counts = problem.rows_of_case
        self.C = np.concatenate([case.C for case in cases] or [np.zeros((0, m))])
        self.d = np.concatenate([case.d for case in cases] or [np.zeros(0)])
        self.strict = np.concatenate([case.strict for case in cases] or [np.zeros(0, bool)])
        mixed = any(case.D.any() for case in cases)
        self.D = np.concatenate([case.D for case in cases] or [np.zeros((0, n))]) if mixed else None

    def single(self, rows: NDArray[np.int64]) -> Objective:
        """Rows one by one: (R,) indices into the stack."""
        C, d = self.C[rows], self.d[rows]
        D = None if self.D is None else self.D[rows]
        return Objective(C, D, d, np.abs(C), None if D is None else np.abs(D), np.abs(d), 1, self.strict[rows])

    def weighted(self, case: NDArray[np.int64], weights: Ragged) -> Objective:
        """Weighted sums: entries (row of the case, value > 0) per case (R,); no entries give the zero row."""
        entry = self.first[case][weights.rows] + weights["row"]
        value = weights["value"]
        lengths = np.diff(weights.offsets)
        if np.all(lengths == 1) and np.all(value == 1.0):
            return self.single(entry)

        def total(terms: Array) -> Array:
            result = np.zeros((len(weights), *terms.shape[1:]))
            np.add.at(result, weights.rows, terms)
            return result

        # numbers beyond the floats become infinite, and so does the error that goes with them: they claim nothing
        with np.errstate(over="ignore", invalid="ignore"):
            C = value[:, None] * self.C[entry]
            d = value * self.d[entry]
            D = None if self.D is None else value[:, None] * self.D[entry]
            strict = np.zeros(len(weights), bool)
            np.logical_or.at(strict, weights.rows, self.strict[entry])
            return Objective(
                total(C),
                None if D is None else total(D),
                total(d),
                total(np.abs(C)),
                None if D is None else total(np.abs(D)),
                total(np.abs(d)),
                int(lengths.max(initial=1)),
                strict,
            )

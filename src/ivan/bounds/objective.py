"""What is bounded at the outputs: weighted rows of cases, lambda . (C y + D x - d)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.rigorous import UNDERFLOW, UNIT, down, gamma, magnitude
from ivan.problem import Problem
from ivan.proof import Ragged
from ivan.vnnlib import Row

Array = NDArray[np.float64]
Index = NDArray[np.int64]


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
        of: the problem's rows.
        origin: (R,) which of them each is, as it stands; -1 where it is a sum.
    """

    C: Array
    D: Array | None
    d: Array
    C_size: Array
    D_size: Array | None
    d_size: Array
    terms: int
    strict: NDArray[np.bool_]
    of: Rows
    origin: Index

    def __len__(self) -> int:
        return len(self.d)

    def take(self, rows: slice | Index) -> Objective:
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
            self.of,
            self.origin[rows],
        )

    def uncertainty(self, outputs: Array, inputs: Array) -> Array:
        """(R,): how far the rows can be off, for outputs (R, m) and inputs (R, n) of at most these magnitudes."""
        size: Array = np.einsum("rm,rm->r", self.C_size, outputs) + self.d_size
        if self.D_size is not None:
            size = size + np.einsum("ri,ri->r", self.D_size, inputs)
        return gamma(self.terms + 4) * size + 4.0 * UNIT * np.abs(self.d)

    def least(self, owner: Index, outputs: tuple[Array, Array], inputs: tuple[Array, Array]) -> Array:
        """Rigorous lower bounds over boxes of outputs and inputs, (R,); exact where a tie hangs on it.

        Where a bound is within its rounding error of 0, a row of the problem is summed up in rational arithmetic: a
        strict requirement closes at exactly 0, which no rounded bound reaches.

        Args:
            owner: (R,) domain of each row.
            outputs: (B, m) least and greatest outputs of every domain.
            inputs: (B, n) likewise.
        """
        parts = [(self.C, self.C_size, *outputs)]
        if self.D is not None and self.D_size is not None:
            parts.append((self.D, self.D_size, *inputs))
        total, size, terms = -self.d, self.d_size, self.terms
        with np.errstate(over="ignore", invalid="ignore"):
            for a, a_size, low, high in parts:
                low, high = low[owner], high[owner]
                total = total + np.einsum("rj,rj->r", np.maximum(a, 0.0), low)
                total = total + np.einsum("rj,rj->r", np.minimum(a, 0.0), high)
                size = size + np.einsum("rj,rj->r", a_size, magnitude(low, high))
                terms += 2 * a.shape[1]
            error = gamma(terms + 8) * size
            bound = down(total, error)
            bound = np.where(np.isnan(bound), -np.inf, bound)
            near = (self.origin >= 0) & (bound <= 0.0) & (np.abs(total) <= 4.0 * (error + UNDERFLOW))
        for r in np.flatnonzero(near & np.isfinite(size)):
            bound[r] = _least(self.of.row(int(self.origin[r])), int(owner[r]), outputs, inputs)
        return np.asarray(bound)

    def excludes(self, bound: Array) -> NDArray[np.bool_]:
        """(R,): does a rigorous lower bound of this much exclude the case?"""
        return (bound > 0.0) | (self.strict & (bound >= 0.0))


def _least(row: Row, domain: int, outputs: tuple[Array, Array], inputs: tuple[Array, Array]) -> float:
    """The least value of a row over the box of a domain: exact, then rounded down."""
    exact = -row.bound
    for terms, (low, high) in ((row.outputs, outputs), (row.inputs, inputs)):
        for j, c in terms:
            end = float((low if c > 0 else high)[domain, j])
            if not math.isfinite(end):
                return -math.inf
            exact += c * Fraction(end)
    nearest = float(exact)
    return nearest if Fraction(nearest) <= exact else math.nextafter(nearest, -math.inf)


class Rows:
    """All rows of all cases of a problem, stacked, for gathering them in batches.

    Args:
        problem: the problem.
    """

    def __init__(self, problem: Problem) -> None:
        self._cases = cases = problem.cases
        n, m = problem.network.inputs, problem.network.outputs
        self.first = np.concatenate([[0], np.cumsum(problem.rows_of_case)]).astype(np.int64)
        self.counts = problem.rows_of_case
        self.C = np.concatenate([case.C for case in cases] or [np.zeros((0, m))])
        self.d = np.concatenate([case.d for case in cases] or [np.zeros(0)])
        self.strict = np.concatenate([case.strict for case in cases] or [np.zeros(0, bool)])
        mixed = any(case.D.any() for case in cases)
        self.D = np.concatenate([case.D for case in cases] or [np.zeros((0, n))]) if mixed else None

    def single(self, rows: Index) -> Objective:
        """Rows one by one: (R,) indices into the stack."""
        C, d = self.C[rows], self.d[rows]
        D = None if self.D is None else self.D[rows]
        sizes = np.abs(C), None if D is None else np.abs(D), np.abs(d)
        return Objective(C, D, d, *sizes, 1, self.strict[rows], self, rows)

    def row(self, entry: int) -> Row:
        """A row of the stack as rationals."""
        case = int(np.searchsorted(self.first, entry, side="right")) - 1
        return self._cases[case].rows[entry - int(self.first[case])]

    def weighted(self, case: Index, weights: Ragged) -> Objective:
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
            origin = np.full(len(weights), -1)
            alone = (lengths == 1)[weights.rows] & (value == 1.0)
            origin[weights.rows[alone]] = entry[alone]
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
                self,
                origin,
            )

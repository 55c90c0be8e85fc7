"""A query and a network become cases to be shown empty.

A case is a box of inputs and rows; it is violated by an input x of the box with outputs y = N(x) for which every row
of `C y + D x <= d` holds (`<` where the row is strict). The query is `unsat` when no case can be violated. Cases over
the same box form a region: they share one tree and are bounded together.

Numbers turn from rationals into float64 here, always outwards: the proved box is the hull of the decimal box and of its
bounds rounded to the model's precision, right-hand sides are rounded up, and the half unit of error in a coefficient is
absorbed where it is first used (bounds/objective.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ivan.errors import MismatchError, PropertyError
from ivan.network.layers import Network
from ivan.vnnlib import Conjunction, Query, Row

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Region:
    """A box of inputs.

    Attributes:
        lower: (n,) lower ends of what is proved, rounded down.
        upper: (n,) upper ends, rounded up.
        inner_lower: (n,) least numbers of the model's precision that a witness may take.
        inner_upper: (n,) greatest such numbers; where the interval holds none, both are the nearest one.
    """

    lower: Array
    upper: Array
    inner_lower: Array
    inner_upper: Array

    @property
    def free(self) -> NDArray[np.int64]:
        """Inputs that can vary: those whose interval holds more than one number of the model's precision."""
        return np.flatnonzero(self.inner_upper > self.inner_lower)


@dataclass(frozen=True, eq=False)
class Case:
    """Rows that hold together at a violation: C y + D x <= d over one region.

    Attributes:
        region: index of the region.
        C: (r, outputs).
        D: (r, inputs).
        d: (r,) rounded up.
        strict: (r,) True where the row is `<`.
        rows: the same rows as rationals.
    """

    region: int
    C: Array
    D: Array
    d: Array
    strict: NDArray[np.bool_]
    rows: tuple[Row, ...]

    def violated(self, x: Sequence[Fraction], y: Sequence[Fraction]) -> bool:
        """Do all rows hold, exactly?"""

        def holds(row: Row) -> bool:
            value = sum((c * x[i] for i, c in row.inputs), Fraction(0)) + sum(
                (c * y[j] for j, c in row.outputs), Fraction(0)
            )
            return value < row.bound if row.strict else value <= row.bound

        return all(holds(row) for row in self.rows)


@dataclass(frozen=True, eq=False)
class Problem:
    """One network and the cases that must be shown empty.

    Attributes:
        network: the network.
        query: what was asked.
        regions: the distinct boxes.
        cases: every conjunction of the query that is not empty by itself.
    """

    network: Network
    query: Query
    regions: tuple[Region, ...]
    cases: tuple[Case, ...]

    @cached_property
    def cases_of(self) -> tuple[tuple[int, ...], ...]:
        """Indices of the cases of each region."""
        members: list[list[int]] = [[] for _ in self.regions]
        for index, case in enumerate(self.cases):
            members[case.region].append(index)
        return tuple(tuple(m) for m in members)

    @cached_property
    def rows_of_case(self) -> NDArray[np.int64]:
        """Number of rows of each case."""
        return np.array([len(case.d) for case in self.cases], np.int64)

    def margins(self, case: int, x: Array) -> Array:
        """Values of C y + D x - d at inputs x (B, n): (B, r); the case is violated where all are <= 0."""
        return self.margins_of_outputs(case, x, self.network(x))

    def margins_of_outputs(self, case: int, x: Array, y: Array) -> Array:
        """The same where the outputs y (B, m) are known."""
        c = self.cases[case]
        return y @ c.C.T + x @ c.D.T - c.d


MOST_CASES = 100_000
"""Conjunctions that a query may expand to."""


def build_problem(query: Query, network: Network) -> Problem:
    """Puts a query and a network together.

    Raises:
        MismatchError: the numbers of inputs or outputs differ.
        PropertyError: an input is unbounded, or the Boolean structure is too large.
    """
    for count, has, what in (
        (query.inputs, network.inputs, "input"),
        (query.outputs, network.outputs, "output"),
    ):
        if count != has:
            raise MismatchError(
                f"{query.path} declares {count} {what}{'' if count == 1 else 's'}, {network.name} has {has}",
                hint="is this the property of another model?",
            )
    precision = np.dtype(network.precision)
    regions: list[Region] = []
    known: dict[bytes, int] = {}
    boxes: dict[tuple[int, int], tuple[Conjunction, int]] = {}  # the conjunction keeps the identified tuples alive
    cases: list[Case] = []
    for conjunction in query.conjunctions(MOST_CASES):
        if conjunction.empty:
            continue
        identity = (id(conjunction.lower), id(conjunction.upper))
        if identity not in boxes:
            region = _region(conjunction, query, precision)
            sides = (region.lower, region.upper, region.inner_lower, region.inner_upper)
            key = b"".join(side.tobytes() for side in sides)
            if key not in known:
                known[key] = len(regions)
                regions.append(region)
            boxes[identity] = (conjunction, known[key])
        cases.append(_case(conjunction, boxes[identity][1], network, query))
    return Problem(network, query, tuple(regions), tuple(cases))


def _case(conjunction: Conjunction, region: int, network: Network, query: Query) -> Case:
    rows = conjunction.rows
    C, D = np.zeros((len(rows), network.outputs)), np.zeros((len(rows), network.inputs))
    d = np.zeros(len(rows))
    for r, row in enumerate(rows):
        for j, coefficient in row.outputs:
            C[r, j] = _nearest(coefficient, query)
        for i, coefficient in row.inputs:
            D[r, i] = _nearest(coefficient, query)
        d[r] = _rounded(row.bound, query, up=True)
    return Case(region, C, D, d, np.array([row.strict for row in rows], bool), rows)


def _nearest(value: Fraction, query: Query) -> float:
    """The nearest float64; literals are float64 themselves, but arithmetic on them is exact and can leave it."""
    try:
        return float(value)
    except OverflowError:
        raise PropertyError(
            "a number is beyond what float64 can hold", path=query.path, hint="scale the property down"
        ) from None


def _rounded(value: Fraction, query: Query, *, up: bool) -> float:
    """The nearest float64 on the given side."""
    nearest = _nearest(value, query)
    exact = Fraction(nearest)
    if up and exact < value:
        return math.nextafter(nearest, math.inf)
    if not up and exact > value:
        return math.nextafter(nearest, -math.inf)
    return nearest


def _region(conjunction: Conjunction, query: Query, precision: np.dtype[np.floating]) -> Region:
    unbounded = [
        f"X_{i}"
        for i, (low, high) in enumerate(zip(conjunction.lower, conjunction.upper, strict=True))
        if low is None or high is None
    ]
    if unbounded:
        shown = ", ".join(unbounded[:5]) + (", ..." if len(unbounded) > 5 else "")
        raise PropertyError(
            f"unbounded input{'' if len(unbounded) == 1 else 's'}: {shown}",
            path=query.path,
            hint="give every input a lower and an upper bound, in every part of a disjunction",
        )
    lows: list[float] = []
    highs: list[float] = []
    firsts: list[float] = []
    lasts: list[float] = []
    infinity = precision.type(np.inf)
    for low, high in zip(conjunction.lower, conjunction.upper, strict=True):
        assert low is not None
        assert high is not None
        with np.errstate(over="ignore"):
            near_low, near_high = precision.type(_nearest(low, query)), precision.type(_nearest(high, query))
        if not (np.isfinite(near_low) and np.isfinite(near_high)):
            raise PropertyError(
                f"an input bound is beyond what {precision.name} can hold",
                path=query.path,
                hint="give bounds that the model's inputs can take",
            )
        lows.append(min(_rounded(low, query, up=False), float(near_low)))
        highs.append(max(_rounded(high, query, up=True), float(near_high)))
        first = near_low if Fraction(float(near_low)) >= low else np.nextafter(near_low, infinity)
        last = near_high if Fraction(float(near_high)) <= high else np.nextafter(near_high, -infinity)
        if first > last:
            first = last = near_low
        firsts.append(float(first))
        lasts.append(float(last))
    return Region(*(np.array(side) for side in (lows, highs, firsts, lasts)))

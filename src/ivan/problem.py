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
import operator
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ivan.arrangement import arranged, elements, named_input
from ivan.digest import digest
from ivan.errors import MismatchError, PropertyError
from ivan.network.combine import Part
from ivan.network.element_types import FLOATS, integer_range, is_integer, whole_range
from ivan.network.layers import Network
from ivan.vnnlib import Conjunction, Query, Row

Array = NDArray[np.float64]
Index = NDArray[np.int64]


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
        network: the network; of a query about several networks all of them as one, over distinct inputs. Behind its
            outputs stand the query's products.
        query: what was asked.
        regions: the distinct boxes.
        cases: every conjunction of the query that is not empty by itself; its rows speak of the network's inputs.
        place: (query.inputs,) which input of the network each of the query's inputs is.
    """

    network: Network
    query: Query
    regions: tuple[Region, ...]
    cases: tuple[Case, ...]
    place: Index

    @cached_property
    def asked(self) -> str:
        """Names what is asked: the query's digest, and where it is not about real numbers, also about which."""
        kinds = [kind if is_integer(kind) else "" for kind in elements(self.query)]
        if not (self.network.arithmetic or any(kinds)):
            return self.query.digest
        return digest("numbers", self.query.digest, self.network.arithmetic, kinds)

    def outputs_of(self, x: Sequence[Fraction], y: Sequence[Fraction]) -> list[Fraction]:
        """The network's outputs exactly, where the query's are y at the network's inputs x: y and then the products."""
        factors = ([x[self.place[key]] if key >= 0 else y[~key] for key in keys] for keys in self.query.products)
        return [*y, *(math.prod(values, start=Fraction(1)) for values in factors)]

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


Bounds = list[Fraction | None]

MOST_CASES = 100_000
"""Conjunctions that a query may expand to."""


def build_problem(query: Query, network: Network, place: Index | None = None) -> Problem:
    """Puts a query and a network together.

    Args:
        query: what is asked; about several networks only with `place`.
        network: the network, or `arranged`.
        place: (query.inputs,) which input of an arranged network each of the query's inputs is.

    Raises:
        MismatchError: the numbers of inputs or outputs differ.
        PropertyError: an input is unbounded, or the Boolean structure is too large.
    """
    if place is None:
        for count, has, what in (
            (query.inputs, network.inputs, "input"),
            (query.outputs, network.outputs, "output"),
        ):
            if count != has:
                raise MismatchError(
                    f"{query.path} declares {count} {what}{'' if count == 1 else 's'}, {network.name} has {has}",
                    hint="is this the property of another model?",
                )
        network, place = arranged(query, [Part(network, np.arange(network.inputs))])
    regions: list[Region] = []
    known: dict[bytes, int] = {}
    boxes: dict[tuple[int, ...], tuple[Conjunction, int | None]] = {}  # the conjunction keeps the tuples alive
    lacking: dict[tuple[int, int], bool] = {}
    cases: list[Case] = []
    terms = _Terms(query, network, place)
    if terms.integral:
        network = replace(network, whole=np.isin(np.arange(network.inputs), list(terms.integral)))
    for conjunction in query.conjunctions(MOST_CASES):
        bounds = (id(conjunction.lower), id(conjunction.upper))
        if bounds not in lacking:
            lacking[bounds] = any(end is None for end in (*conjunction.lower, *conjunction.upper))
        # what is missing follows from the rows, perhaps
        identity = (*bounds, id(conjunction.rows)) if lacking[bounds] else bounds
        if identity not in boxes:
            region, number = _region(conjunction, terms), None
            if region is not None:
                sides = (region.lower, region.upper, region.inner_lower, region.inner_upper)
                number = known.setdefault(b"".join(side.tobytes() for side in sides), len(regions))
                regions += [region] if number == len(regions) else []
            boxes[identity] = (conjunction, number)
        number, rows = boxes[identity][1], terms.rows(conjunction.rows)
        if number is not None and rows is not None:
            cases.append(_case(rows, number, network, query))
    return Problem(network, query, tuple(regions), tuple(cases), place)


class _Terms:
    """A query's inputs in terms of the network's."""

    def __init__(self, query: Query, network: Network, place: Index) -> None:
        self.query, self.network, self.place = query, network, place
        self.same = len(place) == network.inputs and bool(np.array_equal(place, np.arange(network.inputs)))
        self.kinds = [kind for kind, count in network.input_runs for _ in range(count)]
        declared = elements(query)
        self.integral: dict[int, str] = {
            int(at): kind for at, kind in zip(place, declared, strict=bool(declared)) if is_integer(kind)
        }
        self.floating: dict[int, str] = {
            int(at): kind for at, kind in zip(place, declared, strict=bool(declared)) if kind in FLOATS
        }
        self._spokesmen: dict[int, int] = {}
        self._firsts: dict[tuple[int, int], int] = {}  # by where it is taken from: the output that speaks for all
        self._known: dict[int, Row | None] = {}  # by the row's id: the query keeps its rows alive

    def rows(self, rows: tuple[Row, ...]) -> tuple[Row, ...] | None:
        """The rows over the network's inputs, without those that always hold; None where one never does."""
        found = []
        for row in rows:
            mine = self._row(row)
            if mine.inputs or mine.outputs:
                found.append(mine)
            elif mine.bound < 0 or (mine.strict and mine.bound == 0):
                return None
        return rows if len(found) == len(rows) and all(map(operator.is_, found, rows)) else tuple(found)

    def _row(self, row: Row) -> Row:
        known = self._known.get(id(row))
        if known is None:
            spoken = [self._spoken_for(j) for j, _ in row.outputs]
            if self.same and spoken == [j for j, _ in row.outputs]:
                known = row
            else:
                inputs: dict[int, Fraction] = {}
                outputs: dict[int, Fraction] = {}
                for i, c in row.inputs:
                    _add(inputs, int(self.place[i]), c)
                for at, (_, c) in zip(spoken, row.outputs, strict=True):
                    _add(*((outputs, at) if at >= 0 else (inputs, ~at)), c)
                known = Row(_sums(inputs), _sums(outputs), row.bound, row.strict)
            self._known[id(row)] = known
        return known

    def _spoken_for(self, output: int) -> int:
        """The output that is the same number and speaks for it, or ~i where it is input i.

        Only what is moved counts: that is the same number in every arithmetic. Where a row speaks of it more than once,
        coefficients cancel exactly.
        """
        if output not in self._spokesmen:
            found = self.network.origin(output)
            if found is None:
                self._spokesmen[output] = output
            else:
                self._spokesmen[output] = self._firsts.setdefault(found, output) if found[0] else ~found[1]
        return self._spokesmen[output]

    def box(self, conjunction: Conjunction) -> tuple[Bounds, Bounds]:
        """The box over the network's inputs, None for sides that neither bounds nor rows nor types imply."""
        lower: Bounds = [None] * self.network.inputs
        upper: Bounds = [None] * self.network.inputs
        for at, low, high in zip(self.place, conjunction.lower, conjunction.upper, strict=True):
            known = lower[at], upper[at]
            lower[at] = known[0] if low is None else low if known[0] is None else max(low, known[0])
            upper[at] = known[1] if high is None else high if known[1] is None else min(high, known[1])
        lacking = [{at for at, end in enumerate(side) if end is None} for side in (lower, upper)]
        if any(lacking):
            _derive(self.rows(conjunction.rows) or (), lower, upper)
        for at, kind in self.integral.items():
            lower[at], upper[at] = _integers(lower[at], upper[at], kind)
        for at, kind in self.floating.items():  # without a bound an input is any finite number of its type
            greatest = Fraction(float(np.finfo(kind).max))
            low, high = lower[at], upper[at]
            if at in lacking[0]:
                lower[at] = -greatest if low is None else max(low, -greatest)
            if at in lacking[1]:
                upper[at] = greatest if high is None else min(high, greatest)
        if None in (*lower, *upper):  # what a type says of one input may bound another
            _derive(self.rows(conjunction.rows) or (), lower, upper)
        return lower, upper

    def name(self, at: int) -> str:
        """What the query calls an input of the network."""
        return named_input(self.query, int(np.flatnonzero(self.place == at)[0]))


def _add(sums: dict[int, Fraction], key: int, number: Fraction) -> None:
    sums[key] = sums.get(key, Fraction(0)) + number


def _sums(parts: dict[int, Fraction]) -> tuple[tuple[int, Fraction], ...]:
    return tuple((key, number) for key, number in sorted(parts.items()) if number)


def _integers(low: Fraction | None, high: Fraction | None, kind: str) -> tuple[Fraction | None, Fraction | None]:
    """The bounds of an integer that is one of its type's: only integers count."""
    low, high = (
        None if low is None else Fraction(math.ceil(low)),
        None if high is None else Fraction(math.floor(high)),
    )
    least, most = whole_range(kind)
    return (
        Fraction(least) if low is None else max(low, Fraction(least)),
        Fraction(most) if high is None else min(high, Fraction(most)),
    )


def _case(rows: tuple[Row, ...], region: int, network: Network, query: Query) -> Case:
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


def _region(conjunction: Conjunction, terms: _Terms) -> Region | None:
    """The box as a region; None where it is empty."""
    query = terms.query
    lower, upper = terms.box(conjunction)
    unbounded = [at for at, (low, high) in enumerate(zip(lower, upper, strict=True)) if low is None or high is None]
    if unbounded:
        shown = ", ".join(map(terms.name, unbounded[:5])) + (", ..." if len(unbounded) > 5 else "")
        raise PropertyError(
            f"unbounded input{'' if len(unbounded) == 1 else 's'}: {shown}",
            path=query.path,
            hint="give every input a lower and an upper bound, in every part of a disjunction",
        )
    lows: list[float] = []
    highs: list[float] = []
    firsts: list[float] = []
    lasts: list[float] = []
    types = {kind: np.dtype(kind) for kind in set(terms.kinds)}
    for low, high, kind in zip(lower, upper, terms.kinds, strict=True):
        assert low is not None
        assert high is not None
        if low > high:  # only where inputs are one, or integers
            return None
        ends = _integer_ends if is_integer(kind) else _ends
        least, most, first, last = ends(low, high, types[kind], query)
        lows.append(least)
        highs.append(most)
        firsts.append(first)
        lasts.append(last)
    return Region(*(np.array(side) for side in (lows, highs, firsts, lasts)))


def _derive(rows: Sequence[Row], lower: Bounds, upper: Bounds) -> None:
    """Gives the box the sides that it lacks, as far as linear rows over inputs imply them."""
    rows, found = [row for row in rows if not row.outputs], True
    while found and None in (*lower, *upper):
        found = False
        for row in rows:
            for i, c in row.inputs:
                side = upper if c > 0 else lower
                rest = [(d, (lower if d > 0 else upper)[j]) for j, d in row.inputs if j != i]
                if side[i] is None and not any(end is None for _, end in rest):
                    total = sum((d * end for d, end in rest if end is not None), Fraction(0))
                    side[i], found = (row.bound - total) / c, True


def _ends(low: Fraction, high: Fraction, precision: np.dtype[Any], query: Query) -> tuple[float, float, float, float]:
    """Ends of what is proved, and of what a witness may take, for floating-point numbers."""
    with np.errstate(over="ignore"):
        near_low, near_high = precision.type(_nearest(low, query)), precision.type(_nearest(high, query))
    if not (np.isfinite(near_low) and np.isfinite(near_high)):
        raise PropertyError(
            f"an input bound is beyond what {precision.name} can hold",
            path=query.path,
            hint="give bounds that the model's inputs can take",
        )
    infinity = precision.type(np.inf)
    first = near_low if Fraction(float(near_low)) >= low else np.nextafter(near_low, infinity)
    last = near_high if Fraction(float(near_high)) <= high else np.nextafter(near_high, -infinity)
    if first > last:
        first = last = near_low
    least = min(_rounded(low, query, up=False), float(near_low))
    most = max(_rounded(high, query, up=True), float(near_high))
    return least, most, float(first), float(last)


def _integer_ends(
    low: Fraction, high: Fraction, kind: np.dtype[Any], query: Query
) -> tuple[float, float, float, float]:
    """The same for integers; where there is none, a witness may take the nearest one."""
    least, most = integer_range(kind.name)
    first, last = max(math.ceil(low), least), min(math.floor(high), most)
    if first > last:
        first = last = min(max(round(low), least), most)
    return _rounded(low, query, up=False), _rounded(high, query, up=True), float(first), float(last)

"""What a property asks, exactly: declared inputs and outputs, and a formula that a violation satisfies.

A verifier wants the formula as cases - an input box and linear rows, all conjoined - so `Query.conjunctions` expands it
into disjunctive normal form, lazily and depth first: a branch carries its box and rows so far, and ends as soon as the
box is empty. Bounds that stand outside a disjunction are worked out once, and equal boxes are one pair of tuples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import prod
from typing import NamedTuple, TypeAlias

from ivan.digest import digest
from ivan.errors import PropertyError
from ivan.vnnlib.declarations import DeclaredNetwork
from ivan.vnnlib.formula import And, Atom, Formula, Number, Variable, assignment, holds, inequality, normal_form

NORMAL_FORM = 1
"""Version of the text that `Query.digest` is taken over; a change of `normal_form` must raise it."""

LIMIT = 100_000
"""How many conjunctions a query may expand to unless the caller says otherwise."""

_PRUNED_PER_CASE = 20  # branches that may be dropped for each conjunction allowed, before the expansion is given up

Side: TypeAlias = tuple[Fraction | None, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """`sum of c * x_i + sum of c * y_j <= bound`, or `<` when strict.

    Attributes:
        inputs: pairs (i, c), i ascending, c != 0.
        outputs: pairs (j, c), j ascending, c != 0.
    """

    inputs: tuple[tuple[int, Fraction], ...]
    outputs: tuple[tuple[int, Fraction], ...]
    bound: Fraction
    strict: bool


@dataclass(frozen=True)
class Conjunction:
    """An input box and linear rows, all of which hold.

    Attributes:
        lower, upper: per input its bound; None where there is none.
        rows: everything that is no plain input bound. A strict bound on an input is here and, closed, in the box.
    """

    lower: Side
    upper: Side
    rows: tuple[Row, ...]

    @property
    def empty(self) -> bool:
        """True when the box is empty or misses a row that speaks of inputs alone (one row at a time)."""
        crossed = any(
            low is not None and high is not None and low > high
            for low, high in zip(self.lower, self.upper, strict=True)
        )
        return crossed or any(_missed(self.lower, self.upper, row) for row in self.rows)


@dataclass(frozen=True, eq=False)
class Query:
    """A property: is there an input x with output y = network(x) for which the formula holds?

    Attributes:
        version: major version of VNN-LIB it was written in.
        inputs, outputs: how many of each are declared.
        path: the file, or `<text>`.
        formula: all assertions, conjoined.
        size: characters of the text, for lists.
        networks: what VNN-LIB 2.0 declares; none for 1.0, which speaks of one network with inputs X and outputs Y.
        products: the monomials of degree two and more that stand in atoms, each the ascending keys of its factors; in
            atoms and rows, monomial m stands as output `outputs + m`.
    """

    version: int
    inputs: int
    outputs: int
    path: str
    formula: Formula
    size: int = 0
    networks: tuple[DeclaredNetwork, ...] = ()
    products: tuple[tuple[int, ...], ...] = ()

    def conjunctions(self, limit: int = LIMIT) -> Iterator[Conjunction]:
        """The disjunctive normal form, in the order of the text; conjunctions that are certainly empty are left out.

        Equal `lower` (and equal `upper`) are the same object, and so are equal rows.

        Raises:
            PropertyError: more than `limit` conjunctions, or hopelessly many empty ones on the way.
        """
        for produced, conjunction in enumerate(_Expansion(self, limit).run()):
            if produced == limit:
                raise self._too_large(limit)
            yield conjunction

    def violated(self, x: Sequence[Fraction], y: Sequence[Fraction]) -> bool:
        """Does the formula hold at inputs x and outputs y? Exact.

        Raises:
            ValueError: x or y has the wrong length.
        """
        self._check_lengths(x, y)
        values = assignment(x, y)
        if self.products:
            monomials = [prod((values[key] for key in keys), start=Fraction(1)) for keys in self.products]
            values = assignment(x, [*y, *monomials])

        def atom_holds(atom: Atom) -> bool:
            left, right = atom.left.exact(values), atom.right.exact(values)
            return left < right if atom.strict else left <= right

        return holds(self.formula, atom_holds)

    def violated_in_floats(self, x: Sequence[float], y: Sequence[float], at: Callable[[float], float]) -> bool:
        """Does the formula hold in double precision, each side of an atom computed as written?

        This is how VNN-COMP judges a witness. NaN satisfies no atom.

        Args:
            x: input values, each a number of the model's precision.
            y: output values.
            at: rounds to the model's precision; both sides of an atom without outputs pass through it.

        Raises:
            ValueError: x or y has the wrong length.
        """
        self._check_lengths(x, y)
        values = assignment(x, y)

        def atom_holds(atom: Atom) -> bool:
            left, right = atom.left.in_floats(values), atom.right.in_floats(values)
            if not (atom.left.mentions_output or atom.right.mentions_output):
                left, right = at(left), at(right)
            return left < right if atom.strict else left <= right

        return holds(self.formula, atom_holds)

    @cached_property
    def digest(self) -> str:
        """64 hexadecimal digits that name what is asked, however it is written (`normal_form`)."""
        asked = (self.inputs, self.outputs, normal_form(self.formula))
        if not self.networks:
            return digest("vnnlib query", NORMAL_FORM, *asked)
        meanings = [network.meaning(self.networks) for network in self.networks]
        return digest("vnnlib 2 query", NORMAL_FORM, *asked, [list(keys) for keys in self.products], meanings)

    def _check_lengths(self, x: Sequence[object], y: Sequence[object]) -> None:
        if (len(x), len(y)) != (self.inputs, self.outputs):
            raise ValueError(f"expected {self.inputs} inputs and {self.outputs} outputs, got {len(x)} and {len(y)}")

    def _too_large(self, limit: int) -> PropertyError:
        return PropertyError(
            f"the Boolean structure is too large: it expands to more than the {limit} cases allowed",
            path=self.path,
            hint="split the property into several files, or write fewer disjunctions side by side",
        )


class _Branch(NamedTuple):
    """A node of the expansion: a region, a formula still to be conjoined, and the disjunctions put off."""

    lower: Side
    upper: Side
    rows: tuple[Row, ...]
    formula: Formula
    waiting: _Waiting | None


class _Waiting(NamedTuple):
    """A linked list of disjunctions, so that branches share its tails."""

    operands: tuple[Formula, ...]
    then: _Waiting | None


class _Bound(NamedTuple):
    """`x_axis <= value` when `is_upper`, else `x_axis >= value`."""

    axis: int
    value: Fraction
    is_upper: bool


class _Expansion:
    """One run of the expansion, with the tables by which equal boxes and rows become one object."""

    def __init__(self, query: Query, limit: int) -> None:
        self._query, self._limit = query, limit
        self._sides: dict[Side, Side] = {}
        self._rows: dict[Row, Row] = {}
        self._row_of: dict[int, Row] = {}  # by the atom's id: the query keeps its atoms alive
        self._met: set[tuple[int, int, int]] = set()  # ids of boxes' sides and rows: the tables keep them alive

    def run(self) -> Iterator[Conjunction]:
        """Every conjunction that is not certainly empty, however many."""
        unbounded: Side = (None,) * self._query.inputs
        stack = [_Branch(unbounded, unbounded, (), self._query.formula, None)]
        dropped = 0
        while stack:
            branch = self._absorb(stack.pop())
            if branch is None:
                dropped += 1
                if dropped > _PRUNED_PER_CASE * self._limit:
                    raise self._query._too_large(self._limit)
            elif branch.waiting is None:
                yield Conjunction(branch.lower, branch.upper, branch.rows)
            else:
                operands, then = branch.waiting
                stack += [branch._replace(formula=operand, waiting=then) for operand in reversed(operands)]

    def _absorb(self, branch: _Branch) -> _Branch | None:
        """Moves the branch's formula into its region and its waiting disjunctions; None when nothing is left of it."""
        formula, waiting = branch.formula, branch.waiting
        operands = formula.operands if isinstance(formula, And) else (formula,)
        atoms = [operand for operand in operands if isinstance(operand, Atom)]
        # The earliest disjunction is expanded first, so that conjunctions come in the order of the text.
        for operand in reversed(operands):
            if not isinstance(operand, Atom):
                waiting = _Waiting(operand.operands, waiting)
        region = self._conjoin(branch, atoms)
        if region is None:
            return None
        lower, upper, rows = region
        if waiting is None and any(self._misses(lower, upper, row) for row in rows):
            return None
        return _Branch(lower, upper, rows, formula, waiting)

    def _misses(self, lower: Side, upper: Side, row: Row) -> bool:
        """`_missed`, once for each box and row: most conjunctions have both in common with others."""
        key = id(lower), id(upper), id(row)
        if key in self._met:
            return False
        missed = _missed(lower, upper, row)
        if not missed:
            self._met.add(key)
        return missed

    def _conjoin(self, branch: _Branch, atoms: Iterable[Atom]) -> tuple[Side, Side, tuple[Row, ...]] | None:
        """The branch's region with the atoms; None when the box or a row without variables is contradictory."""
        lower: list[Fraction | None] | Side = branch.lower
        upper: list[Fraction | None] | Side = branch.upper
        rows = {id(row): row for row in branch.rows}
        for atom in atoms:
            # Plain bounds are nearly all there is in a large property: no row is built for them.
            bound = _plain_bound(atom)
            if bound is None:
                row = self._row(atom)
                if not row.inputs and not row.outputs:
                    if _missed((), (), row):
                        return None
                    continue
                bound = _bound_of_row(row)
                if bound is None or row.strict:
                    rows[id(row)] = row
                if bound is None:
                    continue
            axis, value, is_upper = bound
            known, opposite = (upper[axis], lower[axis]) if is_upper else (lower[axis], upper[axis])
            if known is not None and (value >= known if is_upper else value <= known):
                continue
            if opposite is not None and (value < opposite if is_upper else value > opposite):
                return None
            # Copied only on the first change: most branches add output rows alone and keep their box.
            if is_upper:
                upper = upper if isinstance(upper, list) else list(upper)
                upper[axis] = value
            else:
                lower = lower if isinstance(lower, list) else list(lower)
                lower[axis] = value
        return self._shared(lower), self._shared(upper), tuple(rows.values())

    def _shared(self, side: list[Fraction | None] | Side) -> Side:
        """The side as the one tuple that equals it."""
        if isinstance(side, tuple):
            return side
        fresh = tuple(side)
        return self._sides.setdefault(fresh, fresh)

    def _row(self, atom: Atom) -> Row:
        """The atom as the one row that equals it."""
        row = self._row_of.get(id(atom))
        if row is None:
            pairs, bound = inequality(atom)
            row = Row(
                inputs=tuple((key, c) for key, c in pairs if key >= 0),
                outputs=tuple((~key, c) for key, c in pairs if key < 0),
                bound=bound,
                strict=atom.strict,
            )
            row = self._row_of[id(atom)] = self._rows.setdefault(row, row)
        return row


def _plain_bound(atom: Atom) -> _Bound | None:
    """The bound that `x_i <= number` or `number <= x_i` is; None for any other atom."""
    left, right, strict = atom
    if strict:
        return None
    if isinstance(left, Variable) and isinstance(right, Number) and left.key >= 0:
        return _Bound(left.key, right.value, is_upper=True)
    if isinstance(left, Number) and isinstance(right, Variable) and right.key >= 0:
        return _Bound(right.key, left.value, is_upper=False)
    return None


def _bound_of_row(row: Row) -> _Bound | None:
    """The (closed) bound that a row on a single input implies; None for any other row."""
    if row.outputs or len(row.inputs) != 1:
        return None
    [(axis, coefficient)] = row.inputs
    return _Bound(axis, row.bound / coefficient, is_upper=coefficient > 0)


def _missed(lower: Side, upper: Side, row: Row) -> bool:
    """Does no point of the box satisfy the row? Never certain for a row with outputs."""
    if row.outputs:
        return False
    least = Fraction(0)
    for axis, coefficient in row.inputs:
        corner = lower[axis] if coefficient > 0 else upper[axis]
        if corner is None:
            return False
        least += coefficient * corner
    return least > row.bound or (row.strict and least == row.bound)

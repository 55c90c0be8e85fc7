"""Laws of random VNN-LIB 2.0 queries, against an evaluation of syntax trees that shares nothing with the reader."""

from __future__ import annotations

import random
from collections.abc import Iterator
from fractions import Fraction
from functools import reduce
from itertools import product
from typing import Any, TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st

from ivan.vnnlib import Conjunction, Query, parse_query
from ivan.vnnlib.codec import decode, encode
from ivan.vnnlib.implication import lies_within

Tree: TypeAlias = tuple[Any, ...]
Point: TypeAlias = dict[str, Fraction]

MANY = settings(max_examples=120, derandomize=True, deadline=None)
FEW = settings(max_examples=40, derandomize=True, deadline=None)

HEAD = """(vnnlib-version <2.0>)
(declare-network f (declare-input A real [2]) (declare-output B real []))
(declare-network g (declare-input C real []) (declare-hidden D real [1,1] "d") (declare-output E real [1]))
"""
INPUTS, OUTPUTS = ("A[0]", "A[1]", "C"), ("B", "E[0]", "D[0,0]")
VALUES = (Fraction(-1), Fraction(0), Fraction(1, 2), Fraction(2))  # doubles compute with these exactly
SPELLINGS = {
    Fraction(-1): ("-1.0", "-01.00"),
    Fraction(0): ("0.0", "-0.0"),
    Fraction(1, 2): ("0.5", "0.50"),
    Fraction(2): ("2.0", "002.0"),
}

numbers = st.tuples(st.just("number"), st.sampled_from(VALUES))
leaves = numbers | st.tuples(st.just("variable"), st.sampled_from(INPUTS + OUTPUTS))
terms = st.recursive(
    leaves,
    lambda inner: st.builds(
        lambda symbol, operands: (symbol, *operands),
        st.sampled_from("+-*"),
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=5,
)
linear_terms = st.recursive(
    leaves,
    lambda inner: (
        st.builds(lambda s, o: (s, *o), st.sampled_from("+-"), st.lists(inner, min_size=1, max_size=3))
        | st.tuples(st.just("*"), numbers, inner)
    ),
    max_leaves=4,
)


def formulas_over(inner_terms: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    atoms = st.tuples(st.sampled_from(("<=", ">=", "<", ">", "==", "!=")), inner_terms, inner_terms)
    return st.recursive(
        atoms,
        lambda inner: st.builds(
            lambda symbol, operands: (symbol, *operands),
            st.sampled_from(("and", "or")),
            st.lists(inner, min_size=1, max_size=3),
        ),
        max_leaves=5,
    )


polynomial, linear = formulas_over(terms), formulas_over(linear_terms)
formulas = polynomial | linear
points = st.lists(
    st.fixed_dictionaries({name: st.sampled_from(VALUES) for name in INPUTS + OUTPUTS}), min_size=12, max_size=12
)


def render(tree: Tree, spell: random.Random | None = None) -> str:
    """The tree's text; with `spell`, one of its many spellings."""
    symbol, *operands = tree
    if symbol == "variable":
        name = str(operands[0])
        return name if spell is None or spell.random() < 0.5 else name.replace("[", " [ ").replace(",", " ,")
    if symbol == "number":
        return spell.choice(SPELLINGS[operands[0]]) if spell else SPELLINGS[operands[0]][0]
    if spell:
        mirrored = {"<=": ">=", ">=": "<=", "<": ">", ">": "<", "==": "==", "!=": "!="}
        if symbol in mirrored and spell.random() < 0.5:
            symbol, operands = mirrored[symbol], operands[::-1]
        if symbol in ("and", "or", "+", "*"):
            spell.shuffle(operands)
            if len(operands) > 1 and spell.random() < 0.5:
                operands = [(symbol, *operands[:-1]), operands[-1]]
    space = spell.choice((" ", "\n\t", " ; (\n")) if spell else " "
    return f"({symbol}{space}{space.join(render(operand, spell) for operand in operands)})"


def value(tree: Tree, point: Point) -> Any:
    """The tree's value: a number for a term, a truth value for a formula."""
    symbol, *operands = tree
    if symbol == "number":
        return operands[0]
    if symbol == "variable":
        return point[operands[0]]
    values = [value(operand, point) for operand in operands]
    match symbol:
        case "+":
            return sum(values)
        case "-":
            return -values[0] if len(values) == 1 else values[0] - sum(values[1:])
        case "*":
            return reduce(lambda a, b: a * b, values)
        case "and":
            return all(values)
        case "or":
            return any(values)
    a, b = values
    return {"<=": a <= b, ">=": a >= b, "<": a < b, ">": a > b, "==": a == b, "!=": a != b}[symbol]


def read(tree: Tree, spell: random.Random | None = None) -> Query:
    return parse_query(f"{HEAD}(assert {render(tree, spell)})")


def split(point: Point) -> tuple[list[Fraction], list[Fraction]]:
    return [point[name] for name in INPUTS], [point[name] for name in OUTPUTS]


def inside(query: Query, conjunction: Conjunction, x: list[Fraction], y: list[Fraction]) -> bool:
    """Do box and rows hold, with the monomials behind the outputs?"""
    named = dict(enumerate(x)) | {~j: v for j, v in enumerate(y)}
    extended = [*y, *(reduce(lambda a, b: a * b, (named[key] for key in factors)) for factors in query.products)]
    in_box = all(
        (low is None or low <= v) and (high is None or v <= high)
        for low, v, high in zip(conjunction.lower, x, conjunction.upper, strict=True)
    )
    sums = [
        (sum(c * x[i] for i, c in row.inputs) + sum(c * extended[j] for j, c in row.outputs), row)
        for row in conjunction.rows
    ]
    return in_box and all(total < row.bound or (total == row.bound and not row.strict) for total, row in sums)


@MANY
@given(formulas, points)
def test_violated_is_the_truth_of_the_text(tree: Tree, found: list[Point]) -> None:
    query = read(tree)
    for point in found:
        assert query.violated(*split(point)) == value(tree, point)


@MANY
@given(formulas, points)
def test_some_conjunction_holds_exactly_where_the_query_is_violated(tree: Tree, found: list[Point]) -> None:
    query = read(tree)
    conjunctions = list(query.conjunctions())
    assert not any(conjunction.empty for conjunction in conjunctions)
    for point in found:
        x, y = split(point)
        assert query.violated(x, y) == any(inside(query, conjunction, x, y) for conjunction in conjunctions)


@MANY
@given(formulas, points)
def test_floats_agree_with_rationals_where_nothing_is_rounded(tree: Tree, found: list[Point]) -> None:
    query = read(tree)
    for point in found:
        x, y = split(point)
        assert query.violated_in_floats([float(v) for v in x], [float(v) for v in y], at=float) == query.violated(x, y)


@MANY
@given(formulas)
def test_every_monomial_stands_in_a_row_of_some_atom_and_each_once(tree: Tree) -> None:
    query = read(tree)
    assert list(query.products) == sorted(set(query.products), key=lambda factors: (len(factors), factors))
    assert all(len(factors) >= 2 and list(factors) == sorted(factors) for factors in query.products)
    assert all(-query.outputs <= key < query.inputs for factors in query.products for key in factors)
    mentioned = {key for atom in atoms_of(query.formula) for side in atom[:2] for key in side.linear.coefficients}
    assert {~key - query.outputs for key in mentioned if key < -query.outputs} == set(range(len(query.products)))


def atoms_of(formula: Any) -> Iterator[Any]:
    if hasattr(formula, "operands"):
        for operand in formula.operands:
            yield from atoms_of(operand)
    else:
        yield formula


@MANY
@given(formulas, st.randoms(use_true_random=False))
def test_the_digest_does_not_depend_on_spelling_or_order(tree: Tree, spell: random.Random) -> None:
    assert read(tree, spell).digest == read(tree).digest


@MANY
@given(formulas, points)
def test_a_query_comes_back_from_its_bytes(tree: Tree, found: list[Point]) -> None:
    query = read(tree)
    data = encode(query)
    assert data is not None
    again = decode(data, query.digest)
    assert list(again.conjunctions()) == list(query.conjunctions())
    assert (again.networks, again.products, again.equated) == (query.networks, query.products, query.equated)
    assert (again.version, again.inputs, again.outputs) == (2, 3, 3)
    for point in found:
        x, y = split(point)
        assert again.violated(x, y) == query.violated(x, y)
        floats = [float(v) for v in x], [float(v) for v in y]
        assert again.violated_in_floats(*floats, at=float) == query.violated_in_floats(*floats, at=float)


@FEW
@given(formulas, formulas)
def test_a_query_that_is_said_to_lie_within_another_does(one: Tree, two: Tree) -> None:
    asked = [read(tree) for tree in (one, two, ("and", one, two), ("or", one, two))]
    grid = [split(dict(zip(INPUTS + OUTPUTS, v, strict=True))) for v in product(VALUES[::3], repeat=6)]
    found = [{i for i, point in enumerate(grid) if query.violated(*point)} for query in asked]
    for query, mine in zip(asked, found, strict=True):
        for other, theirs in zip(asked, found, strict=True):
            assert mine <= theirs or not lies_within(query, other)
    assert all(lies_within(query, query) for query in asked)


@FEW
@given(st.lists(st.tuples(st.sampled_from(INPUTS), st.sampled_from(INPUTS)), min_size=1, max_size=4), linear)
def test_equated_inputs_are_equal_wherever_the_query_is_violated(pairs: list[tuple[str, str]], other: Tree) -> None:
    equations = [("==", ("variable", a), ("variable", b)) for a, b in pairs]
    query = read(("and", *equations, other))
    wanted = {tuple(sorted((INPUTS.index(a), INPUTS.index(b)))) for a, b in pairs if a != b}
    assert wanted <= set(query.equated)
    for values in product(VALUES, repeat=3):
        x, y = list(values), [Fraction(0)] * 3
        assert not query.violated(x, y) or all(x[i] == x[j] for i, j in query.equated)

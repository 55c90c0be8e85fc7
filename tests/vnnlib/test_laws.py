"""Laws of random formulas, against an evaluation of their syntax tree that shares nothing with the reader."""

from __future__ import annotations

import random
from fractions import Fraction
from functools import reduce
from itertools import product
from typing import Any, TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st

from ivan.vnnlib import Conjunction, Query, parse_query

Tree: TypeAlias = tuple[Any, ...]

HEAD = "(declare-const X_0 Real)(declare-const X_1 Real)(declare-const Y_0 Real)(declare-const Y_1 Real)"
NAMES = ("X_0", "X_1", "Y_0", "Y_1")
# Small dyadic numbers: equality is met often, and doubles compute with them exactly.
VALUES = (Fraction(-1), Fraction(0), Fraction(1, 2), Fraction(2))
SPELLINGS = {
    Fraction(-1): ("-1", "-1.0"),
    Fraction(0): ("0", "-0.0"),
    Fraction(1, 2): ("0.5", "5e-1", "+.5"),
    Fraction(2): ("2", "2."),
}
POINTS = [dict(zip(NAMES, values, strict=True)) for values in product(VALUES, repeat=4)]

numbers = st.tuples(st.just("number"), st.sampled_from(VALUES))
leaves = numbers | st.tuples(st.just("variable"), st.sampled_from(NAMES))
terms = st.recursive(
    leaves,
    lambda inner: (
        st.tuples(st.sampled_from("+-"), inner)
        | st.tuples(st.sampled_from("+-"), inner, inner)
        | st.tuples(st.just("+"), inner, inner, inner)
        | st.tuples(st.just("*"), numbers, inner)
        | st.tuples(st.just("*"), inner, numbers)
        | st.tuples(st.just("/"), inner, st.just(("number", Fraction(2))))
    ),
    max_leaves=4,
)
plain = st.tuples(
    st.sampled_from(("<=", ">=", "<", ">")), st.tuples(st.just("variable"), st.sampled_from(NAMES)), numbers
)
atoms = plain | st.tuples(st.sampled_from(("<=", ">=", "<", ">", "=", "==")), terms, terms)
formulas = st.recursive(
    atoms,
    lambda inner: (
        st.builds(
            lambda symbol, operands: (symbol, *operands),
            st.sampled_from(("and", "or")),
            st.lists(inner, min_size=1, max_size=3),
        )
        | st.tuples(st.just("not"), inner)
        | st.tuples(st.just("=>"), inner, inner)
    ),
    max_leaves=6,
)


def render(tree: Tree, spell: random.Random | None = None) -> str:
    """The tree's text; with `spell`, one of its many spellings."""
    symbol, *operands = tree
    if symbol == "variable":
        return str(operands[0])
    if symbol == "number":
        return spell.choice(SPELLINGS[operands[0]]) if spell else SPELLINGS[operands[0]][0]
    if spell:
        mirrored = {"<=": ">=", ">=": "<=", "<": ">", ">": "<", "=": "==", "==": "="}
        if symbol in mirrored and spell.random() < 0.5:
            symbol, operands = mirrored[symbol], operands[::-1]
        if symbol in ("and", "or"):
            spell.shuffle(operands)
            if len(operands) > 1 and spell.random() < 0.5:
                operands = [(symbol, *operands[:-1]), operands[-1]]
    space = spell.choice((" ", "\n\t", " ; (\n")) if spell else " "
    return f"({symbol}{space}{space.join(render(operand, spell) for operand in operands)})"


def value(tree: Tree, point: dict[str, Fraction]) -> Any:
    """The tree's value: a number for a term, a truth value for a formula."""
    symbol, *operands = tree
    if symbol == "number":
        return operands[0]
    if symbol == "variable":
        return point[operands[0]]
    values = [value(operand, point) for operand in operands]
    match symbol, values:
        case "-", [a]:
            return -a
        case "+", _:
            return sum(values)
        case "-", [a, b]:
            return a - b
        case "*", _:
            return reduce(lambda a, b: a * b, values)
        case "/", [a, b]:
            return a / b
        case "and", _:
            return all(values)
        case "or", _:
            return any(values)
        case "not", [a]:
            return not a
        case "=>", [a, b]:
            return b or not a
        case _, [a, b]:
            return {"<=": a <= b, ">=": a >= b, "<": a < b, ">": a > b}.get(symbol, a == b)
    raise AssertionError(symbol)


def read(tree: Tree, spell: random.Random | None = None) -> Query:
    return parse_query(f"{HEAD}(assert {render(tree, spell)})")


def inside(conjunction: Conjunction, x: list[Fraction], y: list[Fraction]) -> bool:
    in_box = all(
        (low is None or low <= v) and (high is None or v <= high)
        for low, v, high in zip(conjunction.lower, x, conjunction.upper, strict=True)
    )
    sums = [
        (sum(c * x[i] for i, c in row.inputs) + sum(c * y[j] for j, c in row.outputs), row) for row in conjunction.rows
    ]
    return in_box and all(total < row.bound or (total == row.bound and not row.strict) for total, row in sums)


def split(point: dict[str, Fraction]) -> tuple[list[Fraction], list[Fraction]]:
    return [point["X_0"], point["X_1"]], [point["Y_0"], point["Y_1"]]


@settings(max_examples=120, derandomize=True, deadline=None)
@given(formulas, st.lists(st.sampled_from(POINTS), min_size=20, max_size=20))
def test_violated_is_the_truth_of_the_text(tree: Tree, points: list[dict[str, Fraction]]) -> None:
    query = read(tree)
    for point in points:
        x, y = split(point)
        assert query.violated(x, y) == value(tree, point)


@settings(max_examples=120, derandomize=True, deadline=None)
@given(formulas, st.lists(st.sampled_from(POINTS), min_size=20, max_size=20))
def test_some_conjunction_holds_exactly_where_the_query_is_violated(
    tree: Tree, points: list[dict[str, Fraction]]
) -> None:
    query = read(tree)
    conjunctions = list(query.conjunctions())
    assert not any(conjunction.empty for conjunction in conjunctions)
    for point in points:
        x, y = split(point)
        assert query.violated(x, y) == any(inside(conjunction, x, y) for conjunction in conjunctions)


@settings(max_examples=80, derandomize=True, deadline=None)
@given(formulas, st.lists(st.sampled_from(POINTS), min_size=20, max_size=20))
def test_floats_agree_with_rationals_where_nothing_is_rounded(tree: Tree, points: list[dict[str, Fraction]]) -> None:
    query = read(tree)
    for point in points:
        x, y = split(point)
        assert query.violated_in_floats([float(v) for v in x], [float(v) for v in y], at=float) == query.violated(x, y)


@settings(max_examples=120, derandomize=True, deadline=None)
@given(formulas, st.randoms(use_true_random=False))
def test_the_digest_does_not_depend_on_spelling_or_order(tree: Tree, spell: random.Random) -> None:
    assert read(tree, spell).digest == read(tree).digest


@settings(max_examples=120, derandomize=True, deadline=None)
@given(formulas)
def test_a_formula_and_its_negation_have_different_digests(tree: Tree) -> None:
    assert read(("not", tree)).digest != read(tree).digest


@settings(max_examples=120, derandomize=True, deadline=None)
@given(formulas)
def test_a_double_negation_changes_no_digest(tree: Tree) -> None:
    assert read(("not", ("not", tree))).digest == read(tree).digest


@settings(max_examples=80, derandomize=True, deadline=None)
@given(formulas)
def test_equal_sides_and_equal_rows_are_one_object(tree: Tree) -> None:
    conjunctions = list(read(tree).conjunctions())
    sides = [side for conjunction in conjunctions for side in (conjunction.lower, conjunction.upper)]
    rows = [row for conjunction in conjunctions for row in conjunction.rows]
    assert len({id(side) for side in sides}) == len(set(sides))
    assert len({id(row) for row in rows}) == len(set(rows))

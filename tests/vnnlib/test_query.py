"""Cases, exact truth, truth in floats, and the digest of a query, by example."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from ivan.errors import PropertyError
from ivan.vnnlib import Conjunction, Query, Row, parse_query

F = Fraction
INPUTS, OUTPUTS = 3, 10


def ask(assertions: str, inputs: int = INPUTS, outputs: int = OUTPUTS) -> Query:
    declarations = [f"(declare-const X_{i} Real)" for i in range(inputs)]
    declarations += [f"(declare-const Y_{j} Real)" for j in range(outputs)]
    return parse_query("\n".join(declarations) + "\n" + assertions)


BOX = " ".join(f"(assert (>= X_{i} -{i}.5)) (assert (<= X_{i} {i}.5))" for i in range(INPUTS))
ROBUST = "(assert (or " + " ".join(f"(and (>= Y_{j} Y_0))" for j in range(1, OUTPUTS)) + "))"


# Conjunctions


def test_disjuncts_share_the_box_that_stands_outside_them() -> None:
    found = list(ask(BOX + ROBUST).conjunctions())
    assert [c.rows for c in found] == [
        (Row((), ((0, F(1)), (j, F(-1))), F(0), strict=False),) for j in range(1, OUTPUTS)
    ]
    assert found[0].lower == (F(-1, 2), F(-3, 2), F(-5, 2))
    assert {(id(c.lower), id(c.upper)) for c in found} == {(id(found[0].lower), id(found[0].upper))}


def test_equal_boxes_are_one_object_however_they_came_about() -> None:
    halves = "(assert (or (and (<= X_0 0) (<= Y_0 1)) (and (<= (* 2 X_0) 0) (<= Y_1 1)) (and (>= X_0 0) (<= Y_2 1))))"
    first, second, third = ask(BOX + halves).conjunctions()
    assert first.lower is second.lower
    assert first.upper is second.upper
    assert third.upper is not first.upper
    assert first.lower != third.lower


def test_equal_rows_of_one_conjunction_are_kept_once() -> None:
    [found] = ask("(assert (and (<= Y_0 Y_1) (>= Y_1 Y_0) (<= (- Y_0 Y_1) 0)))").conjunctions()
    assert len(found.rows) == 1


def test_disjunctions_side_by_side_multiply_in_the_order_of_the_text() -> None:
    found = ask("(assert (or (<= Y_0 0) (<= Y_0 1))) (assert (or (<= Y_1 2) (<= Y_1 3)))").conjunctions()
    assert [tuple(row.bound for row in c.rows) for c in found] == [(0, 2), (0, 3), (1, 2), (1, 3)]


@pytest.mark.parametrize(
    "contradiction",
    [
        "(assert (and (<= X_0 0) (>= X_0 1)))",
        "(assert (<= 1 0))",
        "(assert (< (- X_0 X_0) 0))",
        "(assert (and (>= X_0 0) (< X_0 0)))",
        "(assert (or (>= X_2 9) (<= (+ X_0 X_1 X_2) -5)))",
        "(assert false)",
    ],
)
def test_a_region_that_is_certainly_empty_is_left_out(contradiction: str) -> None:
    assert list(ask(BOX + contradiction + ROBUST).conjunctions()) == []


def test_emptiness_sees_crossed_bounds_and_rows_out_of_reach_only() -> None:
    lower, upper = (F(0), None), (F(1), None)
    unreachable = Row(((0, F(-1)),), (), F(-1), strict=True)
    assert not Conjunction(lower, upper, ()).empty
    assert Conjunction((F(1),), (F(0),), ()).empty
    assert Conjunction(lower, upper, (unreachable,)).empty
    assert not Conjunction(lower, upper, (Row(((0, F(-1)),), (), F(-1), strict=False),)).empty
    assert not Conjunction(lower, upper, (Row(((1, F(-1)),), (), F(-1), strict=False),)).empty
    assert not Conjunction(lower, upper, (Row((), ((0, F(1)),), F(-9), strict=False),)).empty
    assert Conjunction(lower, upper, (Row((), (), F(-1), strict=False),)).empty


def test_more_cases_than_allowed_are_refused_after_those_allowed() -> None:
    query = ask(BOX + ROBUST)
    assert len(list(query.conjunctions(limit=9))) == 9
    found = query.conjunctions(limit=8)
    for _ in range(8):
        next(found)
    with pytest.raises(PropertyError, match="too large: it expands to more than the 8 cases allowed") as caught:
        next(found)
    assert caught.value.hint


def test_a_structure_of_many_disjunctions_is_expanded_lazily() -> None:
    query = ask("".join(f"(assert (or (<= Y_0 {k}) (<= Y_1 {k})))" for k in range(200)))
    found = query.conjunctions()
    assert len(next(found).rows) == 200


def test_an_endless_search_among_empty_branches_is_given_up() -> None:
    pigeons = "".join(f"(assert (or (= X_0 {k}) (= X_1 {k}) (= X_2 {k})))" for k in range(12))
    with pytest.raises(PropertyError, match="too large"):
        list(ask(pigeons).conjunctions(limit=1))


# Truth


def test_exact_truth_knows_no_rounding() -> None:
    query = ask("(assert (<= (+ X_0 X_1) 0.3))", outputs=1)
    assert query.violated([F(1, 10), F(2, 10), F(0)], [F(0)])
    assert not query.violated([F(1, 10), F(2, 10) + F(1, 10**30), F(0)], [F(0)])


def test_truth_in_floats_computes_each_side_as_written() -> None:
    y = [1.0, 1e17]  # the sum rounds to 1e17
    swallowed = ask("(assert (<= (- (+ Y_0 Y_1) Y_1) 0))", outputs=2)
    kept = ask("(assert (<= Y_0 (- Y_1 Y_1)))", outputs=2)
    assert swallowed.digest == kept.digest
    assert swallowed.violated_in_floats([0.0] * 3, y, at=float)
    assert not kept.violated_in_floats([0.0] * 3, y, at=float)
    assert not swallowed.violated([F(0)] * 3, [F(v) for v in y])


def test_input_atoms_are_compared_at_the_models_precision_and_output_atoms_are_not() -> None:
    def single(value: float) -> float:
        return float(np.float32(value))

    x = single(0.1)  # above 0.1
    inputs, outputs = ask("(assert (<= X_0 0.1))", 1, 1), ask("(assert (<= Y_0 0.1))", 1, 1)
    assert inputs.violated_in_floats([x], [x], at=single)
    assert not inputs.violated_in_floats([x], [x], at=float)
    assert not outputs.violated_in_floats([x], [x], at=single)
    assert not ask("(assert (<= X_0 (+ 0.1 (* 0 Y_0))))", 1, 1).violated_in_floats([x], [x], at=single)


@pytest.mark.parametrize("formula", ["(<= Y_0 0)", "(> Y_0 0)", "(not (<= Y_0 0))", "(= Y_0 Y_0)", "(<= (* 0 Y_0) 1)"])
def test_nan_is_never_a_violation(formula: str) -> None:
    assert not ask(f"(assert {formula})", 1, 1).violated_in_floats([0.0], [float("nan")], at=float)


def test_operators_in_floats_go_from_left_to_right() -> None:
    big = 1e17
    for term, value in [
        ("(+ Y_0 1 1)", big),
        ("(+ 1 1 Y_0)", big + 2),
        ("(- Y_0 1 1)", big),
        ("(- Y_0)", -big),
        ("(/ Y_0 3 7)", big / 3 / 7),
        ("(* 0.1 Y_0 3)", 0.1 * big * 3),
        ("(+ 0.1 (* 0.2 Y_0) (- 3))", 0.1 + 0.2 * big - 3),
    ]:
        assert ask(f"(assert (= {term} {value!r}))", 1, 1).violated_in_floats([0.0], [big], at=float), term


@pytest.mark.parametrize(("x", "y"), [(2, 10), (3, 9), (0, 0), (10, 3)])
def test_a_point_of_the_wrong_size_is_a_programming_error(x: int, y: int) -> None:
    query = ask(BOX)
    with pytest.raises(ValueError, match="expected 3 inputs and 10 outputs"):
        query.violated([F(0)] * x, [F(0)] * y)
    with pytest.raises(ValueError, match="expected 3 inputs and 10 outputs"):
        query.violated_in_floats([0.0] * x, [0.0] * y, at=float)


def test_an_image_sized_query_is_decided_exactly() -> None:
    n = 3072
    box = "".join(f"(assert (<= X_{i} 0.{i + 1}))(assert (>= X_{i} -0.{i + 1}))" for i in range(n))
    query = ask(box + ROBUST, inputs=n)
    x = [F(f"0.{i + 1}") for i in range(n)]
    assert query.violated(x, [F(0)] * OUTPUTS)
    assert not query.violated([*x[:-1], x[-1] + F(1, 10**40)], [F(0)] * OUTPUTS)
    assert not query.violated(x, [F(1)] + [F(0)] * (OUTPUTS - 1))
    assert query.violated_in_floats([float(v) for v in x], [0.0] * OUTPUTS, at=float)


# Digest


SAME = [
    ("(assert (<= X_0 0.5))", "; a remark\n(assert\n  (<=   X_0 5e-1) )"),
    ("(assert (<= X_0 0.5))", "(assert (<= X_0 +.50))"),
    ("(assert (<= X_0 0.5))", "(assert (>= 0.5 X_0))"),
    ("(assert (<= X_0 -0.0))", "(assert (<= X_0 0))"),
    ("(assert (<= Y_0 Y_1))", "(assert (>= Y_1 Y_0))"),
    ("(assert (<= Y_0 Y_1))", "(assert (<= (- Y_0 Y_1) 0))"),
    ("(assert (<= Y_0 1))", "(assert (<= (* 2 Y_0) 2))"),
    ("(assert (< Y_0 1))", "(assert (not (>= Y_0 1)))"),
    ("(assert (= X_0 1))", "(assert (<= X_0 1))(assert (>= X_0 1))"),
    ("(assert (<= X_0 1))(assert (<= X_1 1))", "(assert (and (<= X_1 1) (and (and (<= X_0 1)))))"),
    ("(assert (or (<= X_0 1) (<= X_1 1)))", "(assert (or (or (<= X_1 1)) (and (<= X_0 1)) (<= X_1 1)))"),
    ("(assert (or (<= X_0 1) (<= X_1 1)))", "(assert (=> (> X_0 1) (<= X_1 1)))"),
    ("(assert (or (<= X_0 1) false))", "(assert (<= X_0 1))"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_digest_ignores_spelling(one: str, other: str) -> None:
    assert ask(one).digest == ask(other).digest


DIFFERENT = [
    ("(assert (<= X_0 1))", "(assert (< X_0 1))"),
    ("(assert (<= X_0 1))", "(assert (>= X_0 1))"),
    ("(assert (<= X_0 1))", "(assert (<= X_1 1))"),
    ("(assert (<= X_0 1))", "(assert (<= Y_0 1))"),
    ("(assert (<= X_0 0.1))", "(assert (<= X_0 0.1000000000000000055511151231257827))"),
    ("(assert (<= X_0 1))(assert (<= X_1 1))", "(assert (or (<= X_0 1) (<= X_1 1)))"),
    ("(assert (<= X_0 1))", ""),
    ("(assert false)", "(assert true)"),
]


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_the_digest_tells_meanings_apart(one: str, other: str) -> None:
    assert ask(one).digest != ask(other).digest


def test_the_digest_counts_what_is_declared() -> None:
    assert len({ask(BOX, 3, 1).digest, ask(BOX, 4, 1).digest, ask(BOX, 3, 2).digest}) == 3


def test_the_digest_does_not_change_between_releases() -> None:
    """Stored proofs are found by it: whoever changes the normal form raises its version, then this value."""
    query = ask("(assert (or (and (<= X_0 0.5) (> (+ X_1 (* -3 Y_1)) Y_0)) (= Y_2 -1e-3)))")
    assert query.digest == "b3fb85e251d57d775e50f63f9c213aacc782079f077e07a9199963d4053cd54c"


def test_the_digest_of_a_query_in_the_first_dialect_stays_what_it_was() -> None:
    """Stored proofs are found by it: a change makes all of them useless, and must raise NORMAL_FORM."""
    query = ask(
        "(assert (and (>= X_0 -0.1) (<= X_0 0.3) (>= X_1 0) (<= X_1 1e-3)))"
        "(assert (or (and (< (* 3 Y_0) Y_1) (<= X_0 (/ Y_1 7))) (and (>= Y_0 2) (> X_1 0)) (<= 1 0)))",
        inputs=2,
        outputs=2,
    )
    assert query.digest == "864e2a0e51b3b6dd8fe330082ad3e53696f945918df1708ca7370361e8b4b9ba"

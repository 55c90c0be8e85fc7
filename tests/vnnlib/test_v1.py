"""VNN-LIB 1.0: what a text means, and what is refused where."""

from __future__ import annotations

import gc
import re
from fractions import Fraction

import pytest

from ivan.errors import PropertyError
from ivan.vnnlib import Conjunction, Query, Row, parse_query

HEAD = "(declare-const X_0 Real)(declare-const X_1 Real)(declare-const Y_0 Real)(declare-const Y_1 Real)\n"
F = Fraction


def only(assertions: str) -> Conjunction:
    [conjunction] = parse_query(HEAD + assertions).conjunctions()
    return conjunction


def rows(formula: str) -> tuple[Row, ...]:
    return only(f"(assert {formula})").rows


def box(formula: str) -> tuple[Fraction | None, Fraction | None]:
    found = only(f"(assert {formula})")
    return found.lower[0], found.upper[0]


# What is read


def test_declarations_may_come_in_any_order_and_either_form() -> None:
    query = parse_query("(declare-fun Y_0 () Real)(declare-const X_1 Real)(assert (<= X_1 1))(declare-const X_0 Real)")
    assert (query.version, query.inputs, query.outputs) == (1, 2, 1)


def test_statements_without_meaning_are_skipped_and_nothing_is_read_after_exit() -> None:
    text = (
        f'(set-logic QF_LRA)(set-info :source |a (b|)(set-option :x ("y")){HEAD}(check-sat)(get-model)(exit)) rubbish'
    )
    assert parse_query(text).inputs == 2


def test_the_header_of_version_1_is_understood() -> None:
    assert parse_query("; first\n(vnnlib-version <1.0>)" + HEAD).version == 1


def test_a_property_without_assertions_holds_everywhere() -> None:
    assert only("") == Conjunction((None, None), (None, None), ())


@pytest.mark.parametrize(
    ("spelling", "value"),
    [
        ("0.1", F(1, 10)),
        ("+2", F(2)),
        ("-.5", F(-1, 2)),
        ("5.", F(5)),
        ("1e-3", F(1, 1000)),
        ("-1.25E+2", F(-125)),
        ("0.1000000000000000055511151231257827", F("0.1000000000000000055511151231257827")),
        ("4.9e-324", F("4.9e-324")),
    ],
)
def test_a_number_is_exactly_the_decimal_written(spelling: str, value: Fraction) -> None:
    assert box(f"(<= X_0 {spelling})") == (None, value)


@pytest.mark.parametrize(
    ("formula", "lower", "upper"),
    [
        ("(<= X_0 2)", None, F(2)),
        ("(>= X_0 2)", F(2), None),
        ("(<= 2 X_0)", F(2), None),
        ("(>= 2 X_0)", None, F(2)),
        ("(= X_0 2)", F(2), F(2)),
        ("(== 2 X_0)", F(2), F(2)),
        ("(not (<= 2 (- X_0 X_1 (- X_1))))", None, F(2)),
        ("(<= (* -2 X_0) 3)", F(-3, 2), None),
        ("(<= (+ X_0 1 (- 3)) (/ 1 4))", None, F(9, 4)),
        ("(<= (- X_0) (- 5 (* 2 3 (/ X_0 -2) 4)))", F(-5, 13), None),
        ("(<= (- (+ X_0 X_0) X_0) (* (* 2 3) (- -1)))", None, F(6)),
        ("(and (<= X_0 2) (<= X_0 1) (>= X_0 -1) (>= X_0 -2))", F(-1), F(1)),
        ("(<= (+ X_1 X_0) (+ X_1 7))", None, F(7)),
    ],
)
def test_a_bound_on_one_input_is_part_of_the_box(formula: str, lower: Fraction | None, upper: Fraction | None) -> None:
    assert box(formula) == (lower, upper)


def test_a_strict_bound_is_a_closed_bound_and_a_strict_row() -> None:
    found = only("(assert (< X_0 2))")
    assert found.upper == (F(2), None)
    assert found.rows == (Row(((0, F(1)),), (), F(2), strict=True),)


@pytest.mark.parametrize(
    ("formula", "row"),
    [
        ("(<= Y_0 Y_1)", Row((), ((0, F(1)), (1, F(-1))), F(0), strict=False)),
        ("(>= Y_0 Y_1)", Row((), ((0, F(-1)), (1, F(1))), F(0), strict=False)),
        ("(> Y_1 2.5)", Row((), ((1, F(-1)),), F(-5, 2), strict=True)),
        ("(not (< Y_1 2.5))", Row((), ((1, F(-1)),), F(-5, 2), strict=False)),
        ("(<= (+ X_1 X_0) 1)", Row(((0, F(1)), (1, F(1))), (), F(1), strict=False)),
        ("(<= (- (* 3 Y_1) X_1) (+ Y_0 2 -1))", Row(((1, F(-1)),), ((0, F(-1)), (1, F(3))), F(1), strict=False)),
        ("(<= (* (- Y_0 Y_0) X_1) Y_1)", Row((), ((1, F(-1)),), F(0), strict=False)),
    ],
)
def test_every_other_atom_is_a_row(formula: str, row: Row) -> None:
    assert rows(formula) == (row,)


def truth(query: Query) -> list[bool]:
    """Truth at the four sign patterns of (Y_0, Y_1)."""
    return [query.violated([F(0), F(0)], [F(a), F(b)]) for a in (-1, 1) for b in (-1, 1)]


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("(and A)", [True, True, False, False]),
        ("(or (and A) (and B))", [True, True, True, False]),
        ("(not (and A B))", [False, True, True, True]),
        ("(not (or A (not B)))", [False, False, True, False]),
        ("(not (not A))", [True, True, False, False]),
        ("(=> A B)", [True, False, True, True]),
        ("(=> A A B)", [True, False, True, True]),
        ("(= Y_0 Y_1)", [True, False, False, True]),
        ("(not (= Y_0 Y_1))", [False, True, True, False]),
        ("(or true A)", [True] * 4),
        ("(and false A)", [False] * 4),
        ("(or A (<= 2 1))", [True, True, False, False]),
    ],
)
def test_connectives_mean_what_logic_says(formula: str, expected: list[bool]) -> None:
    text = formula.replace("A", "(<= Y_0 0)").replace("B", "(<= Y_1 0)")
    query = parse_query(f"{HEAD}(assert {text})")
    assert truth(query) == expected
    assert any(query.conjunctions()) == any(expected)


def test_long_chains_of_binary_operators_are_read() -> None:
    depth = 3000
    total = "(+ Y_0 " * depth + "Y_1" + ")" * depth
    assert rows(f"(<= {total} 6)") == (Row((), ((0, F(depth)), (1, F(1))), F(6), strict=False),)
    assert parse_query(f"{HEAD}(assert (<= {total} 6))").violated_in_floats([0.0, 0.0], [0.001, 2.0], at=float)
    chain = "".join(f"(or (<= Y_0 {-k}) " for k in range(depth)) + "(<= Y_1 0)" + ")" * depth
    assert len(list(parse_query(f"{HEAD}(assert {chain})").conjunctions())) == depth + 1
    assert rows("(not " * depth + "(<= Y_0 0)" + ")" * depth) == rows("(<= Y_0 0)")


def alternating(depth: int) -> str:
    return "(and (<= Y_0 0) (or (<= Y_1 0) " * depth + "(<= Y_0 1)" + "))" * depth


def test_alternation_of_connectives_is_bounded() -> None:
    query = parse_query(f"{HEAD}(assert {alternating(50)})")
    assert truth(query) == [True, True, False, False]
    assert len(query.digest) == 64
    with pytest.raises(PropertyError, match="alternate more than 100 deep"):
        parse_query(f"{HEAD}(assert {alternating(51)})")


def test_the_cycle_collector_is_left_as_it_was() -> None:
    assert gc.isenabled()
    parse_query(HEAD)
    assert gc.isenabled()
    with pytest.raises(PropertyError):
        parse_query("(")
    assert gc.isenabled()


# What is refused; the marks « » enclose what is underlined

INVALID = [
    ("«hello» world", "a statement starts with '('"),
    (HEAD + "(assert (<= X_0 1))\n «)»", "')' without a '('"),
    (HEAD + "(assert (<= X_0 1))«)»", "')' without a '('"),
    (HEAD + "\n  «(»assert (<= X_0 1)\n", "this '(' is never closed"),
    (HEAD + "«(»assert (and (<= X_0 1)", "this '(' is never closed"),
    (HEAD + "(assert (and (<= X_0 1)\n(«assert» (<= X_1 1))", "'assert' inside an expression"),
    (HEAD + "(assert (<= X_0 1)\n«(»assert (<= X_1 1))", "'assert' takes one formula; ')' expected"),
    (HEAD + "(assert (<= X_0 1) «X_0»)", "'assert' takes one formula; ')' expected"),
    (HEAD + "«(assert )»", "'assert' takes one formula"),
    (HEAD + "«(»", "this '(' is never closed"),
    (HEAD + "«(»)", "a command is missing"),
    (HEAD + "«(»(<= X_0 1))", "a command is missing"),
    (HEAD + "(«<=» X_0 1)", "'<=' outside an assertion"),
    (HEAD + "(«define-fun» f () Real 1)", "unknown command 'define-fun'"),
    ("«(»set-logic QF_LRA", "this '(' is never closed"),
    ('(set-info :source «"»never closed)', "this quote is never closed"),
    (HEAD + "(assert (<= «|»X_0 1))", "this quote is never closed"),
    ("(declare-const «Z_0» Real)", "'Z_0' is neither an input nor an output"),
    ("(declare-const «X_00» Real)", "'X_00' is neither an input nor an output"),
    ("(declare-const «X» Real)", "'X' is neither an input nor an output"),
    ("(declare-const X_0 «Int»)", "the type is not Real"),
    ("(declare-const X_0 Real «0»)", "the declaration is too long"),
    ("«(»declare-const X_0 Real", "this '(' is never closed"),
    ("(declare-const «(»X_0) Real)", "a name is missing"),
    ("(declare-fun X_0 «Real»)", "'()' is missing"),
    ("(declare-fun X_0 «(»Real) Real)", "'()' is missing"),
    (HEAD + "(declare-const «X_1» Real)", "'X_1' is declared twice"),
    (
        "(declare-const X_0 Real)(declare-const «X_3» Real)(declare-const X_1 Real)",
        "'X_3' is declared but 'X_2' is not",
    ),
    ("(declare-const X_0 Real)(declare-const «Y_1» Real)", "'Y_1' is declared but 'Y_0' is not"),
    ("(declare-const X_0 Real)«»", "no output is declared"),
    ("(declare-const Y_0 Real)«» ; the end", "no input is declared"),
    (HEAD + "(assert (<= «X_7» 1))", "'X_7' is not declared"),
    ("(assert (<= «X_0» 1))" + HEAD, "'X_0' is not declared"),
    (HEAD + "(assert (<= «z» 1))", "unknown symbol 'z'"),
    (HEAD + '(assert (<= X_0 «"one\n two"»))', "unknown symbol '\"one two\"'"),
    (HEAD + f"(assert (<= X_0 «{'z' * 5000}»))", f"unknown symbol '{'z' * 40}...'"),
    (HEAD + "(assert (<= X_0 «1.2.3»))", "malformed number '1.2.3'"),
    (HEAD + "(assert (<= X_0 «1_000»))", "malformed number '1_000'"),
    (HEAD + "(assert (<= X_0 «0x1p3»))", "malformed number '0x1p3'"),
    (HEAD + "(assert (<= X_0 «1/3»))", "malformed number '1/3'"),
    (HEAD + "(assert (<= X_0 «+-1»))", "unknown symbol '+-1'"),
    (HEAD + "(assert (<= X_0 «nan»))", "'nan' is not a number"),
    (HEAD + "(assert (<= X_0 «-Infinity»))", "'-Infinity' is not a number"),
    (HEAD + "(assert (<= X_0 «1e999»))", "out of range"),
    (HEAD + "(assert (>= X_0 «-2e308»))", "out of range"),
    (HEAD + f"(assert (<= X_0 «0.{'1' * 5000}»))", "out of range"),
    (HEAD + "(assert (<= X_0 «1e-99999»))", "malformed number"),
    (HEAD + "(assert «(<= X_0)»)", "'<=' takes two operands, not 1"),
    (HEAD + "(assert «(<= 0 X_0 1)»)", "'<=' takes two operands, not 3"),
    (HEAD + "(assert (or (<= X_0 1) «(and)»))", "'and' takes one operand or more, not 0"),
    (HEAD + "(assert «(not (<= X_0 1) (<= X_1 1))»)", "'not' takes one operand, not 2"),
    (HEAD + "(assert «(not\n (<= X_0 1) (<= X_1 1))»)", "'not' takes one operand, not 2"),
    (HEAD + "(assert «(=> (<= X_0 1))»)", "'=>' takes two operands or more, not 1"),
    (HEAD + "(assert (<= «(+)» 1))", "'+' takes one operand or more, not 0"),
    (HEAD + "(assert (<= «(/ X_0)» 1))", "'/' takes two operands or more, not 1"),
    (HEAD + "(assert «X_0»)", "'assert' takes a formula, not a term"),
    (HEAD + "(assert «(+ X_0 1)»)", "'assert' takes a formula, not a term"),
    (HEAD + "(assert (and (<= X_0 1) «Y_0»))", "'and' takes formulas, not terms"),
    (HEAD + "(assert (not «(+ X_0 Y_0)»))", "'not' takes formulas, not terms"),
    (HEAD + "(assert (<= «(<= X_0 1)» 2))", "'<=' takes terms, not formulas"),
    (HEAD + "(assert (<= X_0 (+ 1 «true»)))", "'+' takes terms, not formulas"),
    (HEAD + "(assert «(»))", "an operator is missing"),
    (HEAD + "(assert «(»(<= X_0 1)))", "an operator is missing"),
    (HEAD + "(assert («xor» (<= X_0 1) (<= X_1 1)))", "unknown operator 'xor'"),
    (HEAD + "(assert («X_0» <= 1))", "unknown operator 'X_0'"),
    (HEAD + "(assert (<= (* X_0 2 «Y_0») 1))", "nonlinear: a product of variables"),
    (HEAD + "(assert (<= (* (+ X_0 1) «(- X_1)») 1))", "nonlinear: a product of variables"),
    (HEAD + "(assert (<= (/ 1 «X_0») 1))", "nonlinear: a quotient by a variable"),
    (HEAD + "(assert (<= (/ 1 «(- X_0 X_0)») 1))", "nonlinear: a quotient by a variable"),
    (HEAD + "(assert (<= «(»/ X_0 (- 1 1)) 1))", "division by zero"),
    (HEAD + "(assert (<= «(»/ X_0 1e-400) 1))", "division by zero"),
    ("(vnnlib-version «<3.0>»)\n(declare-network f)", "version '<3.0>' of VNN-LIB is not supported"),
    ("(«declare-network» f)", "'declare-network' is VNN-LIB 2.0"),
    ("(«vnnlib-version»\n", "the version is written"),
]


@pytest.mark.parametrize(("marked", "message"), INVALID, ids=[f"{i}-{m[:30]}" for i, (_, m) in enumerate(INVALID)])
def test_a_fault_is_named_underlined_and_given_a_hint(marked: str, message: str) -> None:
    before, _, after = marked.partition("«")
    fault = re.split("[»\n]", after)[0]  # only the fault's first line is underlined
    text = marked.replace("«", "").replace("»", "")
    with pytest.raises(PropertyError) as caught:
        parse_query(text, "p.vnnlib")
    error = caught.value
    line, column = before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1
    assert (error.line, error.column) == (line, column)
    assert error.width == max(1, len(fault))
    assert error.source == text.split("\n")[line - 1]
    assert str(error).startswith(f"p.vnnlib:{line}:{column}: ")
    assert message in str(error)
    assert error.hint

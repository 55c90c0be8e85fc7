"""VNN-LIB 2.0: what declarations and assertions mean, and what is wrong with those that mean nothing."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivan.errors import PropertyError, StoreError
from ivan.vnnlib import codec, parse_query

LAWS = settings(max_examples=60, deadline=None, derandomize=True)
F = "(declare-network f (declare-input X real [1,2]) (declare-input S real []) (declare-output Y real [2]))"
G = "(declare-network g (isomorphic-to f) (declare-input V real [1,2]) (declare-input T real [])"
HEAD = f"(vnnlib-version <2.0>) {F} {G} (declare-output W real [2]))"


def ask(assertions: str, head: str = HEAD):
    return parse_query(f"{head} {assertions}")


def test_scalars_are_numbered_through_all_networks():
    query = ask("(assert (<= X[0,1] 1.0)) (assert (<= T 2.0)) (assert (<= W[1] 3.0))")
    assert (query.version, query.inputs, query.outputs) == (2, 6, 4)
    [conjunction] = query.conjunctions()
    assert conjunction.upper == (None, 1, None, None, None, 2)
    [row] = conjunction.rows
    assert row.outputs == ((3, Fraction(1)),)
    assert [network.isomorphic_to for network in query.networks] == [None, "f"]


def test_hidden_tensors_stand_behind_the_outputs_of_their_network():
    head = '(vnnlib-version <2.0>) (declare-network f (declare-input X real [1]) (declare-hidden H real [2] "a""b")'
    query = ask("(assert (<= H[1] 0.0))", f"{head} (declare-output Y real [1]))")
    [row] = next(query.conjunctions()).rows
    assert row.outputs == ((2, Fraction(1)),)
    assert query.networks[0].hidden[0].onnx_name == 'a"b'
    other = ask("(assert (<= H[1] 0.0))", head.replace('a""b', r"\"a\\b\n\t") + " (declare-output Y real [1]))")
    assert other.networks[0].hidden[0].onnx_name == '"a\\b\n\t'


@pytest.mark.parametrize(
    ("declared", "element"),
    [("[1 2]", "X[0]"), ("[12]", "X[1 1]"), ("[1,2 3]", "X[0,0]"), ("[1,23]", "X[0,1\n1]")],
)
def test_blanks_make_no_numbers_of_digits(declared, element):
    head = f"(vnnlib-version <2.0>) (declare-network f (declare-input X real {declared}) (declare-output Y real [1]))"
    with pytest.raises(PropertyError, match=r"is no (shape|element)"):
        ask(f"(assert (<= {element} 1.0))", head)


def test_a_shape_may_stand_at_its_type_and_hold_blanks():
    head = "(vnnlib-version <2.0>) (declare-network f (declare-input X real[ 1 ,\n2 ]) (declare-output Y real [1]))"
    query = ask("(assert (<= X[ 0 ,1 ] 1.0))", head)
    assert query.networks[0].inputs[0].shape == (1, 2)
    assert next(query.conjunctions()).upper == (None, 1)


@pytest.mark.parametrize(
    ("symbol", "below", "equal", "above"),
    [("<=", 1, 1, 0), ("<", 1, 0, 0), (">=", 0, 1, 1), (">", 0, 0, 1), ("==", 0, 1, 0), ("!=", 1, 0, 1)],
)
def test_comparisons(symbol, below, equal, above):
    query = ask(f"(assert ({symbol} Y[0] 0.5))")
    for y, expected in ((0, below), (Fraction(1, 2), equal), (1, above)):
        assert query.violated([0] * 6, [Fraction(y), 0, 0, 0]) is bool(expected)


NAMES = ("X[0,0]", "X[0,1]", "S", "Y[0]", "Y[1]", "W[0]")
TERMS = st.recursive(
    st.one_of(st.sampled_from(NAMES), st.integers(-3, 3).map(str), st.sampled_from(["0.5", "-1.25", "2e-1"])),
    lambda inner: st.tuples(st.sampled_from("+-*"), st.lists(inner, min_size=1, max_size=3)),
    max_leaves=7,
)


def text_of(term) -> str:
    return term if isinstance(term, str) else f"({term[0]} {' '.join(map(text_of, term[1]))})"


def value_of(term, values) -> Fraction:
    if isinstance(term, str):
        return values[term] if term in values else Fraction(term)
    first, *rest = (value_of(operand, values) for operand in term[1])
    if term[0] == "-" and not rest:
        return -first
    for operand in rest:
        first = first + operand if term[0] == "+" else first - operand if term[0] == "-" else first * operand
    return first


@given(left=TERMS, right=TERMS, seed=st.integers(0, 1000), strict=st.booleans())
@LAWS
def test_arithmetic_of_any_nesting_means_what_it_says(left, right, seed, strict):
    """The formula, and its conjunctions with monomials as further outputs, agree with plain evaluation."""
    query = ask(f"(assert ({'<' if strict else '<='} {text_of(left)} {text_of(right)}))")
    rng = np.random.default_rng(seed)
    x, y = ([Fraction(int(v), 4) for v in rng.integers(-8, 9, n)] for n in (6, 4))
    values = dict(zip(NAMES, [x[0], x[1], x[2], y[0], y[1], y[2]], strict=True))
    a, b = value_of(left, values), value_of(right, values)
    expected = a < b if strict else a <= b
    assert query.violated(x, y) is expected
    extended = [*y]
    for keys in query.products:
        product = Fraction(1)
        for key in keys:
            product *= x[key] if key >= 0 else y[~key]
        extended.append(product)

    def holds(row) -> bool:
        total = sum(c * x[i] for i, c in row.inputs) + sum(c * extended[j] for j, c in row.outputs)
        return total < row.bound if row.strict else total <= row.bound

    def inside(conjunction) -> bool:
        ends = zip(x, conjunction.lower, conjunction.upper, strict=True)
        return all((low is None or low <= v) and (high is None or v <= high) for v, low, high in ends)

    assert any(inside(c) and all(map(holds, c.rows)) for c in query.conjunctions()) is expected


def test_a_product_that_stands_twice_is_one_monomial():
    query = ask("(assert (<= (* X[0,0] Y[0] X[0,0]) 1.0)) (assert (>= (* Y[0] X[0,0] X[0,0]) (* S Y[1])))")
    # the key of output j is ~j, and those of inputs are their numbers; what stands on the way counts too
    assert set(query.products) >= {(-1, 0, 0), (-2, 2)}
    assert len(set(query.products)) == len(query.products) == 3


def test_the_digest_forgets_names_and_keeps_what_counts():
    base = ask("(assert (<= (* X[0,0] Y[0]) 1.0))")
    renamed = HEAD.replace("X real", "A real").replace("network f", "network first").replace("to f", "to first")
    assert ask("(assert (<= (* A[0,0] Y[0]) 1.0))", renamed).digest == base.digest
    for change in (HEAD.replace("real", "float32"), HEAD.replace("isomorphic", "equal"), HEAD.replace("[1,2]", "[2]")):
        text = "(assert (<= (* X[0] Y[0]) 1.0))" if "X real [2]" in change else "(assert (<= (* X[0,0] Y[0]) 1.0))"
        assert ask(text, change).digest != base.digest


def test_blanks_inside_brackets_and_other_cases_of_types_are_welcome():
    head = "(vnnlib-version <2.1>) (declare-network f (declare-input X Real [1, 2] initialized)"
    query = ask("(assert (<= X[0, 1] 1.0))", f"{head} (declare-output Y REAL [ 2 ]))")
    assert query.networks[0].inputs[0].element == "real"
    assert next(query.conjunctions()).upper == (None, 1)


TYPED = "(vnnlib-version <2.0>) (declare-network f (declare-input X float32 [2]) (declare-output Y int64 [1]))"


@pytest.mark.parametrize(
    ("text", "message", "marked"),
    [
        ("(vnnlib-version <2.0>) (assert (<= 1.0 2.0))", "no network is declared", "("),
        (f"{HEAD} (assert)", "takes one formula", None),
        (f"{HEAD} (assert (<= X[0] 1.0))", "no element of X [1,2]", "X[0]"),
        (f"{HEAD} (assert (<= X[0,2] 1.0))", "no element of X [1,2]", "X[0,2]"),
        (f"{HEAD} (assert (<= Z[0] 1.0))", "'Z[0]' is not declared", "Z[0]"),
        (f"{HEAD} (assert (<= S[0] 1.0))", "S is a scalar", "S[0]"),
        (f"{HEAD} (assert (<= Y[0] 1.0)) {F}", "where an assertion is expected", "("),
        (f"{HEAD} (assert (not (<= Y[0] 1.0)))", "unknown operator 'not'", "not"),
        (f"{HEAD} (assert (<= (/ Y[0] 2.0) 1.0))", "unknown operator '/'", "/"),
        (f"{HEAD} (assert (= Y[0] 1.0))", "unknown operator '='", "="),
        (f"{TYPED} (assert (<= X[0] 1))", "1 beside a term of type float32", "(<= X[0] 1)"),
        (f"{TYPED} (assert (<= Y[0] 1.0))", "1.0 beside a term of type int64", "(<= Y[0] 1.0)"),
        (f"{TYPED} (assert (<= X[0] Y[0]))", "terms of different types: float32, int64", "(<= X[0] Y[0])"),
        (HEAD.replace("to f", "to h"), "'h' is not declared before", "h"),
        (HEAD.replace("(declare-input T real [])", ""), "the inputs of g are not those of f", None),
        (HEAD.replace("W real", "Y real"), "'Y' is declared twice", "Y"),
        (HEAD.replace("network g", "network f"), "network 'f' is declared twice", "f"),
        (HEAD.replace("[1,2]", "[1,0]"), "'[1,0]' is no shape", "[1,0]"),
        (HEAD.replace("X real", "X number"), "'number' is no element type", "number"),
        (HEAD.replace("(declare-output Y real [2])", ""), "network 'f' has no output", None),
        (HEAD.replace("declare-input S", "declare-hidden S"), "bears its name in the ONNX file", ")"),
        (HEAD.replace("<2.0>", "<3.0>"), "version '<3.0>' of VNN-LIB is not supported", "<3.0>"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text, message, marked):
    with pytest.raises(PropertyError) as caught:
        parse_query(text)
    error = caught.value
    assert message in str(error)
    assert error.hint
    if marked is not None:
        assert error.source[error.column - 1 :].startswith(marked)


def test_too_many_factors_are_refused():
    with pytest.raises(PropertyError, match="nonlinear"):
        ask(f"(assert (<= (* {'Y[0] ' * 17}) 1.0))")


MORE = [
    "(assert (<= Y[0] 1.0))", "(assert (and (<= Y[0] 1.0) (or (> X[0,0] S) (!= W[1] 2.0))))", "(assert (<= Y[0]))",
    "(assert (<= (* X[0,0] Y[0] 2.0) (- S)))", "(assert (<= Y[2] 1.0))", "(assert Y[0])", "(assert (+ Y[0] 1.0))",
    "(assert (<= Q 1.0))", "(assert (<= Y[0] 1.0)", "(assert (<= Y[0] 1.0 2.0))", "(assert (or (<= Y[0] 1.0)))",
    "(assert (== X[0,0] V[0,0]))", "(assert (<= X[0, 1] -1.5))",
]  # fmt: skip


FURTHER = ["(assert (<= 1e-3 Y[0]))", "(assert (<= -1.5E+2 Y[0]))", "(assert (<= X[0,1] 1))"]
"""What is accepted beyond: exponents, as every other tool writes small numbers, and integers as real numbers."""


@pytest.mark.parametrize("assertion", MORE)
def test_the_reference_parser_accepts_and_rejects_the_same(assertion):
    vnnlib = pytest.importorskip("vnnlib", reason="the reference parser is not installed")
    text = f"{HEAD} {assertion}"
    try:
        vnnlib.parse_query_string(text)
    except vnnlib.VNNLibException:
        with pytest.raises(PropertyError):
            parse_query(text)
    else:
        parse_query(text)


@pytest.mark.parametrize("assertion", FURTHER)
def test_what_is_accepted_beyond_the_reference_parser(assertion):
    parse_query(f"{HEAD} {assertion}")


@pytest.mark.parametrize(
    "assertions", ["(assert (<= X[0,0] 1.0))", "(assert (or (!= (* S Y[0]) 2.0) (<= (* X[0,0] X[0,0] T) W[1])))"]
)
def test_a_query_comes_back_from_its_bytes(assertions):
    head = HEAD.replace("(declare-output Y", '(declare-hidden H real [1] "a b") (declare-output Y')
    query = ask(assertions, head)
    data = codec.encode(query)
    assert data is not None
    back = codec.decode(data, query.digest)
    assert (back.networks, back.products, back.version) == (query.networks, query.products, 2)
    assert list(back.conjunctions()) == list(query.conjunctions())
    with pytest.raises(StoreError):
        codec.decode(data, ask("(assert (<= X[0,0] 2.0))", head).digest)

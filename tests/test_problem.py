"""A query on a network: what is proved contains what is asked, and what cannot be used is named."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine import LAWS, affine, dense

from ivan.errors import MismatchError, PropertyError
from ivan.network.layers import Network
from ivan.network.linear import Dense
from ivan.problem import Problem, build_problem
from ivan.vnnlib import parse_query

DECIMALS = st.decimals(-1000, 1000, allow_nan=False, allow_infinity=False).map(lambda d: f"{d:f}")
PRECISIONS = st.sampled_from(["float32", "float64"])


def build(assertions: str, precision: str = "float32", inputs: int = 1, outputs: int = 1) -> Problem:
    network = Network(
        (),
        (inputs,),
        affine(outputs, {0: Dense(np.eye(inputs)[np.zeros(outputs, np.int64)])}, np.zeros(outputs)),
        "model.onnx",
        precision,
    )
    declared = [f"(declare-const X_{i} Real)" for i in range(inputs)]
    declared += [f"(declare-const Y_{j} Real)" for j in range(outputs)]
    return build_problem(parse_query(" ".join([*declared, assertions]), "property.vnnlib"), network)


def between(low: str, high: str, more: str = "(assert (<= Y_0 0))") -> str:
    return f"(assert (>= X_0 {low})) (assert (<= X_0 {high})) {more}"


@LAWS
@given(ends=st.tuples(DECIMALS, DECIMALS), precision=PRECISIONS)
def test_the_proved_box_holds_the_decimal_box_and_its_rounded_ends(ends, precision):
    low, high = sorted(ends, key=Fraction)
    [region] = build(between(low, high), precision).regions
    kind = np.dtype(precision).type
    least, most = Fraction(float(region.lower[0])), Fraction(float(region.upper[0]))
    assert least <= min(Fraction(low), Fraction(float(kind(float(Fraction(low))))))
    assert most >= max(Fraction(high), Fraction(float(kind(float(Fraction(high))))))
    # and nothing that is not needed: no float64 fits in between
    inner = (
        Fraction(float(np.nextafter(region.lower[0], np.inf))),
        Fraction(float(np.nextafter(region.upper[0], -np.inf))),
    )
    assert inner[0] > min(Fraction(low), Fraction(float(kind(float(Fraction(low))))))
    assert inner[1] < max(Fraction(high), Fraction(float(kind(float(Fraction(high))))))


@LAWS
@given(ends=st.tuples(DECIMALS, DECIMALS), precision=PRECISIONS)
def test_witnesses_lie_in_the_decimal_box_where_it_holds_a_number(ends, precision):
    low, high = sorted(ends, key=Fraction)
    [region] = build(between(low, high), precision).regions
    kind = np.dtype(precision).type
    first, last = region.inner_lower[0], region.inner_upper[0]
    assert kind(first) == first
    assert kind(last) == last
    assert region.lower[0] <= first <= last <= region.upper[0]
    if first < last or Fraction(low) <= Fraction(float(first)) <= Fraction(high):
        assert Fraction(low) <= Fraction(float(first))
        assert Fraction(float(last)) <= Fraction(high)
        assert Fraction(float(np.nextafter(kind(first), kind(-np.inf)))) < Fraction(low)
        assert Fraction(float(np.nextafter(kind(last), kind(np.inf)))) > Fraction(high)
    else:
        assert first == last == kind(float(Fraction(low)))
    assert region.free.tolist() == ([0] if first < last else [])


@LAWS
@given(bound=DECIMALS, coefficient=DECIMALS.filter(lambda c: Fraction(c) != 0), strict=st.booleans())
def test_right_hand_sides_are_rounded_up_and_rows_keep_their_rationals(bound, coefficient, strict):
    relation = "<" if strict else "<="
    problem = build(between("0", "1", f"(assert ({relation} (+ (* {coefficient} Y_0) X_0) {bound}))"))
    [case] = problem.cases
    assert Fraction(float(case.d[0])) >= Fraction(bound)
    assert Fraction(float(np.nextafter(case.d[0], -np.inf))) < Fraction(bound)
    assert case.C[0, 0] == float(Fraction(coefficient))
    assert case.D.tolist() == [[1.0]]
    assert case.strict.tolist() == [strict]
    [row] = case.rows
    assert row.outputs == ((0, Fraction(coefficient)),)
    assert row.bound == Fraction(bound)


def test_cases_over_one_box_share_a_region_and_others_do_not():
    more = "(assert (or (and (<= Y_0 1)) (and (<= Y_0 2) (<= X_0 0.5)) (and (<= Y_0 3) (<= X_0 1.0))))"
    problem = build(between("0", "1", more))
    assert len(problem.regions) == 2
    assert [case.region for case in problem.cases] == [0, 1, 0]
    assert problem.cases_of == ((0, 2), (1,))
    assert problem.rows_of_case.tolist() == [1, 1, 1]


def test_an_empty_box_gives_no_case():
    assert not build(between("1", "0")).cases
    assert not build(between("0", "1", "(assert (and (<= Y_0 0) (>= X_0 2)))")).cases
    assert not build(between("0", "1", "(assert (< (+ X_0 1) 1))")).cases
    assert len(build(between("0", "1", "(assert (or (and (>= X_0 2)) (and (<= Y_0 0))))")).cases) == 1


@pytest.mark.parametrize("strict", [False, True])
def test_a_strict_row_does_not_hold_at_its_bound(strict):
    [case] = build(between("0", "1", f"(assert ({'<' if strict else '<='} Y_0 0.1))")).cases
    at = Fraction(1, 10)
    assert case.violated([at], [at]) == (not strict)
    assert case.violated([at], [at - Fraction(1, 10**30)])
    assert not case.violated([at], [at + Fraction(1, 10**30)])


def test_margins_say_where_a_case_is_violated():
    problem = build(between("0", "1", "(assert (and (<= Y_0 0.5) (<= (- X_0 Y_0) 0.25)))"))
    x = np.array([[0.25], [0.75]])
    np.testing.assert_allclose(problem.margins(0, x), [[-0.25, -0.25], [0.25, -0.25]])
    [case] = problem.cases
    assert case.violated([Fraction(1, 4)], [Fraction(1, 4)])
    assert not case.violated([Fraction(3, 4)], [Fraction(3, 4)])


@pytest.mark.parametrize(
    ("assertions", "named"),
    [
        ("(assert (>= X_0 0)) (assert (>= X_1 0)) (assert (<= X_1 1))", "unbounded input: X_0"),
        ("(assert (<= X_0 0)) (assert (>= X_1 0))", "unbounded inputs: X_0, X_1"),
        ("(assert (or (and (<= X_0 0) (>= X_0 0) (<= X_1 0) (>= X_1 0)) (<= Y_0 0)))", "unbounded inputs: X_0, X_1"),
    ],
)
def test_unbounded_inputs_are_named(assertions, named):
    with pytest.raises(PropertyError) as caught:
        build(assertions, inputs=2)
    assert caught.value.message.endswith(f"property.vnnlib: {named}")
    assert caught.value.hint


def test_sides_that_a_box_lacks_follow_from_rows_over_inputs():
    """In every part of a disjunction from its own rows."""
    both = "(assert (>= X_1 0)) (assert (<= X_1 1)) (assert (<= X_0 2))"
    parts = "(assert (or (and (>= X_0 X_1) (<= Y_0 0)) (and (<= (+ (* -2 X_0) X_1) 3) (<= Y_0 1))))"
    problem = build(both + parts, inputs=2)
    assert [(r.lower.tolist(), r.upper.tolist()) for r in problem.regions] == [([0, 0], [2, 1]), ([-1.5, 0], [2, 1])]
    chain = "(assert (<= X_0 X_1)) (assert (<= X_1 1)) (assert (>= X_0 0)) (assert (<= Y_0 0))"
    [region] = build(chain, inputs=2).regions
    assert (region.lower.tolist(), region.upper.tolist()) == ([0, 0], [1, 1])


def test_of_many_unbounded_inputs_the_first_are_named():
    with pytest.raises(PropertyError) as caught:
        build("(assert (<= Y_0 0))", inputs=9)
    assert caught.value.message.endswith("X_0, X_1, X_2, X_3, X_4, ...")


@pytest.mark.parametrize(("inputs", "outputs", "named"), [(2, 2, "2 inputs"), (3, 1, "1 output,")])
def test_a_property_of_another_model_is_refused(inputs, outputs, named):
    network = dense(np.random.default_rng(0))
    declared = [f"(declare-const X_{i} Real)" for i in range(inputs)]
    declared += [f"(declare-const Y_{j} Real)" for j in range(outputs)]
    query = parse_query(" ".join([*declared, "(assert (<= Y_0 0))"]), "property.vnnlib")
    with pytest.raises(MismatchError, match=f"property.vnnlib declares {named}.* dense has") as caught:
        build_problem(query, network)
    assert caught.value.hint


@pytest.mark.parametrize("bound", ["1e39", "-1e39", "1e300"])
def test_an_input_bound_beyond_the_precision_is_refused_without_a_warning(bound):
    low, high = sorted(["0", bound], key=Fraction)
    with pytest.raises(PropertyError, match="beyond what float32 can hold"):
        build(between(low, high))
    if bound != "1e300":
        assert build(between(low, high), "float64").cases


@pytest.mark.parametrize(
    "assertions",
    [
        between("0", "(* 1e300 1e300)"),
        between("(* -1e300 1e300)", "0"),
        between("0", "1", "(assert (<= (* 1e300 1e300 Y_0) 1))"),
        between("0", "1", "(assert (<= (+ Y_0 (* 1e300 1e300 X_0)) 1))"),
        between("0", "1", "(assert (<= Y_0 (* 1e300 1e300)))"),
        between("0", "1", "(assert (<= Y_0 (* -1e300 1e300)))"),
    ],
)
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_numbers_beyond_float64_are_refused(assertions, precision):
    """Literals are doubles, but arithmetic on them is exact and can leave the doubles."""
    with pytest.raises(PropertyError, match=r"property\.vnnlib: .* beyond what float(32|64) can hold") as caught:
        build(assertions, precision)
    assert caught.value.hint


def test_boxes_that_round_alike_but_admit_other_inputs_are_regions_of_their_own() -> None:
    network = dense(np.random.default_rng(0), (1, 2, 1))
    query = parse_query(
        "(declare-const X_0 Real)(declare-const Y_0 Real)(assert (<= X_0 1))"
        "(assert (or (and (>= X_0 0.5) (<= Y_0 -1)) (and (>= X_0 0.50000000000000000001) (<= Y_0 0.5))))"
    )
    problem = build_problem(query, network)
    assert len(problem.regions) == 2
    assert problem.regions[0].lower == problem.regions[1].lower
    assert problem.regions[0].inner_lower[0] == 0.5 < problem.regions[1].inner_lower[0]

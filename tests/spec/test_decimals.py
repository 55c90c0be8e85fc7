"""Numbers are taken as they are written, and written without asking for less."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivan.spec import exact, literal
from ivan.spec.decimals import DIGITS
from ivan.vnnlib import parse_query

fractions = st.fractions(max_denominator=10**6) | st.floats(-1e30, 1e30).map(Fraction)
singles = st.floats(2.0**-16, 2.0**30, width=32)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(fractions)
def test_a_literal_is_the_next_decimal_on_its_side(value: Fraction) -> None:
    down, up = Fraction(literal(value, up=False)), Fraction(literal(value, up=True))
    assert down <= value <= up
    assert up - down <= abs(value) * Fraction(1, 10 ** (DIGITS - 2))


@settings(max_examples=200, derandomize=True, deadline=None)
@given(singles, singles)
def test_sums_of_singles_are_exact(a: float, b: float) -> None:
    value = Fraction(a) + Fraction(b)
    if len(literal(value, up=True)) < DIGITS:
        assert literal(value, up=True) == literal(value, up=False)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(fractions)
def test_the_reader_takes_every_literal_for_what_it_says(value: Fraction) -> None:
    text = literal(value, up=True)
    query = parse_query(f"(declare-const X_0 Real)(declare-const Y_0 Real)(assert (<= X_0 {text}))")
    (conjunction,) = query.conjunctions()
    assert conjunction.upper == (Fraction(text),)


@pytest.mark.parametrize("value", [5e-324, -5e-324, 1.7976931348623157e308, float(np.float32(1e-45))])
def test_the_ends_of_float64_are_literals_that_the_reader_takes(value: float) -> None:
    down, up = literal(Fraction(value), up=False), literal(Fraction(value), up=True)
    assert Fraction(down) <= Fraction(value) <= Fraction(up)
    assert float(down) <= value <= float(up)
    assert max(len(down), len(up)) < 1000


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.03", Fraction(3, 100)),
        ("8/255", Fraction(8, 255)),
        ("-1e-3", Fraction(-1, 1000)),
        (" .5 ", Fraction(1, 2)),
        ("2.", Fraction(2)),
        ("0.5/2.5", Fraction(1, 5)),
    ],
)
def test_numbers_are_taken_exactly(text: str, value: Fraction) -> None:
    assert exact(text) == value


@pytest.mark.parametrize(
    "text", ["", "nan", "inf", "1e400", "1/0", "one", "0x10", "1_000", "1 2", "1/2/3", "１", "9" * 1001, "1/1e-999"]
)
def test_what_is_no_finite_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a number|is beyond what float64 can hold|divides by zero"):
        exact(text)


@pytest.mark.parametrize(("value", "text"), [(Fraction(0), "0.0"), (Fraction(-7), "-7.0"), (Fraction(1, 4), "0.25")])
def test_literals_look_as_people_write_reals(value: Fraction, text: str) -> None:
    assert literal(value, up=True) == literal(value, up=False) == text

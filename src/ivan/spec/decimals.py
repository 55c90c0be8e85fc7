"""Exact numbers, and the decimal literals that stand for them in a property.

A property must not ask for less than its author meant, so numbers are rationals from the text that was typed to the
text that is written. What no short decimal says, such as 8/255, is rounded to the side that asks for more.
"""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from math import isfinite

_DECIMAL = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?"
_NUMBER = re.compile(rf"({_DECIMAL})(?:/({_DECIMAL}))?")

DIGITS = 40
"""Significant digits of a literal; enough for any float32 between 1e-5 and 1e10, and any float64 of few digits."""

_SMALLEST = -330
"""Exponent below which nothing is told from 0; float64 ends at 1e-324."""

_UP, _DOWN = (
    Context(prec=DIGITS, rounding=rounding, Emin=_SMALLEST, Emax=-_SMALLEST, traps=[])
    for rounding in (ROUND_CEILING, ROUND_FLOOR)
)


def exact(text: str) -> Fraction:
    """The number that a text says: a decimal, with or without exponent, or a quotient of two, `8/255`.

    Raises:
        ValueError: it is none, or beyond what float64 can hold.
    """
    found = _NUMBER.fullmatch(text.strip())
    if found is None or len(text) > 1000:
        raise ValueError(f"{text!r} is not a number")
    top, bottom = Fraction(found[1]), Fraction(found[2] or 1)
    if not bottom:
        raise ValueError(f"{text!r} divides by zero")
    try:
        finite = isfinite(float(top / bottom))
    except OverflowError:
        finite = False
    if not finite:
        raise ValueError(f"{text!r} is beyond what float64 can hold")
    return top / bottom


def literal(value: Fraction, *, up: bool) -> str:
    """The number in decimal; where it has more than `DIGITS` digits, the next such decimal on the given side."""
    rounded = (_UP if up else _DOWN).divide(Decimal(value.numerator), Decimal(value.denominator))
    whole, _, part = format(rounded, "f").partition(".")
    return f"{whole}.{part.rstrip('0') or '0'}"

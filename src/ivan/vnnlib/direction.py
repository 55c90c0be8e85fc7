"""The direction of a row: its coefficients up to a positive factor. Rows of one direction compare by their bounds."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple, TypeAlias

from ivan.vnnlib.query import Row

Direction: TypeAlias = tuple[tuple[int, Fraction], ...]
"""Pairs (key, coefficient) as in formula.py, the inputs before the outputs; the first coefficient is 1 or -1."""


class Halfspace(NamedTuple):
    """`direction . values <= bound`, or `<` when strict.

    Attributes:
        direction: see `Direction`.
        bound: likewise scaled.
        strict: whether the boundary is left out.
        scale: by what the row was divided.
    """

    direction: Direction
    bound: Fraction
    strict: bool
    scale: Fraction

    def within(self, other: Halfspace) -> bool:
        """Is it a part of another of the same direction?"""
        return self.bound < other.bound or (self.bound == other.bound and (self.strict or not other.strict))


def halfspace(row: Row) -> Halfspace:
    """The row, scaled."""
    pairs = (*row.inputs, *((~j, c) for j, c in row.outputs))
    scale = abs(pairs[0][1]) if pairs else Fraction(1)
    return Halfspace(tuple((key, c / scale) for key, c in pairs), row.bound / scale, row.strict, scale)

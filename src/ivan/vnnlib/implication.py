"""Does a query lie within another: is every point that violates the one a violation of the other as well?

Then whoever showed that the other has none has shown it of the one. Decided on rationals, a conjunction at a time:

    (box, rows) lies within (box', rows')  if  box is a part of box', and each of rows' has a row of its direction
                                               whose half-space is a part of its own

A conjunction must lie within a single one of the other query's; so "no" only means that it is not seen this way. A row
is never taken to follow from a box, because what is proved is a little more than the box: its bounds are rounded to
the model's precision, outwards (problem.py). Rounding is monotone, so what is proved of a box holds for its parts.

Queries are compared only when they declare the same networks and speak of the same products of variables; then a row
means the same in both, and a product is one more output.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from ivan.errors import PropertyError
from ivan.vnnlib.direction import Direction, Halfspace, halfspace
from ivan.vnnlib.query import Conjunction, Query, Row, Side

MOST_CONJUNCTIONS = 5_000
"""Conjunctions of either query up to which it is looked at."""

MOST_COMPARISONS = 100_000
"""Pairs of conjunctions that are compared."""


def lies_within(query: Query, other: Query) -> bool:
    """Is every violation of a query one of the other, as far as this can be seen?"""
    if (query.signature, query.products) != (other.signature, other.products):
        return False
    try:
        large = _Conjunctions(other.conjunctions(MOST_CONJUNCTIONS))
        return all(large.hold(small) for small in query.conjunctions(MOST_CONJUNCTIONS))
    except PropertyError:  # too many conjunctions
        return False


class _Conjunctions:
    """Those of the larger query, by the direction of their first row."""

    def __init__(self, conjunctions: Iterable[Conjunction]) -> None:
        self._halfspaces: dict[int, tuple[Row, Halfspace]] = {}  # by the row's id: holding on to it keeps the id
        self._boxes: dict[tuple[int, ...], tuple[tuple[Side, ...], bool]] = {}  # likewise
        self._by_direction: dict[Direction | None, list[tuple[Conjunction, list[Halfspace]]]] = {}
        self._left = MOST_COMPARISONS
        for conjunction in conjunctions:
            rows = [self._halfspace(row) for row in conjunction.rows]
            self._by_direction.setdefault(rows[0].direction if rows else None, []).append((conjunction, rows))

    def hold(self, small: Conjunction) -> bool:
        """Does one of them contain the conjunction?"""
        tightest: dict[Direction, Halfspace] = {}
        for row in map(self._halfspace, small.rows):
            known = tightest.get(row.direction)
            if known is None or row.within(known):
                tightest[row.direction] = row
        for large, rows in chain.from_iterable(self._by_direction.get(key, ()) for key in (None, *tightest)):
            self._left -= 1
            if self._left < 0:
                return False
            implied = all(row.direction in tightest and tightest[row.direction].within(row) for row in rows)
            if implied and self._box_within(small, large):
                return True
        return False

    def _halfspace(self, row: Row) -> Halfspace:
        known = self._halfspaces.get(id(row))
        if known is None:
            known = self._halfspaces[id(row)] = row, halfspace(row)
        return known[1]

    def _box_within(self, small: Conjunction, large: Conjunction) -> bool:
        sides = (small.lower, small.upper, large.lower, large.upper)
        key = tuple(map(id, sides))
        known = self._boxes.get(key)
        if known is None:
            lower = all(b is None or (a is not None and a >= b) for a, b in zip(small.lower, large.lower, strict=True))
            upper = all(b is None or (a is not None and a <= b) for a, b in zip(small.upper, large.upper, strict=True))
            known = self._boxes[key] = sides, lower and upper
        return known[1]

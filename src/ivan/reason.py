"""Why a search ends undecided although there is time left."""

from __future__ import annotations

import enum

from ivan.search.terms import Statistics


class Reason(enum.Enum):
    """What kept parts open that could neither be closed nor split further, or ended the search before it got there."""

    UNCONFIRMED = "unconfirmed"
    """float64 sees a violation, and onnxruntime does not confirm it"""
    TIE = "tie"
    """a strict requirement is met with equality"""
    ROUNDING = "rounding"
    """what is required and what is computed are apart by less than rounding"""
    UNBOUNDED = "unbounded"
    """there are no bounds: an activation leaves its domain, or numbers leave float64"""
    MEMORY = "memory"
    """the tree is all there is memory for"""

    @classmethod
    def of(cls, statistics: Statistics) -> Reason:
        """Why a search with these counters is undecided; the most frequent reason where there are several."""
        if statistics.open:
            return cls.MEMORY
        return max((cls.UNCONFIRMED, cls.TIE, cls.ROUNDING, cls.UNBOUNDED), key=lambda one: one.count(statistics))

    def count(self, statistics: Statistics) -> int:
        """How many parts it kept open."""
        known = {
            Reason.UNCONFIRMED: statistics.unconfirmed,
            Reason.TIE: statistics.tied,
            Reason.UNBOUNDED: statistics.unbounded,
            Reason.MEMORY: statistics.open,
        }
        return int(known[self] if self in known else statistics.undecided - sum(known.values()))

    def said(self, statistics: Statistics, nodes: int) -> tuple[str, str]:
        """In a line, and a hint.

        Args:
            statistics: of the search.
            nodes: of its tree.
        """
        if self is Reason.MEMORY:
            return f"its tree of {nodes:,} nodes is all there is memory for", _HINTS[self]
        count = self.count(statistics)
        where = f"in {count:,} {'part' if count == 1 else 'parts'} that cannot be split further"
        others = int(statistics.undecided) - count
        more = f" (and {others:,} for other reasons)" if others else ""
        return f"{where}, {_CAUSES[self]}{more}", _HINTS[self]


_CAUSES = {
    Reason.UNCONFIRMED: "float64 sees a violation that the deployed model does not confirm",
    Reason.TIE: "a strict requirement is met with equality, up to rounding",
    Reason.ROUNDING: "the requirement is met, or missed, by less than rounding",
    Reason.UNBOUNDED: "there are no bounds: an activation may leave its domain, or numbers may leave float64",
}

_MARGIN = "the property holds or fails by less than rounding; ask for a little more, or for a little less"

_HINTS = {
    Reason.UNCONFIRMED: _MARGIN,
    Reason.TIE: _MARGIN,
    Reason.ROUNDING: _MARGIN,
    Reason.UNBOUNDED: "ask about a smaller region, in which no divisor is 0 and no exp is infinite",
    Reason.MEMORY: "with a proof store, the same command goes on from there",
}

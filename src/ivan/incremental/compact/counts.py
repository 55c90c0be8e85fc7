"""How far a compaction got, and whether it goes on."""

from __future__ import annotations

from dataclasses import astuple, dataclass

FEWEST_TRIALS, LEAST_SHARE = 128, 1 / 3
"""A thrifty compaction ends after so many trials where a smaller share of them made anything cheaper: a trial costs
about as much as bounding a leaf, so it has to be earned back by several replays."""


@dataclass(frozen=True)
class Counts:
    """How far it got.

    Attributes:
        tried: nodes that were tried.
        joined: nodes that became leaves.
        shared: nodes whose bounds now serve their two leaves.
        hoisted: nodes whose leaves do with the bounds of an ancestor.
    """

    tried: int = 0
    joined: int = 0
    shared: int = 0
    hoisted: int = 0

    def plus(self, other: Counts) -> Counts:
        """Both together."""
        return Counts(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))

    @property
    def pays(self) -> bool:
        """False once enough nodes were tried and too few of them made anything cheaper."""
        return self.tried < FEWEST_TRIALS or self.tried * LEAST_SHARE <= self.joined + self.shared + self.hoisted

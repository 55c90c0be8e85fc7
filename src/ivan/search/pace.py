"""What the search measures of itself: how long its steps take, and what they bring."""

from __future__ import annotations

from dataclasses import dataclass, field, fields


@dataclass
class Pace:
    """A sum and a count.

    Attributes:
        total: seconds, or gains of bounds.
        count: of how many domains.
    """

    total: float = 0.0
    count: int = 0

    def add(self, total: float, count: int) -> None:
        """Some more."""
        self.total += total
        self.count += count

    @property
    def each(self) -> float:
        """For one domain; 0 before the first."""
        return self.total / self.count if self.count else 0.0


@dataclass
class Paces:
    """Everything that is measured.

    Attributes:
        shallow: seconds a domain takes that rests on an ancestor's bounds.
        refresh: seconds that new intermediate bounds of a domain take.
        deep: seconds that a look ahead with new intermediate bounds takes.
        attack: seconds that a batch of gradient descents takes.
        plain_gain: by how much bounds rise from parent to child where intermediate bounds stay.
        due_gain: ... and where they are computed anew.
    """

    shallow: Pace = field(default_factory=Pace)
    refresh: Pace = field(default_factory=Pace)
    deep: Pace = field(default_factory=Pace)
    attack: Pace = field(default_factory=Pace)
    plain_gain: Pace = field(default_factory=Pace)
    due_gain: Pace = field(default_factory=Pace)

    @property
    def apart(self) -> float:
        """Seconds that are no part of what a shallow domain takes."""
        return self.refresh.total + self.deep.total + self.attack.total

    def copy(self) -> Paces:
        """As they stand."""
        return Paces(*(Pace(p.total, p.count) for p in self._all()))

    def since(self, before: Paces) -> Paces:
        """What was added."""
        pairs = zip(self._all(), before._all(), strict=True)
        return Paces(*(Pace(now.total - then.total, now.count - then.count) for now, then in pairs))

    def add(self, other: Paces) -> None:
        """Takes over what another process measured."""
        for mine, theirs in zip(self._all(), other._all(), strict=True):
            mine.add(theirs.total, theirs.count)

    def _all(self) -> list[Pace]:
        return [getattr(self, f.name) for f in fields(self)]

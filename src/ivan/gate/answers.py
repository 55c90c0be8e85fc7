"""What became of a question, before and now, and what that means for whoever ships the new version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ivan.gate.questions import Question
from ivan.gate.suite import Severity

HELD, VIOLATED, UNUSABLE, UNDECIDED = 0, 1, 2, 3
"""Exit codes: the first of VIOLATED, UNUSABLE, UNDECIDED that anything gives reason for."""


class State(StrEnum):
    """What is known of a property."""

    HOLDS = "holds"
    VIOLATED = "violated"
    UNDECIDED = "undecided"
    UNUSABLE = "unusable"


STATE_OF = {
    "unsat": State.HOLDS,
    "sat": State.VIOLATED,
    "unknown": State.UNDECIDED,
    "timeout": State.UNDECIDED,
    "error": State.UNUSABLE,
}
"""By verdict."""


class Change(StrEnum):
    """What changed since the base version, then what did not, the worst first; the last where there is no base."""

    NEWLY_VIOLATED = "newly violated"
    NEWLY_UNDECIDED = "newly undecided"
    UNUSABLE = "unusable"
    NEWLY_PROVED = "newly proved"
    STILL_VIOLATED = "still violated"
    STILL_UNDECIDED = "still undecided"
    STILL_HOLDING = "still holding"
    VIOLATED = "violated"
    UNDECIDED = "undecided"
    HOLDS = "holds"


@dataclass(frozen=True)
class Answer:
    """What one version answers.

    Attributes:
        state: of the property.
        verdict: as `ivan verify` says it; `sat`, too, where a fixed counterexample is back.
        seconds: that it took, here and now.
        solve_seconds: that it took when it was first found; None where that is not known.
        counterexample: as VNN-COMP writes it.
        returned: the fixed counterexample that is back.
        reason: why nothing could be said.
        hint: what the reader can do about it.
        reused_leaves: of the proof that it started from, those that needed no search; 0 of 0 where it did not matter.
        base_leaves: of that proof: all.
        stored: the answer was in the store.
    """

    state: State
    verdict: str
    seconds: float
    solve_seconds: float | None = None
    counterexample: str | None = None
    returned: Path | None = None
    reason: str | None = None
    hint: str | None = None
    reused_leaves: int = 0
    base_leaves: int = 0
    stored: bool = False

    @property
    def reused(self) -> float | None:
        """Share of the old proof that needed no search; None where there was none."""
        return self.reused_leaves / self.base_leaves if self.base_leaves else None


@dataclass(frozen=True)
class Checked:
    """One question, answered.

    Attributes:
        question: what was asked.
        now: the version at hand.
        before: the base version; None where nothing is compared.
    """

    question: Question
    now: Answer
    before: Answer | None

    @property
    def saved(self) -> float | None:
        """Seconds that this version took less than the base version, each when it was decided first.

        None where that says nothing: no base version, or the same file, or no answer now, or a time that is not known.
        """
        before, now = self.before, self.now
        if before is None or before is now or now.state not in (State.HOLDS, State.VIOLATED):
            return None
        if before.solve_seconds is None or now.solve_seconds is None:
            return None
        return before.solve_seconds - now.solve_seconds

    @property
    def change(self) -> Change:
        """What changed."""
        now = self.now.state
        if now is State.UNUSABLE:
            return Change.UNUSABLE
        if self.before is None or self.before.state is State.UNUSABLE:
            return {State.HOLDS: Change.HOLDS, State.VIOLATED: Change.VIOLATED}.get(now, Change.UNDECIDED)
        same = self.before.state is now
        if now is State.HOLDS:
            return Change.STILL_HOLDING if same else Change.NEWLY_PROVED
        if now is State.VIOLATED:
            return Change.STILL_VIOLATED if same else Change.NEWLY_VIOLATED
        return Change.STILL_UNDECIDED if same else Change.NEWLY_UNDECIDED

    @property
    def blocks(self) -> int:
        """The exit code that this question gives reason for."""
        severity = self.question.property.severity
        if self.now.state is State.UNUSABLE:
            return UNUSABLE
        if self.now.returned is not None:
            return VIOLATED
        if self.now.state is State.VIOLATED and severity is not Severity.MAY_FAIL:
            return VIOLATED
        if self.now.state is State.UNDECIDED and severity is Severity.MUST_HOLD:
            return UNDECIDED
        return HELD


def sorted_by_change(checked: Sequence[Checked]) -> list[Checked]:
    """In the order of `Change`, and what stands in the way before what does not; else in the suite's order."""
    order = list(Change)
    return sorted(checked, key=lambda one: (order.index(one.change), one.blocks == HELD))


def exit_code(checked: Sequence[Checked]) -> int:
    """What a shell is told."""
    reasons = {one.blocks for one in checked}
    return next((code for code in (VIOLATED, UNUSABLE, UNDECIDED) if code in reasons), HELD)


@dataclass(frozen=True)
class Totals:
    """A gate in a few numbers.

    Attributes:
        reused_leaves: of all proofs that were started from, leaves that needed no search.
        base_leaves: all leaves of these.
        seconds: that deciding this version took.
        seconds_before: that deciding the base version took when it was done; None where that is not known of all.
        saved_seconds: that this version took less than the base version; of the questions where that is known, None
            where there are none.
        compared: how many these are.
    """

    reused_leaves: int
    base_leaves: int
    seconds: float
    seconds_before: float | None
    saved_seconds: float | None
    compared: int

    @classmethod
    def of(cls, checked: Sequence[Checked]) -> Totals:
        """The numbers."""
        before = [one.before.solve_seconds if one.before is not None else None for one in checked]
        known = [seconds for seconds in before if seconds is not None]
        saved = [one.saved for one in checked if one.saved is not None]
        return cls(
            sum(one.now.reused_leaves for one in checked),
            sum(one.now.base_leaves for one in checked),
            sum(one.now.solve_seconds if one.now.solve_seconds is not None else one.now.seconds for one in checked),
            sum(known) if len(known) == len(checked) else None,
            sum(saved) if saved else None,
            len(saved),
        )

    @property
    def reused(self) -> float | None:
        """Share of the old proofs' leaves that needed no search; None where there were none."""
        return self.reused_leaves / self.base_leaves if self.base_leaves else None

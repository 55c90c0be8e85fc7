"""What a change is called, and which exit code it gives reason for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import pytest

from ivan.gate.answers import (
    HELD,
    UNDECIDED,
    UNUSABLE,
    VIOLATED,
    Answer,
    Change,
    Checked,
    State,
    Totals,
    exit_code,
    sorted_by_change,
)
from ivan.gate.questions import Question
from ivan.gate.report import Gate
from ivan.gate.suite import ONLY, Property, Severity, Suite


def checked(
    now: State, before: State | None = None, severity: Severity = Severity.MUST_HOLD, *, back: bool = False
) -> Checked:
    asked = Property("p", ONLY, Path("p.vnnlib"), severity, 60.0, ())
    answer = Answer(now, "", 1.0, 1.0, returned=Path("old.txt") if back else None)
    old = None if before is None else Answer(before, "", 1.0, 3.0)
    return Checked(Question(asked, "p", Path("p.vnnlib")), answer, old)


def gate(*answers: Checked) -> Gate:
    suite = Suite(Path("s.toml"), {ONLY: Path("m.onnx")}, ())
    return Gate(suite, suite.models, None, answers, datetime.now(UTC), 1.0)


@pytest.mark.parametrize(
    ("before", "now", "change"),
    [
        (State.HOLDS, State.HOLDS, Change.STILL_HOLDING),
        (State.HOLDS, State.VIOLATED, Change.NEWLY_VIOLATED),
        (State.HOLDS, State.UNDECIDED, Change.NEWLY_UNDECIDED),
        (State.VIOLATED, State.HOLDS, Change.NEWLY_PROVED),
        (State.VIOLATED, State.VIOLATED, Change.STILL_VIOLATED),
        (State.VIOLATED, State.UNDECIDED, Change.NEWLY_UNDECIDED),
        (State.UNDECIDED, State.HOLDS, Change.NEWLY_PROVED),
        (State.UNDECIDED, State.VIOLATED, Change.NEWLY_VIOLATED),
        (State.UNDECIDED, State.UNDECIDED, Change.STILL_UNDECIDED),
        (None, State.HOLDS, Change.HOLDS),
        (State.UNUSABLE, State.VIOLATED, Change.VIOLATED),
        (None, State.UNDECIDED, Change.UNDECIDED),
        (State.HOLDS, State.UNUSABLE, Change.UNUSABLE),
    ],
)
def test_a_change_is_called_by_what_was_and_what_is(before: State | None, now: State, change: Change) -> None:
    assert checked(now, before).change is change


@pytest.mark.parametrize(
    ("state", "severity", "code"),
    [
        (State.HOLDS, Severity.MUST_HOLD, HELD),
        (State.VIOLATED, Severity.MUST_HOLD, VIOLATED),
        (State.VIOLATED, Severity.MAY_BE_UNDECIDED, VIOLATED),
        (State.VIOLATED, Severity.MAY_FAIL, HELD),
        (State.UNDECIDED, Severity.MUST_HOLD, UNDECIDED),
        (State.UNDECIDED, Severity.MAY_BE_UNDECIDED, HELD),
        (State.UNDECIDED, Severity.MAY_FAIL, HELD),
        (State.UNUSABLE, Severity.MAY_FAIL, UNUSABLE),
    ],
)
def test_severity_decides_what_stands_in_the_way(state: State, severity: Severity, code: int) -> None:
    assert checked(state, severity=severity).blocks == code


@pytest.mark.parametrize("severity", Severity)
def test_a_counterexample_that_is_back_always_stands_in_the_way(severity: Severity) -> None:
    assert checked(State.VIOLATED, severity=severity, back=True).blocks == VIOLATED


def test_a_violation_wins_over_what_is_unusable_and_that_over_what_is_undecided() -> None:
    states = {HELD: State.HOLDS, VIOLATED: State.VIOLATED, UNUSABLE: State.UNUSABLE, UNDECIDED: State.UNDECIDED}
    order = [VIOLATED, UNUSABLE, UNDECIDED, HELD]
    for several in product(states, repeat=3):
        found = exit_code([checked(states[code]) for code in several])
        assert found == min(several, key=order.index)
    assert exit_code([]) == HELD


def test_what_changed_comes_first_and_of_what_is_alike_what_stands_in_the_way() -> None:
    every = [
        checked(State.VIOLATED, State.VIOLATED),
        checked(State.HOLDS, State.HOLDS),
        checked(State.HOLDS, State.VIOLATED),
        checked(State.VIOLATED, State.VIOLATED, Severity.MAY_FAIL),
        checked(State.UNDECIDED, State.HOLDS),
        checked(State.VIOLATED, State.HOLDS),
    ]
    ordered = sorted_by_change(every)
    assert [one.change for one in ordered] == [
        Change.NEWLY_VIOLATED,
        Change.NEWLY_UNDECIDED,
        Change.NEWLY_PROVED,
        Change.STILL_VIOLATED,
        Change.STILL_VIOLATED,
        Change.STILL_HOLDING,
    ]
    assert [bool(one.blocks) for one in ordered[3:5]] == [True, False]


@pytest.mark.parametrize(
    ("before", "now", "saved"),
    [
        (State.HOLDS, State.HOLDS, 2.0),
        (State.HOLDS, State.VIOLATED, 2.0),
        (State.UNDECIDED, State.HOLDS, 2.0),
        (State.HOLDS, State.UNDECIDED, None),  # giving up sooner saves nothing
        (State.HOLDS, State.UNUSABLE, None),
        (None, State.HOLDS, None),
    ],
)
def test_time_is_saved_where_this_version_is_decided_and_another_is_known(
    before: State | None, now: State, saved: float | None
) -> None:
    assert checked(now, before).saved == saved


def test_no_time_is_saved_on_the_same_file_or_where_no_time_is_known() -> None:
    one = checked(State.HOLDS, State.HOLDS)
    assert replace(one, before=one.now).saved is None
    assert one.before is not None
    assert replace(one, before=replace(one.before, solve_seconds=None)).saved is None
    assert replace(one, now=replace(one.now, solve_seconds=None)).saved is None


def test_totals_add_up_what_was_saved_and_say_of_how_many() -> None:
    some = [
        checked(State.HOLDS, State.HOLDS),
        checked(State.HOLDS, State.VIOLATED),
        checked(State.UNDECIDED, State.HOLDS),
    ]
    assert (Totals.of(some).saved_seconds, Totals.of(some).compared) == (4.0, 2)
    assert (Totals.of(some[2:]).saved_seconds, Totals.of(some[2:]).compared) == (None, 0)


def test_totals_say_what_both_versions_took_only_where_it_is_known_of_all() -> None:
    some = [checked(State.HOLDS, State.HOLDS), checked(State.HOLDS, State.VIOLATED)]
    assert (Totals.of(some).seconds, Totals.of(some).seconds_before) == (2.0, 6.0)
    assert Totals.of([*some, checked(State.HOLDS)]).seconds_before is None
    assert Totals.of(some).reused is None


@pytest.mark.parametrize(
    ("states", "headline"),
    [
        ([(State.HOLDS, None)], "1 property: 1 holds; nothing stands in the way"),
        ([(State.HOLDS, None)] * 2, "2 properties: 2 hold; nothing stands in the way"),
        (
            [(State.VIOLATED, None)] * 2 + [(State.UNDECIDED, None)] * 2 + [(State.HOLDS, None)] * 2,
            "6 properties: 2 violated, 2 undecided, 2 hold",
        ),
        (
            [(State.VIOLATED, State.HOLDS)] * 2 + [(State.UNUSABLE, None)] + [(State.HOLDS, State.HOLDS)] * 1200,
            "1,203 properties: 2 newly violated, 1 unusable, 1,200 still holding",
        ),
        ([(State.HOLDS, State.VIOLATED)] * 2, "2 properties: 2 newly proved; nothing stands in the way"),
    ],
)
def test_the_headline_reads_as_a_sentence(states: list[tuple[State, State | None]], headline: str) -> None:
    assert gate(*(checked(now, before) for now, before in states)).headline() == headline


@pytest.mark.parametrize(
    ("seconds", "numbers"),
    [
        (0.5, "2.5 s saved: 0.5 s of verification instead of 3.0 s"),
        (3.04, "0.0 s saved: 3.0 s of verification instead of 3.0 s"),
        (3.7, "0.7 s lost: 3.7 s of verification instead of 3.0 s"),
    ],
)
def test_a_slower_version_is_said_to_have_lost_time(seconds: float, numbers: str) -> None:
    one = checked(State.HOLDS, State.HOLDS)
    assert gate(replace(one, now=replace(one.now, solve_seconds=seconds))).numbers() == numbers

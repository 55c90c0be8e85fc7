"""Why a search ends undecided: `unknown` says it, wherever it is read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.cli.shell import Shell
from tests.gate.test_answers import checked
from tests.soundness.test_declared_real import question

import ivan
from ivan.gate.answers import State
from ivan.gate.report import said
from ivan.search import Statistics

TIE = ("Relu", None, "(>= X[0,0] 1.0) (<= X[0,0] 2.0) (!= Y[0,0] X[0,0])", "real")

ENDS = {
    "an equality that bounds never tell from an inequality": (*TIE, ivan.Reason.TIE),
    "no float32 is the one that is asked for": (
        *("Add", 1.0, "(== X[0,0] 0.1) (== Y[0,0] 1.1)", "real"),
        ivan.Reason.UNCONFIRMED,
    ),
    "no float32 is in between": (
        *("Add", 0.0, "(>= X[0,0] 0.0) (<= X[0,0] 1.0) (> Y[0,0] 0.1) (< Y[0,0] 0.1000000014)", "real"),
        ivan.Reason.ROUNDING,
    ),
    "a pole": (
        *("Reciprocal", None, "(>= X[0,0] -1.0) (<= X[0,0] 2.0) (<= Y[0,0] 0.25) (>= Y[0,0] -0.25)", "real"),
        ivan.Reason.UNBOUNDED,
    ),
}


@pytest.mark.parametrize("name", sorted(ENDS))
def test_an_undecided_search_has_a_reason(tmp_path: Path, name: str) -> None:
    *asked, reason = ENDS[name]
    outcome = ivan.verify(*question(tmp_path, *asked), store=False)
    assert (outcome.verdict, outcome.reason) == (ivan.Verdict.UNKNOWN, reason)
    assert outcome.why_undecided is not None
    message, hint = outcome.why_undecided
    assert message.startswith("the search ends undecided: in ")
    assert "\n" not in message + hint


def test_whatever_is_decided_or_out_of_time_has_none(tmp_path: Path) -> None:
    operator, constant, box, element = "Relu", None, "(>= X[0,0] 1.0) (<= X[0,0] 2.0) ", "real"
    for asserted, timeout, verdict in (
        ("(<= Y[0,0] 0.5)", 60.0, ivan.Verdict.UNSAT),
        ("(<= Y[0,0] 1.5)", 60.0, ivan.Verdict.SAT),
        ("(!= Y[0,0] X[0,0])", 0.0, ivan.Verdict.TIMEOUT),
    ):
        files = question(tmp_path, operator, constant, box + asserted, element)
        outcome = ivan.verify(*files, store=False, timeout=timeout)
        assert (outcome.verdict, outcome.reason, outcome.why_undecided) == (verdict, None, None)


def test_the_most_frequent_reason_counts_and_memory_above_all() -> None:
    counters = Statistics(undecided=7, tied=3, unbounded=2)
    assert ivan.Reason.of(counters) is ivan.Reason.TIE
    message, _ = ivan.Reason.TIE.said(counters, 9)
    assert message.startswith("in 3 parts that cannot be split further, ")
    assert message.endswith(" (and 4 for other reasons)")
    assert ivan.Reason.of(Statistics(undecided=7, tied=1, unbounded=2)) is ivan.Reason.ROUNDING
    assert ivan.Reason.of(Statistics(undecided=7, tied=1, open=1)) is ivan.Reason.MEMORY
    assert "1,000 nodes" in ivan.Reason.MEMORY.said(counters, 1000)[0]


def test_the_terminal_says_it_in_a_line_unless_it_is_to_be_quiet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shell, files = Shell(capsys), question(tmp_path, *TIE)
    done = shell.verify(*files, "--no-store")
    assert done.out == "unknown\n"
    warning, hint = done.err.splitlines()
    assert warning.startswith("warning: the search ends undecided: in ")
    assert "equality" in warning
    assert hint.startswith("hint: ")
    assert shell.verify(*files, "--no-store", "--quiet").err == ""
    assert shell.report(*files, "--no-store")["reason"] == "tie"


def test_a_batch_and_a_gate_say_it(tmp_path: Path) -> None:
    (result,) = ivan.verify_batch([question(tmp_path, *TIE)], timeout=60, store=False)
    assert result.verdict == "unknown"
    assert result.reason is not None
    assert result.reason.startswith("the search ends undecided: ")
    assert result.hint is not None
    asked = checked(State.UNDECIDED)
    for reason, words in ((result.reason, f"undecided: {result.reason}"), (None, "undecided")):
        assert said(replace(asked, now=replace(asked.now, verdict="unknown", reason=reason))) == words

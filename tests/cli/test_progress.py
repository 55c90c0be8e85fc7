"""A terminal shows one live line that is gone before the answer; a pipe shows nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from unittest.mock import ANY

import pytest
from tests.cli.process import run_on_terminal
from tests.questions import HARD

from ivan.cli import progress
from ivan.cli.progress import LiveLine, Talk, talk
from ivan.outcome import Outcome
from ivan.search import Statistics
from ivan.verdict import Verdict

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are those of POSIX")

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_UNSAT = Outcome(Verdict.UNSAT)


def screen(written: str) -> list[str]:
    """What stands on a terminal in the end: the line breaks, returns and erasures are carried out."""
    lines, column = [""], 0
    for part in re.split(r"(\r|\n|\x1b\[2K)", _COLOUR.sub("", written)):
        if part == "\r":
            column = 0
        elif part == "\n":
            lines.append("")
        elif part == "\x1b[2K":
            lines[-1] = ""
        else:
            lines[-1] = lines[-1][:column].ljust(column) + part + lines[-1][column + len(part) :]
            column += len(part)
    return lines


@pytest.fixture
def hard(here: Path) -> Path:
    build, query = HARD["boxes"]
    (here / "hard.onnx").write_bytes(build())
    (here / "hard.vnnlib").write_text(query)
    return here


# -- whole commands on a terminal --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("here")
def test_only_the_answer_is_left_on_the_terminal() -> None:
    done = run_on_terminal("verify", "model.onnx", "holds.vnnlib")
    assert done.code == 0
    assert screen(done.out) == ["unsat", ""]
    assert "search" in done.out  # the live line was there


@pytest.mark.usefixtures("hard")
def test_the_live_line_tells_the_state_of_the_search() -> None:
    done = run_on_terminal("verify", "hard.onnx", "hard.vnnlib", typed=b"\x03", after="domains/s")
    assert re.search(r"\d s  [\d,]+ open, [\d,]+ closed, worst bound -[\d.]+, [\d,]+ domains/s", done.out)


@pytest.mark.usefixtures("hard")
def test_the_live_line_is_gone_when_time_is_up() -> None:
    assert screen(run_on_terminal("verify", "hard.onnx", "hard.vnnlib", "--timeout", 1.0).out) == ["timeout", ""]


@pytest.mark.usefixtures("hard")
def test_ctrl_c_leaves_the_terminal_in_order() -> None:
    done = run_on_terminal("verify", "hard.onnx", "hard.vnnlib", typed=b"\x03", after="open")
    assert done.code == 130
    assert screen(done.out)[-1] in ("", "^C")
    assert "\x1b[?25l" not in done.out  # the cursor is never hidden


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("option", ["--no-progress", "--quiet"])
def test_the_live_line_can_be_switched_off(option: str) -> None:
    assert run_on_terminal("verify", "model.onnx", "holds.vnnlib", option).out == "unsat\r\n"


@pytest.mark.usefixtures("here")
def test_verbose_lines_stay_above_the_answer() -> None:
    lines = screen(run_on_terminal("verify", "model.onnx", "holds.vnnlib", "--verbose").out)
    answer = lines.index("unsat")
    assert lines[0].endswith("s  read")
    assert lines[answer - 1].endswith("s  search")
    assert lines[answer + 1].startswith("unsat in ")
    assert lines[answer + 2 :] in ([""], [ANY, ""])  # a slow machine's proof is worth the line of its compaction


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("variable", "coloured"), [("", True), ("1", False)])
def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch, variable: str, coloured: bool) -> None:
    monkeypatch.setenv("NO_COLOR", variable)  # empty means unset
    done = run_on_terminal("verify", "nosuch.onnx", "holds.vnnlib")
    assert done.code == 2
    assert bool(_COLOUR.search(done.out)) == coloured
    assert screen(done.out)[0].startswith("error: nosuch.onnx")


# -- the talk itself ---------------------------------------------------------------------------------------------------


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> Callable[..., LiveLine]:
    def make(columns: int = 80) -> LiveLine:
        monkeypatch.setattr(progress, "_EVERY", 0.0)
        monkeypatch.setattr(progress, "_columns", lambda: columns)
        return LiveLine(quiet=False, verbose=False, answer=lambda outcome: None)

    return make


@pytest.mark.parametrize("columns", [20, 40, 80])
def test_the_line_never_outgrows_the_terminal(
    live: Callable[..., LiveLine], capsys: pytest.CaptureFixture[str], columns: int
) -> None:
    line = live(columns)
    line.searched(Statistics(open=10**9, closed=10**9, worst=-1e-5, domains=10**9))
    err = capsys.readouterr().err
    assert "\n" not in err
    assert len(screen(err)[0]) < columns


def test_a_warning_stands_above_the_line(live: Callable[..., LiveLine], capsys: pytest.CaptureFixture[str]) -> None:
    line = live()
    line.phase("search")
    line.warned("the store is locked", "wait")
    first, second, last = screen(capsys.readouterr().err)
    assert (first, second) == ("warning: the store is locked", "hint: wait")
    assert last.endswith("search")


def test_nothing_is_drawn_once_the_answer_stands(
    live: Callable[..., LiveLine], capsys: pytest.CaptureFixture[str]
) -> None:
    line = live()
    line.phase("search")
    line.answered(_UNSAT)
    assert screen(capsys.readouterr().err) == [""]
    line.phase("save")
    line.searched(Statistics())
    assert capsys.readouterr().err == ""


def test_the_line_says_how_much_of_the_old_proof_holds(
    live: Callable[..., LiveLine], capsys: pytest.CaptureFixture[str]
) -> None:
    line = live()
    line.replayed(1500, 1200, 2000)
    assert screen(capsys.readouterr().err)[0].endswith("replay: 1,500 of 2,000 certificates tried, 1,200 hold")
    line.searched(Statistics(open=3))
    assert "1,200 of 2,000 certificates reused, 3 open" in screen(capsys.readouterr().err)[0]


@pytest.mark.parametrize(
    ("terminal", "kind", "options"),
    [
        (True, LiveLine, {}),
        (False, Talk, {}),
        (True, Talk, {"quiet": True}),
        (True, Talk, {"progress": False}),
    ],
)
def test_only_a_terminal_gets_a_live_line(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, kind: type[Talk], options: dict[str, bool]
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    chosen = {"quiet": False, "verbose": False, "progress": True, **options}
    assert type(talk(**chosen, answer=lambda outcome: None)) is kind
    monkeypatch.setenv("TERM", "dumb")
    assert type(talk(**chosen, answer=lambda outcome: None)) is Talk


def test_quiet_hides_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    for quiet, shown in ((True, ""), (False, "warning: w\nhint: h\n")):
        Talk(quiet=quiet, verbose=False, answer=lambda outcome: None).warned("w", "h")
        assert capsys.readouterr().err == shown

"""`ivan batch`: whole commands, from the list to the reports, and whatever may come in between."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from tests.batch.lists import listing, plain, verdicts
from tests.cli.process import IVAN, integrity, run, run_on_terminal
from tests.cli.shell import Shell
from tests.questions import HARD, nudged, small
from tests.report.schema import faults
from tests.test_imports import command, loaded

from ivan.batch.results import Result
from ivan.batch.run import Running
from ivan.cli.batch_progress import LiveTable

posix = pytest.mark.skipif(os.name != "posix", reason="signals and pseudo-terminals are those of POSIX")

COMPETITION = Path(__file__).parents[2].parent / "shared" / "data" / "vnncomp" / "rl_benchmarks"

ROWS = ("model.onnx,holds.vnnlib,60", "model.onnx,fails.vnnlib,60", "nosuch.onnx,holds.vnnlib,60")


@pytest.fixture
def bench(here: Path) -> Path:
    """The working directory, with a list of a proof, a counterexample and an error."""
    (here / "list.csv").write_text("\n".join(ROWS))
    build, query = HARD["boxes"]
    (here / "hard.onnx").write_bytes(build())
    (here / "hard.vnnlib").write_text(query)
    return here


def results(path: Path) -> list[str]:
    """Rows without their seconds."""
    return [line.rsplit(",", 1)[0] for line in path.read_text().splitlines()]


@pytest.mark.usefixtures("inline_workers")
def test_rows_that_name_networks_keep_their_form_and_are_resumed(ivan: Shell, here: Path) -> None:
    one, two = "[('N', 'model.onnx')]", "[('f', 'model.onnx'), ('g', 'model.onnx')]"
    (here / "named.csv").write_text(f'"{one}",fails.vnnlib,60\n"{two}",holds.vnnlib,60\n')
    done = ivan("batch", "named.csv", "--junit", "j.xml", "--no-store")
    assert done.code == 0
    assert "is about one network, 2 are given" in done.err
    assert results(here / "results.csv") == [
        f'named,"{one}",fails.vnnlib,0.0,sat',
        f'named,"{two}",holds.vnnlib,0.0,error',
    ]
    assert [path.name for path in (here / "results.csv.d").glob("*.counterexample")] == ["model_fails.counterexample"]
    groups = [case.get("classname") for case in ET.parse(here / "j.xml").iter("testcase")]
    assert groups == ["named.model", "named.model + model"]
    again = ivan("batch", "named.csv", "--resume", "--no-store")
    assert (again.code, len(results(here / "results.csv"))) == (0, 2)


def test_a_batch_writes_rows_and_reports_and_ends_with_zero(ivan: Shell, bench: Path) -> None:
    done = ivan("batch", "list.csv", "--junit", "j.xml", "--json", "r.json", "--plot", "p.svg", "--jobs", 2)
    assert done.code == 0
    assert results(bench / "results.csv") == [
        "list,model.onnx,holds.vnnlib,0.0,unsat",
        "list,model.onnx,fails.vnnlib,0.0,sat",
        "list,nosuch.onnx,holds.vnnlib,0.0,error",
    ]
    lines = done.err.splitlines()
    assert [line.split()[0] for line in lines] == ["1/3", "2/3", "3/3"]
    assert any("error" in line and "nosuch.onnx: cannot be read" in line for line in lines)
    summary = {line[:16].strip(): line[16:].strip() for line in done.out.splitlines()}
    assert (summary["solved"], summary["unsat"], summary["sat"], summary["error"]) == ("2 of 3", "1", "1", "1")
    assert summary["PAR2"]

    report = json.loads((bench / "r.json").read_text())
    assert [entry["verdict"] for entry in report["instances"]] == ["unsat", "sat", "error"]
    assert report["summary"]["solved"] == 2
    counterexample = report["instances"][1]["counterexample"]
    single = ivan.verify("model.onnx", "fails.vnnlib", "--no-store")
    assert Path(counterexample).read_text().count("(X_") == single.out.count("(X_")
    assert faults((bench / "j.xml").read_text()) == []
    suite = ET.parse(bench / "j.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "1", "1")
    assert ET.parse(bench / "p.svg").getroot().tag.endswith("svg")


@pytest.mark.usefixtures("inline_workers")
def test_a_second_batch_on_updated_models_starts_from_the_stored_proofs(ivan: Shell, bench: Path) -> None:
    (bench / "v2.onnx").write_bytes(nudged(small(), 1e-3))
    (bench / "one.csv").write_text("model.onnx,holds.vnnlib\n")
    (bench / "two.csv").write_text("v2.onnx,holds.vnnlib\n")
    assert ivan("batch", "one.csv", "--timeout", 60, "--out", "one.results.csv").code == 0
    done = ivan("batch", "two.csv", "--timeout", 60, "--out", "two.results.csv", "--json", "-")
    (entry,) = json.loads(done.out)["instances"]
    assert (entry["verdict"], entry["base_name"], entry["exact"]) == ("unsat", "model.onnx", False)
    assert 0 < entry["reused_leaves"] <= entry["base_leaves"]
    assert f"{entry['reused_leaves']} of {entry['base_leaves']} leaves reused" in done.err
    # the summary says the same, and counts an answer that was stored as a warm start without leaves
    (bench / "both.csv").write_text("model.onnx,holds.vnnlib\nmodel.onnx,fails.vnnlib\nv2.onnx,holds.vnnlib\n")
    both = ivan("batch", "both.csv", "--timeout", 60, "--out", "both.results.csv").out
    assert re.search(r"^warm start +2 instances, from a stored proof or answer$", both, re.MULTILINE)
    (bench / "v3.onnx").write_bytes(nudged(small(), 2e-3))
    (bench / "three.csv").write_text("v3.onnx,holds.vnnlib\n")
    summary = ivan("batch", "three.csv", "--timeout", 60, "--out", "three.results.csv").out
    assert re.search(r"^reused +\d+ of \d+ leaves of stored proofs \(\d+\.\d%\)$", summary, re.MULTILINE)
    assert re.search(r"^warm start +1 instance, from a stored proof or answer$", summary, re.MULTILINE)


@pytest.mark.usefixtures("inline_workers")
def test_a_resumed_batch_mixes_neither_versions_of_a_model_nor_timeouts(ivan: Shell, bench: Path) -> None:
    (bench / "other.onnx").write_bytes(small())
    rows = ["model.onnx,holds.vnnlib,60", "other.onnx,fails.vnnlib,60", "late.onnx,fails.vnnlib,60"]
    (bench / "list.csv").write_text("\n".join(rows))
    assert ivan("batch", "list.csv", "--no-store").code == 0
    before = (bench / "results.csv").read_text().splitlines(keepends=True)

    (bench / "list.csv").write_text("\n".join([*rows, "other.onnx,holds.vnnlib,60"]))
    again = ivan("batch", "list.csv", "--no-store", "--resume", "--timeout-factor", 2)
    assert again.err.splitlines()[0] == "2 of 4 instances done already"
    assert "warning: 1 result is asked for again: 1 had another timeout; what they were is in " in again.err
    assert (bench / "results.csv").read_text().startswith("".join(before[:2]))  # decided, also within twice the time

    (bench / "other.onnx").write_bytes(nudged(small(), 1e-3))
    (bench / "late.onnx").write_bytes(small())
    again = ivan("batch", "list.csv", "--no-store", "--resume", "--timeout-factor", 2, "--json", "r.json")
    assert again.err.splitlines()[0] == "1 of 4 instances done already"
    assert "3 results are asked for again: 3 had another model;" in again.err
    assert [row["verdict"] for row in json.loads((bench / "r.json").read_text())["instances"]] == [
        "unsat", "sat", "sat", "unsat"
    ]  # fmt: skip
    replaced = (bench / "results.csv.d" / "replaced.csv").read_text().splitlines(keepends=True)
    assert (len(replaced), replaced[0]) == (4, before[2])
    assert before[1] in replaced

    last = ivan("batch", "list.csv", "--no-store", "--resume", "--timeout-factor", 2)
    assert "4 of 4 instances done already" in last.err
    assert "asked for again" not in last.err


@pytest.mark.usefixtures("inline_workers")
def test_quiet_says_nothing_but_the_summary(ivan: Shell, bench: Path) -> None:
    (bench / "list.csv").write_text(ROWS[2])
    done = ivan("batch", "list.csv", "--quiet", "--no-store")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("solved ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("nosuch.csv", "error: nosuch.csv: cannot be read"),
        ("bad.csv", "error: bad.csv:2: 'soon' is not a number of seconds"),
        ("short.csv", "error: short.csv:1: no timeout"),
        ("list.csv --out old.csv", "error: old.csv: exists already"),
        ("list.csv --out old.csv --resume", "error: old.csv:1: other, a, b is not in list.csv"),
        ("list.csv --out nosuch/r.csv", "error: nosuch/r.csv: cannot be written"),
        ("list.csv --junit nosuch/j.xml", "error: nosuch/j.xml: cannot be written"),
        ("list.csv --plot p.pdf", "error: --plot p.pdf: only .svg, .png, .html can be drawn"),
        ("list.csv --jobs 0", "error: Invalid value for '--jobs'"),
        ("list.csv --timeout nan", "error: Invalid value for '--timeout'"),
        ("list.csv --timeout-factor inf", "error: Invalid value for '--timeout-factor'"),
        ("list.csv --no-store --store x", "error: --no-store does not go with --store"),
        ("list.csv --quiet --verbose", "error: --quiet does not go with --verbose"),
    ],
)
def test_what_cannot_be_used_is_an_error_before_anything_runs(
    ivan: Shell, bench: Path, arguments: str, message: str
) -> None:
    (bench / "bad.csv").write_text("model.onnx,holds.vnnlib,1\nmodel.onnx,holds.vnnlib,soon\n")
    (bench / "short.csv").write_text("model.onnx,holds.vnnlib\n")
    (bench / "old.csv").write_text("other,a,b,0.0,sat,1.0\n")
    done = ivan("batch", *arguments.split())
    assert (done.code, done.out) == (2, "")
    first, *rest = done.err.splitlines()
    assert first.startswith(message)
    assert rest[-1].startswith("hint: ")
    assert not (bench / "results.csv").exists()
    assert (bench / "old.csv").read_text() == "other,a,b,0.0,sat,1.0\n"


def test_help_shows_examples_and_loads_the_command_line_alone(ivan: Shell, bench: Path) -> None:
    done = ivan("batch", "--help")
    assert (done.code, done.err) == (0, "")
    assert "  ivan batch acasxu/instances.csv --jobs 2 --resume" in done.out
    assert "Exit codes:" in done.out
    assert loaded(command("batch", "--help"), bench) == {"click"}


def test_the_process_of_the_batch_stays_small(bench: Path) -> None:
    used = loaded(command("batch", "list.csv", "--quiet", "--no-store"), bench)
    assert used == {"click", "rich"}


# -- signals ----------------------------------------------------------------------------------------------------------


def rows_there(path: Path, count: int) -> Callable[[], object]:
    def wait() -> None:
        end = time.monotonic() + 30
        while not path.exists() or path.read_bytes().count(b"\n") < count:
            assert time.monotonic() < end
            time.sleep(0.005)

    return wait


def workers(folder: Path) -> list[Path]:
    """Processes whose working directory this is."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if path.resolve() == folder and path.parent.name != str(os.getpid()):
                found.append(path)
        except OSError:  # it has just ended
            continue
    return found


def none_left(folder: Path) -> bool:
    end = time.monotonic() + 20
    while workers(folder):
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for processes in /proc")


@linux
@pytest.mark.parametrize("kept", [1, 4])
def test_a_batch_that_was_killed_resumes_to_the_results_of_one_that_was_not(bench: Path, kept: int) -> None:
    (bench / "list.csv").write_text("\n".join(ROWS * 3))
    out = bench / "results.csv"
    arguments = ("batch", "list.csv", "--jobs", 2, "--no-store", "--seed", 3)
    killed = run(*arguments, when=rows_there(out, kept), number=signal.SIGKILL)
    assert killed.code == -signal.SIGKILL
    assert none_left(bench)
    before = out.read_text()
    with out.open("a") as file:  # as if it had been killed while it wrote
        file.write("list,model.onnx,ho")
    resumed = run(*arguments, "--resume")
    assert resumed.code == 0
    assert [line.split(",")[1] for line in out.read_text().splitlines()] == [
        "model.onnx",
        "model.onnx",
        "nosuch.onnx",
    ] * 3
    assert verdicts(out) == ["unsat", "sat", "error"] * 3
    assert set(before.splitlines()) <= set(out.read_text().splitlines())
    assert f"{before.count(chr(10))} of 9 instances done already" in resumed.err


@linux
@pytest.mark.skipif(not COMPETITION.is_dir(), reason="no copy of VNN-COMP's instances lies beside the project")
def test_instances_of_the_competition_survive_a_kill_half_way(here: Path) -> None:
    """One proof store, two jobs; every answer is the one that is known."""
    with (COMPETITION.parent / "expected.csv").open() as file:
        known = [row for row in csv.DictReader(file) if "cartpole" in row["onnx"]][:20]
    assert {row["expected"] for row in known} == {"sat", "unsat"}
    rows = (f"{COMPETITION / row['onnx']},{COMPETITION / row['vnnlib']},{row['timeout']}\n" for row in known)
    (here / "list.csv").write_text("".join(rows))
    out = here / "results.csv"
    arguments = ("batch", "list.csv", "--jobs", 2, "--store", "proofs.sqlite")
    killed = run(*arguments, when=rows_there(out, len(known) // 2), number=signal.SIGKILL)
    assert killed.code == -signal.SIGKILL
    before = out.read_text().splitlines()
    assert len(known) // 2 <= len(before) < len(known)
    resumed = run(*arguments, "--resume")
    assert resumed.code == 0
    assert f"{len(before)} of {len(known)} instances done already" in resumed.err
    assert "asked for again" not in resumed.err
    assert set(before) <= set(out.read_text().splitlines())
    assert verdicts(out) == [row["expected"] for row in known]
    assert integrity(here / "proofs.sqlite") == "ok"


@linux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_all_processes_and_keeps_what_is_done(bench: Path, number: int) -> None:
    (bench / "list.csv").write_text("model.onnx,fails.vnnlib,60\nhard.onnx,hard.vnnlib,60\n")
    out = bench / "results.csv"
    done = run("batch", "list.csv", when=rows_there(out, 1), number=number)
    assert (done.code, done.out) == (130, "")
    assert done.err.splitlines()[-1] == "interrupted: 1 of 2 results in results.csv; --resume goes on"
    assert verdicts(out) == ["sat"]
    assert none_left(bench)


# -- terminals --------------------------------------------------------------------------------------------------------


@posix
def test_a_terminal_shows_a_live_table_that_is_gone_in_the_end(bench: Path) -> None:
    (bench / "list.csv").write_text("model.onnx,fails.vnnlib,60\nhard.onnx,hard.vnnlib,3\nnosuch.onnx,fails.vnnlib,1\n")
    done = run_on_terminal("batch", "list.csv", "--no-store", columns=120)
    assert done.code == 0
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", done.out)
    assert "0 of 3" in shown
    assert "1 of 3" in shown
    assert re.search(r"hard hard +\d s +3 s +search", shown)
    assert re.search(r"-[\d.]+ +[\d,]+ open, [\d,]+ closed", shown)
    assert "nosuch.onnx: cannot be read" in shown
    last = shown[shown.rindex("solved") :].splitlines()
    assert [line.split() for line in last[:4]] == [
        ["solved", "1", "of", "3"],
        ["sat", "1"],
        ["timeout", "1"],
        ["error", "1"],
    ]
    assert done.out.count("\x1b[?25l") <= done.out.count("\x1b[?25h")  # the cursor is there again


def test_the_time_that_is_left_is_estimated_from_what_is_done(bench: Path) -> None:
    listed = listing(bench, *plain(("a", "b", "c", "d", "e")))
    table = LiveTable(verbose=False)
    table.began(listed, [], 2)
    now = time.monotonic()
    running = [Running(instance, now - 3) for instance in listed.instances[2:4]]
    assert table._left(running, now) is None
    for instance, seconds in zip(listed.instances[:2], (4.0, 6.0), strict=True):
        table.finished(Result(instance, "unsat", seconds))
    assert table._left(running, now) == pytest.approx((5 + 2 * (5 - 3)) / 2)  # one waits, two go on for 2 s each
    assert table._left(running, now + 60) == pytest.approx(5 / 2)


@posix
def test_ctrl_c_leaves_the_terminal_in_order(bench: Path) -> None:
    (bench / "list.csv").write_text("hard.onnx,hard.vnnlib,60\n")
    done = run_on_terminal("batch", "list.csv", "--no-store", typed=b"\x03", after="open", columns=120)
    assert done.code == 130
    assert "interrupted: 0 of 1 result in results.csv" in done.out
    assert done.out.rindex("\x1b[?25h") > done.out.rindex("\x1b[?25l")


@posix
def test_a_reader_that_has_gone_is_no_error(bench: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*IVAN, "batch", "list.csv", "--no-store"], stdout=writer, stderr=subprocess.PIPE, timeout=60, check=False
    )
    os.close(writer)
    assert done.returncode == 0
    assert len(verdicts(bench / "results.csv")) == 3

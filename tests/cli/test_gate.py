"""`ivan gate`: whole commands, from the suite to the exit code and the reports."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from tests.cli.process import run_on_terminal
from tests.cli.shell import Shell
from tests.questions import small, updated
from tests.report.schema import faults

from ivan.gate.kinds import Equivalence, OutputRange, Robustness
from ivan.gate.suite import read_suite

SUITE = """
model = "model.onnx"

[[property]]
query = "holds.vnnlib"

[[property]]
query = "fails.vnnlib"
severity = "may-fail"

[[property]]
name = "around"
robustness = { inputs = "points.csv", epsilon = 0.001 }
severity = "may-be-undecided"

[[property]]
name = "limited"
range = { lower = -1, upper = 1, outputs = 0, min = 1.5, max = 2.5 }
"""

pytestmark = pytest.mark.usefixtures("inline_workers")  # but on the terminal, whose command is a process

REPORTS = ("--json", "r.json", "--markdown", "m.md", "--junit", "j.xml")


@pytest.fixture
def suite(here: Path) -> Path:
    (here / "points.csv").write_text("0.1,0.2,0.3\n-0.1,0.5,0\n")
    (here / "suite.toml").write_text(SUITE)
    # the first output doubled: what held is violated
    (here / "worse.onnx").write_bytes(updated(small(), lambda a: 2 * a if len(a) == 2 else a))
    (here / "same.onnx").write_bytes(updated(small(), lambda a: a * np.float32(1 + 1e-6)))
    return here


def test_the_base_version_alone_keeps_what_is_demanded(ivan: Shell, suite: Path) -> None:
    done = ivan("gate", "suite.toml", *REPORTS)
    assert done.code == 0, done.err
    report = json.loads((suite / "r.json").read_text())
    assert report["bases"] is None
    assert done.out.split("\n")[0].split() == ["property", "now", "reused", "time"]  # no columns of what is not there
    assert "\n|  | property | now | reused | time |\n|---|---|---|---:|---:|\n" in (suite / "m.md").read_text()
    assert faults((suite / "j.xml").read_text()) == []
    assert {entry["name"]: entry["change"] for entry in report["properties"]} == {
        "holds": "holds",
        "fails": "violated",
        "around [0]": "holds",
        "around [1]": "holds",
        "limited": "holds",
    }
    assert done.out.endswith("5 properties: 1 violated, 4 hold; nothing stands in the way\n")  # nothing of savings
    assert all(entry["saved_seconds"] is None for entry in report["properties"])
    assert report["totals"]["saved_seconds"] is None


def test_a_new_version_starts_from_the_base_versions_proofs_and_is_compared(ivan: Shell, suite: Path) -> None:
    done = ivan("gate", "suite.toml", "--model", "same.onnx", *REPORTS)
    assert done.code == 0, done.err
    report = json.loads((suite / "r.json").read_text())
    entries = {entry["name"]: entry for entry in report["properties"]}
    assert entries["holds"]["change"] == "still holding"
    assert entries["holds"]["now"]["base_leaves"] > 0
    assert entries["fails"]["change"] == "still violated"
    totals = report["totals"]
    assert totals["seconds_before"] > 0
    assert 0 < totals["reused"] <= 1
    assert totals["saved_seconds"] == pytest.approx(totals["seconds_before"] - totals["seconds"])
    assert totals["saved_seconds"] == pytest.approx(sum(entry["saved_seconds"] for entry in entries.values()))
    for entry in entries.values():
        took = entry["before"]["solve_seconds"], entry["now"]["solve_seconds"]
        assert entry["saved_seconds"] == took[0] - took[1]
    assert (
        entries["holds"]["reused"] == entries["holds"]["now"]["reused_leaves"] / entries["holds"]["now"]["base_leaves"]
    )
    summary = (suite / "m.md").read_text()
    assert "`model.onnx` → `same.onnx`" in summary
    assert "| reused | time | saved |" in summary
    said = re.search(r"\d+% of the old proofs reused, \d+\.\d s (saved|lost): ", summary)
    assert said is not None
    assert said[0] in done.out
    assert faults((suite / "j.xml").read_text()) == []
    (cases,) = ET.parse(suite / "j.xml").getroot()
    assert (cases.get("tests"), cases.get("failures"), cases.get("skipped")) == ("5", "0", "1")
    properties = {one.get("name"): one.get("value", "") for one in cases.iter("property")}
    assert properties["reuse"] in done.out


def test_a_version_that_breaks_a_property_is_stopped_and_the_break_comes_first(ivan: Shell, suite: Path) -> None:
    done = ivan("gate", "suite.toml", "--model", "worse.onnx", *REPORTS)
    assert done.code == 1
    report = json.loads((suite / "r.json").read_text())
    assert report["exit_code"] == 1
    first = report["properties"][0]
    assert (first["change"], first["blocks"]) == ("newly violated", True)
    assert "(X_0 " in first["now"]["counterexample"]
    assert done.out.lstrip().splitlines()[1].startswith("newly violated")
    assert "newly violated" in (suite / "m.md").read_text().splitlines()[0]
    assert "<details>" in (suite / "m.md").read_text()
    assert faults((suite / "j.xml").read_text()) == []
    (cases,) = ET.parse(suite / "j.xml").getroot()
    assert int(cases.get("failures", "0")) >= 1


def test_the_base_versions_second_time_comes_from_the_store(ivan: Shell, suite: Path) -> None:
    assert ivan("gate", "suite.toml").code == 0
    ivan("gate", "suite.toml", "--model", "same.onnx", "--json", "r.json")
    report = json.loads((suite / "r.json").read_text())
    assert all(entry["before"]["stored"] for entry in report["properties"])


def test_a_counterexample_that_is_back_stops_the_version_whatever_the_severity(ivan: Shell, suite: Path) -> None:
    assert ivan.verify("model.onnx", "fails.vnnlib", "--no-store", "--witness", "old.txt").verdict == "sat"
    (suite / "fixed.toml").write_text(
        'model = "model.onnx"\n[[property]]\nquery = "fails.vnnlib"\nseverity = "may-fail"\nfixed = ["old.txt"]\n'
    )
    done = ivan("gate", "fixed.toml", "--no-store")
    assert done.code == 1
    assert "the counterexample old.txt is back" in done.out


def test_a_terminal_of_80_columns_shows_all_of_the_table(ivan: Shell, suite: Path) -> None:
    """The names fold, and a sentence; no number is cut."""
    (suite / "odd.toml").write_text(SUITE + '[[property]]\nname = "a name of many words"\nquery = "no.vnnlib"\n')
    done = run_on_terminal("gate", "odd.toml", "--model", "worse.onnx", "--store", "p.sqlite", "--quiet")
    assert done.code == 1
    shown = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in done.out.splitlines()]
    table = shown[: shown.index("")]
    assert max(map(len, table)) <= 80
    assert table[0].split() == ["property", "before", "now", "reused", "time", "saved"]
    assert table[1].startswith("newly violated")
    words = set(" ".join(table).split())
    assert {"many", "words", "unusable:", "no.vnnlib:", "such", "file"} <= words
    assert re.search(r"\d s +-?\d\.\d\d s$", table[1])


def test_what_is_undecided_stops_a_version_only_where_the_property_must_hold(ivan: Shell, suite: Path) -> None:
    text = 'model = "model.onnx"\ntimeout = 1e-6\n[[property]]\nquery = "holds.vnnlib"\n'
    (suite / "must.toml").write_text(text)
    (suite / "may.toml").write_text(text + 'severity = "may-be-undecided"\n')
    assert ivan("gate", "must.toml", "--no-store").code == 3
    assert ivan("gate", "may.toml", "--no-store").code == 0


def test_a_question_that_cannot_be_asked_is_told_with_its_reason(ivan: Shell, suite: Path) -> None:
    (suite / "odd.toml").write_text('model = "model.onnx"\n[[property]]\nquery = "nosuch.vnnlib"\n')
    done = ivan("gate", "odd.toml", "--no-store", *REPORTS)
    assert done.code == 2
    assert "unusable: " in done.out
    assert "nosuch.vnnlib" in done.out
    hint = "check the property's path (ivan explain property-error)"  # as every command says it
    assert done.err.splitlines()[-1] == f"hint: {hint}"
    assert f"\nhint: {hint}\n" in (suite / "m.md").read_text()
    assert [case.text for case in ET.parse(suite / "j.xml").iter("error")] == [hint]
    assert json.loads((suite / "r.json").read_text())["properties"][0]["now"]["hint"] == hint


def test_a_path_is_said_without_detours(ivan: Shell, suite: Path) -> None:
    (suite / "specs").mkdir()
    (suite / "models").mkdir()
    (suite / "specs" / "odd.toml").write_text('model = "../model.onnx"\n[[property]]\nquery = "../models/no.vnnlib"\n')
    for named in (Path("specs/odd.toml"), suite / "specs" / "odd.toml"):
        done = ivan("gate", named, "--no-store", "--json", "r.json")
        assert "unusable: models/no.vnnlib: no such file" in " ".join(done.out.split())
        assert json.loads((suite / "r.json").read_text())["models"] == {"model": "model.onnx"}


def test_several_models_are_named(ivan: Shell, suite: Path) -> None:
    (suite / "two.toml").write_text(
        '[models]\na = "model.onnx"\nb = "model.onnx"\n'
        '[[property]]\nmodel = "a"\nquery = "holds.vnnlib"\n'
        '[[property]]\nmodel = "b"\nname = "b"\nquery = "holds.vnnlib"\n'
    )
    done = ivan("gate", "two.toml", "--model", "b=worse.onnx", "--json", "r.json")
    assert done.code == 1
    report = json.loads((suite / "r.json").read_text())
    assert {entry["name"]: entry["change"] for entry in report["properties"]} == {
        "holds": "still holding",
        "b": "newly violated",
    }
    done = ivan("gate", "two.toml", "--model", "worse.onnx")
    assert (done.code, done.err.splitlines()[0]) == (2, "error: --model worse.onnx: which model is meant?")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("nosuch.toml", "error: nosuch.toml: cannot be read"),
        ("suite.toml --model a.onnx --model b.onnx", "error: --model: two files for model"),
        ("suite.toml --model x=same.onnx", "error: --model x=same.onnx: the suite has one model, without a name"),
        ("suite.toml --model nosuch.onnx", "error: --model nosuch.onnx: no such file"),
        ("suite.toml --base nosuch.onnx", "error: --base nosuch.onnx: no such file"),
        ("suite.toml --no-base --base model.onnx", "error: --no-base does not go with --base"),
        ("suite.toml --no-store --store x", "error: --no-store does not go with --store"),
        ("suite.toml --quiet --verbose", "error: --quiet does not go with --verbose"),
        ("suite.toml --junit nosuch/j.xml", "error: nosuch/j.xml: cannot be written"),
    ],
)
def test_what_cannot_be_used_is_an_error(ivan: Shell, suite: Path, arguments: str, message: str) -> None:
    done = ivan("gate", *arguments.split())
    assert done.code == 2
    assert done.err.startswith(message)
    assert done.out == ""


def test_a_label_comes_from_the_base_version(ivan: Shell, suite: Path) -> None:
    """A version that says another class at the input itself is stopped, though its own class would stay."""
    flipped = updated(small(), lambda a: a[::-1].copy() if len(a) == 2 else a)
    (suite / "flipped.onnx").write_bytes(flipped)
    text = 'model = "model.onnx"\n[[property]]\nname = "r"\nrobustness = { inputs = "points.csv", epsilon = 0 }\n'
    (suite / "label.toml").write_text(text)
    assert ivan("gate", "label.toml", "--no-store").code == 0
    assert ivan("gate", "label.toml", "--no-store", "--model", "flipped.onnx").code == 1


def test_the_suite_that_help_shows_is_one(ivan: Shell, suite: Path) -> None:
    _, _, behind = ivan("gate", "--help").out.partition("  A suite:\n")
    (suite / "shown.toml").write_text(behind.partition("\n\n")[0])
    shown = read_suite(suite / "shown.toml")
    assert [type(each.asks) for each in shown.properties] == [type(suite), Robustness, OutputRange, Equivalence]


RELATED = """
model = "model.onnx"
timeout = 20
[[property]]
name = "close"
equivalence = { lower = -0.5, upper = 0.5, max = 0.01 }
[[property]]
name = "alike"
agreement = { inputs = "points.csv", epsilon = 0.001 }
[[property]]
query = "close.vnnlib"
"""


def test_a_version_is_compared_with_the_base_version(ivan: Shell, suite: Path) -> None:
    """Inline or as a file about two networks, whose first is the base version."""
    (suite / "related.toml").write_text(RELATED)
    done = ivan("spec", "equivalence", "model.onnx", "same.onnx", "--input-lower", "-0.5", "--input-upper", "0.5",
                "--max", "0.01", "-o", "close.vnnlib")  # fmt: skip
    assert done.code == 0, done.err
    text = (suite / "related.toml").read_text().replace('query = "close', 'name = "file"\nquery = "close')
    (suite / "related.toml").write_text(text)

    def changes(*more: str) -> dict[str, str]:
        ivan("gate", "related.toml", "--json", "r.json", "--no-store", *more)
        report = json.loads((suite / "r.json").read_text())
        return {entry["name"]: entry["change"] for entry in report["properties"]}

    assert set(changes().values()) == {"holds"}
    assert set(changes("--model", "same.onnx").values()) == {"still holding"}
    found = changes("--model", "worse.onnx")
    assert (found["close"], found["file"]) == ("newly violated", "newly violated")
    # against itself as the base version, nothing differs
    assert changes("--model", "worse.onnx", "--base", "worse.onnx")["close"] == "still holding"

"""`ivan verify`: what it answers, however it is asked."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from tests.cli.shell import Shell
from tests.questions import box

import ivan as package

VALUE = re.compile(r"\((X|Y)_(\d+) (\S+?)\)")


def assignment(text: str) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and outputs of a counterexample as VNN-COMP writes it."""
    assert text.startswith("((X_0 ")
    assert text.endswith("))")
    parts: dict[str, list[float]] = {"X": [], "Y": []}
    for kind, index, value in VALUE.findall(text):
        assert int(index) == len(parts[kind])
        assert repr(float(value)) == value
        parts[kind].append(float(value))
    return np.array(parts["X"]), np.array(parts["Y"])


@pytest.mark.parametrize(
    ("arguments", "verdict"),
    [
        ("model.onnx holds.vnnlib", "unsat"),
        ("holds.vnnlib model.onnx", "unsat"),
        ("model.onnx fails.vnnlib", "sat"),
        ("model.onnx.gz holds.vnnlib.gz", "unsat"),
        ("fails.vnnlib.gz model.onnx.gz", "sat"),
        ("holds.vnnlib --network N=model.onnx", "unsat"),
        ("--network N=model.onnx.gz fails.vnnlib", "sat"),
        ("model.onnx holds.vnnlib --timeout 0", "timeout"),
        ("model.onnx holds.vnnlib --timeout inf", "unsat"),
        ("model.onnx holds.vnnlib --no-store", "unsat"),
        ("model.onnx holds.vnnlib --quiet --no-progress", "unsat"),
        pytest.param(f"model.onnx holds.vnnlib --seed {'9' * 400}", "unsat", id="a seed that no float holds"),
        ("model.onnx holds.vnnlib --threads 1", "unsat"),
        ("model.onnx holds.vnnlib --threads 3", "unsat"),
    ],
)
@pytest.mark.usefixtures("here")
def test_every_form_of_the_command_answers_on_line_one_with_exit_code_zero(
    ivan: Shell, arguments: str, verdict: str
) -> None:
    done = ivan.verify(*arguments.split())
    assert done.verdict == verdict
    assert done.err == ""
    assert (done.out == f"{verdict}\n") == (verdict != "sat")


@pytest.mark.usefixtures("here")
def test_suffixes_are_only_needed_to_swap_the_files(ivan: Shell, here: Path) -> None:
    (here / "model.onnx").rename("model")
    (here / "holds.vnnlib").rename("holds")
    assert ivan.verify("model", "holds").verdict == "unsat"


def test_the_counterexample_violates_the_property_in_onnxruntime(ivan: Shell, here: Path) -> None:
    done = ivan.verify("model.onnx", "fails.vnnlib")
    verdict, text = done.out.rstrip("\n").split("\n", 1)
    inputs, outputs = assignment(text)
    assert verdict == "sat"
    assert np.array_equal(inputs, inputs.astype(np.float32))
    assert np.all(np.abs(inputs) <= 1)
    session = onnxruntime.InferenceSession(here / "model.onnx")
    (actual,) = session.run(None, {"x": inputs.astype(np.float32)[None]})
    assert np.array_equal(actual.ravel(), outputs)
    assert outputs[0] >= 2.1


@pytest.mark.parametrize("asked", ["(<= X_0 -2)", "(>= Y_0 1e30)"], ids=["empty box", "out of reach"])
def test_nothing_to_search_is_unsat(ivan: Shell, here: Path, asked: str) -> None:
    (here / "empty.vnnlib").write_text(box(3, asked))
    assert ivan.verify("model.onnx", "empty.vnnlib").verdict == "unsat"


def test_the_witness_file_holds_the_printed_counterexample(ivan: Shell, here: Path) -> None:
    done = ivan.verify("model.onnx", "fails.vnnlib", "--witness", "found.txt")
    assert done.out == "sat\n" + (here / "found.txt").read_text()
    assert [path.name for path in here.glob(".*")] == []  # no temporary file is left


def test_no_witness_file_without_a_counterexample(ivan: Shell, here: Path) -> None:
    assert ivan.verify("model.onnx", "holds.vnnlib", "--witness", "found.txt").verdict == "unsat"
    assert not (here / "found.txt").exists()


def test_a_linked_witness_file_stays_a_link(ivan: Shell, here: Path) -> None:
    (here / "target.txt").write_text("old")
    (here / "link.txt").symlink_to("target.txt")
    ivan.verify("model.onnx", "fails.vnnlib", "--witness", "link.txt")
    assert (here / "link.txt").is_symlink()
    assert (here / "target.txt").read_text().startswith("((X_0 ")


@pytest.mark.usefixtures("here")
def test_the_report_says_what_was_answered(ivan: Shell) -> None:
    report = ivan.report("model.onnx", "holds.vnnlib")
    assert (report["verdict"], report["model"], report["query"]) == ("unsat", "model.onnx", "holds.vnnlib")
    assert report["leaves"] > 1
    assert report["domains"] == report["statistics"]["domains"] >= report["leaves"]
    assert report["seconds"] >= report["solve_seconds"] > 0
    assert report["save_seconds"] > 0
    assert {"read", "store", "check", "attack", "search"} <= set(report["phases"])
    assert not report["exact"]
    assert all(len(report[name]) == 64 for name in ("network_digest", "property_digest"))
    assert report["witness"] is None


@pytest.mark.usefixtures("here")
def test_the_report_on_stdout_follows_the_answer(ivan: Shell) -> None:
    done = ivan.verify("model.onnx", "fails.vnnlib", "--json", "-")
    answer, report = done.out.split("\n{", 1)
    inputs, outputs = assignment(answer.removeprefix("sat\n"))
    witness = json.loads("{" + report)["witness"]
    assert witness == {"inputs": inputs.tolist(), "outputs": outputs.tolist(), "precision": "float32"}


@pytest.mark.usefixtures("here")
def test_the_same_seed_finds_the_same(ivan: Shell) -> None:
    """How a proof is found also follows from what things cost, so its leaves are no one's promise."""
    fails = [
        ivan.verify("model.onnx", "fails.vnnlib", "--no-store", "--seed", seed, "--threads", 1).out
        for seed in (7, 7, 8)
    ]
    assert fails[0] == fails[1]
    assert {out.splitlines()[0] for out in fails} == {"sat"}
    holds = [ivan.verify("model.onnx", "holds.vnnlib", "--fresh", "--seed", seed).verdict for seed in (7, 7, 8)]
    assert holds == ["unsat"] * 3


@pytest.mark.usefixtures("here")
def test_verbose_tells_the_phases_on_stderr(ivan: Shell) -> None:
    done = ivan.verify("model.onnx", "holds.vnnlib", "--verbose")
    assert done.out == "unsat\n"
    assert next(line.split()[-1] for line in done.err.splitlines() if line.startswith(" ")) == "read"
    assert re.search(r"^unsat in [\d.]+ s, \d+ domains$", done.err, re.MULTILINE)


def test_no_store_creates_nothing(ivan: Shell, here: Path, no_real_store: Path) -> None:
    before = set(here.iterdir())
    assert ivan.verify("model.onnx", "holds.vnnlib", "--no-store").verdict == "unsat"
    assert set(here.iterdir()) == before
    assert not no_real_store.parent.exists()


def test_help_version_and_name_go_to_stdout(ivan: Shell) -> None:
    assert ivan("--version").out == f"{package.__version__}\n"
    assert ivan("--name").out == "ivan\n"
    done = ivan("--help")
    assert (done.code, done.err) == (0, "")
    assert "  ivan verify model.onnx property.vnnlib\n" in done.out  # a line of its own
    assert {"verify", "cache"} <= {line.split()[0] for line in done.out.splitlines() if line.strip()}
    options = ivan.verify("--help").out
    for option in ("--network", "--timeout", "--store", "--no-store", "--fresh", "--base", "--witness", "--json",
                   "--recheck", "--incremental", "--alpha", "--theta", "--threads", "--seed", "--quiet", "--verbose",
                   "--no-progress"):  # fmt: skip
        assert option in options


def test_no_arguments_show_the_help_on_stderr(ivan: Shell) -> None:
    done = ivan()
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("Usage: ivan ")


def test_python_dash_m_runs_the_same_program(here: Path) -> None:
    command = [sys.executable, "-m", "ivan", "verify", "model.onnx", "holds.vnnlib"]
    done = subprocess.run(command, cwd=here, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "unsat\n", "")


def test_a_name_that_stdout_cannot_say_is_escaped(here: Path) -> None:
    """As where a pipe on Windows has an encoding of 256 letters."""
    model = here / "modèle-βeta.onnx"
    model.write_bytes((here / "model.onnx").read_bytes())
    done = subprocess.run(
        [sys.executable, "-m", "ivan", "model", "info", model.name],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "cp1252"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert b"mod\xe8le-\\u03b2eta.onnx" in done.stdout

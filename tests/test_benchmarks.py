"""The benchmarks run: what they put timers around is still there, and their tables have all parts."""

from __future__ import annotations

import runpy
import subprocess
import sys
import types
from pathlib import Path

import pytest

from ivan.vnnlib import read_query

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "vnnlib_examples"


def benchmark(name: str, *arguments: str | Path) -> str:
    """What it prints."""
    command = [sys.executable, str(ROOT / "benchmarks" / name), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_profile_of_a_query_has_every_phase() -> None:
    table = benchmark("profile.py", EXAMPLE / "pendulum.onnx", EXAMPLE / "pendulum-slows.vnnlib")
    head = next(line for line in table.splitlines() if "query" in line)
    for part in ("start-up", "read", "store", "attack", "bound", "ascent", "rigour only", "branching", "LP", "sum"):
        assert part in head
    assert "unsat" in table


@pytest.mark.parametrize("name", ["incremental.py", "profile.py"])
def test_a_benchmark_says_how_it_is_used(name: str) -> None:
    assert f"python benchmarks/{name}" in benchmark(name, "--help")


def test_the_ablation_compares_every_technique_with_a_search_from_scratch(tmp_path: Path) -> None:
    rows = tmp_path / "instances.csv"
    base, updated, query = "pendulum.onnx", "pendulum.int16.onnx", "pendulum-slows.vnnlib"
    cells = [str(EXAMPLE / name) for name in (base, updated, query)]
    rows.write_text(f"base,updated,vnnlib,update\n{','.join(cells)},int16\n")
    table = benchmark("incremental.py", "--instances", rows, "--cap", "30")
    for technique in ("reuse", "reorder", "reuse+prune", "all of IVAN", "transfer", "everything"):
        assert technique in table


def test_the_ablation_of_the_examples_has_rows_that_can_be_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some examples have no later versions, and some questions are about two versions at once."""
    # dataclasses look their module up
    monkeypatch.setitem(sys.modules, "incremental", types.ModuleType("incremental"))
    rows = list(runpy.run_path(str(ROOT / "benchmarks" / "incremental.py"), run_name="incremental")["examples"]())
    assert {row.update for row in rows} == {"int16", "int8", "finetuned", "pruned"}
    for row in rows:
        assert all(path.exists() for path in (row.base, row.updated, row.query))
        assert len(read_query(row.query).networks) < 2


@pytest.mark.parametrize(
    ("printed", "good"),
    [
        ("Test 1 \u2705  add/add01\n\n1/1 passed, 0 failed", True),
        ("Test 1 \u26a0\ufe0f  add/add01\n    slow\n\n0/1 passed, 0 failed, 0 suspect, 1 errored", True),
        ("Test 1 \u2705  add/add01\nTest 2 \u274c  add/add02\n    no\n\n1/2 passed, 1 failed", False),
        ("Test 1 \u2705  add/add01\n", False),
    ],
)
def test_conformance_fails_where_an_answer_is_wrong_or_the_suite_ends_early(monkeypatch, capsys, printed, good) -> None:
    script = runpy.run_path(str(ROOT / "benchmarks" / "conformance.py"))

    def suite(*_: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-X", "utf8", "-c", f"print({printed!r})"]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8")

    monkeypatch.setitem(script["run_tests"].__globals__, "suite", suite)
    assert script["run_tests"]() is good
    output = capsys.readouterr().out
    assert ("add/add02: WRONG" in output) == ("\u274c" in printed)
    assert ("add/add01: not answered" in output) == ("\u26a0" in printed)

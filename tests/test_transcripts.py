"""What the documentation shows is what happens: its commands are run again, and its Python too."""

from __future__ import annotations

import math
import os
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ivan.cli.main import run
from ivan.network.onnx_reader import read_model
from ivan.network.reference import Runtime
from ivan.verification.keeping import compact_saved
from ivan.vnnlib import read_query

ROOT = Path(__file__).parent.parent
PATIENCE = 600.0
"""Seconds, far more than any command takes: a slow machine must not decide a test."""

EXACT = ("docs/errors.md", "docs/specifications.md", "docs/vnncomp.md")
"""Pages that show the same on every machine; `...` stands for anything."""

MEASURED = (
    "README.md",
    "docs/batch.md",
    "docs/formats.md",
    "docs/gate.md",
    "docs/getting-started.md",
    "docs/incremental.md",
    "docs/store.md",
    "docs/tree.md",
)
"""Pages with numbers that were measured, or that another processor rounds otherwise: all else is compared."""

CONSOLE = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
TEXT = re.compile(r"^```text\n(.*?)^```", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?")
DURATION = re.compile(r"\b0 (?:s|min|h|days)\b")
ANYTHING = r"(?:.*\n)*"


@pytest.fixture
def no_compaction(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proofs are compacted as they are for a reader, but to the end however slow the machine is."""

    def patient(*saved: Any) -> None:
        *all_but_share, _ = saved
        compact_saved(*all_but_share, share=math.inf)

    monkeypatch.setattr("ivan.verification.keeping.WORTH_COMPACTING", 0.0)
    monkeypatch.setattr("ivan.verification.run.compact_saved", patient)


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a reader of the documentation stands: a folder with the examples, and `ivan` on the path."""
    folder, programs = tmp_path / "reader", tmp_path / "bin"
    for made in (folder, programs):
        made.mkdir()
    for name in ("docs", "specs", "vnnlib_examples"):
        (folder / name).symlink_to(ROOT / name)
    program = programs / "ivan"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ivan "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(folder)
    return folder


def steps(page: str) -> list[tuple[str, str]]:
    """Commands with what is shown below them, in the order of the page."""
    found = []
    for block in CONSOLE.findall((ROOT / page).read_text()):
        for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, shown = step.replace("\\\n", "").partition("\n")
            found.append((command, shown.rstrip("\n")))
    return found


def pattern(shown: str) -> str:
    """A regular expression for what may be printed where this is shown; `...` by itself is any number of lines."""
    return "".join(ANYTHING if line == "..." else ".*".join(map(re.escape, line.split("..."))) + "\n"
                   for line in shown.split("\n"))  # fmt: skip


def plain(text: str) -> str:
    """Without numbers and the room that they take in a table, and without what a slow machine says otherwise."""
    numberless = re.sub(r" +", " ", NUMBER.sub("0", text))
    return DURATION.sub("0 s", numberless).replace("0 s lost", "0 s saved")


def plain_call(command: str) -> bool:
    """Does it call `ivan` and nothing else, as most do? Then no process needs to be started for it."""
    return command.startswith("ivan ") and not set(command) & set("|<>&;$`*?")


def run_here(command: str) -> str:
    """What a command prints, run in this process."""
    data = BytesIO()
    stream = TextIOWrapper(data, encoding="utf-8", write_through=True)
    with redirect_stdout(stream), redirect_stderr(stream):
        run(shlex.split(command)[1:])
    return data.getvalue().decode().rstrip("\n") + "\n"


def run_in_a_shell(command: str, folder: Path) -> str:
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=PATIENCE, check=False,
    )  # fmt: skip
    return done.stdout.rstrip("\n") + "\n"


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize("page", [*EXACT, *MEASURED])
def test_commands_do_what_is_shown(reader: Path, page: str) -> None:
    assert steps(page)
    for command, shown in steps(page):
        printed = run_here(command) if plain_call(command) else run_in_a_shell(command, reader)
        seen = (plain(shown), plain(printed)) if page in MEASURED else (shown, printed)
        if not re.fullmatch(pattern(seen[0]), seen[1]):
            assert printed == f"{shown}\n", command


def test_how_fast_a_machine_is_decides_nothing() -> None:
    shown = "holds  98%   0.15 s  0.03 s\n98% of the old proofs reused, 0.2 s saved: 0.3 s instead of 0.5 s, 2 s ago"
    slow = "holds  98%  121 s  -0.70 s\n98% of the old proofs reused, 1.2 s lost: 1.9 s instead of 0.7 s, 3 min ago"
    assert plain(slow) == plain(shown)
    assert plain(slow.replace("holds", "violated")) != plain(shown)


@pytest.mark.parametrize("name", ["list", "show", "info", "doctor", "prune", "export", "import"])
def test_the_page_of_the_store_shows_its_commands_at_work(name: str) -> None:
    assert any(command.startswith(f"ivan cache {name}") for command, _ in steps("docs/store.md"))


@pytest.mark.parametrize("page", MEASURED)
def test_a_counterexample_that_is_shown_is_one(page: str) -> None:
    for command, shown in steps(page):
        named = re.match(r"ivan verify (\S+) (\S+)", command)
        if named is None or not shown.startswith("sat\n"):
            continue
        x = np.array([float(value) for value in re.findall(r"\(X_\d+ ([^)]+)\)", shown)])
        y = Runtime(read_model(ROOT / named[1]).data).run(x)
        assert read_query(ROOT / named[2]).violated_in_floats(x.tolist(), y.tolist(), lambda value: value), command


@pytest.mark.usefixtures("reader")
@pytest.mark.parametrize("page", ["README.md", "docs/specifications.md", "docs/python.md"])
def test_python_prints_what_is_shown(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / page).read_text()
    (source,) = PYTHON.findall(text)
    shown = TEXT.findall(text) if page == "docs/python.md" else []
    exec(compile(source, page, "exec"), {})
    assert capsys.readouterr().out == "".join(shown or ["unsat\n"])

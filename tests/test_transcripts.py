"""What the documentation shows is what happens: its commands are run again, and its Python too."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = ("specifications.md", "vnncomp.md")
CONSOLE = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a reader of the documentation stands: a folder with the examples, and `ivan` on the path."""
    folder, programs = tmp_path / "reader", tmp_path / "bin"
    for made in (folder, programs):
        made.mkdir()
    for name in ("docs", "vnnlib_examples"):
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
    for block in CONSOLE.findall((ROOT / "docs" / page).read_text()):
        for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, shown = step.partition("\n")
            found.append((command, shown.rstrip("\n")))
    return found


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize("page", PAGES)
def test_commands_do_what_is_shown(reader: Path, page: str) -> None:
    assert steps(page)
    for command, shown in steps(page):
        done = subprocess.run(
            ["bash", "-c", command], cwd=reader, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=120, check=False,
        )  # fmt: skip
        assert done.stdout.rstrip("\n") == shown, command


TEXT = re.compile(r"^```text\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.usefixtures("reader")
@pytest.mark.parametrize("page", ["specifications.md", "python.md"])
def test_python_prints_what_is_shown(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "docs" / page).read_text()
    (source,), (shown,) = PYTHON.findall(text), TEXT.findall(text) or ["unsat\n"]
    exec(compile(source, page, "exec"), {})
    assert capsys.readouterr().out == shown

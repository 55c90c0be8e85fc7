"""Shells complete commands, options and files from what `ivan completion` prints."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.shell import Shell

needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")


@pytest.mark.parametrize(
    ("shell", "mark"),
    [("bash", "complete -o nosort -F"), ("zsh", "#compdef ivan"), ("fish", "complete --no-files --command ivan")],
)
def test_the_script_is_that_of_the_shell(ivan: Shell, shell: str, mark: str) -> None:
    done = ivan("completion", shell)
    assert done.code == 0
    assert mark in done.out
    assert "_IVAN_COMPLETE" in done.out


def test_another_shell_is_an_error(ivan: Shell) -> None:
    done = ivan("completion", "tcsh")
    assert (done.code, done.out) == (2, "")
    assert "'tcsh' is not one of 'bash', 'zsh', 'fish'" in done.err


def completed(*words: str) -> set[tuple[str, str]]:
    """What the program tells bash about the last word: kinds and values."""
    environment = os.environ | {
        "_IVAN_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(("ivan", *words)),
        "COMP_CWORD": str(len(words)),
    }
    command = [sys.executable, "-m", "ivan"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
    return {(kind, value) for kind, _, value in (line.partition(",") for line in done.stdout.splitlines())}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("v",), {("plain", "verify"), ("plain", "vnncomp")}),
        (("spec", "r"), {("plain", "range"), ("plain", "robustness")}),
        (("verify", "--no-s"), {("plain", "--no-store")}),
        (("verify", "mod"), {("file", "mod")}),
        (("model", "info", "mod"), {("file", "mod")}),
        (("vnncomp", "scripts", "to"), {("dir", "to")}),
        (("completion", ""), {("plain", "bash"), ("plain", "zsh"), ("plain", "fish")}),
    ],
)
def test_words_are_completed(words: tuple[str, ...], expected: set[tuple[str, str]]) -> None:
    assert completed(*words) == expected


@needs_bash
def test_bash_completes_with_the_script(ivan: Shell, tmp_path: Path) -> None:
    program = tmp_path / "ivan"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ivan "$@"\n')
    program.chmod(0o755)
    (tmp_path / "script").write_text(ivan("completion", "bash").out)
    ask = 'source script; COMP_WORDS=(ivan cache sh); COMP_CWORD=2; _ivan_completion ivan; echo "${COMPREPLY[@]}"'
    environment = os.environ | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", ask], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "show\n"

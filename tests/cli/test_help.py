"""Every command explains itself, with examples that it accepts; colours go where they are wanted."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from tests.cli.process import run_on_terminal
from tests.cli.shell import Shell

from ivan.cli.main import cli

COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-7][0-9;]*m")


def commands(command: click.Command, *path: str) -> Iterator[tuple[str, ...]]:
    """The words that lead to every command."""
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from commands(inner, *path, name)


ALL = [" ".join(path) for path in commands(cli)]


def examples(text: str) -> list[str]:
    """The command lines below `Examples:` in a help text."""
    _, _, behind = text.partition("  Examples:\n")
    return [line.strip() for line in behind.split("\n\n")[0].splitlines()]


@pytest.mark.parametrize("path", ALL)
def test_help_has_examples_that_the_program_accepts(ivan: Shell, path: str) -> None:
    done = ivan(*path.split(), "--help")
    assert (done.code, done.err) == (0, "")
    lines = examples(done.out)
    assert lines
    for line in lines:
        assert max(map(len, lines)) < 130
        # of a pipe, or within $(...), the part that is ours
        ours = re.search(r"(?:^|[|(]) ?(ivan [^)>]*)", line.replace("IVAN=ivan bash vnncomp_scripts/run_instance.sh",
                                                                  "ivan vnncomp run").replace("'[(", "[("))  # fmt: skip
        assert ours is not None, line
        text = line if line.startswith("ivan ") else ours[1]
        accept(shlex.split(text.split(" > ")[0], comments=True)[1:], line)


def accept(words: list[str], line: str) -> None:
    """Parses a command line as the program does, without running it."""
    command: click.Command = cli
    context = click.Context(cli, info_name="ivan")
    while isinstance(command, click.Group):
        found = command.get_command(context, words[0]) if words else None
        assert found is not None, line
        command, words = found, words[1:]
    command.make_context(line, list(words), parent=context)


@pytest.mark.parametrize("path", ALL)
def test_every_option_says_what_it_does(path: str) -> None:
    command: click.Command = cli
    for word in path.split():
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), word)
        assert found is not None
        command = found
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name


def test_the_main_help_names_exit_codes_and_the_environment(ivan: Shell) -> None:
    text = ivan("--help").out
    for word in ("Exit codes:", "Environment:", "IVAN_STORE", "NO_COLOR", "  130  interrupted"):
        assert word in text


@pytest.mark.parametrize(
    "arguments",
    [
        ("verify", "model.onnx", "nosuch.vnnlib"),
        ("verify", "model.onnx", "holds.vnnlib"),
        ("cache", "list"),
        ("model", "info", "model.onnx"),
        ("spec", "robustness", "model.onnx", "--input", "x.csv", "--epsilon", "1", "--label", "1"),
    ],
)
def test_no_color_means_no_colour(here: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]) -> None:
    (here / "x.csv").write_text("0,0,0")
    monkeypatch.setenv("NO_COLOR", "1")
    assert not COLOUR.search(run_on_terminal(*arguments).out)


def test_without_no_color_an_error_is_coloured(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert COLOUR.search(run_on_terminal("verify", here / "model.onnx", here / "nosuch.vnnlib").out)

"""Writes docs/commands.md: all that the commands say of themselves in `--help`.

    python docs/generate_commands.py

A test compares the page with what the program says now.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from ivan.cli.main import cli

PAGE = Path(__file__).parent / "commands.md"

HEAD = """\
<!-- Written by docs/generate_commands.py. Do not edit: change the program, then run `make docs`. -->

# Command reference

What `--help` says, of all commands. Each of them has `-h` and `--help`.

`-q`, `--quiet` means the same of every command that runs something: what goes to stdout is the answer and stays as it
is; on stderr there are errors alone, questions that somebody has to answer, and what `ivan cache export` left out."""

LISTS = {"Exit codes:": "exit code", "Environment:": "variable", "Keys:": "table"}
"""Parts of a help text that are tables: their headings, and what their first column holds."""

_OPTION = re.compile(r"(?<![\w-])--[a-z]+(?:-[a-z]+)*")


def page() -> str:
    """The whole page."""
    outer, *inner = contexts(cli, "ivan")
    parts = [HEAD, *described(outer)]
    for context in inner:
        level = 1 + context.command_path.count(" ")
        parts += [f"{'#' * level} {context.command_path}", *described(context)]
    return "\n\n".join(parts) + "\n"


def contexts(command: click.Command, name: str, parent: click.Context | None = None) -> Iterator[click.Context]:
    """A context for the command and for every command in it, the outer ones first."""
    context = click.Context(command, info_name=name, parent=parent)
    yield context
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            assert found is not None
            yield from contexts(found, inner, context)


def described(context: click.Context) -> Iterator[str]:
    """All that a command says of itself, block by block."""
    command = context.command
    yield f"```\n{' '.join([context.command_path, *command.collect_usage_pieces(context)])}\n```"
    texts = list(blocks(command.help or ""))
    yield from (text for text, last in texts if not last)
    if isinstance(command, click.Group):
        yield table(("command", ""), [_named(context, name) for name in command.list_commands(context)])
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    if options:
        yield table(("option", "default", ""), [option_row(option, context) for option in options])
    yield from (text for text, last in texts if last)


def _named(context: click.Context, name: str) -> tuple[str, str]:
    """A command of a group, with a link to where it is described."""
    assert isinstance(context.command, click.Group)
    found = context.command.get_command(context, name)
    assert found is not None
    path = f"{context.command_path} {name}"
    return f"[`{path}`](#{path.replace(' ', '-')})", marked(found.get_short_help_str(limit=200))


def blocks(text: str) -> Iterator[tuple[str, bool]]:
    """A help text as Markdown, block by block; True for those that stand behind the options: examples and lists."""
    for block in inspect.cleandoc(text).split("\n\n"):
        if not block.startswith("\b\n"):
            yield marked(" ".join(block.split("\n"))), False
            continue
        heading, _, body = block.removeprefix("\b\n").partition("\n")
        if heading in LISTS:
            rows = [line.split(maxsplit=1) for line in body.split("\n")]
            yield table((LISTS[heading], ""), [(f"`{key}`", marked(meaning)) for key, meaning in rows]), True
        else:
            language = "toml" if heading == "A suite:" else "sh"
            yield f"{heading}\n\n```{language}\n{textwrap.dedent(body)}\n```", True


def option_row(option: click.Option, context: click.Context) -> tuple[str, str, str]:
    """An option: how it is written, its default, and what it does."""
    names = [*option.opts[:-1], option.opts[-1] if option.is_flag else f"{option.opts[-1]} {_value(option, context)}"]
    default = f"`{option.default}`" if option.show_default else "required" if option.required else ""
    text = marked(option.help or "")
    limits = extent(option.type)
    if limits:
        text = f"{text.removesuffix('.')} ({limits})."
    return ", ".join(f"`{name}`" for name in names), default, text


def _value(option: click.Option, context: click.Context) -> str:
    return option.make_metavar(context).removesuffix(" RANGE")


def extent(kind: click.ParamType) -> str:
    """In words, which numbers an option takes."""
    if not isinstance(kind, click.IntRange | click.FloatRange):
        return ""
    if kind.min is not None and kind.max is not None:
        return f"{kind.min:,g} to {kind.max:,.10g}"
    if kind.min is None:
        return "" if kind.max is None else f"at most {kind.max:,.10g}"
    return f"{'above' if kind.min_open else 'at least'} {kind.min:,g}"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table: its headings, and its rows."""
    lines = [" | ".join(cell.replace("|", "\\|") for cell in line) for line in (columns, *rows)]
    lines.insert(1, "---|" * len(columns))
    return "\n".join([f"| {lines[0]} |", f"|{lines[1]}", *(f"| {line} |" for line in lines[2:])])


def marked(text: str) -> str:
    """With options set as code, where they are not already."""
    parts = text.split("`")
    parts[::2] = [_OPTION.sub(r"`\g<0>`", part) for part in parts[::2]]
    return "`".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

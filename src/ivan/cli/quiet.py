"""`--quiet`, which every command has, and the talk that it ends.

One rule for all of them: what goes to stdout is the answer and stays as it is, on stderr there are errors alone, and
questions that somebody has to answer. Of commands that only show something, too, only notes and warnings are left out:
who wants to see nothing sends stdout away.
"""

from __future__ import annotations

import click

from ivan.cli.style import styled

_KEY = "ivan.cli.quiet"


def hush(context: click.Context, _: click.Parameter, wanted: bool) -> bool:
    """A callback: from here on the command is quiet."""
    context.meta[_KEY] = wanted
    return wanted


quiet_option = click.option(
    "-q",
    "--quiet",
    is_flag=True,
    expose_value=False,
    callback=hush,
    help="Say nothing but the answer, questions and errors.",
)
"""For commands that have no progress to show; `is_quiet` tells what was asked for."""


def is_quiet() -> bool:
    """Was the command that runs told to be quiet?"""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(_KEY))


def say(line: str) -> None:
    """A line on stderr, unless the command is quiet."""
    if not is_quiet():
        click.echo(line, err=True)


def warn(message: str, hint: str | None = None) -> None:
    """A warning and its hint, likewise."""
    say(f"{styled('warning:', fg='yellow')} {message}")
    if hint:
        say(f"{styled('hint:', fg='cyan')} {hint}")

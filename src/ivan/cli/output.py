"""Where answers go: stdout, and the files that somebody asked for; and where they come from, for a question."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from ivan.errors import InputError

_HINT = "is the folder there, and writable?"
_PLAIN = {"encoding": "utf-8", "newline": "\n"}  # the same bytes on every system


def print_answer(text: str) -> None:
    """To stdout, at once. When nobody reads it any more the rest goes nowhere, and what is left to do is done.

    Raises:
        InputError: stdout cannot take it: the disk is full, ...
    """
    try:
        click.echo(text)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        raise InputError(f"stdout: cannot be written: {error.strerror}", hint="send it somewhere else") from error


def agreed(question: str) -> bool:
    """A yes or a no to a question, asked on stderr.

    Raises:
        InputError: nobody can answer: stdin is at its end.
    """
    try:
        return click.confirm(question, err=True)
    except click.Abort as error:
        if not isinstance(error.__context__, EOFError):
            raise
        click.echo(err=True)
        raise InputError("nobody answered, and nothing was changed", hint="--yes goes on without asking") from error


def check_target(path: Path) -> None:
    """Can a file be written there, as far as can be seen before the work begins?

    Raises:
        InputError: no.
    """
    if path.is_dir():
        raise InputError(f"{path}: cannot be written: it is a folder", hint="give the name of a file")
    if not path.parent.is_dir():
        raise InputError(f"{path}: cannot be written: there is no folder {path.parent}", hint=_HINT)
    if not os.access(path if _special(path) else path.parent, os.W_OK):
        raise InputError(f"{path}: cannot be written: permission denied", hint=_HINT)


def make_folder(path: Path) -> None:
    """Makes a folder, and those above it, where it is not there.

    Raises:
        InputError: it cannot be made, or nothing can be written there.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be made: {error.strerror}", hint="name a folder") from error
    if not os.access(path, os.W_OK):
        raise InputError(f"{path}: cannot be written: permission denied", hint=_HINT)


def write_file(path: Path, content: str | bytes) -> None:
    """To a temporary name first: whoever reads the file finds all of it or nothing. Pipes and devices get it directly.

    Raises:
        InputError: it cannot be written.
    """
    try:
        if _special(path):
            _write(path, content)
            return
        path = path.resolve()  # a link stays a link
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            _write(partial, content)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}", hint=_HINT) from error


def _write(path: Path, content: str | bytes) -> None:
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content, **_PLAIN)


def _special(path: Path) -> bool:
    """A pipe or a device, which a rename would replace."""
    return path.exists() and not path.is_file()

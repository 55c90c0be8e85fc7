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
    """To stdout, at once.

    Raises:
        InputError: stdout cannot take it: the disk is full, ...
    """
    try:
        click.echo(text)
        sys.stdout.flush()
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


def check_proof_target(path: Path, store: str | None = None) -> None:
    """Can a file with one proof be written there, without anything being lost but another such file?

    Args:
        path: of the file.
        store: the proof store in use, as it was named; None for the default one.

    Raises:
        InputError: no.
    """
    check_target(path)
    if not path.exists():
        return
    if not path.is_file():
        raise InputError(f"{path}: cannot be written: it is no ordinary file", hint="give the name of a file")
    from ivan.store import shown_location  # imports SQLAlchemy, and there seldom is such a file

    named = Path(shown_location(store))
    if named.exists() and path.samefile(named):
        raise InputError(f"{path}: is the proof store itself", hint="give the name of another file")
    if not _replaceable(path):
        raise InputError(
            f"{path}: is there already, and is no file with one proof", hint="give another name, or delete it first"
        )


def _replaceable(path: Path) -> bool:
    """Is it empty, or a store with one run?"""
    import sqlite3
    from contextlib import closing

    try:
        if not path.stat().st_size:
            return True
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            return bool(connection.execute("SELECT count(*) = 1 FROM runs").fetchone()[0])
    except (OSError, sqlite3.Error):
        return False


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

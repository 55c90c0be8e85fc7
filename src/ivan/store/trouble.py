"""What a database reports, as one line that a person can read and a hint what to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc

from ivan.errors import StoreError

# The beginning of SQLite's error code -> what is wrong, what to do. {file} is the location.
_SQLITE_ERRORS = {
    "SQLITE_BUSY": ("is locked by another process", "try again when it has finished, or use another store"),
    "SQLITE_LOCKED": ("is locked by another process", "try again when it has finished, or use another store"),
    "SQLITE_READONLY": ("is read-only", "make the file and its folder writable, or use another store"),
    "SQLITE_CANTOPEN": ("cannot be opened", "check that the file and its folder exist and are readable"),
    "SQLITE_NOTADB": ("is not a proof store", "give another path, or delete the file to start afresh"),
    "SQLITE_CORRUPT": ("is damaged", "delete {file} and {file}-wal to start afresh; every answer can be found again"),
    "SQLITE_FULL": (
        "cannot grow: the disk is full",
        "free some space; `ivan cache prune` deletes what is old, `ivan cache clear` all",
    ),
    "SQLITE_TOOBIG": ("cannot hold a value this large", "save without the proof"),
    "SQLITE_IOERR": ("cannot be read or written", "check the disk that holds it"),
    "SQLITE_PERM": ("cannot be opened: permission denied", "check the permissions of the file and its folder"),
}


@contextmanager
def translated(location: str) -> Iterator[None]:
    """Turns what a database reports into a `StoreError` with one line and a hint."""
    try:
        yield
    except exc.DBAPIError as error:
        raise _explained(error.orig, location) from error
    except exc.SQLAlchemyError as error:
        raise StoreError(f"{location}: {_first_line(error)}", hint="check the URL of the proof store") from error
    except sqlite3.Error as error:
        raise _explained(error, location) from error
    except UnicodeDecodeError as error:
        # SQLite's own message quotes a schema that is no text any more, and Python fails to read that message.
        raise known("SQLITE_CORRUPT", location) from error


def known(code: str, location: str) -> StoreError:
    """The error for one of SQLite's codes."""
    problem, hint = _SQLITE_ERRORS[code]
    return StoreError(f"{location}: the proof store {problem}", hint=hint.format(file=location))


def _explained(error: BaseException | None, location: str) -> StoreError:
    code = getattr(error, "sqlite_errorname", None)
    if code is None:
        hint = "check that the database is running and may be written" if not isinstance(error, sqlite3.Error) else None
        return StoreError(f"{location}: the proof store answers: {_first_line(error)}", hint=hint)
    for prefix in _SQLITE_ERRORS:
        if code.startswith(prefix):
            return known(prefix, location)
    return StoreError(
        f"{location}: the proof store cannot be used: {_first_line(error)} ({code})",
        hint="if it is damaged, delete the file to start afresh",
    )


def _first_line(error: BaseException | None) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]

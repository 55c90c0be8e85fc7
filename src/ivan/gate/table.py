"""Tables of TOML, read so that nothing in them goes unnoticed: a key that nobody takes is an error.

Numbers are exact: TOML's floats arrive as fractions (`parse_float=exact`), and texts such as "8/255" are numbers, too.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from fractions import Fraction
from math import isfinite
from pathlib import Path
from typing import Any, TypeVar

from ivan.errors import InputError
from ivan.spec.box import Vector
from ivan.spec.decimals import exact

T = TypeVar("T")

HINT = "`ivan gate --help` shows a suite and all its keys"


class Table:
    """One table: every key is taken once, and what is left over means nothing.

    Args:
        table: the table.
        place: for messages.
        folder: where paths start from.
    """

    def __init__(self, table: Mapping[str, Any], place: str, folder: Path) -> None:
        self._table, self._known = table, set[str]()
        self.place, self.folder = place, folder

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """What is wrong in here is said with the place.

        Raises:
            InputError: for every ValueError.
        """
        try:
            yield
        except ValueError as error:
            raise InputError(f"{self.place}: {error}", hint=HINT) from error

    def take(self, key: str, read: Callable[[Any], T], default: T) -> T:
        """A value, or the default where the table has none."""
        self._known.add(key)
        return self.need(key, read) if key in self._table else default

    def need(self, key: str, read: Callable[[Any], T]) -> T:
        """A value that has to be there."""
        if key not in self._table:
            raise ValueError(f"{key} is missing")
        self._known.add(key)
        try:
            return read(self._table[key])
        except ValueError as error:
            raise ValueError(f"{key}: {error}") from error

    def file(self, value: object) -> Path:
        """A file's path, as short as it can be said."""
        return shown(self.folder / as_text(value))

    def files(self, value: object) -> tuple[Path, ...]:
        """Several."""
        return tuple(self.file(entry) for entry in as_list(value))

    def inner(self, key: str) -> Table:
        """The table under a key."""
        return Table(self.need(key, as_table), self.place, self.folder)

    def end(self) -> None:
        """Nothing else may be there."""
        for key in self._table.keys() - self._known:
            near = get_close_matches(key, self._known, 1)
            raise ValueError(f"{key} means nothing here" + (f": {near[0]}?" if near else ""))


def shown(path: Path) -> Path:
    """The same file without detours, and from the current folder where it lies in there.

    `specs/../models/a.onnx` is `models/a.onnx`, unless `specs` is a link that leads elsewhere.
    """
    try:
        short = os.path.relpath(path)
    except ValueError:  # on another drive (Windows)
        return path
    if path.is_absolute() and short.startswith(os.pardir):
        short = os.path.normpath(path)
    return Path(short) if os.path.realpath(short) == os.path.realpath(path) else path


def as_table(value: object) -> Mapping[str, Any]:
    """Keys and values."""
    if not isinstance(value, dict):
        raise ValueError("a table is expected")
    return value


def as_list(value: object) -> list[Any]:
    """A list of anything."""
    if not isinstance(value, list):
        raise ValueError("a list is expected")
    return value


def as_tables(value: object) -> list[Mapping[str, Any]]:
    """A list of tables."""
    return [as_table(entry) for entry in as_list(value)]


def as_text(value: object) -> str:
    """A text that says something."""
    if not isinstance(value, str) or not value:
        raise ValueError("a text is expected")
    return value


def as_truth(value: object) -> bool:
    """Yes or no."""
    if not isinstance(value, bool):
        raise ValueError("true or false is expected")
    return value


def as_number(value: object) -> Fraction:
    """An exact number, or a text that says one."""
    if isinstance(value, str):
        return exact(value)
    if isinstance(value, bool) or not isinstance(value, int | Fraction):
        raise ValueError("a number is expected")
    return Fraction(value)


def as_numbers(value: object) -> Vector:
    """One number, or a list of them."""
    return tuple(map(as_number, value)) if isinstance(value, list) else (as_number(value),)


def as_index(value: object) -> int:
    """A whole number from 0."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("a whole number from 0 is expected")
    return value


def as_indices(value: object) -> tuple[int, ...]:
    """One, or a list of them."""
    return tuple(map(as_index, value)) if isinstance(value, list) else (as_index(value),)


def as_seconds(value: object) -> float:
    """A positive number of seconds."""
    seconds = float(as_number(value))
    if not (isfinite(seconds) and seconds > 0):
        raise ValueError("a number of seconds is expected")
    return seconds

"""Suites: what every version of a model must keep, as TOML.

    model = "controller.onnx"                     # the base version; paths start from the suite's folder
    timeout = 60                                  # seconds, for properties that name none

    [[property]]
    query = "at-the-limit.vnnlib"

    [[property]]
    name = "digits keep their class"
    robustness = { inputs = "digits.npy", epsilon = "8/255", clip = [0, 1] }
    severity = "may-be-undecided"

    [[property]]
    range = { lower = -1, upper = 1, outputs = [0], max = 2.5 }
    fixed = ["found-in-v3.txt"]                   # counterexamples that must not come back

Instead of `model`, a table `[models]` may name several; a property then says which is meant by `model = "NAME"`.
Numbers are exact: 0.1 is a tenth. Properties that are stated inline are read in kinds.py.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from ivan.errors import InputError
from ivan.gate.kinds import KINDS, Inline
from ivan.gate.table import HINT, Table, as_seconds, as_table, as_tables, as_text
from ivan.spec.decimals import exact

ONLY = "model"
"""What a suite's model is called where there is one."""

TIMEOUT = 60.0
"""Seconds where nobody says how many."""


class Severity(StrEnum):
    """What is asked of a property."""

    MUST_HOLD = "must-hold"
    MAY_BE_UNDECIDED = "may-be-undecided"
    MAY_FAIL = "may-fail"


@dataclass(frozen=True)
class Property:
    """One property of a suite.

    Attributes:
        name: for people; no two have the same.
        model: which of the suite's models it is about.
        asks: a VNN-LIB file, or what is to be asked.
        severity: what is asked of it.
        timeout: seconds that it may take.
        fixed: counterexamples, as `ivan verify --witness` writes them, that must not come back.
    """

    name: str
    model: str
    asks: Path | Inline
    severity: Severity
    timeout: float
    fixed: tuple[Path, ...]


@dataclass(frozen=True)
class Suite:
    """A suite that was read.

    Attributes:
        path: its file.
        models: the base version of every model, by name.
        properties: in the file's order.
    """

    path: Path
    models: Mapping[str, Path]
    properties: tuple[Property, ...]

    @property
    def name(self) -> str:
        """The file's, without its suffix."""
        return self.path.stem


def read_suite(path: Path) -> Suite:
    """Reads a suite.

    Raises:
        InputError: it cannot be read, or says something that means nothing; names the place.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}", hint="check the path") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a text file", hint=HINT) from error
    try:
        table = tomllib.loads(text, parse_float=exact)
    except ValueError as error:  # TOML's own errors, and floats that are none: inf and nan
        raise InputError(f"{path}: {error}", hint=HINT) from None
    top = Table(table, f"{path}", path.parent)
    with top.guarded():
        models = _models(top)
        timeout = top.take("timeout", as_seconds, TIMEOUT)
        entries: list[Mapping[str, Any]] = top.take("property", as_tables, [])
        top.end()
    if not entries:
        raise InputError(f"{path}: no properties", hint="each is a table [[property]]")
    properties: list[Property] = []
    for number, entry in enumerate(entries, 1):
        reader = Table(entry, f"{path}: property {number}", path.parent)
        with reader.guarded():
            read = _property(reader, models, timeout, f"property {number}")
            if read.name in {other.name for other in properties}:
                raise ValueError(f"a second property is called {read.name!r}: give one of them a name")
        properties.append(read)
    return Suite(path, models, tuple(properties))


def _models(top: Table) -> dict[str, Path]:
    several: Mapping[str, Any] = top.take("models", as_table, {})
    one = top.take("model", top.file, None)
    if (one is None) == (not several):
        raise ValueError("either model or a table [models] is expected")
    return {ONLY: one} if one is not None else {name: top.file(value) for name, value in several.items()}


def _property(reader: Table, models: Mapping[str, Path], timeout: float, name: str) -> Property:
    given: str | None = reader.take("name", as_text, None)
    if given is not None:
        reader.place += f" ({given!r})"
    model = reader.take("model", as_text, ONLY)
    if model not in models:
        raise ValueError(f"model: one of {', '.join(map(repr, models))} is expected")
    kinds = [kind for kind in KINDS if reader.take(kind, lambda _: True, False)]
    if len(kinds) != 1:
        raise ValueError(f"exactly one of {', '.join(KINDS)} is expected")
    asks = KINDS[kinds[0]](reader)
    if given is None and isinstance(asks, Path):
        given = asks.name.removesuffix(".gz").removesuffix(".vnnlib")
    found = Property(
        given or name,
        model,
        asks,
        reader.take("severity", _severity, Severity.MUST_HOLD),
        reader.take("timeout", as_seconds, timeout),
        reader.take("fixed", reader.files, ()),
    )
    reader.end()
    return found


def _severity(value: object) -> Severity:
    try:
        return Severity(as_text(value))
    except ValueError:
        raise ValueError(f"one of {', '.join(Severity)} is expected") from None

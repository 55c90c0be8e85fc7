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
Numbers are exact: 0.1 is a tenth. A kind of property that is stated inline is one more entry of `_KINDS`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Any

from ivan.errors import InputError
from ivan.gate.table import (
    HINT,
    Table,
    as_index,
    as_indices,
    as_number,
    as_numbers,
    as_seconds,
    as_table,
    as_tables,
    as_text,
    as_truth,
)
from ivan.spec.box import Vector
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
class Robustness:
    """Inputs keep their class while they move.

    Attributes:
        inputs: a file of them.
        epsilon: how far every number of an input moves.
        clip: least and greatest value; None for no limits.
        mean: of the data before they are normalised.
        deviation: likewise.
        labels: the classes that have to stay, one for all inputs or one each; None for the base version's own.
        target: the only other class that is looked at.
    """

    inputs: Path
    epsilon: Fraction
    clip: tuple[Fraction, Fraction] | None
    mean: Vector | None
    deviation: Vector | None
    labels: tuple[int, ...] | None
    target: int | None


@dataclass(frozen=True)
class OutputRange:
    """Outputs stay within limits on a box.

    Attributes:
        lower: least values of the inputs, one for all or one each; None where `box` has them.
        upper: greatest values, likewise.
        box: a file with both, two numbers an input.
        outputs: those that are limited; empty for all.
        least: None for no lower limit.
        most: None for no upper limit.
        exclusive: the limits themselves are violations.
    """

    lower: Vector | None
    upper: Vector | None
    box: Path | None
    outputs: tuple[int, ...]
    least: Fraction | None
    most: Fraction | None
    exclusive: bool


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
    asks: Path | Robustness | OutputRange
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
    kinds = [kind for kind in _KINDS if reader.take(kind, lambda _: True, False)]
    if len(kinds) != 1:
        raise ValueError(f"exactly one of {', '.join(_KINDS)} is expected")
    asks = _KINDS[kinds[0]](reader)
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


def _query(reader: Table) -> Path:
    return reader.need("query", reader.file)


def _robustness(reader: Table) -> Robustness:
    inner = reader.inner("robustness")
    clip = inner.take("clip", as_numbers, None)
    if clip is not None and len(clip) != 2:
        raise ValueError("robustness: clip: a least and a greatest value are expected")
    mean, deviation = inner.take("mean", as_numbers, None), inner.take("std", as_numbers, None)
    if (mean is None) != (deviation is None):
        raise ValueError("robustness: mean and std go together")
    found = Robustness(
        inner.need("inputs", inner.file),
        inner.need("epsilon", as_number),
        None if clip is None else (clip[0], clip[1]),
        mean,
        deviation,
        inner.take("labels", as_indices, None),
        inner.take("target", as_index, None),
    )
    inner.end()
    return found


def _range(reader: Table) -> OutputRange:
    inner = reader.inner("range")
    found = OutputRange(
        inner.take("lower", as_numbers, None),
        inner.take("upper", as_numbers, None),
        inner.take("box", inner.file, None),
        inner.take("outputs", as_indices, ()),
        inner.take("min", as_number, None),
        inner.take("max", as_number, None),
        inner.take("exclusive", as_truth, False),
    )
    inner.end()
    if (found.box is None) == (found.lower is None) or (found.lower is None) != (found.upper is None):
        raise ValueError("range: either lower and upper, or box, are expected")
    if found.least is None and found.most is None:
        raise ValueError("range: min, max or both are expected")
    return found


_KINDS: dict[str, Callable[[Table], Path | Robustness | OutputRange]] = {
    "query": _query,
    "robustness": _robustness,
    "range": _range,
}


def _severity(value: object) -> Severity:
    try:
        return Severity(as_text(value))
    except ValueError:
        raise ValueError(f"one of {', '.join(Severity)} is expected") from None

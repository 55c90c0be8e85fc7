"""Lists of instances, as VNN-COMP writes them: a model, a property and a timeout in every row.

    onnx/net.onnx,vnnlib/prop_1.vnnlib,116

Paths start from the list's folder. A query about several networks has a list of named paths in place of the model,
`"[('f', 'onnx/f.onnx'), ('g', 'onnx/g.onnx')]"`. A row of names may come first, in any order and among others (`onnx`
or `model`, `vnnlib` or `property`, `timeout`); blank lines and lines that begin with `#` mean nothing. Whether files
are there is not looked at here: one that is missing costs its instance, not the batch.
"""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ivan.errors import InputError
from ivan.vnncomp import networks

COLUMNS = ("onnx", "vnnlib", "timeout")

ALIASES = {"model": "onnx", "property": "vnnlib"}
"""Other names that a column may have."""


@dataclass(frozen=True)
class Instance:
    """One row of a list.

    Attributes:
        number: its place in the list, from 0.
        onnx: the model, or all of them, as the list names it.
        vnnlib: the property, as the list names it.
        timeout: seconds that it may take.
        model: the model's file, or the file of every network by its name.
        query: the property's file.
    """

    number: int
    onnx: str
    vnnlib: str
    timeout: float
    model: Path | Mapping[str, Path]
    query: Path

    @property
    def models(self) -> tuple[Path, ...]:
        """The files of all models."""
        return tuple(self.model.values()) if isinstance(self.model, Mapping) else (self.model,)


@dataclass(frozen=True)
class InstanceList:
    """A list that was read.

    Attributes:
        path: its file.
        benchmark: what the results call it: the file's name or, where that is `instances.csv`, its folder's.
        instances: its rows.
    """

    path: Path
    benchmark: str
    instances: tuple[Instance, ...]


def read_instances(path: Path, *, timeout: float | None = None, factor: float = 1.0) -> InstanceList:
    """Reads a list.

    Args:
        path: the file.
        timeout: seconds for rows that name none.
        factor: every timeout is multiplied by it.

    Raises:
        InputError: it cannot be read, is empty, or a row is malformed; names the first such row.
    """
    rows = _rows(path)
    order = {name: k for k, name in enumerate(COLUMNS)}
    wide = len(COLUMNS)
    named = [ALIASES.get(cell.casefold(), cell.casefold()) for cell in rows[0][1]] if rows else []
    if {"onnx", "vnnlib"} <= set(named):
        order, wide = {name: named.index(name) for name in COLUMNS if name in named}, len(named)
        rows = rows[1:]
    if not rows:
        raise InputError(f"{path}: the list is empty", hint="a row is onnx,vnnlib,timeout")
    instances = []
    for number, (line, cells) in enumerate(rows):
        place = f"{path}:{line}"
        if not 2 <= len(cells) <= wide:
            raise InputError(f"{place}: {len(cells)} columns where {wide} are expected", hint=_HINT)
        onnx, vnnlib, written = (cells[k] if (k := order.get(c, wide)) < len(cells) else "" for c in COLUMNS)
        if not (onnx and vnnlib):
            raise InputError(f"{place}: no {'property' if onnx else 'model'} is named", hint=_HINT)
        seconds = factor * _seconds(written, timeout, place)
        model = _models(path.parent, onnx, place)
        instances.append(Instance(number, onnx, vnnlib, seconds, model, _located(path.parent / vnnlib)))
    return InstanceList(path, _benchmark(path), tuple(instances))


_HINT = "a row is onnx,vnnlib,timeout"


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """Number and cells of every line that means something."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}", hint="check the path") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a text file", hint=_HINT) from error
    rows = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            (cells,) = csv.reader([line], skipinitialspace=True, strict=True)
        except csv.Error as error:
            raise InputError(f"{path}:{number}: {error}", hint=_HINT) from error
        rows.append((number, [cell.strip() for cell in cells]))
    return rows


def _seconds(written: str, default: float | None, place: str) -> float:
    if not written:
        if default is None:
            raise InputError(f"{place}: no timeout", hint="--timeout SECONDS gives one to rows that name none")
        return default
    try:
        seconds = float(written)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise InputError(f"{place}: '{written}' is not a number of seconds", hint=_HINT)
    return seconds


def _models(folder: Path, field: str, place: str) -> Path | dict[str, Path]:
    try:
        named = {name: _located(folder / path) for name, path in networks(field)}
    except InputError as error:
        raise InputError(f"{place}: {error.message}", hint=error.hint) from None
    return named[None] if None in named else {str(name): path for name, path in named.items()}


def _located(path: Path) -> Path:
    """A file that is not there may be there compressed."""
    packed = Path(f"{path}.gz")
    there = os.path.exists  # which answers where Path.exists raises: a name may be too long
    return packed if not there(path) and there(packed) else path


def _benchmark(path: Path) -> str:
    name = path.stem.removesuffix("instances").rstrip("_-. ")
    return name or path.resolve().parent.name or "instances"

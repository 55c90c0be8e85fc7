"""Inputs of a model in a file: .npy, JSON or CSV, told apart by their content.

Numbers are taken exactly as the file states them: a float32 as the number that it is, a decimal as it is written.
"""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Any

from ivan.errors import InputError
from ivan.spec.box import Vector
from ivan.spec.decimals import exact

_NUMPY, _ZIP = b"\x93NUMPY", b"PK\x03\x04"
_FORMS = "give a .npy array, a JSON list, or CSV with the numbers of one input a line"
_CELL = re.compile(r"[^,;\s]+")


@dataclass(frozen=True)
class Numbers:
    """An array of exact numbers.

    Attributes:
        name: the file, for messages.
        values: all of them, the last axis fastest.
        shape: their arrangement; of CSV (lines, columns).
    """

    name: str
    values: Vector
    shape: tuple[int, ...]


def read_numbers(data: bytes, name: str) -> Numbers:
    """The numbers in a file's content.

    Args:
        data: the content.
        name: the file, for messages.

    Raises:
        InputError: it holds no array of finite numbers.
    """
    if data.startswith(_NUMPY):
        return _from_numpy(data, name)
    if data.startswith(_ZIP):
        raise InputError(f"{name}: a .npz archive of arrays", hint="save one array with numpy.save")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{name}: neither an array nor text", hint=_FORMS) from None
    return _from_json(text, name) if text.lstrip().startswith("[") else _from_csv(text, name)


def rows_of(numbers: Numbers, size: int) -> list[Vector]:
    """The inputs in an array: one where it has as many numbers as an input, else one for each entry of its first axis.

    Args:
        numbers: the array.
        size: numbers of one input.

    Raises:
        InputError: it does not consist of inputs of that size.
    """
    total = len(numbers.values)
    if total == size:
        return [numbers.values]
    if not numbers.shape or numbers.shape[0] * size != total or not total:
        shape = " x ".join(map(str, numbers.shape)) or "no"
        raise InputError(
            f"{numbers.name}: {shape} numbers; an input of the model has {size}",
            hint="give the numbers of one input, or an array whose first axis counts the inputs",
        )
    return [numbers.values[start : start + size] for start in range(0, total, size)]


def _from_numpy(data: bytes, name: str) -> Numbers:
    import numpy as np

    try:
        array = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise InputError(f"{name}: a damaged array: {' '.join(str(error).split())}", hint=_FORMS) from error
    if array.dtype.kind not in "fiub" or array.dtype.itemsize > 8:
        raise InputError(f"{name}: an array of {array.dtype}", hint="save it as float32 or float64")
    if not np.all(np.isfinite(array)):
        place = ", ".join(str(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise InputError(f"{name}: entry [{place}] is not a finite number", hint="look for NaN and infinity")
    return Numbers(name, tuple(map(Fraction, array.ravel().tolist())), array.shape)


def _from_json(text: str, name: str) -> Numbers:
    def no_constant(word: str) -> Fraction:
        raise ValueError(f"{word!r} is not a number")

    try:
        parsed = json.loads(text, parse_float=exact, parse_int=exact, parse_constant=no_constant)
        values: list[Fraction] = []
        shape = _flatten(parsed, values)
    except json.JSONDecodeError as error:
        raise InputError(f"{name}:{error.lineno}:{error.colno}: {error.msg}", hint=_FORMS) from None
    except ValueError as error:
        raise InputError(f"{name}: {error}", hint=_FORMS) from None
    except RecursionError:
        raise InputError(f"{name}: lists too deep inside each other", hint=_FORMS) from None
    return Numbers(name, tuple(values), shape)


def _flatten(parsed: Any, values: list[Fraction]) -> tuple[int, ...]:
    """Collects the numbers of nested lists, and returns their shape."""
    if isinstance(parsed, Fraction):
        values.append(parsed)
        return ()
    if not isinstance(parsed, list):
        raise ValueError(f"{json.dumps(parsed, default=str)} is neither a number nor a list")
    shapes = {_flatten(part, values) for part in parsed}
    if len(shapes) > 1:
        raise ValueError("lists of different lengths side by side")
    return (len(parsed), *(shapes.pop() if shapes else ()))


def _from_csv(text: str, name: str) -> Numbers:
    values: list[Fraction] = []
    lines = columns = 0
    for number, line in enumerate(text.splitlines(), 1):
        cells = list(_CELL.finditer(line))
        if not cells:
            continue
        if lines and len(cells) != columns:
            raise InputError(f"{name}:{number}: {len(cells)} numbers, {columns} in the lines before", hint=_FORMS)
        lines, columns = lines + 1, len(cells)
        for cell in cells:
            try:
                values.append(exact(cell[0]))
            except ValueError as error:
                raise InputError(f"{name}:{number}:{cell.start() + 1}: {error}", hint=_FORMS) from None
    if prod((lines, columns)) == 0:
        raise InputError(f"{name}: no numbers", hint=_FORMS)
    return Numbers(name, tuple(values), (lines, columns))

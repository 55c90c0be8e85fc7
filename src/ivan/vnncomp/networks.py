"""The networks of an instance: a path, or since 2026 a list of named paths.

    onnx/model.onnx
    [('f', 'onnx/model.onnx'), ('g', 'onnx/other.onnx')]

The list is a Python literal, in a field of instances.csv as well as on the command line of the scripts.
"""

from __future__ import annotations

import ast
from pathlib import Path

from ivan.errors import InputError

_FORM = "a list of networks is written [('f', 'f.onnx'), ('g', 'g.onnx')]"


def networks(field: str) -> tuple[tuple[str | None, str], ...]:
    """Names and paths in a field; the name is None where the field is a path.

    Raises:
        InputError: a list that is none of names and paths, is empty, or names a network twice.
    """
    text = field.strip()
    try:
        parsed = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return ((None, text),)
    if not isinstance(parsed, list):
        return ((None, text),)
    found: dict[str, str] = {}
    for entry in parsed:
        pair = isinstance(entry, tuple | list) and len(entry) == 2 and all(isinstance(part, str) for part in entry)
        if not pair:
            raise InputError(f"{text}: {entry!r} is not a name with a path", hint=_FORM)
        name, path = entry
        if name in found:
            raise InputError(f"{text}: network {name!r} stands there twice", hint=_FORM)
        found[name] = path
    if not found:
        raise InputError(f"{text}: no networks", hint=_FORM)
    return tuple(found.items())


def models(field: str) -> str | dict[str, str]:
    """The path of the only network in a field, or the paths of all by name; compressed copies where these are all.

    Raises:
        InputError: a list that cannot be read.
    """
    named = {name: present(path) for name, path in networks(field)}
    return named[None] if None in named else {str(name): path for name, path in named.items()}


def present(path: str) -> str:
    """The path, or with `.gz` behind it where only that file exists."""
    return f"{path}.gz" if not Path(path).exists() and Path(f"{path}.gz").exists() else path

"""Counterexamples of the past: are they back?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ivan.answer import assignment, tensors
from ivan.attack.confirm import confirm
from ivan.deployment import deploy
from ivan.errors import InputError, MismatchError
from ivan.vnnlib import Query, read_query

Array = NDArray[np.float64]

_HEAD = re.compile(r"(\w+)\s+\w+\s+\[[\d,\s]*\]")
_INPUT = re.compile(r"\(\s*X_([0-9]+)\s+([^\s()]+)\s*\)")


def returned(model: Path | Mapping[str, Path], path: Path, fixed: tuple[Path, ...]) -> tuple[Path, str] | None:
    """The first of some counterexamples that violates the property once more, with all its values.

    Args:
        model: ONNX file, or that of every network.
        path: VNN-LIB file.
        fixed: counterexamples; one outside the property's region violates nothing.

    Raises:
        InputError: a file cannot be used, or they do not fit each other.
    """
    if not fixed:
        return None
    query = read_query(path)
    deployment = deploy(query, model)
    problem = deployment.problem
    for file in fixed:
        inputs = read_inputs(file, query) if query.networks else read_pairs(file, query.inputs)
        x = np.zeros(problem.network.inputs)
        x[problem.place] = inputs
        if not np.array_equal(x[problem.place], inputs):
            continue  # inputs that have to be equal are not
        witness = confirm(problem, deployment.run, x)
        if witness is not None:
            found = tensors(query.networks, witness.inputs[problem.place], witness.outputs) if query.networks else ()
            return file, assignment(witness, found)
    return None


def read_inputs(path: Path, query: Query) -> Array:
    """The inputs (query.inputs,) of a counterexample as VNN-LIB 2.0 has it: a block for every tensor.

    Raises:
        InputError: it cannot be read, or is none.
        MismatchError: it has not the query's inputs.
    """
    blocks: dict[str, list[float]] = {}
    values: list[float] | None = None
    for line in _text(path).splitlines():
        head = _HEAD.fullmatch(line.strip())
        if head:
            values = blocks[head[1]] = []
        elif values is not None and line.strip():
            try:
                values.append(float(line))
            except ValueError:
                raise InputError(f"{path}: {line.strip()!r} is no number", hint=_HINT) from None
    if not blocks:
        raise InputError(f"{path}: no counterexample", hint=_HINT)
    found: list[float] = []
    for tensor in (tensor for network in query.networks for tensor in network.inputs):
        mine = blocks.get(tensor.name, [])
        if len(mine) != tensor.size:
            raise MismatchError(
                f"{path}: {len(mine)} values of {tensor.name}; the property has {tensor.size}",
                hint="is it another property's?",
            )
        found += mine
    if not np.all(np.isfinite(found)):
        raise InputError(f"{path}: a value is not finite", hint=_HINT)
    return np.array(found)


def read_pairs(path: Path, count: int) -> Array:
    """The inputs (count,) of a counterexample as VNN-COMP writes it for VNN-LIB 1.0: (X_0 0.5), one for every input.

    Raises:
        InputError: it cannot be read, or is none.
        MismatchError: it has another number of inputs.
    """
    text = _text(path)
    found: dict[int, float] = {}
    for index, value in _INPUT.findall(text):
        try:
            number = float(value)
        except ValueError:
            raise InputError(f"{path}: X_{index} is {value!r}, which is no number", hint=_HINT) from None
        if not np.isfinite(number) or int(index) in found:
            raise InputError(f"{path}: X_{index} is not finite, or there twice", hint=_HINT)
        found[int(index)] = number
    if not found:
        raise InputError(f"{path}: no counterexample", hint=_HINT)
    if sorted(found) != list(range(count)):
        raise MismatchError(
            f"{path}: values of {len(found)} inputs; the model has {count}",
            hint="is it another model's?",
        )
    return np.array([found[i] for i in range(count)])


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}", hint="check the path") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a text file", hint=_HINT) from error


_HINT = "`ivan verify --witness FILE` writes one"

"""Counterexamples of the past: are they back?"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ivan.answer import assignment
from ivan.attack.confirm import confirm
from ivan.deployment import deploy
from ivan.errors import InputError, MismatchError
from ivan.vnnlib import read_query

_INPUT = re.compile(r"\(\s*X_([0-9]+)\s+([^\s()]+)\s*\)")


def returned(model: Path, query: Path, fixed: tuple[Path, ...]) -> tuple[Path, str] | None:
    """The first of some counterexamples that violates the property once more, with all its values.

    Args:
        model: ONNX file.
        query: VNN-LIB file.
        fixed: counterexamples; one outside the property's region violates nothing.

    Raises:
        InputError: a file cannot be used, or they do not fit each other.
    """
    if not fixed:
        return None
    deployment = deploy(read_query(query), model)
    problem = deployment.problem
    for file in fixed:
        witness = confirm(problem, deployment.run, read_inputs(file, problem.network.inputs))
        if witness is not None:
            return file, assignment(witness)
    return None


def read_inputs(path: Path, count: int) -> NDArray[np.float64]:
    """The inputs (count,) of a counterexample as VNN-COMP writes it: (X_0 0.5), one for every input.

    Raises:
        InputError: it cannot be read, or is none.
        MismatchError: it has another number of inputs.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}", hint="check the path") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a text file", hint=_HINT) from error
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


_HINT = "`ivan verify --witness FILE` writes one"

"""What is asked of every version: the suite's properties as VNN-LIB files, one question each.

Properties that are stated inline become files of their own. What they take from a model - its class at an input, say -
they take from the base version: a new version that says otherwise has changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ivan.errors import InputError
from ivan.gate.suite import OutputRange, Property, Robustness, Suite
from ivan.gate.table import HINT
from ivan.network.onnx_reader import Model, read_model
from ivan.network.reference import Runtime
from ivan.spec import Box, Numbers, Specification, read_numbers, rows_of
from ivan.spec.box import Vector
from ivan.spec.for_model import Around, outputs_within, robust_around

Warn = Callable[[str], None]


@dataclass(frozen=True)
class Question:
    """One question about one model.

    Attributes:
        property: of the suite.
        name: for people; no two have the same.
        query: the VNN-LIB file.
    """

    property: Property
    name: str
    query: Path


def questions(suite: Suite, folder: Path, warn: Warn) -> list[Question]:
    """All questions, in the suite's order; an inline property may make several.

    Args:
        suite: as it was read.
        folder: where the files of inline properties go.
        warn: told of what is odd about an input: that the base version says another class than is demanded.

    Raises:
        InputError: a model or a file of numbers cannot be used, or they do not fit; names the property.
    """
    read = cache(read_model)
    found: list[Question] = []
    for number, asked in enumerate(suite.properties, 1):
        if isinstance(asked.asks, Path):
            found.append(Question(asked, asked.name, asked.asks))
            continue
        model = read(suite.models[asked.model])
        place = f"{suite.path}: property {number} ({asked.name!r})"
        try:
            if isinstance(asked.asks, Robustness):
                made = _around_inputs(model, asked.asks, place, warn)
            else:
                made = [_range(model, asked.asks)]
        except ValueError as error:
            raise InputError(f"{place}: {error}", hint=HINT) from error
        for index, specification in enumerate(made):
            name = asked.name if len(made) == 1 else f"{asked.name} [{index}]"
            file = folder / f"{len(found)}" / f"{_plain(name)}.vnnlib"  # the store shows a property by its file's name
            file.parent.mkdir()
            file.write_text(specification.text, encoding="utf-8")
            found.append(Question(asked, name, file))
    return found


def _plain(name: str) -> str:
    """As the name of a file, on any system."""
    return re.sub(r"[^\w.+-]+", "-", name).strip("-.")[:80] or "property"


def _around_inputs(model: Model, asked: Robustness, place: str, warn: Warn) -> list[Specification]:
    given = _numbers(asked.inputs)
    centres, labels = rows_of(given, model.network.inputs), asked.labels
    if labels is not None and len(labels) not in (1, len(centres)):
        raise ValueError(f"{len(labels)} labels for {len(centres)} inputs; give one, or one each")
    runtime = Runtime(model.data, 1, model.path)
    around = Around(asked.epsilon, asked.clip, asked.mean, asked.deviation, asked.target)
    made = []
    for number, centre in enumerate(centres):
        name = f"{given.name}, input {number}"
        label = None if labels is None else labels[number % len(labels)]
        try:
            specification, odd = robust_around(model, runtime.run, centre, around, label=label, name=name)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
        if odd:
            warn(f"{place}: {name}: {odd}")
        made.append(specification)
    return made


def _range(model: Model, asked: OutputRange) -> Specification:
    size = model.network.inputs
    if asked.box is not None:
        pairs = _numbers(asked.box)
        if pairs.shape != (size, 2):
            shape = " x ".join(map(str, pairs.shape))
            raise ValueError(f"{pairs.name}: {shape} numbers; the model has {size} inputs, each with two bounds")
        box, place = Box(pairs.values[::2], pairs.values[1::2]), pairs.name
    else:
        assert asked.lower is not None
        assert asked.upper is not None
        box, place = Box(_side(asked.lower, size, "lower"), _side(asked.upper, size, "upper")), "given in the suite"
    return outputs_within(model, box, asked.outputs, asked.least, asked.most, exclusive=asked.exclusive, name=place)


def _side(values: Vector, size: int, key: str) -> Vector:
    if len(values) not in (1, size):
        raise ValueError(f"{key}: {len(values)} numbers for {size} inputs; give one, or one each")
    return values if len(values) == size else values * size


def _numbers(path: Path) -> Numbers:
    try:
        return read_numbers(path.read_bytes(), str(path))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}", hint="check the path") from error

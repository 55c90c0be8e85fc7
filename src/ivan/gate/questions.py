"""What is asked of every version: the suite's properties as VNN-LIB files, one question each.

Properties that are stated inline become files of their own. What they take from a model - its class at an input, say -
they take from the base version: a new version that says otherwise has changed. Where a question is about two networks,
the first is the base version and the second the version at hand.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ivan.errors import InputError, IvanError
from ivan.gate.kinds import (
    Agreement,
    Equivalence,
    Fairness,
    Inline,
    Limits,
    Monotonicity,
    OutputRange,
    Robustness,
    Where,
)
from ivan.gate.suite import Property, Suite
from ivan.gate.table import HINT
from ivan.network.model import Model
from ivan.network.onnx_reader import read_model
from ivan.network.reference import Runtime
from ivan.spec import Box, Numbers, PairSpecification, Specification, read_numbers, rows_of
from ivan.spec.box import Vector
from ivan.spec.for_model import Around, outputs_within, robust_around
from ivan.spec.for_pair import agreeing, equivalent, fair, monotone
from ivan.vnnlib import read_query

Warn = Callable[[str], None]
Written = Specification | PairSpecification


@dataclass(frozen=True)
class Question:
    """One question about one model, or about two versions of it.

    Attributes:
        property: of the suite.
        name: for people; no two have the same.
        query: the VNN-LIB file.
        networks: what the file calls the base version and the version at hand; None where it is about the latter alone.
    """

    property: Property
    name: str
    query: Path
    networks: tuple[str, str] | None = None


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
            found.append(Question(asked, asked.name, asked.asks, _compared(asked.asks)))
            continue
        model = read(suite.models[asked.model])
        place = f"{suite.path}: property {number} ({asked.name!r})"
        try:
            made = _written(model, asked.asks, place, warn)
        except ValueError as error:
            raise InputError(f"{place}: {error}", hint=HINT) from error
        networks = ("f", "g") if isinstance(asked.asks, Equivalence | Agreement) else None
        for index, specification in enumerate(made):
            name = asked.name if len(made) == 1 else f"{asked.name} [{index}]"
            file = folder / f"{len(found)}" / f"{_plain(name)}.vnnlib"  # the store shows a property by its file's name
            file.parent.mkdir()
            file.write_text(specification.text, encoding="utf-8")
            found.append(Question(asked, name, file, networks))
    return found


def _compared(path: Path) -> tuple[str, str] | None:
    """What a file calls two networks that each need a model; None for any other, and for one that cannot be read."""
    try:
        declared = read_query(path).networks
    except IvanError:  # costs its own question, when that is asked
        return None
    needed = [network.name for network in declared if network.equal_to is None]
    return (needed[0], needed[1]) if len(needed) == 2 else None


def _written(model: Model, asked: Inline, place: str, warn: Warn) -> list[Written]:
    """What is asked about the base version, or about it and another one."""
    if isinstance(asked, Robustness):
        return [*_around_inputs(model, asked, place, warn)]
    regions = _regions(model, asked.where)
    if isinstance(asked, OutputRange):
        return [
            outputs_within(model, box, asked.outputs, asked.least, asked.most, exclusive=asked.exclusive, name=name)
            for name, box in regions
        ]
    if isinstance(asked, Equivalence):
        return [equivalent(model, None, box, asked.most, chosen=asked.outputs, name=name) for name, box in regions]
    if isinstance(asked, Agreement):
        return [agreeing(model, None, box, label=asked.label, name=name) for name, box in regions]
    if isinstance(asked, Monotonicity):
        return [
            monotone(
                model,
                box,
                asked.rising,
                chosen=asked.outputs,
                falls=asked.falls,
                tolerance=asked.tolerance,
                name=name,
            )
            for name, box in regions
        ]
    assert isinstance(asked, Fairness)
    return [
        fair(model, box, asked.protected, similar=asked.similar, most=asked.most, chosen=asked.outputs, name=name)
        for name, box in regions
    ]


def _regions(model: Model, where: Where) -> list[tuple[str, Box]]:
    """The regions and what they are called."""
    size = model.network.inputs
    if isinstance(where, Limits):
        return [_box(where, size)]
    given = _numbers(where.inputs)
    around = Around(where.epsilon, where.clip, where.mean, where.deviation)
    return [
        (f"{given.name}, input {number}, epsilon {where.epsilon}", around.box(centre, model.network.input_shape))
        for number, centre in enumerate(rows_of(given, size))
    ]


def _plain(name: str) -> str:
    """As the name of a file, on any system."""
    return re.sub(r"[^\w.+-]+", "-", name).strip("-.")[:80] or "property"


def _around_inputs(model: Model, asked: Robustness, place: str, warn: Warn) -> list[Specification]:
    where = asked.where
    given = _numbers(where.inputs)
    centres, labels = rows_of(given, model.network.inputs), asked.labels
    if labels is not None and len(labels) not in (1, len(centres)):
        raise ValueError(f"{len(labels)} labels for {len(centres)} inputs; give one, or one each")
    runtime = Runtime(model.data, 1, model.path)
    around = Around(where.epsilon, where.clip, where.mean, where.deviation, asked.target, asked.output)
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


def _box(where: Limits, size: int) -> tuple[str, Box]:
    if where.box is None:
        assert where.lower is not None
        assert where.upper is not None
        return "given in the suite", Box(_side(where.lower, size, "lower"), _side(where.upper, size, "upper"))
    pairs = _numbers(where.box)
    if pairs.shape != (size, 2):
        shape = " x ".join(map(str, pairs.shape))
        raise ValueError(f"{pairs.name}: {shape} numbers; the model has {size} inputs, each with two bounds")
    return pairs.name, Box(pairs.values[::2], pairs.values[1::2])


def _side(values: Vector, size: int, key: str) -> Vector:
    if len(values) not in (1, size):
        raise ValueError(f"{key}: {len(values)} numbers for {size} inputs; give one, or one each")
    return values if len(values) == size else values * size


def _numbers(path: Path) -> Numbers:
    try:
        return read_numbers(path.read_bytes(), str(path))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}", hint="check the path") from error

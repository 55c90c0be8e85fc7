"""A property of two networks ready to be written: a box of inputs, how the second network's relate, what must not be.

VNN-LIB 2.0, with the networks `f` and `g`; their tensors are numbered where there are several: X_f, or X_f0, X_f1, ...
As elsewhere, the text states the violation: the property holds when nothing satisfies it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import prod

import numpy as np

from ivan.spec.box import Box
from ivan.spec.decimals import literal
from ivan.spec.specification import comment

Shapes = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Signature:
    """What a network reads and computes.

    Attributes:
        inputs: the shape of every input.
        outputs: of every output.
    """

    inputs: Shapes
    outputs: Shapes

    @property
    def input_size(self) -> int:
        """Number of inputs, flattened one behind the other."""
        return sum(map(prod, self.inputs))

    @property
    def output_size(self) -> int:
        """Number of outputs, likewise."""
        return sum(map(prod, self.outputs))

    def check_classes(self) -> None:
        """Raises ValueError where the outputs are not one tensor of two or more classes' scores."""
        if len(self.outputs) > 1:
            raise ValueError("a model with several output tensors has no one class that it decides for")
        if self.output_size < 2:
            raise ValueError("a model with one output has no classes to tell apart")


@dataclass(frozen=True)
class Declared:
    """A network as the text declares it.

    Attributes:
        name: in the text.
        signature: its tensors.
        relation: what it says of an earlier network: `(equal-to f)`, or nothing.
    """

    name: str
    signature: Signature
    relation: str = ""

    @cached_property
    def x(self) -> tuple[str, ...]:
        """(n,) what its inputs are called."""
        return _elements(f"X_{self.name}", self.signature.inputs)

    @cached_property
    def y(self) -> tuple[str, ...]:
        """(m,) what its outputs are called."""
        return _elements(f"Y_{self.name}", self.signature.outputs)

    def lines(self) -> Iterator[str]:
        """The declaration."""
        yield f"(declare-network {self.name}"
        if self.relation:
            yield f"    {self.relation}"
        for kind, letter, shapes in (("input", "X", self.signature.inputs), ("output", "Y", self.signature.outputs)):
            for name, shape in zip(_tensors(f"{letter}_{self.name}", shapes), shapes, strict=True):
                yield f"    (declare-{kind} {name} real [{','.join(map(str, shape))}])"
        yield ")"


def pair(signature: Signature, *, one_model: bool) -> tuple[Declared, Declared]:
    """Two networks of one signature: f, and g, which is the same model or another one of like inputs and outputs."""
    return Declared("f", signature), Declared("g", signature, f"({'equal-to' if one_model else 'isomorphic-to'} f)")


@dataclass(frozen=True)
class PairSpecification:
    """One property of two networks.

    Attributes:
        title: what it says, for the comment on top; a line or more.
        networks: both.
        box: the first one's inputs.
        relations: how the second one's inputs relate to them, in VNN-LIB; all of them hold.
        violations: in VNN-LIB, any of which breaks the property.
        notes: further lines of the comment.
    """

    title: str
    networks: tuple[Declared, Declared]
    box: Box
    relations: tuple[str, ...]
    violations: tuple[str, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def text(self) -> str:
        """The property as VNN-LIB 2.0."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        yield from comment(self.title, self.notes)
        yield "(vnnlib-version <2.0>)"
        yield ""
        for network in self.networks:
            yield from network.lines()
        yield ""
        for x, low, high in zip(self.networks[0].x, self.box.lower, self.box.upper, strict=True):
            yield f"(assert (>= {x} {literal(low, up=False)}))"
            yield f"(assert (<= {x} {literal(high, up=True)}))"
        yield ""
        yield from (f"(assert {relation})" for relation in self.relations)
        yield ""
        if len(self.violations) == 1:
            yield f"(assert {self.violations[0]})"
            return
        yield "(assert (or"
        yield from (f"    {violation}" for violation in self.violations)
        yield "))"


def equal_inputs(f: Declared, g: Declared, among: Sequence[int] | None = None) -> list[str]:
    """That inputs of both networks are the same: some, or all."""
    chosen = range(f.signature.input_size) if among is None else among
    return [f"(== {g.x[i]} {f.x[i]})" for i in chosen]


def between(g: Declared, box: Box, among: Sequence[int]) -> list[str]:
    """That inputs of a network lie in the box by themselves."""
    return [
        bound
        for i in among
        for bound in (
            f"(>= {g.x[i]} {literal(box.lower[i], up=False)})",
            f"(<= {g.x[i]} {literal(box.upper[i], up=True)})",
        )
    ]


def other_classes(f: Declared, g: Declared, label: int | None) -> list[str]:
    """That f decides for one class, and g puts another at least as high.

    Args:
        f: the first network.
        g: the second.
        label: the class that f decides for; None for any.
    """
    count = f.signature.output_size
    found = []
    for i in range(count) if label is None else [label]:
        decided = " ".join(f"(> {f.y[i]} {f.y[k]})" for k in range(count) if k != i)
        found += [f"(and {decided} (>= {g.y[j]} {g.y[i]}))" for j in range(count) if j != i]
    return found


def check_index(index: int, count: int, what: str) -> None:
    """Raises where there is no such input or output.

    Raises:
        ValueError: there is none.
    """
    if not 0 <= index < count:
        raise ValueError(f"{index} is not an {what}: there are {count}, counted from 0")


def _tensors(name: str, shapes: Shapes) -> list[str]:
    return [name] if len(shapes) == 1 else [f"{name}{k}" for k in range(len(shapes))]


def _elements(name: str, shapes: Shapes) -> tuple[str, ...]:
    found: list[str] = []
    for tensor, shape in zip(_tensors(name, shapes), shapes, strict=True):
        found += [f"{tensor}[{','.join(map(str, index))}]" if shape else tensor for index in np.ndindex(shape)]
    return tuple(found)

"""Properties of a model at hand: sizes and, where nobody names it, the class come from the model itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

import ivan
from ivan.spec.box import Box, Vector, ball, normalised
from ivan.spec.decimals import literal
from ivan.spec.output_range import output_range
from ivan.spec.robustness import highest, robustness
from ivan.spec.specification import Specification

if TYPE_CHECKING:
    from ivan.network.model import Model

Array = NDArray[np.float64]
Run = Callable[[Array], Array]
"""The deployed model: inputs (n,) -> outputs (m,)."""


@dataclass(frozen=True)
class Around:
    """How far an input moves.

    Attributes:
        epsilon: by how much, every number of it.
        clip: least and greatest value that it can take; None for no limits.
        mean: with `deviation`, data reach the model as (x - mean) / deviation, and all else is about x: one number, one
            for every channel, or one for every input.
        deviation: likewise.
        target: the only other class that is looked at; None for all of them.
        output: of several outputs of a model, the name of the one that has the classes' scores.
    """

    epsilon: Fraction
    clip: tuple[Fraction, Fraction] | None = None
    mean: Vector | None = None
    deviation: Vector | None = None
    target: int | None = None
    output: str | None = None

    def box(self, centre: Vector, shape: Sequence[int]) -> Box:
        """What the model's input can be.

        Raises:
            ValueError: it is empty, or the numbers do not fit the shape.
        """
        return self._through(ball(centre, self.epsilon, self.clip), shape)

    def point(self, centre: Vector, shape: Sequence[int]) -> Array:
        """(n,) the model's input for the data themselves."""
        return np.array([float(v) for v in self._through(ball(centre, Fraction(0)), shape).lower])

    def _through(self, box: Box, shape: Sequence[int]) -> Box:
        if self.mean is None or self.deviation is None:
            return box
        return normalised(box, spread(self.mean, shape, "mean"), spread(self.deviation, shape, "std"))


def robust_around(
    model: Model, run: Run, centre: Vector, around: Around, *, label: int | None = None, name: str
) -> tuple[Specification, str]:
    """The class of an input stays while the input moves.

    Args:
        model: as it was read.
        run: the deployed model.
        centre: (n,) the input.
        around: how far it moves.
        label: the class that has to stay; None for the model's own answer.
        name: of the input, for the comment.

    Returns:
        The property, and what is odd about it, if anything: that the model says another class at the input itself.

    Raises:
        ValueError: one of the numbers means nothing for this model.
    """
    shape, among = model.network.input_shape, scores(model, around.output)
    kept, odd = _class(lambda x: run(x)[among.start : among.stop], around.point(centre, shape), label)
    limits = "" if around.clip is None else f", within [{short(around.clip[0])}, {short(around.clip[1])}]"
    before = "" if around.mean is None else ", before it is normalised"
    rivals = "the highest" if around.target is None else f"above output {around.target}"
    of = "" if around.output is None else f"{around.output} of "
    made = robustness(
        around.box(centre, shape),
        model.network.outputs,
        kept,
        target=around.target,
        among=among,
        title=f"Output {kept} of {of}{model.network.name} stays {rivals} when every input moves by at most "
        f"{short(around.epsilon)}{limits}{before}.",
        notes=_notes(model, "input", name),
    )
    return made, odd


def scores(model: Model, name: str | None) -> range:
    """Which of a model's numbers, its outputs one behind the other, are the classes' scores.

    Raises:
        ValueError: it has several outputs and none is named, or none of this name.
    """
    ports = {port.name: port for port in model.outputs}
    listed = ", ".join(f"{port.name!r} {list(port.shape)}" for port in model.outputs)
    if name is None and len(ports) > 1:
        raise ValueError(f"the model has the outputs {listed}: name the one that has the classes' scores")
    if name is not None and name not in ports:
        raise ValueError(f"the model has no output {name!r}; it has {listed}")
    start = 0
    for port in model.outputs:
        if name in (None, port.name):
            return range(start, start + port.size)
        start += port.size
    raise AssertionError(name)


def outputs_within(
    model: Model,
    box: Box,
    chosen: Sequence[int],
    least: Fraction | None,
    most: Fraction | None,
    *,
    exclusive: bool = False,
    name: str,
) -> Specification:
    """Outputs of a model stay between two numbers on a box; see `output_range`.

    Args:
        model: as it was read.
        box: the region.
        chosen: outputs that are limited; none of them for all.
        least: the lower limit; None for none.
        most: the upper limit; None for none.
        exclusive: an output that reaches a limit breaks the property.
        name: of the region, for the comment.

    Raises:
        ValueError: one of the numbers means nothing for this model.
    """
    limits = " and ".join(
        f"{word} {short(limit)}"
        for word, limit in (("above" if exclusive else "at least", least), ("below" if exclusive else "at most", most))
        if limit is not None
    )
    which = ", ".join(map(str, dict.fromkeys(chosen))) if chosen else "all"
    return output_range(
        box,
        model.network.outputs,
        chosen or range(model.network.outputs),
        least,
        most,
        exclusive=exclusive,
        title=f"Outputs of {model.network.name} ({which}) are {limits}.",
        notes=_notes(model, "region", name),
    )


def spread(values: Sequence[Fraction], shape: Sequence[int], what: str) -> Vector:
    """One number for every input, from one for all, or one for every channel (the axis behind the batch).

    Raises:
        ValueError: the numbers are as many as neither.
    """
    size = prod(shape)
    if len(values) == 1:
        return tuple(values) * size
    if len(values) == size:
        return tuple(values)
    if len(shape) > 2 and shape[0] == 1 and len(values) == shape[1]:
        return tuple(value for value in values for _ in range(size // shape[1]))
    noun = "number" if len(values) == 1 else "numbers"
    raise ValueError(f"{what} has {len(values)} {noun}, and the model's input has shape {list(shape)}")


def short(value: Fraction) -> str:
    """As somebody would type it: a decimal where there is a short one, else a quotient."""
    text = literal(value, up=True)
    return text.removesuffix(".0") if len(text) <= 20 and Fraction(text) == value else str(value)


def _class(run: Run, point: Array, label: int | None) -> tuple[int, str]:
    """The class that has to stay, and what is odd about it."""
    try:
        found = highest(run(point).tolist())
    except ValueError as error:
        if label is None:
            raise ValueError(f"{error} there; name the class that is meant") from None
        return label, f"the model decides for none there, not {label}"
    if label is None or label == found:
        return found, ""
    return label, f"the model's class is {found} there, not {label}"


def _notes(model: Model, what: str, name: str) -> tuple[str, ...]:
    return (
        f"model: {model.network.name}, digest {model.network.digest}",
        f"{what}: {name}",
        f"Written by ivan {ivan.__version__}; unsat means that the property holds.",
    )

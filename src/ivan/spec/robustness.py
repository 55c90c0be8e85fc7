"""Local robustness: the class with the highest output is the same everywhere on a region."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from ivan.spec.box import Box
from ivan.spec.specification import Specification


def robustness(
    box: Box,
    outputs: int,
    label: int,
    *,
    target: int | None = None,
    among: range | None = None,
    title: str | None = None,
    notes: Sequence[str] = (),
) -> Specification:
    """The output of the label stays above every other one; a tie breaks the property.

    Args:
        box: the region.
        outputs: number of classes, two or more.
        label: the class that has to stay.
        target: the only other class that is looked at; None for all of them.
        among: the outputs that are classes' scores, of which label and target are counted; None for all.
        title: first line of the comment.
        notes: further lines.

    Raises:
        ValueError: there is no such class, or the target is the label.
    """
    among = range(outputs) if among is None else among
    if len(among) < 2:
        raise ValueError("a model with one output has no classes to tell apart")
    for name, index in (("label", label), ("target", target)):
        if index is not None and not 0 <= index < len(among):
            raise ValueError(f"{name} {index} is not an output: there are {len(among)}, counted from 0")
    if target == label:
        raise ValueError(f"target and label are both {label}")
    others = [j for j in among if j != among[label]] if target is None else [among[target]]
    rivals = "every other output" if target is None else f"output {target}"
    return Specification(
        title or f"Output {label} stays above {rivals}.",
        box,
        outputs,
        tuple(f"(>= Y_{j} Y_{among[label]})" for j in others),
        tuple(notes),
    )


def highest(outputs: Sequence[float]) -> int:
    """The class: the index of the one highest output.

    Raises:
        ValueError: several are, or one is no finite number.
    """
    if not all(map(isfinite, outputs)):
        raise ValueError("an output is not a finite number")
    best = max(outputs)
    winners = [j for j, value in enumerate(outputs) if value == best]
    if len(winners) != 1:
        raise ValueError(f"outputs {', '.join(map(str, winners))} are equally high")
    return winners[0]

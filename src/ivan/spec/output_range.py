"""Output ranges: outputs stay between two numbers everywhere on a region."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from ivan.spec.box import Box
from ivan.spec.decimals import literal
from ivan.spec.specification import Specification


def output_range(
    box: Box,
    outputs: int,
    chosen: Sequence[int],
    least: Fraction | None,
    most: Fraction | None,
    *,
    exclusive: bool = False,
    title: str | None = None,
    notes: Sequence[str] = (),
) -> Specification:
    """Every chosen output stays between two numbers.

    Args:
        box: the region.
        outputs: how many outputs the model has.
        chosen: indices of those that are limited.
        least: the lower limit; None for none.
        most: the upper limit; None for none.
        exclusive: an output that reaches a limit breaks the property; otherwise it has to go beyond.
        title: first line of the comment.
        notes: further lines.

    Raises:
        ValueError: no limit, limits in the wrong order, no outputs, or one that there is not.
    """
    if least is None and most is None:
        raise ValueError("a range needs a least or a greatest value")
    if least is not None and most is not None and least > most:
        raise ValueError(f"the range is empty: nothing lies between {float(least):g} and {float(most):g}")
    if not chosen:
        raise ValueError("a range needs an output")
    for index in chosen:
        if not 0 <= index < outputs:
            raise ValueError(f"{index} is not an output: there are {outputs}, counted from 0")
    below, above = ("<=", ">=") if exclusive else ("<", ">")
    violations = []
    for j in dict.fromkeys(chosen):
        # rounded inwards, where no decimal says it: what is proved is never less than what was asked
        if least is not None:
            violations.append(f"({below} Y_{j} {literal(least, up=True)})")
        if most is not None:
            violations.append(f"({above} Y_{j} {literal(most, up=False)})")
    return Specification(title or "Outputs stay within a range.", box, outputs, tuple(violations), tuple(notes))

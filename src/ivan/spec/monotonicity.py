"""Monotonicity: an output does not fall while some inputs rise."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from ivan.spec.box import Box
from ivan.spec.decimals import literal
from ivan.spec.pair import PairSpecification, Signature, between, check_index, equal_inputs, pair


def monotonicity(
    box: Box,
    signature: Signature,
    rising: Sequence[int],
    chosen: Sequence[int],
    *,
    falls: bool = False,
    tolerance: Fraction = Fraction(0),
    title: str | None = None,
    notes: Sequence[str] = (),
) -> PairSpecification:
    """Chosen outputs do not fall by more than the tolerance while some inputs rise and all others stay.

    Args:
        box: the region, of the inputs before and after.
        signature: of the network.
        rising: indices of the inputs that rise.
        chosen: indices of the outputs.
        falls: outputs do not rise, instead.
        tolerance: not negative.
        title: first line of the comment.
        notes: further lines.

    Raises:
        ValueError: an input or output that there is not, none at all, or a negative tolerance.
    """
    if not rising or not chosen:
        raise ValueError("monotonicity needs an input that rises and an output")
    if tolerance < 0:
        raise ValueError("the tolerance is negative")
    for index in rising:
        check_index(index, signature.input_size, "input")
    for index in chosen:
        check_index(index, signature.output_size, "output")
    f, g = pair(signature, one_model=True)
    before, after = (g, f) if falls else (f, g)
    moving = sorted(set(rising))
    staying = [i for i in range(signature.input_size) if i not in moving]
    limit = literal(tolerance, up=False)
    return PairSpecification(
        title or "Outputs do not fall while inputs rise.",
        (f, g),
        box,
        (*equal_inputs(f, g, staying), *between(g, box, moving), *(f"(>= {g.x[i]} {f.x[i]})" for i in moving)),
        tuple(f"(> (- {before.y[j]} {after.y[j]}) {limit})" for j in dict.fromkeys(chosen)),
        tuple(notes),
    )

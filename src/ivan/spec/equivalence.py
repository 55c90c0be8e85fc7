"""Equivalence: two networks differ by no more than a number anywhere on a region."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from ivan.spec.box import Box
from ivan.spec.decimals import literal
from ivan.spec.pair import PairSpecification, Signature, check_index, equal_inputs, pair


def equivalence(
    box: Box,
    signature: Signature,
    chosen: Sequence[int],
    most: Fraction,
    *,
    title: str | None = None,
    notes: Sequence[str] = (),
) -> PairSpecification:
    """Every chosen output of two networks differs by no more than `most`.

    Args:
        box: the region.
        signature: of both.
        chosen: indices of the outputs that are compared.
        most: not negative.
        title: first line of the comment.
        notes: further lines.

    Raises:
        ValueError: a negative number, or an output that there is not.
    """
    if most < 0:
        raise ValueError("outputs cannot differ by less than nothing")
    for index in chosen:
        check_index(index, signature.output_size, "output")
    f, g = pair(signature, one_model=False)
    limit = literal(most, up=False)
    violations = [f"(> (- {a.y[j]} {b.y[j]}) {limit})" for j in dict.fromkeys(chosen) for a, b in ((g, f), (f, g))]
    return PairSpecification(
        title or "Outputs of two networks hardly differ.",
        (f, g),
        box,
        tuple(equal_inputs(f, g)),
        tuple(violations),
        tuple(notes),
    )

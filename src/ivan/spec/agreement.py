"""Agreement: two networks decide for the same class everywhere on a region."""

from __future__ import annotations

from collections.abc import Sequence

from ivan.spec.box import Box
from ivan.spec.pair import PairSpecification, Signature, check_index, equal_inputs, other_classes, pair


def agreement(
    box: Box,
    signature: Signature,
    *,
    label: int | None = None,
    title: str | None = None,
    notes: Sequence[str] = (),
) -> PairSpecification:
    """Where the first network has one highest output, so has the second, and it is the same.

    Args:
        box: the region.
        signature: of both.
        label: only where the first network decides for this class; None for any.
        title: first line of the comment.
        notes: further lines.

    Raises:
        ValueError: there is no such class, or only one.
    """
    signature.check_classes()
    if label is not None:
        check_index(label, signature.output_size, "output")
    f, g = pair(signature, one_model=False)
    return PairSpecification(
        title or "Two networks decide alike.",
        (f, g),
        box,
        tuple(equal_inputs(f, g)),
        tuple(other_classes(f, g, label)),
        tuple(notes),
    )

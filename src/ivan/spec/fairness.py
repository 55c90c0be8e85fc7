"""Individual fairness: whoever differs in protected features only is treated alike."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from ivan.spec.box import Box
from ivan.spec.decimals import literal
from ivan.spec.pair import PairSpecification, Signature, between, check_index, equal_inputs, other_classes, pair


def fairness(
    box: Box,
    signature: Signature,
    protected: Sequence[int],
    *,
    similar: Fraction = Fraction(0),
    most: Fraction | None = None,
    chosen: Sequence[int] = (),
    title: str | None = None,
    notes: Sequence[str] = (),
) -> PairSpecification:
    """Two inputs that differ in protected features, and hardly in any other, get the same class, or similar outputs.

    Args:
        box: the region, of both inputs.
        signature: of the network.
        protected: indices of the features that may differ freely.
        similar: how far all others may differ.
        most: how far outputs may differ; None where the class is what counts.
        chosen: outputs that are compared; empty for all.
        title: first line of the comment.
        notes: further lines.

    Raises:
        ValueError: an input or output that there is not, no protected one, no classes, or a negative number.
    """
    if not protected:
        raise ValueError("fairness needs a protected feature")
    if similar < 0 or (most is not None and most < 0):
        raise ValueError("a difference is negative")
    for index in protected:
        check_index(index, signature.input_size, "input")
    for index in chosen:
        check_index(index, signature.output_size, "output")
    f, g = pair(signature, one_model=True)
    free = sorted(set(protected))
    rest = [i for i in range(signature.input_size) if i not in free]
    relations = between(g, box, free)
    if similar:
        limit = literal(similar, up=True)
        relations += between(g, box, rest)
        relations += [f"(<= (- {a.x[i]} {b.x[i]}) {limit})" for i in rest for a, b in ((g, f), (f, g))]
    else:
        relations += equal_inputs(f, g, rest)
    if most is None:
        try:
            signature.check_classes()
        except ValueError as error:
            raise ValueError(f"{error}: say how far outputs may differ") from None
        if chosen:
            raise ValueError("outputs are chosen where it matters how far they differ, not for the class")
        violations = other_classes(f, g, None)
    else:
        limit = literal(most, up=False)
        violations = [
            f"(> (- {f.y[j]} {g.y[j]}) {limit})" for j in dict.fromkeys(chosen or range(signature.output_size))
        ]  # the two inputs may be exchanged, so one direction is enough
    return PairSpecification(
        title or "Whoever differs in protected features only is treated alike.",
        (f, g),
        box,
        tuple(relations),
        tuple(violations),
        tuple(notes),
    )

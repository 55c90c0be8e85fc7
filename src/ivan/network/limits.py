"""What the reading of a model takes for granted: some numbers inside it never leave certain limits.

Integers wrap around where a real number goes on, and what stands behind an attention's mask counts for nothing only
while the mask outweighs it. Whether that is so depends on the inputs, so it is proved for a query's boxes before
anything else is (bounds/limits.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from ivan.network.affine import Affine


@dataclass(frozen=True, eq=False)
class Limit:
    """Numbers that must stay in an interval.

    Attributes:
        affine: the numbers, over a network's layers.
        lower: least number allowed; may be infinite.
        upper: greatest one.
        place: the node, for messages.
        otherwise: what may happen beyond, for messages: a sentence of which the node is the subject.
        rounding: True where only a rounding happens beyond, which matters to who asks about the deployed arithmetic.
    """

    affine: Affine
    lower: float
    upper: float
    place: str
    otherwise: str
    rounding: bool = False

"""Properties that are asked again and again, as VNN-LIB: a class that stays on a ball, outputs that stay in a range.

Each kind is one file and one pure function, from exact numbers to a `Specification`; the text follows from it. A kind
to come - equivalence of two networks, monotonicity, fairness - is one more file.
"""

from ivan.spec.box import Box, ball, normalised
from ivan.spec.decimals import exact, literal
from ivan.spec.inputs import Numbers, read_numbers, rows_of
from ivan.spec.output_range import output_range
from ivan.spec.robustness import highest, robustness
from ivan.spec.specification import Specification

__all__ = [
    "Box",
    "Numbers",
    "Specification",
    "ball",
    "exact",
    "highest",
    "literal",
    "normalised",
    "output_range",
    "read_numbers",
    "robustness",
    "rows_of",
]

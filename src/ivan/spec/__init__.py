"""Properties that are asked again and again, as VNN-LIB.

Each kind is one file and one pure function, from exact numbers to a specification; the text follows from it. Of one
input of one model (VNN-LIB 1.0): a class that stays on a ball, outputs that stay in a range. Of two models or inputs
(2.0): equivalence and agreement of two versions, monotonicity, fairness.
"""

from ivan.spec.agreement import agreement
from ivan.spec.box import Box, ball, normalised
from ivan.spec.decimals import exact, literal
from ivan.spec.equivalence import equivalence
from ivan.spec.fairness import fairness
from ivan.spec.inputs import Numbers, read_numbers, rows_of
from ivan.spec.monotonicity import monotonicity
from ivan.spec.output_range import output_range
from ivan.spec.pair import PairSpecification, Signature
from ivan.spec.robustness import highest, robustness
from ivan.spec.specification import Specification

__all__ = [
    "Box",
    "Numbers",
    "PairSpecification",
    "Signature",
    "Specification",
    "agreement",
    "ball",
    "equivalence",
    "exact",
    "fairness",
    "highest",
    "literal",
    "monotonicity",
    "normalised",
    "output_range",
    "read_numbers",
    "robustness",
    "rows_of",
]

"""Linear programs on single (domain, case) pairs: the last rung of the ladder.

Where every unit is stable the network is linear and the program is exact: a positive optimum closes the pair, any
other is a counterexample up to rounding. Where a few units are unstable its triangle relaxation closes what the
backward pass could not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.certify import certify
from ivan.bounds.enclosure import Enclosure
from ivan.bounds.objective import Rows
from ivan.deadline import Deadline
from ivan.lp.relaxation import relax, supported
from ivan.problem import Problem
from ivan.proof import Certificates

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Solved:
    """What a linear program is good for.

    Attributes:
        claim: a certificate that holds; None when the pair stays open.
        candidate: (inputs,) where the optimum is attained; None without one.
    """

    claim: Certificates | None = None
    candidate: Array | None = None


def solve(
    problem: Problem, rows: Rows, enclosure: Enclosure, domain: int, node: int, case: int, deadline: Deadline
) -> Solved:
    """Solves one pair; the solver's word is only advice, and its certificate is replayed.

    Args:
        problem: the problem.
        rows: its rows.
        enclosure: bounds of the domain.
        domain: its row there.
        node: its row of the tree.
        case: the case.
        deadline: when to give up.

    Raises:
        OutOfTime: the deadline passed.
    """
    if not supported(problem.network):
        return Solved()
    # HiGHS takes longer to load than a small query takes to verify
    from ivan.lp.duals import certificate_of
    from ivan.lp.highs import LiveModel

    solution = LiveModel(relax(enclosure, domain, problem.cases[case])).solve(deadline)
    if solution.bound is None:
        deadline.check()
        return Solved()
    if solution.bound > 0.0:
        claim = certificate_of(solution, enclosure, domain, node, case, problem.cases[case].C)
        holds, forms = certify(enclosure, np.array([domain]), claim, rows, deadline)
        if not holds[0]:
            return Solved()
        return Solved(
            claim=Certificates(claim.node, claim.case, forms.bound, claim.weights, claim.slopes, claim.multipliers)
        )
    return Solved(candidate=solution.inputs)

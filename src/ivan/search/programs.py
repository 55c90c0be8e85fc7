"""Linear programs on single (domain, case) pairs: the last rung of the ladder.

Where every unit is stable the network is linear and the program is exact: a positive optimum closes the pair, any other
is a counterexample up to rounding. Where a few units are unstable its triangle relaxation closes what the backward pass
could not.

Below unit splits one live model per case serves all domains: it is built over the whole region, a domain is a change of
column bounds, and the last basis is the next start. Boxes that were split on inputs share too little for that - other
bounds, other triangles - and the ones that come here are small: they get a model of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.certify import certify
from ivan.bounds.descend import roots
from ivan.bounds.enclosure import Enclosure, enclose
from ivan.bounds.objective import Rows
from ivan.deadline import Deadline
from ivan.lp.relaxation import relax, supported
from ivan.problem import Problem
from ivan.proof import Certificates

if TYPE_CHECKING:
    from ivan.lp.highs import LiveModel, Solution

Array = NDArray[np.float64]

MOST_LIVE_MODELS = 16
"""Live models kept at a time; each holds the whole network."""


@dataclass(frozen=True)
class Solved:
    """What a linear program is good for.

    Attributes:
        claim: a certificate that holds; None when the pair stays open.
        candidate: (inputs,) where the optimum is attained; None without one.
        bound: the optimum, not rigorous.
        branch: layer (1-based) and unit that is best split, as far as was looked.
    """

    claim: Certificates | None = None
    candidate: Array | None = None
    bound: float = -np.inf
    branch: tuple[int, int] | None = None


class Programs:
    """Solves pairs; the solver's word is only advice, and its certificates are replayed.

    Args:
        problem: the problem.
        rows: its rows.
        live: one model per case for all its domains; otherwise one per domain.
    """

    def __init__(self, problem: Problem, rows: Rows, *, live: bool) -> None:
        self._problem, self._rows, self._live = problem, rows, live
        self._models: dict[int, LiveModel] = {}
        self._last: LiveModel | None = None
        self._regions: dict[int, Enclosure] = {}
        self.count = 0

    @property
    def available(self) -> bool:
        """True when the network is piecewise linear."""
        return supported(self._problem.network)

    def solve(
        self, enclosure: Enclosure, domain: int, node: int, case: int, deadline: Deadline, *, candidates: int = 0
    ) -> Solved:
        """Solves one pair.

        Args:
            enclosure: bounds of the domain.
            domain: its row there.
            node: its row of the tree.
            case: the case.
            deadline: when to give up.
            candidates: units that a look ahead tries to split where the pair stays open; 0 for none.

        Raises:
            OutOfTime: the deadline passed.
        """
        # HiGHS takes longer to load than a small query takes to verify
        from ivan.lp.duals import certificate_of

        self.count += 1
        solution = self._solution(enclosure, domain, case, deadline)
        if solution.bound is None:
            deadline.check()
            return Solved()
        if solution.bound <= 0.0:
            if candidates and self._last is not None:
                branch = self._last.branch(solution, enclosure, domain, candidates)
                return Solved(None, solution.inputs, solution.bound, branch)
            return Solved(None, solution.inputs, solution.bound)
        claim = certificate_of(solution, enclosure, domain, node, case, self._problem.cases[case].C)
        holds, forms = certify(enclosure, np.array([domain]), claim, self._rows, deadline)
        if not holds[0]:
            return Solved()
        return Solved(Certificates(claim.node, claim.case, forms.bound, claim.weights, claim.slopes, claim.multipliers))

    def _solution(self, enclosure: Enclosure, domain: int, case: int, deadline: Deadline) -> Solution:
        from ivan.lp.highs import LiveModel

        if not self._live:
            self._last = LiveModel(relax(enclosure, domain, self._problem.cases[case]))
            return self._last.solve(deadline)
        if case not in self._models:
            while len(self._models) >= MOST_LIVE_MODELS:
                del self._models[next(iter(self._models))]
            region = self._problem.cases[case].region
            self._models[case] = LiveModel(relax(self._region(region, deadline), 0, self._problem.cases[case]))
        model = self._last = self._models[case]
        model.narrow(enclosure, domain)
        return model.solve(deadline)

    def _region(self, region: int, deadline: Deadline) -> Enclosure:
        """Bounds of a whole region."""
        if region not in self._regions:
            self._regions[region] = enclose(
                self._problem.network, roots(self._problem, np.array([region])), deadline=deadline
            )
        return self._regions[region]

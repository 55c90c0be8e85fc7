"""Bounds at a single point: what exact arithmetic says of an input that the deployed model was run on.

A box that is one point needs no backward pass on the way: over intervals as narrow as the rounding of float64, units
are stable and curves are lines, so the interval sweep and one pass back from the outputs come as close as float64 can.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.backward import bound_outputs
from ivan.bounds.domains import Domains
from ivan.bounds.enclosure import enclose
from ivan.bounds.objective import Rows
from ivan.problem import Problem

Array = NDArray[np.float64]


def excluded_at(problem: Problem, region: int, x: Array) -> bool:
    """Do rigorous bounds exclude every case of a region at one of its points?

    False proves nothing: where a row holds with equality, or misses by less than float64 can tell, no bound decides.

    Args:
        problem: the problem.
        region: the region's index.
        x: (inputs,).
    """
    network, members = problem.network, problem.cases_of[region]
    if not all(len(problem.cases[case].d) for case in members):
        return False  # a case without rows is violated by every input
    rows = Rows(problem)
    case = np.repeat(np.array(members, np.int64), rows.counts[list(members)])
    entry = np.concatenate([rows.first[c] + np.arange(rows.counts[c]) for c in members])
    enclosure = enclose(network, Domains.boxes(x[None, :], x[None, :], len(network.layers)), refresh=False)
    objective, owner = rows.single(entry), np.zeros(len(entry), np.int64)
    excludes = objective.excludes(bound_outputs(enclosure, owner, objective).bound)
    return bool(np.all(np.isin(members, case[excludes])))

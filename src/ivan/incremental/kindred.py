"""Kindred properties: the same inputs, outputs and coefficients, on other boxes or with other right-hand sides.

A changed epsilon, a shifted centre and a weaker threshold make a property that is kindred to the old one. Its proof is
a conjecture about the new one, once every region and case of the new problem is matched with the old one that it most
resembles. Cases match where their rows have the same directions; regions where they have the same kinds of cases and
overlap.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ivan.digest import digest
from ivan.problem import Problem, Region
from ivan.vnnlib import Row
from ivan.vnnlib.direction import Halfspace, halfspace

Array = NDArray[np.float64]
Index = NDArray[np.int64]

MOST_PAIRS = 1_000_000
"""Pairs of regions that are compared."""


def kin(problem: Problem) -> str:
    """64 hexadecimal digits that kindred properties share."""
    kinds = sorted(set(_Shapes(problem).of_case))
    return digest("kindred properties", 1, problem.network.inputs, problem.network.outputs, kinds)


def hull(problem: Problem) -> NDArray[np.float32] | None:
    """(2, inputs) lower and upper ends of the box around all regions, to the nearest; None without any.

    Rounding is monotone: a part of a box never has a wider hull.
    """
    if not problem.regions:
        return None
    lower, upper = _ends(problem.regions)
    return np.stack([lower.min(axis=0), upper.max(axis=0)])


def overlap(box: NDArray[np.float32], others: NDArray[np.float32]) -> Array:
    """How alike boxes are: the width they have in common over the width of both together, on average over the inputs.

    Args:
        box: (2, inputs) lower and upper ends.
        others: (M, 2, inputs) those of others.

    Returns:
        (M,) up to 1; minus infinity where an input that varies in either box has no value in common.
    """
    (lower, upper), lowers, uppers = box.astype(np.float64), others[:, 0], others[:, 1]
    with np.errstate(invalid="ignore", divide="ignore"):
        common = np.minimum(upper, uppers) - np.maximum(lower, lowers)
        share = common / (np.maximum(upper, uppers) - np.minimum(lower, lowers))
    # inputs that are fixed in both boxes say little: equal or not
    fixed = (lower == upper) & (lowers == uppers)
    share = np.where(fixed, common == 0.0, share)
    meet = np.all((share >= 0.0) & ((common >= 0.0) | fixed), axis=1)
    return np.where(meet, share.mean(axis=1), -np.inf)


@dataclass(frozen=True)
class Counterparts:
    """What in an old problem each part of a new one resembles.

    Attributes:
        region: (regions,) the old region of each; -1 where there is none.
        case: (cases,) the old case of each, over the old region of its own; -1 where there is none.
        row: per case, (old rows,) which row stands for each old row, ...
        factor: ... and what the old row's weights are multiplied by, since the two may be scaled differently.
    """

    region: Index
    case: Index
    row: tuple[Index, ...]
    factor: tuple[Array, ...]


def counterparts(problem: Problem, old: Problem) -> Counterparts | None:
    """Matches a problem with an old one over as many inputs and outputs; None when no region has a counterpart."""
    if not old.regions or len(problem.regions) * len(old.regions) > MOST_PAIRS:
        return None
    mine, theirs = _Shapes(problem), _Shapes(old)
    region = _regions(problem, old, mine, theirs)
    if np.all(region < 0):
        return None
    case = np.full(len(problem.cases), -1)
    for r, members in enumerate(problem.cases_of):
        if region[r] < 0:
            continue
        alike: dict[str, list[int]] = defaultdict(list)
        for c in reversed(old.cases_of[region[r]]):
            alike[theirs.of_case[c]].append(c)
        for c in members:
            # of several cases of one shape the first goes with the first; what is left over has none
            if alike[mine.of_case[c]]:
                case[c] = alike[mine.of_case[c]].pop()
    matched = [
        _rows(mine.halfspaces(c), theirs.halfspaces(int(other))) if other >= 0 else (np.zeros(0, np.int64), np.zeros(0))
        for c, other in enumerate(case)
    ]
    return Counterparts(region, case, tuple(row for row, _ in matched), tuple(factor for _, factor in matched))


class _Shapes:
    """The directions of the rows of every case; rows that are one object are looked at once.

    Attributes:
        of_case: per case a text that is equal for cases whose rows have the same directions, in any order.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._known: dict[int, tuple[Halfspace, str]] = {}  # by the row's id: the problem keeps its rows alive
        self.of_case = [
            " and ".join(sorted(self._of_row(row)[1] for row in case.rows)) or "true" for case in problem.cases
        ]

    def _of_row(self, row: Row) -> tuple[Halfspace, str]:
        known = self._known.get(id(row))
        if known is None:
            scaled = halfspace(row)
            known = self._known[id(row)] = scaled, ",".join(f"{key}:{c}" for key, c in scaled.direction)
        return known

    def halfspaces(self, case: int) -> list[Halfspace]:
        """The rows of a case, scaled."""
        return [self._of_row(row)[0] for row in self._problem.cases[case].rows]


def _regions(problem: Problem, old: Problem, mine: _Shapes, theirs: _Shapes) -> Index:
    """(regions,) for each the old region with cases of all its kinds that overlaps most, or -1."""
    offered = [{theirs.of_case[c] for c in members} for members in old.cases_of]
    lower, upper = _ends(old.regions)
    others = np.stack([lower, upper], axis=1)
    suitable: dict[frozenset[str], NDArray[np.bool_]] = {}
    result = np.full(len(problem.regions), -1)
    for r, box in enumerate(np.stack(_ends(problem.regions), axis=1)):
        wanted = frozenset(mine.of_case[c] for c in problem.cases_of[r])
        if wanted not in suitable:
            suitable[wanted] = np.array([wanted <= kinds for kinds in offered])
        score = np.where(suitable[wanted], overlap(box, others), -np.inf)
        best = int(score.argmax())
        if score[best] > -np.inf:
            result[r] = best
    return result


def _rows(rows: list[Halfspace], old: list[Halfspace]) -> tuple[Index, Array]:
    """Which row stands for each old one - of several of one direction the first for the first - and their scales."""
    places = defaultdict(list)
    for i, row in reversed(list(enumerate(rows))):
        places[row.direction].append(i)
    match = [places[row.direction].pop() for row in old]
    scales = np.array([(float(o.scale), float(rows[i].scale)) for o, i in zip(old, match, strict=True)]).reshape(-1, 2)
    with np.errstate(all="ignore"):
        return np.array(match, np.int64), scales[:, 0] / scales[:, 1]


def _ends(regions: tuple[Region, ...]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(regions, inputs) lower and upper ends; in float32 an input that is given by one number is a single number."""
    with np.errstate(over="ignore"):
        lower, upper = (
            np.stack([getattr(region, side) for region in regions]).astype(np.float32) for side in ("lower", "upper")
        )
    return lower, upper

"""The attack that goes on while the search does: a counterexample often hides where bounds are loose.

Every call spends one batch of gradient descents. Half of the starts are new - ends of the intervals rather than their
middles, because that is where violations of a nearly linear function lie - half begin near the best points so far,
among them what the search suggests. Cases that are still open share the starts; those that came closest get more.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ivan.attack.pgd import descend
from ivan.bounds.columns import Model
from ivan.deadline import Deadline
from ivan.problem import Problem

Array = NDArray[np.float64]
Index = NDArray[np.int64]

STARTS, STEPS = 64, 40
KEPT = 16
"""Best points kept."""


class Pursuit:
    """Remembers how close it came.

    Args:
        problem: the problem.
        rng: draws the starts.
    """

    def __init__(self, problem: Problem, rng: np.random.Generator) -> None:
        self._problem, self._rng = problem, rng
        self._points: Array = np.zeros((0, problem.network.inputs))
        self._case: Index = np.zeros(0, np.int64)
        self._worst: Array = np.zeros(0)

    def reseed(self, seed: int) -> None:
        """Draws other starts from now on."""
        self._rng = np.random.default_rng(seed)

    def suggest(self, points: Array, case: Index, worst: Array) -> None:
        """Takes points (P, inputs), the case each may violate and its greatest margin there."""
        self._points = np.concatenate([self._points, points])
        self._case, self._worst = np.concatenate([self._case, case]), np.concatenate([self._worst, worst])
        order = np.argsort(self._worst, kind="stable")[:KEPT]
        self._points, self._case, self._worst = self._points[order], self._case[order], self._worst[order]

    def step(self, model: Model, open_cases: Index, deadline: Deadline) -> tuple[Array, Index]:
        """One batch of descents.

        Args:
            model: the network on columns.
            open_cases: cases that are not excluded yet.
            deadline: ends it early.

        Returns:
            points: (P, inputs) that violate a case in the model's precision, most violating first.
            region: (P,) where each lies.
        """
        problem, rng = self._problem, self._rng
        known = np.flatnonzero(np.isin(self._case, open_cases))
        old = known[rng.integers(0, len(known), STARTS // 2)] if len(known) else known
        fresh = rng.choice(open_cases, STARTS - len(old))
        case = np.concatenate([self._case[old], fresh])
        region = [problem.cases[c].region for c in case]
        low = np.array([problem.regions[r].inner_lower for r in region])
        high = np.array([problem.regions[r].inner_upper for r in region])
        share = rng.random(low.shape)
        ends = np.where(rng.random(low.shape) < 0.7, np.round(share), share)
        points = low + ends * (high - low)
        points[: len(old)] = self._points[old] + 0.5 * (share[: len(old)] - 0.5) * (high - low)[: len(old)]
        points = np.clip(points, low, high)
        reached, worst = descend(problem, model, case, points, steps=STEPS, rate=0.2, decay=0.93, deadline=deadline)
        self.suggest(reached, case, worst)
        found = np.flatnonzero(worst <= 0.0)
        found = found[np.argsort(worst[found])]
        return reached[found], np.array([problem.cases[c].region for c in case[found]], np.int64)

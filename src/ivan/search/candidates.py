"""Counterexamples on the way: the points that bounds suggest are tried as they come up.

The corner that minimises a domain's linear form is the likeliest counterexample that the form knows of; a linear
program's optimum likewise. The best corner so far is polished by a few gradient steps.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ivan.attack.confirm import Run, confirm
from ivan.attack.pgd import descend
from ivan.attack.pursuit import Pursuit
from ivan.bounds.columns import Model
from ivan.deadline import Deadline
from ivan.network.layers import Network
from ivan.problem import Problem
from ivan.proof import Witness
from ivan.search.batch import Batch

Array = NDArray[np.float64]
Index = NDArray[np.int64]

MOST_PER_BATCH = 2
"""Corners given to onnxruntime per batch."""

SAMPLES = 13
"""Random points of a box that is given up, besides its middle and two corners."""


class Candidates:
    """Tries points, and remembers the first that is confirmed.

    Args:
        problem: the problem.
        run: the deployed model.
        deadline: bounds the polishing.
        rng: draws the starts of gradient descents.

    Attributes:
        witness: the confirmed counterexample, once there is one.
        tried: points given to onnxruntime.
    """

    def __init__(self, problem: Problem, run: Run, deadline: Deadline, rng: np.random.Generator | None = None) -> None:
        rng = np.random.default_rng(0) if rng is None else rng
        self._problem, self._run, self._deadline = problem, run, deadline
        self._best = np.inf
        self._rng = np.random.default_rng(len(problem.cases))
        self._pursuit = Pursuit(problem, rng)
        self.use(problem.network)
        self.witness: Witness | None = None
        self.tried = 0

    def reseed(self, seed: int) -> None:
        """Draws other starts from now on than another process with the same past."""
        self._pursuit.reseed(seed)

    def use(self, network: Network) -> None:
        """From now on computes with this network, which is the same on the regions at hand."""
        self.network = network
        self._fine: Model | None = None

    def pursue(self, model: Model, open_cases: Index) -> None:
        """One more batch of gradient descents; `model` is the network in float32."""
        points, regions = self._pursuit.step(model, open_cases, self._deadline)
        for point, region in zip(points[:MOST_PER_BATCH], regions[:MOST_PER_BATCH], strict=True):
            self.tried += 1
            self.witness = confirm(self._problem, self._run, point, int(region))
            if self.witness is not None:
                return

    def corners(self, batch: Batch) -> None:
        """Tries the minimising corners of the open pairs, and ranks the pairs by them."""
        pairs = batch.open
        if not len(pairs):
            return
        owner, case = batch.owner[pairs], batch.case[pairs]
        corner = np.where(batch.slopes[pairs] >= 0.0, batch.enclosure.lower[owner], batch.enclosure.upper[owner])
        batch.suspicion[pairs] = self.points(corner, case)

    def points(self, x: Array, case: Index) -> Array:
        """Tries the likeliest of some points.

        Args:
            x: (Q, inputs) inside the cases' regions.
            case: (Q,) the case each may violate.

        Returns:
            (Q,) the greatest margin at each; at most 0 where the case is violated (in float64).
        """
        worst = np.empty(len(x))
        y = self.network(x)
        for c in np.unique(case):
            here = np.flatnonzero(case == c)
            margins = self._problem.margins_of_outputs(int(c), x[here], y[here])
            worst[here] = margins.max(axis=1, initial=-np.inf)
        order = np.argsort(worst)
        self._pursuit.suggest(x[order[:1]], case[order[:1]], worst[order[:1]])
        for i in order[:MOST_PER_BATCH]:
            if worst[i] <= 0.0 and self.confirmed(x[i], int(case[i])):
                return worst
        first = order[0]
        if worst[first] < self._best:
            self._best = float(worst[first])
            self.polished(x[first], int(case[first]), steps=12, rate=0.25)
        return worst

    def polished(self, x: Array, case: int, *, steps: int, rate: float) -> bool:
        """Follows the gradient from x, and tries where it leads."""
        if self._fine is None:
            self._fine = Model(self.network, np.float64)
        points, worst = descend(
            self._problem, self._fine, np.array([case]), x[None, :], steps=steps, rate=rate, deadline=self._deadline
        )
        return bool(worst[0] <= 0.0) and self.confirmed(points[0], case)

    def sampled(self, lower: Array, upper: Array, case: int) -> bool:
        """Tries points of a box (inputs,) that is given up: what rounding alone violates no gradient leads to."""
        shares = np.concatenate(
            [[np.full(len(lower), share) for share in (0.5, 0.0, 1.0)], self._rng.random((SAMPLES, len(lower)))]
        )
        return any(self.confirmed(lower + share * (upper - lower), case) for share in shares)

    def confirmed(self, x: Array, case: int) -> bool:
        """Is x a counterexample, in the case's region?"""
        self.tried += 1
        self.witness = confirm(self._problem, self._run, x, self._problem.cases[case].region)
        return self.witness is not None

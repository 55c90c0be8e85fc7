"""What is asked: the query, the models as they are deployed, and the problem that they make."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from os import PathLike

import numpy as np
from numpy.typing import NDArray

from ivan.attack.confirm import confirm
from ivan.deadline import Deadline, OutOfTime
from ivan.deployment import Deployment, deploy
from ivan.network.reference import self_check
from ivan.outcome import Claim
from ivan.problem import Problem
from ivan.proof import Witness
from ivan.search.form import carrying_pays, linking_pays
from ivan.verification.libraries import load_libraries
from ivan.verification.progress import Progress
from ivan.vnnlib import Query, asked

Array = NDArray[np.float64]

Models = str | Mapping[str, str]
"""One file or digest, or a file for each network of a query by its name."""


class Question:
    """Reads all files.

    Args:
        models: the files.
        query: the property, or what it is read from.
        progress: where the phases `read` and `check` are noted.
        deadline: of the choice between forms of the problem.
        rng: chooses the points at which the deployed models are compared with what was read.

    Attributes:
        query: the property.
        deployment: the models as they are deployed.
        problem: both together.

    Raises:
        InputError: model or query cannot be used, or they do not fit each other.
    """

    def __init__(
        self,
        models: Models,
        query: str | PathLike[str] | Query,
        progress: Progress,
        deadline: Deadline,
        rng: np.random.Generator,
    ) -> None:
        self._progress, self._rng, self._checked = progress, rng, False
        with progress.phase("read"):
            self.query: Query = asked(query)
            self.deployment: Deployment = deploy(self.query, models)
            self.problem: Problem = _in_its_form(self.deployment, deadline)
            progress.outcome.vnnlib_version = self.query.version

    def check_models(self) -> None:
        """Compares the deployed models with what was read, once.

        Raises:
            ModelError: they differ by more than rounding explains.
        """
        if self._checked:
            return
        with self._progress.imports():
            load_libraries(self.problem.network)
        with self._progress.phase("check"):
            for region in self.problem.regions[:1]:
                self_check(
                    self.problem.network,
                    self.deployment,
                    region.inner_lower,
                    region.inner_upper,
                    self._rng,
                    behind=len(self.query.products),
                )
            self._checked = True

    def run_models(self, x: Array) -> Array:
        """The deployed models' outputs (m,) at the network's inputs (n,), in their own arithmetic."""
        self.check_models()
        return self.deployment.run(x)

    def confirmed(self, x: Array, region: int | None = None) -> Witness | None:
        """The counterexample at (n,) x, if there is one; in this region, or in any."""
        return confirm(self.problem, self.run_models, x, region)

    def claim(self, options: str, seconds: float, statistics: dict[str, object]) -> Claim:
        """What a proof of it claims."""
        return Claim(self.problem, self.deployment.file_digest, options, seconds, statistics)


def _in_its_form(deployment: Deployment, deadline: Deadline) -> Problem:
    """Two networks side by side, or the second as differences from the first, or both tied to one another."""
    runs = deployment.as_runs()
    if runs is not None and linking_pays(runs):
        return runs
    carried = deployment.as_differences()
    if carried is None:
        return deployment.problem
    with suppress(OutOfTime):
        if carrying_pays(deployment.problem, carried, deadline):
            return carried
    return deployment.problem

"""Searches for tests: on a budget of deadline checks instead of the clock, so that each takes the same path always."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from tests.engine import (
    Array,
)

from ivan.deadline import Deadline, OutOfTime
from ivan.network.layers import Network
from ivan.problem import Problem
from ivan.search import Search, SearchResult, Seed, loop
from ivan.search import by_units as units


class Patience(Deadline):
    """A deadline that passes after a number of checks, whatever the clock says."""

    def __init__(self, checks: int) -> None:
        super().__init__()
        self._checks = checks

    def check(self) -> None:
        self._checks -= 1
        if self._checks < 0:
            raise OutOfTime


def deployed(network: Network) -> Callable[[Array], Array]:
    """The network as its own deployed model, in float64."""
    return lambda x: network(x[None, :])[0]


def never_confirmed(x: Array) -> Array:
    """A deployed model that confirms no counterexample, so that every certificate is tried."""
    return np.full(2, np.nan)


def eager(patch: pytest.MonkeyPatch, *, programs: int = 0) -> None:
    """Searches with unit splits do on small networks what they do on large ones, whatever the clock says.

    Linear programs only up to so many unstable units, new intermediate bounds wherever they bring anything, and no
    attacks between the batches.
    """
    patch.setattr(units.ByUnits, "program_units", programs)
    patch.setattr(units, "log_leaves", lambda gap, bounds: -1e3 * np.minimum(bounds, 0.0).sum(axis=1))
    patch.setattr(units.ByUnits, "_affordable", lambda self: True)
    patch.setattr(units.ByUnits, "_patience", lambda self: 2.0)
    patch.setattr(loop, "ATTACK_SHARE", 0.0)


def search(
    problem: Problem, *, by_units: bool | None = None, seed: Seed | None = None, checks: int = 4000
) -> SearchResult:
    return Search(
        problem,
        deployed(problem.network),
        Seed.fresh(problem) if seed is None else seed,
        deadline=Patience(checks),
        by_units=by_units,
    ).run()

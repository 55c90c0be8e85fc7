"""Longer ascents change how much is searched, never what is proved."""

from __future__ import annotations

import numpy as np
import pytest
from tests.engine import dense, hard_problem
from tests.searches import eager, search

from ivan.bounds.replay import replay
from ivan.problem import Problem
from ivan.search import persistence
from ivan.search.persistence import Persistence
from ivan.verdict import Verdict


def problem_of(seed: int) -> Problem:
    rng = np.random.default_rng(seed)
    return hard_problem(rng, dense(rng, (4, 8, 8, 8, 2)), radius=0.7, gap=0.15, cases=3, rows=1 + seed % 2, boxes=2)


@pytest.mark.parametrize("seed", range(6))
def test_a_search_that_always_climbs_on_proves_the_same(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    eager(monkeypatch)
    monkeypatch.setattr(persistence, "MANY_SPLITS", np.inf)
    plain = search(problem_of(seed), by_units=True, checks=20000)
    monkeypatch.setattr(persistence, "MANY_SPLITS", 0.0)
    monkeypatch.setattr(persistence, "LONGER_PAYS", -np.inf)
    monkeypatch.setattr(persistence, "MOST_LONGER", -1e-300)
    persistent = search(problem_of(seed), by_units=True, checks=20000)
    assert persistent.verdict is plain.verdict
    if persistent.verdict is Verdict.UNSAT:
        assert replay(problem_of(seed), persistent.proof).complete


def test_trials_in_vain_grow_rare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing ever pays: after the k-th trial 2^k - 1 batches are left alone."""
    eager(monkeypatch)
    monkeypatch.setattr(persistence, "MANY_SPLITS", 0.0)
    monkeypatch.setattr(persistence, "LONGER_PAYS", np.inf)
    monkeypatch.setattr(persistence, "MOST_LONGER", 1e-300)
    trials: list[int] = []
    asked = 0
    climb, further = Persistence.climb, Persistence._further

    def counted(self: Persistence, *arguments: object) -> None:
        nonlocal asked
        asked += 1
        climb(self, *arguments)  # type: ignore[arg-type]

    def tried(self: Persistence, *arguments: object) -> float:
        trials.append(asked)
        return further(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Persistence, "climb", counted)
    monkeypatch.setattr(Persistence, "_further", tried)
    most = 0
    for seed in range(6):
        trials.clear()
        asked = 0
        search(problem_of(seed), by_units=True, checks=20000)
        for k, gap in enumerate(np.diff(trials), 1):
            assert gap >= min(2**k - 1, persistence.MOST_SKIPPED)
        most = max(most, len(trials))
    assert most > 1

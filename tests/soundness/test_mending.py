"""What a replay mends holds like everything else, and what it can not mend is left as it was."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine import EXACT, FEW, Rng, dense, perturbed, random_problem
from tests.incremental.test_reuse import proved
from tests.soundness.test_shared_replay import shared
from tests.trees import left_open, random_certificates, random_refinements, random_tree, some_refreshed, tried

from ivan.bounds.ascent import Ascended, Ascent, Parameters
from ivan.bounds.replay import Replayed, check_fit, replay
from ivan.problem import Problem, build_problem
from ivan.proof import Certificates, Proof, Ragged

SEEDS = st.integers(0, 2**32 - 1)
CLOSE = 1e-9


def after(proof: Proof, replayed: Replayed) -> Certificates:
    return replayed.mended.applied(proof.certificates, replayed.holds)


def assert_mended(problem: Problem, proof: Proof, plain: Replayed, mended: Replayed) -> None:
    """Whatever is claimed afterwards holds, one certificate at a time; nothing that held is lost."""
    claims = after(proof, mended)
    claims.check(len(proof.tree), problem.rows_of_case)
    holds, reached = tried(problem, proof.tree, claims, proof.refinements)
    assert holds.all()
    anew = Certificates.concatenate([new for _, new in mended.mended.replaced])
    count = len(claims) - len(anew)  # those that were mended stand behind the others
    np.testing.assert_array_equal(claims.margin[count:], anew.margin)
    np.testing.assert_allclose(claims.margin[count:], reached[count:], rtol=CLOSE, atol=CLOSE)
    assert len(claims) == np.count_nonzero(mended.holds)
    assert mended.holds[plain.holds].all()
    assert sorted(zip(claims.node, claims.case, strict=True)) == sorted(
        zip(proof.certificates.node[mended.holds], proof.certificates.case[mended.holds], strict=True)
    )
    pairs = zip(mended.leaf.tolist(), mended.case.tolist(), strict=True)
    assert sorted(pairs) == left_open(problem, proof, mended.holds)
    failed = sum(map(len, mended.mended.improved))
    assert failed == np.count_nonzero(~mended.holds)


@pytest.mark.parametrize("kind", sorted(EXACT))
@settings(FEW)
@given(seed=SEEDS)
def test_what_is_mended_holds(kind: str, seed: int) -> None:
    """Random claims: some hold, some can be mended, some are hopeless."""
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT[kind](rng), cases=2, boxes=2, radius=0.3)
    tree = random_tree(rng, problem, 5)
    refinements = random_refinements(rng, problem, some_refreshed(rng, tree))
    proof = Proof(tree, random_certificates(rng, problem, tree, 25), refinements)
    assert_mended(problem, proof, replay(problem, proof), replay(problem, proof, mend=True))


@pytest.mark.parametrize("value", [1.7e308, 1e39, 5e-324])
@pytest.mark.parametrize("table", ["weights", "multipliers"])
@pytest.mark.parametrize("seed", range(3))
def test_numbers_at_the_ends_of_the_floats_mend_nothing_wrongly_and_do_not_warn(
    seed: int, table: str, value: float
) -> None:
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT["residual"](rng), cases=8, radius=0.3)
    tree = random_tree(rng, problem, 6)
    claims = random_certificates(rng, problem, tree, 60)
    entries = getattr(claims, table)
    values = {**entries.columns, "value": np.where(entries["value"] < 0.0, -value, value)}
    proof = Proof(tree, replace(claims, **{table: Ragged(entries.offsets, values)}))
    check_fit(problem, proof)
    assert_mended(problem, proof, replay(problem, proof), replay(problem, proof, mend=True))


def update(rng: Rng, size: float, *, by_units: bool) -> tuple[Problem, Proof]:
    """A proof of one network on another one."""
    problem, proof = proved(rng, dense(rng, (3, 8, 8, 2)), by_units=by_units)
    return build_problem(problem.query, perturbed(rng, problem.network, size)), proof


@pytest.mark.parametrize("by_units", [False, True])
def test_updates_are_mended(by_units: bool) -> None:
    """Of what a replay alone leaves open, some claims are mended, by either kind of splits."""
    lost = mended = 0
    for seed in range(12):
        problem, proof = update(np.random.default_rng(seed), 3e-2, by_units=by_units)
        plain, better = replay(problem, proof), replay(problem, proof, mend=True)
        assert_mended(problem, proof, plain, better)
        lost += np.count_nonzero(~plain.holds)
        mended += np.count_nonzero(better.holds & ~plain.holds)
    assert 0 < mended < lost


def test_what_an_ascent_says_of_itself_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is computed in single precision, without any rounding error: only a rigorous pass tells what is mended."""
    problem, proof = update(np.random.default_rng(1), 3e-2, by_units=True)
    climb = Ascent.outputs

    def boastful(*arguments: Any) -> tuple[Parameters, Ascended]:
        parameters, found = climb(*arguments)
        found.bound[:] = np.inf
        return parameters, found

    modest = replay(problem, proof, mend=True)
    monkeypatch.setattr(Ascent, "outputs", boastful)
    found = replay(problem, proof, mend=True)
    np.testing.assert_array_equal(found.holds, modest.holds)
    assert not found.holds.all()
    assert_mended(problem, proof, replay(problem, proof), found)


def test_where_everything_holds_nothing_is_mended() -> None:
    problem, proof = proved(np.random.default_rng(0), dense(np.random.default_rng(0)), by_units=True)
    found = replay(problem, proof, mend=True)
    assert found.complete
    assert not found.mended.replaced
    assert not found.mended.improved


@settings(max_examples=5, deadline=None, derandomize=True)
@given(seed=SEEDS)
def test_two_processes_mend_what_one_mends(seed: int) -> None:
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT["dense"](rng), cases=3, boxes=2, radius=0.3)
    tree = random_tree(rng, problem, 25)
    proof = Proof(tree, random_certificates(rng, problem, tree, 80))
    alone = replay(problem, proof, mend=True)
    with shared() as started:
        together = replay(problem, proof, mend=True)
    assert started
    assert_mended(problem, proof, replay(problem, proof), together)
    decided = np.abs(alone.bound) > 1e-4  # single precision sums in another order, in another company
    np.testing.assert_array_equal(together.holds[decided], alone.holds[decided])

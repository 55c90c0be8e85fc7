"""A search that leaves out units which are zero on its regions proves what it says about the whole network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.engine import EXACT, FEW, Rng, dense, hard_problem, lowered, perturbed, random_problem, sizes_of
from tests.network.test_reduce import active
from tests.searches import deployed, eager, search
from tests.soundness.test_search import assert_true
from tests.soundness.test_shared_search import shared
from tests.trees import Walk, random_certificates, random_refinements, random_tree, some_refreshed, tried

from ivan.bounds.reduction import Reduction
from ivan.bounds.replay import replay
from ivan.bounds.replay.shrunk import Shrunk
from ivan.deadline import NEVER
from ivan.incremental.reuse import reuse
from ivan.network.layers import Network
from ivan.problem import Problem, build_problem
from ivan.proof import Certificates, Kind, Proof, Ragged, Refinements, SpecTree
from ivan.proof.certificate import MULTIPLIER_COLUMNS
from ivan.search import SearchResult
from ivan.search.workspace import Workspace
from ivan.verdict import Verdict

SEEDS = st.integers(0, 2**32 - 1)
SEARCHES = settings(max_examples=4, deadline=None, derandomize=True)
Index = NDArray[np.int64]


def some_units(rng: Rng, network: Network) -> list[Index]:
    """Any units of each layer, at least one."""
    return [np.sort(rng.permutation(layer.size)[: rng.integers(1, layer.size + 1)]) for layer in network.layers]


# What is numbered anew


@pytest.mark.parametrize("kind", sorted(EXACT))
@FEW
@given(seed=SEEDS)
def test_refinements_keep_the_bounds_and_slopes_of_the_units_that_stay(kind, seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT[kind](rng))
    tree, keep = random_tree(rng, problem, 6), some_units(rng, problem.network)
    whole = random_refinements(rng, problem, some_refreshed(rng, tree))
    reduction = Reduction(problem.network, keep)
    small = reduction.refinements(whole)
    small.check(tree, sizes_of(reduction.network))
    np.testing.assert_array_equal(small.node, whole.node)
    for i in range(len(whole)):
        for k, units in enumerate(keep):
            one, other = whole.layer(i, k + 1), small.layer(i, k + 1)
            stays = np.zeros(0, np.int64) if one is None else np.flatnonzero(np.isin(one.unit, units))
            if one is None or not len(stays):
                assert other is None
                continue
            assert other is not None
            np.testing.assert_array_equal(units[other.unit], one.unit[stays])
            np.testing.assert_array_equal(other.side, one.side[stays])
            for j, (mine, theirs) in enumerate(zip(other.support, one.support, strict=True)):
                here = np.flatnonzero(np.isin(theirs, keep[j]))
                np.testing.assert_array_equal(keep[j][mine], theirs[here])
                np.testing.assert_array_equal(other.slopes[j], one.slopes[j][np.ix_(stays, here)])


def valid(certificates: Certificates, network: Network) -> Certificates:
    """Without advice for units that are not there."""

    def filtered(table: Ragged) -> Ragged:
        size = np.array([0, *(layer.size for layer in network.layers), 0])[
            np.minimum(table["layer"], len(network.layers) + 1)
        ]
        rows = np.flatnonzero((table["unit"] >= 0) & (table["unit"] < size))
        return Ragged.from_rows(len(table), table.rows[rows], {n: c[rows] for n, c in table.columns.items()})

    return replace(certificates, slopes=filtered(certificates.slopes), multipliers=filtered(certificates.multipliers))


@pytest.mark.parametrize("kind", sorted(EXACT))
@FEW
@given(seed=SEEDS)
def test_a_proof_on_the_smaller_network_means_the_same_on_the_whole_one(kind, seed):
    """Tree, certificates and refinements, numbered back: every certificate reaches the same bound."""
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, lowered(rng, EXACT[kind](rng)), cases=2, radius=0.3)
    reduction = Reduction(problem.network, active(problem))
    small = replace(problem, network=reduction.network)
    tree = random_tree(rng, small, 4)
    claims = valid(random_certificates(rng, small, tree, 10), reduction.network)
    whole_tree = replace(tree, unit=reduction.whole_tree_units(tree.kind, tree.layer, tree.unit))
    whole_tree.check(1, problem.network.inputs, sizes_of(problem.network))
    refined = random_refinements(rng, problem, some_refreshed(rng, tree))
    one = tried(small, tree, claims, reduction.refinements(refined))
    other = tried(problem, whole_tree, reduction.whole_certificates(claims), refined)
    np.testing.assert_array_equal(
        reduction.tree_units(whole_tree.kind, whole_tree.layer.astype(np.int64), whole_tree.unit.astype(np.int64)),
        tree.unit,
    )
    walk = Walk(small, tree, reduction.refinements(refined))
    empty = [walk.at(node).empty[0] for node in claims.node]
    alike = ~np.array(empty)
    np.testing.assert_allclose(one[1][alike], other[1][alike], rtol=1e-8, atol=1e-8)


# Searches


@contextmanager
def watched() -> Iterator[list[Reduction]]:
    """Gives the reductions that searches go on with."""
    done: list[Reduction] = []
    original = Workspace.reduce

    def spy(self: Workspace) -> bool:
        result = original(self)
        if result:
            assert self._reduction is not None
            done.append(self._reduction)
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Workspace, "reduce", spy)
        yield done


def reducible(rng: Rng, kind: str) -> Problem:
    network = dense(rng, (4, 12, 12, 12, 2)) if kind == "deep" else EXACT[kind](rng)
    return hard_problem(rng, lowered(rng, network, by=2.0), radius=1.2, gap=0.05, cases=3)


def assert_in_whole_numbers(problem: Problem, result: SearchResult, reduction: Reduction) -> None:
    """What was named after the reduction stands for units that stayed; what was named before, for any."""
    tree, certificates = result.proof.tree, result.proof.certificates
    inner = certificates.take(np.flatnonzero(tree.parent[certificates.node] >= 0))
    split = tree.kind == Kind.UNIT
    for k, units in enumerate(reduction.keep):
        assert np.isin(tree.unit[split & (tree.layer == k + 1)], units).all()
        for table in (inner.slopes, inner.multipliers):
            assert np.isin(table["unit"][table["layer"] == k + 1], units).all()
        refined = result.proof.refinements.support
        assert np.all(refined["unit"][refined["layer"] == k + 1] < problem.network.layers[k].size)


def moved_units(tree: SpecTree, reduction: Reduction) -> int:
    """Splits of units that have another number in the smaller network."""
    split = np.flatnonzero(tree.kind == Kind.UNIT)
    return sum(int(reduction._place[tree.layer[i] - 1][tree.unit[i]] != tree.unit[i]) for i in split)


@pytest.mark.parametrize(("programs", "processes"), [(0, 1), (24, 1), (0, 2)])
def test_a_search_that_reduces_proves_it_on_the_whole_network(programs, processes):
    reductions = moved = slopes = multipliers = refined = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        problem = reducible(rng, "deep")
        with watched() as done, pytest.MonkeyPatch.context() as patch:
            if processes == 2:
                with shared():
                    result = search(problem, by_units=True, checks=20000)
            else:
                eager(patch, programs=programs)
                result = search(problem, by_units=True, checks=20000)
        assert_true(problem, result, rng)
        assert result.verdict.decided
        if done and result.verdict is Verdict.UNSAT:
            assert len(done) == 1
            assert_in_whole_numbers(problem, result, done[0])
            reductions += 1
            moved += moved_units(result.proof.tree, done[0])
            below = result.proof.certificates.take(
                np.flatnonzero(result.proof.tree.parent[result.proof.certificates.node] >= 0)
            )
            slopes += len(below.slopes["unit"])
            multipliers += len(below.multipliers["unit"])
            refined += len(result.proof.refinements)
    assert reductions > 2
    assert moved > 2
    assert slopes > 10
    assert multipliers > 10
    assert refined > 2


@pytest.mark.parametrize("kind", sorted(EXACT))
@SEARCHES
@given(seed=SEEDS)
def test_reduced_searches_of_every_kind_of_network_say_nothing_wrong(kind, seed):
    rng = np.random.default_rng(seed)
    problem = reducible(rng, kind)
    with pytest.MonkeyPatch.context() as patch, watched() as done:
        eager(patch)
        patch.setattr("ivan.bounds.reduction.WORTH", 1.0)  # even where hardly anything is left out
        result = search(problem, by_units=True)
    assert_true(problem, result, rng)
    assert result.verdict.decided
    if result.statistics.splits and result.verdict is Verdict.UNSAT:
        assert done


# Replays


@pytest.mark.parametrize("kind", sorted(EXACT))
def test_a_replay_without_zero_units_finds_what_one_with_all_of_them_finds(monkeypatch, kind):
    monkeypatch.setattr("ivan.bounds.reduction.WORTH", 0.95)
    smaller = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        problem = random_problem(rng, lowered(rng, EXACT[kind](rng)), cases=3, boxes=2, radius=0.3)
        tree = random_tree(rng, problem, 5)
        refined = random_refinements(rng, problem, some_refreshed(rng, tree))
        claims = random_certificates(rng, problem, tree, 30)
        used = claims.multipliers.take(np.arange(seed % 2)), Ragged.empty(30 - seed % 2, MULTIPLIER_COLUMNS)
        proof = Proof(tree, replace(claims, multipliers=Ragged.concatenate(used)), refined)
        smaller += Shrunk.of(problem, proof, NEVER) is not None
        found = replay(problem, proof)
        with monkeypatch.context() as patch:
            patch.setattr(Shrunk, "of", lambda *_: None)
            whole = replay(problem, proof)
        np.testing.assert_allclose(found.bound, whole.bound, rtol=1e-8, atol=1e-8)
        decided = np.abs(whole.bound) > 1e-8
        np.testing.assert_array_equal(found.holds[decided], whole.holds[decided])
        handed = [{n: (d, i) for nodes, d in r.domains for i, n in enumerate(nodes.tolist())} for r in (found, whole)]
        for node in set(handed[0]) & set(handed[1]):
            (small, i), (all_of_it, j) = handed[0][node], handed[1][node]
            if small.empty[i] or all_of_it.empty[j]:
                continue
            for k, (low, high) in enumerate(small.known or ()):
                # of a unit that is zero, the bounds of the root are handed on
                zero = all_of_it.known[k][1][j] <= 0.0
                np.testing.assert_allclose(low[i][~zero], all_of_it.known[k][0][j][~zero], atol=1e-8)
                np.testing.assert_allclose(high[i][~zero], all_of_it.known[k][1][j][~zero], atol=1e-8)
                assert np.all(high[i][zero] <= 1e-8)
                masks = [d.split[k] for d in (small, all_of_it)]
                one, other = (
                    set() if m is None else set(np.flatnonzero(m[r])) for m, r in zip(masks, (i, j), strict=True)
                )
                assert one == other
    assert smaller > 3


@SEARCHES
@given(seed=SEEDS)
def test_the_proof_of_a_reduced_search_seeds_one_that_reduces_again(seed):
    rng = np.random.default_rng(seed)
    problem = reducible(rng, "deep")
    with pytest.MonkeyPatch.context() as patch, watched() as done:
        eager(patch)
        first = search(problem, by_units=True, checks=20000)
        before = len(done)
        updated = build_problem(problem.query, perturbed(rng, problem.network, 2e-2))
        reused = reuse(updated, first.proof, deployed(updated.network), NEVER)
        if reused.witness is not None or reused.complete:
            return
        result = search(updated, by_units=True, seed=reused.seed, checks=20000)
    assert_true(updated, result, rng)
    for reduction in done[before:]:
        tree = result.proof.tree
        split = np.flatnonzero(tree.kind == Kind.UNIT)
        assert all(reduction._place[tree.layer[i] - 1][tree.unit[i]] >= 0 for i in split)


def test_a_reduced_search_cut_short_leaves_an_open_proof_that_a_seed_goes_on_from():
    resumed = 0
    for seed in (1, 2, 3):
        rng = np.random.default_rng(seed)
        problem = reducible(rng, "deep")
        for checks in (100, 200, 400, 800):
            with pytest.MonkeyPatch.context() as patch, watched() as done:
                eager(patch)
                cut = search(problem, by_units=True, checks=checks)
                assert_true(problem, cut, rng)
                if cut.verdict.decided:
                    break  # and so would be what is cut later
                if not done:
                    continue
                assert replay(problem, cut.proof).holds.all()
                seeded = reuse(problem, cut.proof, lambda x: np.full(2, np.nan), NEVER).seed
                result = search(problem, by_units=True, seed=seeded, checks=20000)
            resumed += 1
            assert result.verdict.decided
            assert_true(problem, result, rng)
    assert resumed > 2


@SEARCHES
@given(seed=SEEDS)
def test_a_search_says_the_same_whether_it_reduces_or_not(seed):
    rng = np.random.default_rng(seed)
    problem = reducible(rng, "deep")
    verdicts = set()
    for worth in (0.0, 1.0):
        with pytest.MonkeyPatch.context() as patch, watched() as done:
            eager(patch)
            patch.setattr("ivan.bounds.reduction.WORTH", worth)
            result = search(problem, by_units=True, checks=20000)
        assert_true(problem, result, rng)
        assert not (done and worth == 0.0)
        verdicts.add(result.verdict)
    assert len(verdicts) == 1


def test_no_refinements_are_reduced_to_none():
    network = dense(np.random.default_rng(0))
    reduction = Reduction(network, [np.arange(2), np.arange(1, 4)])
    assert not len(reduction.refinements(Refinements.none()))
    empty = Proof(SpecTree.roots(1), reduction.whole_certificates(Certificates.none()))
    assert not len(empty.certificates)

"""IVAN's techniques: whatever is taken over from an old tree, its leaves cover everything and answers stay right."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine import EXACT, LAWS, dense, perturbed, points, pre_activations, random_problem
from tests.incremental.test_reuse import proved
from tests.searches import Patience, never_confirmed, search
from tests.trees import inside, random_certificates, random_refinements, random_tree, some_refreshed

from ivan.bounds.replay import check_fit, replay
from ivan.deadline import NEVER
from ivan.incremental.effectiveness import improvements
from ivan.incremental.prune import prune
from ivan.incremental.reorder import experience_of
from ivan.incremental.reuse import reuse
from ivan.incremental.techniques import NAMES, Techniques
from ivan.network.layers import Network
from ivan.problem import Problem, build_problem
from ivan.proof import Certificates, Kind, Proof, Side, SpecTree, State, TreeBuilder
from ivan.search import Search
from ivan.search.experience import Experience
from ivan.verdict import Verdict

SEEDS = st.integers(0, 2**32 - 1)
SUBSETS = [
    ",".join(name for name, chosen in zip(NAMES, picked, strict=True) if chosen)
    for picked in product([True, False], repeat=len(NAMES))
]


def bounded(rng: np.random.Generator, tree: SpecTree) -> SpecTree:
    """With random bounds, some of them infinite."""
    bound = rng.standard_normal(len(tree))
    bound[rng.random(len(tree)) < 0.1] = -np.inf
    bound[(rng.random(len(tree)) < 0.1) & (tree.parent >= 0)] = np.inf
    return replace(tree, bound=bound)


def example(seed: int, kind: str = "dense", splits: int = 12) -> tuple[np.random.Generator, Problem, Proof]:
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT[kind](rng), boxes=2)
    tree = bounded(rng, random_tree(rng, problem, splits))
    claims = random_certificates(rng, problem, tree, 30)
    return rng, problem, Proof(tree, claims, random_refinements(rng, problem, some_refreshed(rng, tree)))


# Improvements


def test_improvements_are_those_of_the_worse_child_relative_to_the_root():
    builder = TreeBuilder(SpecTree.roots(1))
    for node in (0, 1):
        builder.split(*(np.array([v]) for v in (node, Kind.INPUT, 0, 0, 0.5, 0)))
    tree = replace(builder.snapshot(), bound=np.array([-4.0, -3.0, 1.0, np.inf, -1.0]))
    np.testing.assert_array_equal(tree.children, [[1, 2], [3, 4], [-1, -1], [-1, -1], [-1, -1]])
    np.testing.assert_array_equal(improvements(tree), [0.25, 0.5, np.nan, np.nan, np.nan])


def test_nothing_is_known_of_a_split_of_a_node_that_was_never_bounded():
    builder = TreeBuilder(SpecTree.roots(1))
    builder.split(*(np.array([v]) for v in (0, Kind.INPUT, 0, 0, 0.5, 0)))
    assert np.isnan(improvements(builder.snapshot())).all()


# Prune


@pytest.mark.parametrize("theta", [0.0, 0.3, np.inf])
@LAWS
@given(seed=SEEDS)
def test_the_leaves_of_a_pruned_tree_cover_every_region(theta, seed):
    rng, problem, proof = example(seed)
    pruned = prune(proof, problem.regions, theta)
    check_fit(problem, pruned)
    assert len(pruned.tree) <= len(proof.tree)
    for r, box in enumerate(problem.regions):
        x = points(rng, box.lower, box.upper, 200)
        before = pre_activations(problem.network, x)
        leaves = [leaf for leaf in pruned.tree.leaves if pruned.tree.region()[leaf] == r]
        assert np.any([inside(pruned.tree, int(leaf), x, before) for leaf in leaves], axis=0).all()


@LAWS
@given(seed=SEEDS)
def test_no_weak_split_is_left_and_nothing_else_is_dropped(seed):
    _, problem, proof = example(seed)
    theta = 0.4
    pruned = prune(proof, problem.regions, theta).tree
    gained = improvements(proof.tree)
    weak = int(np.sum(gained < theta))
    if not weak:
        assert pruned is proof.tree
    # every dropped split takes its better child's subtree along
    splits = [int(np.sum(tree.state == State.SPLIT)) for tree in (proof.tree, pruned)]
    assert splits[1] <= splits[0] - min(weak, 1)
    strong = np.isnan(gained) | (gained >= theta)
    assert splits[1] <= int(np.sum(strong & (proof.tree.state == State.SPLIT)))


def test_without_weak_splits_the_proof_is_the_same():
    _, problem, proof = example(0)
    assert prune(proof, problem.regions, -np.inf) is proof


def test_of_a_weak_split_the_worse_child_stays_and_its_cuts_keep_their_relative_position():
    rng = np.random.default_rng(0)
    problem = random_problem(rng, dense(rng))
    low, high = problem.regions[0].lower, problem.regions[0].upper
    width = high[1] - low[1]
    builder = TreeBuilder(SpecTree.roots(1))
    builder.split(*(np.array([v]) for v in (0, Kind.INPUT, 0, 1, low[1] + 0.5 * width, 0)))
    builder.split(*(np.array([v]) for v in (2, Kind.INPUT, 0, 1, low[1] + 0.75 * width, 0)))
    # the root's split brings nothing: its upper half is as bad as the whole
    tree = replace(builder.snapshot(), bound=np.array([-4.0, 3.0, -4.0, 1.0, 2.0]))
    claims = random_certificates(rng, problem, tree, 40)
    pruned = prune(Proof(tree, claims), problem.regions, 0.1)
    assert len(pruned.tree) == 3
    np.testing.assert_allclose(pruned.tree.at[1:], low[1] + 0.5 * width)
    assert pruned.tree.side.tolist() == [0, Side.BELOW, Side.ABOVE]
    kept = np.flatnonzero(claims.node != 1)
    expected = np.array([0, -1, 0, 1, 2])[claims.node[kept]]
    np.testing.assert_array_equal(pruned.certificates.node, expected)


@LAWS
@given(seed=SEEDS)
def test_claims_of_a_pruned_proof_are_judged_on_their_new_regions(seed):
    rng, problem, proof = example(seed)
    pruned = prune(proof, problem.regions, 0.4)
    found = replay(problem, pruned)
    for claim in np.flatnonzero(found.holds):
        node, case = int(pruned.certificates.node[claim]), int(pruned.certificates.case[claim])
        region = pruned.tree.region()[node]
        if problem.cases[case].region != region:
            continue
        box = problem.regions[region]
        x = points(rng, box.lower, box.upper, 400)
        here = inside(pruned.tree, node, x, pre_activations(problem.network, x))
        if here.any():
            assert problem.margins(case, x[here]).max(axis=1).min() > -1e-9


# Reorder


def test_a_weak_decision_goes_last_but_stays_choosable():
    experience = Experience(np.array([0.5, 0.0, -3.0, np.nan]), (), 0.25, 0.001)
    scores = np.array([[1.0, 3.0, 4.0, 2.0], [1.0, 0.0, 0.0, 0.0]])
    revised = experience.of_axes(scores)
    np.testing.assert_array_equal(np.argsort(-revised[0]), [3, 0, 1, 2])
    assert np.all(revised[0] > 0.0)
    np.testing.assert_array_equal(revised[1], [1.0, 0.0, 0.0, 0.0])


def test_with_full_weight_of_the_scores_at_hand_they_stay_as_they_are():
    rng = np.random.default_rng(0)
    scores = rng.random((5, 4)) + 0.1
    np.testing.assert_allclose(Experience(-np.ones(4), (), 1.0, 0.001).of_axes(scores), scores)


def test_units_are_revised_as_one_and_follow_a_reduction():
    experience = Experience(np.zeros(1), (np.array([0.5, -1.0, 0.5]), np.array([-1.0, 0.5])), 0.0, 0.001)
    units = (np.array([1, 2]), np.array([0, 1]))
    tables = [np.array([[4.0, 2.0]]), np.array([[8.0, 1.0]])]
    first, second = experience.of_units(tables, units)
    assert first[0, 1] == 2.0
    assert second[0, 1] == 1.0
    assert 0.0 < first[0, 0] < 1.0
    assert 0.0 < second[0, 0] < 1.0
    smaller = experience.take((np.array([1, 2]), np.array([1])))
    np.testing.assert_array_equal(smaller.units[0], [-1.0, 0.5])
    np.testing.assert_array_equal(smaller.units[1], [0.5])


@pytest.mark.parametrize("kind", sorted(EXACT))
@LAWS
@given(seed=SEEDS)
def test_experience_is_the_mean_improvement_of_each_decision(kind, seed):
    _, problem, proof = example(seed, kind, 20)
    tree, gained = proof.tree, improvements(proof.tree)
    experience = experience_of(tree, problem.network, 0.5, 0.0)
    seen: dict[tuple[int, int, int], list[float]] = {}
    for node, (below, _) in enumerate(tree.children):
        if below >= 0 and not np.isnan(gained[node]):
            seen.setdefault((tree.kind[below], tree.layer[below], tree.unit[below]), []).append(gained[node])
    for (kind_, layer, unit), values in seen.items():
        found = experience.axes[unit] if kind_ == Kind.INPUT else experience.units[layer - 1][unit]
        np.testing.assert_allclose(found, np.mean(values))
    everything = [experience.axes, *experience.units]
    assert sum(int(np.sum(~np.isnan(table))) for table in everything) == len(seen)


# All together


@cache
def updated(by_units: bool) -> tuple[Problem, Proof, Verdict]:
    """A problem with a network that was updated, a proof for the one before, and what a search without it says."""
    rng = np.random.default_rng(3)
    network = dense(rng, (4, 10, 10, 2) if by_units else (3, 8, 8, 2))
    problem, proof = proved(rng, network, by_units=by_units)
    assert len(proof.tree) > 5
    again = build_problem(problem.query, perturbed(rng, network, 0.01))
    return again, proof, search(again, by_units=by_units).verdict


@pytest.mark.parametrize("names", SUBSETS)
@pytest.mark.parametrize("by_units", [False, True])
def test_every_combination_gives_the_right_answer(names, by_units):
    if "reuse" not in names and ("prune" in names or "transfer" in names):
        with pytest.raises(ValueError, match="needs 'reuse'"):
            Techniques.of(names, 0.5, 0.01)
        return
    again, proof, verdict = updated(by_units)
    techniques = Techniques.of(names, 0.5, 0.05)
    reused = reuse(again, proof, never_confirmed, NEVER, None, techniques)
    assert (reused.seed.experience is not None) == techniques.reorder
    assert techniques.transfer or not len(reused.seed.certificates)
    if reused.complete:
        result_proof = reused.seed.proof
    else:
        result = search(again, by_units=by_units, seed=reused.seed)
        assert result.verdict is verdict
        result_proof = result.proof
        if result.verdict is not Verdict.UNSAT:
            return
    check_fit(again, result_proof)
    assert replay(again, result_proof).complete


@cache
def broken(by_units: bool, seed: int) -> tuple[Problem, Proof]:
    """A problem with a network that was updated, violated next to one point only, and a proof for the one before."""
    rng = np.random.default_rng(seed)
    network = dense(rng, (4, 8, 8, 2) if by_units else (3, 8, 8, 2))
    problem, proof = proved(rng, network, by_units=by_units)
    box = problem.regions[0]
    x = points(rng, box.lower, box.upper, 3000)
    margin = problem.margins(0, x)[:, 0]
    # moves the outputs so that the worst of all points, and hardly another, violates the first case
    C = problem.cases[0].C[0]
    shift = -(margin.min() + 1e-3 * np.ptp(margin)) * C / (C @ C)
    update = Network(network.layers, network.input_shape, network.output.plus_constant(shift), "broken", "float64")
    again = build_problem(problem.query, update)
    assert again.margins(0, x).min() < 0.0
    return again, proof


@pytest.mark.parametrize("names", [names for names in SUBSETS if "reuse" in names])
@pytest.mark.parametrize("by_units", [False, True])
@settings(max_examples=4, deadline=None, derandomize=True)
@given(seed=SEEDS)
def test_no_combination_proves_what_is_not_so(names, by_units, seed):
    """No counterexample is ever confirmed."""
    again, proof = broken(by_units, seed)
    reused = reuse(again, proof, never_confirmed, NEVER, None, Techniques.of(names, 0.5, 0.05))
    assert not reused.complete
    result = Search(again, never_confirmed, reused.seed, deadline=Patience(300), by_units=by_units).run()
    assert result.verdict not in (Verdict.UNSAT, Verdict.SAT)


@settings(max_examples=10, deadline=None, derandomize=True)
@given(seed=SEEDS)
def test_without_transfer_every_case_of_every_leaf_is_open(seed):
    _, problem, proof = example(seed)
    reused = reuse(problem, proof, never_confirmed, NEVER, None, Techniques(transfer=False))
    expected = {
        (leaf, case) for leaf in proof.tree.leaves.tolist() for case in problem.cases_of[proof.tree.region()[leaf]]
    }
    assert set(zip(reused.seed.leaf.tolist(), reused.seed.case.tolist(), strict=True)) == expected
    assert reused.leaves_held == 0


@pytest.mark.parametrize("names", ["", "none", " none "])
def test_none_takes_nothing_over(names):
    rng, problem, proof = example(0)
    del rng
    reused = reuse(problem, proof, never_confirmed, NEVER, None, Techniques.of(names, 0.5, 0.01))
    assert len(reused.seed.tree) == len(problem.regions)
    assert reused.seed.certificates.node.tolist() == Certificates.none().node.tolist()


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("resue", "'resue' is none of reuse"),
        ("transfer", "'transfer' needs 'reuse'"),
        ("none,reuse", "'none' is none of reuse"),
    ],
)
def test_names_that_mean_nothing_are_refused(names, message):
    with pytest.raises(ValueError, match=message):
        Techniques.of(names, 0.5, 0.01)

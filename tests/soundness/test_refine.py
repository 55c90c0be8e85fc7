"""Refined bounds hold, whatever slopes they are made of, and are never looser than what they were made from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.engine import EXACT, FEW, LAWS, NETWORKS, dense, points, pre_activations, random_problem, residual, sizes_of
from tests.searches import Patience
from tests.soundness.test_bounds import assert_forms_hold, assert_layers_hold, every_row, margins
from tests.trees import (
    Walk,
    columns_of,
    enclosure_at,
    inside,
    left_open,
    path_to,
    random_certificates,
    random_refinements,
    random_tree,
    some_refreshed,
    together,
    tried,
)

from ivan.bounds.ascent import Ascent, Model, Schedule
from ivan.bounds.backward import bound_outputs
from ivan.bounds.descend import descend, roots
from ivan.bounds.domains import Domains
from ivan.bounds.enclosure import Enclosure, enclose, from_known
from ivan.bounds.objective import Rows
from ivan.bounds.refine import apply, refine
from ivan.bounds.replay import Recipe, anchors, replay
from ivan.deadline import NEVER, OutOfTime
from ivan.problem import Problem
from ivan.proof import Certificates, Proof, Refinements, Refresh, SpecTree

SEEDS = st.integers(0, 2**32 - 1)
FEWER = settings(max_examples=4, deadline=None, derandomize=True)
CLOSE = 1e-9
ZERO = np.zeros(1, np.int64)
EVERYTHING = 10**6


def by_rule(problem: Problem, region: int = 0) -> Enclosure:
    return enclose(problem.network, roots(problem, np.array([region])))


def refined(problem: Problem, steps: int = 6, most: int = EVERYTHING) -> tuple[Enclosure, Enclosure, Refinements]:
    """The root by the rule, and refined."""
    rule = by_rule(problem)
    return (rule, *refine(Ascent(Model(problem.network)), rule, 0, Schedule(steps), most))


def assert_within(inner: Enclosure, outer: Enclosure) -> None:
    for (low, high), (inner_low, inner_high) in zip(outer.intervals, inner.intervals, strict=True):
        rows = ~inner.empty
        assert np.all(inner_low[rows] >= low[rows])
        assert np.all(inner_high[rows] <= high[rows])


def width(enclosure: Enclosure) -> float:
    return sum(float((high - low).sum()) for low, high in enclosure.intervals)


# Soundness


@pytest.mark.parametrize("kind", sorted(NETWORKS))
@FEWER
@given(seed=SEEDS)
def test_sampled_points_never_leave_refined_bounds_of_a_box_or_of_its_children(kind, seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, NETWORKS[kind](rng), radius=0.7)
    rule, root, found = refined(problem)
    tree = random_tree(rng, problem, 6)
    found.check(tree, sizes_of(problem.network))
    assert_within(root, rule)
    x = points(rng, problem.regions[0].lower, problem.regions[0].upper, 800)
    before, values, index = pre_activations(problem.network, x), margins(problem, 0, x), every_row(problem, 0)
    nodes = np.concatenate([ZERO, tree.leaves])
    first = np.zeros(len(nodes), np.int64)
    known = from_known(problem.network, descend(root.domains.take(first), columns_of(tree), nodes, first))
    which = np.zeros(len(nodes), np.int64) if len(found) else np.full(len(nodes), -1)
    below = apply(known, found, which)
    assert_within(below, known)
    for row, node in enumerate(nodes):
        here = inside(tree, int(node), x, before)
        assert not (here.any() and below.empty[row])
        assert_layers_hold(below, row, [z[here] for z in before])
        forms = bound_outputs(below, np.full(len(index), row), Rows(problem).single(index))
        assert_forms_hold(forms, x[here], values[here])


@pytest.mark.parametrize("kind", sorted(NETWORKS))
@FEWER
@given(seed=SEEDS)
def test_no_slopes_whatever_lead_to_bounds_that_points_leave(kind, seed):
    """Random slopes of random units for bounds of random others, found for nothing, at any refreshed nodes."""
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, NETWORKS[kind](rng), radius=0.7)
    tree = random_tree(rng, problem, 6)
    hostile = random_refinements(rng, problem, some_refreshed(rng, tree))
    hostile.check(tree, sizes_of(problem.network))
    x = points(rng, problem.regions[0].lower, problem.regions[0].upper, 800)
    before = pre_activations(problem.network, x)
    walk = Walk(problem, tree, hostile)
    for node in range(len(tree)):
        enclosure = walk.at(node)
        here = inside(tree, node, x, before)
        assert not (here.any() and enclosure.empty[0])
        assert_layers_hold(enclosure, 0, [z[here] for z in before])


@pytest.mark.parametrize("kind", sorted(EXACT))
@FEW
@given(seed=SEEDS)
def test_refinements_of_another_network_hold_on_this_one(kind, seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT[kind](rng))
    other = random_problem(rng, EXACT[kind](rng))
    _, _, found = refined(other)
    found.check(SpecTree.roots(1), sizes_of(problem.network))  # the same architecture
    rule = by_rule(problem)
    enclosure = apply(rule, found, ZERO if len(found) else ZERO - 1)
    assert_within(enclosure, rule)
    x = points(rng, problem.regions[0].lower, problem.regions[0].upper, 800)
    assert_layers_hold(enclosure, 0, pre_activations(problem.network, x))


# What refining does


@pytest.mark.parametrize("kind", sorted(EXACT))
@FEW
@given(seed=SEEDS)
def test_what_was_recorded_gives_the_refined_bounds_again(kind, seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT[kind](rng), radius=1.5)
    rule, root, found = refined(problem)
    assume(len(found))
    assert found.node.tolist() == [0]
    again = apply(rule, found, ZERO)
    assert_within(again, root)
    # and replay comes by the same bounds
    assert_within(enclosure_at(problem, SpecTree.roots(1), 0, found), root)
    # applied once more, they only get tighter
    assert_within(apply(again, found, ZERO), again)


@FEW
@given(seed=SEEDS)
def test_refining_tightens_bounds_behind_the_first_unstable_layer(seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, dense(rng, (3, 8, 8, 8, 2)), radius=1.0)
    rule, root, found = refined(problem, steps=10)
    assume(len(found))
    assert width(root) < width(rule)
    for one, other in zip(rule.intervals[0], root.intervals[0], strict=True):
        np.testing.assert_array_equal(one, other)


@FEW
@given(seed=SEEDS, most=st.integers(0, 40))
def test_no_more_bounds_are_refined_than_allowed_and_the_last_layers_come_first(seed, most):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, dense(rng, (3, 8, 8, 8, 2)))
    rule, _, found = refined(problem, steps=1, most=most)
    assert len(found.bounds["unit"]) <= most
    layers = set(found.bounds["layer"].tolist())
    assert layers <= {2, 3}
    if 2 in layers:
        assert 3 in layers or not rule.unstable[2].any()
    if not layers:
        assert not len(found)


@pytest.mark.parametrize("kind", sorted(EXACT))
@FEW
@given(seed=SEEDS)
def test_domains_with_different_refinements_or_none_do_not_disturb_each_other(kind, seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT[kind](rng))
    tree = random_tree(rng, problem, 5)
    leaves = tree.leaves[:4]
    walk = Walk(problem, tree)
    alone = [walk.at(node) for node in leaves]
    hostile = random_refinements(rng, problem, np.arange(4))
    which = rng.integers(-1, 4, len(leaves))
    found = apply(together(alone), hostile, which)
    for row, enclosure in enumerate(alone):
        one = apply(enclosure, hostile, which[row : row + 1])
        if which[row] < 0:
            assert one is enclosure
        assert found.empty[row] == one.empty[0]
        for (low, high), (mine_low, mine_high) in zip(one.intervals, found.intervals, strict=True):
            # the batch's interval sweep may add a little to what was known, never take away
            slack = CLOSE * (1.0 + np.abs(low[0]) + np.abs(high[0]))
            assert one.empty[0] or np.all(mine_low[row] >= low[0] - slack)
            assert one.empty[0] or np.all(mine_high[row] <= high[0] + slack)


def test_a_network_without_anything_to_refine_is_left_as_it_is():
    rng = np.random.default_rng(0)
    for network, radius in ((dense(rng, (3, 6, 2)), 1.0), (residual(rng), 1e-9)):
        problem = random_problem(rng, network, radius=radius)
        rule, root, found = refined(problem)
        assert not len(found)
        assert root is rule


@pytest.mark.parametrize("checks", [0, 1, 5])
def test_refining_ends_at_the_deadline(checks):
    rng = np.random.default_rng(0)
    problem = random_problem(rng, dense(rng, (3, 8, 8, 8, 2)))
    rule = by_rule(problem)
    ascent = Ascent(Model(problem.network))
    with pytest.raises(OutOfTime):
        refine(ascent, rule, 0, Schedule(10), EVERYTHING, Patience(checks))
    _, found = refine(ascent, rule, 0, Schedule(1), EVERYTHING)
    with pytest.raises(OutOfTime):
        apply(rule, found, ZERO, deadline=Patience(0))


# Replay


@pytest.mark.parametrize("boxes", [1, 3])
@pytest.mark.parametrize("kind", sorted(EXACT))
@LAWS
@given(seed=SEEDS)
def test_replay_with_refinements_finds_what_one_certificate_at_a_time_finds(kind, boxes, seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT[kind](rng), cases=3, boxes=boxes, radius=0.6)
    tree = random_tree(rng, problem, 6)
    claims = random_certificates(rng, problem, tree, 20)
    proof = Proof(tree, claims, random_refinements(rng, problem, some_refreshed(rng, tree)))
    replayed = replay(problem, proof)
    holds, bound = tried(problem, tree, claims, proof.refinements)
    # in an empty domain a bound means nothing
    walk = Walk(problem, tree, proof.refinements)
    empty = np.array([walk.at(node).empty[0] for node in claims.node])
    np.testing.assert_allclose(replayed.bound[~empty], bound[~empty], rtol=CLOSE, atol=CLOSE)
    decided = empty | (np.abs(bound) > CLOSE)
    np.testing.assert_array_equal(replayed.holds[decided], holds[decided])
    assert list(zip(replayed.leaf.tolist(), replayed.case.tolist(), strict=True)) == left_open(
        problem, proof, replayed.holds
    )


def assert_alike(found: Domains, row: int, expected: Enclosure) -> None:
    """The same bounds, up to the order in which batches add up."""
    assert found.known is not None
    assert found.empty[row] == expected.empty[0]
    np.testing.assert_array_equal(found.lower[row], expected.lower[0])
    np.testing.assert_array_equal(found.upper[row], expected.upper[0])
    for mine, theirs in zip(found.split, expected.split, strict=True):
        none = np.zeros(0, bool)
        np.testing.assert_array_equal(
            np.flatnonzero(none if mine is None else mine[row]), np.flatnonzero(none if theirs is None else theirs[0])
        )
    if not expected.empty[0]:  # the bounds of an empty domain mean nothing
        for sides, others in zip(found.known, expected.intervals, strict=True):
            for side, other in zip(sides, others, strict=True):
                np.testing.assert_allclose(side[row], other[0], rtol=CLOSE, atol=CLOSE)


@pytest.mark.parametrize("boxes", [1, 3])
@pytest.mark.parametrize("kind", sorted(EXACT))
@LAWS
@given(seed=SEEDS)
def test_anchors_are_the_bounds_of_the_nearest_refreshed_ancestors_by_the_recipe(kind, boxes, seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT[kind](rng), boxes=boxes, radius=0.6)
    tree = random_tree(rng, problem, 8)
    refinements = random_refinements(rng, problem, some_refreshed(rng, tree))
    wanted = rng.permutation(tree.leaves)[: int(rng.integers(1, len(tree.leaves) + 1))]
    seen, walk = list[int](), Walk(problem, tree, refinements)
    for leaves, ancestors, rows, domains in anchors(problem, Proof(tree, Certificates.none(), refinements), wanted):
        seen += leaves.tolist()
        for leaf, ancestor, row in zip(leaves.tolist(), ancestors.tolist(), rows.tolist(), strict=True):
            assert ancestor == [step for step in path_to(tree, leaf) if tree.refresh[step]][-1]
            assert_alike(domains, row, walk.at(ancestor))
    assert sorted(seen) == sorted(wanted.tolist())


@pytest.mark.parametrize("checks", [0, 1])
def test_anchors_end_at_the_deadline(checks):
    rng = np.random.default_rng(0)
    problem = random_problem(rng, dense(rng), boxes=2)
    tree = random_tree(rng, problem, 8)
    with pytest.raises(OutOfTime):
        list(anchors(problem, Proof(tree, Certificates.none()), tree.leaves, Patience(checks)))


@pytest.mark.parametrize("kind", sorted(EXACT))
@LAWS
@given(seed=SEEDS)
def test_bounds_by_the_recipe_do_not_depend_on_the_company_a_node_is_in(kind, seed):
    """Of all refreshed nodes of several trees together, in any order: with and without slopes of ancestors."""
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT[kind](rng), boxes=2, radius=0.6)
    tree = random_tree(rng, problem, 8)
    refinements = random_refinements(rng, problem, some_refreshed(rng, tree))
    below = np.flatnonzero((tree.refresh != Refresh.NONE) & (tree.parent >= 0))
    assume(len(below))
    parts, walk = [], Walk(problem, tree, refinements)
    for node in below.tolist():
        anchor = [step for step in path_to(tree, node)[:-1] if tree.refresh[step]][-1]
        known = walk.at(anchor).domains
        parts.append(descend(known, columns_of(tree), np.array([node]), np.array([anchor])))
    order = rng.permutation(len(below))
    recipe = Recipe(problem.network, Proof(tree, Certificates.none(), refinements))
    found = recipe.enclose(below[order], Domains.concatenate(parts).take(order), NEVER)
    assert len(found) == len(below)
    for row, i in enumerate(order.tolist()):
        assert_alike(found.domains, row, recipe.enclose(below[[i]], parts[i], NEVER))
        assert_alike(found.domains, row, walk.at(below[i]))

"""Refinements as data: taken apart and put together, the nearest on the way up, and malformed ones refused by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine import LAWS, dense, random_problem, sizes_of
from tests.trees import (
    random_refinements,
    random_tree,
    some_refreshed,
)

from ivan.bounds.replay import replay
from ivan.errors import ProofError
from ivan.problem import Problem
from ivan.proof import Certificates, Proof, Ragged, Refinements, Side, SpecTree
from ivan.proof.refinement import BOUND_COLUMNS, SUPPORT_COLUMNS

SEEDS = st.integers(0, 2**32 - 1)
FEWER = settings(max_examples=4, deadline=None, derandomize=True)
CLOSE = 1e-9
ZERO = np.zeros(1, np.int64)
EVERYTHING = 10**6


def assert_same(one: Refinements, other: Refinements) -> None:
    np.testing.assert_array_equal(one.node, other.node)
    np.testing.assert_array_equal(one.slopes, other.slopes)
    for table in ("support", "bounds"):
        mine, theirs = getattr(one, table), getattr(other, table)
        np.testing.assert_array_equal(mine.offsets, theirs.offsets)
        for name in mine.columns:
            np.testing.assert_array_equal(mine[name], theirs[name])


@LAWS
@given(seed=SEEDS)
def test_refinements_taken_apart_and_put_together_are_the_same(seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, dense(rng))
    tree = random_tree(rng, problem, 6)
    whole = random_refinements(rng, problem, some_refreshed(rng, tree))
    mine = rng.random(len(whole)) < 0.5
    parts = [whole.take(np.flatnonzero(chosen)) for chosen in (mine, ~mine)]
    assert_same(Refinements.concatenate(parts), whole)
    assert_same(Refinements.concatenate([whole.take(np.array([i])) for i in rng.permutation(len(whole))]), whole)
    for i in range(len(whole)):
        for k in range(1, len(problem.network.layers) + 1):
            one, other = whole.layer(i, k), whole.take(np.array([i])).layer(0, k)
            assert (one is None) == (other is None)
            if one is None or other is None:
                continue
            np.testing.assert_array_equal(one.unit, other.unit)
            np.testing.assert_array_equal(one.side, other.side)
            assert len(one.support) == len(one.slopes) == k - 1
            for units, values, again in zip(one.support, one.slopes, other.slopes, strict=True):
                assert values.shape == (len(one.unit), len(units))
                np.testing.assert_array_equal(values, again)


@LAWS
@given(seed=SEEDS)
def test_the_nearest_refinement_is_the_first_on_the_way_up(seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, dense(rng), boxes=2)
    tree = random_tree(rng, problem, 10)
    refinements = random_refinements(rng, problem, some_refreshed(rng, tree))
    nearest, row = refinements.nearest(tree), {int(node): i for i, node in enumerate(refinements.node)}
    assert nearest.shape == (len(tree),)
    for node, found in enumerate(nearest):
        current = node
        while current >= 0 and current not in row:
            current = int(tree.parent[current])
        assert found == row.get(current, -1)


def proof_of(seed: int) -> tuple[Problem, SpecTree, Refinements]:
    """A tree whose first two nodes are refined, each with slopes and bounds in several layers."""
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, dense(rng, (3, 6, 6, 6, 2)), boxes=2)
    tree = random_tree(rng, problem, 6)
    while True:
        found = random_refinements(rng, problem, np.array([0, 1]))
        if all(np.all(np.diff(table.offsets) > 0) for table in (found.support, found.bounds)):
            return problem, tree, found


def with_entry(refinements: Refinements, table: str, column: str, value: int) -> Refinements:
    ragged: Ragged = getattr(refinements, table)
    changed = ragged[column].copy()
    changed[len(changed) // 2] = value
    return replace(refinements, **{table: Ragged(ragged.offsets, {**ragged.columns, column: changed})})


def with_slope(refinements: Refinements, value: float) -> Refinements:
    slopes = refinements.slopes.copy()
    slopes[len(slopes) // 2] = value
    return replace(refinements, slopes=slopes)


def backwards(refinements: Refinements) -> Refinements:
    """The units of each node from the last layer down."""
    table = refinements.support
    order = np.lexsort((-table["layer"], table.rows))
    return replace(refinements, support=Ragged(table.offsets, {n: c[order] for n, c in table.columns.items()}))


Change = Callable[[Refinements], Refinements]

MALFORMED: dict[str, tuple[Change, str]] = {
    "a node below zero": (lambda r: replace(r, node=np.array([-1, 0], np.int32)), "node that is not there"),
    "a node behind the last": (lambda r: replace(r, node=np.array([0, 10**6], np.int32)), "node that is not there"),
    "nodes out of order": (lambda r: replace(r, node=r.node[::-1]), "out of order"),
    "a node twice": (lambda r: replace(r, node=np.zeros(2, np.int32)), "out of order"),
    "layer 0 of a slope": (lambda r: with_entry(r, "support", "layer", 0), "slope of a unit in a layer"),
    "layer -1 of a slope": (lambda r: with_entry(r, "support", "layer", -1), "slope of a unit in a layer"),
    "a layer too many of a slope": (lambda r: with_entry(r, "support", "layer", 4), "slope of a unit in a layer"),
    "unit -1 of a slope": (lambda r: with_entry(r, "support", "unit", -1), "slope of a unit that is not there"),
    "a unit too many of a slope": (lambda r: with_entry(r, "support", "unit", 6), "slope of a unit that is not there"),
    "layer 0 of a bound": (lambda r: with_entry(r, "bounds", "layer", 0), "refined bound of a unit in a layer"),
    "a layer too many of a bound": (
        lambda r: with_entry(r, "bounds", "layer", 4),
        "refined bound of a unit in a layer",
    ),
    "unit -1 of a bound": (lambda r: with_entry(r, "bounds", "unit", -1), "refined bound of a unit that is not there"),
    "a unit too many of a bound": (lambda r: with_entry(r, "bounds", "unit", 6), "refined bound of a unit that is not"),
    "a side that is none": (lambda r: with_entry(r, "bounds", "side", 2), "unknown side"),
    "layers of slopes out of order": (backwards, "out of order"),
    "a slope too few": (lambda r: replace(r, slopes=r.slopes[1:]), "do not add up"),
    "a slope too many": (lambda r: replace(r, slopes=np.append(r.slopes, r.slopes[:1])), "do not add up"),
    "a slope above 1": (lambda r: with_slope(r, 1.001), "slope outside"),
    "a slope below 0": (lambda r: with_slope(r, -1e-3), "slope outside"),
    "an infinite slope": (lambda r: with_slope(r, np.inf), "slope outside"),
    "a slope that is no number": (lambda r: with_slope(r, np.nan), "slope outside"),
}


@pytest.mark.parametrize("what", sorted(MALFORMED))
def test_malformed_refinements_are_refused_by_name(what):
    problem, tree, refinements = proof_of(0)
    refinements.check(tree, sizes_of(problem.network))
    change, message = MALFORMED[what]
    with pytest.raises(ProofError, match=message):
        change(refinements).check(tree, sizes_of(problem.network))


def test_only_nodes_with_their_own_bounds_are_refined():
    problem, tree, refinements = proof_of(0)
    plain = np.flatnonzero(tree.refresh == 0)
    assert len(plain)
    elsewhere = replace(refinements.take(ZERO), node=plain[:1].astype(np.int32))
    with pytest.raises(ProofError, match="without backward bounds"):
        elsewhere.check(tree, sizes_of(problem.network))


def test_units_that_another_network_does_not_have_are_refused():
    problem, tree, refinements = proof_of(0)
    with pytest.raises(ProofError, match="not there"):
        refinements.check(tree, [6, 6])
    with pytest.raises(ProofError, match="not there"):
        refinements.check(tree, [6, 5, 6])
    with pytest.raises(ProofError, match="not there"):
        refinements.check(tree, [6, 0, 6])  # a layer without activations
    refinements.check(tree, [7, 6, 8])
    assert sizes_of(problem.network) == [6, 6, 6]


def test_no_refinements_fit_every_tree():
    problem, tree, _ = proof_of(1)
    none = Refinements.none()
    none.check(tree, sizes_of(problem.network))
    none.check(SpecTree.roots(0), [])
    assert not len(none)
    assert np.all(none.nearest(tree) == -1)
    assert_same(Refinements.concatenate([]), none)
    assert_same(Refinements.concatenate([none, none]), none)
    assert replay(problem, Proof(tree, Certificates.none(), none)).leaf.size
    for types, table in ((SUPPORT_COLUMNS, none.support), (BOUND_COLUMNS, none.bounds)):
        assert {name: column.dtype for name, column in table.columns.items()} == {
            name: np.dtype(kind) for name, kind in types.items()
        }
    assert set(Side) == {0, 1}

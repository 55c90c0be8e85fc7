"""Every tree that is built is accepted and covers its regions; every malformed one is refused, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine import EXACT, LAWS, points, pre_activations, random_problem, sizes_of
from tests.trees import inside, path_to, random_tree

from ivan.errors import ProofError
from ivan.proof import Kind, Side, SpecTree, State, TreeBuilder

SEEDS = st.integers(0, 2**32 - 1)
INPUTS, SIZES = 3, [4, 0, 2]
"""Of the network that the malformed trees are about; its second layer cannot be split."""


def well_formed() -> SpecTree:
    """Two regions; rows 2 and 3 split an input of the first, 4 and 5 a unit of row 3."""
    builder = TreeBuilder(SpecTree.roots(2))
    one = np.ones(1, np.int64)
    below = builder.split(0 * one, Kind.INPUT * one, 0 * one, 2 * one, 0.5 * one, 0 * one)
    builder.split(below[1:], Kind.UNIT * one, 3 * one, 1 * one, 0.0 * one, 0 * one)
    return builder.snapshot()


def with_cell(column: str, row: int, value: float) -> SpecTree:
    tree = well_formed()
    cells = getattr(tree, column).copy()
    cells[row] = value
    return replace(tree, **{column: cells})


def root_behind() -> SpecTree:
    """Two regions, the second one's root behind a split of the first."""
    tree = well_formed()
    order = np.array([0, 2, 3, 1, *range(4, len(tree))])
    place = np.argsort(order)
    columns: dict[str, Any] = {name: getattr(tree, name)[order] for name in vars(tree)}
    parent = columns["parent"]
    columns["parent"] = np.where(parent >= 0, place[parent], -1).astype(np.int32)
    return SpecTree(**columns)


def with_row(row: int) -> SpecTree:
    """The tree with one row once more at its end."""
    tree = well_formed()
    columns: dict[str, Any] = {name: np.append(getattr(tree, name), getattr(tree, name)[row]) for name in vars(tree)}
    return SpecTree(**columns)


def without_row(row: int) -> SpecTree:
    tree = well_formed()
    return SpecTree(**{name: np.delete(getattr(tree, name), row) for name in vars(tree)})


MALFORMED: dict[str, tuple[Callable[[], SpecTree], str]] = {
    "an unknown kind": (lambda: with_cell("kind", 2, 3), "unknown kind"),
    "an unknown side": (lambda: with_cell("side", 2, 2), "unknown side"),
    "an unknown state": (lambda: with_cell("state", 2, 3), "unknown state"),
    "a root with a parent": (lambda: with_cell("kind", 2, Kind.ROOT), "roots are"),
    "an inner node without a parent": (lambda: with_cell("parent", 2, -1), "roots are"),
    "a root behind another region's nodes": (root_behind, "not one root per region, in front"),
    "roots out of order": (lambda: with_cell("unit", 0, 1), "one root per region"),
    "a region too few": (lambda: without_row(1), "one root per region"),
    "a parent after its child": (lambda: with_cell("parent", 4, 5), "a parent after its child"),
    "a node that is its own parent": (lambda: with_cell("parent", 4, 4), "a parent after its child"),
    "a parent below the first row": (lambda: with_cell("parent", 4, -2), "a parent after its child"),
    "a root that inherits its bounds": (lambda: with_cell("refresh", 1, 0), "a root without its own bounds"),
    "a split at infinity": (lambda: with_cell("at", 2, np.inf), "no finite number"),
    "a split at no number": (lambda: with_cell("at", 4, np.nan), "no finite number"),
    "a split of a missing input": (lambda: with_cell("unit", 2, INPUTS), "an input that is not there"),
    "a split of a negative input": (lambda: with_cell("unit", 2, -1), "an input that is not there"),
    "a unit split in the input": (lambda: with_cell("layer", 4, 0), "a layer that is not there"),
    "a unit split behind the last layer": (lambda: with_cell("layer", 4, 4), "a layer that is not there"),
    "a unit split in a negative layer": (lambda: with_cell("layer", 4, -1), "a layer that is not there"),
    "a split of a missing unit": (lambda: with_cell("unit", 4, 2), "a unit that is not there"),
    "a split of a negative unit": (lambda: with_cell("unit", 4, -1), "a unit that is not there"),
    "a split in a layer that has no splits": (lambda: with_cell("layer", 4, 2), "a unit that is not there"),
    "one child": (lambda: without_row(5), "two children"),
    "three children": (lambda: with_row(5), "two children"),
    "children of a leaf": (lambda: with_cell("state", 3, State.CLOSED), "two children"),
    "a split node without children": (lambda: with_cell("state", 1, State.SPLIT), "two children"),
    "children of different kinds": (lambda: with_cell("kind", 4, Kind.INPUT), "different splits"),
    "children of different units": (lambda: with_cell("unit", 4, 0), "different splits"),
    "children of different layers": (lambda: with_cell("layer", 4, 1), "different splits"),
    "children split at different places": (lambda: with_cell("at", 4, 0.25), "different splits"),
    "two children on one side": (lambda: with_cell("side", 4, Side.ABOVE), "the same side"),
}


def test_the_tree_that_the_malformed_ones_come_from_is_accepted():
    well_formed().check(2, INPUTS, SIZES)


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_tree_is_refused(name):
    build, law = MALFORMED[name]
    with pytest.raises(ProofError, match=law):
        build().check(2, INPUTS, SIZES)


@pytest.mark.parametrize("regions", [0, 1, 3])
def test_a_tree_of_another_number_of_regions_is_refused(regions):
    with pytest.raises(ProofError, match="one root per region"):
        well_formed().check(regions, INPUTS, SIZES)


def test_a_forest_without_regions_is_a_tree():
    SpecTree.roots(0).check(0, INPUTS, SIZES)


@pytest.mark.parametrize("kind", sorted(EXACT))
@LAWS
@given(seed=SEEDS)
def test_every_built_tree_is_accepted_and_covers_its_regions(kind, seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT[kind](rng), boxes=2)
    network = problem.network
    tree = random_tree(rng, problem, 15)
    sizes = sizes_of(network)
    tree.check(2, network.inputs, sizes)
    region = tree.region()
    for r, box in enumerate(problem.regions):
        x = points(rng, box.lower, box.upper)
        # the very places that are cut belong to both sides
        x[: len(tree), :] = np.where(
            (tree.kind == Kind.INPUT)[: len(x), None] & (np.arange(network.inputs) == tree.unit[: len(x), None]),
            np.clip(tree.at[: len(x), None], box.lower, box.upper),
            x[: len(tree)],
        )
        before = pre_activations(network, x)
        leaves = [inside(tree, int(leaf), x, before) for leaf in tree.leaves if region[leaf] == r]
        assert np.logical_or.reduce(leaves).all()


@LAWS
@given(seed=SEEDS)
def test_depth_region_and_leaves_are_what_the_paths_say(seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT["dense"](rng), boxes=3)
    tree = random_tree(rng, problem, 12)
    paths = [path_to(tree, node) for node in range(len(tree))]
    assert tree.depth().tolist() == [len(path) - 1 for path in paths]
    assert tree.region().tolist() == [tree.unit[path[0]] for path in paths]
    parents = set(tree.parent.tolist())
    assert tree.leaves.tolist() == [node for node in range(len(tree)) if node not in parents]
    chosen = tree.leaves[rng.random(len(tree.leaves)) < 0.5]
    assert tree.with_open(chosen).open.tolist() == chosen.tolist()
    assert tree.with_open(chosen).leaves.tolist() == tree.leaves.tolist()


def test_columns_of_a_tree_cannot_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        well_formed().at[2] = 0.0

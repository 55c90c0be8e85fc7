"""Every picture counts every leaf once, whatever is folded."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine import LAWS
from tests.pictures.trees import FACTS, GREW, below, grown, parents_of, picture_of

from ivan.incremental.origin import Origin
from ivan.pictures.folding import Folding
from ivan.pictures.picture import Picture
from ivan.proof import SpecTree, State

SIZES = st.tuples(st.integers(1, 5), st.integers(0, 40), st.integers(0, 99))


def drawn(sizes: tuple[int, int, int]) -> Picture:
    regions, more, seed = sizes
    tree = grown(regions + more, seed, regions=regions, undecided=0.2)
    return picture_of(tree, GREW if seed % 2 else FACTS, seed)


@LAWS
@given(sizes=SIZES)
def test_sums_over_subtrees_are_those_of_their_leaves(sizes: tuple[int, int, int]) -> None:
    picture = drawn(sizes)
    tree, origin = picture.tree, dict(zip(picture.row.tolist(), picture.origin.tolist(), strict=True))
    assert sorted(picture.row.tolist()) == list(range(len(tree)))
    for position, node in enumerate(picture.row.tolist()):
        leaves = below(tree, node)
        assert picture.leaves[position] == len(leaves)
        assert picture.worst[position] == min(tree.bound[leaf] for leaf in leaves)
        assert picture.open_leaves[position] == sum(tree.state[leaf] == State.OPEN for leaf in leaves)
        assert picture.depth[position] == len(parents_of(tree, node)) - 1
        for kind, counts in picture.by_origin.items():
            assert counts[position] == sum(origin[leaf] == kind for leaf in leaves)
    assert picture.total(picture.leaves) == len(tree.leaves)


@LAWS
@given(sizes=SIZES)
def test_subtrees_are_ranges_and_the_half_below_comes_first(sizes: tuple[int, int, int]) -> None:
    picture = drawn(sizes)
    tree = picture.tree
    for position, node in enumerate(picture.row.tolist()):
        inside = {int(row) for row in picture.row[position : picture.end[position]]}
        assert inside == {at for at in range(len(tree)) if node in parents_of(tree, at)}
        if picture.parent[position] >= 0:
            assert picture.row[picture.parent[position]] == tree.parent[node]
            assert (picture.parent[position] == position - 1) == (tree.side[node] == 0)
    assert picture.row[picture.roots].tolist() == list(range(len(picture.roots)))


def every_leaf_once(folding: Folding) -> bool:
    """Leaves that are shown, leaves below folded nodes, and leaves of regions left out are all leaves."""
    picture = folding.picture
    ends = folding.shown[folding.folded | picture.is_leaf[folding.shown]]
    covered = [*ends.tolist(), *folding.left_out.tolist()]
    leaves = [range(p, int(picture.end[p])) for p in covered]
    found = [p for part in leaves for p in part if picture.is_leaf[p]]
    return sorted(found) == np.flatnonzero(picture.is_leaf).tolist()


@LAWS
@given(sizes=SIZES, depth=st.integers(0, 12))
def test_folding_loses_no_leaf(sizes: tuple[int, int, int], depth: int) -> None:
    folding = Folding.at(drawn(sizes), depth)
    assert every_leaf_once(folding)
    assert folding.picture.depth[folding.shown].max() <= depth
    assert (folding.note is None) == (folding.picture.depth.max() <= depth)


@LAWS
@given(sizes=SIZES, most=st.integers(1, 60))
def test_as_much_is_shown_as_there_is_room_for(sizes: tuple[int, int, int], most: int) -> None:
    folding = Folding.within(drawn(sizes), most)
    assert every_leaf_once(folding)
    assert len(folding.shown) <= most
    if folding.folded.any():
        assert len(Folding.at(folding.picture, folding.depth + 1).shown) > most
    if len(folding.left_out):
        assert len(folding.shown) == most
        assert folding.rest is not None


@pytest.mark.parametrize("regions", [0, 1, 3])
def test_a_tree_without_a_split_has_a_picture(regions: int) -> None:
    picture = picture_of(SpecTree.roots(regions))
    assert len(picture) == regions
    assert picture.total(picture.leaves) == regions
    assert every_leaf_once(Folding.within(picture, 10))


def test_a_bound_that_is_no_number_counts_as_none() -> None:
    tree = grown(4)
    bound = tree.bound.copy()
    bound[tree.leaves[0]] = np.nan
    picture = picture_of(replace(tree, bound=bound))
    assert picture.worst[0] == -np.inf
    assert set(picture.by_origin) == set(Origin)

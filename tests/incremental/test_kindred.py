"""A kindred property's proof: what is taken over covers the new boxes, and its claims are judged on the new problem."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine import (
    EXACT,
    FEW,
    LAWS,
    Array,
    Box,
    Half,
    Rng,
    dense,
    perturbed,
    points,
    pre_activations,
    problem_of,
    random_problem,
)
from tests.searches import never_confirmed, search
from tests.trees import inside, path_to, random_certificates, random_refinements, random_tree, some_refreshed

from ivan.bounds.replay import check_fit, replay
from ivan.deadline import NEVER
from ivan.errors import ProofError
from ivan.incremental import kindred
from ivan.incremental import transplant as transplanting
from ivan.incremental.clip import clip
from ivan.incremental.kindred import counterparts, hull, kin, overlap
from ivan.incremental.reuse import reuse
from ivan.incremental.transplant import transplant
from ivan.network.layers import Network
from ivan.problem import Problem, build_problem
from ivan.proof import Certificates, Kind, Proof, Side, SpecTree
from ivan.verdict import Verdict

SEEDS = st.integers(0, 2**32 - 1)
NETWORK = dense(np.random.default_rng(0))


def dyadic(rng: Rng, *shape: int) -> Array:
    """Numbers that the text of a property holds exactly, on any scale."""
    return np.round(64 * rng.standard_normal(shape)) / 64


def random_boxes(rng: Rng, count: int = 2, cases: int = 3) -> list[Box]:
    """Over three inputs and two outputs; rows of some cases have one direction."""
    made = []
    for _ in range(count):
        centre, width = rng.standard_normal(3), 0.2 + rng.random(3)
        chosen = [
            [Half(dyadic(rng, 2), float(dyadic(rng))) for _ in range(int(rng.integers(1, 3)))] for _ in range(cases)
        ]
        chosen[-1].append(replace(chosen[-1][0], bound=chosen[-1][0].bound + 0.5))
        made.append(Box(centre - width, centre + width, chosen))
    return made


def moved(rng: Rng, box: Box, size: float = 0.3) -> Box:
    """Another box, with other right-hand sides."""
    shift, growth = size * rng.standard_normal((2, len(box.lower)))
    growth = np.maximum(growth, -0.4 * (box.upper - box.lower))
    cases = [[replace(row, bound=row.bound + size * rng.standard_normal()) for row in case] for case in box.cases]
    return Box(box.lower + shift - growth, box.upper + shift + growth, cases)


def rewritten(rng: Rng, box: Box) -> Box:
    """The same, its cases and their rows in another order and on other scales."""

    def scaled(row: Half) -> Half:
        scale = float(rng.choice([0.25, 1.0, 8.0]))
        return replace(row, outputs=[scale * c for c in row.outputs], bound=scale * row.bound)

    cases = [[scaled(case[r]) for r in rng.permutation(len(case))] for case in box.cases]
    return replace(box, cases=[cases[c] for c in rng.permutation(len(cases))])


def random_proof(rng: Rng, problem: Problem, splits: int = 14) -> Proof:
    tree = random_tree(rng, problem, splits)
    refinements = random_refinements(rng, problem, some_refreshed(rng, tree))
    return Proof(tree, random_certificates(rng, problem, tree, 40), refinements)


def question(rng: Rng, network: Network, *, cases: int = 2, gap: float = 0.03) -> Box:
    """Cases of two rows that sampled points stay clear of, by their first rows."""
    centre = rng.standard_normal(network.inputs)
    y = network(points(rng, centre - 0.5, centre + 0.5, 1500))
    chosen = []
    for C in dyadic(rng, cases, 2, network.outputs):
        least, most = np.min(y @ C.T, axis=0), np.max(y @ C.T, axis=0)
        ends = np.floor(64 * np.array([least[0] - gap * (most[0] - least[0]), most[1] + 1])) / 64
        chosen.append([Half(c, float(end)) for c, end in zip(C, ends, strict=True)])
    return Box(centre - 0.5, centre + 0.5, chosen)


def taken_over(problem: Problem, old: Problem, proof: Proof) -> Proof:
    found = transplant(problem, old, proof)
    assert found is not None
    check_fit(problem, found)
    return found


def cuts(tree: SpecTree, leaf: int) -> list[tuple[int, int, float]]:
    return [(int(tree.layer[n]), int(tree.unit[n]), float(tree.at[n])) for n in path_to(tree, leaf)[1:]]


def assert_covered(rng: Rng, problem: Problem, tree: SpecTree) -> None:
    """Every point of a region lies in exactly one leaf of its tree, but for those on a cut."""
    owner = tree.region()
    for r, box in enumerate(problem.regions):
        x = points(rng, box.lower, box.upper, 300)
        before = pre_activations(problem.network, x)
        leaves = [int(leaf) for leaf in tree.leaves if owner[leaf] == r]
        found = np.sum([inside(tree, leaf, x, before) for leaf in leaves], axis=0)
        tie = np.zeros(len(x), bool)
        for layer, unit, at in {cut for leaf in leaves for cut in cuts(tree, leaf)}:
            tie |= (x if layer == 0 else before[layer - 1])[:, unit] == at
        assert (found >= 1).all()
        assert (found[~tie] == 1).all()


# Clip


@pytest.mark.parametrize("kind", sorted(EXACT))
@LAWS
@given(seed=SEEDS)
def test_a_clipped_tree_covers_its_regions_and_cuts_nowhere_beside_them(kind, seed):
    rng = np.random.default_rng(seed)
    old = random_problem(rng, EXACT[kind](rng), boxes=2)
    proof = random_proof(rng, old)
    regions = []
    for box in old.regions:
        shift = 0.6 * rng.standard_normal(len(box.lower)) * (box.upper - box.lower)
        half = rng.choice([0.0, 0.3, 0.6, 1.2]) * (box.upper - box.lower) / 2
        middle = (box.lower + box.upper) / 2 + shift
        regions.append(replace(box, lower=middle - half, upper=middle + half))
    problem = replace(old, regions=tuple(regions))
    clipped = clip(proof, problem.regions)
    check_fit(problem, clipped)
    tree = clipped.tree
    assert_covered(rng, problem, tree)
    assert len(tree) <= len(proof.tree)
    for node in np.flatnonzero(tree.kind == Kind.INPUT):
        box = problem.regions[tree.region()[node]]
        low, high = box.lower[tree.unit[node]], box.upper[tree.unit[node]]
        for step in path_to(tree, int(node))[1:-1]:
            if (tree.kind[step], tree.unit[step]) == (Kind.INPUT, tree.unit[node]):
                low, high = (max(low, tree.at[step]), high) if tree.side[step] else (low, min(high, tree.at[step]))
        assert low < tree.at[node] < high


def split_proof(rng: Rng, *, by_units: bool = False) -> tuple[Box, Problem, Proof]:
    """A property of one box, and a proof with some splits."""
    network = dense(rng, (3, 8, 8, 2))
    box = question(rng, network)
    problem = problem_of(network, box)
    proof = search(problem, by_units=by_units).proof
    assert proof.complete
    assert len(proof.tree) > 4
    return box, problem, proof


def test_on_a_box_that_holds_every_cut_nothing_is_clipped():
    _, problem, proof = split_proof(np.random.default_rng(3))
    wider = tuple(replace(box, lower=box.lower - 1, upper=box.upper + 1) for box in problem.regions)
    assert clip(proof, problem.regions) is proof
    assert clip(proof, wider) is proof


@pytest.mark.parametrize("side", Side)
def test_on_a_part_of_the_box_only_its_leaves_are_left(side):
    """The part ends where the first split cuts, so that the other child holds no more than a face of it."""
    _, problem, proof = split_proof(np.random.default_rng(3))
    tree, [box] = proof.tree, problem.regions
    child = int(tree.children[0, side])
    end = "lower" if side == Side.ABOVE else "upper"
    moved_end = getattr(box, end).copy()
    moved_end[tree.unit[child]] = tree.at[child]
    part = replace(problem, regions=(replace(box, **{end: moved_end}),))
    clipped = clip(proof, part.regions)
    below = [leaf for leaf in tree.leaves if child in path_to(tree, int(leaf))]
    assert len(clipped.tree.leaves) == len(below) < len(tree.leaves)
    # what held on the whole of a leaf holds on its part
    assert replay(part, clipped).complete


# Kin


def kin_of(*boxes: Box) -> str:
    return kin(problem_of(NETWORK, *boxes))


@FEW
@given(seed=SEEDS)
def test_kin_does_not_depend_on_boxes_right_hand_sides_order_or_scale(seed):
    rng = np.random.default_rng(seed)
    first, second = random_boxes(rng)
    same = kin_of(first, second)
    assert kin_of(moved(rng, first), moved(rng, second)) == same
    assert kin_of(rewritten(rng, second), rewritten(rng, first)) == same
    assert kin_of(first, second, moved(rng, first)) == same


def test_kin_tells_rows_and_their_combinations_apart():
    low, high = -np.ones(3), np.ones(3)
    one, other, mixed = Half([1, 0], 0), Half([0, 1], 0), Half([1, 0], 0, inputs=[1, 0, 0])
    cases = [[[one]], [[other]], [[mixed]], [[Half([-1, 0], 0)]], [[one, other]], [[one], [other]]]
    assert len({kin_of(Box(low, high, case)) for case in cases}) == len(cases)


def test_overlap_is_the_common_share_of_each_input_on_average():
    box = np.array([[0, 0, 5], [2, 4, 5]], np.float32)
    others = np.array(
        [
            box,
            [[1, 0, 5], [3, 4, 5]],
            [[0, 1, 6], [2, 3, 6]],  # an input that is fixed, to something else
            [[2, 0, 5], [3, 4, 5]],  # one point in common
            [[2.5, 0, 5], [3, 4, 5]],  # nothing in common
            [[0, 0, 4], [2, 4, 4.5]],  # a fixed input beside an interval
        ],
        np.float32,
    )
    expected = [1.0, (1 / 3 + 1 + 1) / 3, (1 + 0.5 + 0) / 3, (0 + 1 + 1) / 3, -np.inf, -np.inf]
    np.testing.assert_allclose(overlap(box, others), expected)


def test_the_hull_of_a_part_is_a_part_of_the_hull():
    rng = np.random.default_rng(0)
    boxes = random_boxes(rng)
    parts = [replace(box, upper=box.lower + 0.99 * (box.upper - box.lower)) for box in boxes]
    whole, part = hull(problem_of(NETWORK, *boxes)), hull(problem_of(NETWORK, *parts))
    assert whole is not None
    assert part is not None
    assert (whole[0] <= part[0]).all()
    assert (part[1] <= whole[1]).all()


# Transplant


@LAWS
@given(seed=SEEDS)
def test_a_transplanted_tree_covers_every_region(seed):
    rng = np.random.default_rng(seed)
    boxes = random_boxes(rng)
    old = problem_of(NETWORK, *boxes)
    problem = problem_of(NETWORK, *(moved(rng, boxes[i], 0.2) for i in rng.integers(0, 2, 3)))
    found = transplant(problem, old, random_proof(rng, old))
    if found is not None:
        check_fit(problem, found)
        assert_covered(rng, problem, found.tree)


@FEW
@given(seed=SEEDS)
def test_claims_of_a_transplanted_proof_are_judged_on_the_new_problem(seed):
    rng = np.random.default_rng(seed)
    boxes = random_boxes(rng)
    old = problem_of(NETWORK, *boxes)
    problem = problem_of(NETWORK, *(moved(rng, box, 0.1) for box in boxes))
    found = transplant(problem, old, random_proof(rng, old))
    if found is None:
        return
    for claim in np.flatnonzero(replay(problem, found).holds):
        node, case = int(found.certificates.node[claim]), int(found.certificates.case[claim])
        region = found.tree.region()[node]
        assert problem.cases[case].region == region
        box = problem.regions[region]
        x = points(rng, box.lower, box.upper, 300)
        here = inside(found.tree, node, x, pre_activations(problem.network, x))
        if here.any():
            assert problem.margins(case, x[here]).max(axis=1).min() > -1e-9


@pytest.mark.parametrize("by_units", [False, True])
@FEW
@given(seed=SEEDS)
def test_a_proof_of_the_same_property_written_differently_holds_as_it_did(by_units, seed):
    rng = np.random.default_rng(seed)
    network = dense(rng, (3, 6, 6, 2))
    boxes = [question(rng, network, cases=3) for _ in range(2)]
    old = problem_of(network, *boxes)
    proof = search(old, by_units=by_units).proof
    again = problem_of(network, *(rewritten(rng, box) for box in boxes[::-1]))
    found = taken_over(again, old, proof)
    assert len(found.tree) == len(proof.tree)
    assert len(found.certificates) == len(proof.certificates)
    assert len(found.refinements) == len(proof.refinements)
    assert len(replay(again, found).leaf) == len(replay(old, proof).leaf)


@FEW
@given(seed=SEEDS)
def test_on_the_same_problem_nothing_changes(seed):
    rng = np.random.default_rng(seed)
    problem = problem_of(NETWORK, *random_boxes(rng))
    tree = random_tree(rng, problem, 14, inputs=False)
    claims = random_certificates(rng, problem, tree, 40)
    own = np.array([case.region for case in problem.cases])[claims.case] == tree.region()[claims.node]
    proof = Proof(tree, claims.take(np.flatnonzero(own)), random_refinements(rng, problem, some_refreshed(rng, tree)))
    found = taken_over(problem, problem, proof)
    before, after = replay(problem, proof), replay(problem, found)
    assert len(before.leaf) == len(after.leaf)
    # certificates stand in another order, and a matrix product may round by where a row stands
    np.testing.assert_allclose(np.sort(before.bound), np.sort(after.bound), rtol=1e-9, atol=1e-9)
    assert len(found.refinements) == len(proof.refinements)


def halves(box: Box) -> tuple[Box, Box]:
    middle = 0.5 * (box.lower[0] + box.upper[0])
    lower, upper = box.lower.copy(), box.upper.copy()
    lower[0] = upper[0] = middle
    return replace(box, upper=np.r_[middle, box.upper[1:]]), replace(box, lower=np.r_[middle, box.lower[1:]])


@pytest.mark.parametrize("by_units", [False, True])
def test_two_halves_of_a_box_share_its_proof(by_units):
    box, old, proof = split_proof(np.random.default_rng(3), by_units=by_units)
    problem = problem_of(old.network, *halves(box))
    found = taken_over(problem, old, proof)
    assert len(problem.regions) == 2
    assert replay(problem, found).complete
    reused = reuse(problem, found, never_confirmed, NEVER)
    assert reused.complete
    assert reused.leaves_held == reused.leaves == len(found.tree.leaves)


def test_a_region_without_a_counterpart_is_left_open():
    box, old, proof = split_proof(np.random.default_rng(3))
    far = replace(box, lower=box.lower + 9, upper=box.upper + 9)
    problem = problem_of(old.network, far, box)
    replayed = replay(problem, taken_over(problem, old, proof))
    assert set(replayed.leaf.tolist()) == {0}
    assert set(replayed.case.tolist()) == set(problem.cases_of[0])
    assert transplant(problem_of(old.network, far), old, proof) is None


def test_of_several_old_regions_the_one_that_overlaps_most_is_taken():
    low, high = -np.ones(3), np.ones(3)
    row, other = [[Half([1, 0], 0)]], [[Half([0, 1], 0)]]
    old = problem_of(
        NETWORK, Box(low, high + 9, row), Box(low, high + 0.1, other), Box(low, high, row), Box(low + 3, high + 3, row)
    )
    shifted = problem_of(NETWORK, *(Box(low + by, high + by, row) for by in (0.1, 2.8)))
    found = counterparts(shifted, old)
    assert found is not None
    assert found.region.tolist() == [2, 3]
    assert found.case.tolist() == [2, 3]


def test_of_several_cases_of_one_shape_each_takes_its_own_counterpart():
    def ends(*bounds: float) -> Problem:
        return problem_of(NETWORK, Box(-np.ones(3), np.ones(3), [[Half([1, 0], bound)] for bound in bounds]))

    for new, expected in ((ends(5, 6), [0, 1]), (ends(7), [0]), (ends(1, 2, 3), [0, 1, -1])):
        found = counterparts(new, ends(1, 2))
        assert found is not None
        assert found.case.tolist() == expected


def test_what_is_kept_has_a_limit(monkeypatch):
    _, problem, proof = split_proof(np.random.default_rng(3))
    monkeypatch.setattr(transplanting, "MOST_NODES", len(proof.tree) - 1)
    assert transplant(problem, problem, proof) is None
    monkeypatch.undo()
    monkeypatch.setattr(kindred, "MOST_PAIRS", 0)
    assert transplant(problem, problem, proof) is None


def test_a_proof_of_another_problem_is_refused():
    rng = np.random.default_rng(3)
    _, problem, proof = split_proof(rng)
    with pytest.raises(ProofError, match="one root per region"):
        transplant(problem, problem_of(problem.network, *random_boxes(rng)), proof)


def test_a_proof_that_has_nothing_to_offer_is_not_used():
    _, problem, _ = split_proof(np.random.default_rng(3))
    assert transplant(problem, problem, Proof(SpecTree.roots(1), Certificates.none())) is None


# From a kindred proof to an answer


@pytest.mark.parametrize("by_units", [False, True])
@pytest.mark.parametrize("size", [0.0, 1e-3, 0.05])
@settings(max_examples=6, deadline=None, derandomize=True)
@given(seed=SEEDS)
def test_a_search_from_a_kindred_proof_agrees_with_a_fresh_one(size, by_units, seed):
    """On another box, with other right-hand sides, for another version."""
    rng = np.random.default_rng(seed)
    network = dense(rng, (3, 6, 5, 2))
    box = question(rng, network, gap=0.1)
    old = problem_of(network, box)
    proof = search(old, by_units=by_units).proof
    problem = build_problem(problem_of(network, moved(rng, box, size)).query, perturbed(rng, network, 1e-3))
    found = transplant(problem, old, proof)
    assert found is not None
    reused = reuse(problem, found, never_confirmed, NEVER)
    fresh = search(problem, by_units=by_units, checks=300)
    if reused.complete:
        assert fresh.verdict is not Verdict.SAT
        return
    result = search(problem, by_units=by_units, seed=reused.seed, checks=300)
    assert {result.verdict, fresh.verdict} != {Verdict.SAT, Verdict.UNSAT}
    if result.verdict is Verdict.UNSAT:
        assert replay(problem, result.proof).complete

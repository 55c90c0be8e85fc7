"""Replay does in batches what one certificate at a time does in plain Python."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine import (
    EXACT,
    FEW,
    LAWS,
    NETWORKS,
    Box,
    Half,
    dense,
    points,
    pre_activations,
    problem_of,
    random_problem,
)
from tests.searches import Patience
from tests.trees import inside, left_open, random_certificates, random_tree, tried

from ivan.bounds.replay import replay, uncovered
from ivan.deadline import OutOfTime
from ivan.proof import Certificates, Proof, SpecTree

SEEDS = st.integers(0, 2**32 - 1)
CLOSE = 1e-9
"""Batches of other sizes add up in another order."""


@pytest.mark.parametrize("kind", sorted(NETWORKS))
@FEW
@given(seed=SEEDS)
def test_replay_finds_what_one_certificate_at_a_time_finds(kind, seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, NETWORKS[kind](rng), cases=4, boxes=2, radius=0.3)
    tree = random_tree(rng, problem, 6, forward_roots=0.5)
    proof = Proof(tree, random_certificates(rng, problem, tree, 20))
    replayed = replay(problem, proof)
    holds, bound = tried(problem, tree, proof.certificates)
    np.testing.assert_allclose(replayed.bound, bound, rtol=CLOSE, atol=CLOSE)
    decided = np.abs(bound) > CLOSE
    np.testing.assert_array_equal(replayed.holds[decided], holds[decided])
    expected = left_open(problem, proof, replayed.holds)
    assert list(zip(replayed.leaf.tolist(), replayed.case.tolist(), strict=True)) == expected
    assert replayed.complete == (not expected)


@LAWS
@given(seed=SEEDS, cases=st.sampled_from([1, 2, 63, 64, 65, 130]), boxes=st.integers(1, 3))
def test_uncovered_is_what_no_certificate_on_the_path_excludes(seed, cases, boxes):
    rng = np.random.default_rng(seed)
    network = dense(rng, (2, 3, 2))
    rows = [[[Half(rng.standard_normal(2), 0.0)] for _ in range(cases)] for _ in range(boxes)]
    centres = rng.standard_normal((boxes, 2))
    problem = problem_of(network, *(Box(c - 1, c + 1, r) for c, r in zip(centres, rows, strict=True)))
    tree = random_tree(rng, problem, int(rng.integers(0, 10)))
    # many more claims than (leaf, case) pairs, so that some leaves are covered: duplicates, inner nodes, other regions
    claims = random_certificates(rng, problem, tree, int(rng.integers(0, 4 * cases * boxes + 4)))
    proof, held = Proof(tree, claims), rng.random(len(claims)) < 0.7
    leaf, case = uncovered(problem, tree, proof.certificates.node[held], proof.certificates.case[held])
    assert list(zip(leaf.tolist(), case.tolist(), strict=True)) == left_open(problem, proof, held)


@pytest.mark.parametrize("kind", sorted(EXACT))
@FEW
@given(seed=SEEDS)
def test_domains_handed_on_hold_the_points_of_their_leaves(kind, seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT[kind](rng), cases=3)
    tree = random_tree(rng, problem, 8)
    proof = Proof(tree, random_certificates(rng, problem, tree, 40))
    replayed = replay(problem, proof)
    x = points(rng, problem.regions[0].lower, problem.regions[0].upper, 800)
    before = pre_activations(problem.network, x)
    seen: list[int] = []
    for nodes, domains in replayed.domains:
        assert len(nodes) == len(domains)
        for row, node in enumerate(nodes.tolist()):
            seen.append(node)
            here = inside(tree, node, x, before)
            assert node in tree.leaves
            assert not (here.any() and domains.empty[row])
            assert domains.known is not None
            assert np.all((x[here] >= domains.lower[row]) & (x[here] <= domains.upper[row]))
            for (low, high), z in zip(domains.known, before, strict=True):
                assert np.all((z[here] >= low[row] - CLOSE) & (z[here] <= high[row] + CLOSE))
    assert len(seen) == len(set(seen))
    failed = set(proof.certificates.node[~replayed.holds].tolist())
    assert set(seen) == failed & set(tree.leaves.tolist())


def test_a_tree_without_certificates_leaves_everything_open():
    rng = np.random.default_rng(0)
    problem = random_problem(rng, dense(rng), cases=3, boxes=2)
    tree = random_tree(rng, problem, 5)
    replayed = replay(problem, Proof(tree, Certificates.none()))
    assert len(replayed.leaf) == 3 * len(tree.leaves)
    assert not replayed.complete


def test_a_problem_without_cases_is_complete():
    rng = np.random.default_rng(0)
    network = dense(rng)
    problem = problem_of(network, Box(np.ones(3), -np.ones(3), [[Half([1.0, 0.0], 0.0)]]))
    assert not problem.cases
    assert replay(problem, Proof(SpecTree.roots(0), Certificates.none())).complete


@pytest.mark.parametrize("checks", [0, 1, 3])
def test_replay_ends_at_the_deadline(checks):
    rng = np.random.default_rng(0)
    problem = random_problem(rng, dense(rng), boxes=2)
    tree = random_tree(rng, problem, 8)
    with pytest.raises(OutOfTime):
        replay(problem, Proof(tree, random_certificates(rng, problem, tree, 30)), Patience(checks))


@pytest.mark.parametrize("stop", [False, True])
def test_corners_of_failing_certificates_are_told_and_can_end_the_replay(stop):
    rng = np.random.default_rng(0)
    problem = random_problem(rng, dense(rng), boxes=2)
    tree = random_tree(rng, problem, 8)
    proof = Proof(tree, random_certificates(rng, problem, tree, 30))
    told: list[int] = []

    def listen(corner: np.ndarray, case: np.ndarray) -> bool:
        assert corner.shape == (len(case), 3)
        boxes = [(box.lower, box.upper) for box in problem.regions]
        assert all(any(np.all((x >= low) & (x <= high)) for low, high in boxes) for x in corner)
        told.append(len(case))
        return stop

    replayed = replay(problem, proof, on_failure=listen)
    assert replayed.stopped == stop
    if stop:
        assert len(told) == 1
        assert not replayed.complete
    else:
        assert sum(told) == int((~replayed.holds).sum())


def test_progress_counts_every_certificate_once():
    rng = np.random.default_rng(0)
    problem = random_problem(rng, dense(rng), boxes=3)
    tree = random_tree(rng, problem, 8)
    told: list[tuple[int, int]] = []
    claims = random_certificates(rng, problem, tree, 50)
    replayed = replay(problem, Proof(tree, claims), progress=lambda n, held: told.append((n, held)))
    assert told == sorted(told)
    assert told[-1] == (50, int(replayed.holds.sum()))

"""An open leaf climbs from the nearest certificate that failed, at itself or above; without one, from the rule."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine import EXACT, FEW, random_problem
from tests.trees import Walk, enclosure_at, path_to, random_certificates, random_tree, together

from ivan.bounds.ascent import from_certificates, initial
from ivan.bounds.objective import Rows
from ivan.proof import Certificates
from ivan.search.hints import Hints


@settings(FEW)
@given(seed=st.integers(0, 2**32 - 1))
def test_every_pair_starts_from_its_nearest_hint(seed: int) -> None:
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT["dense"](rng), cases=3, radius=0.5)
    tree, rows = random_tree(rng, problem, 6), Rows(problem)
    certificates = random_certificates(rng, problem, tree, 12)
    pairs = np.stack([certificates.node, certificates.case])
    _, first = np.unique(pairs, axis=1, return_index=True)  # one hint a node and case
    hints = certificates.take(first)
    node, case = rng.integers(0, len(tree), 9), rng.integers(0, len(problem.cases), 9)
    walk = Walk(problem, tree)
    enclosure, owner = together([walk.at(n) for n in node]), np.arange(9)
    found = Hints(tree, hints).start(enclosure, owner, node, case, rows)
    for i, n in enumerate(node):
        at = [
            hint for step in path_to(tree, int(n))[::-1]
            for hint in np.flatnonzero((hints.node == step) & (hints.case == case[i]))
        ]  # fmt: skip
        one = np.array([i])
        if at:
            expected = from_certificates(enclosure, one, hints.take(np.array(at[:1])), rows)
        else:
            expected = initial(enclosure, one, case[one], rows)
        np.testing.assert_array_equal(found.weights[i], expected.weights[0])
        for mine, theirs in zip(found.slopes, expected.slopes, strict=True):
            np.testing.assert_array_equal(mine[i], theirs[0])


def test_without_hints_nothing_is_said() -> None:
    rng = np.random.default_rng(0)
    problem = random_problem(rng, EXACT["dense"](rng), cases=3, radius=0.5)
    tree, certificates = random_tree(rng, problem, 3), Certificates.none()
    assert not Hints(tree, certificates)
    one = random_certificates(rng, problem, tree, 1)
    assert Hints(tree, replace(one, case=np.zeros(1, np.int32)))


def test_a_node_that_the_search_made_starts_from_the_rule() -> None:
    """What a crowded frontier lets go of comes back without a start, and is no node of the old tree."""
    rng = np.random.default_rng(1)
    problem = random_problem(rng, EXACT["dense"](rng), cases=2, radius=0.5)
    tree, rows = random_tree(rng, problem, 6), Rows(problem)
    hints = Hints(tree, random_certificates(rng, problem, tree, 40))
    enclosure, owner, case = enclosure_at(problem, tree, 0), np.zeros(2, np.int64), np.arange(2)
    found = hints.start(enclosure, owner, len(tree) + np.array([0, 7]), case, rows)
    expected = initial(enclosure, owner, case, rows)
    np.testing.assert_array_equal(found.weights, expected.weights)
    for mine, theirs in zip(found.slopes, expected.slopes, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_case_without_hints_does_not_take_those_of_the_next_node() -> None:
    rng = np.random.default_rng(2)
    problem = random_problem(rng, EXACT["dense"](rng), cases=2, radius=0.5)
    tree, rows = random_tree(rng, problem, 6), Rows(problem)
    one = random_certificates(rng, problem, tree, 1)
    hints = Hints(tree, replace(one, node=np.ones(1, np.int32), case=np.zeros(1, np.int32)))
    enclosure, owner, case = enclosure_at(problem, tree, 0), np.zeros(1, np.int64), np.ones(1, np.int64)
    found, expected = hints.start(enclosure, owner, owner, case, rows), initial(enclosure, owner, case, rows)
    np.testing.assert_array_equal(found.weights, expected.weights)
    for mine, theirs in zip(found.slopes, expected.slopes, strict=True):
        np.testing.assert_array_equal(mine, theirs)

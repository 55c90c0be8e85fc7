"""Which bounds boxes get: what is measured decides, and either way the search is right."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.engine import Box, Half, affine, dense, problem_of, random_problem
from tests.searches import search

from ivan.bounds.forward import Forward
from ivan.bounds.replay import check_fit, replay
from ivan.deadline import NEVER
from ivan.errors import ProofError
from ivan.incremental.reuse import reuse
from ivan.network.activations import Relu
from ivan.network.layers import Layer, Network
from ivan.network.linear import Dense
from ivan.problem import Problem
from ivan.proof import Certificates, Proof, Refresh, SpecTree
from ivan.search import bounding, by_inputs
from ivan.search.bounding import forward_pays
from ivan.verdict import Verdict


def lattice(functions: int) -> Network:
    """The greatest of so many random linear functions of two inputs, by pairs: max(a, b) = relu(a - b) + b."""
    rng = np.random.default_rng(0)
    plane, offset = rng.standard_normal((functions, 2)), rng.standard_normal(functions)
    layers: list[Layer] = []
    linear, constant, source = plane, offset, 0
    while len(constant) > 1:
        half = len(constant) // 2
        pairs = np.eye(half).repeat(2, axis=1)
        # relu(a - b), relu(b), relu(-b)
        minus = pairs * np.tile([1.0, -1.0], half)
        second = pairs * np.tile([0.0, 1.0], half)
        before = np.concatenate([minus, second, -second])
        layers.append(
            Layer(affine(3 * half, {source: Dense(before @ linear)}, before @ constant), Relu(), f"level {source}")
        )
        source, constant = len(layers), np.zeros(half)
        linear = np.concatenate([np.eye(half), np.eye(half), -np.eye(half)], axis=1)
    return Network(tuple(layers), (2,), affine(1, {source: Dense(linear)}, constant), "lattice", "float64")


def question(network: Network, bound: float) -> Problem:
    """Can the first output reach a value on [-2, 2]?"""
    ends = np.full(network.inputs, 2.0)
    row = np.zeros(network.outputs)
    row[0] = -1.0
    return problem_of(network, Box(-ends, ends, [[Half(row, -bound)]]))


def greatest(network: Network) -> float:
    """Of a convex function on the box: at a corner."""
    return float(network(np.array([[x, y] for x in (-2.0, 2.0) for y in (-2.0, 2.0)])).max())


def recipes(tree: SpecTree, start: int) -> set[int]:
    """How nodes from a row on are bounded."""
    return set(np.unique(tree.refresh[start:]).tolist()) - {Refresh.NONE}


@pytest.mark.parametrize("forward", [False, True])
@pytest.mark.parametrize("above", [-0.2, 0.2])
def test_a_search_on_either_bounds_is_right_and_its_proof_replays(monkeypatch, forward, above):
    monkeypatch.setattr(by_inputs, "forward_pays", lambda *_: forward)
    network = lattice(16)
    problem = question(network, greatest(network) + above)
    result = search(problem, by_units=False)
    assert result.verdict is (Verdict.UNSAT if above > 0.0 else Verdict.SAT)
    if above > 0.0:
        assert recipes(result.proof.tree, 1) == {Refresh.FORWARD if forward else Refresh.BACKWARD}
        assert len(result.proof.tree) > 1
        assert replay(problem, result.proof).complete


def problem_with(sizes: tuple[int, ...]) -> Problem:
    return random_problem(np.random.default_rng(0), dense(np.random.default_rng(0), sizes))


@pytest.mark.parametrize(
    ("dear", "sweep", "cheap", "tight", "expected"),
    [
        (0.05, 0.0, 0.0, 1.0, True),
        (1e-4, 0.0, 0.0, 1.0, False),
        (0.05, 1.0, 0.0, 1.0, False),
        (0.05, 0.0, 1.0, 1.0, False),
        (0.05, 0.0, 0.0, 1e-99, False),
    ],
    ids=["cheap and tight", "backward bounds cost next to nothing", "sweeps are slow", "forms are slow", "loose"],
)
def test_time_and_looseness_decide(monkeypatch, dear, sweep, cheap, tight, expected):
    problem = problem_with((2, 8, 8, 2))
    seconds = iter([dear, sweep, cheap])
    monkeypatch.setattr(bounding, "_seconds", lambda work: next(seconds) + 1e-12)
    gaps = iter([np.ones(8), np.full(8, tight)])
    monkeypatch.setattr(bounding, "_gap", lambda _, enclosure: next(gaps)[: len(enclosure)])
    assert forward_pays(problem, Forward(problem.network), NEVER) is expected


def test_where_comparing_takes_too_long_the_cheap_bounds_are_taken(monkeypatch):
    problem = problem_with((2, 8, 8, 2))
    seconds = iter([1e6, 0.0, 0.0])
    monkeypatch.setattr(bounding, "_seconds", lambda work: next(seconds))
    monkeypatch.setattr(bounding, "_gap", None)
    assert forward_pays(problem, Forward(problem.network), NEVER)


def told(monkeypatch: pytest.MonkeyPatch, answer: bool) -> list[int]:
    """Answers the question, and counts how often it was asked."""
    asked: list[int] = []
    monkeypatch.setattr(by_inputs, "forward_pays", lambda *_: bool(asked.append(1)) or answer)
    return asked


def test_a_search_asks_once_and_only_when_boxes_are_left(monkeypatch):
    asked = told(monkeypatch, answer=False)
    network = lattice(16)
    assert len(search(question(network, 1e6), by_units=False).proof.tree) == 1
    assert not asked
    assert len(search(question(network, greatest(network) + 0.01), by_units=False).proof.tree) > 1
    assert len(asked) == 1


def test_many_regions_get_the_bounds_that_pay_at_once(monkeypatch):
    asked = told(monkeypatch, answer=True)
    network = lattice(8)
    row = [[Half([-1.0], -greatest(network) - 0.5)]]
    corners = [np.array([x, y]) for x in (-2.0, -1.0, 0.0, 1.0) for y in (-2.0, -1.0, 0.0, 1.0)]
    problem = problem_of(network, *(Box(low, low + 1.0, row) for low in corners))
    result = search(problem, by_units=False)
    assert len(asked) == 1
    assert result.verdict is Verdict.UNSAT
    assert recipes(result.proof.tree, 0) == {Refresh.FORWARD}
    assert replay(problem, result.proof).complete


def test_what_an_old_proof_chose_goes_on(monkeypatch):
    asked = told(monkeypatch, answer=True)
    network = lattice(16)
    first = search(question(network, greatest(network) + 0.5), by_units=False)
    assert Refresh.FORWARD in recipes(first.proof.tree, 1)
    asked.clear()
    # nearer to the truth, so that some certificates fail
    tighter = question(network, greatest(network) + 0.02)
    reused = reuse(tighter, first.proof, lambda x: np.full(1, np.nan), NEVER)
    assert not reused.complete
    result = search(tighter, by_units=False, seed=reused.seed)
    assert not asked
    assert result.verdict is Verdict.UNSAT
    assert len(result.proof.tree) > len(first.proof.tree)
    assert recipes(result.proof.tree, len(first.proof.tree)) == {Refresh.FORWARD}
    assert replay(tighter, result.proof).complete


def test_a_problem_without_rows_has_nothing_to_choose():
    network = dense(np.random.default_rng(0))
    problem = problem_of(network, Box(np.zeros(3), np.ones(3), [[Half([0.0, 0.0], 0.5, [1.0, 0.0, 0.0])]]))
    assert not problem.rows_of_case.any()
    assert not forward_pays(problem, Forward(network), NEVER)


def test_bounds_handed_on_by_one_recipe_are_not_taken_for_those_of_another(monkeypatch):
    network = lattice(8)
    told(monkeypatch, answer=False)
    corners = [np.array([x, y]) for x in (-2.0, -1.0, 0.0, 1.0) for y in (-2.0, -1.0, 0.0, 1.0)]

    def asked(above: float) -> Problem:
        local = [np.array([[a, b] for a in (x, x + 1) for b in (y, y + 1)]) for x, y in corners]
        rows = [[[Half([-1.0], -float(network(ends).max()) - above)]] for ends in local]
        return problem_of(network, *(Box(low, low + 1.0, row) for low, row in zip(corners, rows, strict=True)))

    first = search(asked(1e3), by_units=False)
    assert recipes(first.proof.tree, 0) == {Refresh.BACKWARD}
    told(monkeypatch, answer=True)
    tighter = asked(1e-6)
    reused = reuse(tighter, first.proof, lambda x: np.full(1, np.nan), NEVER)
    # where nothing holds any more, roots are bounded anew
    seed = replace(reused.seed, certificates=Certificates.none())
    everything = np.array([case.region for case in tighter.cases])
    seed = replace(seed, leaf=everything, case=np.arange(len(everything)))
    assert seed.domains
    result = search(tighter, by_units=False, seed=seed)
    assert result.verdict is Verdict.UNSAT
    assert Refresh.FORWARD in recipes(result.proof.tree, 0)
    assert replay(tighter, result.proof).complete


@pytest.mark.parametrize("forward", [False, True])
def test_a_search_that_is_cut_anywhere_leaves_claims_on_bounds_that_a_replay_computes(monkeypatch, forward):
    told(monkeypatch, answer=forward)
    network = lattice(16)
    problem = question(network, greatest(network) + 0.02)
    resumed = 0
    for checks in range(2, 200, 3):
        cut = search(problem, by_units=False, checks=checks)
        tree, claims = cut.proof.tree, cut.proof.certificates
        assert np.all(tree.refresh[claims.node] != Refresh.NONE)
        if cut.verdict is not Verdict.TIMEOUT:
            break
        assert replay(problem, cut.proof).holds.all()
        reused = reuse(problem, cut.proof, lambda x: np.full(1, np.nan), NEVER)
        result = search(problem, by_units=False, seed=reused.seed)
        assert result.verdict is Verdict.UNSAT
        assert replay(problem, result.proof).complete
        resumed += 1
    assert resumed > 5


def test_forward_bounds_that_memory_does_not_hold_are_refused(monkeypatch):
    monkeypatch.setattr("ivan.bounds.forward.MOST_FOR_ONE", 10)
    network = lattice(16)
    problem = question(network, greatest(network) + 0.02)
    assert not forward_pays(problem, Forward(network), NEVER)
    roots = SpecTree.roots(1)
    check_fit(problem, Proof(roots, Certificates.none()))
    hostile = replace(roots, refresh=np.full(1, Refresh.FORWARD, np.int8))
    with pytest.raises(ProofError, match="forward bounds over too many inputs"):
        check_fit(problem, Proof(hostile, Certificates.none()))

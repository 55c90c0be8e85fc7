"""A proof in terms of a network that has lost units: it covers everything, and nothing in it is believed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine import FEW, LAWS, Rng, affine, dense, hard_problem, points, pre_activations, random_problem, weights
from tests.incremental.test_matching import left_with, some_units
from tests.searches import deployed, never_confirmed, search
from tests.trees import inside, random_certificates, random_refinements, random_tree, some_refreshed

from ivan.bounds.replay import check_fit, replay
from ivan.deadline import NEVER
from ivan.errors import ProofError, StoreError
from ivan.incremental.reuse import reuse
from ivan.incremental.translate import Ancestor, translate
from ivan.network.activations import Relu
from ivan.network.compare import weights_bytes
from ivan.network.layers import Layer, Network
from ivan.network.linear import Dense
from ivan.problem import Problem, build_problem
from ivan.proof import Kind, Proof, State
from ivan.verdict import Verdict

SEEDS = st.integers(0, 2**32 - 1)


def grown(rng: Rng, network: Network, extra: int, *, bias: float, outgoing: float) -> Network:
    """A dense network with more units in every layer, at random places, of this bias and so large a weight."""
    layers = []
    below, size = np.arange(network.inputs), network.inputs
    for k, layer in enumerate(network.layers):
        mine = np.sort(rng.permutation(layer.size + extra)[: layer.size])
        matrix, constant = np.zeros((layer.size + extra, size)), np.full(layer.size + extra, bias)
        matrix[:, below] = weights(rng, layer.size + extra, len(below))
        matrix[mine] = outgoing * rng.standard_normal((layer.size, size)) if k else 0.0
        (linear,) = (linear for _, linear in layer.affine.terms)
        matrix[np.ix_(mine, below)] = linear.to_sparse().toarray()
        constant[mine] = layer.affine.constant
        layers.append(Layer(affine(len(matrix), {k: Dense(matrix)}, constant), Relu()))
        below, size = mine, len(matrix)
    matrix = outgoing * rng.standard_normal((network.outputs, size))
    (linear,) = (linear for _, linear in network.output.terms)
    matrix[:, below] = linear.to_sparse().toarray()
    output = affine(network.outputs, {len(layers): Dense(matrix)}, network.output.constant)
    return Network(tuple(layers), network.input_shape, output, "grown", network.precision)


def ancestor_of(later: Network, old: Network) -> Ancestor:
    found = Ancestor.of(later, weights_bytes(old), old.digest)
    assert found is not None
    return found


def example(seed: int) -> tuple[Rng, Problem, Problem, Proof, Ancestor]:
    """A problem before and after units were removed, and a random proof of the first."""
    rng = np.random.default_rng(seed)
    old = random_problem(rng, dense(rng, (3, 8, 8, 2)), boxes=2)
    tree = random_tree(rng, old, 20)
    claims = random_certificates(rng, old, tree, 30)
    proof = Proof(tree, claims, random_refinements(rng, old, some_refreshed(rng, tree)))
    later = left_with(old.network, some_units(rng, old.network), rng)
    return rng, old, build_problem(old.query, later), proof, ancestor_of(later, old.network)


@LAWS
@given(seed=SEEDS)
def test_the_leaves_of_a_translated_tree_cover_every_region(seed: int) -> None:
    rng, _, problem, proof, ancestor = example(seed)
    translated = translate(problem, proof, ancestor)
    check_fit(problem, translated)
    for r, box in enumerate(problem.regions):
        x = points(rng, box.lower, box.upper, 200)
        before = pre_activations(problem.network, x)
        leaves = [leaf for leaf in translated.tree.leaves if translated.tree.region()[leaf] == r]
        assert np.any([inside(translated.tree, int(leaf), x, before) for leaf in leaves], axis=0).all()


@LAWS
@given(seed=SEEDS)
def test_only_splits_of_units_that_are_gone_are_dropped(seed: int) -> None:
    _, _, problem, proof, ancestor = example(seed)
    old, new = proof.tree, translate(problem, proof, ancestor).tree
    left = [int(np.sum(tree.kind == Kind.INPUT)) for tree in (old, new)]
    assert left[1] <= left[0]
    place = ancestor.matching.place
    split = [(k, int(unit)) for k, unit in zip(old.layer, old.unit, strict=True) if k]
    if all(place[k - 1][unit] >= 0 for k, unit in split):
        assert len(old) == len(new)
        np.testing.assert_array_equal(old.kind, new.kind)
    kept = {(k, int(place[k - 1][unit])) for k, unit in split}
    assert {(int(k), int(unit)) for k, unit in zip(new.layer, new.unit, strict=True) if k} <= kept


@LAWS
@given(seed=SEEDS)
def test_where_a_unit_is_gone_the_side_on_which_it_was_off_is_kept(seed: int) -> None:
    _, _, problem, proof, ancestor = example(seed)
    numbered = replace(proof, tree=replace(proof.tree, at=np.zeros(len(proof.tree))))
    tree, place = numbered.tree, ancestor.matching.place
    gone = np.array([bool(k) and place[k - 1][unit] < 0 for k, unit in zip(tree.layer, tree.unit, strict=True)])
    lost = gone & (tree.side == 1)
    for node in range(len(tree)):  # parents come first
        lost[node] |= tree.parent[node] >= 0 and lost[tree.parent[node]]
    translated = translate(problem, numbered, ancestor)
    assert len(translated.tree) == int(np.sum(~lost & ~gone))
    assert len(translated.certificates) == int(np.sum(~lost[proof.certificates.node]))


@FEW
@given(seed=SEEDS)
def test_claims_of_a_translated_proof_are_judged_on_the_network_at_hand(seed: int) -> None:
    rng, _, problem, proof, ancestor = example(seed)
    translated = translate(problem, proof, ancestor)
    region = translated.tree.region()
    for claim in np.flatnonzero(replay(problem, translated).holds):
        node, case = int(translated.certificates.node[claim]), int(translated.certificates.case[claim])
        if problem.cases[case].region != region[node]:
            continue
        box = problem.regions[region[node]]
        x = points(rng, box.lower, box.upper, 400)
        here = inside(translated.tree, node, x, pre_activations(problem.network, x))
        if here.any():
            assert problem.margins(case, x[here]).max(axis=1).min() > -1e-9


def test_without_a_change_nothing_changes() -> None:
    _, old, _, proof, _ = example(0)
    same = translate(old, proof, ancestor_of(old.network, old.network))
    np.testing.assert_array_equal(same.tree.unit, proof.tree.unit)
    np.testing.assert_array_equal(replay(old, same).leaf, replay(old, proof).leaf)


# What it is worth


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_where_units_were_removed_that_were_never_on_every_leaf_holds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    problem = hard_problem(rng, dense(rng, (5, 9, 9, 2)), radius=0.8, gap=0.05)
    later = problem.network
    old = build_problem(problem.query, grown(rng, later, 3, bias=-20.0, outgoing=1.0))
    result = search(old, by_units=True)
    assert result.verdict is Verdict.UNSAT
    assert (result.proof.tree.kind == Kind.UNIT).any()
    proof = translate(problem, result.proof, ancestor_of(later, old.network))
    reused = reuse(problem, proof, never_confirmed, NEVER)
    assert reused.complete
    assert reused.leaves_held == reused.leaves == len(result.proof.tree.leaves)


@pytest.mark.parametrize("outgoing", [0.001, 0.02])
@settings(max_examples=3, deadline=None, derandomize=True)
@given(seed=SEEDS)
def test_a_search_from_a_translated_proof_agrees_with_a_fresh_one(outgoing: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    problem = hard_problem(rng, dense(rng, (4, 8, 8, 2)), radius=0.7, gap=0.05)
    later = problem.network
    old = build_problem(problem.query, grown(rng, later, 2, bias=0.0, outgoing=outgoing))
    first = search(old, by_units=True)
    proof = translate(problem, first.proof, ancestor_of(later, old.network))
    fresh = search(problem, by_units=True)
    reused = reuse(problem, proof, deployed(later), NEVER)
    if reused.witness is not None:
        assert fresh.verdict is not Verdict.UNSAT
        return
    if outgoing < 0.01 and first.verdict is Verdict.UNSAT and len(proof.tree) > 1:
        assert reused.leaves_held > 0.5 * reused.leaves
    verdict, left = Verdict.UNSAT, reused.seed.proof
    if not reused.complete:
        result = search(problem, by_units=True, seed=reused.seed)
        verdict, left = result.verdict, result.proof
    assert {verdict, fresh.verdict} != {Verdict.SAT, Verdict.UNSAT}
    if verdict is Verdict.UNSAT:
        check_fit(problem, left)
        assert replay(problem, left).complete


# What does not fit


def test_a_proof_of_something_else_is_refused() -> None:
    rng, _, problem, proof, ancestor = example(0)
    wide = random_problem(rng, dense(rng, (3, 30, 30, 2)), boxes=2)
    alien = Proof(random_tree(rng, wide, 9, inputs=False), random_certificates(rng, wide, proof.tree, 0))
    with pytest.raises(ProofError, match="unit that is not there"):
        translate(problem, alien, ancestor)
    closed = replace(proof, tree=replace(proof.tree, state=np.full(len(proof.tree), State.CLOSED, np.int8)))
    with pytest.raises(ProofError, match="two children"):
        translate(problem, closed, ancestor)


def test_a_network_that_cannot_be_restored_has_no_descendants() -> None:
    _, old, problem, _, _ = example(0)
    later, stored = problem.network, weights_bytes(old.network)
    assert Ancestor.of(later, stored, "another digest") is None
    assert Ancestor.of(old.network, weights_bytes(later), later.digest) is None
    with pytest.raises(StoreError, match="damaged"):
        Ancestor.of(later, stored[:-9], old.network.digest)

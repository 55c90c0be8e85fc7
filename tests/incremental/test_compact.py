"""Compaction: the proof stays one of the same property, whatever becomes of its nodes, and wherever it is cut off."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine import EXACT, LAWS, dense, random_problem
from tests.incremental.test_reuse import proved
from tests.searches import Patience
from tests.trees import left_open, random_certificates, random_refinements, random_tree, some_refreshed, tried

from ivan.bounds.replay import check_fit, replay
from ivan.incremental.compact import Counts, compact, counts, hoisting, joining
from ivan.incremental.compact import claims as module
from ivan.incremental.compact.claims import Claims
from ivan.incremental.compact.hoisting import lowest_bounds
from ivan.problem import Problem
from ivan.proof import Certificates, Firm, Kind, Proof, Refresh, State, TreeBuilder

SEEDS = st.integers(0, 2**32 - 1)


def assert_proves(problem: Problem, proof: Proof) -> None:
    """By the replay, and by one certificate at a time."""
    check_fit(problem, proof)
    assert replay(problem, proof).complete
    holds, _ = tried(problem, proof.tree, proof.certificates, proof.refinements)
    assert not left_open(problem, proof, holds)


def same(a: Proof, b: Proof) -> bool:
    trees = all(np.array_equal(getattr(a.tree, name), getattr(b.tree, name)) for name in vars(a.tree))
    return trees and np.array_equal(a.certificates.node, b.certificates.node)


def wasteful(seed: int, *, by_units: bool, leaves: int = 8) -> tuple[Problem, Proof]:
    """A proof with leaves that were split once more than they had to be, again and again; everything holds."""
    rng = np.random.default_rng(seed)
    problem, proof = proved(rng, dense(rng, (3, 8, 8, 2)), by_units=by_units)
    while len(proof.tree.leaves) < leaves:
        longer = split_once_more(rng, problem, proof, by_units=by_units)
        if replay(problem, longer).complete:
            proof = longer
    assert_proves(problem, proof)
    return problem, proof


def split_once_more(rng: np.random.Generator, problem: Problem, proof: Proof, *, by_units: bool) -> Proof:
    """Every leaf split at random, with its certificates on both sides."""
    network = problem.network
    tree, claims = proof.tree, proof.certificates
    builder, leaves = TreeBuilder(tree), tree.leaves
    count = len(leaves)
    if by_units:
        kind, layer, unit = Kind.UNIT, rng.integers(1, 3, count), rng.integers(0, 8, count)
        at, refresh = np.zeros(count), rng.integers(0, 2, count)
    else:
        kind, layer, unit = Kind.INPUT, np.zeros(count), rng.integers(0, network.inputs, count)
        box = problem.regions[0]
        at, refresh = rng.uniform(box.lower[unit], box.upper[unit]), np.ones(count)
    new = builder.split(leaves, np.full(count, kind), layer, unit, at, refresh)
    builder.column("state")[new] = State.CLOSED
    below = np.full((len(tree), 2), -1)
    below[leaves] = new.reshape(2, -1).T
    moved = np.flatnonzero(below[claims.node, 0] >= 0)
    copies = [replace(claims.take(moved), node=below[claims.node[moved], side].astype(np.int32)) for side in (0, 1)]
    kept = claims.take(np.flatnonzero(below[claims.node, 0] < 0))
    return Proof(builder.snapshot(), Certificates.concatenate([kept, *copies]), proof.refinements)


@pytest.mark.parametrize("by_units", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_a_compacted_proof_proves_the_same_with_fewer_leaves(seed, by_units):
    problem, proof = wasteful(seed, by_units=by_units)
    found = compact(problem, proof)
    assert found.finished
    assert found.counts.joined > 0
    assert len(found.proof.tree.leaves) == len(proof.tree.leaves) - found.counts.joined
    assert found.proof.tree.replay_cost < proof.tree.replay_cost
    assert_proves(problem, found.proof)


@settings(LAWS, max_examples=25)
@given(seed=SEEDS, kind=st.sampled_from(sorted(EXACT)), forward=st.booleans())
def test_whatever_holds_of_a_random_proof_holds_once_it_is_compacted(seed, kind, forward):
    """Random trees with random recipes and certificates that hold, some of them of inner nodes and refined ones."""
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT[kind](rng), boxes=2, radius=0.2)
    tree = random_tree(rng, problem, 8, forward_roots=0.5 if forward else 0.0)
    claims = random_certificates(rng, problem, tree, 40)
    proof = Proof(tree, claims, random_refinements(rng, problem, some_refreshed(rng, tree)))
    replayed = replay(problem, proof)
    kept = claims.take(np.flatnonzero(replayed.holds))
    proof = replace(proof, tree=tree.with_open(replayed.leaf), certificates=kept)
    found = compact(problem, proof)
    check_fit(problem, found.proof)
    assert set(found.proof.tree.parent) >= {-1}
    after = replay(problem, found.proof)
    assert after.holds.all()
    region = proof.tree.region()
    # open leaves are nobody's business: there are as many as before, for the same cases
    before = sorted(zip(region[replayed.leaf], replayed.case, strict=True))
    assert sorted(zip(found.proof.tree.region()[after.leaf], after.case, strict=True)) == before


@pytest.mark.parametrize("by_units", [False, True])
def test_a_compaction_that_is_cut_off_goes_on_where_it_stopped(by_units):
    problem, proof = wasteful(2, by_units=by_units)
    whole = compact(problem, proof)
    tries, part = 0, compact(problem, proof, Patience(0))
    assert not part.finished
    assert same(part.proof, proof)
    for checks in range(20, 4000, 40):
        part = compact(problem, part.proof, Patience(checks))
        assert_proves(problem, part.proof)
        tries += part.counts.tried
        if part.finished:
            break
    assert part.finished
    assert tries == whole.counts.tried
    assert len(part.proof.tree.leaves) == len(whole.proof.tree.leaves)
    assert compact(problem, part.proof).counts == Counts()


@pytest.fixture
def without_joining(monkeypatch):
    """Joining is made impossible: what is left is to share."""
    original = Claims.claimed

    def claimed(self, enclosure, nodes, sources):
        held, claims = original(self, enclosure, nodes, sources)
        if sources.shape[1] == 2:  # of both children
            held = np.zeros_like(held)
            claims = claims.take(np.zeros(0, np.int64))
        return held, claims

    monkeypatch.setattr(Claims, "claimed", claimed)


@pytest.mark.usefixtures("without_joining")
def test_leaves_that_can_do_with_their_parents_bounds_share_them():
    problem, proof = wasteful(0, by_units=False)
    found = compact(problem, proof)
    assert found.counts.joined == 0
    assert found.counts.shared > 0
    assert found.proof.tree.replay_cost < proof.tree.replay_cost
    assert_proves(problem, found.proof)
    claims = found.proof.certificates
    pairs = np.unique(np.stack([claims.node, claims.case]), axis=1)
    assert pairs.shape[1] == len(claims)  # new ones in place of the old ones, not beside them
    assert replay(problem, found.proof).holds.all()


@pytest.mark.usefixtures("without_joining")
def test_leaves_with_slopes_for_their_own_bounds_keep_these_bounds():
    problem, proof = wasteful(0, by_units=False)
    rng = np.random.default_rng(0)
    refined = proof.tree.leaves[::2]
    proof = replace(proof, refinements=random_refinements(rng, problem, refined))
    assert_proves(problem, proof)
    found = compact(problem, proof)
    assert found.counts.shared > 0
    np.testing.assert_array_equal(found.proof.refinements.node, refined)
    assert_proves(problem, found.proof)


@pytest.mark.parametrize("by_units", [False, True])
def test_new_certificates_keep_the_room_that_the_old_ones_had(monkeypatch, by_units):
    """What holds by less than either is not taken."""
    problem, proof = wasteful(1, by_units=by_units)
    reached = replay(problem, proof).bound  # by every leaf, not only by what it was split from
    proof = replace(proof, certificates=replace(proof.certificates, margin=reached))
    root = np.abs(proof.tree.bound[0])
    assert 0.0 < root < np.inf
    room = reached.max() / root
    bold = compact(problem, proof)
    monkeypatch.setattr(module, "ROOM", room)
    careful = compact(problem, proof)
    assert 0 < careful.counts.joined < bold.counts.joined
    least = {case: reached[proof.certificates.case == case].min() for case in proof.certificates.case}
    claims = careful.proof.certificates
    assert all(margin >= least[case] for case, margin in zip(claims.case, claims.margin, strict=True))


def test_a_thrifty_compaction_stops_where_it_does_not_pay(monkeypatch):
    problem, proof = wasteful(1, by_units=False)
    monkeypatch.setattr(counts, "FEWEST_TRIALS", 1)
    monkeypatch.setattr(counts, "LEAST_SHARE", 2.0)
    monkeypatch.setattr(joining, "batch_size", lambda network: 1)
    found = compact(problem, proof, thrifty=True)
    assert not found.finished
    assert found.counts.tried == 1
    assert_proves(problem, found.proof)
    assert compact(problem, found.proof).finished


def with_bounds(seed: int) -> tuple[Problem, Proof]:
    """A proof by units, in which nodes have bounds of their own that nothing needs."""
    rng = np.random.default_rng(seed)
    problem, proof = wasteful(seed, by_units=True, leaves=10)
    for node in rng.permutation(np.flatnonzero(proof.tree.parent >= 0))[:6]:
        refresh = proof.tree.refresh.copy()
        refresh[node] = Refresh.BACKWARD
        more = replace(proof, tree=replace(proof.tree, refresh=refresh))
        if replay(problem, more).holds.all():
            proof = more
    assert (proof.tree.refresh[proof.tree.parent >= 0] != Refresh.NONE).any()
    return problem, proof


@pytest.mark.parametrize("seed", range(3))
def test_bounds_that_leaves_can_do_without_are_not_computed_any_more(seed):
    problem, proof = with_bounds(seed)
    found = compact(problem, proof)
    assert found.counts.hoisted > 0
    assert found.proof.tree.replay_cost < proof.tree.replay_cost
    assert_proves(problem, found.proof)


def test_bounds_that_are_needed_stay_and_are_not_tried_again(monkeypatch):
    """No leaf is ever proved anew: what was tried stays as it was, and is marked."""
    problem, proof = with_bounds(0)

    def in_vain(self, enclosure, nodes, sources):
        return np.zeros(len(nodes), bool), Certificates.none()

    monkeypatch.setattr(Claims, "claimed", in_vain)
    found = compact(problem, proof)
    assert found.finished
    assert found.counts.hoisted == found.counts.joined == 0
    assert found.proof.tree.replay_cost == proof.tree.replay_cost
    assert (found.proof.tree.firm & Firm.BOUNDS).any()
    assert not len(lowest_bounds(found.proof))
    assert_proves(problem, found.proof)
    assert compact(problem, found.proof).counts == Counts()


def test_only_the_lowest_bounds_below_split_units_are_tried():
    _, proof = with_bounds(1)
    tree, chosen = proof.tree, set(lowest_bounds(proof).tolist())
    assert chosen
    for node in range(len(tree)):
        own = tree.refresh[node] != Refresh.NONE and tree.kind[node] == Kind.UNIT
        below = [n for n in range(len(tree)) if tree.refresh[n] != Refresh.NONE and node in ancestors(proof, n)]
        assert (node in chosen) == (own and not below and node not in proof.refinements.node)


def ancestors(proof: Proof, node: int) -> list[int]:
    found = []
    while (node := int(proof.tree.parent[node])) >= 0:
        found.append(node)
    return found


def test_bounds_that_serve_many_leaves_are_worth_their_work(monkeypatch):
    problem, proof = with_bounds(0)
    monkeypatch.setattr(hoisting, "MOST_CLAIMS", 0)
    found = compact(problem, proof)
    assert found.counts.hoisted == 0
    assert_proves(problem, found.proof)

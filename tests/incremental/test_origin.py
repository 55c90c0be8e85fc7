"""Where nodes come from: what walking both trees together says is what their paths say, one by one."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine import EXACT, LAWS, random_problem
from tests.trees import path_to, random_certificates, random_tree

from ivan.incremental import origin as module
from ivan.incremental.origin import Origin, counterparts, origins
from ivan.problem import Problem
from ivan.proof import Certificates, Proof, SpecTree, State
from ivan.proof.tree import COLUMNS

SEEDS = st.integers(0, 2**32 - 1)


def splits(tree: SpecTree, node: int) -> tuple[tuple[float, ...], ...]:
    """What leads to a node, from its region on."""
    names = ("kind", "layer", "unit", "at", "side")
    return tuple(tuple(float(getattr(tree, name)[step]) for name in names) for step in path_to(tree, node))


def claims(proof: Proof) -> dict[tuple[tuple[float, ...], ...], set[tuple[object, ...]]]:
    """All that a certificate says, by what leads to its node."""
    result = defaultdict(set)
    certificates = proof.certificates
    for i, node in enumerate(certificates.node.tolist()):
        entries: list[object] = [int(certificates.case[i])]
        for table in (certificates.weights, certificates.slopes, certificates.multipliers):
            own = slice(int(table.offsets[i]), int(table.offsets[i + 1]))
            entries.append(tuple((name, tuple(column[own].tolist())) for name, column in table.columns.items()))
        result[splits(proof.tree, node)].add(tuple(entries))
    return result


def told_by_paths(proof: Proof, base: Proof) -> list[Origin]:
    """The definition, word for word."""
    known = {splits(base.tree, node) for node in range(len(base.tree))}
    mine, theirs, result = claims(proof), claims(base), []
    for node in range(len(proof.tree)):
        way = splits(proof.tree, node)
        if way not in known:
            result.append(Origin.NEW)
            continue
        unchanged = all(mine[way[:n]] <= theirs[way[:n]] for n in range(1, len(way) + 1))
        closed = proof.tree.state[node] == State.CLOSED
        result.append(Origin.TRANSFERRED if closed and unchanged else Origin.REUSED)
    return result


def random_proof(rng: np.random.Generator, problem: Problem, size: int = 10) -> Proof:
    tree = random_tree(rng, problem, size)
    undecided = tree.leaves[rng.random(len(tree.leaves)) < 0.2]
    return Proof(tree.with_open(undecided), random_certificates(rng, problem, tree, 25))


def without(proof: Proof, node: int) -> Proof:
    """What was below a node is gone, and the node is a leaf; every row behind it has another number."""
    tree = proof.tree
    gone = np.array([node in path_to(tree, at)[:-1] for at in range(len(tree))])
    row = np.cumsum(~gone) - 1
    columns = {name: getattr(tree, name)[~gone].copy() for name in COLUMNS}
    columns["parent"] = np.where(columns["parent"] >= 0, row[columns["parent"]], -1).astype(np.int32)
    columns["state"][row[node]] = State.CLOSED
    kept = proof.certificates.take(np.flatnonzero(~gone[proof.certificates.node]))
    return Proof(SpecTree(**columns), replace(kept, node=row[kept.node].astype(np.int32)))


def update(rng: np.random.Generator, problem: Problem, base: Proof) -> Proof:
    """A later proof: some nodes lost what was below them, others were split further, some certificates are others."""
    proof = without(base, int(rng.integers(len(problem.regions), len(base.tree))))
    other = random_certificates(rng, problem, proof.tree, 6)
    kept = proof.certificates.take(np.flatnonzero(rng.random(len(proof.certificates)) < 0.9))
    return Proof(proof.tree, Certificates.concatenate([kept, other] if rng.random() < 0.7 else [kept]))


@LAWS
@given(seed=SEEDS, kind=st.sampled_from(sorted(EXACT)), unrelated=st.booleans())
def test_origins_are_those_that_paths_and_certificates_tell(seed: int, kind: str, unrelated: bool) -> None:
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT[kind](rng), boxes=2)
    base = random_proof(rng, problem)
    proof = random_proof(rng, problem) if unrelated else update(rng, problem, base)
    assert origins(proof, base).tolist() == told_by_paths(proof, base)
    assert origins(base, proof).tolist() == told_by_paths(base, proof)


@LAWS
@given(seed=SEEDS)
def test_against_itself_every_closed_leaf_is_transferred_and_every_other_node_reused(seed: int) -> None:
    rng = np.random.default_rng(seed)
    proof = random_proof(rng, random_problem(rng, EXACT["dense"](rng), boxes=3))
    closed = proof.tree.state == State.CLOSED
    assert origins(proof, proof).tolist() == np.where(closed, Origin.TRANSFERRED, Origin.REUSED).tolist()
    assert counterparts(proof.tree, proof.tree).tolist() == list(range(len(proof.tree)))


def test_without_a_base_nothing_is_known() -> None:
    proof = Proof(SpecTree.roots(3), Certificates.none())
    assert origins(proof, None).tolist() == [Origin.UNKNOWN] * 3


@pytest.mark.parametrize(("regions", "before"), [(3, 2), (2, 3), (2, 0), (0, 2)])
def test_a_region_that_the_base_does_not_have_is_new(regions: int, before: int) -> None:
    proof, base = (Proof(SpecTree.roots(count), Certificates.none()) for count in (regions, before))
    assert origins(proof, base).tolist() == [Origin.REUSED if r < before else Origin.NEW for r in range(regions)]


@pytest.mark.parametrize("table", ["weights", "slopes", "multipliers"])
def test_a_certificate_that_differs_in_the_last_bit_is_not_transferred(table: str) -> None:
    rng = np.random.default_rng(3)
    problem = random_problem(rng, EXACT["dense"](rng), boxes=1)
    tree = random_tree(rng, problem, 6)
    base = Proof(tree.with_open(np.zeros(0, np.int64)), random_certificates(rng, problem, tree, 40))
    ragged = getattr(base.certificates, table)
    leaf = np.isin(base.certificates.node[ragged.rows], tree.leaves)
    entry = int(np.flatnonzero(leaf)[0])
    value = ragged["value"].copy()
    value[entry] = np.nextafter(value[entry], value.dtype.type(0.5))
    changed = replace(ragged, columns={**ragged.columns, "value": value})
    node = int(base.certificates.node[ragged.rows[entry]])
    found = origins(replace(base, certificates=replace(base.certificates, **{table: changed})), base)
    assert found[node] == Origin.REUSED
    assert (np.delete(found, node) == np.delete(origins(base, base), node)).all()


def test_a_leaf_below_a_changed_certificate_is_not_transferred() -> None:
    rng = np.random.default_rng(4)
    problem = random_problem(rng, EXACT["dense"](rng), boxes=1)
    tree = random_tree(rng, problem, 4)
    tree = tree.with_open(np.zeros(0, np.int64))
    certificates = random_certificates(rng, problem, tree, 1)
    at_root = replace(certificates, node=np.zeros(1, np.int32))
    other = replace(at_root, case=at_root.case + 1)
    assert Origin.TRANSFERRED not in origins(Proof(tree, other), Proof(tree, at_root))
    assert (origins(Proof(tree, at_root), Proof(tree, at_root))[tree.leaves] == Origin.TRANSFERRED).all()


def test_comparing_in_parts_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    problem = random_problem(rng, EXACT["residual"](rng), boxes=2)
    base = random_proof(rng, problem, 20)
    proof = update(rng, problem, base)
    whole = origins(proof, base)
    monkeypatch.setattr(module, "_MOST_ENTRIES", 3)
    assert np.array_equal(origins(proof, base), whole)

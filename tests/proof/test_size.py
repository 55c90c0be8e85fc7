"""A proof of a hundred thousand leaves is small, and there in a moment."""

from __future__ import annotations

import time

import numpy as np

from ivan.proof import Certificates, Kind, Proof, Ragged, Refresh, SpecTree, State, TreeBuilder
from ivan.proof.certificate import WEIGHT_COLUMNS
from ivan.proof.codec import decode, encode

LEAVES, INPUTS = 100_000, 5


def large_proof() -> Proof:
    """Random splits of inputs, random bounds and margins: worse to compress than any search leaves them."""
    rng = np.random.default_rng(0)
    builder, waiting = TreeBuilder(SpecTree.roots(1)), np.array([0])
    while len(waiting) < LEAVES:
        count = min(len(waiting), LEAVES - len(waiting))
        ways = np.full(count, Kind.INPUT), np.zeros(count), rng.integers(0, INPUTS, count), rng.random(count)
        children = builder.split(waiting[:count], *ways, np.full(count, Refresh.BACKWARD))
        waiting = np.concatenate([waiting[count:], children])
    builder.column("state")[waiting] = State.CLOSED
    builder.column("bound")[:] = rng.random(len(builder))
    tree = builder.snapshot()
    entries = {name: np.ones(LEAVES, kind) for name, kind in WEIGHT_COLUMNS.items()} | {
        "row": np.zeros(LEAVES, np.int32)
    }
    weights = Ragged.from_rows(LEAVES, np.arange(LEAVES), entries)
    leaves, case = tree.leaves.astype(np.int32), np.zeros(LEAVES, np.int32)
    return Proof(tree, Certificates.plain(leaves, case, rng.random(LEAVES), weights))


def test_a_large_proof_takes_at_most_64_bytes_a_leaf_and_is_read_in_seconds() -> None:
    proof = large_proof()
    data = encode(proof)
    assert len(data) <= 64 * LEAVES
    began = time.monotonic()
    found = decode(data)
    found.tree.check(1, INPUTS, [50] * 6)
    found.certificates.check(len(found.tree), np.array([1]))
    assert time.monotonic() - began < 20.0  # takes 0.05 s
    np.testing.assert_array_equal(found.tree.leaves, proof.tree.leaves)

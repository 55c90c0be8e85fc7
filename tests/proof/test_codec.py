"""What is written is read back, and bytes that were not written are refused cleanly."""

from __future__ import annotations

import contextlib
import struct
import tracemalloc
import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine import EXACT, LAWS, random_problem
from tests.trees import random_certificates, random_refinements, random_tree, some_refreshed

from ivan.errors import ProofError
from ivan.problem import Problem
from ivan.proof import Certificates, Proof, SpecTree
from ivan.proof.codec import FORMAT, READABLE, decode, encode
from ivan.proof.tree import COLUMNS

SEEDS = st.integers(0, 2**32 - 1)
ARRAYS = struct.unpack_from("<H", encode(Proof(SpecTree.roots(0), Certificates.none())), 11)[0]


def random_proof(seed: int, splits: int = 8, claims: int = 9) -> tuple[Problem, Proof]:
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT["dense"](rng), boxes=2)
    tree = random_tree(rng, problem, splits)
    certificates = random_certificates(rng, problem, tree, claims)
    return problem, Proof(tree, certificates, random_refinements(rng, problem, some_refreshed(rng, tree)))


def assert_same(first: Proof, second: Proof) -> None:
    for name, kind in COLUMNS.items():
        column = getattr(second.tree, name)
        assert column.dtype == kind
        np.testing.assert_array_equal(getattr(first.tree, name), column)
    for name in ("node", "case", "margin"):
        np.testing.assert_array_equal(getattr(first.certificates, name), getattr(second.certificates, name))
    tables = [(getattr(p.certificates, name) for p in (first, second)) for name in ("weights", "slopes", "multipliers")]
    for name in ("node", "slopes"):
        column = getattr(second.refinements, name)
        assert column.dtype == getattr(first.refinements, name).dtype
        np.testing.assert_array_equal(getattr(first.refinements, name), column)
    tables += [(getattr(p.refinements, name) for p in (first, second)) for name in ("support", "bounds")]
    for one, other in tables:
        np.testing.assert_array_equal(one.offsets, other.offsets)
        for column in one.columns:
            assert one[column].dtype == other[column].dtype
            np.testing.assert_array_equal(one[column], other[column])


def check(problem: Problem, proof: Proof) -> None:
    sizes = [layer.size for layer in problem.network.layers]
    proof.tree.check(len(problem.regions), problem.network.inputs, sizes)
    proof.certificates.check(len(proof.tree), problem.rows_of_case)
    proof.refinements.check(proof.tree, sizes)


def read_or_refused(problem: Problem, data: bytes) -> None:
    """Anything but a clean answer escapes."""
    with contextlib.suppress(ProofError):
        check(problem, decode(data))


@LAWS
@given(seed=SEEDS)
def test_decoding_undoes_encoding(seed):
    problem, proof = random_proof(seed)
    check(problem, proof)
    assert_same(proof, decode(encode(proof)))


@pytest.mark.parametrize("regions", [0, 1])
def test_an_empty_proof_is_read_back(regions):
    proof = Proof(SpecTree.roots(regions), Certificates.none())
    assert_same(proof, decode(encode(proof)))


def old_format(proof: Proof, version: int) -> bytes:
    """Bytes as they were before nodes could be firm (2), and before there were refinements (1)."""
    arrays = [(kind, getattr(proof.tree, name)) for name, kind in COLUMNS.items() if name != "firm"]
    claims = proof.certificates
    arrays += [(np.int32, claims.node), (np.int32, claims.case), (np.float64, claims.margin)]
    for table, kinds in (
        (claims.weights, {"row": np.int32, "value": np.float64}),
        (claims.slopes, {"layer": np.int16, "unit": np.int32, "value": np.float32}),
        (claims.multipliers, {"layer": np.int16, "unit": np.int32, "kind": np.int8, "value": np.float64}),
    ):
        arrays.append((np.int32, np.diff(table.offsets)))
        arrays += [(kind, table[name]) for name, kind in kinds.items()]
    if version == 2:
        refined = proof.refinements
        arrays.append((np.int32, refined.node))
        for table, kinds in (
            (refined.support, {"layer": np.int16, "unit": np.int32}),
            (refined.bounds, {"layer": np.int16, "unit": np.int32, "side": np.int8}),
        ):
            arrays.append((np.int32, np.diff(table.offsets)))
            arrays += [(kind, table[name]) for name, kind in kinds.items()]
        arrays.append((np.float16, refined.slopes))
    typed = [np.asarray(array).astype(np.dtype(kind).newbyteorder("<")) for kind, array in arrays]
    head = struct.pack("<9sHH", b"IVANPROOF", version, len(typed))
    head += b"".join(struct.pack("<4sQ", array.dtype.str.encode().ljust(4), len(array)) for array in typed)
    return head + zlib.compress(b"".join(array.tobytes() for array in typed))


@LAWS
@given(seed=SEEDS)
def test_the_first_format_is_still_read_and_knows_of_no_refinements(seed):
    problem, proof = random_proof(seed)
    old = decode(old_format(proof, 1))
    check(problem, old)
    assert_same(Proof(not_firm(proof.tree), proof.certificates), old)
    assert not len(old.refinements)


@LAWS
@given(seed=SEEDS)
def test_the_second_format_is_still_read_and_knows_of_no_firm_nodes(seed):
    problem, proof = random_proof(seed)
    old = decode(old_format(proof, 2))
    check(problem, old)
    assert_same(replace(proof, tree=not_firm(proof.tree)), old)


def not_firm(tree: SpecTree) -> SpecTree:
    return replace(tree, firm=np.zeros(len(tree), np.int8))


@settings(max_examples=50, deadline=None, derandomize=True)
@given(data=st.data())
def test_altered_bytes_of_old_formats_are_refused_or_read_but_never_raise_anything_else(data):
    problem, proof = random_proof(data.draw(st.integers(0, 3)))
    raw = bytearray(old_format(proof, data.draw(st.integers(1, 2))))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    read_or_refused(problem, bytes(raw))


def test_no_format_is_read_as_another():
    proof = random_proof(0)[1]
    versions = {FORMAT: encode(proof), **{version: old_format(proof, version) for version in (1, 2)}}
    for data, other in ((versions[a], b) for a in versions for b in versions if a != b):
        raw = bytearray(data)
        struct.pack_into("<H", raw, 9, other)
        with pytest.raises(ProofError, match="number of arrays"):
            decode(bytes(raw))


def test_refinements_that_do_not_add_up_are_refused():
    problem, proof = random_proof(0)
    refined = proof.refinements
    assert len(refined) > 1
    fewer = replace(refined, node=refined.node[:-1])
    with pytest.raises(ProofError, match="do not add up"):
        decode(encode(Proof(proof.tree, proof.certificates, fewer)))
    shorter = replace(refined, slopes=refined.slopes[:-1])
    with pytest.raises(ProofError, match="do not add up"):
        check(problem, decode(encode(Proof(proof.tree, proof.certificates, shorter))))


def test_equal_proofs_have_equal_bytes():
    assert encode(random_proof(3)[1]) == encode(random_proof(3)[1])


@settings(max_examples=150, deadline=None, derandomize=True)
@given(data=st.data())
def test_altered_bytes_are_refused_or_read_but_never_raise_anything_else(data):
    problem, proof = random_proof(data.draw(st.integers(0, 3)))
    raw = bytearray(encode(proof))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    read_or_refused(problem, bytes(raw))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(data=st.data())
def test_altered_numbers_are_refused_or_read_but_never_raise_anything_else(data):
    """Bytes altered before compression: the checksum of zlib is no defence against a proof made on purpose."""
    problem, proof = random_proof(data.draw(st.integers(0, 3)))
    raw = encode(proof)
    start = raw.index(b"\x78", 13 + 12 * raw[11])
    body = bytearray(zlib.decompress(raw[start:]))
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] ^= data.draw(st.integers(1, 255))
    read_or_refused(problem, raw[:start] + zlib.compress(bytes(body)))


def test_every_truncation_is_refused():
    raw = encode(random_proof(0, 3, 3)[1])
    for end in range(len(raw)):
        with pytest.raises(ProofError):
            decode(raw[:end])


@pytest.mark.parametrize("more", [b"\0", b"x" * 100])
def test_bytes_behind_the_end_are_refused(more):
    with pytest.raises(ProofError, match="length"):
        decode(encode(random_proof(0)[1]) + more)


@pytest.mark.parametrize("data", [b"", b"IVAN", b"not a proof at all" * 9, zlib.compress(b"IVANPROOF" * 20)])
def test_other_files_are_refused(data):
    with pytest.raises(ProofError):
        decode(data)


def test_another_format_is_refused_by_its_number():
    raw = bytearray(encode(random_proof(0)[1]))
    struct.pack_into("<H", raw, 9, FORMAT + 1)
    with pytest.raises(ProofError, match=rf"format {FORMAT + 1}\b.*formats {READABLE[0]} to {FORMAT}\b"):
        decode(bytes(raw))


def test_another_number_or_type_of_arrays_is_refused():
    raw = encode(random_proof(0)[1])
    with pytest.raises(ProofError, match="number of arrays"):
        decode(raw[:11] + struct.pack("<H", 3) + raw[13:])
    with pytest.raises(ProofError, match=r"tree\.parent has another type"):
        decode(raw[:13] + b"<f8 " + raw[17:])


@pytest.mark.parametrize("length", [2**63, 2**64 - 1, 2**40, 2**31, 2**28])
@pytest.mark.parametrize("entry", range(0, ARRAYS, 3))
def test_hostile_lengths_are_refused_without_allocating(length, entry):
    raw = bytearray(encode(random_proof(0)[1]))
    struct.pack_into("<Q", raw, 13 + 12 * entry + 4, length)
    tracemalloc.start()
    try:
        with pytest.raises(ProofError):
            decode(bytes(raw))
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_a_stream_that_unpacks_to_more_than_it_declares_is_refused_without_unpacking_it():
    raw = encode(random_proof(0)[1])
    start = raw.index(b"\x78", 13 + 12 * raw[11])
    bomb = raw[:start] + zlib.compress(bytes(200_000_000), 9)
    tracemalloc.start()
    try:
        with pytest.raises(ProofError, match="length"):
            decode(bomb)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()

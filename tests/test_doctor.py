"""Whatever is damaged in a store is named, nothing that is intact is, and no answer depends on it."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.questions import FAILS, HOLDS, nudged, small

import ivan
from ivan.doctor import Finding, Report, examine, repair
from ivan.errors import StoreError
from ivan.proof import Certificates, Proof, Ragged, SpecTree, State
from ivan.proof.codec import FORMAT, decode, encode
from ivan.store import NetworkRecord, ProofRecord, ProofStore, PropertyRecord, RunRecord, WitnessRecord
from ivan.verdict import Verdict

BASE, WITNESSED, UPDATED = 1, 2, 3
"""Runs of the store below: a proof, a counterexample, and a proof that grew from the first."""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with models, properties and a store about them."""
    folder = tmp_path_factory.mktemp("written")
    (folder / "v1.onnx").write_bytes(small())
    (folder / "v2.onnx").write_bytes(nudged(small(), 1e-4))
    (folder / "holds.vnnlib").write_text(HOLDS)
    (folder / "fails.vnnlib").write_text(FAILS)
    for model, query in (("v1", "holds"), ("v1", "fails"), ("v2", "holds")):
        ivan.verify(folder / f"{model}.onnx", folder / f"{query}.vnnlib", store=folder / "proofs.sqlite")
    return folder


@pytest.fixture
def path(written: Path, tmp_path: Path) -> Path:
    """A copy of that store."""
    copy = tmp_path / "proofs.sqlite"
    copy.write_bytes((written / "proofs.sqlite").read_bytes())
    return copy


@contextmanager
def rows(path: Path) -> Iterator[sqlite3.Connection]:
    """The bare tables, without the references that the store insists on."""
    connection = sqlite3.connect(path)
    with connection:
        yield connection
    connection.close()


def examined(path: Path) -> Report:
    with ProofStore.open(path) as store:
        return examine(store)


def named(report: Report) -> set[tuple[str, int | str | bytes]]:
    return {(finding.kind, finding.key) for finding in report.findings}


def altered(value: Any, generator: random.Random) -> Any:
    """Another value of the same type, one byte or a little away."""
    if isinstance(value, bytes):
        place = generator.randrange(len(value))
        return value[:place] + bytes([value[place] ^ generator.randrange(1, 256)]) + value[place + 1 :]
    if isinstance(value, str):
        place = generator.randrange(len(value))
        return value[:place] + generator.choice("~xyz") + value[place + 1 :]
    return value + generator.choice([-3, 1, 1000])


def alter(path: Path, table: str, column: str, seed: int) -> Any:
    """Alters a column of a row by chance; the row's key."""
    generator = random.Random(seed)
    key = {"runs": "id", "proofs": "run", "witnesses": "run"}.get(table, "digest")
    with rows(path) as connection:
        found = connection.execute(f"SELECT {key}, {column} FROM {table} WHERE {column} IS NOT NULL").fetchall()
        row, value = generator.choice(found)
        change = f"UPDATE {table} SET {column} = ? WHERE {key} = ?"
        connection.execute(change, (altered(value, generator), row))
    return row


def test_an_intact_store_is_well(path: Path) -> None:
    report = examined(path)
    assert report == Report({"run": 3, "network": 2, "property": 2})


COVERED = {
    "runs": ("checksum", "network", "property", "verdict", "version"),
    "proofs": ("format", "leaves", "depth", "open", "data"),
    "witnesses": ("inputs", "outputs", "precision"),
}
"""What a verdict rests on."""


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("table", "column"), [(table, c) for table, columns in COVERED.items() for c in columns])
def test_whatever_a_verdict_rests_on_is_named_when_it_is_altered(
    path: Path, table: str, column: str, seed: int
) -> None:
    run = alter(path, table, column, seed)
    if column == "open":  # anything but zero is true
        with rows(path) as connection:
            connection.execute("UPDATE proofs SET open = 1 WHERE run = ?", (run,))
    report = examined(path)
    assert named(report) == {("run", run)}
    (finding,) = report.findings
    assert finding.problem
    assert "\n" not in finding.problem
    assert column in ("network", "property") or finding.model in ("v1.onnx", "v2.onnx")


OTHER = {
    "runs": ("options", "seconds", "statistics", "parent", "created"),
    "networks": ("digest", "architecture", "name", "parameters", "file_digest", "first_seen", "weights"),
    "properties": ("digest", "name", "size", "inputs"),
}


@pytest.mark.parametrize(("table", "column"), [(table, c) for table, columns in OTHER.items() for c in columns])
def test_whatever_else_is_altered_changes_no_verdict(path: Path, written: Path, table: str, column: str) -> None:
    for seed in range(3):
        alter(path, table, column, seed)
    before = examined(path)
    for query, verdict in (("holds", Verdict.UNSAT), ("fails", Verdict.SAT)):
        assert ivan.verify(written / "v1.onnx", written / f"{query}.vnnlib", store=path).verdict is verdict
    with ProofStore.open(path) as store:
        after = repair(store, examine(store))
    assert named(after) <= named(before)


@pytest.mark.parametrize("seed", range(20))
def test_altered_weights_are_named_or_the_same(path: Path, seed: int) -> None:
    with rows(path) as connection:
        digests = [digest for (digest,) in connection.execute("SELECT digest FROM networks")]
    with ProofStore.open(path) as store:
        kept = {digest: store.weights(digest) for digest in digests}
    digest = alter(path, "networks", "weights", seed)
    report = examined(path)
    with ProofStore.open(path) as store:
        assert named(report) == {("network", digest)} or store.weights(digest) == kept[digest]


DAMAGE = [
    ("UPDATE runs SET seconds = -1.0", "run"),
    ("UPDATE runs SET parent = 99", "run"),
    ("UPDATE runs SET parent = id", "run"),
    ("UPDATE runs SET statistics = '['", "run"),
    ("UPDATE runs SET options = 'none'", "run"),
    ("DELETE FROM networks", "run"),
    ("DELETE FROM properties", "run"),
    ("DELETE FROM runs", "run"),
    ("DELETE FROM proofs", "run"),
    ("UPDATE networks SET architecture = 'none'", "network"),
    ("UPDATE networks SET first_seen = 'yesterday'", "network"),
    ("UPDATE networks SET parameters = parameters + 1", "network"),
    ("UPDATE properties SET inputs = -1", "property"),
    ("UPDATE properties SET size = 'long'", "property"),
    ("UPDATE properties SET inputs = inputs + 1", "property"),
]


@pytest.mark.parametrize(("damage", "kind"), DAMAGE)
def test_what_cannot_have_been_written_is_named(path: Path, damage: str, kind: str) -> None:
    with rows(path) as connection:
        connection.execute(damage)
    assert {finding.kind for finding in examined(path).findings} == {kind}


def test_a_repair_deletes_what_is_damaged_and_keeps_its_descendants(path: Path) -> None:
    with rows(path) as connection:
        connection.execute("UPDATE proofs SET depth = depth + 1 WHERE run = ?", (BASE,))
    with ProofStore.open(path) as store:
        (before,) = store.lineage(UPDATED)[1:]
        assert before.run.parent == BASE
        proof = store.proof(UPDATED)
        report = examine(store)
        assert named(report) == {("run", BASE)}
        assert not repair(store, report).findings
        assert store.run(BASE) is None
        (after,) = store.lineage(UPDATED)
        assert after == replace(before, run=replace(before.run, parent=None))
        assert store.proof(UPDATED) == proof
        assert store.witness(WITNESSED) is not None
        assert store.info().networks == 2


def test_a_repair_forgets_damaged_weights_and_the_next_run_keeps_them_again(path: Path, written: Path) -> None:
    with rows(path) as connection:
        connection.execute("UPDATE networks SET weights = x'00'")
    with ProofStore.open(path) as store:
        report = examine(store)
        assert {finding.kind for finding in report.findings} == {"network"}
        assert repair(store, report) == Report({"run": 3, "network": 2, "property": 2})
    outcome = ivan.verify(written / "v1.onnx", written / "holds.vnnlib", store=path, fresh=True)
    with ProofStore.open(path) as store:
        assert store.weights(outcome.network_digest) is not None


def test_what_no_run_is_left_of_is_deleted_with_it(path: Path) -> None:
    with rows(path) as connection:
        connection.execute("DELETE FROM runs WHERE id = ?", (WITNESSED,))
        connection.execute("UPDATE networks SET digest = 'none', name = x'00' WHERE name = 'v2.onnx'")
    with ProofStore.open(path) as store:
        report = examine(store)
        assert named(report) == {("run", WITNESSED), ("run", UPDATED), ("network", "none")}
        assert repair(store, report) == Report({"run": 1, "network": 1, "property": 2})


# What a checksum cannot tell: it holds, and what it covers is nonsense.


class Written:
    """Saves evidence of the caller's making, with a checksum that holds."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with ProofStore.open(path) as store:
            self.proof = decode(store.proof(BASE).data)

    def save(self, proof: Proof | bytes | None, witness: WitnessRecord | None = None, **counts: Any) -> Finding | None:
        """What the doctor says about it."""
        network = NetworkRecord(digest="a" * 64, architecture="b" * 64, name="n", parameters=1, file_digest="c" * 64)
        asked = PropertyRecord(digest="d" * 64, name="p", size=1, inputs=3)
        run = RunRecord(network=network.digest, property=asked.digest, options="e" * 64, version="1.0",
                        verdict="unknown", seconds=1.0)  # fmt: skip
        record = None
        if proof is not None:
            said = {"format": FORMAT, "leaves": 0, "depth": 0, "open": True, **counts}
            if isinstance(proof, Proof):
                leaves, depth = len(proof.tree.leaves), int(proof.tree.depth().max())
                said = {**said, "leaves": leaves, "depth": depth, "open": not proof.complete, **counts}
            record = ProofRecord(data=proof if isinstance(proof, bytes) else encode(proof), **said)
        with ProofStore.open(self._path) as store:
            number = store.save(run, network, asked, record, witness)
            findings = examine(store).findings
        return next((finding for finding in findings if finding.key == number), None)


@pytest.fixture
def written_by_hand(path: Path) -> Written:
    return Written(path)


def test_a_proof_that_obeys_every_law_is_well(written_by_hand: Written) -> None:
    assert written_by_hand.save(written_by_hand.proof) is None
    assert written_by_hand.save(Proof(SpecTree.roots(2), Certificates.none())) is None
    assert written_by_hand.save(b"from the future", format=FORMAT + 1) is None


def test_a_proof_that_breaks_a_law_is_named(written_by_hand: Written) -> None:
    proof = written_by_hand.proof
    tree, claims = proof.tree, proof.certificates

    def bent(**columns: Any) -> Proof:
        return replace(proof, tree=replace(tree, **columns))

    def claiming(table: str, column: str, value: float) -> Proof:
        ragged: Ragged = getattr(claims, table)
        values = {**ragged.columns, column: np.full_like(ragged[column], value)}
        return replace(proof, certificates=replace(claims, **{table: Ragged(ragged.offsets, values)}))

    cases: list[tuple[Proof | bytes, str]] = [
        (encode(proof)[:-1], "its length is wrong"),
        (b"", "malformed proof"),
        (bent(state=np.full(len(tree), State.CLOSED, np.int8)), "two children"),
        (bent(unit=np.where(tree.kind == 1, -1, tree.unit).astype(np.int32)), "an input that is not there"),
        (bent(at=np.full(len(tree), np.nan)), "no finite number"),
        (claiming("weights", "value", np.nan), "not a positive number"),
        (claiming("weights", "row", -1), "row that is not there"),
        (replace(proof, certificates=replace(claims, node=claims.node + np.int32(len(tree)))), "node that is not"),
    ]
    for damaged, law in cases:
        finding = written_by_hand.save(damaged)
        assert finding is not None
        assert law in finding.problem
    miscounted = written_by_hand.save(proof, leaves=1)
    assert miscounted is not None
    assert "counts other leaves" in miscounted.problem


def test_a_counterexample_that_can_be_none_is_named(written_by_hand: Written) -> None:
    witness = WitnessRecord(inputs=(1.0, 2.0, np.inf), outputs=(1.0,), precision="float32")
    finding = written_by_hand.save(None, witness)
    assert finding is not None
    assert "no number" in finding.problem


# The file as a whole


@pytest.mark.parametrize("seed", range(25))
def test_flipped_bytes_anywhere_end_in_findings_or_in_an_error_of_the_store(path: Path, seed: int) -> None:
    generator = random.Random(seed)
    data = bytearray(path.read_bytes())
    for place in generator.sample([i for i, byte in enumerate(data) if byte], 1 + seed):
        data[place] ^= generator.randrange(1, 256)
    path.write_bytes(data)
    with suppress(StoreError):
        findings = examined(path).findings
        assert all(finding.problem and "\n" not in finding.problem for finding in findings)


def test_a_file_with_broken_pages_is_named_and_so_are_its_rows(path: Path) -> None:
    with rows(path) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'proofs'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    data = bytearray(path.read_bytes())
    data[(page - 1) * size : page * size] = bytes(size)
    path.write_bytes(data)
    report = examined(path)
    named = {(finding.kind, finding.key) for finding in report.findings}
    assert ("file", str(path)) in named
    # and so is what cannot be read for it, while all else is looked at
    assert {("run", BASE), ("run", UPDATED)} <= named
    assert (report.counts["network"], report.counts["property"]) == (2, 2)

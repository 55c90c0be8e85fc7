"""Many processes share one store, and any of them may be killed at any moment."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.store.server import Fresh

import ivan.store
from ivan.digest import digest
from ivan.doctor import Report, examine
from ivan.errors import StoreError
from ivan.proof import Certificates, Proof, SpecTree
from ivan.proof.codec import FORMAT, encode
from ivan.store import ProofStore, database

if TYPE_CHECKING:
    from conftest import Records

# Saves runs of its own network: waits for a line, then announces each run once it is saved.
WRITER = """
import sys
from ivan.digest import digest
from ivan.store import NetworkRecord, ProofRecord, PropertyRecord, ProofStore, RunRecord

location, name, number, data = sys.argv[1], sys.argv[2], int(sys.argv[3]), bytes.fromhex(sys.argv[4])
format_ = int(sys.argv[5])
network = NetworkRecord(digest=digest(name), architecture="a" * 64, name=name, parameters=1, file_digest="f" * 64)
asked = PropertyRecord(digest="d" * 64, name="p", size=1, inputs=1)
parent = None
print("ready", flush=True)
sys.stdin.readline()
with ProofStore.open(location) as store:
    for index in range(number):
        proof = ProofRecord(format=format_, leaves=2, depth=0, open=True, data=data)
        run = RunRecord(network=network.digest, property=asked.digest, options="e" * 64, version="1", verdict="timeout",
                        seconds=float(index), parent=parent)
        parent = store.save(run, network, asked, proof)
        print(parent, flush=True)
"""


TREE = encode(Proof(SpecTree.roots(2), Certificates.none()))
"""A proof as an interrupted search leaves it: two regions, nothing shown yet."""


def writer(location: Path | str, name: str, number: int) -> subprocess.Popen[str]:
    source = str(Path(ivan.store.__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([source, os.environ.get("PYTHONPATH", "")])}
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", WRITER, str(location), name, str(number), TREE.hex(), str(FORMAT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )


def start(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.fixture(params=["file", "server"])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """Where many processes share a store that none of them has made yet."""
    if request.param == "file":
        return tmp_path / "new" / "proofs.sqlite"
    fresh: Fresh = request.getfixturevalue("server")
    return fresh()


def test_eight_processes_that_create_and_fill_a_store_together_lose_nothing(shared: Path | str) -> None:
    number, names = 6, [f"w{index}" for index in range(8)]
    processes = [writer(shared, name, number) for name in names]
    for process in processes:
        assert line(process) == "ready"
    for process in processes:
        start(process)
    announced = {}
    for name, process in zip(names, processes, strict=True):
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0
        announced[name] = [int(word) for word in output.split()]
    with ProofStore.open(shared) as store:
        for name, ids in announced.items():
            assert len(ids) == number
            for index, run_id in enumerate(ids):
                stored = store.run(run_id)
                assert stored is not None
                assert (stored.network, stored.seconds) == (digest(name), float(index))
                assert stored.parent == (ids[index - 1] if index else None)
                assert store.proof(run_id).data == TREE
        facts, report = store.info(), examine(store)
    assert (facts.networks, facts.properties, facts.runs) == (len(names), 1, number * len(names))
    assert report == Report({"run": facts.runs, "network": len(names), "property": 1})


def test_whoever_prunes_meanwhile_takes_only_what_was_chosen(shared: Path | str, records: Records) -> None:
    with ProofStore.open(shared) as store:
        old = [records.save(store, "unsat", network=f"old{index}", proof=records.proof()) for index in range(20)]
        process = writer(shared, "busy", 20)
        assert line(process) == "ready"
        start(process)
        for number in old:
            assert store.delete([number]).runs == 1
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0
        ids = [int(word) for word in output.split()]
        assert len(ids) == 20
        assert all(store.intact(number) for number in ids)
        store.delete([])  # sweeps what a deletion in the middle of a save could not
        facts = store.info()
    assert (facts.runs, facts.networks, facts.properties) == (20, 1, 1)


@pytest.mark.skipif(os.name != "posix", reason="there is no kill -9 elsewhere")
@pytest.mark.parametrize("survivors", [0, 1, 5])
def test_a_killed_writer_leaves_every_announced_run_and_no_damage(
    tmp_path: Path, records: Records, survivors: int
) -> None:
    path = tmp_path / "proofs.sqlite"
    process = writer(path, "victim", 10**6)
    assert line(process) == "ready"
    start(process)
    ids = [int(line(process)) for _ in range(survivors)]
    process.kill()
    with process:
        assert process.stdout is not None
        ids += [int(word) for word in process.stdout.read().split()]  # `communicate` misses what was read ahead
    warnings: list[str] = []
    with ProofStore.open(path, warn=warnings.append) as store:
        for run_id in ids:
            assert store.proof(run_id).data == TREE
        assert store.info().runs in (len(ids), len(ids) + 1)  # one may be saved and not announced
        records.save(store, "unsat", proof=records.proof())
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()
    assert not warnings


def test_a_locked_store_is_read_and_refuses_to_save(
    tmp_path: Path, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "proofs.sqlite"
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    with ProofStore.open(path) as store:
        run_id = records.save(store, "unsat", proof=records.proof())
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="is locked by another process") as caught:
            records.save(store, "unsat", proof=records.proof())
        assert caught.value.hint
        with ProofStore.open(path) as reader:
            assert reader.proof(run_id) == records.proof()
        other.execute("COMMIT")
        other.close()
        records.save(store, "unsat", proof=records.proof())


def test_a_reader_sees_one_state_while_others_write(
    shared: Path | str, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    with ProofStore.open(shared) as store, ProofStore.open(shared) as other:
        records.save(store, "unsat", proof=records.proof())
        seen = []

        def compatible(_: object) -> bool:
            other.clear()
            seen.append(other.info().runs)
            return True

        # The run is deleted between finding it and reading its proof.
        assert store.exact(records.network().digest, records.asked().digest, compatible=compatible) is not None
        assert seen == [0]
        assert store.exact(records.network().digest, records.asked().digest) is None

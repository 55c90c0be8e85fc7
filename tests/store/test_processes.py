"""Many processes share one store, and any of them may be killed at any moment."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import ivan.store
from ivan.errors import StoreError
from ivan.store import ProofStore, database

if TYPE_CHECKING:
    from conftest import Records

# Saves runs of its own network: waits for a line, then announces each run once it is saved.
WRITER = """
import sys
from ivan.store import NetworkRecord, ProofRecord, PropertyRecord, ProofStore, RunRecord

location, name, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
network = NetworkRecord(digest=name, architecture="a", name=name, parameters=1, file_digest="f", weights=b"w" * 999)
asked = PropertyRecord(digest="p", name="p", size=1, inputs=1)
run = RunRecord(network=name, property="p", options="o", version="1", verdict="unsat", seconds=1.0)
print("ready", flush=True)
sys.stdin.readline()
with ProofStore.open(location) as store:
    for index in range(number):
        proof = ProofRecord(format=1, leaves=index, depth=1, open=False, data=name.encode() * 5000)
        print(store.save(run, network, asked, proof), flush=True)
"""


def writer(location: Path, name: str, number: int) -> subprocess.Popen[str]:
    source = str(Path(ivan.store.__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([source, os.environ.get("PYTHONPATH", "")])}
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", WRITER, str(location), name, str(number)],
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


def test_processes_that_create_and_fill_a_store_together_lose_nothing(tmp_path: Path) -> None:
    path, number = tmp_path / "new" / "proofs.sqlite", 12
    names = ["w1", "w2", "w3", "w4"]
    processes = [writer(path, name, number) for name in names]
    for process in processes:
        assert line(process) == "ready"
    for process in processes:
        start(process)
    announced = {}
    for name, process in zip(names, processes, strict=True):
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0
        announced[name] = [int(word) for word in output.split()]
    with ProofStore.open(path) as store:
        for name, ids in announced.items():
            assert len(ids) == number
            for index, run_id in enumerate(ids):
                stored = store.run(run_id)
                assert stored is not None
                assert stored.network == name
                proof = store.proof(run_id)
                assert (proof.leaves, proof.data) == (index, name.encode() * 5000)
        facts = store.info()
    assert (facts.networks, facts.properties, facts.runs) == (len(names), 1, number * len(names))


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
            assert store.proof(run_id).data == b"victim" * 5000
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
    tmp_path: Path, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "proofs.sqlite"
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    with ProofStore.open(path) as store, ProofStore.open(path) as other:
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

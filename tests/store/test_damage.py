"""A store may lose what it held, but it never returns anything else."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ivan.errors import IvanError, ProofError, StoreError
from ivan.store import ProofStore

if TYPE_CHECKING:
    from conftest import Records


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "proofs.sqlite"


def execute(path: Path, statement: str, *values: object) -> None:
    connection = sqlite3.connect(path)
    with connection:
        assert connection.execute(statement, values).rowcount > 0
    connection.close()


DAMAGE = [
    "UPDATE runs SET verdict = 'sat'",
    "UPDATE runs SET verdict = x'ff00'",
    "UPDATE runs SET version = '9.9'",
    "UPDATE runs SET checksum = replace(checksum, substr(checksum, 1, 1), 'g')",
    "UPDATE runs SET statistics = '{'",
    "UPDATE runs SET statistics = '[]'",
    "UPDATE runs SET statistics = 7",
    "UPDATE runs SET created = 'yesterday'",
    "UPDATE runs SET created = 1e300",
    "UPDATE runs SET seconds = 'long'",
    "UPDATE runs SET options = cast(x'fffe' AS TEXT), verdict = cast(x'fffe' AS TEXT)",
    "UPDATE proofs SET data = substr(data, 1, length(data) - 1)",
    "UPDATE proofs SET data = data || x'00'",
    "UPDATE proofs SET data = 'text'",
    "UPDATE proofs SET data = 5",
    "UPDATE proofs SET format = 2",
    "UPDATE proofs SET format = 'one'",
    "UPDATE proofs SET leaves = leaves + 1",
    "UPDATE proofs SET depth = depth + 1",
    "UPDATE proofs SET open = 1",
    "DELETE FROM proofs",
    "INSERT INTO witnesses SELECT id, zeroblob(8), zeroblob(8), 'float32' FROM runs",
    "INSERT INTO witnesses SELECT id, zeroblob(7), 'text', 32 FROM runs",
]


@pytest.mark.parametrize("damage", DAMAGE)
def test_an_altered_proof_is_reported_and_never_returned(path: Path, records: Records, damage: str) -> None:
    with ProofStore.open(path) as store:
        run_id = records.save(store, "unsat", proof=records.proof())
    execute(path, damage)
    warnings: list[str] = []
    with ProofStore.open(path, warn=warnings.append) as store:
        assert store.exact(records.network().digest, records.asked().digest) is None
        assert store.open_run(records.network().digest, records.asked().digest) is None
        assert store.witnesses(records.asked().digest) == []
        with pytest.raises(ProofError, match=f"run {run_id} is damaged"):
            store.proof(run_id)
        with pytest.raises(ProofError, match=f"run {run_id} is damaged"):
            store.witness(run_id)
        store.runs()
    assert warnings
    assert all("damaged and passed over" in warning and "\n" not in warning for warning in warnings)


@pytest.mark.parametrize("column", ["inputs", "outputs"])
@pytest.mark.parametrize("bit", [0, 6, 57, 63])
def test_an_altered_witness_is_reported_and_never_returned(path: Path, records: Records, column: str, bit: int) -> None:
    with ProofStore.open(path) as store:
        older = records.save(store, "sat", witness=records.witness(5.0))
        run_id = records.save(store, "sat", witness=records.witness(1.0, 2.0))
    connection = sqlite3.connect(path)
    (data,) = connection.execute(f"SELECT {column} FROM witnesses WHERE run = ?", (run_id,)).fetchone()
    connection.close()
    altered = bytearray(data)
    altered[bit // 8] ^= 1 << bit % 8
    execute(path, f"UPDATE witnesses SET {column} = ? WHERE run = ?", bytes(altered), run_id)
    warnings: list[str] = []
    with ProofStore.open(path, warn=warnings.append) as store:
        found = store.exact(records.network().digest, records.asked().digest)
        assert found is not None
        assert found.id == older
        assert [run.id for run, _ in store.witnesses(records.asked().digest)] == [older]
        with pytest.raises(ProofError, match=f"run {run_id} is damaged"):
            store.witness(run_id)
    assert len(warnings) == 2


def test_the_proof_of_another_run_is_not_taken_for_ones_own(path: Path, records: Records) -> None:
    with ProofStore.open(path) as store:
        records.save(store, "unsat", network="v1", proof=records.proof(b"one"))
        records.save(store, "unsat", network="v2", proof=records.proof(b"two"))
    execute(path, "UPDATE proofs SET run = 3 - run + 10")
    execute(path, "UPDATE proofs SET run = run - 10")
    warnings: list[str] = []
    with ProofStore.open(path, warn=warnings.append) as store:
        for network in ("v1", "v2"):
            assert store.exact(records.network(network).digest, records.asked().digest) is None
    assert len(warnings) == 2


@pytest.mark.parametrize(
    "weights", ["x'00'", "'text'", "substr(weights, 1, 9)", "substr(weights, 1, 9) || zeroblob(9)"]
)
def test_altered_weights_are_reported_and_never_returned(path: Path, records: Records, weights: str) -> None:
    network = records.network(weights=bytes(range(256)))
    with ProofStore.open(path) as store:
        store.save(records.run("unknown"), network, records.asked())
    execute(path, f"UPDATE networks SET weights = {weights}")
    warnings: list[str] = []
    with ProofStore.open(path, warn=warnings.append) as store:
        assert store.weights(network.digest) is None
    assert len(warnings) == 1


@pytest.mark.parametrize("column", ["kin", "hull", "query"])
def test_a_column_that_holds_something_else_is_reported_and_passed_over(
    path: Path, records: Records, column: str
) -> None:
    with ProofStore.open(path) as store:
        records.save(store, "unsat", proof=records.proof())
    execute(path, f"UPDATE properties SET {column} = {'zeroblob(9)' if column == 'kin' else 7}")
    warnings: list[str] = []
    with ProofStore.open(path, warn=warnings.append) as store:
        assert store.query(records.asked().digest) is None
        found = store.proofs_of_others("another", network=records.network().digest)
        assert len(found) == (column == "query")
    [warning] = warnings
    assert "damaged and passed over" in warning


@pytest.mark.parametrize("seed", range(60))
def test_flipped_bytes_anywhere_in_the_file_never_change_an_answer(path: Path, records: Records, seed: int) -> None:
    generator = random.Random(seed)
    saved = {
        ("unsat", records.network("v1").digest): records.proof(generator.randbytes(6000)),
        ("unsat", records.network("v2").digest): records.proof(generator.randbytes(300)),
        ("sat", records.network("v3").digest): records.witness(*(generator.random() for _ in range(100))),
    }
    first, second, third = saved.values()
    with ProofStore.open(path) as store:
        records.save(store, "unsat", network="v1", proof=first)
        records.save(store, "unsat", network="v2", proof=second)
        records.save(store, "sat", network="v3", witness=third)
    data = bytearray(path.read_bytes())
    # Most of a small file is empty pages: aim at bytes that carry something.
    places = [place for place, byte in enumerate(data) if byte]
    for place in generator.sample(places, 1 + seed % 20):
        data[place] ^= generator.randrange(1, 256)
    path.write_bytes(data)

    warnings: list[str] = []
    problems: list[IvanError] = []
    asked = records.asked().digest
    try:
        with ProofStore.open(path, warn=warnings.append) as store:
            for name in ("v1", "v2", "v3"):
                network = records.network(name).digest
                if run := store.exact(network, asked):
                    evidence = store.proof(run.id) if run.verdict == "unsat" else store.witness(run.id)
                    assert evidence == saved[run.verdict, network]
            assert all(witness == third for _, witness in store.witnesses(asked))
            for run, _ in store.bases(asked):
                try:
                    assert store.proof(run.id) in (first, second)
                except ProofError:
                    continue
            store.runs()
            store.info()
            records.save(store, "unknown")
    except (StoreError, ProofError) as error:
        problems.append(error)
    for problem in problems:
        assert str(path) in problem.message
        assert "\n" not in problem.message
        assert problem.hint
    assert all("damaged and passed over" in warning for warning in warnings)


@pytest.mark.parametrize("length", [100, 4096, 20000])
def test_a_file_that_was_cut_off_is_damaged_not_empty(path: Path, records: Records, length: int) -> None:
    with ProofStore.open(path) as store:
        records.save(store, "unsat", proof=records.proof(bytes(30000)))
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(StoreError, match=r"damaged|not a proof store"), ProofStore.open(path) as store:
        store.exact(records.network().digest, records.asked().digest)


def test_a_file_that_is_no_database_is_left_alone(path: Path) -> None:
    path.write_text("precious notes " * 1000)
    with pytest.raises(StoreError, match="is not a proof store") as caught:
        ProofStore.open(path)
    assert caught.value.hint
    assert path.read_text() == "precious notes " * 1000
    assert [file.name for file in path.parent.iterdir() if file.name.startswith("proofs")] == ["proofs.sqlite"]

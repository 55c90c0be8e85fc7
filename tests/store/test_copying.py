"""Runs go from any kind of store to any other: all that was asked for, once, and nothing that is not as it was."""

from __future__ import annotations

import sqlite3
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ivan.errors import StoreError
from ivan.store import Copied, Examined, ProofStore

if TYPE_CHECKING:
    from conftest import Records

MOMENT = datetime(2026, 2, 3, tzinfo=UTC)


def fine(row: Examined) -> None:
    """Finds nothing wrong."""


@pytest.fixture
def path(tmp_path: Path, records: Records) -> Path:
    """A file with a lineage of three, and a counterexample."""
    path = tmp_path / "other.sqlite"
    with ProofStore.open(path) as other:
        first = records.save(other, "unsat", network="v1", proof=records.proof(b"first"))
        records.save(other, "sat", network="v1", asked="other", witness=records.witness(1.0, 2.0))
        second = records.save(other, "unsat", network="v2", proof=records.proof(b"second"), parent=first)
        records.save(other, "timeout", network="v3", proof=records.proof(b"half", unfinished=True), parent=second)
    return path


def copied(path: Path, store: ProofStore, only: tuple[int, ...] | None = None) -> Copied:
    with ProofStore.open(path) as other:
        return other.copy_to(store, fine, only=only, imported=MOMENT)


def change(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    with connection:
        assert connection.execute(statement).rowcount > 0
    connection.close()


def test_everything_arrives_as_it_was_with_new_numbers_and_the_same_parents(
    store: ProofStore, records: Records, path: Path
) -> None:
    mine = [records.save(store, "unknown", network="mine", asked="mine") for _ in range(3)]
    assert copied(path, store) == Copied(runs=4, known=0, networks=3, properties=2)
    first, refuted, second, open_ = (mine[-1] + step for step in range(1, 5))
    with ProofStore.open(path) as other:
        for before, after in zip(range(1, 5), (first, refuted, second, open_), strict=True):
            was, is_ = other.run(before), store.run(after)
            assert was is not None
            assert is_ is not None
            parent = {2: None, 3: first, 4: second}.get(before)
            assert is_.imported == MOMENT
            assert asdict(is_) == {**asdict(was), "id": after, "parent": parent, "imported": MOMENT}
            assert other.witness(before) == store.witness(after)
            if was.has_proof:
                assert other.proof(before) == store.proof(after)
    assert store.find_network(records.network("v1").digest) == [records.network("v1")]
    assert all(row.problem is None for row in store.examine())


def test_what_is_there_already_is_passed_over(store: ProofStore, path: Path) -> None:
    copied(path, store)
    assert copied(path, store) == Copied(runs=0, known=4, networks=0, properties=0)
    assert store.info().runs == 4


def test_children_of_known_runs_find_their_parents(store: ProofStore, records: Records, path: Path) -> None:
    mine = records.save(store, "unsat", network="v1", proof=records.proof(b"first"))
    done = copied(path, store)
    assert (done.runs, done.known) == (3, 1)
    child = store.exact(records.network("v2").digest, records.asked().digest)
    assert child is not None
    assert child.parent == mine


def test_runs_that_are_alike_are_added_as_often_as_they_are_there(
    tmp_path: Path, store: ProofStore, records: Records
) -> None:
    path = tmp_path / "twins.sqlite"
    with ProofStore.open(path) as other:
        for _ in range(2):
            records.save(other, "unknown")
    assert copied(path, store).runs == 2
    assert copied(path, store).known == 2


def test_a_chosen_run_comes_with_what_it_is_about_and_without_its_parent(
    store: ProofStore, records: Records, path: Path
) -> None:
    assert copied(path, store, only=(3,)) == Copied(runs=1, known=0, networks=1, properties=1)
    [summary] = store.runs()
    assert (summary.run.parent, summary.network_name) == (None, "v2.onnx")  # type: ignore[union-attr]
    assert store.proof(summary.run.id) == records.proof(b"second")  # type: ignore[union-attr]


def test_a_network_keeps_its_name_and_learns_its_weights(tmp_path: Path, store: ProofStore, records: Records) -> None:
    network = records.network(weights=b"weights")
    path = tmp_path / "other.sqlite"
    with ProofStore.open(path) as other:
        other.save(records.run("unknown"), type(network)(**{**asdict(network), "name": "theirs.onnx"}), records.asked())
    store.save(records.run("sat"), records.network(), records.asked(), None, records.witness())
    assert copied(path, store) == Copied(runs=1, known=0, networks=0, properties=0)
    assert store.find_network(network.digest)[0].name == "base.onnx"
    assert store.weights(network.digest) == b"weights"


def test_a_store_is_written_to_a_file_and_read_back(tmp_path: Path, store: ProofStore, records: Records) -> None:
    run = records.save(store, "unsat", proof=records.proof(bytes(range(256))))
    with ProofStore.open(tmp_path / "out.sqlite") as file:
        assert store.copy_to(file, fine).runs == 1
        [summary] = file.runs()
        assert summary.run.imported is None  # type: ignore[union-attr]
        assert file.proof(1) == store.proof(run)


DAMAGE = [
    "UPDATE proofs SET data = data || x'00' WHERE run = 3",
    "UPDATE runs SET statistics = '[' WHERE id = 3",
    "UPDATE networks SET architecture = 'none' WHERE name = 'v2.onnx'",
]


@pytest.mark.parametrize("damage", DAMAGE)
def test_nothing_is_added_where_anything_is_damaged_unless_a_part_will_do(
    store: ProofStore, path: Path, damage: str
) -> None:
    change(path, damage)
    with ProofStore.open(path) as other:
        refused = other.copy_to(store, fine, strict=True)
        assert (refused.runs, len(refused.left_out)) == (0, 1)
        assert store.info().runs == 0
        partly = other.copy_to(store, fine)
    assert (partly.runs, partly.left_out) == (3, refused.left_out)
    assert all(row.problem is None for row in store.examine())


def test_what_nobody_vouches_for_is_not_added(store: ProofStore, path: Path) -> None:
    with ProofStore.open(path) as other:
        done = other.copy_to(store, lambda row: "no" if row.witness else None, strict=True)
        assert [(row.kind, row.key, row.problem) for row in done.left_out] == [("run", 2, "no")]
        assert done.left_out[0].witness is None  # what is wrong is kept, not what it is wrong with
    assert store.info().runs == 0


def test_a_damaged_run_is_no_reason_to_pass_its_sound_copy_over(tmp_path: Path, records: Records) -> None:
    sound, broken = tmp_path / "sound.sqlite", tmp_path / "broken.sqlite"
    for path in (sound, broken):
        with ProofStore.open(path) as store:
            records.save(store, "unsat", proof=records.proof())
    change(broken, "UPDATE proofs SET data = x'00'")
    with ProofStore.open(broken, warn=lambda _: None) as store:
        assert copied(sound, store).runs == 1
        exact = store.exact(records.network().digest, records.asked().digest)
        assert exact is not None
        assert exact.id == 2


def test_a_copy_that_fails_half_way_leaves_nothing(
    store: ProofStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr("ivan.store.rows.witness_row", fail)
    with pytest.raises(StoreError, match="the disk is full"):
        copied(path, store)
    facts = store.info()
    assert (facts.runs, facts.networks, facts.properties) == (0, 0, 0)

"""What a store gives away arrives whole or not at all, and no verdict is believed because a file says so."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from tests.desk import Desk
from tests.questions import FAILS, HOLDS, box, nudged, small

from ivan.doctor import Report, examine
from ivan.errors import InputError, StoreError
from ivan.exchange import WHERE_FROM, export_file, import_file, left_out
from ivan.outcome import Use
from ivan.proof.codec import FORMAT
from ivan.store import Copied, ProofStore, PropertyRecord, RunRecord
from ivan.store.database import Database
from ivan.store.schema import MIGRATIONS
from ivan.verdict import Verdict

BASE, WITNESSED, UPDATED = 1, 2, 3
"""Runs of the store below: a proof, a counterexample, and a proof that grew from the first."""


with closing(sqlite3.connect(":memory:")) as _probe:
    _OPTIONS = {option for (option,) in _probe.execute("PRAGMA compile_options")}
needs_dbstat = pytest.mark.skipif("ENABLE_DBSTAT_VTAB" not in _OPTIONS, reason="this SQLite was built without dbstat")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store about the small questions."""
    folder = tmp_path_factory.mktemp("written")
    desk = Desk(folder)
    for model, query in ((small(), HOLDS), (small(), FAILS), (nudged(small(), 1e-4), HOLDS)):
        desk.ask(model, query)
    return desk.store


@pytest.fixture
def file(written: Path, tmp_path: Path) -> Path:
    """All of it, as a file."""
    path = tmp_path / "carried.sqlite"
    with ProofStore.open(written) as store:
        assert export_file(store, path) == Copied(runs=3, known=0, networks=2, properties=2)
    return path


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Somebody else's desk."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return Desk(folder)


@contextmanager
def rows(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path)) as connection, connection:
        yield connection


def imported(path: Path, into: Path) -> Copied:
    with ProofStore.open(into) as store:
        return import_file(store, path)


def refused(path: Path, into: Path, match: str) -> StoreError:
    """Nothing is taken over, and one line says why."""
    with ProofStore.open(into) as store:
        with pytest.raises(StoreError, match=match) as caught:
            import_file(store, path)
        assert store.info().runs == 0
    assert "\n" not in caught.value.message
    assert caught.value.hint
    return caught.value


# -- the file ---------------------------------------------------------------------------------------------------------


def test_a_file_is_a_sound_store_and_complete_by_itself(file: Path) -> None:
    assert [path.name for path in file.parent.iterdir() if path.is_file()] == [file.name]
    with rows(file) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    with ProofStore.open(file) as store:
        assert examine(store) == Report({"run": 3, "network": 2, "property": 2})


def test_chosen_runs_are_written_with_what_they_are_about(written: Path, tmp_path: Path) -> None:
    path = tmp_path / "one.sqlite"
    with ProofStore.open(written) as store:
        assert export_file(store, path, (UPDATED,)) == Copied(runs=1, known=0, networks=1, properties=1)
        wanted = store.proof(UPDATED)
    with ProofStore.open(path) as made:
        [summary] = made.runs()
        assert made.proof(summary.run.id) == wanted  # type: ignore[union-attr]


def test_what_is_damaged_is_left_out_and_named(written: Path, tmp_path: Path) -> None:
    copy, path = tmp_path / "proofs.sqlite", tmp_path / "carried.sqlite"
    copy.write_bytes(written.read_bytes())
    with rows(copy) as connection:
        connection.execute("UPDATE proofs SET depth = depth + 1 WHERE run = ?", (BASE,))
    with ProofStore.open(copy) as store:
        done = export_file(store, path)
        assert (done.runs, [(found.kind, found.key) for found in left_out(done)]) == (2, [("run", BASE)])
        with pytest.raises(StoreError, match="nothing was exported: run 1"):
            export_file(store, path, (BASE,))
    assert imported(path, tmp_path / "new.sqlite").runs == 2  # the earlier file is still there, and whole


def broken(written: Path, path: Path, table: str, *, overflowing: bool = False) -> Path:
    """A copy of the store in which a page of the table is wiped: its first, or the first behind its rows."""
    shutil.copyfile(written, path)
    kind = "'overflow'" if overflowing else "'leaf'"
    with rows(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if overflowing:
            connection.execute(f"UPDATE {table} SET weights = (SELECT randomblob(50000)) WHERE rowid = 1")
    with rows(path) as connection:
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        (page,) = connection.execute(
            f"SELECT min(pageno) FROM dbstat WHERE name = ? AND pagetype = {kind}", (table,)
        ).fetchone()
    data = bytearray(path.read_bytes())
    data[(page - 1) * size : page * size] = bytes(size)
    path.write_bytes(data)
    return path


@needs_dbstat
def test_of_a_file_with_broken_pages_what_can_be_read_is_rescued(written: Path, tmp_path: Path) -> None:
    store = broken(written, tmp_path / "broken.sqlite", "proofs")
    before, path = store.read_bytes(), tmp_path / "carried.sqlite"
    with ProofStore.open(store) as opened:
        done = export_file(opened, path)
        assert (done.runs, done.rescued) == (1, True)
        assert [(found.kind, found.key) for found in left_out(done)] == [("run", BASE), ("run", UPDATED)]
        assert all(found.model and found.asked for found in left_out(done))
        with pytest.raises(StoreError, match="nothing was exported: run 1"):
            export_file(opened, path, (BASE,))
        chosen = export_file(opened, path, (WITNESSED,))
        assert (chosen.runs, chosen.left_out, chosen.rescued) == (1, (), False)
        with pytest.raises(InputError, match="there is no run 99"):
            export_file(opened, path, (99,))
    assert store.read_bytes() == before
    assert imported(path, tmp_path / "new.sqlite").runs == 1


@needs_dbstat
def test_broken_pages_of_weights_cost_no_runs(written: Path, tmp_path: Path) -> None:
    store, path = broken(written, tmp_path / "broken.sqlite", "networks", overflowing=True), tmp_path / "carried.sqlite"
    with ProofStore.open(store) as opened:
        done = export_file(opened, path)
    assert (done.runs, done.networks, done.properties) == (3, 2, 2)
    [found] = left_out(done)
    assert (found.kind, "weights cannot be read" in found.problem) == ("network", True)
    assert imported(path, tmp_path / "new.sqlite").runs == 3


@needs_dbstat
def test_a_broken_index_costs_nothing(written: Path, tmp_path: Path) -> None:
    store = broken(written, tmp_path / "broken.sqlite", "sqlite_autoindex_networks_1")
    with ProofStore.open(store) as opened:
        done = export_file(opened, tmp_path / "carried.sqlite")
    assert (done.runs, done.networks, done.left_out, done.rescued) == (3, 2, (), True)


def test_a_file_that_cannot_be_written_leaves_nothing_behind(
    written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "carried.sqlite"
    path.write_text("what was there before")

    def fail(*_: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr("ivan.store.rows.witness_row", fail)
    with ProofStore.open(written) as store, pytest.raises(StoreError, match="the disk is full"):
        export_file(store, path)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_text() == "what was there before"


def test_a_store_is_not_written_over_itself_nor_over_one_in_use(written: Path, tmp_path: Path) -> None:
    used = tmp_path / "used.sqlite"
    with ProofStore.open(written) as store:
        for change in (export_file, import_file):
            with pytest.raises(StoreError, match="is the proof store itself"):
                change(store, written)
        with ProofStore.open(used), pytest.raises(StoreError, match="in use"):
            export_file(store, used)
        with pytest.raises(InputError, match="there is no run 99"):
            export_file(store, used, (99,))
        (tmp_path / "link").symlink_to(written)
        with pytest.raises(StoreError, match="is the proof store itself"):
            export_file(store, tmp_path / "link")


# -- what is believed -------------------------------------------------------------------------------------------------


def test_an_imported_proof_is_replayed_before_its_verdict_is_repeated(file: Path, desk: Desk) -> None:
    assert imported(file, desk.store) == Copied(runs=3, known=0, networks=2, properties=2)
    first, second = desk.ask(small()), desk.ask(small())
    assert (first.verdict, first.exact, first.base_run) == (Verdict.UNSAT, False, BASE)
    assert 0 < first.reused_leaves == first.base_leaves
    assert first.statistics.domains == 0
    assert (second.verdict, second.exact, second.base_run) == (Verdict.UNSAT, True, first.run)


def test_an_imported_counterexample_is_confirmed(file: Path, desk: Desk) -> None:
    imported(file, desk.store)
    first, second = desk.ask(small(), FAILS), desk.ask(small(), FAILS)
    assert (first.verdict, first.exact, first.base_run, first.base_use) == (Verdict.SAT, False, WITNESSED, Use.WITNESS)
    assert "attack" not in first.phases
    assert (second.verdict, second.exact) == (Verdict.SAT, True)


def test_an_imported_verdict_implies_nothing_until_it_was_replayed(file: Path, desk: Desk) -> None:
    imported(file, desk.store)
    stronger = box(3, "(>= Y_0 2.3)")
    assert desk.ask(small(), stronger).base_use is not Use.IMPLICATION
    desk.ask(small())
    assert desk.ask(small(), box(3, "(>= Y_0 2.28)")).base_use is Use.IMPLICATION


def test_an_imported_proof_is_a_base_for_an_update(file: Path, desk: Desk) -> None:
    imported(file, desk.store)
    new = desk.ask(nudged(small(), 2e-4, seed=1))
    assert (new.verdict, new.exact) == (Verdict.UNSAT, False)
    assert new.base_run in (BASE, UPDATED)
    assert new.reused_leaves > 0


def test_a_forged_verdict_convinces_nobody(written: Path, tmp_path: Path, desk: Desk) -> None:
    """Whoever makes up an answer makes a checksum that holds."""
    forged = tmp_path / "forged.sqlite"
    with ProofStore.open(written) as store, ProofStore.open(forged) as made:
        truth = store.run(WITNESSED)
        assert truth is not None
        [network] = store.find_network(truth.network)
        asked = PropertyRecord(digest=truth.property, name="property.vnnlib", size=1, inputs=3)
        lie = RunRecord(network=truth.network, property=truth.property, options=truth.options, version=truth.version,
                        verdict="unsat", seconds=0.1)  # fmt: skip
        made.save(lie, network, asked, store.proof(BASE))
    assert imported(forged, desk.store).runs == 1
    assert desk.ask(small(), FAILS).verdict is Verdict.SAT


# -- what is refused --------------------------------------------------------------------------------------------------

DAMAGE = [
    ("UPDATE runs SET verdict = 'unknown' WHERE id = 2", "run 2 .*checksum"),
    ("UPDATE runs SET statistics = '{' WHERE id = 3", "run 3 "),
    ("UPDATE proofs SET data = substr(data, 1, 99) WHERE run = 1", "run 1 .*checksum"),
    ("UPDATE witnesses SET inputs = zeroblob(24)", "run 2 .*checksum"),
    ("UPDATE networks SET weights = x'00'", "network .*weights.*; network "),
    ("UPDATE properties SET query = substr(query, 1, 20)", "property .*damaged"),
    ("DELETE FROM witnesses", "run 2 .*checksum"),
    ("DELETE FROM properties", r"run 1.*run 2.*run 3"),
    ("CREATE TRIGGER t AFTER INSERT ON runs BEGIN DELETE FROM runs; END", "trigger t"),
    ("CREATE VIEW v AS SELECT 1", "view v"),
    ("CREATE TABLE recipes (name TEXT)", "table recipes"),
]


@pytest.mark.parametrize(("damage", "named"), DAMAGE)
def test_a_damaged_file_is_refused_as_a_whole(file: Path, desk: Desk, damage: str, named: str) -> None:
    with rows(file) as connection:
        connection.execute(damage)
    assert "nothing was imported" in refused(file, desk.store, named).message


def test_not_every_fault_is_named_on_one_line(file: Path, desk: Desk) -> None:
    with rows(file) as connection:
        connection.execute("UPDATE runs SET checksum = ''")
        connection.execute("UPDATE networks SET parameters = -1")
    assert refused(file, desk.store, "run 1 .*and 2 more").message.count(";") == 3


def test_a_file_of_a_newer_version_is_refused(file: Path, desk: Desk) -> None:
    with rows(file) as connection:
        connection.execute("UPDATE ivan_revision SET version_num = '9999'")
    before = file.read_bytes()
    refused(file, desk.store, "newer version of ivan")
    assert file.read_bytes() == before


def test_a_proof_of_a_newer_format_is_refused(written: Path, tmp_path: Path, desk: Desk) -> None:
    path, carried = tmp_path / "newer.sqlite", tmp_path / "carried.sqlite"
    path.write_bytes(written.read_bytes())
    with ProofStore.open(path) as store:
        store.replace_proof(BASE, replace(store.proof(BASE), format=FORMAT + 1), {})
        assert export_file(store, carried).runs == 2  # nobody here can tell whether it is sound
    refused(path, desk.store, f"run 1 .*format {FORMAT + 1}, which this version of ivan cannot read")


def test_a_file_of_an_older_schema_is_taken_over(file: Path, desk: Desk) -> None:
    database = Database.open(file)
    with database.writing() as connection:
        settings = Config()
        settings.set_main_option("script_location", str(MIGRATIONS))
        settings.attributes["connection"] = connection
        command.downgrade(settings, "0002")
    database.close()
    assert imported(file, desk.store).runs == 3
    assert not desk.ask(small()).exact


def test_what_is_no_store_is_refused(tmp_path: Path, desk: Desk) -> None:
    text, empty, missing = tmp_path / "notes", tmp_path / "empty", tmp_path / "missing"
    text.write_text("precious notes " * 1000)
    empty.touch()
    for path, message in (
        (text, "not a proof store"),
        (empty, "is empty"),
        (missing, "no proof store there"),
        (tmp_path, "is a folder"),
    ):
        error = refused(path, desk.store, message)
        assert error.message.startswith(f"{path}: ")
        assert error.message.endswith(": nothing was imported")
        assert error.hint == WHERE_FROM
    assert (text.read_text(), empty.read_bytes(), missing.exists()) == ("precious notes " * 1000, b"", False)


@pytest.mark.parametrize("seed", range(20))
def test_flipped_bytes_anywhere_in_a_file_never_reach_the_store(
    file: Path, written: Path, desk: Desk, seed: int
) -> None:
    generator = random.Random(seed)
    data = bytearray(file.read_bytes())
    for place in generator.sample([i for i, byte in enumerate(data) if byte], 1 + seed % 5):
        data[place] ^= generator.randrange(1, 256)
    file.write_bytes(data)
    with ProofStore.open(written) as before:
        known = {run.checksum for number in (BASE, WITNESSED, UPDATED) if (run := before.run(number)) is not None}
    with ProofStore.open(desk.store) as store:
        with suppress(StoreError):
            import_file(store, file)
        assert {summary.run.checksum for summary in store.runs()} <= known  # type: ignore[union-attr]
        assert examine(store).findings == []

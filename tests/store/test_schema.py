"""The schema and its history say the same; old stores are upgraded, unknown ones refused."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from ivan.errors import InternalError, StoreError
from ivan.store import ProofStore, schema
from ivan.store.database import Database
from ivan.store.models import SCHEMA_REVISION, metadata, revisions
from ivan.store.schema import MIGRATIONS, prepare

if TYPE_CHECKING:
    from conftest import Records

NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "9998"
down_revision = "{newest}"


def upgrade():
    op.add_column("runs", sa.Column("note", sa.Text))
    with op.batch_alter_table("networks", recreate="always") as networks:
        networks.alter_column("name", new_column_name="title")
    with op.batch_alter_table("runs", recreate="always") as runs:
        runs.alter_column("options", nullable=True)
    {end}
"""


def config() -> Config:
    made = Config()
    made.set_main_option("script_location", str(MIGRATIONS))
    return made


def definitions(path: Path) -> dict[str, str]:
    connection = sqlite3.connect(path)
    found = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    connection.close()
    return {name: " ".join(sql.split()) for name, sql in found}


def test_the_newest_migration_is_the_revision_of_the_models() -> None:
    assert ScriptDirectory.from_config(config()).get_heads() == [SCHEMA_REVISION]


def test_the_migrations_from_nothing_give_the_schema_of_the_models(tmp_path: Path) -> None:
    created, migrated = tmp_path / "created.sqlite", tmp_path / "migrated.sqlite"
    ProofStore.open(created).close()
    database = Database.open(migrated)
    with database.writing() as connection:
        settings = config()
        settings.attributes["connection"] = connection
        command.upgrade(settings, "head")
        context = MigrationContext.configure(
            connection, opts={"version_table": revisions.name, "compare_server_default": True}
        )
        without_bookkeeping = [
            change for change in compare_metadata(context, metadata) if revisions.name not in str(change)
        ]
        assert without_bookkeeping == []
    prepare(database)  # finds nothing to do
    database.close()
    assert definitions(migrated) == definitions(created)
    assert set(metadata.tables) <= set(definitions(created))


def test_every_migration_can_be_taken_back(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "proofs.sqlite")
    prepare(database)
    with database.writing() as connection:
        settings = config()
        settings.attributes["connection"] = connection
        command.downgrade(settings, "base")
    database.close()
    assert set(definitions(tmp_path / "proofs.sqlite")) <= {revisions.name, "sqlite_sequence"}


def pretend_a_next_revision(folder: Path, monkeypatch: pytest.MonkeyPatch, end: str = "") -> None:
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "9998_next.py").write_text(NEXT.format(newest=SCHEMA_REVISION, end=end))
    monkeypatch.setattr(schema, "MIGRATIONS", folder)
    monkeypatch.setattr(schema, "SCHEMA_REVISION", "9998")


def test_an_old_store_is_upgraded_with_what_it_holds(
    tmp_path: Path, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "proofs.sqlite"
    with ProofStore.open(path) as store:
        records.save(store, "unsat", proof=records.proof())
    pretend_a_next_revision(tmp_path / "100% migrations", monkeypatch)
    ProofStore.open(path).close()
    ProofStore.open(path).close()
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT version_num FROM ivan_revision").fetchall() == [("9998",)]
    assert connection.execute("SELECT title FROM networks").fetchall() == [("base.onnx",)]
    assert connection.execute("SELECT verdict, note, data FROM runs JOIN proofs ON run = id").fetchall() == [
        ("unsat", None, records.proof().data)
    ]
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()


FIRST = (
    "INSERT INTO networks VALUES ('n', 'a', 'base.onnx', 7, 'f', 1.0, NULL)",
    "INSERT INTO properties VALUES ('p', 'robust.vnnlib', 200, 5)",
    "INSERT INTO runs VALUES (1, 'c', 'n', 'p', 'o', '0.1.0', 'unsat', 0.5, '{}', NULL, 2.0)",
    "INSERT INTO proofs VALUES (1, 2, 7, 4, 0, x'00')",
)


def test_a_store_of_the_first_revision_keeps_its_rows_and_knows_no_more_of_them(tmp_path: Path) -> None:
    path = tmp_path / "proofs.sqlite"
    database = Database.open(path)
    with database.writing() as connection:
        settings = config()
        settings.attributes["connection"] = connection
        command.upgrade(settings, "0001")
        for statement in FIRST:
            connection.exec_driver_sql(statement)
    database.close()
    with ProofStore.open(path) as store:
        [named] = store.proofs_of_others("another", network="n")
        assert (named.run.id, named.network.name, named.asked.name) == (1, "base.onnx", "robust.vnnlib")
        assert (named.asked.kin, named.asked.hull, store.query("p")) == (None, None, None)
        assert named.run.imported is None
        assert store.info().revision == SCHEMA_REVISION


def test_a_migration_that_breaks_references_is_not_kept(
    tmp_path: Path, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "proofs.sqlite"
    with ProofStore.open(path) as store:
        run_id = records.save(store, "unsat", proof=records.proof())
    with monkeypatch.context() as patch:
        pretend_a_next_revision(tmp_path / "migrations", patch, end='op.execute("DELETE FROM runs")')
        with pytest.raises(InternalError, match="breaks its references"):
            ProofStore.open(path)
    with ProofStore.open(path) as store:
        assert store.proof(run_id) == records.proof()


def test_an_upgrade_that_fails_leaves_the_store_as_it_was(
    tmp_path: Path, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "proofs.sqlite"
    with ProofStore.open(path) as store:
        run_id = records.save(store, "unsat", proof=records.proof())
    before = definitions(path)
    with monkeypatch.context() as patch:
        pretend_a_next_revision(tmp_path / "migrations", patch, end="raise KeyboardInterrupt")
        with pytest.raises(KeyboardInterrupt):
            ProofStore.open(path)
    assert definitions(path) == before
    with ProofStore.open(path) as store:
        assert store.proof(run_id) == records.proof()


def test_the_store_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path, records: Records) -> None:
    path = tmp_path / "proofs.sqlite"
    with ProofStore.open(path) as store:
        records.save(store, "unsat", proof=records.proof())
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE ivan_revision SET version_num = '9999'")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"newer version of ivan \(schema 9999\)") as caught:
        ProofStore.open(path)
    assert caught.value.hint == "upgrade ivan, or use another store"
    assert path.read_bytes() == before


@pytest.mark.parametrize("change", ["DELETE FROM ivan_revision", "INSERT INTO ivan_revision VALUES ('0000')"])
def test_a_store_without_one_revision_is_damaged(tmp_path: Path, change: str) -> None:
    path = tmp_path / "proofs.sqlite"
    ProofStore.open(path).close()
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(change)
    connection.close()
    with pytest.raises(StoreError, match="schema revisions instead of one"):
        ProofStore.open(path)

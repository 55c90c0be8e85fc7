"""What only a server can get wrong: its own dialect of the schema, and two transactions at the same moment."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, insert
from sqlalchemy.dialects import postgresql
from tests.store.server import Fresh

from ivan.store import ProofStore, queries
from ivan.store.database import Database
from ivan.store.models import SCHEMA_REVISION, metadata, revisions, runs
from ivan.store.schema import MIGRATIONS, prepare

if TYPE_CHECKING:
    from conftest import Records


def migrate(connection: Connection, revision: str) -> None:
    settings = Config()
    settings.set_main_option("script_location", str(MIGRATIONS))
    settings.attributes["connection"] = connection
    command.upgrade(settings, revision)


def test_the_migrations_from_nothing_give_the_schema_of_the_models(server: Fresh) -> None:
    database = Database.open(server())
    with database.writing() as connection:
        migrate(connection, "head")
        context = MigrationContext.configure(connection, opts={"version_table": revisions.name})
        changes = [change for change in compare_metadata(context, metadata) if revisions.name not in str(change)]
        assert changes == []
    prepare(database)  # finds nothing to do
    database.close()


def test_of_several_that_open_an_old_store_one_upgrades_it(server: Fresh) -> None:
    url = server()
    database = Database.open(url)
    with database.writing() as connection:
        migrate(connection, "0001")
    database.close()
    together = threading.Barrier(4)

    def revision() -> str:
        together.wait()
        with ProofStore.open(url) as store:
            return store.info().revision

    with ThreadPoolExecutor(4) as pool:
        found = [future.result() for future in [pool.submit(revision) for _ in range(4)]]
    assert found == [SCHEMA_REVISION] * 4


def test_a_parent_stays_until_its_child_is_saved(server: Fresh, records: Records) -> None:
    url = server()
    with ProofStore.open(url) as store, ThreadPoolExecutor(1) as pool:
        parent = records.save(store, "unsat", network="v1", proof=records.proof())
        with store._database.writing() as connection:
            assert connection.scalar(queries.pinned(parent)) == parent
            deletion = pool.submit(lambda: store.delete([parent]))
            with pytest.raises(TimeoutError):
                deletion.result(timeout=0.2)
            row = {"network": records.network("v1").digest, "property": records.asked().digest, "verdict": "unknown"}
            more = {"options": "o", "version": "1", "seconds": 0.0, "statistics": "{}", "created": 1.0, "checksum": "c"}
            connection.execute(insert(runs).values({**row, **more, "parent": parent}))
        assert deletion.result(timeout=10).runs == 1
        facts = store.info()
    assert (facts.runs, facts.networks) == (1, 1)


def test_a_lock_is_asked_for_in_the_words_of_the_server() -> None:
    """Also where there is no server: SQLite passes these words over, and a server would without them lose runs."""
    assert str(queries.pinned(1).compile(dialect=postgresql.dialect())).endswith("FOR KEY SHARE")

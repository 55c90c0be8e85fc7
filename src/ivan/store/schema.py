"""The schema's revision: a new store is created at the newest one, an old store upgraded, an unknown one refused.

Alembic is imported only for an upgrade. A creation or an upgrade is one transaction, so a killed process leaves a store
as it was, and of several processes that start at the same moment one does the work and the others find it done.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, exc, insert, inspect, select

from ivan.errors import StoreError
from ivan.store.database import Database
from ivan.store.models import SCHEMA_REVISION, metadata, revisions

MIGRATIONS = Path(__file__).parent / "migrations"


def prepare(database: Database) -> None:
    """Brings the schema to the newest revision.

    Raises:
        StoreError: the database belongs to another program or to a newer version, or cannot be written.
    """
    with database.reading() as connection:
        revision = _revision(connection, database)
    # Each looks again in its own transaction: another process may have done the work since.
    if revision is None:
        database.use_write_ahead_log()
        with database.writing() as connection:
            if _revision(connection, database) is None:
                _create(connection, database)
    elif revision != SCHEMA_REVISION:
        with database.rebuilding() as connection:
            revision = _revision(connection, database, lock=True)
            if revision is not None and revision != SCHEMA_REVISION:
                _upgrade(connection, revision, database.location)


def _revision(connection: Connection, database: Database, *, lock: bool = False) -> str | None:
    """The revision that the store is at, or None when there is nothing yet.

    With a lock a server lets one process upgrade; the others wait here, and then see the new revision. SQLite's writers
    take turns anyway.
    """
    tables = set(inspect(connection).get_table_names())
    if revisions.name in tables:
        wanted = select(revisions.c.version_num)
        found = connection.scalars(wanted.with_for_update() if lock else wanted).all()
        if len(found) == 1:
            return str(found[0])
        raise StoreError(
            f"{database.location}: the proof store is damaged: it has {len(found)} schema revisions instead of one",
            hint="delete it to start afresh; every answer can be found again",
        )
    # Several programs may share a server's database, but nobody adds tables to somebody's file unasked.
    if tables if database.is_sqlite else tables & set(metadata.tables):
        raise StoreError(
            f"{database.location}: is a database of another program, not a proof store", hint="give another path or URL"
        )
    return None


def strangers(connection: Connection) -> list[str]:
    """What an SQLite file holds that no store has: triggers, views, tables of other kinds and of other programs.

    Such a file may do something when it is read, so one that comes from elsewhere is not read any further.
    """
    found = connection.exec_driver_sql("SELECT type, name, coalesce(sql, '') FROM sqlite_master").all()
    return [f"{kind} {name}" for kind, name, text in found if not _belongs(str(kind), str(name), str(text))]


def _belongs(kind: str, name: str, text: str) -> bool:
    if kind == "table":
        known = name in metadata.tables or name.startswith("sqlite_")  # SQLite's own
        return known and not text.upper().startswith("CREATE VIRTUAL")
    return kind == "index"


def _create(connection: Connection, database: Database) -> None:
    try:
        with connection.begin_nested():
            metadata.create_all(connection)
            connection.execute(insert(revisions).values(version_num=SCHEMA_REVISION))
    except exc.DBAPIError:
        # On a server another process may have created the tables since we looked, and then all is well.
        if _revision(connection, database) != SCHEMA_REVISION:
            raise


def _upgrade(connection: Connection, revision: str, location: str) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    if revision not in {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}:
        raise StoreError(
            f"{location}: the proof store was written by a newer version of ivan (schema {revision})",
            hint="upgrade ivan, or use another store",
        )
    config.attributes["connection"] = connection
    command.upgrade(config, "head")

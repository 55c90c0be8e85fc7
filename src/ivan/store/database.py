"""Connections and transactions.

SQLite is set up for many processes at once: a write-ahead log, so that readers never wait; `BEGIN IMMEDIATE`, so that
a writer takes its turn at the start instead of failing half-way; a busy timeout for that turn. With
`synchronous=NORMAL` a power cut may lose the last runs, and a killed process loses only its unfinished transaction;
neither breaks the file.

Where the file or its folder cannot be written, the store is opened for reading. A log needs files beside the database
even to read it; where these cannot be made, SQLite may still read a file that it is told nobody changes, and that is
safe only when no log is left over. Should somebody change it all the same, the checksums of the runs tell.

On a PostgreSQL server readers never wait either, and `REPEATABLE READ` shows them one state, as SQLite does.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from math import ceil
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.pool import QueuePool, StaticPool

from ivan.errors import InternalError, StoreError
from ivan.store.location import MEMORY, resolve, shown_location
from ivan.store.trouble import known, translated

BUSY_SECONDS = 5.0
"""how long to wait for one's turn, by default"""

MOST_FAULTS = 20
"""faults of a file that are worth reading"""

WORTH_REWRITING = 0.1
"""share of a file that is free from which on the file is written anew without it"""

SMALL_PAGE = 512
"""bytes of a page of a file of a few rows; SQLite's own choice is 4,096"""

LIBPQ = ("postgresql", "postgresql+psycopg", "postgresql+psycopg2")
"""drivers that connect as PostgreSQL's own programs do"""

EXTRAS = {"psycopg": 'pip install "psycopg[binary]"'}
"""how drivers are installed that are named otherwise, or need more than their name"""


class Database:
    """An open database.

    Attributes:
        engine: SQLAlchemy's, with reading transactions by default.
        location: for messages; without a password.
        file: the SQLite file, or None.
        read_only: nothing can be saved.
    """

    def __init__(
        self,
        engine: Engine,
        location: str,
        *,
        file: Path | None = None,
        read_only: bool = False,
        patience: float = 0.0,
    ) -> None:
        self._patience = patience
        self.engine, self.location, self.file, self.read_only = engine, location, file, read_only
        self.is_sqlite = engine.dialect.name == "sqlite"
        self._writer = engine.execution_options(ivan_write=True)
        self._reader = engine
        if engine.dialect.name == "postgresql":
            self._reader = engine.execution_options(isolation_level="REPEATABLE READ")
        if self.is_sqlite:
            event.listen(engine, "begin", _begin)

    @classmethod
    def open(cls, location: str | Path | None, *, create: bool = True, patience: float | None = None) -> Database:
        """Opens the database, without looking at its schema.

        Args:
            location: a path, an SQLAlchemy URL, or None for the default.
            create: make a missing file, with its folders. They are made for an explicit path too, because a folder that
                is empty before the first run (a fresh CI cache) is the common case; whoever only reads passes False.
            patience: seconds to wait for a file that another process holds, or for a server; None for BUSY_SECONDS.

        Raises:
            StoreError: it cannot be opened, or is missing and not to be created.
        """
        target, shown = resolve(location), shown_location(location)
        patience = BUSY_SECONDS if patience is None else patience
        if isinstance(target, Path):
            return cls._open_file(target, create=create, patience=patience)
        if target == MEMORY:
            return cls(_sqlite_engine(":memory:", patience, pool=StaticPool), shown)
        with translated(shown):
            try:
                connect = _patience(make_url(target), patience)
                return cls(create_engine(target, pool_pre_ping=True, connect_args=connect), shown)
            except ImportError as error:
                raise StoreError(
                    f"{shown}: the database driver {error.name!r} is not installed",
                    hint=EXTRAS.get(error.name or "", f"pip install {error.name}"),
                ) from error

    @classmethod
    def _open_file(cls, path: Path, *, create: bool, patience: float) -> Database:
        try:
            if path.is_dir():
                raise StoreError(
                    f"{path}: is a folder, not a proof store", hint=f"for example {path / 'proofs.sqlite'}"
                )
            exists = path.exists()
            if not exists and not create:
                raise StoreError(f"{path}: no proof store there", hint="`ivan verify` makes one with its first proof")
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"{path}: the proof store cannot be opened: {error.strerror}", hint="choose another place with --store"
            ) from error
        if not exists or (_writable(path) and _writable(path.parent)):
            return cls(_sqlite_engine(_uri(path, "mode=rwc"), patience), str(path), file=path, patience=patience)
        return cls(_read_only_engine(path, patience), str(path), file=path, read_only=True)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state throughout, on SQLite and on PostgreSQL."""
        with translated(self.location), self._reader.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that is kept as a whole, or not at all when an exception leaves the block.

        Raises:
            StoreError: the store is read-only, or anything that the database reports.
        """
        self._refuse_if_read_only()
        with translated(self.location), self._writer.begin() as connection:
            yield connection

    @contextmanager
    def rebuilding(self) -> Iterator[Connection]:
        """A writing transaction in which a migration may rebuild tables.

        SQLite changes a column by copying its table and dropping the old one. With foreign keys on, dropping `runs`
        would delete every proof along with it; they are off here, and compared before the transaction is kept.

        Raises:
            StoreError: the store is read-only, or anything that the database reports.
            InternalError: the migration left a row that refers to nothing.
        """
        self._refuse_if_read_only()
        with translated(self.location), self._writer.connect() as connection:
            if self.is_sqlite:
                connection.detach()  # it ends here, so that no later transaction goes without foreign keys
                connection.connection.cursor().execute("PRAGMA foreign_keys = OFF")  # ignored within a transaction
            with connection.begin():
                yield connection
                if self.is_sqlite and connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
                    raise InternalError(f"{self.location}: a migration of the proof store breaks its references")

    def use_write_ahead_log(self) -> None:
        """Switches an SQLite file to its write-ahead log, for good; no effect elsewhere.

        The switch needs the file for a moment alone, and SQLite does not wait for that by itself.
        """
        if self.file is None:
            return
        deadline = time.monotonic() + self._patience
        while True:
            with translated(self.location), closing(self.engine.raw_connection()) as raw:
                try:
                    # Where the file system has no shared memory SQLite answers with the old mode, which works as well.
                    raw.cursor().execute("PRAGMA journal_mode = WAL")
                    return
                except sqlite3.OperationalError as error:
                    if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                        raise
            time.sleep(0.02)

    def vacuum(self) -> None:
        """Gives the space of deleted rows back to the file system (SQLite only; a server does that by itself)."""
        if self.is_sqlite:
            with translated(self.location), closing(self.engine.raw_connection()) as raw:
                raw.cursor().execute("VACUUM")
                raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def reclaim(self, at_most: int | None = None) -> None:
        """The same where it pays; free pages that stay are filled by the next runs.

        Args:
            at_most: bytes that the file should take, if it can.
        """
        if not self.is_sqlite:
            return
        with self.reading() as connection:
            pages, free = _pages(connection), _pragma(connection, "freelist_count")
            too_large = at_most is not None and pages * _pragma(connection, "page_size") > at_most
        if free and (too_large or free >= WORTH_REWRITING * pages):
            self.vacuum()

    def live(self, connection: Connection) -> tuple[int | None, int]:
        """Bytes of a file's pages that are in use, those of its log included, and of one page; None, 0 for a server."""
        if not self.is_sqlite:
            return None, 0
        page = _pragma(connection, "page_size")
        return (_pages(connection) - _pragma(connection, "freelist_count")) * page, page

    def seal(self, *, small: bool = False) -> None:
        """Ends the write-ahead log of a file: nothing is needed beside it, and it is read from wherever it lies.

        Args:
            small: write it anew in small pages: every table and every index takes a page at least.
        """
        self.engine.dispose()  # the switch needs the file alone
        with translated(self.location), closing(self.engine.raw_connection()) as raw:
            raw.cursor().execute("PRAGMA journal_mode = DELETE")
            if small:
                raw.cursor().execute(f"PRAGMA page_size = {SMALL_PAGE}")  # ignored while there is a log
                raw.cursor().execute("VACUUM")

    def alone(self) -> sqlite3.Connection:
        """To an SQLite file that nobody else uses: a connection that does not look at foreign keys."""
        assert self.file is not None
        return sqlite3.connect(self.file)

    def faults(self) -> list[str]:
        """What SQLite finds wrong with its own file, a line for each, up to some; a server looks after itself."""
        if not self.is_sqlite:
            return []
        with translated(self.location), closing(self.engine.raw_connection()) as raw:
            try:
                lines = raw.cursor().execute(f"PRAGMA integrity_check({MOST_FAULTS})").fetchall()
            except sqlite3.DatabaseError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_CORRUPT:
                    raise
                return [str(error)]
        return [str(line) for (line,) in lines if line != "ok"]

    def size(self) -> int | None:
        """Bytes on disk of the file and its log; None for anything but a file."""
        if self.file is None:
            return None
        parts = (self.file, self.file.with_name(self.file.name + "-wal"))
        return sum(part.stat().st_size for part in parts if part.exists())

    def close(self) -> None:
        """Ends all connections."""
        self.engine.dispose()

    def _refuse_if_read_only(self) -> None:
        if self.read_only:
            raise known("SQLITE_READONLY", self.location)


def _uri(path: Path, mode: str) -> str:
    return f"file:{quote(path.as_posix())}?{mode}"


def _writable(path: Path) -> bool:
    # `os.access` and no trial opening: closing any handle of a file drops the locks that SQLite holds on it.
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def _sqlite_engine(uri: str, patience: float, *, pool: type[QueuePool | StaticPool] = QueuePool) -> Engine:
    def connect() -> sqlite3.Connection:
        # No implicit transactions (`isolation_level=None`): the "begin" event says which kind each one is.
        connection = sqlite3.connect(uri, uri=True, timeout=patience, isolation_level=None, check_same_thread=False)
        # Damaged text is still text: one broken row is passed over, where an exception would end the whole query.
        connection.text_factory = lambda text: text.decode(errors="replace")
        try:
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA synchronous = NORMAL")
        except BaseException:
            connection.close()
            raise
        return connection

    return create_engine("sqlite://", creator=connect, poolclass=pool)


def _begin(connection: Connection) -> None:
    write = connection.get_execution_options().get("ivan_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _read_only_engine(path: Path, patience: float) -> Engine:
    uri = _uri(path, "mode=ro")
    with translated(str(path)):
        try:
            with closing(sqlite3.connect(uri, uri=True, timeout=patience)) as trial:
                trial.execute("SELECT count(*) FROM sqlite_master")
        except sqlite3.OperationalError as error:
            log = path.with_name(path.name + "-wal")
            no_log_possible = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
            if not no_log_possible or not os.access(path, os.R_OK) or (log.exists() and log.stat().st_size):
                raise
            uri = _uri(path, "mode=ro&immutable=1")
    return _sqlite_engine(uri, patience)


def _pages(connection: Connection) -> int:
    return _pragma(connection, "page_count")


def _pragma(connection: Connection, name: str) -> int:
    return int(connection.exec_driver_sql(f"PRAGMA {name}").scalar() or 0)


def _patience(url: URL, seconds: float) -> dict[str, int]:
    """What makes a driver give up a server that does not answer; by itself it waits for minutes."""
    if url.drivername not in LIBPQ or "connect_timeout" in url.query:
        return {}
    return {"connect_timeout": max(2, ceil(seconds))}  # 0 means forever, 1 is taken for 2

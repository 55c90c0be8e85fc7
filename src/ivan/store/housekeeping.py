"""The store as a whole: how much it holds, what is damaged, what can go, and what goes to another store."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column, Connection, Table, delete, exc, func, select

from ivan.errors import StoreError
from ivan.store import copying, examination, queries, rows
from ivan.store.copying import Vouch
from ivan.store.examination import Key
from ivan.store.models import SCHEMA_REVISION, networks, proofs, properties, runs, witnesses
from ivan.store.reading import Reader
from ivan.store.records import Copied, Deleted, Examined, Held, Holdings, StoreInfo
from ivan.store.rows import Damaged
from ivan.store.salvage import salvage
from ivan.store.schema import strangers
from ivan.store.trouble import translated

AT_ONCE = 500
"""runs that one statement deletes: databases limit the values of a statement"""


class Housekeeping(Reader):
    """What is done with a store as a whole."""

    def info(self) -> StoreInfo:
        """Counts, size and age of what is stored."""
        with self._database.reading() as connection:
            trees = queries.count(connection, proofs)
            open_trees = int(connection.scalar(select(func.count()).select_from(proofs).where(proofs.c.open)) or 0)
            oldest, newest = connection.execute(select(func.min(runs.c.created), func.max(runs.c.created))).one()
            size = self._database.size()
            return StoreInfo(
                location=self.location,
                revision=SCHEMA_REVISION,
                read_only=self._database.read_only,
                networks=queries.count(connection, networks),
                properties=queries.count(connection, properties),
                runs=queries.count(connection, runs),
                proofs=trees - open_trees,
                open_trees=open_trees,
                witnesses=queries.count(connection, witnesses),
                bytes=queries.payload(connection) if size is None else size,
                oldest=_moment(oldest),
                newest=_moment(newest),
            )

    # What is damaged

    def faults(self) -> list[str]:
        """What the database finds wrong with its own file, a line each; nothing is known of a server's."""
        return self._database.faults()

    def strangers(self) -> list[str]:
        """What the file holds that no proof store has, and that may do something when it is read."""
        if not self._database.is_sqlite:
            return []
        with self._database.reading() as connection:
            return strangers(connection)

    def examine(self) -> Iterator[Examined]:
        """Every row looked at: the runs, the oldest first, the networks, the properties.

        Each in a transaction of its own: nobody waits while the store is examined. In a damaged file a row that cannot
        be read does not hide those behind it.
        """
        for key in self._keys():
            try:
                with self._database.reading() as connection:
                    found = examination.look(connection, key)
            except StoreError as error:
                if not self.faults():
                    raise
                found = Examined(kind=key[0], key=key[1], problem=error.message)
            if found is not None:
                yield found

    def _keys(self) -> list[Key]:
        """Every run, the oldest first, every network and every property; of a damaged file as many as can be read."""
        found: list[Key] = []
        for kind, column in examination.COLUMNS:
            try:
                with self._database.reading() as connection:
                    for value in connection.scalars(select(column)):
                        found.append((kind, value))  # noqa: PERF401 - what came before a fault counts
            except StoreError:
                if not self.faults():
                    raise
        return examination.ordered(found)

    def intact(self, run_id: int) -> bool:
        """Is there a run of that number whose checksum holds?"""
        with self._database.reading() as connection:
            return copying.intact(connection, run_id)

    def remove(self, damaged: Collection[Key]) -> None:
        """Deletes damaged runs; of networks the weights, of properties the query, and what no run refers to altogether.

        Args:
            damaged: kind and key of each, as `examine` has them.
        """
        with self._database.writing() as connection:
            examination.remove(connection, damaged)

    # What can go

    def holdings(self) -> Holdings:
        """Everything that takes space, without a proof being read."""
        found: list[Held] = []
        damaged = 0
        with self._database.reading() as connection:
            for row in connection.execute(queries.held_runs()):
                try:
                    found.append(rows.held(row))
                except Damaged:
                    damaged += 1
            seen = connection.execute(select(networks.c.digest, networks.c.first_seen)).all()
            live, margin = self._database.live(connection)
            return Holdings(
                runs=tuple(sorted(found, key=lambda run: (run.created, run.id))),
                damaged=damaged,
                first_seen={str(digest): moment for digest, moment in seen if isinstance(moment, int | float)},
                sizes=_sizes(connection),
                bytes=queries.payload(connection) if live is None else live,
                margin=margin,
            )

    def delete(self, run_ids: Collection[int]) -> Deleted:
        """Deletes runs, and the networks and properties that no run refers to any more; `reclaim` frees their space.

        Runs that grew from them stay and stand by themselves.
        """
        numbers, gone = sorted(run_ids), 0
        with self._database.writing() as connection:
            for start in range(0, len(numbers), AT_ONCE):
                some = numbers[start : start + AT_ONCE]
                for column in (proofs.c.run, witnesses.c.run):
                    connection.execute(delete(column.table).where(column.in_(some)))
                gone += connection.execute(delete(runs).where(runs.c.id.in_(some))).rowcount
            return Deleted(
                runs=gone,
                networks=_sweep(connection, networks, runs.c.network),
                properties=_sweep(connection, properties, runs.c.property),
            )

    def clear(self) -> int:
        """Deletes everything and gives the space back.

        Returns:
            The number of runs deleted.
        """
        with self._database.writing() as connection:
            number = queries.count(connection, runs)
            for table in (witnesses, proofs, runs):
                connection.execute(delete(table))
            _sweep(connection, networks, runs.c.network)
            _sweep(connection, properties, runs.c.property)
        self._give_back(self._database.vacuum)
        return number

    def reclaim(self, at_most: int | None = None) -> None:
        """Gives the space of what was deleted back to the file system, where there is enough of it.

        Args:
            at_most: bytes that a file should take, if it can.
        """
        self._give_back(lambda: self._database.reclaim(at_most))

    def _give_back(self, action: Callable[[], None]) -> None:
        try:
            action()
        except StoreError as error:
            # The rows are gone all the same; the file shrinks when nobody is reading it.
            self._warn(f"{error.message}; the runs are deleted, but their space is not given back yet")

    # What goes to another store

    def copy_to(
        self,
        target: Housekeeping,
        vouch: Vouch,
        *,
        only: Collection[int] | None = None,
        strict: bool = False,
        imported: datetime | None = None,
        weights: bool = True,
    ) -> Copied:
        """Adds runs to another store, with all that they refer to; those that it has already are passed over.

        All of them are looked at before the first is added, and they are added in one transaction.

        Args:
            target: the other store.
            vouch: says what is wrong with what a row holds.
            only: numbers of the runs, where not all are wanted.
            strict: add nothing where anything is wrong; otherwise what is sound is added.
            imported: the moment to note with every run that is added, for those that come from elsewhere.
            weights: take the weights of the networks along.

        Raises:
            StoreError: this store cannot be read, or the other not be written.
        """
        with self._database.reading() as source:
            sound, left_out = copying.inspect(source, vouch, only)
            if strict and left_out:
                return Copied(runs=0, known=0, networks=0, properties=0, left_out=tuple(left_out))
            with target._database.writing() as connection:
                try:
                    done = copying.copy(source, connection, sound, imported, weights=weights)
                except Damaged as damage:
                    raise StoreError(f"{self.location}: changed while it was read", hint="try again") from damage
        return replace(done, left_out=tuple(left_out))

    def salvage_to(self, target: Housekeeping) -> list[Examined]:
        """Copies every row of a damaged file that can still be read, whether it is to be believed or not.

        Args:
            target: an empty store in a file, which nobody else uses; its rows may refer to what was lost.

        Returns:
            The rows that cannot be read in full, as far as anything tells of them.

        Raises:
            StoreError: this file cannot be read at all, or the other not be written.
        """
        with closing(self._database.engine.raw_connection()) as raw, closing(target._database.alone()) as copy:
            source = raw.driver_connection
            assert source is not None
            with translated(self.location):
                source.execute("BEGIN")  # one state throughout
                source.execute("SELECT count(*) FROM sqlite_master")
            with translated(target.location), copy:
                return salvage(source, copy)

    def seal(self, *, small: bool = False) -> None:
        """Makes the store's file complete by itself, to be given away; only with nobody else using it.

        Args:
            small: for a file of a few rows: write it anew in small pages.
        """
        self._database.seal(small=small)


def _moment(value: Any) -> datetime | None:
    """None where there is none, and where it is damaged."""
    try:
        return None if value is None else datetime.fromtimestamp(value, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def _sizes(connection: Connection) -> dict[str, int]:
    """Bytes of the weights of every network and of the queries of every property, by digest."""
    columns = {networks: (networks.c.weights,), properties: (properties.c.query, properties.c.hull)}
    found: dict[str, int] = {}
    for table, parts in columns.items():
        lengths = (func.coalesce(func.length(part), 0) for part in parts)
        found |= {str(row[0]): sum(map(int, row[1:])) for row in connection.execute(select(table.c.digest, *lengths))}
    return found


def _sweep(connection: Connection, table: Table, column: Column[str]) -> int:
    """Deletes what no run refers to; the number of rows."""
    try:
        with connection.begin_nested():
            return int(connection.execute(queries.without_runs(table, column)).rowcount)
    except exc.IntegrityError:
        return 0  # on a server somebody saves a run about one of them just now; the next deletion sweeps again

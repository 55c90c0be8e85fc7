"""Out of a damaged SQLite file every row that can still be read, into a file whose pages are sound.

A query of the store meets several tables and indices, and ends at the first broken page. Here every table is read by
itself, row by row, so that a broken page costs the rows on it and no others:

    numbers of rows    from the front, from the back, from every index, from the tables that share the numbers;
                       between the fronts, where a page is broken in the middle, by trying
    a row              by its number, without any index; else without what the store can do without

A row that can be read is not yet one to be believed: whoever gets the copy examines it as ever.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from sqlalchemy import Table

from ivan.store.examination import OPTIONAL, REFERENCES, Key
from ivan.store.models import networks, proofs, properties, runs, witnesses
from ivan.store.records import Examined

MOST_TRIED = 100_000
"""Numbers of rows that are tried between those that are known: a damaged number may be any."""

_KINDS = {networks: "network", properties: "property", runs: "run", proofs: "run", witnesses: "run"}


def salvage(source: sqlite3.Connection, target: sqlite3.Connection) -> list[Examined]:
    """Copies what can be read.

    Args:
        source: to the damaged file, in a transaction.
        target: to an empty store, which does not look at foreign keys.

    Returns:
        The rows that could not be read in full, as far as anything tells that they were there.
    """
    lost: dict[Key, str] = {}
    shared: set[int] = set()
    for table in (witnesses, proofs, runs):
        shared |= _copy(source, target, table, lost, shared if table is runs else ())
    # a run needs no other, so one whose parent was lost begins a lineage of its own
    target.execute("UPDATE runs SET parent = NULL WHERE parent NOT IN (SELECT id FROM runs)")
    for kind, table in REFERENCES.items():
        _copy(source, target, table, lost, ())
        unread = f"SELECT DISTINCT {kind} FROM runs WHERE {kind} NOT IN (SELECT digest FROM {table.name})"
        for (digest,) in target.execute(unread):
            lost.setdefault((kind, digest), "it cannot be read")
    return [Examined(kind=kind, key=which, problem=problem) for (kind, which), problem in lost.items()]


def _copy(
    source: sqlite3.Connection, target: sqlite3.Connection, table: Table, lost: dict[Key, str], others: Iterable[int]
) -> set[int]:
    """Copies one table; the numbers of all rows that it is known to have.

    Args:
        source: the damaged file.
        target: the copy.
        table: of both.
        lost: gets what cannot be read in full, and why.
        others: numbers that its rows may have, and that other tables tell of.
    """
    kind = _KINDS[table]
    ahead, end = _scan(source, f"SELECT rowid FROM {table.name} NOT INDEXED ORDER BY rowid")
    behind: list[Any] = []
    if not end:
        behind, _ = _scan(source, f"SELECT rowid FROM {table.name} NOT INDEXED ORDER BY rowid DESC")
    names: dict[int, Any] = {}
    known = {number for (number,) in (*ahead, *behind)}
    for index, primary in _indices(source, table):
        found, _ = _scan(
            source, f'SELECT rowid, {"digest" if primary else "NULL"} FROM {table.name} INDEXED BY "{index}"'
        )
        known |= {number for number, _ in found}
        names |= dict(found) if primary else {}
    tried: set[int] = set()
    if not end:
        first = ahead[-1][0] + 1 if ahead else 1
        last = behind[-1][0] if behind else max([*known, *others], default=0)
        tried = set(range(first, min(last, first + MOST_TRIED)))
    for number in sorted(known | set(others) | tried):
        row, problem = _read(source, table, kind, number)
        if row is not None:
            marks = ", ".join("?" * len(row))
            # a broken tree may lead to a row twice, and to one that breaks the table's rules
            target.execute(f"INSERT OR IGNORE INTO {table.name} VALUES ({marks})", row)
        if problem is not None and (number in known or number in others or row is not None):
            digest = names.get(number) if row is None else row[0]
            key = number if kind == "run" else digest
            if isinstance(key, int | str | bytes):
                lost.setdefault((kind, key), problem)
    return known


def _read(source: sqlite3.Connection, table: Table, kind: str, number: int) -> tuple[Any | None, str | None]:
    """A row, and what is wrong with it; None where there is none, or none that can be read."""
    optional = OPTIONAL.get(kind, ())
    why = None
    for left_out in ((), optional) if optional else ((),):
        columns = ", ".join("NULL" if c.name in left_out else f'"{c.name}"' for c in table.columns)
        try:
            row = source.execute(
                f"SELECT {columns} FROM {table.name} NOT INDEXED WHERE rowid = ?", (number,)
            ).fetchone()
        except sqlite3.DatabaseError as error:
            why = str(error)
            continue
        what = f"its {' and '.join(left_out)} cannot be read, and nothing else is wrong with it"
        return row, None if why is None else f"{what}: {why}"
    return None, f"it cannot be read: {why}"


def _indices(source: sqlite3.Connection, table: Table) -> list[tuple[str, bool]]:
    """The indices of a table, and which of them is that of its digests."""
    with suppress(sqlite3.DatabaseError):
        return [(row[1], row[3] == "pk") for row in source.execute(f"PRAGMA index_list({table.name})")]
    return []


def _scan(source: sqlite3.Connection, query: str) -> tuple[list[Any], bool]:
    """The rows of a query until a page is broken, and whether that was the end of them."""
    found: list[Any] = []
    try:
        for row in source.execute(query):
            found.append(row)  # noqa: PERF402 - what came before a fault counts
    except sqlite3.DatabaseError:
        return found, False
    return found, True

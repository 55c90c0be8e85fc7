"""Every row, looked at: can it be read, is there what it refers to, does its checksum hold?

What a verdict rests on is covered by the checksum of its run. Of everything else - names, times, weights - only what
cannot have been written like that is found. Repairing deletes and invents nothing: runs that are damaged go, and what
no run needs any more.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column, Connection, Table, delete, select, update

from ivan.store import queries, rows
from ivan.store.models import networks, proofs, properties, runs, witnesses
from ivan.store.reading import load
from ivan.store.records import Examined, ProofRecord, StoredRun
from ivan.store.rows import Damaged
from ivan.verdict import Verdict

Key = tuple[str, int | str | bytes]
"""What kind of row, and which."""

REFERENCES: dict[str, Table] = {"network": networks, "property": properties}
"""What runs refer to, by kind."""

OPTIONAL = {"network": ("weights",), "property": ("kin", "hull", "query")}
"""What of them the store can do without."""

_DIGEST = re.compile("[0-9a-f]{64}")


COLUMNS: tuple[tuple[str, Column[Any]], ...] = (
    ("run", runs.c.id),
    ("run", proofs.c.run),
    ("run", witnesses.c.run),
    *((kind, table.c.digest) for kind, table in REFERENCES.items()),
)
"""Where keys stand: those of every run - also one of which nothing but a proof or a witness is left - and the rest."""


def keys(connection: Connection) -> list[Key]:
    """Everything there is, in order."""
    return ordered([(kind, value) for kind, column in COLUMNS for value in connection.scalars(select(column))])


def ordered(found: Collection[Key]) -> list[Key]:
    """The runs, each once, the oldest first; then the networks and the properties."""
    numbers = sorted({int(key) for kind, key in found if kind == "run"})
    return [*(("run", number) for number in numbers), *(key for key in found if key[0] != "run")]


def look(connection: Connection, key: Key) -> Examined | None:
    """One row; None when it is gone."""
    kind, which = key
    if kind == "run":
        return _run(connection, int(which))
    return _network(connection, which) if kind == "network" else _property(connection, which)


def _run(connection: Connection, number: int) -> Examined | None:
    row = connection.execute(queries.named_runs(None).where(runs.c.id == number)).one_or_none()
    if row is None:
        left = [t for t in (proofs, witnesses) if connection.scalar(select(t.c.run).where(t.c.run == number))]
        return Examined(kind="run", key=number, problem="a part of it is there and the run is not") if left else None
    names = {"network_name": row.network_name, "property_name": row.property_name}
    names = {name: value for name, value in names.items() if isinstance(value, str)}
    try:
        run = rows.run_summary(row).run
        proof, witness = load(connection, run)
        _consistent(connection, run, proof)
    except Damaged as damage:
        return Examined(kind="run", key=number, problem=str(damage), **names)
    return Examined(kind="run", key=number, run=run, proof=proof, witness=witness, **names)


def _consistent(connection: Connection, run: StoredRun, proof: ProofRecord | None) -> None:
    """Laws of a row that its checksum does not cover."""
    if not 0.0 <= run.seconds < float("inf"):
        raise Damaged("it took no such time")
    if not _DIGEST.fullmatch(run.options):
        raise Damaged("its options have no digest")
    if run.verdict == Verdict.UNSAT.value and proof is not None and proof.open:
        raise Damaged("an open tree does not prove `unsat`")
    if run.parent is not None:
        if run.parent >= run.id:
            raise Damaged("it grew from a later run")
        if connection.scalar(select(runs.c.id).where(runs.c.id == run.parent)) is None:
            raise Damaged("the run that it grew from is not in the store")


def _network(connection: Connection, digest: int | str | bytes) -> Examined | None:
    row = connection.execute(select(networks).where(networks.c.digest == digest)).one_or_none()
    if row is None:
        return None
    name = row.name if isinstance(row.name, str) else ""
    try:
        network = rows.network_record(row)
        _named(network.digest, network.architecture, network.file_digest)
        try:
            datetime.fromtimestamp(row.first_seen, UTC)
        except (TypeError, ValueError, OverflowError, OSError) as error:
            raise Damaged(f"a column cannot be read: {error}") from error
        if row.weights is not None:
            network = replace(network, weights=rows.unpack_weights(row.weights))
    except Damaged as damage:
        return Examined(kind="network", key=digest, problem=str(damage), network_name=name)
    return Examined(kind="network", key=digest, network=network, network_name=name)


def _property(connection: Connection, digest: int | str | bytes) -> Examined | None:
    row = connection.execute(select(properties).where(properties.c.digest == digest)).one_or_none()
    if row is None:
        return None
    name = row.name if isinstance(row.name, str) else ""
    try:
        asked = replace(rows.property_record(row), query=rows.query_bytes(row))
        _named(asked.digest)
        if asked.size < 0 or asked.inputs < 0:
            raise Damaged("it counts less than nothing")
    except Damaged as damage:
        return Examined(kind="property", key=digest, problem=str(damage), property_name=name)
    return Examined(kind="property", key=digest, asked=asked, property_name=name)


def _named(*digests: str) -> None:
    if not all(_DIGEST.fullmatch(digest) for digest in digests):
        raise Damaged("a digest is none")


def remove(connection: Connection, damaged: Collection[Key]) -> None:
    """Deletes damaged runs; of networks the weights, of properties the query, and what no run refers to altogether.

    What is left of a network or a property is written anew when it is verified the next time.
    """
    for kind, which in damaged:
        if kind == "run":
            for column in (proofs.c.run, witnesses.c.run, runs.c.id):
                connection.execute(delete(column.table).where(column == which))
    for kind, which in damaged:
        if kind in REFERENCES:
            table, column = REFERENCES[kind], runs.c[kind]
            values = dict.fromkeys(OPTIONAL[kind])
            connection.execute(update(table).where(table.c.digest == which).values(values))
            unused = ~select(runs.c.id).where(column == table.c.digest).exists()
            connection.execute(delete(table).where(table.c.digest == which, unused))

"""Runs from one store to another, with the networks and properties that they refer to.

Two passes over one state of the source. In the first every row is looked at (examination.py) and vouched for by
whoever knows what is in it; in the second what is sound is added to the target. A run that the target has already - the
same checksum, and it holds - is passed over; the others get new numbers, in their old order, so parents still come
before what grew from them. A parent that was not taken along is forgotten.

Of a network or a property that both stores have, the target keeps what it knows and learns what it lacks.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime

from sqlalchemy import Connection, insert, select

from ivan.store import examination, queries, rows
from ivan.store.examination import Key
from ivan.store.models import networks, proofs, properties, runs, witnesses
from ivan.store.reading import load
from ivan.store.records import Copied, Examined, StoredRun
from ivan.store.rows import Damaged

Vouch = Callable[[Examined], str | None]
"""Says what is wrong with what a row holds, whose values can be read and whose checksum holds."""


def inspect(connection: Connection, vouch: Vouch, only: Collection[int] | None) -> tuple[list[int], list[Examined]]:
    """Looks at everything that is to be copied.

    Args:
        connection: to the source, in a transaction that sees one state.
        vouch: asked about every row in which nothing is wrong so far.
        only: numbers of the runs, where not all are wanted.

    Returns:
        The runs that are sound and about sound rows, and all rows that are not, without what they hold.
    """
    found: dict[int, StoredRun] = {}
    unsound: dict[Key, Examined] = {}
    for key in _keys(connection, only):
        row = examination.look(connection, key)
        if row is None:
            continue
        problem = row.problem or vouch(row)
        if problem is not None:
            unsound[key] = Examined(
                kind=row.kind,
                key=row.key,
                problem=problem,
                network_name=row.network_name,
                property_name=row.property_name,
            )
        elif row.run is not None:
            found[row.run.id] = row.run
    sound = [
        number
        for number, run in sorted(found.items())
        if ("network", run.network) not in unsound and ("property", run.property) not in unsound
    ]
    return sound, list(unsound.values())


def _keys(connection: Connection, only: Collection[int] | None) -> list[Key]:
    keys = examination.keys(connection)
    if only is None:
        return keys
    wanted: dict[str, set[int | str | bytes]] = {"run": set(only)}
    for kind in examination.REFERENCES:
        wanted[kind] = set(connection.scalars(select(runs.c[kind]).where(runs.c.id.in_(only))))
    return [(kind, which) for kind, which in keys if which in wanted[kind]]


def copy(
    source: Connection,
    target: Connection,
    numbers: Collection[int],
    imported: datetime | None,
    *,
    weights: bool = True,
) -> Copied:
    """Adds runs to the target.

    Args:
        source: in the transaction in which the runs were looked at.
        target: in a writing transaction.
        numbers: of the runs.
        imported: the moment to note with every run that is added; by default what the source has noted.
        weights: take the weights of the networks along.

    Raises:
        Damaged: a run is not what it was when it was looked at.
    """
    there = {checksum: number for number, checksum in target.execute(queries.checksums())}
    seen: set[str] = set()
    added = dict.fromkeys((networks, properties), 0)
    moved: dict[int, int] = {}
    known = 0
    for number in sorted(numbers):
        row = source.execute(queries.one_run(number)).one()
        run = rows.stored_run(row)
        proof, witness = load(source, run)
        twin = there.get(run.checksum)
        if twin is not None and target.scalar(queries.pinned(twin)) is not None and intact(target, twin):
            moved[number] = twin
            known += 1
            continue
        for table, digest in ((networks, run.network), (properties, run.property)):
            if digest not in seen:
                seen.add(digest)
                whole = dict(source.execute(select(table).where(table.c.digest == digest)).mappings().one())
                if table is networks and not weights:
                    whole["weights"] = None
                added[table] += queries.add_missing(target, table, whole)
        values = {
            **rows.run_row(run),
            "checksum": run.checksum,
            "created": row.created,
            "parent": None if run.parent is None else moved.get(run.parent),
            "imported": row.imported if imported is None else imported.timestamp(),
        }
        moved[number] = int(target.execute(insert(runs).returning(runs.c.id).values(values)).scalar_one())
        if proof is not None:
            target.execute(insert(proofs).values({**rows.proof_row(proof), "run": moved[number]}))
        if witness is not None:
            target.execute(insert(witnesses).values({**rows.witness_row(witness), "run": moved[number]}))
    return Copied(runs=len(moved) - known, known=known, networks=added[networks], properties=added[properties])


def intact(connection: Connection, number: int) -> bool:
    """Is there a run of that number whose checksum holds?"""
    row = connection.execute(queries.one_run(number)).one_or_none()
    if row is None:
        return False
    try:
        load(connection, rows.stored_run(row))
    except Damaged:
        return False
    return True

"""The statements of the store, and the one way to write a row that may be there already."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Column, Connection, Delete, Select, Table, and_, delete, exc, func, insert, select, update

from ivan.store.models import networks, proofs, properties, runs, witnesses
from ivan.verdict import Verdict

NETWORK_COLUMNS = tuple(column for column in networks.c if column.name not in ("weights", "first_seen"))
PROPERTY_COLUMNS = tuple(column for column in properties.c if column.name != "query")


def all_runs() -> Select[Any]:
    """Everything of `StoredRun`, so without the bytes of proof and witness; the newest first."""
    return (
        select(
            *runs.c,
            proofs.c.format,
            proofs.c.leaves,
            proofs.c.depth,
            proofs.c.open,
            witnesses.c.run.is_not(None).label("has_witness"),
        )
        .select_from(runs)
        .outerjoin(proofs, proofs.c.run == runs.c.id)
        .outerjoin(witnesses, witnesses.c.run == runs.c.id)
        .order_by(runs.c.id.desc())
    )


def one_run(run_id: int) -> Select[Any]:
    """The run of that number."""
    return all_runs().where(runs.c.id == run_id)


def runs_of(network_digest: str, property_digest: str) -> Select[Any]:
    """The runs that asked one question about one network."""
    return all_runs().where(runs.c.network == network_digest, runs.c.property == property_digest)


def proofs_of(property_digest: str, exclude_network: str | None, *, finished: bool, limit: int) -> Select[Any]:
    """For each network the newest run that proved the property, or that was interrupted on the way."""
    newest = _newest_proofs(finished=finished).where(runs.c.property == property_digest)
    if exclude_network is not None:
        newest = newest.where(runs.c.network != exclude_network)
    return all_runs().where(runs.c.id.in_(newest)).limit(limit)


def finished_proofs_of_others(
    property_digest: str, network_digest: str | None, exclude_network: str | None, kin: str | None, limit: int
) -> Select[Any]:
    """For each other property and each network the newest run that proved it."""
    newest = _newest_proofs(finished=True).where(runs.c.property != property_digest)
    if network_digest is not None:
        newest = newest.where(runs.c.network == network_digest)
    if exclude_network is not None:
        newest = newest.where(runs.c.network != exclude_network)
    if kin is not None:
        newest = newest.join(properties, properties.c.digest == runs.c.property).where(properties.c.kin == kin)
    return all_runs().where(runs.c.id.in_(newest)).limit(limit)


def _newest_proofs(*, finished: bool) -> Select[Any]:
    """For each network and property the newest run with a finished proof, or with an open tree."""
    proved = and_(runs.c.verdict == Verdict.UNSAT.value, ~proofs.c.open)
    return (
        select(func.max(runs.c.id))
        .join(proofs, proofs.c.run == runs.c.id)
        .where(proved if finished else proofs.c.open)
        .group_by(runs.c.network, runs.c.property)
    )


def distinct_witnesses(property_digest: str, limit: int) -> Select[Any]:
    """For each input that violated the property the newest run that found it."""
    return all_runs().where(runs.c.id.in_(_newest_witnesses().where(runs.c.property == property_digest))).limit(limit)


def distinct_witnesses_of_others(property_digest: str, network_digest: str, limit: int) -> Select[Any]:
    """For each input of a network that violated another property the newest run that found it."""
    newest = _newest_witnesses().where(runs.c.property != property_digest, runs.c.network == network_digest)
    return all_runs().where(runs.c.id.in_(newest)).limit(limit)


def _newest_witnesses() -> Select[Any]:
    """For each input that violated anything the newest run that found it."""
    return select(func.max(witnesses.c.run)).join(runs, runs.c.id == witnesses.c.run).group_by(witnesses.c.inputs)


def named_runs(limit: int | None) -> Select[Any]:
    """The runs with the names of what they are about, where these are there, and the length of their proofs."""
    return (
        all_runs()
        .add_columns(
            networks.c.name.label("network_name"),
            properties.c.name.label("property_name"),
            func.coalesce(func.length(proofs.c.data), 0).label("proof_bytes"),
        )
        .outerjoin(networks, networks.c.digest == runs.c.network)
        .outerjoin(properties, properties.c.digest == runs.c.property)
        .limit(limit)
    )


def named_run(run_id: int) -> Select[Any]:
    """The same of one run."""
    return named_runs(None).where(runs.c.id == run_id)


def asked_alike(run_id: int) -> Select[Any]:
    """The runs that asked what this one asked, of any network."""
    asked = select(runs.c.property).where(runs.c.id == run_id).scalar_subquery()
    return named_runs(None).where(runs.c.property == asked)


def networks_like(prefix: str) -> Select[Any]:
    """The networks whose digest begins like this, the newest first."""
    return (
        select(*NETWORK_COLUMNS)
        .where(networks.c.digest.startswith(prefix.lower(), autoescape=True))
        .order_by(networks.c.first_seen.desc(), networks.c.digest)
    )


def held_runs() -> Select[Any]:
    """What pruning has to know of the runs, in no order; no proof is read for it."""
    sizes = [
        func.coalesce(func.length(column), 0) for column in (proofs.c.data, witnesses.c.inputs, witnesses.c.outputs)
    ]
    return (
        select(
            runs.c.id,
            runs.c.network,
            runs.c.property,
            runs.c.parent,
            runs.c.created,
            runs.c.verdict,
            proofs.c.open,
            witnesses.c.run.is_not(None).label("has_witness"),
            (sizes[0] + sizes[1] + sizes[2]).label("bytes"),
        )
        .select_from(runs)
        .outerjoin(proofs, proofs.c.run == runs.c.id)
        .outerjoin(witnesses, witnesses.c.run == runs.c.id)
    )


def checksums() -> Select[Any]:
    """Numbers and checksums of all runs, the oldest first."""
    return select(runs.c.id, runs.c.checksum).order_by(runs.c.id)


def pinned(run_id: int | None) -> Select[Any]:
    """The number of a run if it is there, where nobody deletes it until the transaction ends."""
    return select(runs.c.id).where(runs.c.id == run_id).with_for_update(read=True, key_share=True)


def without_runs(table: Table, column: Column[Any]) -> Delete:
    """Deletes the networks, or the properties, that no run refers to.

    Args:
        table: with the primary key `digest`.
        column: of `runs`, which refers to it.
    """
    return delete(table).where(~select(runs.c.id).where(column == table.c.digest).exists())


def count(connection: Connection, table: Table) -> int:
    """Number of rows."""
    return int(connection.scalar(select(func.count()).select_from(table)) or 0)


def payload(connection: Connection) -> int:
    """Bytes of all proofs, witnesses, weights and queries together."""
    blobs = (
        proofs.c.data,
        witnesses.c.inputs,
        witnesses.c.outputs,
        networks.c.weights,
        properties.c.hull,
        properties.c.query,
    )
    return sum(int(connection.scalar(select(func.sum(func.length(blob)))) or 0) for blob in blobs)


def upsert(connection: Connection, table: Table, row: Mapping[str, object], *, once: Mapping[str, object]) -> None:
    """Updates the row of that digest, or adds it.

    Args:
        connection: in a writing transaction.
        table: with the primary key `digest`.
        row: the columns to set; those that are None are left as they are.
        once: columns that only a new row gets.
    """
    known = {name: value for name, value in row.items() if value is not None}
    change = update(table).where(table.c.digest == row["digest"]).values(known)
    if connection.execute(change).rowcount:
        return
    try:
        with connection.begin_nested():
            connection.execute(insert(table).values({**known, **once}))
    except exc.IntegrityError:
        # On a server another process may have added it since; SQLite's writers take turns.
        connection.execute(change)


def add_missing(connection: Connection, table: Table, row: Mapping[str, object]) -> bool:
    """Adds the row of that digest, or to the one that is there what it lacks.

    Args:
        connection: in a writing transaction.
        table: with the primary key `digest`.
        row: all columns.

    Returns:
        True when it was not there.
    """
    here = table.c.digest == row["digest"]
    if connection.scalar(select(table.c.digest).where(here).with_for_update(read=True, key_share=True)) is None:
        try:
            with connection.begin_nested():
                connection.execute(insert(table).values(row))
            return True
        except exc.IntegrityError:
            pass  # another process has added it since (on a server)
    for column in table.c:
        if column.nullable and row[column.name] is not None:
            lacking = update(table).where(here, column.is_(None))
            connection.execute(lacking.values({column.name: row[column.name]}))
    return False

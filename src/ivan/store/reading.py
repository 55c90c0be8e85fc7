"""Rows to records: what can be read is handed on, what is damaged is reported and passed over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, Select, select

from ivan.store import rows
from ivan.store.database import Database
from ivan.store.models import proofs, witnesses
from ivan.store.records import ProofRecord, StoredRun, WitnessRecord
from ivan.store.rows import Damaged

Evidence = tuple[ProofRecord | None, WitnessRecord | None]
Record = TypeVar("Record")


class Reader:
    """An open database, read with suspicion.

    Args:
        database: the open database.
        warn: receives one line for each damaged row.
    """

    def __init__(self, database: Database, warn: Callable[[str], None]) -> None:
        self._database, self._warn = database, warn

    @property
    def location(self) -> str:
        """A path, or a URL without its password."""
        return self._database.location

    def _records(
        self, connection: Connection, chosen: Select[Any], reader: Callable[[Row[Any]], Record]
    ) -> list[Record]:
        """Reads the rows that can be read, and reports the others."""
        records = []
        for row in connection.execute(chosen):
            try:
                records.append(reader(row))
            except Damaged as damage:
                self._warn(f"{self.location}: entry {row[0]!s:.12} is damaged and passed over: {damage}")
        return records

    def _believed(self, connection: Connection, run: StoredRun) -> Evidence | None:
        """The evidence of a run; None, and a warning, when its checksum does not hold."""
        try:
            return load(connection, run)
        except Damaged as damage:
            self._warn(f"{self.location}: run {run.id} is damaged and passed over: {damage}")
            return None

    def _witnesses(self, chosen: Select[Any]) -> list[tuple[StoredRun, WitnessRecord]]:
        """The witnesses of the runs whose checksums hold."""
        found = []
        with self._database.reading() as connection:
            for run in self._records(connection, chosen, rows.stored_run):
                evidence = self._believed(connection, run)
                if evidence is not None and evidence[1] is not None:
                    found.append((run, evidence[1]))
        return found


def load(connection: Connection, run: StoredRun) -> Evidence:
    """Proof and witness of a run whose checksum holds; raises `Damaged` when it does not."""
    proof_row = connection.execute(select(proofs).where(proofs.c.run == run.id)).one_or_none()
    witness_row = connection.execute(select(witnesses).where(witnesses.c.run == run.id)).one_or_none()
    proof = None if proof_row is None else rows.proof_record(proof_row)
    witness = None if witness_row is None else rows.witness_record(witness_row)
    if rows.checksum(run, proof, witness) != run.checksum:
        raise Damaged("its checksum does not hold")
    return proof, witness

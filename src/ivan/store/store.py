"""`ProofStore`: saves runs with their evidence, and finds the ones that help with the next question.

Every run carries a checksum over the question, the verdict and the evidence. It is compared before a run is believed,
so a flipped bit costs a search, never a wrong answer: a damaged run is reported through `warn` and passed over.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from sqlalchemy import insert, select, update

from ivan.errors import InternalError, ProofError
from ivan.store import queries, rows
from ivan.store.database import Database
from ivan.store.housekeeping import Housekeeping
from ivan.store.models import networks, proofs, properties, runs, witnesses
from ivan.store.others import OtherQuestions
from ivan.store.reading import Evidence, load
from ivan.store.records import (
    DamagedRun,
    NetworkRecord,
    ProofRecord,
    PropertyRecord,
    RunRecord,
    RunSummary,
    StoredRun,
    WitnessRecord,
)
from ivan.store.rows import Damaged
from ivan.store.schema import prepare
from ivan.verdict import Verdict


class ProofStore(OtherQuestions, Housekeeping):
    """An open store; a context manager that closes it. Threads and processes may share one location.

    Every method raises `StoreError`, with one line and a hint, when the database cannot do what it should.
    """

    @classmethod
    def open(
        cls,
        location: str | Path | None = None,
        *,
        create: bool = True,
        patience: float | None = None,
        warn: Callable[[str], None] | None = None,
    ) -> ProofStore:
        """Opens a store, and makes or upgrades it where needed.

        Where the file or its folder cannot be written the store is opened for reading (`read_only`).

        Args:
            location: a path, an SQLAlchemy URL, or None for IVAN_STORE, else the user's cache directory.
            create: make a missing file, with its folders; whoever only reads wants a mistyped path to be an error.
            patience: seconds to wait for a file that another process holds; None for a few.
            warn: receives one line for each damaged run; the logger `ivan.store` by default.

        Raises:
            StoreError: it is missing (and not to be made), locked, damaged, of a newer version, or no proof store.
        """
        database = Database.open(location, create=create, patience=patience)
        try:
            prepare(database)
        except BaseException:
            database.close()
            raise
        return cls(database, warn or logging.getLogger("ivan.store").warning)

    @property
    def read_only(self) -> bool:
        """True when nothing can be saved."""
        return self._database.read_only

    def close(self) -> None:
        """Ends all connections."""
        self._database.close()

    def __enter__(self) -> ProofStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Saving

    def save(
        self,
        run: RunRecord,
        network: NetworkRecord,
        asked: PropertyRecord,
        proof: ProofRecord | None = None,
        witness: WitnessRecord | None = None,
    ) -> int:
        """Saves a run with everything it refers to, in one transaction.

        A parent that has been deleted in the meantime is forgotten.

        Returns:
            The run's id; later runs have larger ones.

        Raises:
            StoreError: the store is read-only, locked, full, ...
            InternalError: the records contradict each other.
        """
        _check(run, network, asked, proof)
        now = time.time()
        # Packed before the transaction, since other writers wait while it lasts.
        weights = None if self._keeps_weights(network.digest) else rows.pack_weights(network.weights)
        with self._database.writing() as connection:
            queries.upsert(connection, networks, rows.network_row(network, weights), once={"first_seen": now})
            queries.upsert(connection, properties, rows.property_row(asked), once={})
            parent = connection.scalar(queries.pinned(run.parent))
            row = {**rows.run_row(run), "checksum": rows.checksum(run, proof, witness), "created": now}
            run_id = connection.scalar(insert(runs).returning(runs.c.id).values({**row, "parent": parent}))
            if proof is not None:
                connection.execute(insert(proofs).values({**rows.proof_row(proof), "run": run_id}))
            if witness is not None:
                connection.execute(insert(witnesses).values({**rows.witness_row(witness), "run": run_id}))
        return int(run_id)

    def replace_proof(self, run_id: int, proof: ProofRecord, statistics: dict[str, Any]) -> bool:
        """Puts another proof of the same verdict in the place of a run's proof, with other statistics.

        Returns:
            False where the run, or its proof, has been deleted in the meantime.

        Raises:
            StoreError: the store is read-only, locked, full, ...
            ProofError: the run is damaged.
        """
        with self._database.writing() as connection:
            row = connection.execute(queries.one_run(run_id)).one_or_none()
            if row is None or row.format is None:
                return False
            try:
                run = rows.stored_run(row)
                load(connection, run)
            except Damaged as damage:
                raise ProofError(f"{self.location}: run {run_id} is damaged: {damage}") from damage
            changed = replace(run, statistics=statistics)
            values = {**rows.run_row(changed), "checksum": rows.checksum(changed, proof, None)}
            connection.execute(update(runs).where(runs.c.id == run_id).values(values))
            connection.execute(update(proofs).where(proofs.c.run == run_id).values(rows.proof_row(proof)))
        return True

    # Looking up

    def exact(
        self,
        network_digest: str,
        property_digest: str,
        *,
        compatible: Callable[[StoredRun], bool] = lambda run: True,
    ) -> StoredRun | None:
        """The newest decision of this question for this network: `unsat` with a finished proof, `sat` with a witness.

        Args:
            network_digest: of the network asked about.
            property_digest: of the question.
            compatible: says whether the tool version and the proof format of a run can still be trusted.
        """
        with self._database.reading() as connection:
            for run in self._records(connection, queries.runs_of(network_digest, property_digest), rows.stored_run):
                if run.decided and compatible(run) and self._believed(connection, run) and run.answers:
                    return run
        return None

    def open_run(self, network_digest: str, property_digest: str) -> StoredRun | None:
        """The newest interrupted run that kept its open tree, unless the question was decided after it."""
        with self._database.reading() as connection:
            for run in self._records(connection, queries.runs_of(network_digest, property_digest), rows.stored_run):
                if (run.decided or run.open) and self._believed(connection, run):
                    if run.answers:
                        return None
                    if run.open:
                        return run
        return None

    def bases(
        self, property_digest: str, *, exclude_network: str | None = None, finished: bool = True, limit: int = 16
    ) -> list[tuple[StoredRun, NetworkRecord]]:
        """Proofs of the same property for other networks: for each network the newest, the newest first.

        Whether a proof is intact is seen when `proof` loads it.

        Args:
            property_digest: of the question.
            exclude_network: digest of the network that is asked about now.
            finished: proofs of `unsat`; otherwise the open trees of interrupted runs.
            limit: the largest number of networks.
        """
        with self._database.reading() as connection:
            chosen = queries.proofs_of(property_digest, exclude_network, finished=finished, limit=limit)
            found = self._records(connection, chosen, rows.stored_run)
            wanted = select(*queries.NETWORK_COLUMNS).where(networks.c.digest.in_([run.network for run in found]))
            named = {network.digest: network for network in self._records(connection, wanted, rows.network_record)}
        return [(run, named[run.network]) for run in found if run.network in named]

    def witnesses(self, property_digest: str, *, limit: int = 16) -> list[tuple[StoredRun, WitnessRecord]]:
        """Inputs that violated the property on any network, the newest first, each input once.

        Args:
            property_digest: of the question.
            limit: the largest number of witnesses.
        """
        return self._witnesses(queries.distinct_witnesses(property_digest, limit))

    def run(self, run_id: int) -> StoredRun | None:
        """The run of that number, not compared with its checksum."""
        with self._database.reading() as connection:
            found = self._records(connection, queries.one_run(run_id), rows.stored_run)
        return found[0] if found else None

    def proof(self, run_id: int) -> ProofRecord:
        """The tree and certificates of a run.

        Raises:
            ProofError: there are none, or the run is damaged.
        """
        proof, _ = self._evidence(run_id)
        if proof is None:
            raise ProofError(f"{self.location}: run {run_id} has no proof", hint="`ivan cache list` shows which have")
        return proof

    def witness(self, run_id: int) -> WitnessRecord | None:
        """The counterexample of a run, or None when it found none.

        Raises:
            ProofError: there is no such run, or it is damaged.
        """
        return self._evidence(run_id)[1]

    def weights(self, network_digest: str) -> bytes | None:
        """The weights of a network, or None when they are not kept; damaged ones are reported and passed over."""
        with self._database.reading() as connection:
            packed = connection.scalar(select(networks.c.weights).where(networks.c.digest == network_digest))
        if packed is None:
            return None
        try:
            return rows.unpack_weights(packed)
        except Damaged as damage:
            self._warn(f"{self.location}: network {network_digest[:12]} is damaged and passed over: {damage}")
            return None

    def find_network(self, prefix: str) -> list[NetworkRecord]:
        """The networks whose digest begins like this, the newest first, without their weights."""
        with self._database.reading() as connection:
            return self._records(connection, queries.networks_like(prefix), rows.network_record)

    # Lists

    def runs(self, *, limit: int | None = None) -> list[RunSummary | DamagedRun]:
        """The runs as a list shows them, the newest first; not compared with their checksums."""
        with self._database.reading() as connection:
            return [rows.listed_run(row) for row in connection.execute(queries.named_runs(limit))]

    def summary(self, run_id: int) -> RunSummary | None:
        """The run of that number as a list shows it."""
        with self._database.reading() as connection:
            found = self._records(connection, queries.named_run(run_id), rows.run_summary)
        return found[0] if found else None

    def lineage(self, run_id: int) -> list[RunSummary]:
        """The runs that asked what this one asked, of any network, the oldest first; `parent` tells who grew from whom.

        They are not compared with their checksums. Empty when there is no such run.
        """
        with self._database.reading() as connection:
            return self._records(connection, queries.asked_alike(run_id), rows.run_summary)[::-1]

    # Helpers

    def _evidence(self, run_id: int) -> Evidence:
        with self._database.reading() as connection:
            row = connection.execute(queries.one_run(run_id)).one_or_none()
            if row is None:
                raise ProofError(f"{self.location}: there is no run {run_id}", hint="`ivan cache list` shows the runs")
            try:
                return load(connection, rows.stored_run(row))
            except Damaged as damage:
                raise ProofError(
                    f"{self.location}: run {run_id} is damaged: {damage}",
                    hint="verify again with --fresh; its answer can be found again",
                ) from damage

    def _keeps_weights(self, network_digest: str) -> bool:
        with self._database.reading() as connection:
            kept = select(networks.c.weights.is_not(None)).where(networks.c.digest == network_digest)
            return bool(connection.scalar(kept))


def _check(run: RunRecord, network: NetworkRecord, asked: PropertyRecord, proof: ProofRecord | None) -> None:
    if (run.network, run.property) != (network.digest, asked.digest):
        raise InternalError("a run cannot be saved with the network or property of another one")
    if run.verdict not in {verdict.value for verdict in Verdict}:
        raise InternalError(f"{run.verdict!r} is no verdict that can be saved")
    if run.verdict == Verdict.UNSAT.value and proof is not None and proof.open:
        raise InternalError("an open tree does not prove `unsat`")

"""Between records and rows: how values are packed, and the checksum that a verdict rests on.

What comes out of a database may be damaged in any column, so whatever reads a row here raises `Damaged` rather than
trust the type of a value.
"""

from __future__ import annotations

import json
import math
import zlib
from datetime import UTC, datetime
from typing import Any

import numpy as np
from sqlalchemy import Row

from ivan.digest import digest
from ivan.store.records import (
    DamagedRun,
    Held,
    NetworkRecord,
    ProofRecord,
    PropertyRecord,
    RunRecord,
    RunSummary,
    StoredRun,
    WitnessRecord,
)
from ivan.verdict import Verdict

WEIGHTS_LIMIT = 16 * 2**20
"""bytes of weights, uncompressed, beyond which they are not kept: they are only compared, and compression takes time"""


class Damaged(Exception):  # noqa: N818 - a finding that the store reports, not an error that leaves it
    """A row that cannot have been written like this."""


def checksum(run: RunRecord, proof: ProofRecord | None, witness: WitnessRecord | None) -> str:
    """SHA-256 over what was asked, what was answered, by which version, and all evidence for it."""
    return digest(
        "stored run",
        (run.network, run.property, run.verdict, run.version),
        None if proof is None else (proof.format, proof.leaves, proof.depth, proof.open, proof.data),
        None if witness is None else (*map(_pack, (witness.inputs, witness.outputs)), witness.precision),
    )


# Writing


def run_row(run: RunRecord) -> dict[str, object]:
    """The columns of `runs` that the caller decides."""
    return {
        "network": run.network,
        "property": run.property,
        "options": run.options,
        "version": run.version,
        "verdict": run.verdict,
        "seconds": run.seconds,
        "statistics": json.dumps(run.statistics, sort_keys=True),
    }


def network_row(network: NetworkRecord, weights: bytes | None) -> dict[str, object]:
    """The columns of `networks`, the weights packed."""
    return {
        "digest": network.digest,
        "architecture": network.architecture,
        "name": _storable(network.name),
        "parameters": network.parameters,
        "file_digest": network.file_digest,
        "weights": weights,
    }


def property_row(asked: PropertyRecord) -> dict[str, object]:
    """The columns of `properties`."""
    return {
        "digest": asked.digest,
        "name": _storable(asked.name),
        "size": asked.size,
        "inputs": asked.inputs,
        "kin": asked.kin,
        "hull": asked.hull,
        "query": asked.query,
    }


def proof_row(proof: ProofRecord) -> dict[str, object]:
    """The columns of `proofs` without the run."""
    return {
        "format": proof.format,
        "leaves": proof.leaves,
        "depth": proof.depth,
        "open": proof.open,
        "data": proof.data,
    }


def witness_row(witness: WitnessRecord) -> dict[str, object]:
    """The columns of `witnesses` without the run."""
    return {"inputs": _pack(witness.inputs), "outputs": _pack(witness.outputs), "precision": witness.precision}


def pack_weights(weights: bytes | None) -> bytes | None:
    """Compressed; None beyond the limit. At the fastest level: the mantissas of weights hardly compress at any."""
    return None if weights is None or len(weights) > WEIGHTS_LIMIT else zlib.compress(weights, level=1)


# Reading


def stored_run(row: Row[Any]) -> StoredRun:
    """Reads a row of `queries.all_runs`."""
    try:
        statistics = json.loads(row.statistics)
        if not isinstance(statistics, dict):
            raise Damaged("its statistics are no JSON object")
        return StoredRun(
            id=int(row.id),
            created=datetime.fromtimestamp(row.created, UTC),
            imported=None if row.imported is None else datetime.fromtimestamp(row.imported, UTC),
            checksum=_text(row.checksum),
            network=_text(row.network),
            property=_text(row.property),
            options=_text(row.options),
            version=_text(row.version),
            verdict=Verdict(row.verdict).value,
            seconds=float(row.seconds),
            statistics=statistics,
            parent=None if row.parent is None else int(row.parent),
            format=None if row.format is None else int(row.format),
            leaves=None if row.leaves is None else int(row.leaves),
            depth=None if row.depth is None else int(row.depth),
            open=None if row.open is None else bool(row.open),
            has_witness=bool(row.has_witness),
        )
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise Damaged(f"a column cannot be read: {error}") from error


def run_summary(row: Row[Any]) -> RunSummary:
    """Reads a row of `queries.named_runs`."""
    for name, what in ((row.network_name, "network"), (row.property_name, "property")):
        if name is None:
            raise Damaged(f"its {what} is not in the store")
    return RunSummary(
        run=stored_run(row),
        network_name=_text(row.network_name),
        property_name=_text(row.property_name),
        proof_bytes=int(row.proof_bytes),
    )


def listed_run(row: Row[Any]) -> RunSummary | DamagedRun:
    """Reads a row of `queries.named_runs`, or says what is wrong with it."""
    try:
        return run_summary(row)
    except Damaged as damage:
        return DamagedRun(id=int(row.id), problem=str(damage))


def held(row: Row[Any]) -> Held:
    """Reads a row of `queries.held_runs`."""
    try:
        created = float(row.created)
        if not math.isfinite(created):
            raise Damaged("it was saved at no time")
        return Held(
            id=int(row.id),
            network=_text(row.network),
            property=_text(row.property),
            parent=None if row.parent is None else int(row.parent),
            created=created,
            proved=Verdict(row.verdict) is Verdict.UNSAT and row.open is not None and not row.open,
            refuted=Verdict(row.verdict) is Verdict.SAT and bool(row.has_witness),
            bytes=int(row.bytes),
        )
    except (TypeError, ValueError, OverflowError) as error:
        raise Damaged(f"a column cannot be read: {error}") from error


def network_record(row: Row[Any]) -> NetworkRecord:
    """Reads `queries.NETWORK_COLUMNS`; the weights stay in the store."""
    try:
        return NetworkRecord(
            digest=_text(row.digest),
            architecture=_text(row.architecture),
            name=_text(row.name),
            parameters=int(row.parameters),
            file_digest=_text(row.file_digest),
        )
    except (TypeError, ValueError) as error:
        raise Damaged(f"a column cannot be read: {error}") from error


def property_record(row: Row[Any]) -> PropertyRecord:
    """Reads `queries.PROPERTY_COLUMNS`; the query stays in the store."""
    try:
        return PropertyRecord(
            digest=_text(row.digest),
            name=_text(row.name),
            size=int(row.size),
            inputs=int(row.inputs),
            kin=None if row.kin is None else _text(row.kin),
            hull=None if row.hull is None else _bytes(row.hull),
        )
    except (TypeError, ValueError) as error:
        raise Damaged(f"a column cannot be read: {error}") from error


def query_bytes(row: Row[Any]) -> bytes | None:
    """Reads the digest and the query of a property."""
    return None if row.query is None else _bytes(row.query)


def proof_record(row: Row[Any]) -> ProofRecord:
    """Reads a row of `proofs`."""
    if not isinstance(row.data, bytes):
        raise Damaged("its proof is no sequence of bytes")
    try:
        return ProofRecord(
            format=int(row.format), leaves=int(row.leaves), depth=int(row.depth), open=bool(row.open), data=row.data
        )
    except (TypeError, ValueError) as error:
        raise Damaged(f"a column of its proof cannot be read: {error}") from error


def witness_record(row: Row[Any]) -> WitnessRecord:
    """Reads a row of `witnesses`."""
    return WitnessRecord(inputs=_unpack(row.inputs), outputs=_unpack(row.outputs), precision=_text(row.precision))


def unpack_weights(data: object) -> bytes:
    """The weights that were packed; zlib carries a check sum of its own."""
    if not isinstance(data, bytes):
        raise Damaged("its weights are no sequence of bytes")
    reader = zlib.decompressobj()
    try:
        # Bounded: altered bytes must not be able to fill the memory.
        weights = reader.decompress(data, WEIGHTS_LIMIT + 1)
    except zlib.error as error:
        raise Damaged(f"its weights cannot be decompressed: {error}") from error
    if not reader.eof:
        raise Damaged("its weights are cut off or too long")
    return weights


def _pack(values: tuple[float, ...]) -> bytes:
    # Little-endian float64: the same bytes on every machine, and exact for float32 too.
    return np.asarray(values, dtype="<f8").tobytes()


def _unpack(data: object) -> tuple[float, ...]:
    if not isinstance(data, bytes) or len(data) % 8:
        raise Damaged("its witness is no sequence of numbers")
    return tuple(np.frombuffer(data, dtype="<f8").tolist())


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise Damaged("a text column holds something else")
    return value


def _bytes(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise Damaged("a column of bytes holds something else")
    return value


def _storable(name: str) -> str:
    # A file name may hold bytes that are no text, and PostgreSQL takes no NUL.
    return name.encode(errors="replace").decode().replace("\0", "?")

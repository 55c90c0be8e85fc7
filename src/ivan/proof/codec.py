"""Proofs as versioned bytes.

    "IVANPROOF" | format u16 | number of arrays u16 | per array: type (numpy code, 4 bytes), length u64 | zlib of the
    arrays

All little-endian, arrays in the order of `_arrays`. Reading trusts nothing: sizes are checked against what the stream
holds before anything is allocated, and what comes out still has to pass `SpecTree.check` and `Certificates.check`.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ivan.errors import ProofError
from ivan.proof.certificate import MULTIPLIER_COLUMNS, SLOPE_COLUMNS, WEIGHT_COLUMNS, Certificates, Proof
from ivan.proof.ragged import Ragged
from ivan.proof.refinement import BOUND_COLUMNS, SUPPORT_COLUMNS, Refinements
from ivan.proof.tree import COLUMNS, SpecTree

FORMAT = 3
"""Version of the format; raised whenever old bytes would be read differently. 2 added refinements, 3 `tree.firm`."""

READABLE = (1, 2, 3)
"""Versions that can be read."""

_MAGIC = b"IVANPROOF"
_HEAD = struct.Struct("<9sHH")
_ENTRY = struct.Struct("<4sQ")
_LEVEL = 1  # measured: higher levels save 5 % of the bytes for 3 times the time
_MOST_BYTES = 1 << 34

_REFINED = {"support": SUPPORT_COLUMNS, "bounds": BOUND_COLUMNS}
_RAGGED = {"weights": WEIGHT_COLUMNS, "slopes": SLOPE_COLUMNS, "multipliers": MULTIPLIER_COLUMNS}


def _layout(version: int = FORMAT) -> list[tuple[str, np.dtype[Any]]]:
    layout: list[tuple[str, np.dtype[Any]]] = [
        (f"tree.{name}", np.dtype(kind)) for name, kind in COLUMNS.items() if name != "firm" or version >= 3
    ]
    layout += [("node", np.dtype(np.int32)), ("case", np.dtype(np.int32)), ("margin", np.dtype(np.float64))]
    for table, columns in _RAGGED.items():
        layout.append((f"{table}.lengths", np.dtype(np.int32)))
        layout += [(f"{table}.{name}", np.dtype(kind)) for name, kind in columns.items()]
    if version >= 2:
        layout.append(("refined.node", np.dtype(np.int32)))
        for table, columns in _REFINED.items():
            layout.append((f"refined.{table}.lengths", np.dtype(np.int32)))
            layout += [(f"refined.{table}.{name}", np.dtype(kind)) for name, kind in columns.items()]
        layout.append(("refined.slopes", np.dtype(np.float16)))
    return [(name, kind.newbyteorder("<")) for name, kind in layout]


def _arrays(proof: Proof) -> dict[str, NDArray[Any]]:
    certificates = proof.certificates
    arrays: dict[str, NDArray[Any]] = {f"tree.{name}": getattr(proof.tree, name) for name in COLUMNS}
    arrays |= {"node": certificates.node, "case": certificates.case, "margin": certificates.margin}
    for table in _RAGGED:
        ragged: Ragged = getattr(certificates, table)
        arrays[f"{table}.lengths"] = np.diff(ragged.offsets)
        arrays |= {f"{table}.{name}": column for name, column in ragged.columns.items()}
    arrays |= {f"refined.{name}": getattr(proof.refinements, name) for name in ("node", "slopes")}
    for table in _REFINED:
        ragged = getattr(proof.refinements, table)
        arrays[f"refined.{table}.lengths"] = np.diff(ragged.offsets)
        arrays |= {f"refined.{table}.{name}": column for name, column in ragged.columns.items()}
    return arrays


def encode(proof: Proof) -> bytes:
    """Bytes of the current format."""
    arrays = _arrays(proof)
    layout = _layout()
    head = _HEAD.pack(_MAGIC, FORMAT, len(layout))
    packer = zlib.compressobj(_LEVEL)
    body = []
    for name, kind in layout:
        array = np.ascontiguousarray(arrays[name], dtype=kind)
        head += _ENTRY.pack(kind.str.encode().ljust(4), len(array))
        body.append(packer.compress(array.tobytes()))
    return head + b"".join(body) + packer.flush()


def decode(data: bytes) -> Proof:
    """The proof in the bytes.

    Raises:
        ProofError: the bytes are no proof, of another format, truncated, or altered in a way that breaks its shape.
    """
    try:
        magic, version, count = _HEAD.unpack_from(data)
        if magic != _MAGIC:
            raise ProofError("not a proof: wrong first bytes")
        if version not in READABLE:
            raise ProofError(f"proof format {version}; this version reads formats {READABLE[0]} to {READABLE[-1]}")
        layout = _layout(version)
        if count != len(layout):
            raise ProofError("malformed proof: wrong number of arrays")
        lengths = []
        for i, (name, kind) in enumerate(layout):
            code, length = _ENTRY.unpack_from(data, _HEAD.size + i * _ENTRY.size)
            if code.strip() != kind.str.encode():
                raise ProofError(f"malformed proof: {name} has another type")
            lengths.append(length)
        sizes = [length * kind.itemsize for length, (_, kind) in zip(lengths, layout, strict=True)]
        if sum(sizes) > _MOST_BYTES:
            raise ProofError("malformed proof: larger than any proof can be")
        start = _HEAD.size + len(layout) * _ENTRY.size
        unpacker = zlib.decompressobj()
        body = unpacker.decompress(data[start:], sum(sizes) + 1)
        if len(body) != sum(sizes) or not unpacker.eof or unpacker.unused_data:
            raise ProofError("malformed proof: its length is wrong")
    except (struct.error, zlib.error) as error:
        raise ProofError(f"malformed proof: {error}") from error
    arrays: dict[str, NDArray[Any]] = {}
    at = 0
    for (name, kind), length, size in zip(layout, lengths, sizes, strict=True):
        arrays[name] = np.frombuffer(body, dtype=kind, count=length, offset=at).astype(kind.newbyteorder("="))
        at += size
    return _proof(arrays)


def _proof(arrays: dict[str, NDArray[Any]]) -> Proof:
    arrays.setdefault("tree.firm", np.zeros(len(arrays["tree.parent"]), np.int8))
    rows = {len(arrays[f"tree.{name}"]) for name in COLUMNS}
    if len(rows) != 1:
        raise ProofError("malformed proof: the tree's columns differ in length")
    count = len(arrays["node"])
    if not len(arrays["case"]) == len(arrays["margin"]) == count:
        raise ProofError("malformed proof: the certificates' columns differ in length")
    ragged = {table: _ragged(arrays, table, columns, count) for table, columns in _RAGGED.items()}
    refinements = Refinements.none()
    if "refined.node" in arrays:
        nodes = len(arrays["refined.node"])
        parts = {table: _ragged(arrays, f"refined.{table}", columns, nodes) for table, columns in _REFINED.items()}
        refinements = Refinements(arrays["refined.node"], slopes=arrays["refined.slopes"], **parts)
    tree = SpecTree(**{name: arrays[f"tree.{name}"] for name in COLUMNS})
    return Proof(tree, Certificates(arrays["node"], arrays["case"], arrays["margin"], **ragged), refinements)


def _ragged(arrays: dict[str, NDArray[Any]], table: str, columns: dict[str, type], count: int) -> Ragged:
    lengths = arrays[f"{table}.lengths"].astype(np.int64)
    total = int(lengths.sum())
    if len(lengths) != count or np.any(lengths < 0) or any(len(arrays[f"{table}.{c}"]) != total for c in columns):
        raise ProofError(f"malformed proof: {table} do not add up")
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Ragged(offsets, {c: arrays[f"{table}.{c}"] for c in columns})

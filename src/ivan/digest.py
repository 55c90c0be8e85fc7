"""Canonical bytes to SHA-256.

A digest names a value, not a file: two files that hold the same value must get the same digest, on every machine. So
everything is fed in one canonical form - integers as text, arrays as little-endian bytes behind their type and shape,
and each item behind its length, so that no two sequences of items share their bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Digestible = str | bytes | int | bool | float | None | NDArray[np.generic] | Iterable["Digestible"]


class Digest:
    """Accumulates values into a SHA-256."""

    def __init__(self, purpose: str) -> None:
        self._hash = hashlib.sha256()
        self.add(purpose)

    def add(self, *values: Digestible) -> Digest:
        """Feeds the values, in order; lists and tuples recursively."""
        for value in values:
            self._feed(value)
        return self

    def hex(self) -> str:
        """64 hexadecimal digits."""
        return self._hash.hexdigest()

    def _item(self, kind: bytes, data: bytes) -> None:
        self._hash.update(kind + str(len(data)).encode() + b":" + data)

    def _feed(self, value: Digestible) -> None:
        if isinstance(value, str):
            self._item(b"s", value.encode())
        elif isinstance(value, bytes):
            self._item(b"b", value)
        elif value is None:
            self._item(b"n", b"")
        elif isinstance(value, bool):
            self._item(b"t", b"1" if value else b"0")
        elif isinstance(value, int | np.integer):
            self._item(b"i", str(int(value)).encode())
        elif isinstance(value, float | np.floating):
            self._item(b"f", float(value).hex().encode())
        elif isinstance(value, np.ndarray):
            little = np.ascontiguousarray(value, dtype=value.dtype.newbyteorder("<"))
            if little.dtype.kind == "f":
                little = little + little.dtype.type(0)  # -0.0 and 0.0 are one number
            self._item(b"a", f"{little.dtype.str}{value.shape}".encode())
            self._item(b"b", little.tobytes())
        else:
            items = list(value)
            self._item(b"l", str(len(items)).encode())
            for item in items:
                self._feed(item)


def digest(purpose: str, *values: Digestible) -> str:
    """SHA-256 (64 hexadecimal digits) of the values in canonical form, under a purpose that keeps kinds apart."""
    return Digest(purpose).add(*values).hex()

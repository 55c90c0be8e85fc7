"""Rows of different lengths in flat arrays: the way certificates keep what few leaves need much of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


def ranges(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """All numbers of the half-open ranges of these lengths, one range after the other."""
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total) + np.repeat(starts - ends + lengths, lengths)


@dataclass(frozen=True)
class Ragged:
    """`len` rows; row i holds the entries `offsets[i]:offsets[i + 1]` of every column.

    Attributes:
        offsets: (len + 1,) int64, from 0, never decreasing.
        columns: arrays of `offsets[-1]` entries each, by name.
    """

    offsets: NDArray[np.int64]
    columns: Mapping[str, NDArray[Any]]

    @classmethod
    def empty(cls, length: int, types: Mapping[str, type]) -> Ragged:
        """`length` rows without entries."""
        return cls(np.zeros(length + 1, np.int64), {name: np.zeros(0, kind) for name, kind in types.items()})

    @classmethod
    def from_rows(cls, length: int, rows: NDArray[Any], columns: Mapping[str, NDArray[Any]]) -> Ragged:
        """From entries tagged with their row, in any order; entries of one row keep their order."""
        order = np.argsort(rows, kind="stable")
        counts = np.bincount(rows, minlength=length)
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return cls(offsets, {name: column[order] for name, column in columns.items()})

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.columns[name]

    @property
    def nbytes(self) -> int:
        """Bytes that the arrays take."""
        return self.offsets.nbytes + sum(column.nbytes for column in self.columns.values())

    @property
    def rows(self) -> NDArray[np.int64]:
        """The row of every entry."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    def take(self, rows: NDArray[np.int64]) -> Ragged:
        """The given rows, in the given order."""
        starts, lengths = self.offsets[rows], np.diff(self.offsets)[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        index = ranges(starts, lengths)
        return Ragged(offsets, {name: column[index] for name, column in self.columns.items()})

    @staticmethod
    def concatenate(parts: Sequence[Ragged]) -> Ragged:
        """One below the other; at least one part."""
        lengths = np.concatenate([np.diff(part.offsets) for part in parts])
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        names = parts[0].columns.keys()
        return Ragged(offsets, {name: np.concatenate([part.columns[name] for part in parts]) for name in names})

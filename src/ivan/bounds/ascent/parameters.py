"""What ascent improves: slopes, multipliers and row weights of many (domain, case) pairs.

Only units that are unstable somewhere have any choice, so arrays are kept for a list of units per layer, in float32:
any slopes in [0, 1] and any multipliers of the right sign are valid, whatever precision they were found in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.backward import Advice
from ivan.bounds.enclosure import Enclosure
from ivan.bounds.objective import Rows
from ivan.proof import Certificates, MultiplierKind, Ragged
from ivan.proof.certificate import MULTIPLIER_COLUMNS, SLOPE_COLUMNS

Array = NDArray[np.float64]
Single = NDArray[np.float32]
Index = NDArray[np.int64]

GREATEST = float(np.finfo(np.float32).max)
"""Of all multipliers: a certificate may name greater ones, but none that is infinite."""


@dataclass
class Parameters:
    """Slopes, multipliers and weights of R pairs.

    Attributes:
        units: per layer (v_k,) ascending, the units that have slopes and multipliers.
        slopes: per layer (R, v_k) lower slopes in [0, 1].
        multipliers: per layer (R, v_k) signed, or None where nothing is split.
        weights: (R, r) row weights lambda >= 0, zero behind the case's last row.
    """

    units: tuple[Index, ...]
    slopes: list[Single]
    multipliers: list[Single | None]
    weights: Array

    def __len__(self) -> int:
        return len(self.weights)

    def take(self, rows: Index | slice) -> Parameters:
        """Some of the pairs."""
        return Parameters(
            self.units,
            [s[rows] for s in self.slopes],
            [None if m is None else m[rows] for m in self.multipliers],
            self.weights[rows],
        )

    def put(self, rows: Index, other: Parameters) -> None:
        """Replaces some of the pairs by others with the same units."""
        self.weights[rows] = other.weights
        for mine, theirs in zip(self.slopes, other.slopes, strict=True):
            mine[rows] = theirs
        for held, new in zip(self.multipliers, other.multipliers, strict=True):
            if held is not None and new is not None:
                held[rows] = new

    @staticmethod
    def concatenate(parts: Sequence[Parameters]) -> Parameters:
        """All pairs of the parts, in order; units that only some of them have get slope 0 in the others."""
        if len(parts) == 1:
            return parts[0]
        layers = range(len(parts[0].units))
        units = tuple(_union([p.units[k] for p in parts]) for k in layers)
        parts = [p._on(units) for p in parts]
        multipliers: list[Single | None] = []
        for k in layers:
            layer = [p.multipliers[k] for p in parts]
            if all(m is None for m in layer):
                multipliers.append(None)
            else:
                multipliers.append(
                    np.concatenate(
                        [np.zeros_like(p.slopes[k]) if m is None else m for p, m in zip(parts, layer, strict=True)]
                    )
                )
        return Parameters(
            units,
            [np.concatenate([p.slopes[k] for p in parts]) for k in layers],
            multipliers,
            np.concatenate([p.weights for p in parts]),
        )

    def _on(self, units: tuple[Index, ...]) -> Parameters:
        """The same for more units."""
        slopes, multipliers = list(self.slopes), list(self.multipliers)
        for k, (mine, wanted) in enumerate(zip(self.units, units, strict=True)):
            if mine is wanted:
                continue
            place = np.searchsorted(wanted, mine)
            slopes[k] = np.zeros((len(self), len(wanted)), np.float32)
            slopes[k][:, place] = self.slopes[k]
            m = self.multipliers[k]
            if m is not None:
                wide = np.zeros_like(slopes[k])
                wide[:, place] = m
                multipliers[k] = wide
        return Parameters(units, slopes, multipliers, self.weights)

    def fitted(self, enclosure: Enclosure, owner: Index) -> Parameters:
        """The same for domains further down: units that are unstable or split only there, multipliers of new splits."""
        units = tuple(_union([mine, new]) for mine, new in zip(self.units, units_of(enclosure), strict=True))
        wide = self._on(units)
        for k, (mine, wanted) in enumerate(zip(self.units, units, strict=True)):
            if mine is not wanted:
                new = np.flatnonzero(~np.isin(wanted, mine))
                wide.slopes[k][:, new] = enclosure.rule(k)[np.ix_(owner, wanted[new])]
            mask = enclosure.split[k]
            if mask is not None and wide.multipliers[k] is None:
                wide.multipliers[k] = np.zeros_like(wide.slopes[k])
        return wide

    def advice(self, enclosure: Enclosure, owner: Index) -> Advice:
        """The same as the backward pass takes it: arrays over all units; multipliers only where a unit is split."""
        result = Advice([], [])
        for k, units in enumerate(self.units):
            if not len(units):
                result.slopes.append(None)
                result.multipliers.append(None)
                continue
            slopes = enclosure.rule(k)[owner]
            slopes[:, units] = self.slopes[k]
            result.slopes.append(slopes)
            m, mask = self.multipliers[k], enclosure.split[k]
            if m is None or mask is None:
                result.multipliers.append(None)
            else:
                wide = np.zeros(slopes.shape)
                wide[:, units] = m
                result.multipliers.append(np.where(mask[owner], wide, 0.0))
        return result


def units_of(enclosure: Enclosure) -> tuple[Index, ...]:
    """Per layer the units that are unstable or split in some domain."""
    result = []
    for unstable, split in zip(enclosure.unstable, enclosure.split, strict=True):
        present = unstable.any(axis=0)
        result.append(np.flatnonzero(present if split is None else present | split.any(axis=0)))
    return tuple(result)


def _union(parts: Sequence[Index]) -> Index:
    """All units of the parts, ascending; the first part itself where that is all."""
    first = parts[0]
    if all(part is first or bool(np.isin(part, first, assume_unique=True).all()) for part in parts[1:]):
        return first
    return np.unique(np.concatenate(parts))


def initial(enclosure: Enclosure, owner: Index, case: Index, rows: Rows) -> Parameters:
    """The rule's slopes, no multipliers, equal weights."""
    units = units_of(enclosure)
    with np.errstate(over="ignore"):  # a slope beyond float32 is of no use there
        slopes = [enclosure.rule(k)[np.ix_(owner, u)].astype(np.float32) for k, u in enumerate(units)]
    multipliers: list[Single | None] = [
        None if mask is None else np.zeros_like(s) for mask, s in zip(enclosure.split, slopes, strict=True)
    ]
    width = int(rows.counts.max(initial=1))
    present = np.arange(width) < rows.counts[case][:, None]
    return Parameters(units, slopes, multipliers, present / np.maximum(rows.counts[case], 1)[:, None])


def ragged_weights(weights: Array) -> Ragged:
    """Row weights (R, r) as certificates have them: only the positive ones."""
    row, column = np.nonzero(weights > 0.0)
    return Ragged.from_rows(len(weights), row, {"row": column.astype(np.int32), "value": weights[row, column]})


def ragged_slopes(enclosure: Enclosure, owner: Index, parameters: Parameters) -> Ragged:
    """Slopes as certificates have them: those of the units that are unstable."""
    parts = []
    for k, (units, values) in enumerate(zip(parameters.units, parameters.slopes, strict=True)):
        row, place = np.nonzero(enclosure.unstable[k][np.ix_(owner, units)])
        parts.append((row, {"layer": np.full(len(row), k + 1), "unit": units[place], "value": values[row, place]}))
    return _ragged(len(owner), parts, SLOPE_COLUMNS)


def certificates_of(
    enclosure: Enclosure, owner: Index, node: Index, case: Index, margin: Array, parameters: Parameters
) -> Certificates:
    """Certificates with these parameters."""
    parts = []
    for k, (units, values) in enumerate(zip(parameters.units, parameters.multipliers, strict=True)):
        mask = enclosure.split[k]
        if values is None or mask is None:
            continue
        row, place = np.nonzero((values != 0.0) & mask[np.ix_(owner, units)])
        entries = {"layer": np.full(len(row), k + 1), "unit": units[place], "value": values[row, place]}
        parts.append((row, entries | {"kind": np.full(len(row), MultiplierKind.SPLIT)}))
    return Certificates(
        node.astype(np.int32),
        case.astype(np.int32),
        margin,
        ragged_weights(parameters.weights),
        ragged_slopes(enclosure, owner, parameters),
        _ragged(len(node), parts, MULTIPLIER_COLUMNS),
    )


def from_certificates(enclosure: Enclosure, owner: Index, certificates: Certificates, rows: Rows) -> Parameters:
    """What R certificates say, as a start for domains that need not be theirs.

    Slopes of units that are stable and multipliers of units that are not split in these domains are left out; a
    certificate without weights, of an empty domain, starts from equal ones.

    Args:
        enclosure: the domains.
        owner: (R,) domain of each certificate.
        certificates: R of them.
        rows: the problem's rows.
    """
    result = initial(enclosure, owner, certificates.case.astype(np.int64), rows)
    entries = certificates.weights
    weighted = np.flatnonzero(np.diff(entries.offsets) > 0)
    result.weights[weighted] = 0.0
    result.weights[entries.rows, entries["row"]] = entries["value"]
    with np.errstate(over="ignore"):  # beyond the floats, weights come to nothing
        result.weights[weighted] /= result.weights[weighted].sum(axis=1, keepdims=True)
    for k, units in enumerate(result.units):
        tables = [(certificates.slopes, result.slopes[k])]
        multipliers = result.multipliers[k]
        if multipliers is not None:
            tables.append((certificates.multipliers, multipliers))
        place = np.full(enclosure.network.layers[k].affine.size, -1)
        place[units] = np.arange(len(units))
        for table, values in tables:
            unit = table["unit"]
            mine = np.flatnonzero((table["layer"] == k + 1) & (unit >= 0) & (unit < len(place)))
            mine = mine[place[unit[mine]] >= 0]
            values[table.rows[mine], place[unit[mine]]] = np.clip(table["value"][mine], -GREATEST, GREATEST)
    return result


def _ragged(count: int, parts: list[tuple[Index, dict[str, NDArray[Any]]]], types: dict[str, type]) -> Ragged:
    if not parts:
        return Ragged.empty(count, types)
    rows = np.concatenate([row for row, _ in parts])
    columns: dict[str, NDArray[Any]] = {
        name: np.concatenate([entries[name] for _, entries in parts]).astype(kind) for name, kind in types.items()
    }
    return Ragged.from_rows(count, rows, columns)

"""What is claimed of one network's units, in the numbers of another's.

Both have the same layers, and some of the units: `place` has an array per layer, the new number of every old unit, -1
where there is none. Advice about units that are not there any more, or never were, is dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ivan.proof.certificate import Certificates
from ivan.proof.ragged import Ragged
from ivan.proof.refinement import Refinements
from ivan.proof.tree import Kind

Index = NDArray[np.int64]
Units = NDArray[np.int32]


def renumbered_units(kind: NDArray[np.int8], layer: Units, unit: Units, place: Sequence[Index]) -> Units:
    """(N,) a tree's units; all that are split are there."""
    result = unit.copy()
    for k, table in enumerate(place):
        here = (kind == Kind.UNIT) & (layer == k + 1)
        result[here] = table[unit[here]]
    return result


def renumbered_certificates(certificates: Certificates, place: Sequence[Index]) -> Certificates:
    """Claims."""
    return replace(
        certificates,
        slopes=_renumbered(certificates.slopes, place),
        multipliers=_renumbered(certificates.multipliers, place),
    )


def renumbered_refinements(refinements: Refinements, place: Sequence[Index]) -> Refinements:
    """Slopes of intermediate bounds."""
    stays, bounded = _staying(refinements.support, place), _staying(refinements.bounds, place)
    slopes = [np.zeros(0, np.float16)]
    for i in range(len(refinements)):
        entries = slice(int(refinements.support.offsets[i]), int(refinements.support.offsets[i + 1]))
        layers, here = refinements.support["layer"][entries], stays[entries]
        for j in range(int(refinements.bounds.offsets[i]), int(refinements.bounds.offsets[i + 1])):
            if bounded[j]:
                below = layers < refinements.bounds["layer"][j]
                slopes.append(refinements.slopes[refinements.first[j] : refinements.first[j + 1]][here[below]])
    support, bounds = _renumbered(refinements.support, place), _renumbered(refinements.bounds, place)
    return Refinements(refinements.node, support, bounds, np.concatenate(slopes))


def _renumbered(entries: Ragged, place: Sequence[Index]) -> Ragged:
    stays = _staying(entries, place)
    if not stays.all():
        rows = np.flatnonzero(stays)
        columns = {name: column[rows] for name, column in entries.columns.items()}
        entries = Ragged.from_rows(len(entries), entries.rows[rows], columns)
    unit = entries["unit"].copy()
    for k, table in enumerate(place):
        here = entries["layer"] == k + 1
        unit[here] = table[entries["unit"][here]]
    return Ragged(entries.offsets, {**entries.columns, "unit": unit})


def _staying(entries: Ragged, place: Sequence[Index]) -> NDArray[np.bool_]:
    layer, unit = entries["layer"], entries["unit"]
    result = np.zeros(len(unit), bool)
    for k, table in enumerate(place):
        here = (layer == k + 1) & (unit >= 0) & (unit < len(table))
        result[here] = table[unit[here]] >= 0
    return result

"""One batch of certificates against one batch of domains: does each claim hold?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.backward import Advice, Forms, bound_outputs
from ivan.bounds.enclosure import Enclosure
from ivan.bounds.objective import Objective, Rows
from ivan.deadline import NEVER, Deadline
from ivan.network.activations import ReluLinked
from ivan.proof import Certificates, MultiplierKind

Index = NDArray[np.int64]


def certify(
    enclosure: Enclosure, owner: Index, certificates: Certificates, rows: Rows, deadline: Deadline = NEVER
) -> tuple[NDArray[np.bool_], Forms]:
    """Which certificates hold in their domains?

    Args:
        enclosure: the domains.
        owner: (M,) domain of each certificate.
        certificates: M claims.
        rows: the problem's rows.
        deadline: checked between chunks.

    Returns:
        holds: (M,) True where the case is rigorously excluded.
        forms: the linear bounds, one per certificate.
    """
    objective = rows.weighted(certificates.case.astype(np.int64), certificates.weights)
    forms = bound_outputs(enclosure, owner, objective, advice(enclosure, owner, certificates), deadline=deadline)
    return holds(enclosure, owner, objective, forms), forms


def holds(enclosure: Enclosure, owner: Index, objective: Objective, forms: Forms) -> NDArray[np.bool_]:
    """(R,): the bound excludes the case, or the domain is empty."""
    return objective.excludes(forms.bound) | enclosure.empty[owner]


def advice(enclosure: Enclosure, owner: Index, certificates: Certificates) -> Advice | None:
    """Slopes and multipliers as arrays; advice for units that are not there is dropped.

    A multiplier of kind SPLIT counts only where the unit is split on the domain's path, one of kind TIE only for moves.
    """
    layers = enclosure.network.layers
    result = Advice([None] * len(layers), [None] * len(layers))
    if not len(certificates.slopes["value"]) and not len(certificates.multipliers["value"]):
        return None
    count = len(certificates)
    slope_rows, multiplier_rows = certificates.slopes.rows, certificates.multipliers.rows
    for k, layer in enumerate(layers):
        entries = certificates.slopes
        chosen = (entries["layer"] == k + 1) & (entries["unit"] >= 0) & (entries["unit"] < layer.affine.size)
        if (layer.activation.sloped or layer.activation.mixed) and chosen.any():
            slopes = enclosure.rule(k)[owner]
            slopes[slope_rows[chosen], entries["unit"][chosen]] = entries["value"][chosen]
            result.slopes[k] = slopes
        entries = certificates.multipliers
        chosen = (entries["layer"] == k + 1) & (entries["unit"] >= 0) & (entries["unit"] < layer.affine.size)
        if chosen.any():
            row, unit, kind = multiplier_rows[chosen], entries["unit"][chosen], entries["kind"][chosen]
            mask = enclosure.split[k]
            on_path = np.zeros(len(row), bool) if mask is None else mask[owner[row], unit]
            counts = (on_path & (kind != MultiplierKind.TIE)) | (kind == MultiplierKind.BOUND)
            multipliers = np.zeros((count, layer.affine.size))
            with np.errstate(over="ignore", invalid="ignore"):  # beyond the floats, a multiplier claims nothing
                np.add.at(multipliers, (row[counts], unit[counts]), entries["value"][chosen][counts])
            result.multipliers[k] = multipliers
            tied = (kind == MultiplierKind.TIE) & (unit < layer.size)
            if isinstance(layer.activation, ReluLinked) and tied.any():
                ties = np.zeros((count, layer.size))
                with np.errstate(over="ignore", invalid="ignore"):
                    np.add.at(ties, (row[tied], unit[tied]), entries["value"][chosen][tied])
                result.ties[k] = ties
    return result

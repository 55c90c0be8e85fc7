"""Certificates taken up again: some steps of ascent from what they say, then one rigorous pass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.ascent import (
    Ascent,
    Parameters,
    Schedule,
    certificates_of,
    from_certificates,
    ragged_weights,
)
from ivan.bounds.backward import bound_outputs
from ivan.bounds.certify import holds
from ivan.bounds.enclosure import Enclosure
from ivan.bounds.objective import Rows
from ivan.deadline import Deadline
from ivan.proof import Certificates

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass
class Improved:
    """What became of R claims.

    Attributes:
        holds: (R,) True where the case is rigorously excluded.
        bound: (R,) the rigorous bound that was reached.
    """

    holds: Mask
    bound: Array
    _enclosure: Enclosure
    _owner: Index
    _case: Index
    _parameters: Parameters

    def certificates(self, rows: Index, node: Index) -> Certificates:
        """Some of the claims (K,), as certificates of nodes (K,)."""
        return certificates_of(
            self._enclosure,
            self._owner[rows],
            node,
            self._case[rows],
            self.bound[rows],
            self._parameters.take(rows),
        )


def improve(
    ascent: Ascent,
    enclosure: Enclosure,
    owner: Index,
    certificates: Certificates,
    rows: Rows,
    schedule: Schedule,
    deadline: Deadline,
) -> Improved:
    """Improves claims.

    Args:
        ascent: of the enclosure's network.
        enclosure: domains, which need not be those that the certificates were made for.
        owner: (R,) domain of each certificate.
        certificates: R of them.
        rows: the problem's rows.
        schedule: how to climb.
        deadline: checked in every step.

    Raises:
        OutOfTime: the deadline passed.
    """
    case = certificates.case.astype(np.int64)
    start = from_certificates(enclosure, owner, certificates, rows)
    parameters, _ = ascent.outputs(enclosure, owner, case, rows, start, schedule, deadline)
    objective = rows.weighted(case, ragged_weights(parameters.weights))
    forms = bound_outputs(enclosure, owner, objective, parameters.advice(enclosure, owner), deadline=deadline)
    return Improved(holds(enclosure, owner, objective, forms), forms.bound, enclosure, owner, case, parameters)

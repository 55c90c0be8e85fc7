"""Certificates that do not hold, as starts for the ascent of what they speak of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.ascent import Parameters, from_certificates
from ivan.bounds.enclosure import Enclosure
from ivan.bounds.objective import Rows
from ivan.proof import Certificates, Ragged, SpecTree
from ivan.proof.certificate import WEIGHT_COLUMNS

Index = NDArray[np.int64]


class Hints:
    """Knows the nearest hint at or above a leaf of a tree.

    Args:
        tree: the tree.
        certificates: the hints.
    """

    def __init__(self, tree: SpecTree, certificates: Certificates) -> None:
        self._parent = tree.parent.astype(np.int64)
        self._hints = Certificates.concatenate([certificates, _nothing()])
        self._cases = 1 + int(certificates.case.max(initial=-1))
        key = self._key(certificates.node.astype(np.int64), certificates.case.astype(np.int64))
        self._order = np.argsort(key, kind="stable")
        self._keys = key[self._order]

    def __bool__(self) -> bool:
        return len(self._keys) > 0

    def start(self, enclosure: Enclosure, owner: Index, node: Index, case: Index, rows: Rows) -> Parameters:
        """Where R pairs climb from: their hint, or the rule.

        Args:
            enclosure: the domains.
            owner: (R,) domain of each pair.
            node: (R,) its node; one that came after the tree has no hint.
            case: (R,) its case.
            rows: the problem's rows.
        """
        hint = np.full(len(node), -1)
        at = np.where(node < len(self._parent), node, -1).astype(np.int64)
        while len(waiting := np.flatnonzero((hint < 0) & (at >= 0) & (case < self._cases))):
            key = self._key(at[waiting], case[waiting])
            place = np.minimum(np.searchsorted(self._keys, key), len(self._keys) - 1)
            found = self._keys[place] == key
            hint[waiting[found]] = self._order[place[found]]
            at[waiting] = self._parent[at[waiting]]
        taken = self._hints.take(hint)  # -1 is the last one, which says nothing
        taken.case[:] = case
        return from_certificates(enclosure, owner, taken, rows)

    def _key(self, node: Index, case: Index) -> Index:
        return node * self._cases + case


def _nothing() -> Certificates:
    """One certificate that says nothing."""
    zero = np.zeros(1, np.int32)
    return Certificates.plain(zero, zero, np.zeros(1), Ragged.empty(1, WEIGHT_COLUMNS))

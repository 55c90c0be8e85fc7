"""Certificates of what is closed, as many as may be kept.

Slopes take some ten bytes a unit and leaf, so the proof of a search that goes on for hours outgrows any memory. From
MOST_BYTES on only the pairs are remembered that were closed: the verdict needs no more, since every one of them was
closed by a rigorous pass; but the proof that is left over has these leaves open.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ivan.proof import Certificates

MOST_BYTES = 750_000_000
"""Kept certificates: a proof is held about three times while it is put together, and while it is replayed."""


class Ledger:
    """Closed (node, case) pairs and their certificates.

    Args:
        first: certificates that hold from the start; kept whatever they take.

    Attributes:
        parts: the certificates that are kept, in the order in which they came.
    """

    def __init__(self, first: Certificates | None = None) -> None:
        self.parts: list[Certificates] = []
        self._unkept: list[NDArray[np.int32]] = []
        self._bytes = 0
        if first is not None and len(first):
            self._keep(first)

    def add(self, claims: Certificates) -> None:
        """Takes certificates that hold."""
        if not len(claims):
            return
        if self._bytes + claims.nbytes <= MOST_BYTES:
            self._keep(claims)
        else:
            self.let_go(np.stack([claims.node, claims.case]))

    def let_go(self, pairs: NDArray[np.int32]) -> None:
        """Takes (2, U) pairs that were closed by certificates nobody keeps."""
        if pairs.shape[1]:
            self._unkept.append(pairs)

    def of(self, node: int) -> Certificates:
        """The certificates of a node."""
        return Certificates.concatenate([part.take(np.flatnonzero(part.node == node)) for part in self.parts])

    def drop(self, node: int, cases: NDArray[np.int32]) -> None:
        """Forgets what was claimed of some cases at a node."""
        for i, part in enumerate(self.parts):
            lost = (part.node == node) & np.isin(part.case, cases)
            if lost.any():
                self.parts[i] = part.take(np.flatnonzero(~lost))

    @property
    def unkept(self) -> NDArray[np.int32]:
        """(2, U) node and case of the pairs whose certificates were let go."""
        return np.concatenate([np.zeros((2, 0), np.int32), *self._unkept], axis=1)

    def _keep(self, claims: Certificates) -> None:
        self.parts.append(claims)
        self._bytes += claims.nbytes

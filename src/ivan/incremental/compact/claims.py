"""New certificates from old ones: a node excludes what other nodes exclude, or it does not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.ascent import Ascent, Schedule
from ivan.bounds.enclosure import Enclosure
from ivan.bounds.improve import improve
from ivan.bounds.objective import Rows
from ivan.deadline import Deadline
from ivan.proof import ByNode, Certificates, Proof

Index = NDArray[np.int64]
Mask = NDArray[np.bool_]

ASCENT = Schedule(20, enough=np.inf)
"""Measured on ACAS Xu: with 6 steps three quarters of the nodes that 60 steps prove are proved, with 20 nearly all."""

ROOM = 0.005
"""Margin, relative to the bound of the region's root, that a new certificate keeps where the old one had it: what only
just holds does not hold for the next version."""


class Claims:
    """The certificates of a proof, as starts for others.

    Args:
        proof: the proof.
        rows: the problem's rows.
        ascent: improves slopes.
        deadline: checked in every step.
    """

    def __init__(self, proof: Proof, rows: Rows, ascent: Ascent, deadline: Deadline) -> None:
        self._certificates, self._rows, self._ascent, self._deadline = proof.certificates, rows, ascent, deadline
        self._of = ByNode(proof.certificates, len(proof.tree))
        root = np.abs(proof.tree.bound[proof.tree.region()])  # roots stand in front, in the order of their regions
        self._room = np.where(np.isfinite(root), ROOM * root, 0.0)

    @property
    def counts(self) -> Index:
        """(N,) how many certificates each node has."""
        return self._of.counts

    def claimed(self, enclosure: Enclosure, nodes: Index, sources: Index) -> tuple[Mask, Certificates]:
        """Is every case that some other nodes exclude excluded in a node's domain?

        Args:
            enclosure: the domains of B nodes.
            nodes: (B,).
            sources: (B, s) nodes whose certificates are taken up.

        Returns:
            Which of the nodes, and their certificates.
        """
        old, source = self._of.of(sources.ravel())
        owner = source // sources.shape[1]
        # of several certificates of a case the weakest is the better start
        certificates = self._certificates
        order = np.lexsort((certificates.margin[old], certificates.case[old], owner))
        old, owner = old[order], owner[order]
        new = np.ones(len(old), bool)
        new[1:] = (np.diff(owner) != 0) | (np.diff(certificates.case[old]) != 0)
        owner, taken = owner[new], certificates.take(old[new])
        found = improve(self._ascent, enclosure, owner, taken, self._rows, ASCENT, self._deadline)
        room = np.minimum(taken.margin, self._room[nodes[owner]])
        enough = found.holds & ((found.bound >= room) | enclosure.empty[owner])
        held = np.ones(len(nodes), bool)
        held[owner[~enough]] = False
        good = np.flatnonzero(held[owner])
        return held, found.certificates(good, nodes[owner[good]])

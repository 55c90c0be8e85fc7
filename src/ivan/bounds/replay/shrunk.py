"""A proof by unit splits on the part of the network that can be anything but zero.

The bounds of the roots tell which units are zero all over the regions. Without them, everything below is several times
cheaper to compute, and the same (see bounds/reduction.py).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.domains import Domains
from ivan.bounds.reduction import Reduction
from ivan.bounds.replay.recipe import root_bounds
from ivan.deadline import Deadline
from ivan.problem import Problem
from ivan.proof import Certificates, Kind, Proof

Index = NDArray[np.int64]

MOST_NUMBERS = 10_000_000
"""Numbers of bounds that may be held for all regions together."""


class Shrunk:
    """A problem and a proof in terms of a smaller network.

    Attributes:
        problem: on the smaller network.
        proof: likewise.
    """

    def __init__(self, problem: Problem, proof: Proof, roots: Domains, reduction: Reduction) -> None:
        tree = proof.tree
        self._region, self._roots, self._reduction = tree.region(), roots, reduction
        self.problem = replace(problem, network=reduction.network)
        self.proof = Proof(
            replace(tree, unit=reduction.tree_units(tree.kind, tree.layer, tree.unit)),
            reduction.certificates(proof.certificates),
            reduction.refinements(proof.refinements),
        )

    @classmethod
    def of(cls, problem: Problem, proof: Proof, deadline: Deadline) -> Shrunk | None:
        """None where it is not worth it.

        Raises:
            OutOfTime: the deadline passed.
        """
        tree, network = proof.tree, problem.network
        split = tree.kind == Kind.UNIT
        units = sum(layer.affine.size for layer in network.layers)
        if not split.any() or 2 * units * len(problem.regions) > MOST_NUMBERS:
            return None
        bounds = root_bounds(problem, proof, deadline)
        # a multiplier makes use of a bound, even of a unit that is zero
        multipliers = proof.certificates.multipliers
        layer = np.concatenate([tree.layer[split], multipliers["layer"].astype(np.int32)])
        unit = np.concatenate([tree.unit[split], multipliers["unit"]])
        reduction = Reduction.of(network, [bounds], layer, unit)
        return None if reduction is None else cls(problem, proof, bounds, reduction)

    def whole_claims(self, claims: Certificates) -> Certificates:
        """Claims, in terms of the whole network."""
        return self._reduction.whole_certificates(claims)

    def whole(self, nodes: Index, domains: Domains) -> Domains:
        """What is known of some nodes, in terms of the whole network."""
        return self._reduction.whole_domains(domains, self._roots.take(self._region[nodes].astype(np.int64)))

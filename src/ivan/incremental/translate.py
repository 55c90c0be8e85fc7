"""A proof of an earlier version in terms of a later one that has lost some units.

Splits of units that are gone are dropped, and the child below them takes its parent's place: a unit that is not there
contributes what one does that is off. What is left is renumbered, and so is advice about the units that are left. A
tree that covered every region still does (standing.py); what is claimed is replayed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ivan.bounds.replay import check_fit
from ivan.incremental.matching import Matching, match
from ivan.incremental.standing import Standing
from ivan.network.compare import stored_arrays
from ivan.network.layers import Network
from ivan.network.restore import restored
from ivan.problem import Problem
from ivan.proof import Kind, Proof, Side, State
from ivan.proof.renumber import renumbered_certificates, renumbered_refinements, renumbered_units


@dataclass(frozen=True)
class Ancestor:
    """An earlier version that lost units on the way to the one at hand.

    Attributes:
        network: what it was.
        matching: which of its units are left.
    """

    network: Network
    matching: Matching

    @classmethod
    def of(cls, later: Network, stored: bytes, digest: str) -> Ancestor | None:
        """From what the store keeps of it; None where it is not the same with more units.

        Args:
            later: the network at hand.
            stored: `weights_bytes` of the earlier version.
            digest: of the same.

        Raises:
            StoreError: the bytes are damaged.
        """
        numbers = stored_arrays(stored)
        network = None if numbers is None else restored(later, numbers, digest)
        matching = None if network is None else match(network, later)
        return None if network is None or matching is None else cls(network, matching)


def translate(problem: Problem, proof: Proof, ancestor: Ancestor) -> Proof:
    """The proof in terms of the network at hand.

    Args:
        problem: on the network at hand.
        proof: found for the earlier version.
        ancestor: the earlier version.

    Raises:
        ProofError: the proof does not fit the earlier version.
    """
    place = ancestor.matching.place
    check_fit(replace(problem, network=ancestor.network), proof)
    tree, below = proof.tree, proof.tree.children
    gone = np.zeros(len(tree), bool)  # splits of units that are, as their children tell
    split = np.flatnonzero(tree.state == State.SPLIT)
    first = below[split, 0]
    for k, table in enumerate(place):
        here = (tree.kind[first] == Kind.UNIT) & (tree.layer[first] == k + 1)
        gone[split[here]] = table[tree.unit[first[here]]] < 0
    if gone.any():
        standing = Standing(tree, gone, below[:, Side.BELOW])
        proof = standing.proof(proof, tree.at[standing.places], tree.bound[standing.places])
    tree = proof.tree
    return Proof(
        replace(tree, unit=renumbered_units(tree.kind, tree.layer, tree.unit, place)),
        renumbered_certificates(proof.certificates, place),
        renumbered_refinements(proof.refinements, place),
    )

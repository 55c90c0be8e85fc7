"""The laws of a proof that can be told without its model."""

from __future__ import annotations

import numpy as np

from ivan.proof.certificate import Proof
from ivan.proof.tree import Kind

MOST_LAYERS, MOST_UNITS, MOST_ROWS = np.iinfo(np.int16).max, np.iinfo(np.int32).max, np.iinfo(np.int32).max
"""What the format of proofs can name."""


def check_alone(proof: Proof, cases: int) -> None:
    """Could this be a proof of some property of some network?

    Args:
        proof: as it was read.
        cases: how many a property may have.

    Raises:
        ProofError: naming the first law that is broken.
    """
    tree, layers = proof.tree, [MOST_UNITS] * MOST_LAYERS
    tree.check(int(np.sum(tree.kind == Kind.ROOT)), MOST_UNITS, layers)
    proof.certificates.check(len(tree), np.full(cases, MOST_ROWS))
    proof.refinements.check(tree, layers)

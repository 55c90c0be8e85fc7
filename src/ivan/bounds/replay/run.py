"""Replay: a proof - a tree and certificates - against a problem.

Certifying a fresh result, checking a stored proof and re-verifying an updated model are this one operation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.domains import Domains
from ivan.bounds.replay.coverage import uncovered
from ivan.bounds.replay.mending import Mended
from ivan.bounds.replay.shrunk import Shrunk
from ivan.bounds.replay.walk import OnFailure, Walk
from ivan.deadline import NEVER, Deadline
from ivan.problem import Problem
from ivan.proof import Proof

Index = NDArray[np.int64]
Array = NDArray[np.float64]

KEPT_NUMBERS = 20_000_000
"""Numbers of known bounds that are handed on with the leaves that failed."""


@dataclass
class Replayed:
    """What a replay found.

    Attributes:
        holds: (M,) True where a certificate holds.
        bound: (M,) the rigorous bound each certificate reached.
        leaf: (P,) leaves with a case that no certificate excludes, ...
        case: (P,) ... and that case.
        domains: known bounds of such leaves, in parts (nodes, their domains), as far as memory is set aside for it.
        mended: what became of certificates that failed as they were.
        tried: (M,) False where the replay ended too early; what was not tried does not hold.
        stopped: `on_failure` ended it early.
        out_of_time: the deadline did.
    """

    holds: NDArray[np.bool_]
    bound: Array
    leaf: Index
    case: Index
    domains: list[tuple[Index, Domains]]
    mended: Mended
    tried: NDArray[np.bool_]
    stopped: bool = False
    out_of_time: bool = False

    @property
    def complete(self) -> bool:
        """True when every case is excluded in every leaf: the property holds."""
        return not len(self.leaf)


def replay(
    problem: Problem,
    proof: Proof,
    deadline: Deadline = NEVER,
    progress: Callable[[int, int], None] | None = None,
    on_failure: OnFailure | None = None,
    *,
    mend: bool = False,
) -> Replayed:
    """Tries every certificate of a proof on a problem.

    Args:
        problem: with as many regions and cases as the proof's; tree and certificates have been checked to fit.
        proof: the claims.
        deadline: checked between batches and in the steps of an ascent.
        progress: told after each batch how many certificates were tried and how many of them hold.
        on_failure: given the certificates of each batch that fail; ends the replay by returning True.
        mend: improve certificates that fail by some steps of ascent, where they stand.

    Raises:
        OutOfTime: the deadline passed in what comes before the first batch.
    """
    shrunk = Shrunk.of(problem, proof, deadline)
    most = KEPT_NUMBERS // max(1, sum(2 * layer.affine.size for layer in problem.network.layers))
    if shrunk is None:
        walk = Walk(problem, proof, deadline, progress, on_failure, most, mend=mend)
    else:
        walk = Walk(shrunk.problem, shrunk.proof, deadline, progress, on_failure, most, mend=mend)
    walk.run()
    held = proof.certificates.node[walk.held], proof.certificates.case[walk.held]
    leaf, case = uncovered(problem, proof.tree, *held)
    domains, mended = walk.domains, walk.mended
    if shrunk is not None:
        domains = [(nodes, shrunk.whole(nodes, known)) for nodes, known in domains]
        mended = mended.mapped(shrunk.whole_claims)
    return Replayed(walk.held, walk.bound, leaf, case, domains, mended, walk.tried, walk.stopped, walk.out_of_time)

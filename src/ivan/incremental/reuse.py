"""Reuse: the old tree is the new search's first tree (IVAN, section 4.1).

Beyond the paper, replay tells which old certificates still hold (transfer). What they cover is done; the leaves that
they no longer cover are the first open domains of the search. The order is by suspicion: a leaf whose certificate
misses by most is the likeliest to hide a counterexample, so it is searched first. The tree may lose its weak splits
first (prune.py), and tell the search which decisions were weak (reorder.py).

A proof is only taken over when it fits: as many regions, inputs and units as the problem has, and a tree whose leaves
cover every region (`SpecTree.check`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ivan.attack.confirm import Run
from ivan.bounds.columns import Model
from ivan.bounds.replay import Replayed, check_fit, replay, uncovered
from ivan.deadline import Deadline
from ivan.incremental.prune import prune
from ivan.incremental.reorder import experience_of
from ivan.incremental.techniques import DEFAULT, Techniques
from ivan.problem import Problem
from ivan.proof import Certificates, Proof, Witness
from ivan.search.candidates import Candidates
from ivan.search.terms import Seed

WORTH_PURSUIT = 1000
"""Nodes that a replay bounds from which a batch of gradient descents comes first; a shorter replay is over sooner."""


@dataclass(frozen=True)
class Reused:
    """What an old proof is worth on a problem.

    Attributes:
        seed: where the search goes on.
        leaves: leaves of the old proof.
        leaves_held: leaves of the seed's tree in which every case is excluded already.
        complete: nothing is left to search: the property holds.
        witness: a counterexample that came up where a certificate failed.
        cut_off: where the deadline passed in the middle: the old proof with what was mended by then, for a later run.
    """

    seed: Seed
    leaves: int
    leaves_held: int
    complete: bool
    witness: Witness | None = None
    cut_off: Proof | None = None


def reuse(
    problem: Problem,
    proof: Proof,
    run: Run,
    deadline: Deadline,
    progress: Callable[[int, int], None] | None = None,
    techniques: Techniques = DEFAULT,
) -> Reused:
    """Makes the seed of a search out of an old proof.

    Before a long replay comes a batch of gradient descents, and where a certificate fails, the corner that minimises
    its bound is tried as a counterexample at once: an update that breaks the property is often found out long before
    the replay is through.

    Args:
        problem: the problem.
        proof: found for another network, or on the way to this one's.
        run: the deployed model.
        deadline: when to stop.
        progress: told how many certificates were tried and how many hold.
        techniques: what is taken over from the proof.

    Raises:
        ProofError: the proof does not fit the problem.
        OutOfTime: the deadline passed in what comes before the replay.
    """
    check_fit(problem, proof)
    leaves = len(proof.tree.leaves)
    experience = None
    if techniques.reorder:
        experience = experience_of(proof.tree, problem.network, techniques.alpha, techniques.theta)
    if not techniques.reuse:
        return Reused(replace(Seed.fresh(problem), experience=experience), leaves, 0, complete=False)
    if techniques.prune:
        proof = prune(proof, problem.regions, techniques.theta)
        check_fit(problem, proof)
    if not techniques.transfer:
        seed = replace(_open(problem, proof), experience=experience)
        return Reused(seed, leaves, 0, complete=not len(seed.leaf))
    candidates = Candidates(problem, run, deadline)

    if len(problem.cases) and proof.tree.replay_cost >= WORTH_PURSUIT:
        candidates.pursue(Model(problem.network), np.arange(len(problem.cases)))
        if candidates.witness is not None:
            return Reused(_open(problem, proof), leaves, 0, complete=False, witness=candidates.witness)

    def try_corners(corner: NDArray[np.float64], case: NDArray[np.int64]) -> bool:
        candidates.points(corner, case)
        return candidates.witness is not None

    replayed = replay(problem, proof, deadline, progress, try_corners, mend=True)
    held = len(proof.tree.leaves) - len(np.unique(replayed.leaf))
    seed = replace(seed_of(proof, replayed), experience=experience)
    cut_off = _cut_off(proof, replayed) if replayed.out_of_time and not replayed.complete else None
    return Reused(seed, leaves, held, replayed.complete, candidates.witness, cut_off)


def _open(problem: Problem, proof: Proof) -> Seed:
    """The old tree, and nothing proved."""
    nothing = Certificates.none()
    leaf, case = uncovered(problem, proof.tree, nothing.node, nothing.case)
    return Seed(proof.tree.with_open(leaf), nothing, leaf, case, refinements=proof.refinements)


def _cut_off(proof: Proof, replayed: Replayed) -> Proof:
    """What holds, what was improved, and what was not tried."""
    mended = replayed.mended
    claims = [mended.applied(proof.certificates, replayed.holds | ~replayed.tried), *mended.improved]
    return Proof(proof.tree.with_open(replayed.leaf), Certificates.concatenate(claims), proof.refinements)


def seed_of(proof: Proof, replayed: Replayed) -> Seed:
    """The certificates that hold, and the open leaves in the order of suspicion, most suspicious last."""
    failed = ~replayed.holds
    # how far a leaf's certificates miss; a leaf without any is as suspicious as can be
    missing = np.full(len(proof.tree), np.inf)
    np.minimum.at(missing, proof.certificates.node[failed], replayed.bound[failed])
    nearest = np.where(np.isinf(missing), -np.inf, missing)
    order = np.lexsort((replayed.case, replayed.leaf, -nearest[replayed.leaf]))
    return Seed(
        proof.tree.with_open(replayed.leaf),
        replayed.mended.applied(proof.certificates, replayed.holds),
        replayed.leaf[order],
        replayed.case[order],
        tuple(replayed.domains),
        proof.refinements,
        Certificates.concatenate(replayed.mended.improved),
    )

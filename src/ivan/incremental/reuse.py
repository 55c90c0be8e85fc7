"""Reuse: the old tree is the new search's first tree (IVAN, section 4.1).

Replay tells which old certificates still hold. What they cover is done; the leaves that they no longer cover are the
first open domains of the search. The order is by suspicion: a leaf whose certificate misses by most is the likeliest
to hide a counterexample, so it is searched first.

A proof is only taken over when it fits: as many regions, inputs and units as the problem has, and a tree whose leaves
cover every region (`SpecTree.check`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ivan.bounds.replay import Replayed, replay
from ivan.deadline import Deadline
from ivan.problem import Problem
from ivan.proof import Proof
from ivan.search.terms import Seed


@dataclass(frozen=True)
class Reused:
    """What an old proof is worth on a problem.

    Attributes:
        seed: where the search goes on.
        leaves: leaves of the old proof.
        leaves_held: those of them in which every case is still excluded.
        complete: nothing is left to search: the property holds.
    """

    seed: Seed
    leaves: int
    leaves_held: int
    complete: bool


def check_fit(problem: Problem, proof: Proof) -> None:
    """Does the proof speak about this problem's regions, cases, inputs and units?

    Raises:
        ProofError: saying where it does not fit.
    """
    network = problem.network
    sizes = [layer.size if layer.activation.split_points else 0 for layer in network.layers]
    proof.tree.check(len(problem.regions), network.inputs, sizes)
    proof.certificates.check(len(proof.tree), problem.rows_of_case)


def reuse(
    problem: Problem, proof: Proof, deadline: Deadline, progress: Callable[[int, int], None] | None = None
) -> Reused:
    """Replays an old proof and makes a seed of it.

    Raises:
        ProofError: the proof does not fit the problem.
        OutOfTime: the deadline passed.
    """
    check_fit(problem, proof)
    replayed = replay(problem, proof, deadline, progress)
    leaves = len(proof.tree.leaves)
    failed = len(np.unique(replayed.leaf))
    return Reused(seed_of(proof, replayed), leaves, leaves - failed, replayed.complete)


def seed_of(proof: Proof, replayed: Replayed) -> Seed:
    """The certificates that hold, and the open leaves in the order of suspicion, most suspicious last."""
    nearest = np.full(len(proof.tree), -np.inf)
    failed = ~replayed.holds
    # how far a leaf's certificates miss; a leaf without any is as suspicious as can be
    missing = np.full(len(proof.tree), np.inf)
    np.minimum.at(missing, proof.certificates.node[failed], replayed.bound[failed])
    nearest = np.where(np.isinf(missing), nearest, missing)
    order = np.lexsort((replayed.case, replayed.leaf, -nearest[replayed.leaf]))
    kept = proof.certificates.take(np.flatnonzero(replayed.holds))
    return Seed(
        proof.tree.with_open(replayed.leaf), kept, replayed.leaf[order], replayed.case[order], tuple(replayed.domains)
    )

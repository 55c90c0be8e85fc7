"""A compaction from start to end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.ascent import Ascent, Model
from ivan.bounds.objective import Rows
from ivan.bounds.replay import Shrunk
from ivan.deadline import NEVER, Deadline, OutOfTime
from ivan.incremental.compact.claims import Claims
from ivan.incremental.compact.counts import Counts
from ivan.incremental.compact.hoisting import Hoisting, lowest_bounds
from ivan.incremental.compact.joining import Joining, above_two_leaves
from ivan.problem import Problem
from ivan.proof import Proof

STAGES: tuple[tuple[Callable[[Proof], NDArray[np.int64]], type[Hoisting] | type[Joining]], ...] = (
    (lowest_bounds, Hoisting),
    (above_two_leaves, Joining),
    (lowest_bounds, Hoisting),
)
"""What is tried, and how: after nodes were joined, more of them may do without bounds."""


@dataclass(frozen=True)
class Compacted:
    """What a compaction made of a proof.

    Attributes:
        proof: as complete as the old one.
        counts: how it was made.
        finished: nothing is left to try.
    """

    proof: Proof
    counts: Counts
    finished: bool


def compact(
    problem: Problem,
    proof: Proof,
    deadline: Deadline = NEVER,
    progress: Callable[[Counts], None] | None = None,
    *,
    thrifty: bool = False,
) -> Compacted:
    """Makes a proof cheaper to replay.

    Args:
        problem: the problem.
        proof: complete, holds for the problem.
        deadline: when to stop; what was reached by then is kept.
        progress: told after each batch.
        thrifty: stop as well where it hardly pays.
    """
    try:
        shrunk = Shrunk.of(problem, proof, deadline)
    except OutOfTime:
        return Compacted(proof, Counts(), finished=False)
    small_problem, small = (problem, proof) if shrunk is None else (shrunk.problem, shrunk.proof)
    rows, ascent = Rows(small_problem), Ascent(Model(small_problem.network))
    total, finished = Counts(), True
    for candidates, stage in STAGES:
        counts, goes_on = Counts(), True
        while goes_on and len(nodes := candidates(small)):
            found = stage(small_problem, small, nodes, Claims(small, rows, ascent, deadline), deadline)
            out_of_time = False
            try:
                for _ in found.run():
                    now = counts.plus(found.counts)
                    if progress is not None:
                        progress(total.plus(now))
                    goes_on = not thrifty or now.pays
                    if not goes_on:
                        break
            except OutOfTime:
                out_of_time = True
            counts, claims = counts.plus(found.counts), found.claims
            small = found.applied(small, claims)
            proof = small if shrunk is None else found.applied(proof, shrunk.whole_claims(claims))
            if out_of_time:
                return Compacted(proof, total.plus(counts), finished=False)
        total, finished = total.plus(counts), finished and goes_on
    return Compacted(proof, total, finished)

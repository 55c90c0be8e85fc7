"""A compaction from start to end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.ascent import Ascent, Model
from ivan.bounds.objective import Rows
from ivan.bounds.replay import Shrunk, root_bounds
from ivan.deadline import NEVER, Deadline, OutOfTime
from ivan.incremental.compact.claims import Claims
from ivan.incremental.compact.counts import Counts
from ivan.incremental.compact.found import Found
from ivan.incremental.compact.hoisting import Hoisting, lowest_bounds
from ivan.incremental.compact.joining import Joining, above_two_leaves
from ivan.incremental.compact.sharing import Sharing
from ivan.problem import Problem
from ivan.proof import Proof

STAGES: tuple[tuple[Callable[[Proof], NDArray[np.int64]], type[Hoisting] | type[Joining]], ...] = (
    (lowest_bounds, Hoisting),
    (above_two_leaves, Joining),
    (lowest_bounds, Hoisting),
)
"""What is tried, and how: after nodes were joined, more of them may do without bounds."""


MOST_NUMBERS = 10_000_000
"""Numbers of bounds that are held for all regions together."""


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
        small_problem, small = (problem, proof) if shrunk is None else (shrunk.problem, shrunk.proof)
        # no stage changes them
        at_roots = root_bounds(small_problem, small, deadline) if _fits(small_problem) else None
    except OutOfTime:
        return Compacted(proof, Counts(), finished=False)
    rows, ascent = Rows(small_problem), Ascent(Model(small_problem.network))
    total, finished, sharing = Counts(), True, Sharing(deadline)
    for candidates, stage in STAGES:
        counts, goes_on = Counts(), True
        while goes_on and len(nodes := sharing.first(candidates(small))):
            trial = stage(small_problem, small, nodes, Claims(small, rows, ascent, deadline), at_roots, deadline)
            parts: list[Found] = []
            out_of_time = False
            try:
                for part in sharing.run(trial.run, small.tree, nodes):
                    parts.append(part)
                    counts = counts.plus(part.counts)
                    if progress is not None:
                        progress(total.plus(counts))
                    goes_on = not thrifty or counts.pays
                    if not goes_on:
                        break
            except OutOfTime:
                out_of_time = True
            found = Found.concatenate(parts)
            small = trial.applied(small, found)
            if shrunk is None:
                proof = small
            else:
                proof = trial.applied(proof, replace(found, claims=shrunk.whole_claims(found.claims)))
            if out_of_time:
                return Compacted(proof, total.plus(counts), finished=False)
        total, finished = total.plus(counts), finished and goes_on
    return Compacted(proof, total, finished)


def _fits(problem: Problem) -> bool:
    """Is there memory for the bounds of all roots?"""
    units = sum(layer.size for layer in problem.network.layers)
    return 2 * units * len(problem.regions) <= MOST_NUMBERS

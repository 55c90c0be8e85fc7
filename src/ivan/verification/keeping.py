"""After the answer: the run is saved, and its proof made cheaper to replay."""

from __future__ import annotations

import time

from ivan.deadline import Deadline
from ivan.incremental.compact import compact
from ivan.memory import Memory
from ivan.outcome import Outcome, Use
from ivan.problem import Problem
from ivan.verdict import Verdict
from ivan.verification.progress import Progress

WORTH_COMPACTING = 0.1
"""Seconds of a compaction from which one is begun."""


def save(memory: Memory, progress: Progress, options: str) -> None:
    """Saves the outcome as a run.

    Args:
        memory: of the question.
        progress: its outcome is saved, and told the run's number.
        options: digest of the options that change a proof.
    """
    outcome = progress.outcome
    start = time.monotonic()
    verdict = outcome.verdict
    if verdict is Verdict.UNSAT and outcome.proof is not None and not outcome.proof.complete:
        verdict = Verdict.UNKNOWN  # what is stored is no proof
        progress.listener.warned(
            f"only a part of the proof is kept: certificates of {outcome.statistics.unkept:,} leaves are too many",
            "the store has the answer as undecided; verifying again starts from the part that is kept",
        )
    outcome.run = memory.save(
        verdict,
        outcome.proof,
        outcome.witness,
        options=options,
        seconds=outcome.solve_seconds,
        statistics=statistics_of(outcome),
        parent=outcome.base_run if outcome.base_use is Use.PROOF else None,
    )
    outcome.save_seconds = time.monotonic() - start


def statistics_of(outcome: Outcome) -> dict[str, object]:
    """What is saved with a run."""
    found: dict[str, object] = {
        "domains": outcome.statistics.domains,
        "reused_leaves": outcome.reused_leaves,
        "base_leaves": outcome.base_leaves,
    }
    if outcome.base_use is Use.PROOF and outcome.base_name is not None:
        found["base_name"] = outcome.base_name  # the run has it too, but may be deleted, or left behind
    return found


def compact_saved(
    memory: Memory, run: int, problem: Problem, progress: Progress, deadline: Deadline, share: float
) -> None:
    """Makes the saved proof cheaper to replay, for a share of the time that solving took."""
    outcome = progress.outcome
    budget = share * outcome.solve_seconds
    if budget < WORTH_COMPACTING or outcome.proof is None or not outcome.proof.complete:
        return
    start = time.monotonic()
    with progress.phase("compact"):
        found = compact(problem, outcome.proof, deadline.sooner(budget), thrifty=True)
    if memory.replace(run, outcome.proof, found):
        outcome.proof, outcome.compacted_leaves = found.proof, len(found.proof.tree.leaves)
    outcome.compact_seconds = time.monotonic() - start

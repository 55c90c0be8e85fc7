"""What the store has on a question: its answer, one that implies it, a counterexample, a proof to start from."""

from __future__ import annotations

from itertools import chain

import numpy as np
from numpy.typing import NDArray

from ivan.deadline import Deadline
from ivan.incremental.base import choose
from ivan.memory import Base, Memory, Version
from ivan.outcome import Use
from ivan.verdict import Verdict
from ivan.verification.progress import Progress
from ivan.verification.question import Models, Question


class Lookup:
    """Asks the store; what is made use of is noted in the outcome.

    Attributes:
        near: (n,) each: counterexamples of other versions that are none here; an attack may start from them.
    """

    def __init__(self, memory: Memory, question: Question, progress: Progress) -> None:
        self._memory, self._question, self._progress = memory, question, progress
        self.near: list[NDArray[np.float64]] = []

    def answer(self, *, with_proof: bool) -> bool:
        """A stored answer to this very question; a counterexample only counts when it is confirmed once more.

        Args:
            with_proof: an `unsat` only counts when its proof is there, and the proof is handed out.
        """
        proof = None
        with self._progress.phase("store"):
            found = self._memory.exact()
            if found is not None and with_proof and found[0].verdict == Verdict.UNSAT.value:
                proof = self._memory.proof(found[0])
                found = None if proof is None else found
        if found is None:
            return False
        run, witness = found
        outcome = self._progress.outcome
        if proof is not None:
            outcome.proof = proof
            outcome.claim = self._question.claim(run.options, run.seconds, run.statistics)
        if run.verdict == Verdict.SAT.value:
            confirmed = None if witness is None else self._question.confirmed(witness.inputs)
            if confirmed is None:
                self._progress.listener.warned(f"the counterexample of run {run.id} is not confirmed any more", None)
                return False
            outcome.witness = confirmed
        outcome.verdict = Verdict(run.verdict)
        outcome.rests_on(Use.ANSWER, run.id, self._question.problem.network.name, None)
        outcome.leaves = outcome.base_leaves = outcome.reused_leaves = run.leaves or 0
        return True

    def implied(self) -> bool:
        """A stored `unsat` to a question about this model that leaves nothing of this one."""
        with self._progress.phase("store"):
            found = self._memory.implied()
        if found is None:
            return False
        outcome = self._progress.outcome
        outcome.verdict = Verdict(found.run.verdict)
        outcome.rests_on(Use.IMPLICATION, found.run.id, found.network.name, found.asked.name)
        outcome.leaves = outcome.base_leaves = outcome.reused_leaves = found.run.leaves or 0
        return True

    def witness(self) -> bool:
        """A counterexample of another version, or to another property, that is one here too."""
        outcome = self._progress.outcome
        with self._progress.phase("store"):
            mine, others = self._memory.witnesses(), self._memory.other_witnesses()
        for run, witness in (*mine, *others):
            outcome.witness = self._question.confirmed(witness.inputs)
            if outcome.witness is not None:
                outcome.rests_on(Use.WITNESS, run.id, *self._memory.names(run))
                return True
        self.near = [witness.inputs for _, witness in mine]
        return False

    def version(self, base: Models) -> Version | None:
        """The version that the user names; None where the store cannot be read."""
        with self._progress.phase("store"):
            return self._memory.version(base)

    def base_of(self, version: Version) -> Base | None:
        """The proof of that version."""
        with self._progress.phase("store"):
            return self._memory.of_version(version)

    def best_base(self, deadline: Deadline) -> Base | None:
        """This question's own proof, else the most promising one of another version, else a kindred question's."""
        memory = self._memory
        with self._progress.phase("store"):
            own = memory.own()
            kinds = memory.relatives()
            first = next(kinds, None) if own is None else None
        if own is not None:
            return own
        if first is not None:
            with self._progress.phase("choose"):
                chosen = (choose(self._question.problem, kind, deadline) for kind in chain([first], kinds))
                found = next((base for base in chosen if base is not None), None)
            if found is not None:
                return found
        with self._progress.phase("store"):
            return memory.kindred()

"""The order in which a question is answered: what is stored, a short attack, replay, the attack, the search."""

from __future__ import annotations

import time
from os import PathLike, fspath

import numpy as np
from numpy.typing import NDArray

from ivan.answer import tensors
from ivan.attack.pgd import attack
from ivan.bounds import parallel
from ivan.bounds.columns import Model as Columns
from ivan.deadline import Deadline, OutOfTime
from ivan.errors import ProofError
from ivan.incremental.reuse import Reused, reuse
from ivan.incremental.techniques import Techniques
from ivan.memory import Base, Memory
from ivan.options import Options
from ivan.outcome import Listener, Outcome, Use
from ivan.reason import Reason
from ivan.search import Search, Seed
from ivan.verdict import Verdict
from ivan.verification.keeping import compact_saved, save, statistics_of
from ivan.verification.lookup import Lookup
from ivan.verification.progress import Progress
from ivan.verification.question import Models, Question
from ivan.vnnlib import Query

FIRST_RESTARTS, LEAVES_PER_START = 8, 64
"""Starting points of the attack that comes before a replay: at least so many, and more for a long one."""


class Verification:
    """The state of one verification; its methods are the steps, the first of which is to read all files.

    Args:
        models: the files of the networks.
        query: the property, or what it is read from.
        options: all knobs.
        listener: told what happens.
        deadline: of all of it.

    Raises:
        InputError: model or query cannot be used, or they do not fit each other.
        ValueError: the options name an unknown technique.
    """

    def __init__(
        self,
        models: Models,
        query: str | PathLike[str] | Query,
        options: Options,
        listener: Listener,
        deadline: Deadline,
    ) -> None:
        self._options, self._listener, self._deadline = options, listener, deadline
        self._progress = Progress(listener)
        self._outcome = self._progress.outcome
        self._rng = np.random.default_rng(options.seed)
        self._techniques = Techniques.of(options.incremental, options.alpha, options.theta)
        self._tried = 0
        self._near: list[NDArray[np.float64]] = []
        parallel.set_threads(options.threads or parallel.cores())
        self._question = Question(models, query, self._progress, deadline, self._rng)
        self._problem = self._question.problem

    def answer(
        self,
        store: str | PathLike[str] | bool | None,
        base: Models | None,
        *,
        fresh: bool,
        recheck: bool,
        keep_proof: bool,
    ) -> Outcome:
        """Everything after reading; what the arguments mean says `verify`."""
        solving, memory = time.monotonic(), None
        location = None if store is None or isinstance(store, bool) else fspath(store)
        try:
            if store is not False:
                with self._progress.phase("store"):
                    memory = Memory.open(
                        location,
                        self._question.deployment.file_digest,
                        self._problem,
                        self._deadline,
                        self._listener.warned,
                    )
                    self._outcome.network_digest = self._problem.network.digest
                    self._outcome.property_digest = self._problem.asked
            lookup = None if memory is None else Lookup(memory, self._question, self._progress)
            verdict = self._decide(lookup, base, fresh=fresh, recheck=recheck, keep_proof=keep_proof)
            self._tell(verdict, solving)
            if memory is not None:
                self._keep(memory)
            if keep_proof and verdict is Verdict.UNSAT and self._outcome.claim is None:
                self._outcome.claim = self._question.claim(
                    self._options.digest(), self._outcome.solve_seconds, statistics_of(self._outcome)
                )
            self._outcome.seconds = self._progress.seconds
            return self._outcome
        finally:
            if memory is not None:
                memory.close()

    def _decide(
        self, lookup: Lookup | None, base: Models | None, *, fresh: bool, recheck: bool, keep_proof: bool
    ) -> Verdict:
        outcome = self._outcome
        try:
            # first, so that a wrong name is always an error
            version = None if lookup is None or base is None else lookup.version(base)
            if lookup is not None and not fresh and not recheck:
                if lookup.answer(with_proof=keep_proof):
                    return outcome.verdict
                # a proof of this very question, where one is asked for, grows from that of the other one
                if not keep_proof and lookup.implied():
                    return outcome.verdict
            self._question.check_models()
            seed = Seed.fresh(self._problem)
            if not self._problem.cases:  # every region is empty
                outcome.proof = seed.proof
                return Verdict.UNSAT
            if lookup is not None and not fresh:
                if lookup.witness():
                    return Verdict.SAT
                self._near = lookup.near
                if base is None:
                    chosen = lookup.best_base(self._deadline)
                else:
                    chosen = None if version is None else lookup.base_of(version)
                # an update that breaks the property is often found out long before its old proof is replayed
                if chosen is not None:
                    starts = max(FIRST_RESTARTS, len(chosen.proof.tree.leaves) // LEAVES_PER_START)
                    if self._attacked(min(starts, self._options.attack_restarts)):
                        return Verdict.SAT
                reused = None if chosen is None else self._reused(chosen)
                if reused is not None:
                    if reused.witness is not None:
                        outcome.witness = reused.witness
                        return Verdict.SAT
                    if reused.complete:
                        outcome.proof = reused.seed.proof
                        return Verdict.UNSAT
                    if reused.cut_off is not None:
                        outcome.proof = reused.cut_off
                        return Verdict.TIMEOUT
                    seed = reused.seed
            if self._tried < self._options.attack_restarts and self._attacked(self._options.attack_restarts):
                return Verdict.SAT
            return self._searched(seed)
        except OutOfTime:
            return Verdict.TIMEOUT

    def _reused(self, chosen: Base) -> Reused | None:
        """A stored proof, replayed."""
        total = len(chosen.proof.certificates)
        try:
            with self._progress.phase("replay"):
                reused = reuse(
                    self._problem,
                    chosen.proof,
                    self._question.run_models,
                    self._deadline,
                    lambda tried, held: self._listener.replayed(tried, held, total),
                    self._techniques,
                )
        except ProofError as error:
            self._listener.warned(f"the proof of run {chosen.run.id} is not used: {error.message}", error.hint)
            return None
        outcome = self._outcome
        outcome.rests_on(Use.PROOF, chosen.run.id, chosen.name, chosen.asked)
        outcome.base_leaves, outcome.reused_leaves = reused.leaves, reused.leaves_held
        return reused

    def _attacked(self, restarts: int) -> bool:
        with self._progress.phase("attack"):
            points, regions = attack(
                self._problem,
                Columns(self._problem.network),
                restarts=restarts,
                steps=self._options.attack_steps,
                rng=self._rng,
                near=self._near,
                deadline=self._deadline,
            )
            self._near, self._tried = [], restarts  # once is enough
            for point, region in zip(points[:4], regions[:4], strict=True):
                self._outcome.witness = self._question.confirmed(point, int(region))
                if self._outcome.witness is not None:
                    return True
        return False

    def _searched(self, seed: Seed) -> Verdict:
        with self._progress.phase("search"):
            search = Search(
                self._problem,
                self._question.run_models,
                seed,
                deadline=self._deadline,
                progress=self._listener.searched,
            )
            result = search.run()
        self._outcome.witness, self._outcome.statistics = result.witness, result.statistics
        if result.verdict is Verdict.UNKNOWN:
            self._outcome.reason = Reason.of(result.statistics)
        self._outcome.proof = None if result.verdict is Verdict.SAT else result.proof
        return result.verdict

    def _tell(self, verdict: Verdict, solving: float) -> None:
        """The answer, to the listener; `solving` is the clock's time when reading was over."""
        outcome, query = self._outcome, self._question.query
        outcome.verdict = verdict
        if outcome.proof is not None:
            outcome.leaves = outcome.compacted_leaves = len(outcome.proof.tree.leaves)
        if outcome.witness is not None and query.networks:
            inputs = outcome.witness.inputs[self._problem.place]
            outcome.tensors = tensors(query.networks, inputs, outcome.witness.outputs)
        outcome.solve_seconds = time.monotonic() - solving - self._progress.importing
        outcome.seconds = self._progress.seconds
        self._listener.answered(outcome)

    def _keep(self, memory: Memory) -> None:
        """Saves what is new."""
        outcome = self._outcome
        if outcome.base_use is not None and outcome.base_use.decides:
            return
        save(memory, self._progress, self._options.digest())
        if outcome.verdict is Verdict.UNSAT and outcome.run is not None:
            share = self._options.compact
            compact_saved(memory, outcome.run, self._problem, self._progress, self._deadline, share)

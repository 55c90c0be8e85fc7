"""One query, start to end.

    read -> look up -> attack a little -> replay what is stored -> attack -> search -> answer -> save

The answer is handed to the listener before anything is saved. Every way to an answer ends in one of two places:
`unsat` rests on certificates that held in a rigorous pass on this very model and cover every case of every region, or
on a stored run of the same model whose checksum holds, that was found here, and whose property is this one or contains
it; `sat` rests on onnxruntime.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import chain
from os import PathLike, fspath
from typing import Any

import numpy as np

from ivan.answer import tensors
from ivan.attack.confirm import confirm
from ivan.attack.pgd import attack
from ivan.bounds import parallel
from ivan.bounds.columns import Model as Columns
from ivan.deadline import NEVER, Deadline, OutOfTime
from ivan.deployment import Deployment, deploy
from ivan.errors import InputError, ProofError
from ivan.incremental.base import choose
from ivan.incremental.compact import compact
from ivan.incremental.reuse import Reused, reuse
from ivan.incremental.techniques import Techniques
from ivan.memory import Base, Memory, Version, load_store
from ivan.network.reference import self_check
from ivan.options import Options, check
from ivan.outcome import Claim, Listener, Outcome, Use
from ivan.problem import Problem
from ivan.reason import Reason
from ivan.search import Search, Seed
from ivan.search.form import carrying_pays, linking_pays
from ivan.verdict import Verdict
from ivan.vnnlib import Query, asked

Models = str | Mapping[str, str]
"""One file or digest, or a file for each network of a query by its name."""

FIRST_RESTARTS, LEAVES_PER_START = 8, 64
"""Starting points of the attack that comes before a replay: at least so many, and more for a long one."""

WORTH_COMPACTING = 0.1
"""Seconds of a compaction from which one is begun."""


def verify(
    model: str | PathLike[str] | Mapping[str, str | PathLike[str]],
    query: str | PathLike[str] | Query,
    *,
    timeout: float | None = None,
    store: str | PathLike[str] | bool | None = None,
    base: str | PathLike[str] | Mapping[str, str | PathLike[str]] | None = None,
    fresh: bool = False,
    recheck: bool = False,
    keep_proof: bool = False,
    options: Options | None = None,
    deadline: Deadline = NEVER,
    listener: Listener | None = None,
) -> Outcome:
    """Decides whether some input violates a property.

    Args:
        model: ONNX file, plain or .gz; for a query about several networks the file of each by its name.
        query: VNN-LIB file, plain or .gz; or its text, which begins with `(` or `;`; or a property that was read
            already.
        timeout: seconds; without one the search goes on until it is done.
        store: path or URL of the proof store; None for the user's own, False for none at all.
        base: model file, or beginning of a stored digest, whose proof to start from; of several networks the file of
            each by its name, or the beginning of the digest that the store has for all together.
        fresh: ignore what is stored, save what is found.
        recheck: replay a stored proof even when the answer is stored, or follows from another one.
        keep_proof: hand out the proof of `unsat` also where the answer is stored, with all that `write_proof` needs.
        options: all other knobs.
        deadline: an outer limit.
        listener: told what happens.

    Raises:
        InputError: model, query or a number cannot be used, or they do not fit each other.
        ValueError: the options name an unknown technique.
    """
    chosen = options or Options()
    check("timeout", timeout)
    if base is not None and store is False:
        raise InputError("a base is named, and no store to look for its proof", hint="give a store, or no base")
    run = _Verification(chosen, listener or Listener(), deadline if timeout is None else deadline.sooner(timeout))
    run.read(_typed(model), query)
    if store is not False:
        load_store()  # an import, so not part of solving
    with parallel.one_blas_thread():
        earlier = None if base is None else _typed(base)
        return run.answer(store, earlier, fresh=fresh, recheck=recheck, keep_proof=keep_proof)


def _typed(models: str | PathLike[str] | Mapping[str, str | PathLike[str]]) -> Models:
    """Files as they are named on a command line."""
    if isinstance(models, Mapping):
        return {name: fspath(file) for name, file in models.items()}
    return fspath(models)


class _Verification:
    """The state of one verification; its methods are the steps."""

    def __init__(self, options: Options, listener: Listener, deadline: Deadline) -> None:
        self._options, self._listener, self._deadline = options, listener, deadline
        self._began = time.monotonic()
        self._rng = np.random.default_rng(options.seed)
        self._techniques = Techniques.of(options.incremental, options.alpha, options.theta)
        self._outcome = Outcome(Verdict.UNKNOWN)
        self._memory: Memory | None = None
        self._tried = 0
        self._near: list[np.ndarray[Any, np.dtype[np.float64]]] = []
        self._checked = False
        parallel.set_threads(options.threads or parallel.cores())

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        self._listener.phase(name)
        start = time.monotonic()
        try:
            yield
        finally:
            phases = self._outcome.phases
            phases[name] = phases.get(name, 0.0) + time.monotonic() - start

    # -- reading ------------------------------------------------------------------------------------------------------

    def read(self, models: Models, query: str | PathLike[str] | Query) -> None:
        """All files, and the problem they make."""
        with self._phase("read"):
            self._query: Query = asked(query)
            self._deployment: Deployment = deploy(self._query, models)
            self._problem: Problem = self._in_its_form(self._deployment)
            self._outcome.vnnlib_version = self._query.version

    def _run_model(self, x: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
        return self._checked_runtime().run(x)

    def _in_its_form(self, deployment: Deployment) -> Problem:
        """Two networks side by side, or the second as differences from the first, or both tied to one another."""
        runs = deployment.as_runs()
        if runs is not None and linking_pays(runs):
            return runs
        carried = deployment.as_differences()
        if carried is None:
            return deployment.problem
        with suppress(OutOfTime):
            if carrying_pays(deployment.problem, carried, self._deadline):
                return carried
        return deployment.problem

    def _checked_runtime(self) -> Deployment:
        """The deployed models, compared once with what was read."""
        if not self._checked:
            with self._phase("check"):
                for region in self._problem.regions[:1]:
                    self_check(
                        self._problem.network,
                        self._deployment,
                        region.inner_lower,
                        region.inner_upper,
                        self._rng,
                        behind=len(self._query.products),
                    )
                self._checked = True
        return self._deployment

    # -- answering ----------------------------------------------------------------------------------------------------

    def answer(
        self,
        store: str | PathLike[str] | bool | None,
        base: Models | None,
        *,
        fresh: bool,
        recheck: bool,
        keep_proof: bool,
    ) -> Outcome:
        """Everything after reading."""
        self._solving, self._keep_proof = time.monotonic(), keep_proof
        with_store = store is not False
        location = None if store is None or isinstance(store, bool) else fspath(store)
        try:
            if with_store:
                with self._phase("store"):
                    self._memory = Memory.open(
                        location, self._deployment.file_digest, self._problem, self._deadline, self._listener.warned
                    )
                    self._outcome.network_digest = self._problem.network.digest
                    self._outcome.property_digest = self._problem.asked
            found = self._decide(base, fresh=fresh, recheck=recheck)
            return self._answered(found)
        finally:
            if self._memory is not None:
                self._memory.close()

    def _decide(self, base: Models | None, *, fresh: bool, recheck: bool) -> Verdict:
        try:
            version = self._version(base)  # first, so that a wrong name is always an error
            if self._memory is not None and not fresh and not recheck and (self._known() or self._implied()):
                return self._outcome.verdict
            self._checked_runtime()
            seed = Seed.fresh(self._problem)
            if not self._problem.cases:  # every region is empty
                self._outcome.proof = seed.proof
                return Verdict.UNSAT
            if self._memory is not None and not fresh:
                if self._old_witness():
                    return Verdict.SAT
                chosen = self._best_base() if base is None else self._base_of(version)
                # an update that breaks the property is often found out long before its old proof is replayed
                if chosen is not None:
                    starts = max(FIRST_RESTARTS, len(chosen.proof.tree.leaves) // LEAVES_PER_START)
                    if self._attacked(min(starts, self._options.attack_restarts)):
                        return Verdict.SAT
                reused = self._reused(chosen)
                if reused is not None:
                    if reused.witness is not None:
                        self._outcome.witness = reused.witness
                        return Verdict.SAT
                    if reused.complete:
                        self._outcome.proof = reused.seed.proof
                        return Verdict.UNSAT
                    if reused.cut_off is not None:
                        self._outcome.proof = reused.cut_off
                        return Verdict.TIMEOUT
                    seed = reused.seed
            if self._tried < self._options.attack_restarts and self._attacked(self._options.attack_restarts):
                return Verdict.SAT
            return self._searched(seed)
        except OutOfTime:
            return Verdict.TIMEOUT

    def _known(self) -> bool:
        """A stored answer to this very question; a counterexample only counts when it is confirmed once more."""
        assert self._memory is not None
        proof = None
        with self._phase("store"):
            found = self._memory.exact()
            if found is not None and self._keep_proof and found[0].verdict == Verdict.UNSAT.value:
                proof = self._memory.proof(found[0])
                found = None if proof is None else found
        if found is None:
            return False
        run, witness = found
        outcome = self._outcome
        if proof is not None:
            outcome.proof, outcome.claim = proof, self._claim(run.options, run.seconds, run.statistics)
        if run.verdict == Verdict.SAT.value:
            confirmed = None if witness is None else confirm(self._problem, self._run_model, witness.inputs)
            if confirmed is None:
                self._listener.warned(f"the counterexample of run {run.id} is not confirmed any more", None)
                return False
            outcome.witness = confirmed
        outcome.verdict = Verdict(run.verdict)
        outcome.rests_on(Use.ANSWER, run.id, self._problem.network.name, None)
        outcome.leaves = outcome.base_leaves = outcome.reused_leaves = run.leaves or 0
        return True

    def _implied(self) -> bool:
        """A stored `unsat` to a question about this model that leaves nothing of this one."""
        assert self._memory is not None
        if self._keep_proof:  # what is asked for is a proof of this very question: it grows from that of the other one
            return False
        with self._phase("store"):
            found = self._memory.implied()
        if found is None:
            return False
        outcome = self._outcome
        outcome.verdict = Verdict(found.run.verdict)
        outcome.rests_on(Use.IMPLICATION, found.run.id, found.network.name, found.asked.name)
        outcome.leaves = outcome.base_leaves = outcome.reused_leaves = found.run.leaves or 0
        return True

    def _old_witness(self) -> bool:
        """A counterexample of another version, or to another property, that is one here too."""
        assert self._memory is not None
        with self._phase("store"):
            mine, others = self._memory.witnesses(), self._memory.other_witnesses()
        for run, witness in (*mine, *others):
            self._outcome.witness = confirm(self._problem, self._run_model, witness.inputs)
            if self._outcome.witness is not None:
                self._outcome.rests_on(Use.WITNESS, run.id, *self._memory.names(run))
                return True
        self._near = [witness.inputs for _, witness in mine]
        return False

    def _version(self, base: Models | None) -> Version | None:
        """The version that the user names."""
        if self._memory is None or base is None:
            return None
        with self._phase("store"):
            return self._memory.version(base)

    def _base_of(self, version: Version | None) -> Base | None:
        """The proof of the version that the user names."""
        if self._memory is None or version is None:
            return None
        with self._phase("store"):
            return self._memory.of_version(version)

    def _best_base(self) -> Base | None:
        """This question's own proof, else the most promising one of another version, else a kindred question's."""
        memory = self._memory
        assert memory is not None
        with self._phase("store"):
            own = memory.own()
            kinds = memory.relatives()
            first = next(kinds, None) if own is None else None
        if own is not None:
            return own
        if first is not None:
            with self._phase("choose"):
                chosen = (choose(self._problem, kind, self._deadline) for kind in chain([first], kinds))
                found = next((base for base in chosen if base is not None), None)
            if found is not None:
                return found
        with self._phase("store"):
            return memory.kindred()

    def _reused(self, chosen: Base | None) -> Reused | None:
        """A stored proof, replayed."""
        if chosen is None:
            return None
        total = len(chosen.proof.certificates)
        try:
            with self._phase("replay"):
                reused = reuse(
                    self._problem,
                    chosen.proof,
                    self._run_model,
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
        with self._phase("attack"):
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
                self._outcome.witness = confirm(self._problem, self._run_model, point, int(region))
                if self._outcome.witness is not None:
                    return True
        return False

    def _searched(self, seed: Seed) -> Verdict:
        with self._phase("search"):
            search = Search(
                self._problem,
                self._run_model,
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

    # -- afterwards ---------------------------------------------------------------------------------------------------

    def _answered(self, verdict: Verdict) -> Outcome:
        outcome = self._outcome
        outcome.verdict = verdict
        if outcome.proof is not None:
            outcome.leaves = outcome.compacted_leaves = len(outcome.proof.tree.leaves)
        if outcome.witness is not None and self._query.networks:
            inputs = outcome.witness.inputs[self._problem.place]
            outcome.tensors = tensors(self._query.networks, inputs, outcome.witness.outputs)
        now = time.monotonic()
        outcome.solve_seconds, outcome.seconds = now - self._solving, now - self._began
        self._listener.answered(outcome)
        if self._memory is not None and not (outcome.base_use is not None and outcome.base_use.decides):
            self._save(self._memory)
            if verdict is Verdict.UNSAT and outcome.run is not None:
                self._compact(self._memory, outcome.run)
        if self._keep_proof and verdict is Verdict.UNSAT and outcome.claim is None:
            outcome.claim = self._claim(self._options.digest(), outcome.solve_seconds, self._statistics())
        outcome.seconds = time.monotonic() - self._began
        return outcome

    def _save(self, memory: Memory) -> None:
        outcome = self._outcome
        start = time.monotonic()
        verdict = outcome.verdict
        if verdict is Verdict.UNSAT and outcome.proof is not None and not outcome.proof.complete:
            verdict = Verdict.UNKNOWN  # what is stored is no proof
            self._listener.warned(
                f"only a part of the proof is kept: certificates of {outcome.statistics.unkept:,} leaves are too many",
                "the store has the answer as undecided; verifying again starts from the part that is kept",
            )
        outcome.run = memory.save(
            verdict,
            outcome.proof,
            outcome.witness,
            options=self._options.digest(),
            seconds=outcome.solve_seconds,
            statistics=self._statistics(),
            parent=outcome.base_run if outcome.base_use is Use.PROOF else None,
        )
        outcome.save_seconds = time.monotonic() - start

    def _statistics(self) -> dict[str, object]:
        """What is saved with a run."""
        outcome = self._outcome
        found: dict[str, object] = {
            "domains": outcome.statistics.domains,
            "reused_leaves": outcome.reused_leaves,
            "base_leaves": outcome.base_leaves,
        }
        if outcome.base_use is Use.PROOF and outcome.base_name is not None:
            found["base_name"] = outcome.base_name  # the run has it too, but may be deleted, or left behind
        return found

    def _claim(self, options: str, seconds: float, statistics: dict[str, object]) -> Claim:
        return Claim(self._problem, self._deployment.file_digest, options, seconds, statistics)

    def _compact(self, memory: Memory, run: int) -> None:
        """Makes the saved proof cheaper to replay, for a share of the time that solving took."""
        budget, outcome = self._options.compact * self._outcome.solve_seconds, self._outcome
        if budget < WORTH_COMPACTING or outcome.proof is None or not outcome.proof.complete:
            return
        start = time.monotonic()
        with self._phase("compact"):
            found = compact(self._problem, outcome.proof, self._deadline.sooner(budget), thrifty=True)
        if memory.replace(run, outcome.proof, found):
            outcome.proof, outcome.compacted_leaves = found.proof, len(found.proof.tree.leaves)
        outcome.compact_seconds = time.monotonic() - start

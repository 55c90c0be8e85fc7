"""Does a proof that somebody hands over prove a property of a model?

Nothing that comes with the proof is believed: not its verdict, not its counts, not the digests of what it says it is
about. The question is made anew from the model and the property at hand, and the proof is replayed on it, as the
verifier does with its own (bounds/replay). What the file says only decides which proof is tried, and turns a proof of
something else into an error that names it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path

import numpy as np

from ivan.bounds import parallel
from ivan.bounds.replay import check_fit, replay
from ivan.deployment import Deployment, deploy
from ivan.doctor import stored_proof
from ivan.errors import InputError, MismatchError, ProofError
from ivan.network.reference import self_check
from ivan.outcome import Listener
from ivan.problem import Problem
from ivan.proof_file import WHERE_FROM, opened_file, summary_of
from ivan.store import ProofStore
from ivan.store.records import NetworkRecord, RunSummary
from ivan.vnnlib import Query
from ivan.vnnlib import asked as read

Models = str | PathLike[str] | Mapping[str, str | PathLike[str]]


@dataclass(frozen=True)
class Checked:
    """What a proof is worth on a model.

    Attributes:
        run: the run whose proof it is.
        same_model: it was made for this very model, and not for another version.
        leaves: of its tree.
        failed_leaves: those in which it leaves some case of the property.
        certificates: how many it has.
        failed_certificates: those that do not hold; one that is not needed does no harm.
    """

    run: RunSummary
    same_model: bool
    leaves: int
    failed_leaves: int
    certificates: int
    failed_certificates: int

    @property
    def holds(self) -> bool:
        """True when the proof leaves nothing: the model has the property."""
        return not self.failed_leaves


def check_proof(
    path: str | PathLike[str],
    model: Models,
    query: str | PathLike[str] | Query,
    *,
    threads: int = 0,
    listener: Listener | None = None,
) -> Checked:
    """Replays the proof in a file on a model.

    Args:
        path: the file, or a whole store, of which the proof of this property is taken.
        model: ONNX file; for a query about several networks the file of each by its name.
        query: VNN-LIB file, or its text, or a property that was read already.
        threads: for the replay; 0 for all cores.
        listener: told what happens.

    Raises:
        InputError: model or query cannot be used, or the proof is about another property or architecture.
        StoreError: the file is damaged, or no proof store.
        ProofError: the proof is malformed, or fits another question.
    """
    told = listener or Listener()
    with opened_file(Path(path), lambda line: told.warned(line, None)) as store:
        return check_run(store, None, model, query, threads=threads, listener=told)


def check_run(
    store: ProofStore,
    run: int | None,
    model: Models,
    query: str | PathLike[str] | Query,
    *,
    threads: int = 0,
    listener: Listener | None = None,
) -> Checked:
    """Replays the proof of a stored run, or of all the one about this property, on a model; see `check_proof`."""
    told = listener or Listener()
    told.phase("read")
    models = {name: fspath(file) for name, file in model.items()} if isinstance(model, Mapping) else fspath(model)
    deployment = deploy(read(query), models)
    forms = deployment.forms
    summary = _about(store, forms) if run is None else summary_of(store, run)
    problem, same_model = _form(store, summary, forms)
    proof = stored_proof(store, summary.run.id)
    try:
        check_fit(problem, proof)
    except ProofError as error:
        raise ProofError(
            f"{store.location}: the proof of run {summary.run.id} does not fit {deployment.name}: {error.message}",
            hint="it is damaged, or was made for another question than it says",
        ) from error
    parallel.set_threads(threads or parallel.cores())
    total = len(proof.certificates)
    with parallel.one_blas_thread():
        told.phase("check")
        _compare(deployment, problem)
        told.phase("replay")
        found = replay(problem, proof, progress=lambda tried, held: told.replayed(tried, held, total))
    return Checked(
        run=summary,
        same_model=same_model,
        leaves=len(proof.tree.leaves),
        failed_leaves=len(np.unique(found.leaf)),
        certificates=total,
        failed_certificates=total - int(found.holds.sum()),
    )


def _about(store: ProofStore, forms: Sequence[Problem]) -> RunSummary:
    """The stored proof of this property: of this model before another version, a finished one before an open tree."""
    asked = forms[0].asked
    proofs = [run for run in store.runs() if isinstance(run, RunSummary) and run.run.has_proof]
    alike = [run for run in proofs if run.run.property == asked]
    if not proofs:
        raise InputError(f"{store.location}: holds no proof that can be read", hint=WHERE_FROM)
    if not alike:
        others = sorted({f"{run.property_name} ({run.run.property[:8]})" for run in proofs})
        holds = f"is about {others[0]}, not" if len(others) == 1 else f"holds {len(proofs)} proofs, none of"
        raise MismatchError(
            f"{store.location}: {holds} {Path(forms[0].query.path).name} ({asked[:8]})",
            hint="a proof is about one property: give that one",
        )
    own = {problem.network.digest for problem in forms}
    shapes = {problem.network.architecture_digest for problem in forms}

    def worth(run: RunSummary) -> tuple[bool, bool, bool, int]:
        network = _network(store, run)
        shape = network is not None and network.architecture in shapes
        return run.run.network in own, shape, not run.run.open, run.run.id

    return max(alike, key=worth)


def _form(store: ProofStore, summary: RunSummary, forms: Sequence[Problem]) -> tuple[Problem, bool]:
    """The question in the form that the proof is about, and whether it is about this very model.

    Raises:
        MismatchError: it is about another property, or another architecture.
    """
    run, place = summary.run, f"{store.location}: run {summary.run.id}"
    if run.property != forms[0].asked:
        raise MismatchError(
            f"{place} is about {summary.property_name} ({run.property[:8]}), "
            f"not {Path(forms[0].query.path).name} ({forms[0].asked[:8]})",
            hint="a proof is about one property: give that one",
        )
    for problem in forms:
        if problem.network.digest == run.network:
            return problem, True
    network = _network(store, summary)
    for problem in forms:
        if network is not None and problem.network.architecture_digest == network.architecture:
            return problem, False
    raise MismatchError(
        f"{place} is about {summary.network_name} ({run.network[:8]}), which has another architecture than "
        f"{forms[0].network.name} ({forms[0].network.digest[:8]})",
        hint="give the model that the proof was made for, or a version of it with other weights",
    )


def _network(store: ProofStore, summary: RunSummary) -> NetworkRecord | None:
    found = store.find_network(summary.run.network)
    return found[0] if len(found) == 1 else None


def _compare(deployment: Deployment, problem: Problem) -> None:
    """Compares what was read with what onnxruntime computes, as before every `unsat`.

    Raises:
        ModelError: they differ.
    """
    for region in problem.regions[:1]:
        self_check(
            problem.network,
            deployment,
            region.inner_lower,
            region.inner_upper,
            np.random.default_rng(0),
            behind=len(problem.query.products),
        )

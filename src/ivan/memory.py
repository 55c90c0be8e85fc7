"""What the store remembers about a question, in the terms of the verifier.

The store keeps records and bytes; this is the translation: problems to keys, outcomes to records, bytes to proofs. A
store that cannot be used costs its benefit, never an answer: every trouble becomes one warning, and verification goes
on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

import ivan
from ivan.deadline import Deadline
from ivan.errors import MismatchError, ProofError, StoreError
from ivan.incremental.base import Candidate
from ivan.incremental.translate import Ancestor, translate
from ivan.network.compare import distance_to, weights, weights_bytes
from ivan.network.onnx_reader import Model
from ivan.options import Options
from ivan.problem import Problem
from ivan.proof import Kind, Proof, Witness
from ivan.proof.codec import FORMAT, READABLE, decode, encode
from ivan.store import NetworkRecord, ProofRecord, PropertyRecord, RunRecord, StoredRun, WitnessRecord
from ivan.verdict import Verdict

if TYPE_CHECKING:
    from ivan.store import ProofStore

Warn = Callable[[str, str | None], None]
"""Takes a warning and a hint."""

T = TypeVar("T")

MOST_PATIENCE = 5.0
"""Seconds to wait for a store that another process holds."""

CANDIDATES = 16
"""Stored versions among which the nearest is looked for."""


def load_store() -> type[ProofStore]:
    """The store's class; imports SQLAlchemy, which takes as long as a small query takes to verify."""
    from ivan.store import ProofStore

    return ProofStore


@dataclass(frozen=True)
class Base:
    """A stored proof to start from.

    Attributes:
        run: its run.
        name: the model it was found for.
        proof: tree and certificates, in terms of the network at hand as far as that is possible.
    """

    run: StoredRun
    name: str
    proof: Proof


class Memory:
    """An open store, seen from one question.

    Args:
        store: the open store.
        model: the model asked about.
        problem: the problem asked about.
        warn: told about everything that is damaged.
    """

    def __init__(self, store: ProofStore, model: Model, problem: Problem, warn: Warn) -> None:
        self._store, self._model, self._problem, self._warn = store, model, problem, warn

    @classmethod
    def open(
        cls, location: str | None, model: Model, problem: Problem, deadline: Deadline, warn: Warn
    ) -> Memory | None:
        """Opens the store; None, and a warning, where that is not possible.

        A store that another process holds is waited for, for a share of the time that is left.
        """
        warn = _once(warn)  # several look-ups may meet the same damage
        try:
            store = load_store().open(
                location, patience=min(MOST_PATIENCE, 0.2 * deadline.left()), warn=lambda line: warn(line, None)
            )
        except StoreError as error:
            warn(f"{error.message}; going on without stored proofs", error.hint)
            return None
        if store.read_only:
            warn(f"{store.location} cannot be written: nothing will be saved", None)
        return cls(store, model, problem, warn)

    def close(self) -> None:
        """Closes the store."""
        try:
            self._store.close()
        except StoreError as error:
            self._warn(error.message, error.hint)

    # Looking up

    def exact(self) -> tuple[StoredRun, Witness | None] | None:
        """A stored decision of this very question, with its witness."""
        return self._guarded(self._exact)

    def _exact(self) -> tuple[StoredRun, Witness | None] | None:
        run = self._store.exact(self._network, self._property, compatible=_trusted)
        if run is None:
            return None
        witness = self._store.witness(run.id) if run.verdict == Verdict.SAT.value else None
        return run, None if witness is None else _witness(witness)

    def witnesses(self) -> list[Witness]:
        """Inputs that violated the property on any stored version, the newest first."""
        found = self._guarded(lambda: self._store.witnesses(self._property)) or []
        count = self._problem.network.inputs
        return [_witness(record) for _, record in found if len(record.inputs) == count]

    def own_proof(self) -> Base | None:
        """This very question's stored proof, finished or interrupted."""

        def find() -> Base | None:
            run = self._store.exact(self._network, self._property, compatible=_compatible)
            if run is None or not run.has_proof:
                run = self._store.open_run(self._network, self._property)
            return None if run is None or not _compatible(run) else self._base(run, self._model.network.name)

        return self._guarded(find)

    def relatives(self) -> Iterator[Iterator[Candidate[Base]]]:
        """Proofs of this property for other versions, by kinship.

        First those of the same architecture, then those of which this one is the same with fewer units, then all
        others. Of each kind the version whose weights are nearest comes first, and where none are kept the newest.
        Nothing where there is no other version.
        """
        found = self._guarded(self._others)
        if not found:
            return
        alike = [entry for entry in found if self._same_architecture(entry[1])]
        apart = [self._distance(record) if len(alike) > 1 else np.inf for _, record in alike]
        yield self._by_distance([(d, run, record, None) for d, (run, record) in zip(apart, alike, strict=True)])
        rest = [(run, record, self._ancestor(record)) for run, record in found if not self._same_architecture(record)]
        yield self._by_distance([(kin.matching.distance, run, record, kin) for run, record, kin in rest if kin])
        yield self._by_distance([(np.inf, run, record, None) for run, record, kin in rest if not kin])

    def _others(self) -> list[tuple[StoredRun, NetworkRecord]]:
        found = self._store.bases(self._property, exclude_network=self._network, limit=CANDIDATES)
        return [(run, record) for run, record in found if _compatible(run)]

    def _by_distance(
        self, found: list[tuple[float, StoredRun, NetworkRecord, Ancestor | None]]
    ) -> Iterator[Candidate[Base]]:
        for distance, run, record, ancestor in sorted(found, key=lambda entry: entry[0]):
            yield Candidate(distance, partial(self._guarded, partial(self._related, run, record, ancestor)))

    def _same_architecture(self, record: NetworkRecord) -> bool:
        return record.architecture == self._problem.network.architecture_digest

    def _distance(self, record: NetworkRecord) -> float:
        kept = self._guarded(lambda: self._store.weights(record.digest))
        distance = None if kept is None else self._guarded(lambda: distance_to(self._problem.network, kept))
        return np.inf if distance is None else distance

    def _ancestor(self, record: NetworkRecord) -> Ancestor | None:
        """A version of another architecture, where this one is the same with fewer units."""
        if self._same_architecture(record):
            return None
        kept = self._guarded(lambda: self._store.weights(record.digest))
        if kept is None:
            return None
        return self._guarded(lambda: Ancestor.of(self._problem.network, kept, record.digest))

    def named(self, base: str) -> Base | None:
        """The proof of this property for the version that the user names, by file or by digest.

        Raises:
            MismatchError: no stored network is called so, or several are.
        """
        return self._guarded(lambda: self._named(base))

    def _named(self, base: str) -> Base | None:
        if Path(base).exists():
            from ivan.network.onnx_reader import read_network

            digest = read_network(base).digest
        else:
            matches = self._store.find_network(base)
            if len(matches) != 1:
                what = "no stored network has" if not matches else f"{len(matches)} stored networks have"
                raise MismatchError(
                    f"--base {base}: no such file, and {what} a digest that begins so",
                    hint="`ivan cache list` shows the stored networks",
                )
            digest = matches[0].digest
        for run, record in self._store.bases(self._property, limit=1_000):
            if record.digest == digest and _compatible(run):
                return self._related(run, record, self._ancestor(record), wanted=base)
        self._warn(f"--base {base}: nothing is stored for this property; starting from scratch", None)
        return None

    def _related(
        self, run: StoredRun, record: NetworkRecord, ancestor: Ancestor | None, *, wanted: str | None = None
    ) -> Base | None:
        """Another version's proof in terms of the network at hand; None where it splits units of another architecture.

        Args:
            run: has the proof.
            record: the other version.
            ancestor: the same, where this one is the same with fewer units.
            wanted: how the user named it.
        """
        base = self._base(run, record.name)
        if base is None or self._same_architecture(record):
            return base
        if ancestor is not None:
            return replace(base, proof=translate(self._problem, base.proof, ancestor))
        if not (base.proof.tree.kind == Kind.UNIT).any():
            return base
        if wanted is not None:
            self._warn(f"--base {wanted}: its proof splits units of another architecture; starting from scratch", None)
        return None

    def _base(self, run: StoredRun, name: str) -> Base | None:
        try:
            return Base(run, name, decode(self._store.proof(run.id).data))
        except ProofError as error:
            self._warn(f"run {run.id}: {error.message}; its proof is not used", error.hint)
            return None

    # Saving

    def save(
        self,
        verdict: Verdict,
        proof: Proof | None,
        witness: Witness | None,
        *,
        options: Options,
        seconds: float,
        statistics: dict[str, Any],
        parent: int | None,
    ) -> int | None:
        """Saves a run; its number, or None where that is not possible."""
        network = self._problem.network
        record = None
        if proof is not None:
            tree = proof.tree
            record = ProofRecord(
                format=FORMAT,
                leaves=len(tree.leaves),
                depth=int(tree.depth().max(initial=0)),
                open=not proof.complete,
                data=encode(proof),
            )
        run = RunRecord(
            network=self._network,
            property=self._property,
            options=options.digest(),
            version=ivan.__version__,
            verdict=verdict.value,
            seconds=seconds,
            statistics=statistics,
            parent=parent,
        )
        versions = NetworkRecord(
            digest=self._network,
            architecture=network.architecture_digest,
            name=Path(network.name).name,
            parameters=len(weights(network)),
            file_digest=self._model.file_digest,
            weights=weights_bytes(network),
        )
        query = self._problem.query
        asked = PropertyRecord(digest=self._property, name=Path(query.path).name, size=query.size, inputs=query.inputs)
        found = None
        if witness is not None:
            found = WitnessRecord(
                inputs=tuple(float(v) for v in witness.inputs),
                outputs=tuple(float(v) for v in witness.outputs),
                precision=witness.precision,
            )
        return self._guarded(lambda: self._store.save(run, versions, asked, record, found))

    # Helpers

    @property
    def _network(self) -> str:
        return self._problem.network.digest

    @property
    def _property(self) -> str:
        return self._problem.query.digest

    def _guarded(self, action: Callable[[], T]) -> T | None:
        try:
            return action()
        except MismatchError:
            raise
        except (StoreError, ProofError) as error:
            self._warn(error.message, error.hint)
            return None


def _once(warn: Warn) -> Warn:
    """Passes every message on the first time."""
    said: set[str] = set()

    def first(message: str, hint: str | None) -> None:
        if message not in said:
            said.add(message)
            warn(message, hint)

    return first


def _trusted(run: StoredRun) -> bool:
    """Is the run's verdict to be believed as it stands? Only one of this very release, up to its last number."""
    return _compatible(run) and run.version.split(".")[:2] == ivan.__version__.split(".")[:2]


def _compatible(run: StoredRun) -> bool:
    """Can the run's proof be read? It is replayed before it is believed, so an older release's will do."""
    major = run.version.split(".")[0] == ivan.__version__.split(".")[0]
    return major and (run.format is None or run.format in READABLE)


def _witness(record: WitnessRecord) -> Witness:
    return Witness(np.array(record.inputs), np.array(record.outputs), record.precision)

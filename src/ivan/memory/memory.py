"""`Memory`: the store, seen from one question.

The store keeps records and bytes; this is the translation: problems to keys, outcomes to records, bytes to proofs. A
store that cannot be used costs its benefit, never an answer: every trouble becomes one warning, and verification goes
on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

import ivan
from ivan.deadline import Deadline
from ivan.errors import StoreError
from ivan.incremental.base import Candidate
from ivan.incremental.compact import Compacted
from ivan.incremental.kindred import hull, kin
from ivan.memory.bases import Base, Bases, Version
from ivan.memory.implied import implying
from ivan.memory.stored import RELATIVES, Warn, guarded, hull_bytes, once, trusted
from ivan.network.compare import weights, weights_bytes
from ivan.problem import Problem
from ivan.proof import Proof, Witness
from ivan.proof.codec import FORMAT, encode
from ivan.store import NamedRun, NetworkRecord, ProofRecord, PropertyRecord, RunRecord, StoredRun, WitnessRecord
from ivan.verdict import Verdict
from ivan.vnnlib.codec import encode as encode_query

if TYPE_CHECKING:
    from ivan.store import ProofStore

T = TypeVar("T")

MOST_PATIENCE = 5.0
"""Seconds to wait for a store that another process holds."""


def load_store() -> type[ProofStore]:
    """The store's class; imports SQLAlchemy, which takes as long as a small query takes to verify."""
    from ivan.store import ProofStore

    return ProofStore


class Memory:
    """An open store, seen from one question.

    Args:
        store: the open store.
        file: SHA-256 of the model's file.
        problem: the problem asked about.
        warn: told about everything that is damaged.
    """

    def __init__(self, store: ProofStore, file: str, problem: Problem, warn: Warn) -> None:
        self._store, self._file, self._problem, self._warn = store, file, problem, warn
        self._bases = Bases(store, problem, warn)

    @classmethod
    def open(cls, location: str | None, file: str, problem: Problem, deadline: Deadline, warn: Warn) -> Memory | None:
        """Opens the store; None, and a warning, where that is not possible.

        A store that another process holds is waited for, for a share of the time that is left.
        """
        warn = once(warn)  # several look-ups may meet the same damage
        try:
            store = load_store().open(
                location, patience=min(MOST_PATIENCE, 0.2 * deadline.left()), warn=lambda line: warn(line, None)
            )
        except StoreError as error:
            warn(f"{error.message}; going on without stored proofs", error.hint)
            return None
        if store.read_only:
            warn(f"{store.location} cannot be written: nothing will be saved", None)
        return cls(store, file, problem, warn)

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
        run = self._store.exact(self._network, self._property, compatible=trusted)
        if run is None:
            return None
        witness = self._store.witness(run.id) if run.verdict == Verdict.SAT.value else None
        return run, None if witness is None else _witness(witness)

    def proof(self, run: StoredRun) -> Proof | None:
        """The proof of a run of this question."""
        base = self._guarded(lambda: self._bases.of_run(run))
        return None if base is None else base.proof

    def implied(self) -> NamedRun | None:
        """A stored `unsat` to another question about this network that answers this one as well."""
        return self._guarded(lambda: implying(self._store, self._problem, self._warn))

    def witnesses(self) -> list[tuple[StoredRun, Witness]]:
        """Inputs that violated the property on any stored version, the newest first, with their runs."""
        return self._witnesses(self._guarded(lambda: self._store.witnesses(self._property)))

    def other_witnesses(self) -> list[tuple[StoredRun, Witness]]:
        """Inputs of this network that violated other properties, the newest first, with their runs.

        Only those that may lie in a region.
        """
        box = hull(self._problem)
        if box is None:
            return []
        found = self._witnesses(
            self._guarded(lambda: self._store.witnesses_of_others(self._property, self._network, limit=RELATIVES))
        )
        lower, upper = box
        with np.errstate(over="ignore"):
            inputs = [witness.inputs.astype(np.float32) for _, witness in found]
        return [entry for entry, x in zip(found, inputs, strict=True) if np.all((lower <= x) & (x <= upper))]

    def _witnesses(self, found: list[tuple[StoredRun, WitnessRecord]] | None) -> list[tuple[StoredRun, Witness]]:
        count = self._problem.network.inputs
        return [(run, _witness(record)) for run, record in found or [] if len(record.inputs) == count]

    def own(self) -> Base | None:
        """This very question's stored proof, finished or interrupted."""
        return self._guarded(self._bases.own)

    def relatives(self) -> Iterator[Iterator[Candidate[Base]]]:
        """Proofs of this property for other versions, by kinship (bases.py)."""
        return self._bases.relatives()

    def kindred(self) -> Base | None:
        """The proof of a kindred property, of this network, else of the nearest version that has one."""
        own = self._guarded(lambda: self._bases.kindred(of=self._network))
        return own or self._guarded(self._bases.kindred)

    def version(self, base: str | Mapping[str, str]) -> Version | None:
        """The version that the user names, by file or by digest, or by the files of several networks.

        Raises:
            MismatchError: no stored network is called so, or several are; or a network has no file.
            InputError: a file cannot be read as a model.
        """
        return self._guarded(lambda: self._bases.version(base))

    def of_version(self, version: Version) -> Base | None:
        """The proof of a version that the user names."""
        return self._guarded(lambda: self._bases.of_version(version))

    def names(self, run: StoredRun) -> tuple[str | None, str | None]:
        """The network that a run is about, and its property where that is another one."""
        summary = self._guarded(lambda: self._store.summary(run.id))
        if summary is None:
            return None, None
        return summary.network_name, summary.property_name if run.property != self._property else None

    # Saving

    def save(
        self,
        verdict: Verdict,
        proof: Proof | None,
        witness: Witness | None,
        *,
        options: str,
        seconds: float,
        statistics: dict[str, Any],
        parent: int | None,
        keep_weights: bool = True,
    ) -> int | None:
        """Saves a run, with the network's weights; its number, or None where that is not possible."""
        network = self._problem.network
        record = None if proof is None else _record(proof)
        if proof is not None:
            statistics = statistics | {"replay_cost": proof.tree.replay_cost}
        run = RunRecord(
            network=self._network,
            property=self._property,
            options=options,
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
            file_digest=self._file,
            weights=weights_bytes(network) if keep_weights else None,
        )
        query = self._problem.query
        asked = PropertyRecord(
            digest=self._property,
            name=Path(query.path).name,
            size=query.size,
            inputs=self._problem.network.inputs,
            kin=kin(self._problem),
            hull=hull_bytes(hull(self._problem)),
            query=_text(self._problem),
        )
        found = None
        if witness is not None:
            found = WitnessRecord(
                inputs=tuple(float(v) for v in witness.inputs),
                outputs=tuple(float(v) for v in witness.outputs),
                precision=witness.precision,
            )
        return self._guarded(lambda: self._store.save(run, versions, asked, record, found))

    def replace(self, run: int, before: Proof, found: Compacted) -> bool:
        """Saves a compacted proof in place of the one that it was made from; False where that is not possible."""

        def save() -> bool:
            stored = self._store.run(run)
            if stored is None:
                return False
            first = {"leaves_before": len(before.tree.leaves), "replay_cost_before": before.tree.replay_cost}
            now = {"replay_cost": found.proof.tree.replay_cost, "compacted": found.finished}
            return self._store.replace_proof(run, _record(found.proof), first | stored.statistics | now)

        return bool(self._guarded(save))

    # Helpers

    @property
    def _network(self) -> str:
        return self._problem.network.digest

    @property
    def _property(self) -> str:
        return self._problem.asked

    def _guarded(self, action: Callable[[], T]) -> T | None:
        return guarded(self._warn, action)


def _text(problem: Problem) -> bytes | None:
    """The query for other questions to be compared with; a text says nothing of types and products."""
    plain = problem.asked == problem.query.digest and not problem.query.products
    return encode_query(problem.query) if plain else None


def _record(proof: Proof) -> ProofRecord:
    tree = proof.tree
    return ProofRecord(
        format=FORMAT,
        leaves=len(tree.leaves),
        depth=int(tree.depth().max(initial=0)),
        open=not proof.complete,
        data=encode(proof),
    )


def _witness(record: WitnessRecord) -> Witness:
    return Witness(np.array(record.inputs), np.array(record.outputs), record.precision)

"""Which stored proof to start from.

A proof of this very property comes first: of this network, else of the version that promises the least work
(incremental/base.py), translated where this one has lost units (incremental/translate.py). Where there is none, that
of a kindred property serves (incremental/kindred.py): of this network, else of the nearest version that has one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from ivan.arrangement import same_terms
from ivan.errors import InputError, MismatchError, ProofError
from ivan.incremental.base import Candidate
from ivan.incremental.kindred import hull, kin, overlap
from ivan.incremental.translate import Ancestor, translate
from ivan.incremental.transplant import transplant
from ivan.memory.stored import RELATIVES, Warn, compatible, guarded, stored_hull, stored_query
from ivan.network.compare import distance_to
from ivan.problem import Problem, build_problem
from ivan.proof import Kind, Proof
from ivan.proof.codec import decode
from ivan.store import NamedRun, NetworkRecord, StoredRun

if TYPE_CHECKING:
    from ivan.store import ProofStore

CANDIDATES = 16
"""Stored versions among which the nearest is looked for."""

T = TypeVar("T")

TRIALS = 4
"""Kindred proofs that are read until one serves."""


@dataclass(frozen=True)
class Base:
    """A stored proof to start from.

    Attributes:
        run: its run.
        name: the model it was found for.
        proof: tree and certificates, in the terms of the problem at hand.
        asked: the property it was found for, where that is another one.
    """

    run: StoredRun
    name: str
    proof: Proof
    asked: str | None = None


class Bases:
    """The stored proofs, seen from one question.

    Args:
        store: the open store.
        problem: the problem asked about.
        warn: told about everything that is damaged.
    """

    def __init__(self, store: ProofStore, problem: Problem, warn: Warn) -> None:
        self._store, self._problem, self._warn = store, problem, warn
        self._network, self._property = problem.network.digest, problem.asked

    def own(self) -> Base | None:
        """This very question's stored proof, finished or interrupted."""
        run = self._store.exact(self._network, self._property, compatible=compatible)
        if run is None or not run.has_proof:
            run = self._store.open_run(self._network, self._property)
        return None if run is None or not compatible(run) else self.of_run(run)

    def relatives(self) -> Iterator[Iterator[Candidate[Base]]]:
        """Proofs of this property for other versions, by kinship.

        First those of the same architecture, then those of which this one is the same with fewer units, then all
        others. Of each kind the version whose weights are nearest comes first, and where none are kept the newest.
        Where no version has a finished one, the trees of interrupted runs in the same order. Nothing where there are
        none of these either.
        """
        found = self._guarded(self._others) or self._guarded(partial(self._others, finished=False))
        if not found:
            return
        alike = [entry for entry in found if self._same_architecture(entry[1])]
        apart = [self._distance(record) if len(alike) > 1 else np.inf for _, record in alike]
        yield self._by_distance([(d, run, record, None) for d, (run, record) in zip(apart, alike, strict=True)])
        rest = [(run, record, self._ancestor(record)) for run, record in found if not self._same_architecture(record)]
        yield self._by_distance([(kin.matching.distance, run, record, kin) for run, record, kin in rest if kin])
        yield self._by_distance([(np.inf, run, record, None) for run, record, kin in rest if not kin])

    def _others(self, *, finished: bool = True) -> list[tuple[StoredRun, NetworkRecord]]:
        found = self._store.bases(self._property, exclude_network=self._network, finished=finished, limit=CANDIDATES)
        return [(run, record) for run, record in found if compatible(run)]

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

    def kindred(self, *, of: str | None = None) -> Base | None:
        """The proof of a kindred property.

        Args:
            of: digest of the network that it is about; any but the one asked about by default, the nearest first.
        """
        box = hull(self._problem)
        if box is None:
            return None
        found = []
        for named in self._store.proofs_of_others(
            self._property,
            network=of,
            exclude_network=self._network if of is None else None,
            kin=kin(self._problem),
            limit=RELATIVES,
        ):
            other = stored_hull(named.asked, self._problem.network.inputs)
            if other is not None and compatible(named.run):
                found.append((float(overlap(box, other[None])[0]), named))
        found = [(alike, named) for alike, named in found if alike > -np.inf]
        remoteness = self._remoteness(named.network for _, named in found)
        found.sort(key=lambda entry: (remoteness[entry[1].network.digest], -entry[0]))
        for _, named in found[:TRIALS]:
            base = self._transplanted(named)
            if base is not None:
                return base
        return None

    def version(self, name: str) -> str:
        """Digest of the version that the user names.

        Args:
            name: its file, or the beginning of its digest.

        Raises:
            MismatchError: no stored network is called so, or several are.
            InputError: the file cannot be read as a model.
        """
        if Path(name).exists() and not Path(name).is_dir():
            from ivan.deployment import deploy
            from ivan.network.onnx_reader import read_network

            query = self._problem.query
            return deploy(query, name).problem.network.digest if query.networks else read_network(name).digest
        matches = self._store.find_network(name)
        if len(matches) != 1:
            what = "no stored network has" if not matches else f"{len(matches)} stored networks have"
            raise MismatchError(
                f"--base {name}: no such file, and {what} a digest that begins so",
                hint="`ivan cache list` shows the stored networks",
            )
        return matches[0].digest

    def of_version(self, digest: str, name: str) -> Base | None:
        """The proof of this property, else of a kindred one, for one version.

        Args:
            digest: of the version.
            name: how the user named it.
        """
        stored = (self._store.bases(self._property, finished=finished, limit=1_000) for finished in (True, False))
        for run, record in chain.from_iterable(stored):
            if record.digest == digest and compatible(run):
                return self._related(run, record, self._ancestor(record), wanted=name)
        kindred = self.kindred(of=digest)
        if kindred is None:
            self._warn(f"--base {name}: nothing is stored for this property; starting from scratch", None)
        return kindred

    def of_run(self, run: StoredRun) -> Base | None:
        """The proof of a run of this very question."""
        return self._base(run, self._problem.network.name)

    def _base(self, run: StoredRun, name: str) -> Base | None:
        stored = self._guarded(lambda: self._store.proof(run.id))
        if stored is None:
            return None
        try:
            return Base(run, name, decode(stored.data))
        except ProofError as error:
            self._warn(f"the proof of run {run.id} is not used: {error.message}", error.hint)
            return None

    def _transplanted(self, named: NamedRun) -> Base | None:
        query = stored_query(self._store, named.asked.digest, self._warn)
        base = None if query is None else self._base(named.run, named.network.name)
        if query is None or base is None or not same_terms(self._problem.query, query):
            return None
        try:
            old = build_problem(query, self._problem.network, self._problem.place)
            proof = transplant(self._problem, old, base.proof)
        except (ProofError, InputError) as error:
            self._warn(f"the proof of run {named.run.id} is not used: {error.message}", error.hint)
            return None
        return None if proof is None else Base(named.run, named.network.name, proof, named.asked.name)

    def _remoteness(self, records: Iterable[NetworkRecord]) -> dict[str, tuple[bool, float]]:
        """By digest, what sorts versions: another architecture, and how far the weights are."""
        known = {record.digest: record for record in records}
        result = {}
        for digest, record in known.items():
            same = self._same_architecture(record)
            result[digest] = (not same, self._distance(record) if same and len(known) > 1 else np.inf)
        return result

    def _guarded(self, action: Callable[[], T]) -> T | None:
        return guarded(self._warn, action)

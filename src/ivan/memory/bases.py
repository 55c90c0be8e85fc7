"""Which stored proof to start from.

A proof of this very property comes first: of this network, else of the version that promises the least work
(incremental/base.py), translated where this one has lost units (incremental/translate.py). Where there is none, that
of a kindred property serves (incremental/kindred.py): of this network, else of the nearest version that has one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
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
from ivan.vnnlib import Query

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


@dataclass(frozen=True)
class Version:
    """A version that the user names.

    Attributes:
        given: how, as the option says it.
        digests: of its network, the likeliest first: two networks side by side and as differences have two digests.
    """

    given: str
    digests: tuple[str, ...]


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
            wanted: how the user named it, where that is so.
        """
        base = self._base(run, record.name)
        if base is None or self._same_architecture(record):
            return base
        if ancestor is not None:
            return replace(base, proof=translate(self._problem, base.proof, ancestor))
        if not (base.proof.tree.kind == Kind.UNIT).any():
            return base
        if wanted is not None:
            self._warn(f"{wanted}: its proof splits units of another architecture; starting from scratch", None)
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

    def version(self, base: str | Mapping[str, str]) -> Version:
        """The version that the user names.

        Args:
            base: its file, or the beginning of its digest; of several networks the file of each by its name, or the
                beginning of the digest of all together.

        Raises:
            MismatchError: no stored network is called so, or several are; or a network has no file.
            InputError: a file cannot be read as a model.
        """
        if isinstance(base, Mapping):
            return self._of_files(base)
        name, query = base, self._problem.query
        if Path(name).exists() and not Path(name).is_dir():
            needed = _needed(query)
            if len(needed) == 1:
                return self._of_files({needed[0]: name}, given=f"--base {name}")
            if needed:
                raise MismatchError(
                    f"--base {name}: {query.path} is about the networks {', '.join(needed)}",
                    hint=f"name the earlier model of each: {_options(dict.fromkeys(needed, 'MODEL'))}",
                )
            from ivan.network.onnx_reader import read_network

            return Version(f"--base {name}", (read_network(name).digest,))
        matches = self._store.find_network(name)
        if len(matches) != 1:
            what = "no stored network has" if not matches else f"{len(matches)} stored networks have"
            raise MismatchError(
                f"--base {name}: no such file, and {what} a digest that begins so",
                hint="`ivan cache list` shows the stored networks",
            )
        return Version(f"--base {name}", (matches[0].digest,))

    def _of_files(self, files: Mapping[str, str], given: str | None = None) -> Version:
        """The version that these models make, by the names of the query's networks."""
        from ivan.deployment import deploy

        query, given = self._problem.query, given or _options(files)
        needed = _needed(query)
        for name, file in files.items():
            if not Path(file).is_file():
                raise MismatchError(
                    f"--base {name}={file}: no such file",
                    hint="name the model of each network, or all together by one digest, as `ivan cache show` has it",
                )
        missing = [name for name in needed if name not in files]
        if missing:
            several = "" if len(missing) == 1 else "s"
            raise MismatchError(
                f"{given}: no model for network{several} {', '.join(missing)} of {query.path}",
                hint=f"name one that did not change, too: {_options(dict.fromkeys(missing, 'MODEL'))}",
            )
        deployment = deploy(query, files)
        forms = [problem.network for problem in deployment.forms]
        mine = self._problem.network.architecture_digest
        forms.sort(key=lambda network: network.architecture_digest != mine)
        return Version(given, tuple(network.digest for network in forms))

    def of_version(self, version: Version) -> Base | None:
        """The proof of this property, else of a kindred one, for one version."""
        stored: dict[str, tuple[StoredRun, NetworkRecord]] = {}
        for finished in (True, False):
            for run, record in self._store.bases(self._property, finished=finished, limit=1_000):
                if compatible(run):
                    stored.setdefault(record.digest, (run, record))
        for digest in version.digests:
            if digest in stored:
                run, record = stored[digest]
                return self._related(run, record, self._ancestor(record), wanted=version.given)
        kindred = next(filter(None, (self.kindred(of=digest) for digest in version.digests)), None)
        if kindred is None:
            self._warn(f"{version.given}: nothing is stored for this property; starting from scratch", None)
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


def _needed(query: Query) -> list[str]:
    """The networks of a query that need a model; none in VNN-LIB 1.0, which has no names."""
    return [network.name for network in query.networks if network.equal_to is None]


def _options(files: Mapping[str, str]) -> str:
    return " ".join(f"--base {name}={file}" for name, file in files.items())

"""Which stored proof to start from.

A proof of this very property comes first: of this network, else of the nearest version. Where there is none, that of a
kindred property serves (incremental/kindred.py): of this network, else of the nearest version that has one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ivan.errors import InputError, MismatchError, ProofError
from ivan.incremental.kindred import hull, kin, overlap
from ivan.incremental.transplant import transplant
from ivan.memory.stored import RELATIVES, Warn, compatible, stored_hull, stored_query
from ivan.network.compare import distance_to
from ivan.problem import Problem, build_problem
from ivan.proof import Proof
from ivan.proof.codec import decode
from ivan.store import NamedRun, NetworkRecord, StoredRun

if TYPE_CHECKING:
    from ivan.store import ProofStore

CANDIDATES = 16
"""Stored versions among which the nearest is looked for."""

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
        self._network, self._property = problem.network.digest, problem.query.digest

    def own(self) -> Base | None:
        """This very question's stored proof, finished or interrupted."""
        run = self._store.exact(self._network, self._property, compatible=compatible)
        if run is None or not run.has_proof:
            run = self._store.open_run(self._network, self._property)
        return None if run is None or not compatible(run) else self._base(run, self._problem.network.name)

    def nearest(self) -> Base | None:
        """The proof of this property for the stored version that is nearest to the model.

        Versions of the same architecture come first, by the distance of their weights, then the others, newest first.
        """
        found = self._store.bases(self._property, exclude_network=self._network, limit=CANDIDATES)
        found = [(run, record) for run, record in found if compatible(run)]
        remoteness = self._remoteness(record for _, record in found)
        found.sort(key=lambda entry: remoteness[entry[1].digest])  # stable: the newest first among equals
        for run, record in found:
            base = self._base(run, record.name)
            if base is not None:
                return base
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
            other = stored_hull(named.asked, self._problem.query.inputs)
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

    def named(self, base: str) -> Base | None:
        """The proof of this property, else of a kindred one, for the version that the user names.

        Args:
            base: its file, or the beginning of its digest.

        Raises:
            MismatchError: no stored network is called so, or several are.
        """
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
            if record.digest == digest and compatible(run):
                return self._base(run, record.name)
        kindred = self.kindred(of=digest)
        if kindred is None:
            self._warn(f"--base {base}: nothing is stored for this property; starting from scratch", None)
        return kindred

    def _base(self, run: StoredRun, name: str) -> Base | None:
        try:
            return Base(run, name, decode(self._store.proof(run.id).data))
        except ProofError as error:
            self._warn(f"run {run.id}: {error.message}; its proof is not used", error.hint)
            return None

    def _transplanted(self, named: NamedRun) -> Base | None:
        query = stored_query(self._store, named.asked.digest, self._warn)
        base = None if query is None else self._base(named.run, named.network.name)
        if query is None or base is None:
            return None
        try:
            proof = transplant(self._problem, build_problem(query, self._problem.network), base.proof)
        except (ProofError, InputError) as error:
            self._warn(f"the proof of run {named.run.id} is not used: {error.message}", error.hint)
            return None
        return None if proof is None else Base(named.run, named.network.name, proof, named.asked.name)

    def _remoteness(self, records: Iterable[NetworkRecord]) -> dict[str, tuple[bool, float]]:
        """By digest, what sorts versions: another architecture, and how far the weights are."""
        known = {record.digest: record for record in records}
        result = {}
        for digest, record in known.items():
            same, distance = record.architecture == self._problem.network.architecture_digest, np.inf
            if same and len(known) > 1:
                kept = self._store.weights(digest)
                distance = np.inf if kept is None else distance_to(self._problem.network, kept)
            result[digest] = (not same, distance)
        return result

"""Which stored proof to start from.

The version whose weights are nearest is a good guess and no more: what counts is how many leaves of its proof hold on
the weights at hand, and how many there are. Both would be known once the proofs were replayed, so a sample of each is:

    cost = replay of all leaves + search of those that fail
         = work * (1 + SEARCH * share of the sample that fails)

A sample is spread evenly over the leaves, and replayed as a tree of its own. Where inputs are split, its leaves do
without the bounds of what is above them, which their own boxes need no more; where units are split, all bounds on the
way are computed. Nothing is proved by it: whatever is chosen is replayed in full. The nearest version is taken where
even a sample costs a noticeable part of a replay, and where it tells no difference beyond its own error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.replay import check_fit, replay
from ivan.deadline import Deadline, OutOfTime
from ivan.errors import ProofError
from ivan.problem import Problem
from ivan.proof import Kind, Proof, Refresh, SpecTree
from ivan.proof.tree import COLUMNS

Index = NDArray[np.int64]

MOST_RIVALS = 3
"""Proofs that are compared."""

SAME_ORDER = 4.0
"""How many times as far from the weights at hand as the nearest version another one may be to be compared."""

FEWEST_LEAVES, MOST_LEAVES, LEAVES_PER_SAMPLE = 32, 256, 256
"""Size of a sample: one leaf out of so many, within limits."""

NOTICEABLE = 1 / 256
"""Part of the work of replaying the nearest proof that a sample may take. In truth it is three times as much: a box is
bounded faster where bounds of a larger one are known."""

SEARCH = 8.0
"""What a leaf that fails costs, in replays of a leaf: 4 to 23 where it was measured (ACAS Xu)."""


class Proved(Protocol):
    """Whatever has a proof."""

    @property
    def proof(self) -> Proof:
        """Tree and certificates."""


P = TypeVar("P", bound=Proved)


@dataclass(frozen=True)
class Candidate(Generic[P]):
    """A stored proof that is loaded when it is needed.

    Attributes:
        distance: of its version's weights from those at hand, relative; infinite where it is not known.
        load: the proof, or None where it cannot be read.
    """

    distance: float
    load: Callable[[], P | None]


def choose(problem: Problem, candidates: Iterable[Candidate[P]], deadline: Deadline) -> P | None:
    """The proof that promises the least work, out of those nearest to the weights at hand.

    Args:
        problem: the problem.
        candidates: the nearest first; proofs that do not fit the problem are passed over.
        deadline: checked while samples are replayed.

    Raises:
        OutOfTime: the deadline passed.
    """
    best: _Trial[P] | None = None
    tried, limit, most = 0, np.inf, 0.0
    for candidate in candidates:
        if candidate.distance > limit or tried == MOST_RIVALS:
            break
        loaded = candidate.load()
        if loaded is None or not _fits(problem, loaded.proof):
            continue
        trial = _Trial(problem, loaded, deadline)
        if best is None:
            best, limit, most = trial, SAME_ORDER * candidate.distance, NOTICEABLE * trial.work
            if trial.price > most:
                break
        elif trial.price <= most and trial.beats(best):
            best = trial
        tried += 1
    return None if best is None else best.loaded


def _fits(problem: Problem, proof: Proof) -> bool:
    try:
        check_fit(problem, proof)
    except ProofError:
        return False
    return True


class _Trial(Generic[P]):
    """A proof, and what a sample of it tells.

    Args:
        problem: the problem.
        loaded: has the proof.
        deadline: checked while the sample is replayed.

    Attributes:
        loaded: the same.
        work: rows of backward passes of a replay, about.
        price: the same of the sample alone.
    """

    def __init__(self, problem: Problem, loaded: P, deadline: Deadline) -> None:
        self._problem, self._deadline, self.loaded = problem, deadline, loaded
        self._sample = sample_of(loaded.proof)
        units = sum(layer.size for layer in problem.network.layers)
        self.work, self.price = (
            float(units * np.count_nonzero(proof.tree.refresh) + len(proof.certificates))
            for proof in (loaded.proof, self._sample)
        )

    @cached_property
    def _failing(self) -> tuple[float, float]:
        """Share of the leaves that fail, and its standard error."""
        count = len(self._sample.tree.leaves)
        replayed = replay(self._problem, self._sample, self._deadline)
        if replayed.out_of_time:
            raise OutOfTime
        failed = len(np.unique(replayed.leaf))
        share = (failed + 0.5) / (count + 1.0)
        return share, float(np.sqrt(share * (1.0 - share) / count))

    def beats(self, other: _Trial[P]) -> bool:
        """Does it promise less work, beyond what is chance?"""
        theirs, spread = other._failing
        cost = other.work * (1.0 + SEARCH * theirs)
        if self.work >= cost:
            return False
        mine, own_spread = self._failing
        error = SEARCH * np.hypot(self.work * own_spread, other.work * spread)
        return bool(self.work * (1.0 + SEARCH * mine) + error < cost)


def sample_of(proof: Proof) -> Proof:
    """Some leaves, spread evenly, and the nodes above them: a proof of these leaves alone."""
    tree, certificates = proof.tree, proof.certificates
    leaves = tree.leaves
    count = min(max(len(leaves) // LEAVES_PER_SAMPLE, FEWEST_LEAVES), MOST_LEAVES, len(leaves))
    wave = leaves[np.linspace(0, len(leaves) - 1, count).astype(np.int64)]
    kept = tree.parent < 0
    while len(wave):
        kept[wave] = True
        wave = np.unique(tree.parent[wave])
        wave = wave[wave >= 0]
        wave = wave[~kept[wave]]
    row = np.where(kept, np.cumsum(kept) - 1, -1).astype(np.int32)
    columns = {name: getattr(tree, name)[kept] for name in COLUMNS}
    columns["parent"] = np.where(columns["parent"] >= 0, row[columns["parent"]], -1).astype(np.int32)
    claims = np.flatnonzero(kept[certificates.node])
    claimed = certificates.take(claims)
    claimed = replace(claimed, node=row[claimed.node])
    refined = np.flatnonzero(kept[proof.refinements.node])
    refinements = proof.refinements.take(refined)
    refinements = replace(refinements, node=row[refinements.node])
    if not (tree.kind == Kind.UNIT).any() and not len(proof.refinements):
        needed = columns["parent"] < 0
        needed[_anchors(columns, claimed.node)] = True
        columns["refresh"] = np.where(needed, columns["refresh"], Refresh.NONE).astype(np.int8)
    return Proof(SpecTree(**columns), claimed, refinements)


def _anchors(columns: Mapping[str, NDArray[Any]], nodes: NDArray[np.int32]) -> NDArray[np.int32]:
    """The nearest ancestor with bounds of its own of each node, or the node itself."""
    refresh, anchor = columns["refresh"] != Refresh.NONE, nodes
    while not refresh[anchor].all():
        anchor = np.where(refresh[anchor], anchor, columns["parent"][anchor])
    return anchor

"""An answer that follows from one to another question about the same network.

Who showed that no input of a larger box violates a weaker condition has answered the question at hand as well. What is
believed is what an exact hit would be believed for: a run of this release with a finished proof and an intact checksum,
and the text of its property where that has the property's digest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivan.arrangement import arithmetic, same_terms
from ivan.errors import ProofError
from ivan.incremental.kindred import hull, kin
from ivan.memory.stored import RELATIVES, Warn, stored_hull, stored_query, trusted
from ivan.problem import Problem
from ivan.store import NamedRun, StoredRun
from ivan.vnnlib.implication import lies_within

if TYPE_CHECKING:
    from ivan.store import ProofStore

MOST_READ = 16
"""Stored queries that are compared with the one at hand."""


def implying(store: ProofStore, problem: Problem, warn: Warn) -> NamedRun | None:
    """A stored `unsat` whose unsafe set contains the one asked about.

    Args:
        store: the open store.
        problem: the problem at hand.
        warn: told about what is damaged.
    """
    box = hull(problem)
    if box is None:
        return None
    query, relation = problem.query, kin(problem)
    found = []
    for named in store.proofs_of_others(problem.asked, network=problem.network.digest, limit=RELATIVES):
        around = stored_hull(named.asked, problem.network.inputs)
        if around is not None and (around[0] <= box[0]).all() and (around[1] >= box[1]).all() and trusted(named.run):
            found.append(named)
    found.sort(key=lambda named: named.asked.kin != relation)
    for named in found[:MOST_READ]:
        other = stored_query(store, named.asked.digest, warn)
        alike = other is not None and same_terms(query, other) and arithmetic(query) == arithmetic(other)
        if other is not None and alike and lies_within(query, other) and _intact(store, named.run, warn):
            return named
    return None


def _intact(store: ProofStore, run: StoredRun, warn: Warn) -> bool:
    """Does the run's checksum hold?"""
    try:
        store.proof(run.id)
    except ProofError as error:
        warn(error.message, error.hint)
        return False
    return True

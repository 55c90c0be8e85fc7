"""A stored proof, made cheaper to replay on demand: what a run begins behind its answer, without its limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ivan.bounds import parallel
from ivan.bounds.replay import check_fit
from ivan.deadline import Deadline
from ivan.deployment import deploy
from ivan.errors import InputError, StoreError
from ivan.incremental.compact import compact
from ivan.memory import Memory
from ivan.memory.stored import Warn
from ivan.vnnlib import read_query

if TYPE_CHECKING:
    from ivan.store import ProofStore


@dataclass(frozen=True)
class Done:
    """What a compaction did to a stored proof.

    Attributes:
        run: whose proof it is.
        leaves: of the proof, before and after.
        cost: nodes whose bounds a replay computes, before and after.
        finished: nothing is left to try.
    """

    run: int
    leaves: tuple[int, int]
    cost: tuple[int, int]
    finished: bool


def compact_stored(
    store: ProofStore, models: str | Mapping[str, str], query: str, deadline: Deadline, warn: Warn
) -> Done:
    """Compacts the stored proof of a model and a property, and saves what was reached by the deadline.

    Args:
        store: an open store.
        models: ONNX file, or that of every network of the property by its name.
        query: VNN-LIB file.
        deadline: when to stop.
        warn: told about everything that is damaged.

    Raises:
        InputError: a model or the query cannot be used, or no finished proof of theirs is stored.
        StoreError: the store cannot be written.
        ProofError: the proof does not fit the problem.
    """
    deployment = deploy(read_query(query), models)
    for problem in deployment.forms:
        memory = Memory(store, deployment.file_digest, problem, warn)
        base = memory.own()
        if base is not None and base.proof.complete:
            break
    else:
        raise InputError(
            f"{store.location}: no finished proof of {query} for {deployment.name}",
            hint="`ivan verify` makes one; `ivan cache list` shows what there is",
        )
    if store.read_only:
        raise StoreError(f"{store.location} cannot be written", hint="make the file and its folder writable")
    check_fit(problem, base.proof)
    with parallel.one_blas_thread():
        found = compact(problem, base.proof, deadline)
    if not memory.replace(base.run.id, base.proof, found):
        raise StoreError(f"{store.location}: run {base.run.id} was deleted in the meantime", hint="verify again")
    old, new = base.proof.tree, found.proof.tree
    return Done(
        base.run.id,
        (len(old.leaves), len(new.leaves)),
        (old.replay_cost, new.replay_cost),
        found.finished,
    )

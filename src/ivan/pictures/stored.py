"""From the store to a picture: which run, its proof, and the proof that it grew from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ivan.doctor import stored_proof
from ivan.errors import InputError, ProofError
from ivan.incremental.origin import Origin, origins
from ivan.pictures.picture import Facts, Picture
from ivan.store.records import RunSummary

if TYPE_CHECKING:
    from ivan.memory.stored import Warn
    from ivan.store import ProofStore


def newest(store: ProofStore) -> int:
    """The number of the newest run that has a proof.

    Raises:
        InputError: there is none.
    """
    for summary in store.runs():
        if isinstance(summary, RunSummary) and summary.run.has_proof:
            return summary.run.id
    raise InputError(f"{store.location}: no proof is stored yet", hint="`ivan verify` makes one")


def stored_picture(store: ProofStore, run: int, warn: Warn) -> Picture:
    """The picture of a run's proof.

    Args:
        store: an open store.
        run: its number.
        warn: told when the proof that it grew from cannot be read.

    Raises:
        InputError: there is no such run.
        ProofError: it has no proof, or a damaged one.
    """
    family = {summary.run.id: summary for summary in store.lineage(run)}
    if run not in family:
        raise InputError(
            f"{store.location}: there is no run {run} that can be read", hint="`ivan cache list` shows the runs"
        )
    summary, proof = family[run], stored_proof(store, run)
    base = None if summary.run.parent is None else family.get(summary.run.parent)
    older = None
    if base is not None:
        try:
            older = stored_proof(store, base.run.id)
        except ProofError as error:
            warn(f"{error.message}; where nodes come from is not shown", error.hint)
    scratch = summary.run.parent is None and not _had_base(summary)
    origin = np.full(len(proof.tree), Origin.NEW, np.int8) if scratch else origins(proof, older)
    return Picture.of(_facts(summary, base, compared=scratch or older is not None), proof.tree, origin)


def _had_base(summary: RunSummary) -> bool:
    """A run forgets its parent when that is deleted, but not how large its proof was."""
    leaves = summary.run.statistics.get("base_leaves")
    return isinstance(leaves, int) and leaves > 0


def _facts(summary: RunSummary, base: RunSummary | None, *, compared: bool) -> Facts:
    run = summary.run
    return Facts(
        run=run.id,
        model=summary.network_name,
        network=run.network,
        property=summary.property_name,
        question=run.property,
        verdict=run.verdict,
        created=run.created,
        seconds=run.seconds,
        base=run.parent,
        base_model=None if base is None else base.network_name,
        compared=compared,
    )

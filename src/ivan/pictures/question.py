"""Which stored run holds the proof of a model and a property."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivan.deployment import deploy
from ivan.errors import InputError
from ivan.memory import Memory
from ivan.memory.stored import Warn
from ivan.vnnlib import read_query

if TYPE_CHECKING:
    from ivan.store import ProofStore


def run_of(store: ProofStore, model: str, query: str, warn: Warn) -> int:
    """The number of the run that holds the proof of a model and a property, finished or interrupted.

    Raises:
        InputError: model or query cannot be used, or no proof of theirs is stored.
    """
    deployment = deploy(read_query(query), model)
    base = Memory(store, deployment.file_digest, deployment.problem, warn).own()
    if base is None:
        raise InputError(
            f"{store.location}: no proof of {query} for {model}",
            hint="`ivan verify` makes one; `ivan cache list` shows what there is",
        )
    return base.run.id

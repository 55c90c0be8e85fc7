"""Which stored run holds the proof of a model and a property."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ivan.deployment import deploy
from ivan.errors import InputError
from ivan.memory import Memory
from ivan.memory.stored import Warn
from ivan.vnnlib import read_query

if TYPE_CHECKING:
    from ivan.store import ProofStore


def run_of(store: ProofStore, models: str | Mapping[str, str], query: str, warn: Warn) -> int:
    """The number of the run that holds the proof of a model and a property, finished or interrupted.

    Args:
        store: the open store.
        models: ONNX file, or that of every network of the property by its name.
        query: VNN-LIB file.
        warn: told about what is damaged.

    Raises:
        InputError: a model or the query cannot be used, or no proof of theirs is stored.
    """
    deployment = deploy(read_query(query), models)
    for problem in deployment.forms:
        base = Memory(store, deployment.file_digest, problem, warn).own()
        if base is not None:
            return base.run.id
    raise InputError(
        f"{store.location}: no proof of {query} for {deployment.name}",
        hint="`ivan verify` makes one; `ivan cache list` shows what there is",
    )

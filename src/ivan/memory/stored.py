"""Stored values, read with suspicion."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

import ivan
from ivan.errors import MismatchError, ProofError, StoreError
from ivan.proof.codec import READABLE
from ivan.store import PropertyRecord, StoredRun
from ivan.vnnlib import Query
from ivan.vnnlib.codec import decode, outdated

if TYPE_CHECKING:
    from ivan.store import ProofStore

Warn = Callable[[str, str | None], None]
"""Takes a warning and a hint."""

T = TypeVar("T")

RELATIVES = 64
"""Runs of other questions that are considered, the newest first."""


def once(warn: Warn) -> Warn:
    """Passes every message on the first time."""
    said: set[str] = set()

    def first(message: str, hint: str | None) -> None:
        if message not in said:
            said.add(message)
            warn(message, hint)

    return first


def guarded(warn: Warn, action: Callable[[], T]) -> T | None:
    """What an action finds; None, and a warning, when the store or a proof cannot be used.

    Raises:
        MismatchError: what the user asked for is not there.
    """
    try:
        return action()
    except MismatchError:
        raise
    except (StoreError, ProofError) as error:
        warn(error.message, error.hint)
        return None


def trusted(run: StoredRun) -> bool:
    """Is the run's verdict to be believed as it stands?

    Only one of this very release, up to its last number, and none from a file that somebody else may have made: a
    checksum tells damage, but whoever makes up a proof makes its checksum too. Replaying tells.
    """
    return run.imported is None and compatible(run) and run.version.split(".")[:2] == ivan.__version__.split(".")[:2]


def compatible(run: StoredRun) -> bool:
    """Can the run's proof be read? It is replayed before it is believed, so an older release's will do."""
    major = run.version.split(".")[0] == ivan.__version__.split(".")[0]
    return major and (run.format is None or run.format in READABLE)


def stored_query(store: ProofStore, digest: str, warn: Warn) -> Query | None:
    """What a property of that digest asks; None when it is not kept, or damaged, and then it is told."""
    data = store.query(digest)
    if data is None or outdated(data):
        return None
    try:
        return decode(data, digest)
    except StoreError as error:
        warn(f"{store.location}: {error.message}; it is passed over", error.hint)
        return None


def hull_bytes(hull: NDArray[np.float32] | None) -> bytes | None:
    """A hull (2, inputs) as it is stored."""
    return None if hull is None else hull.astype("<f4").tobytes()


def stored_hull(asked: PropertyRecord, inputs: int) -> NDArray[np.float32] | None:
    """The hull of a property's boxes, (2, inputs); None when it is not known."""
    if asked.hull is None or len(asked.hull) != 8 * inputs:
        return None
    return np.frombuffer(asked.hull, "<f4").reshape(2, inputs)

"""The proof store: what was asked of which network, what came out, and the proof that later versions start from.

    records.py      what goes in and what comes out
    location.py     where the store is
    models.py       the tables
    schema.py       the schema's revision: create, upgrade, refuse
    database.py     connections and transactions
    trouble.py      errors a person can read
    reading.py      rows to records
    others.py       what other questions left behind
    examination.py  every row looked at, and what is damaged deleted
    pruning.py      which runs it can do without
    copying.py      runs from one store to another
    housekeeping.py the store as a whole
    store.py        `ProofStore`, the only door

The store keeps records and bytes; it knows nothing of networks, trees or certificates. Its one promise is that it never
returns a verdict, a proof or a witness that differs from what was saved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivan.store.location import default_location, shown_location
from ivan.store.records import (
    Copied,
    DamagedRun,
    Deleted,
    Examined,
    Held,
    Holdings,
    NamedRun,
    NetworkRecord,
    ProofRecord,
    PropertyRecord,
    RunRecord,
    RunSummary,
    StoredRun,
    StoreInfo,
    WitnessRecord,
)

if TYPE_CHECKING:
    from ivan.store.store import ProofStore

__all__ = [
    "Copied",
    "DamagedRun",
    "Deleted",
    "Examined",
    "Held",
    "Holdings",
    "NamedRun",
    "NetworkRecord",
    "ProofRecord",
    "ProofStore",
    "PropertyRecord",
    "RunRecord",
    "RunSummary",
    "StoreInfo",
    "StoredRun",
    "WitnessRecord",
    "default_location",
    "shown_location",
]


def __getattr__(name: str) -> object:
    # SQLAlchemy takes as long to import as a small query takes to verify: only who opens a store pays for it.
    if name == "ProofStore":
        from ivan.store.store import ProofStore

        return ProofStore
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""No test can touch the real proof store, in none does the clock decide how far a proof is compacted.

And none computes on more threads because of what another test did before it.
"""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from ivan.process import prepare

prepare()  # as the command does: one BLAS thread a process, and freed memory is kept


@pytest.fixture(autouse=True)
def no_real_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the default store of this test is: a file that does not exist yet."""
    path = tmp_path / "default" / "proofs.sqlite"
    monkeypatch.setenv("IVAN_STORE", str(path))
    return path


@pytest.fixture(autouse=True)
def no_compaction(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proof stays as the search left it."""
    monkeypatch.setattr("ivan.verification.WORTH_COMPACTING", math.inf)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Until the test says otherwise."""
    from ivan.bounds.parallel import set_threads  # imports numpy: after the preparation

    set_threads(1)

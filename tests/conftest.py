"""What holds for every test.

None touches the real proof store; in none does the clock decide, of an example or of how far a proof is compacted; and
none computes on more threads because of what another one did before it.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from ivan.process import prepare

prepare()  # as the command does: one BLAS thread a process, and freed memory is kept

# the processes that tests start compile each module once, not each of them anew: a third of what a start takes
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# every run tries the same examples, and how long one takes decides nothing
settings.register_profile("same", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("same")


@pytest.fixture(autouse=True)
def no_real_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the default store of this test is: a file that does not exist yet."""
    path = tmp_path / "default" / "proofs.sqlite"
    monkeypatch.setenv("IVAN_STORE", str(path))
    return path


@pytest.fixture(autouse=True)
def no_compaction(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proof stays as the search left it."""
    monkeypatch.setattr("ivan.verification.keeping.WORTH_COMPACTING", math.inf)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Until the test says otherwise."""
    from ivan.bounds.parallel import set_threads  # imports numpy: after the preparation

    set_threads(1)

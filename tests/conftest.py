"""No test can touch the real proof store."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def no_real_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the default store of this test is: a file that does not exist yet."""
    path = tmp_path / "default" / "proofs.sqlite"
    monkeypatch.setenv("IVAN_STORE", str(path))
    return path

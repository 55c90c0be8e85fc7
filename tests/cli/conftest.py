"""A shell, and a folder with a small question in it."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from tests import questions
from tests.batch.inline import use_inline_workers
from tests.cli.shell import Shell


@pytest.fixture
def ivan(capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(capsys)


@pytest.fixture
def inline_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches start no processes."""
    use_inline_workers(monkeypatch)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: model.onnx with holds.vnnlib and fails.vnnlib, plain and compressed."""
    folder = tmp_path / "here"
    folder.mkdir()
    files = {
        "model.onnx": questions.small(),
        "holds.vnnlib": questions.HOLDS.encode(),
        "fails.vnnlib": questions.FAILS.encode(),
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
        (folder / f"{name}.gz").write_bytes(gzip.compress(data))
    monkeypatch.chdir(folder)
    return folder

"""Lists and results for tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ivan.batch.instances import InstanceList, read_instances


def listing(folder: Path, *rows: str, name: str = "bench.csv") -> InstanceList:
    """A list of these rows, in a file of its own."""
    path = folder / name
    path.write_text("".join(f"{row}\n" for row in rows))
    return read_instances(path)


def verdicts(path: Path) -> list[str]:
    """The fifth column of a results file."""
    return [line.split(",")[4] for line in path.read_text().splitlines()]


def plain(names: Sequence[str], timeout: float = 60) -> list[str]:
    """Rows for models of these names and one property."""
    return [f"{name}.onnx,p.vnnlib,{timeout:g}" for name in names]

"""The architecture: a file imports only from lower floors, and folders on one floor do not import each other."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "src" / "ivan"

FLOORS: tuple[tuple[str, ...], ...] = (
    ("errors", "verdict", "digest", "deadline", "process", "report", "streams"),
    ("partner",),
    ("network", "vnnlib", "proof", "options", "vnncomp"),
    ("spec", "arrangement"),
    ("answer", "problem"),
    ("bounds",),
    ("lp", "attack", "deployment"),
    ("search", "store"),
    ("incremental", "reason"),
    ("memory", "outcome", "doctor"),
    ("verification", "compaction", "pictures", "exchange"),
    ("proof_file",),
    ("batch", "checking", "proof_facts"),
    ("gate",),
    ("cli", "pytest_plugin"),
    ("__main__",),
)
"""Bottom first. Everything directly inside src/ivan stands on exactly one of them; `ivan` itself is above nothing."""

FLOOR = {name: height for height, names in enumerate(FLOORS) for name in names}


def place(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """What a file imports of ivan, wherever in the file: names of folders and top-level modules."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = (
                [f"{node.module}.{alias.name}" for alias in node.names]
                if node.module == "ivan"
                else [node.module or ""]
            )
        else:
            continue
        found.update(name.split(".")[1] for name in names if name.startswith("ivan."))
    return found


FILES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


def test_every_file_stands_on_a_floor() -> None:
    assert {place(path) for path in FILES} == set(FLOOR)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down(path: Path) -> None:
    here = place(path)
    above = {name for name in imported(path) - {here, "__version__"} if FLOOR[name] >= FLOOR[here]}
    assert not above, f"{here} (floor {FLOOR[here]}) imports {above}"

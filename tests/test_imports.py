"""What is not needed is not loaded: importing the large libraries takes longer than many a query."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.models import Graph
from tests.questions import HOLDS, small

_HEAVY = ("numpy", "onnx", "onnxruntime", "scipy", "sqlalchemy", "alembic", "rich", "highspy", "click", "PIL")


def convolutional() -> bytes:
    """Of as many inputs and outputs."""
    rng, g = np.random.default_rng(3), Graph(13)
    image = g.node("Reshape", "x", np.array([1, 1, 1, 3], np.int64))
    weight = rng.standard_normal((4, 1, 1, 2)).astype(np.float32)
    hidden = g.node("Relu", g.node("Conv", image, weight, kernel_shape=[1, 2]))
    flat = g.node("Flatten", g.node("Relu", g.node("Conv", hidden, np.ones((4, 4, 1, 1), np.float32))))
    return g.model({"x": [1, 3]}, [g.node("MatMul", flat, rng.standard_normal((8, 2)).astype(np.float32))])


_SCRIPT = """
import sys
{body}
loaded = [name for name in {names!r} if name in sys.modules]
print(*loaded, sep=",", file=sys.stderr)
"""


def loaded(body: str, folder: Path) -> set[str]:
    """Which of the large libraries a script has loaded by its end."""
    script = _SCRIPT.format(body=body, names=_HEAVY)
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, timeout=60, check=True
    )
    return set(filter(None, done.stderr.strip().split(",")))


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "model.onnx").write_bytes(small())
    (tmp_path / "holds.vnnlib").write_text(HOLDS)
    return tmp_path


def command(*arguments: str) -> str:
    return f"from ivan.cli.main import run\nassert run({list(arguments)!r}) == 0"


def test_importing_the_package_loads_nothing(here: Path) -> None:
    assert loaded("import ivan; ivan.__version__", here) == set()


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_version_and_help_load_the_command_line_alone(here: Path, option: str) -> None:
    assert loaded(command(option), here) == {"click"}


def test_without_a_store_a_dense_model_loads_no_database_and_no_solver(here: Path) -> None:
    used = loaded(command("verify", "model.onnx", "holds.vnnlib", "--no-store"), here)
    assert used == {"click", "numpy", "onnx", "onnxruntime"}


def test_with_a_store_a_dense_model_loads_no_solver_and_no_widgets(here: Path) -> None:
    used = loaded(command("verify", "model.onnx", "holds.vnnlib", "--store", "proofs.sqlite"), here)
    assert "sqlalchemy" in used
    assert not used & {"scipy", "rich", "highspy"}
    again = loaded(command("verify", "model.onnx", "holds.vnnlib", "--store", "proofs.sqlite"), here)
    assert not again & {"scipy", "rich", "highspy", "alembic"}


def test_drawing_a_stored_proof_reads_no_model(here: Path) -> None:
    loaded(command("verify", "model.onnx", "holds.vnnlib", "--store", "proofs.sqlite"), here)
    drawn = loaded(command("tree", "--store", "proofs.sqlite", "--html", "a.html", "--svg", "a.svg"), here)
    assert drawn == {"click", "numpy", "sqlalchemy"}


def test_showing_a_proof_reads_no_model(here: Path) -> None:
    loaded(command("verify", "model.onnx", "holds.vnnlib", "--no-store", "--proof", "holds.proof"), here)
    shown = loaded(command("proof", "show", "holds.proof"), here)
    assert shown == {"click", "numpy", "rich", "sqlalchemy"}


def test_comparing_models_loads_no_database_no_solver_and_no_runtime(here: Path) -> None:
    used = loaded(command("model", "diff", "model.onnx", "model.onnx"), here)
    assert used == {"click", "numpy", "onnx", "rich"}


_LISTENING = """
import sys
from ivan import verify
from ivan.outcome import Listener

class Ears(Listener):
    before = None
    def phase(self, name):
        if name == "check":
            self.before = set(sys.modules)
    def answered(self, outcome):
        print(*sorted({name.split(".")[0] for name in set(sys.modules) - self.before} - {"ivan"}))

verify("model.onnx", "holds.vnnlib", store=False, listener=Ears())
"""


@pytest.mark.parametrize("model", [small, convolutional])
def test_libraries_are_imported_before_solving_begins(here: Path, model: Callable[[], bytes]) -> None:
    """So that what solving took does not tell how long a library takes to load."""
    (here / "model.onnx").write_bytes(model())
    done = subprocess.run(
        [sys.executable, "-c", _LISTENING], cwd=here, capture_output=True, text=True, timeout=60, check=True
    )
    assert set(done.stdout.split()) <= {"__future__"}

"""`--quiet` means the same of every command: the answer stays on stdout, and on stderr there are errors alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import click
import pytest
from tests.cli.shell import Shell
from tests.cli.test_help import ALL
from tests.questions import HOLDS, nudged, small

from ivan import verify
from ivan.cli.main import cli
from ivan.options import Options
from ivan.verdict import Verdict

NEXT = nudged(small(), 1e-3)
"""The next version of the small model."""

SUITE = 'model = "model.onnx"\n[[property]]\nquery = "holds.vnnlib"\n'

BOX = "--input-lower -1 --input-upper 1"
ANSWERS = {
    "verify": "model.onnx holds.vnnlib",
    "batch": "list.csv",
    "gate": "suite.toml --model v2.onnx",
    "cache compact": "model.onnx holds.vnnlib",
    "cache info": "",
    "cache list": "--limit 1",
    "cache path": "",
    "cache prune": "--keep-versions 1 --all --dry-run",
    "cache show": "1",
    "proof check": "1 model.onnx holds.vnnlib",
    "proof show": "1",
    "tree": "1",
    "model info": "model.onnx",
    "model diff": "model.onnx v2.onnx",
    "supports": "--vnnlib-versions",
    "explain": "input-error",
    "completion": "bash",
}
"""Commands that answer something, with arguments that do."""

DEEDS = {
    "cache clear": "--yes",
    "cache doctor": "",  # where all is well
    "cache export": "x.sqlite",
    "cache import": "other.sqlite",
    "proof export": "1 -o x.proof",
    "spec robustness": "model.onnx --input x.csv --epsilon 0.1 --label 1 -o p.vnnlib",
    "spec range": f"model.onnx {BOX} --min 0 -o p.vnnlib",
    "spec equivalence": f"model.onnx v2.onnx {BOX} --max 1 -o p.vnnlib",
    "spec agreement": f"model.onnx v2.onnx {BOX} -o p.vnnlib",
    "spec monotonicity": f"model.onnx {BOX} --rising 0 -o p.vnnlib",
    "spec fairness": f"model.onnx {BOX} --protected 0 -o p.vnnlib",
    "vnncomp prepare": "v1 category model.onnx holds.vnnlib",
    "vnncomp run": "v1 category model.onnx holds.vnnlib r.txt 60",
    "vnncomp scripts": "folder",
}
"""Commands that answer nothing, likewise."""


def is_group(path: str) -> bool:
    command: click.Command = cli
    for word in path.split():
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), word)
        assert found is not None
        command = found
    return isinstance(command, click.Group)


COMMANDS = [path for path in ALL if not is_group(path)]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two stores: of two versions, and of one."""
    folder = tmp_path_factory.mktemp("stores")
    (folder / "model.onnx").write_bytes(small())
    (folder / "v2.onnx").write_bytes(NEXT)
    (folder / "holds.vnnlib").write_text(HOLDS)
    for store, model in (("default", "model"), ("default", "v2"), ("other", "model")):
        outcome = verify(
            folder / f"{model}.onnx",
            folder / "holds.vnnlib",
            store=folder / f"{store}.sqlite",
            options=Options(compact=0.0),
        )
        assert outcome.verdict is Verdict.UNSAT
    return folder


@pytest.fixture
def used(stores: Path, here: Path, no_real_store: Path) -> Path:
    """A folder with all that the commands above ask for, and two runs in the store."""
    (here / "v2.onnx").write_bytes(NEXT)
    (here / "list.csv").write_text("model.onnx,holds.vnnlib,60\n")
    (here / "suite.toml").write_text(SUITE)
    (here / "x.csv").write_text("0,0,0\n")
    no_real_store.parent.mkdir()
    shutil.copy(stores / "default.sqlite", no_real_store)
    shutil.copy(stores / "other.sqlite", here / "other.sqlite")
    return here


def test_all_commands_are_tried_here() -> None:
    assert sorted([*ANSWERS, *DEEDS]) == sorted(COMMANDS)


@pytest.mark.usefixtures("used", "inline_workers")
@pytest.mark.parametrize("path", COMMANDS)
def test_a_quiet_command_answers_and_says_nothing_else(ivan: Shell, path: str) -> None:
    done = ivan(*path.split(), *(ANSWERS | DEEDS)[path].split(), "--quiet")
    assert (done.code, done.err) == (0, "")
    assert bool(done.out) == (path in ANSWERS)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("path", COMMANDS)
def test_a_quiet_command_says_what_is_wrong(ivan: Shell, path: str) -> None:
    done = ivan(*path.split(), "-q", "--no-such-option")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: No such option")
    assert "hint: " in done.err


@pytest.mark.usefixtures("used")
@pytest.mark.parametrize(
    ("command", "note"),
    [
        ("cache list --limit 1", "1 of 2 runs; --all shows every one"),
        ("cache doctor", "all is well"),
        ("cache export x.sqlite", "wrote 2 runs to x.sqlite"),
        ("cache clear --yes", "deleted 2 runs"),
        ("spec robustness model.onnx --input x.csv --epsilon 0.1 --label 1", "warning: x.csv: "),
        ("vnncomp prepare v1 category model.onnx holds.vnnlib", "category: this instance can be verified"),
    ],
)
def test_a_note_is_said_or_not_and_the_answer_is_the_same(ivan: Shell, command: str, note: str) -> None:
    quiet = ivan(*command.split(), "--quiet") if "clear" not in command else None
    Path("x.sqlite").unlink(missing_ok=True)
    done = ivan(*command.split())
    assert note in done.err
    if quiet is not None:
        assert (quiet.code, quiet.out, quiet.err) == (done.code, done.out, "")


def test_what_an_export_leaves_out_is_said_all_the_same(ivan: Shell, used: Path, no_real_store: Path) -> None:
    """A file that lacks something is no success."""
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(no_real_store)) as store:
        store.execute("UPDATE runs SET verdict = 'sat' WHERE id = 2")
        store.commit()
    done = ivan("cache", "export", "x.sqlite", "--quiet")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("warning: left out: run 2")

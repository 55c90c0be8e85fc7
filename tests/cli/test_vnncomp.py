"""`ivan vnncomp`: results as VNN-COMP reads them, and scripts that VNN-COMP can call."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tests.cli.process import PATIENCE, run
from tests.cli.shell import Shell
from tests.cli.test_verify import assignment
from tests.models import Graph, dense
from tests.questions import HARD

from ivan.network.reference import Runtime

BASH = shutil.which("bash")
needs_bash = pytest.mark.skipif(BASH is None, reason="bash is not installed")
PAIR = "[('f', 'model.onnx'), ('g', 'model.onnx')]"


def competition_reads(results: Path) -> tuple[str, str]:
    """The verdict and the counterexample, as run_single_instance.sh takes them from a results file."""
    first, _, rest = results.read_text().partition("\n")
    return first.strip(), rest


@pytest.mark.parametrize("onnx", ["model.onnx", "[('f', 'model.onnx')]"])
def test_a_violation_is_written_with_its_counterexample(ivan: Shell, here: Path, onnx: str) -> None:
    done = ivan("vnncomp", "run", "v1", "test", onnx, "fails.vnnlib", "results.txt", 60)
    assert (done.code, done.out) == (0, "")
    assert done.err.startswith("test: sat after ")
    verdict, rest = competition_reads(here / "results.txt")
    inputs, outputs = assignment(rest.rstrip("\n"))
    assert verdict == "sat"
    assert np.array_equal(Runtime((here / "model.onnx").read_bytes()).run(inputs), outputs)


def test_a_proof_is_written_and_nothing_is_stored(ivan: Shell, here: Path, no_real_store: Path) -> None:
    before = set(here.iterdir())
    done = ivan("vnncomp", "run", "v1", "test", "model.onnx", "holds.vnnlib", "results.txt", 60, "--quiet")
    assert (done.code, done.out, done.err) == (0, "", "")
    assert (here / "results.txt").read_text() == "unsat\n"
    assert set(here.iterdir()) == before | {here / "results.txt"}
    assert not no_real_store.parent.exists()


def test_files_that_are_only_there_compressed_are_found(ivan: Shell, here: Path) -> None:
    (here / "model.onnx").unlink()
    (here / "holds.vnnlib").unlink()
    assert ivan("vnncomp", "prepare", "v1", "test", "model.onnx", "holds.vnnlib").code == 0
    assert ivan("vnncomp", "run", "v1", "test", "model.onnx", "holds.vnnlib", "results.txt", 60).code == 0
    assert (here / "results.txt").read_text() == "unsat\n"


@pytest.mark.usefixtures("here")
def test_an_instance_that_can_be_verified_is_prepared(ivan: Shell) -> None:
    done = ivan("vnncomp", "prepare", "v1", "test", "model.onnx", "holds.vnnlib")
    assert (done.code, done.out, done.err) == (0, "", "test: this instance can be verified\n")
    assert ivan("vnncomp", "prepare", "v1", "test", "model.onnx", "holds.vnnlib", "-q").err == ""


UNUSABLE = {
    "model that is not there": ("nosuch.onnx", "holds.vnnlib", "nosuch.onnx: cannot be read"),
    "property that is not there": ("model.onnx", "nosuch.vnnlib", "nosuch.vnnlib: no such file"),
    "several networks": (PAIR, "holds.vnnlib", "holds.vnnlib is about one network, 2 are given"),
    "list that is none": ("['model.onnx']", "holds.vnnlib", "['model.onnx']: 'model.onnx' is not a name"),
    "operator": ("hardmax.onnx", "holds.vnnlib", "hardmax.onnx: unsupported operator: Hardmax"),
    "other model's property": ("wide.onnx", "holds.vnnlib", "holds.vnnlib declares 3 inputs, wide.onnx has 4"),
}


@pytest.mark.parametrize("kind", UNUSABLE)
def test_an_instance_that_cannot_be_verified_is_told_from_others(ivan: Shell, here: Path, kind: str) -> None:
    onnx, vnnlib, message = UNUSABLE[kind]
    g = Graph()
    (here / "hardmax.onnx").write_bytes(g.model({"x": [1, 3]}, [g.node("Hardmax", "x")]))
    (here / "wide.onnx").write_bytes(dense((4, 2), np.random.default_rng(0)))
    (here / "results.txt").write_text("sat\nof the instance before\n")
    prepared = ivan("vnncomp", "prepare", "v1", "test", onnx, vnnlib)
    assert (prepared.code, prepared.out) == (2, "")
    assert prepared.err.startswith(f"error: {message}")
    kept = ivan("vnncomp", "prepare", "v1", "test", onnx, vnnlib, "--keep-going")
    assert kept.code == 0
    assert kept.err.startswith(f"test: this instance cannot be verified: {message}")
    done = ivan("vnncomp", "run", "v1", "test", onnx, vnnlib, "results.txt", 60)
    assert done.code == 2
    assert done.err.startswith(f"error: {message}")
    assert (here / "results.txt").read_text() == "unknown\n"


@pytest.mark.parametrize(
    "arguments",
    [
        "prepare v2 test model.onnx holds.vnnlib",
        "prepare v2 test model.onnx holds.vnnlib --keep-going",
        "prepare v1 test model.onnx",
        "run v2 test model.onnx holds.vnnlib results.txt 60",
        "run v1 test model.onnx holds.vnnlib results.txt 0",
        "run v1 test model.onnx holds.vnnlib results.txt nan",
        "run v1 test model.onnx holds.vnnlib results.txt soon",
        "run v1 test model.onnx holds.vnnlib nowhere/results.txt 60",
        "run v1 test model.onnx holds.vnnlib results.txt",
    ],
)
def test_a_call_that_is_no_competitions_is_an_error(ivan: Shell, here: Path, arguments: str) -> None:
    done = ivan("vnncomp", *arguments.split())
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert not (here / "results.txt").exists()


@pytest.mark.parametrize("kind", HARD)
def test_the_process_has_ended_when_the_time_is_over(here: Path, kind: str) -> None:
    build, text = HARD[kind]
    (here / "hard.onnx").write_bytes(build())
    (here / "hard.vnnlib").write_text(text)
    results = here / "results.txt"
    done = run("vnncomp", "run", "v1", "test", here / "hard.onnx", here / "hard.vnnlib", results, 2)
    assert done.code == 0, done.err
    assert results.read_text() == "timeout\n"


@needs_bash
def test_the_scripts_run_an_instance(ivan: Shell, here: Path) -> None:
    """As the harness does: from another folder, with paths relative to it, the version first."""
    assert ivan("vnncomp", "scripts", "tool/vnncomp_scripts", "-q").err == ""
    program = executable(here / "ivan", f'exec "{sys.executable}" -m ivan "$@"')

    def script(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return bash(here / "tool" / "vnncomp_scripts" / name, *arguments, IVAN=str(program))

    assert script("prepare_instance.sh", "v1", "test", "model.onnx", "fails.vnnlib").returncode == 0
    assert script("prepare_instance.sh", "v1", "test", PAIR, "fails.vnnlib").returncode == 2
    done = script("run_instance.sh", "v1", "test", "model.onnx", "fails.vnnlib", "out.txt", "60")
    assert done.returncode == 0, done.stderr
    verdict, rest = competition_reads(here / "out.txt")
    assert verdict == "sat"
    assignment(rest.rstrip("\n"))
    calls = {"install_tool.sh": 0, "prepare_instance.sh": 3, "run_instance.sh": 5}
    for name, count in calls.items():
        wrong = script(name, "v2", *("test", "model.onnx", "fails.vnnlib", "out.txt", "60")[:count])
        assert wrong.returncode == 2
        assert "v1" in wrong.stderr


@needs_bash
def test_the_installation_is_beside_the_script_and_the_other_scripts_find_it(ivan: Shell, here: Path) -> None:
    ivan("vnncomp", "scripts", "tool", "--install", "ivan @ file:///some where", "-q")
    made = 'mkdir -p "$3/bin"; printf "#!/bin/sh\\necho python \\"\\$@\\" >> calls\\n" > "$3/bin/python"; '
    made += 'printf "#!/bin/sh\\necho ivan \\"\\$@\\"\\n" > "$3/bin/ivan"; chmod +x "$3"/bin/*'
    python = executable(here / "python3", made)
    done = bash(here / "tool" / "install_tool.sh", "v1", PYTHON=str(python))
    assert (done.returncode, done.stdout) == (0, "ivan --version\n"), done.stderr
    call = "python -m pip install --quiet --disable-pip-version-check ivan @ file:///some where\n"
    assert (here / "tool" / "calls").read_text() == call
    prepared = bash(here / "tool" / "prepare_instance.sh", "v1", "test", "a b.onnx", "c.vnnlib")
    assert prepared.stdout == "ivan vnncomp prepare v1 test a b.onnx c.vnnlib\n"


@needs_bash
def test_a_script_that_is_ended_ends_the_verifier(ivan: Shell, here: Path) -> None:
    ivan("vnncomp", "scripts", "tool", "-q")
    program = executable(here / "ivan", f'exec "{sys.executable}" -m ivan "$@"')
    build, text = HARD["units"]
    (here / "hard.onnx").write_bytes(build())
    (here / "hard.vnnlib").write_text(text)
    command = ["bash", "tool/run_instance.sh", "v1", "test", "hard.onnx", "hard.vnnlib", "out.txt", "300"]
    with subprocess.Popen(command, env=os.environ | {"IVAN": str(program)}, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + PATIENCE
        while not (here / "out.txt").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        process.terminate()
        assert process.wait(PATIENCE) == 130
    assert (here / "out.txt").read_text() == "unknown\n"


def test_scripts_are_not_replaced_unless_told_to(ivan: Shell, here: Path) -> None:
    done = ivan("vnncomp", "scripts", "tool")
    assert done.code == 0
    assert [Path(line).name for line in done.err.splitlines()] == sorted(path.name for path in Path("tool").iterdir())
    mine = here / "tool" / "run_instance.sh"
    mine.write_text("mine")
    done = ivan("vnncomp", "scripts", "tool")
    assert done.code == 2
    assert mine.read_text() == "mine"
    assert ivan("vnncomp", "scripts", "tool", "--force", "--keep-going").code == 0
    assert mine.read_text() != "mine"
    assert "prepare --keep-going" in (here / "tool" / "prepare_instance.sh").read_text()


def executable(path: Path, body: str) -> Path:
    path.write_text(f"#!/usr/bin/env bash\n{body}\n")
    path.chmod(0o755)
    return path


def bash(script: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(script), *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

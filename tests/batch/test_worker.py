"""Real workers: what they answer, and that an instance which goes wrong costs itself alone."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tests.batch.lists import listing
from tests.models import Graph
from tests.questions import FAILS, HARD, HOLDS, box, nudged, small

from ivan.batch import run
from ivan.batch.results import Result, ResultsFile
from ivan.batch.run import BatchListener, Running, verify_batch
from ivan.batch.workers import default_command
from ivan.options import Options
from ivan.partner import possible
from ivan.store import ProofStore


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    celu = Graph()
    files = {
        "model.onnx": small(),
        "celu.onnx": celu.model({"x": [1, 3]}, [celu.node("Hardmax", "x")]),
        "damaged.onnx": small()[:-100],
        "holds.vnnlib": HOLDS.encode(),
        "fails.vnnlib": FAILS.encode(),
        "wide.vnnlib": box(4).encode(),
        "hard.onnx": HARD["boxes"][0](),
        "hard.vnnlib": HARD["boxes"][1].encode(),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


def batch(
    folder: Path,
    *rows: str,
    store: Path | bool = False,
    out: str = "results.csv",
    jobs: int = 1,
    command: Sequence[str] | None = None,
    listener: BatchListener | None = None,
) -> list[Result]:
    bench = listing(folder, *rows)
    with ResultsFile(folder / out, bench, resume=False) as file:
        return verify_batch(
            bench, file, store=store, jobs=jobs, options=Options(seed=1), command=command, listener=listener
        )


def verdicts(results: Sequence[Result]) -> list[str]:
    return [result.verdict for result in results]


def test_every_instance_ends_as_a_row_whatever_it_is(folder: Path) -> None:
    results = batch(
        folder,
        "model.onnx,holds.vnnlib,60",
        "nosuch.onnx,holds.vnnlib,60",
        "damaged.onnx,holds.vnnlib,60",
        "celu.onnx,holds.vnnlib,60",
        "model.onnx,nosuch.vnnlib,60",
        "model.onnx,wide.vnnlib,60",
        "model.onnx,holds.vnnlib,0",
        "model.onnx,fails.vnnlib,60",
    )
    assert verdicts(results) == ["unsat", "error", "error", "error", "error", "error", "timeout", "sat"]
    reasons = [result.reason or "" for result in results]
    assert [word in reason for word, reason in zip(
        ("", "nosuch.onnx: cannot be read", "not an ONNX model", "Hardmax", "nosuch.vnnlib", "declares 4 inputs"),
        reasons, strict=False,
    )] == [True] * 6  # fmt: skip
    assert all("\n" not in reason for reason in reasons)
    hints = [result.hint or "" for result in results if result.verdict == "error"]
    kinds = ("model", "model", "unsupported-operator", "property", "mismatch")
    assert [hint.rpartition(" (")[2] for hint in hints] == [f"ivan explain {kind}-error)" for kind in kinds]
    first = results[0]
    assert first.leaves is not None
    assert first.leaves > 1
    assert first.solve_seconds is not None
    assert 0 < first.solve_seconds <= first.seconds + 1e-3
    found = Path(results[-1].counterexample or "").read_text()
    assert found.startswith("((X_0 ")
    assert found.endswith("))\n")


def test_a_fresh_process_for_every_instance_answers_the_same(folder: Path) -> None:
    rows = ("model.onnx,holds.vnnlib,60", "model.onnx,fails.vnnlib,60")
    one = [part for part in default_command() if part != "--one"] + ["--one"]
    assert verdicts(batch(folder, *rows, jobs=2, command=one)) == ["unsat", "sat"]


class Once(BatchListener):
    """Does something to the process of the first instance that is seen, in a phase if one is named."""

    def __init__(self, act: Callable[[int], object], phase: str = "") -> None:
        self._act: Callable[[int], object] | None = act
        self._phase = phase

    def tick(self, running: Sequence[Running]) -> None:
        act = self._act
        if act is not None and any(one.phase and self._phase in ("", one.phase) for one in running):
            (worker,) = children(os.getpid())
            (instance,) = children(worker)
            self._act = None
            act(instance)


def children(pid: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = path.read_text().rpartition(")")
        except OSError:  # it has just ended
            continue
        if int(rest.split()[1]) == pid:
            found.append(int(name.split()[0]))
    return found


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for processes in /proc")
forking = pytest.mark.skipif(not possible(), reason="processes cannot be forked here")


@linux
@forking
def test_an_instance_that_the_system_kills_costs_itself_alone(folder: Path) -> None:
    results = batch(
        folder,
        "hard.onnx,hard.vnnlib,60",
        "model.onnx,fails.vnnlib,60",
        listener=Once(lambda pid: os.kill(pid, signal.SIGKILL)),
    )
    assert verdicts(results) == ["error", "sat"]
    assert results[0].reason == "its process was ended by SIGKILL (out of memory?)"


@linux
@forking
def test_an_instance_that_hangs_is_ended_with_its_time(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "GRACE", 0.1)
    stopped: list[int] = []

    def stop(pid: int) -> None:
        stopped.append(pid)
        os.kill(pid, signal.SIGSTOP)  # as a library does that never comes back

    results = batch(folder, "hard.onnx,hard.vnnlib,0.7", "model.onnx,fails.vnnlib,60", listener=Once(stop))
    assert verdicts(results) == ["timeout", "sat"]
    assert results[0].seconds >= 0.7
    wait_until(lambda: not alive(stopped[0]))


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_two_jobs_share_one_store_and_the_next_batch_starts_from_it(folder: Path) -> None:
    store = folder / "proofs.sqlite"
    versions = [f"v{k}.onnx" for k in range(3)]
    for k, name in enumerate(versions):
        (folder / name).write_bytes(nudged(small(), 1e-3 * k))
    rows = [f"{name},{query}.vnnlib,60" for name in versions for query in ("holds", "fails")]
    first = batch(folder, *rows[:4], store=store, jobs=2)
    assert verdicts(first) == ["unsat", "sat"] * 2
    with sqlite3.connect(store) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    with ProofStore.open(store) as opened:
        assert sorted(saved.run.id for saved in opened.runs()) == sorted(result.run or 0 for result in first)
    second = batch(folder, *rows, store=store, jobs=2, out="second.csv")
    assert verdicts(second) == ["unsat", "sat"] * 3
    assert [result.exact for result in second] == [True] * 4 + [False] * 2
    updated = second[4]
    assert updated.base_name in versions[:2]
    assert 0 < (updated.reused_leaves or 0) <= (updated.base_leaves or 0)


@linux
def test_a_batch_that_is_interrupted_saves_the_open_tree_of_what_is_running(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "GRACE_INTERRUPTED", 20)
    store = folder / "proofs.sqlite"

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        batch(folder, "hard.onnx,hard.vnnlib,60", store=store, listener=Once(interrupt, "search"))
    assert not children(os.getpid())
    with ProofStore.open(store) as opened:
        assert [(saved.run.verdict, saved.run.open) for saved in opened.runs()] == [("timeout", True)]


LOADING = """
import importlib, sys
from ivan.batch.worker import LOADED

for name in LOADED:
    importlib.import_module(name)
before = set(sys.modules)
from ivan.verification import verify

assert verify("model.onnx", "holds.vnnlib", store="proofs.sqlite").verdict.value == "unsat"
print(*sorted({name.split(".")[0] for name in set(sys.modules) - before}))
"""


def test_a_verification_loads_no_library_that_its_worker_has_not_loaded(folder: Path) -> None:
    ProofStore.open(folder / "proofs.sqlite").close()
    done = subprocess.run(
        [sys.executable, "-c", LOADING], cwd=folder, capture_output=True, text=True, timeout=60, check=True
    )
    assert not {"ivan", "numpy", "onnx", "onnxruntime", "scipy", "highspy", "sqlalchemy"} & set(done.stdout.split())


def test_no_thread_is_left(folder: Path) -> None:
    before = threading.active_count()
    batch(folder, "model.onnx,fails.vnnlib,60", jobs=2)
    assert threading.active_count() == before

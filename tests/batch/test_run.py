"""A batch survives whatever its workers do; here they are scripts that do it on purpose, named as the models are."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.batch.lists import listing, plain

from ivan.batch import run
from ivan.batch.results import Result, ResultsFile
from ivan.batch.run import BatchListener, Running, verify_batch
from ivan.errors import InputError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the scripts use signals of POSIX")

SCRIPT = """
import json, os, pathlib, signal, sys, time

task = {}

def say(event, **facts):
    os.write(1, json.dumps({"event": event, "number": task.get("number"), **facts}).encode() + b"\\n")

def answer(verdict, **facts):
    say("answered", verdict=verdict, counterexample="((X_0 1.0))" if verdict == "sat" else None, **facts)

def ended(code=0):
    say("ended", code=code, words="")
    say("ready")

here = pathlib.Path(sys.argv[1])
(here / f"pid{os.getpid()}").touch()
say("ready")
for line in sys.stdin:
    task = json.loads(line)
    name = pathlib.Path(task["model"]).stem
    if name == "crash":
        print("free(): invalid pointer", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGABRT)
    elif name == "silent":
        ended()
    elif name == "leave":
        sys.exit(3)
    elif name == "hang":
        signal.pause()
    elif name == "late":
        time.sleep(task["timeout"] + 0.05)
        answer("sat")
        ended()
    elif name == "torn":
        os.write(1, b'{"event": "answered", "verd')
        ended(-9)
    elif name == "noise":
        os.write(1, b"nothing to see\\n[]\\n")
        answer("unsat", leaves=3)
        ended()
    elif name == "answered":
        answer("unsat")
        os.kill(os.getpid(), signal.SIGSEGV)
    elif name == "saving":
        answer("unsat")
        signal.pause()
    elif name == "mistaken":
        answer("unsat", number=task["number"] - 1)
        ended()
    elif name == "warn":
        say("warned", message="the store is full", hint="empty it")
        answer("unsat")
        ended()
    elif name.startswith("meet"):
        (here / name).touch()
        while not all((here / other).exists() for other in ("meet1", "meet2")):
            time.sleep(0.001)
        answer("unsat")
        ended()
    else:
        say("progress", phase="search", open=1, closed=2, worst=-0.5)
        answer(name)
        ended()
"""

DEAD = 0.5
"""Seconds after which a worker that hangs is given up, in these tests."""


class Batch:
    """Runs lists with those scripts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.command = [sys.executable, "-I", "-c", SCRIPT, str(folder)]

    def __call__(
        self,
        *names: str,
        jobs: int = 1,
        timeout: float = 60,
        listener: BatchListener | None = None,
        command: Sequence[str] | None = None,
        resume: bool = False,
    ) -> list[Result]:
        bench = listing(self.folder, *plain(names, timeout))
        with ResultsFile(self.folder / "results.csv", bench, resume=resume) as file:
            return verify_batch(bench, file, jobs=jobs, listener=listener, command=command or self.command)

    @property
    def alive(self) -> list[int]:
        """Workers that have not ended."""
        pids = [int(path.name.removeprefix("pid")) for path in self.folder.glob("pid*")]
        return [pid for pid in pids if exists(pid)]


def exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Batch:
    monkeypatch.setattr(run, "GRACE", 0.1)
    monkeypatch.setattr(run, "GRACE_INTERRUPTED", 0.1)
    return Batch(tmp_path)


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(
    ("name", "verdict", "reason"),
    [
        ("crash", "error", "its process was ended by SIGABRT: free(): invalid pointer"),
        ("leave", "error", "its process ended with exit code 3"),
        ("silent", "error", "its process ended without an answer"),
        ("torn", "error", "its process was ended by SIGKILL (out of memory?)"),
        ("mistaken", "error", "its process ended without an answer"),
        ("noise", "unsat", None),
        ("answered", "unsat", None),
    ],
)
def test_a_bad_instance_costs_itself_alone(batch: Batch, jobs: int, name: str, verdict: str, reason: str) -> None:
    results = batch("sat", name, "unsat", "unknown", jobs=jobs)
    assert [result.verdict for result in results] == ["sat", verdict, "unsat", "unknown"]
    assert results[1].reason == reason
    assert not batch.alive


def test_an_answer_stands_whatever_happens_behind_it(batch: Batch) -> None:
    (result,) = batch("answered")
    assert result.verdict == "unsat"
    assert result.warnings == ("its process was ended by SIGSEGV after the answer: its proof may not be stored",)


@pytest.mark.parametrize("name", ["hang", "late"])
def test_what_takes_longer_than_its_time_is_a_timeout_and_costs_itself_alone(batch: Batch, name: str) -> None:
    results = batch(name, "unsat", timeout=DEAD)
    assert [result.verdict for result in results] == ["timeout", "unsat"]
    assert results[0].seconds >= DEAD
    assert results[0].counterexample is None
    assert not batch.alive


def test_a_worker_that_never_ends_its_saving_is_given_up_and_its_answer_stands(batch: Batch) -> None:
    (result,) = batch("saving", timeout=DEAD)
    assert (result.verdict, result.warnings) == ("unsat", ("killed after the answer: its proof may not be stored",))
    assert result.seconds < DEAD
    assert not batch.alive


@pytest.mark.parametrize("code", ["raise SystemExit('no such library')", "pass"])
def test_workers_that_do_not_start_end_the_batch_with_errors(batch: Batch, code: str) -> None:
    results = batch("unsat", "unsat", jobs=2, command=[sys.executable, "-I", "-c", code])
    assert [result.verdict for result in results] == ["error", "error"]
    assert results[0].reason is not None
    assert code == "pass" or results[0].reason.endswith("exit code 1: no such library")


def test_a_command_that_is_none_is_an_error(batch: Batch) -> None:
    with pytest.raises(InputError, match="no process can be started"):
        batch("unsat", command=[str(batch.folder / "nosuch")])


def test_as_many_instances_as_jobs_run_at_the_same_time(batch: Batch) -> None:
    assert [result.verdict for result in batch("meet1", "meet2", jobs=2, timeout=20)] == ["unsat", "unsat"]


def test_one_worker_serves_many_instances_and_no_more_are_started_than_needed(batch: Batch) -> None:
    batch("unsat", "sat", "unknown", "unsat")
    assert len(list(batch.folder.glob("pid*"))) == 1
    (batch.folder / "results.csv").unlink()
    batch("unsat", jobs=8)
    assert len(list(batch.folder.glob("pid*"))) == 2


class Listening(BatchListener):
    """Notes what it hears; raises what it is given once so many results are there."""

    def __init__(self, after: int = 10**9, error: BaseException | None = None) -> None:
        self.heard: list[str] = []
        self.states: list[dict[str, object]] = []
        self._after, self._error = after, error

    def began(self, listing: object, kept: Sequence[Result], jobs: int) -> None:
        self.heard.append(f"{len(kept)} kept, {jobs} jobs")

    def finished(self, result: Result) -> None:
        self.heard.append(result.verdict)

    def warned(self, message: str, hint: str | None) -> None:
        self.heard.append(f"{message}: {hint}")

    def tick(self, running: Sequence[Running]) -> None:
        self.states += [one.state for one in running if one.phase == "search"]
        if self._error is not None and len(self.heard) > self._after:
            raise self._error


def test_the_listener_hears_every_result_and_every_warning_once(batch: Batch) -> None:
    listener = Listening()
    results = batch("warn", "warn", "sat", listener=listener)
    assert listener.heard == ["0 kept, 1 jobs", "the store is full: empty it", "unsat", "unsat", "sat"]
    assert [result.warnings for result in results] == [("the store is full",)] * 2 + [()]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("a bug")])
def test_whatever_interrupts_a_batch_no_process_is_left_and_every_result_kept(
    batch: Batch, error: BaseException
) -> None:
    start = time.monotonic()
    with pytest.raises(type(error)):
        batch("unsat", "sat", "hang", "unknown", listener=Listening(2, error))
    assert time.monotonic() - start < 20
    assert not batch.alive
    rows = (batch.folder / "results.csv").read_text().splitlines()
    assert [row.split(",")[4] for row in rows] == ["unsat", "sat"]
    names = ("unsat", "sat", "hang", "unknown")
    listener = Listening()
    results = batch(*names, listener=listener, resume=True, timeout=DEAD)
    assert [result.verdict for result in results] == ["unsat", "sat", "timeout", "unknown"]
    assert listener.heard == ["2 kept, 1 jobs", "timeout", "unknown"]

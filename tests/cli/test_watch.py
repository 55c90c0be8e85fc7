"""The answer comes before the deadline, an interrupt ends the command, and the store is none the worse for it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest
from tests.cli.process import IVAN, integrity, run
from tests.cli.shell import Shell
from tests.questions import HARD

from ivan.cli.watch import Watch
from ivan.deadline import Deadline
from ivan.store import ProofStore

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and select are those of POSIX")

LATE = 3.0
"""Seconds after which a process that should end within one is a failure; wide, since tests share the machine."""


@pytest.fixture
def hard(here: Path) -> Path:
    for kind, (build, query) in HARD.items():
        (here / f"{kind}.onnx").write_bytes(build())
        (here / f"{kind}.vnnlib").write_text(query)
    return here


# -- deadlines --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "timeout"), [("boxes", 2.0), ("units", 3.0), ("boxes", 0.3)])
def test_the_deadline_ends_the_run_and_keeps_its_open_tree(
    hard: Path, no_real_store: Path, kind: str, timeout: float
) -> None:
    done = run("verify", f"{kind}.onnx", f"{kind}.vnnlib", "--timeout", timeout)
    assert (done.code, done.out, done.err) == (0, "timeout\n", "")
    assert done.seconds < timeout + LATE
    if timeout < 1:  # ended perhaps before the search began
        return
    assert integrity(no_real_store) == "ok"
    with ProofStore.open(no_real_store) as store:
        (saved,) = store.runs()
    assert (saved.run.verdict, saved.run.open) == ("timeout", True)


class Recorder:
    """What a watch did, and when."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.printed: list[str] = []
        self.left: list[str] = []
        self.ended = threading.Event()
        self.codes: list[int] = []
        monkeypatch.setattr("ivan.cli.watch.GRACE", 0.05)
        monkeypatch.setattr("ivan.cli.watch.GRACE_INTERRUPTED", 0.05)
        monkeypatch.setattr("ivan.cli.watch.os._exit", self._exit)

    def _exit(self, code: int) -> None:
        self.codes.append(code)
        self.ended.set()

    def watch(self, seconds: float, search: Deadline | None = None) -> Watch:
        return Watch(
            time.monotonic() + seconds,
            search or Deadline(),
            lambda: self.printed.append("timeout"),
            lambda: self.left.append("cleared"),
        )


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    return Recorder(monkeypatch)


def test_a_solver_that_holds_the_main_thread_does_not_delay_the_answer(recorder: Recorder) -> None:
    search = Deadline()
    with recorder.watch(0.05, search) as watch:
        assert recorder.ended.wait(LATE)  # the main thread does nothing but wait
        assert (recorder.printed, recorder.codes, recorder.left) == (["timeout"], [0], ["cleared"])
        assert watch.gave_up
        assert search.cancelled


def test_only_one_answer_is_printed(recorder: Recorder) -> None:
    said: list[str] = []
    with recorder.watch(0.05) as watch:
        assert watch.say(lambda: said.append("unsat"))
        assert not watch.say(lambda: said.append("sat"))
        assert recorder.ended.wait(LATE)
    assert (said, recorder.printed, watch.gave_up) == (["unsat"], [], False)
    with recorder.watch(0.0) as late:
        while not late.gave_up:
            time.sleep(0.001)
        assert not late.say(lambda: said.append("sat"))
    assert (said, recorder.printed) == (["unsat"], ["timeout"])


def test_a_run_that_ends_in_time_is_left_alone(recorder: Recorder) -> None:
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    threads = threading.active_count()
    with recorder.watch(60.0) as watch:
        assert threading.active_count() == threads + 1
    assert (recorder.printed, recorder.codes, watch.interrupted) == ([], [], False)
    assert threading.active_count() == threads
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_cancels_the_search_and_forbids_an_answer(recorder: Recorder, number: int) -> None:
    search = Deadline()
    with recorder.watch(60.0, search) as watch:
        os.kill(os.getpid(), number)
        while not watch.interrupted:
            time.sleep(0.001)
        assert search.cancelled
        assert not watch.say(lambda: recorder.printed.append("unsat"))
        assert recorder.ended.wait(LATE)
    assert (recorder.codes, recorder.printed, recorder.left) == ([130], [], ["cleared"])


def test_other_signals_are_none_of_its_business(recorder: Recorder) -> None:
    seen = threading.Event()
    previous = signal.signal(signal.SIGUSR1, lambda *_: seen.set())
    try:
        with recorder.watch(60.0) as watch:
            os.kill(os.getpid(), signal.SIGUSR1)
            assert seen.wait(LATE)
            assert not recorder.ended.wait(0.2)
            assert not watch.interrupted
    finally:
        signal.signal(signal.SIGUSR1, previous)


# -- interrupts -------------------------------------------------------------------------------------------------------


def store_appears(path: Path) -> None:
    """Waits until the run has come so far that it opened its store."""
    start = time.monotonic()
    while not path.exists() and time.monotonic() - start < 20:
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("wait", [None, 0.0, 0.3], ids=["early", "store", "search"])
def test_an_interrupted_run_ends_at_once_and_leaves_an_intact_store(
    ivan: Shell, hard: Path, no_real_store: Path, number: int, wait: float | None
) -> None:
    def moment() -> None:
        if wait is None:
            time.sleep(0.15)  # past the interpreter's own start
        else:
            store_appears(no_real_store)
            time.sleep(wait)

    done = run("verify", "boxes.onnx", "boxes.vnnlib", when=moment, number=number)
    assert (done.code, done.out, done.err.strip()) == (130, "", "")
    assert done.after < LATE
    if no_real_store.exists():
        assert integrity(no_real_store) == "ok"
    again = ivan.verify("model.onnx", "holds.vnnlib")
    assert (again.code, again.out, again.err) == (0, "unsat\n", "")


# -- streams that are not there ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", ["verify model.onnx fails.vnnlib", "--help", "verify --help"])
@pytest.mark.usefixtures("here")
def test_a_reader_that_has_gone_is_no_error(arguments: str) -> None:
    reader, writer = socket.socketpair()
    reader.close()
    with writer:
        done = subprocess.run(
            [*IVAN, *arguments.split()],
            stdout=writer.fileno(),
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("verbose", [[], ["--verbose"]])
@pytest.mark.parametrize(("query", "code"), [("holds.vnnlib", 0), ("fails.vnnlib", 1)])
@pytest.mark.parametrize("unheard", ["stdout", "stderr"])
@pytest.mark.usefixtures("here")
def test_a_gate_ends_with_the_same_code_although_nobody_listens(
    unheard: str, query: str, code: int, verbose: list[str]
) -> None:
    Path("suite.toml").write_text(f'model = "model.onnx"\n[[property]]\nquery = "{query}"\n')
    reader, writer = os.pipe()
    os.close(reader)
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL} | {unheard: writer}
    done = subprocess.run([*IVAN, "gate", "suite.toml", *verbose], **streams, timeout=60, check=False)
    os.close(writer)
    assert done.returncode == code


@pytest.mark.usefixtures("here")
def test_a_verdict_does_not_depend_on_who_reads_the_progress() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [*IVAN, "verify", "model.onnx", "holds.vnnlib", "--verbose"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=writer, text=True, timeout=60, check=False)
    os.close(writer)
    assert (done.returncode, done.stdout) == (0, "unsat\n")


def test_what_was_proved_is_saved_although_nobody_reads_the_answer(here: Path, no_real_store: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    subprocess.run([*IVAN, "verify", "model.onnx", "holds.vnnlib"], stdout=writer, timeout=60, check=True)
    os.close(writer)
    with ProofStore.open(no_real_store) as store:
        assert [saved.run.verdict for saved in store.runs()] == ["unsat"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize(
    ("redirection", "code"),
    [(">&-", 0), ("2>&-", 0), (">/dev/full", 2), ("2>/dev/full", 0), ("--verbose 2>/dev/full", 0), ("<&- >&- 2>&-", 0)],
)
@pytest.mark.usefixtures("here")
def test_closed_and_full_streams_end_in_order(redirection: str, code: int) -> None:
    command = f"{' '.join(IVAN)} verify model.onnx holds.vnnlib {redirection}"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code
    assert "Traceback" not in done.stderr

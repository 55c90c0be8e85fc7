"""Processes that verify instances, seen from the batch: started, spoken to, and ended whatever they do."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Any

from ivan import partner

PATIENCE = 0.5
"""Seconds to wait for a process that was killed; the system may hold it, in a device say."""


def default_command() -> list[str]:
    """Starts a worker: this interpreter, and nothing imported from the folder that it happens to run in."""
    return [sys.executable, "-P", "-m", "ivan.batch.worker", *([] if partner.possible() else ["--one"])]


@dataclass(frozen=True)
class Event:
    """Something that a worker said; `gone` is its end.

    Attributes:
        worker: who.
        at: when, on the monotonic clock.
        name: what happened.
        facts: what there is to know about it.
    """

    worker: Worker
    at: float
    name: str
    facts: dict[str, Any]


Events = queue.SimpleQueue[Event]


class Worker:
    """A process that verifies instances.

    Args:
        command: starts it.
        events: where what it says goes.

    Attributes:
        started: it has been ready once.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, command: Sequence[str], events: Events) -> None:
        self.started = False
        path = os.pathsep.join(filter(None, sys.path))  # it imports what this process would
        with contextlib.ExitStack() as files:
            self._errors = files.enter_context(tempfile.TemporaryFile())
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env={**os.environ, "PYTHONPATH": path},
                start_new_session=True,  # a Ctrl-C is for the batch alone, which then ends its workers
            )
            files.pop_all()
        self._listener = threading.Thread(target=self._listen, args=(events,), daemon=True)
        self._listener.start()

    def send(self, task: dict[str, Any]) -> None:
        """Hands it a task; one that is gone says so elsewhere."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.write(json.dumps(task).encode() + b"\n")
            self._process.stdin.flush()

    def interrupt(self) -> None:
        """Tells it to come to an end, with what it is doing."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Ends it and all that it started by force, or what is left of that when it is gone."""
        self._signal(signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        self._listener.join(PATIENCE)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.name == "posix":
                os.killpg(self._process.pid, number)
            else:
                self._process.send_signal(number)

    def _listen(self, events: Events) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines, self._errors as errors:
            for line in lines:
                event = _parsed(line)
                if event is not None:
                    name = event.pop("event")
                    self.started = self.started or name == "ready"
                    events.put(Event(self, time.monotonic(), name, event))
            code = self._process.wait()
            events.put(Event(self, time.monotonic(), "gone", {"code": code, "words": last_line(errors)}))


def _parsed(line: bytes) -> dict[str, Any] | None:
    """The event of a line. Where a process was killed as it spoke, its line goes on with what its worker said next."""
    start = max(0, line.rfind(b'{"event": '))
    try:
        event = json.loads(line[start:])
    except ValueError:
        return None
    return event if isinstance(event, dict) and "event" in event else None


def last_line(file: IO[bytes]) -> str:
    """The last line of a file that says something, if there is one."""
    file.seek(0)
    lines = file.read().decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")

"""Another process that works on a copy of all this one knows, and sends back what it found.

Threads are of little use for short numpy kernels: between them the interpreter lets only one thread go on (measured in
docs/performance.md). A forked process starts with everything this one knows, at the price of a few milliseconds; all it
has to send back is what is new. Where a process cannot be forked, or dies, its part is done here.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import pickle
import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Generic, TypeVar

from ivan.deadline import Deadline

Found = TypeVar("Found")
Work = Callable[[Callable[[], bool]], Found]
"""Run in the other process; told whether to stop, it returns what it found."""


def possible() -> bool:
    """Can this process be forked?"""
    return hasattr(os, "fork") and sys.platform != "darwin"


PATIENCE, GRACE = 0.03, 0.1
"""Seconds between looks at the clock while the other process is waited for, and that it has behind the deadline: less
together than a search stops before its answer is due, so that a process that hangs makes no answer late."""


class Partner(Generic[Found]):
    """The other process.

    Args:
        work: run there; told whether to stop, it returns what it found.

    Raises:
        OSError: no memory, or no processes left.
    """

    def __init__(self, work: Work[Found]) -> None:
        self._connection, theirs = multiprocessing.Pipe()
        parent = os.getpid()
        self._ended = False
        self._pid = os.fork()
        if self._pid == 0:
            try:
                self._connection.close()
                _run(work, theirs, parent)
            finally:  # whatever happens: never back into the program that it was forked from
                os._exit(1)
        theirs.close()

    @property
    def ready(self) -> bool:
        """It has ended, or is about to."""
        return self._connection.poll()

    def stop(self) -> None:
        """Tells it to come to an end."""
        with contextlib.suppress(OSError):
            self._connection.send(None)

    def findings(self, deadline: Deadline) -> Found | None:
        """What it found; None when it died, or does not answer in time.

        Args:
            deadline: a little behind it nothing is waited for any more.
        """
        found: Found | None = None
        try:
            while not self._connection.poll(PATIENCE):
                if deadline.passed and not self._connection.poll(GRACE):
                    break  # it hangs
            else:
                with open(self._connection.fileno(), "rb", closefd=False) as stream:
                    found = pickle.load(stream)
        except (EOFError, OSError, pickle.UnpicklingError):
            found = None
        self.end()
        return found

    def end(self) -> None:
        """Ends it by force, if it has not ended by itself."""
        if self._ended:
            return
        self._ended = True
        self._connection.close()
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)


def _run(work: Work[Found], connection: Connection, parent: int) -> None:
    """In the new process: works, sends, and ends without ever returning to the program it was forked from."""
    code = 1
    try:
        die_with_parent()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        if os.getppid() == parent:
            found = work(lambda: connection.poll() or os.getppid() != parent)
            # as a stream: what was found is never held a second time as bytes
            with open(connection.fileno(), "wb", closefd=False) as stream:
                pickle.dump(found, stream, pickle.HIGHEST_PROTOCOL)
            code = 0
    except BaseException:
        pass  # the parent does what is missing
    finally:
        os._exit(code)


def die_with_parent() -> None:
    """On Linux: the kernel kills this process when the other one ends, however it ends."""
    if sys.platform.startswith("linux"):
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)

"""The answer comes before the deadline and an interrupt ends the command, whatever solver is running.

Everything that takes long looks at the deadline often and stops by itself; this is for when it does not. One thread
sleeps until the answer is due or a signal arrives (which the interpreter reports through a file descriptor at once,
even while a solver holds the main thread), and then gives the program a moment to end by itself before it ends it.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable
from types import FrameType

from ivan.deadline import Deadline

_INTERRUPTS = (signal.SIGINT, signal.SIGTERM)

GRACE = 0.9
"""Seconds the process may go on after its deadline, to save what it has."""

GRACE_INTERRUPTED = 0.7
"""Seconds it may go on after an interrupt."""


class Watch:
    """Guards one command.

    Args:
        due: when the answer must stand, on the monotonic clock; infinity for never.
        search: the deadline that the search watches, brought forward by an interrupt.
        give_up: prints the answer of a run that is out of time; called at most once, from another thread.
        leave: puts the terminal in order before the process is ended by force; called from any thread.

    Attributes:
        interrupted: a signal arrived.
        gave_up: the answer of a run that is out of time was printed, and no other will be.
    """

    def __init__(
        self, due: float, search: Deadline, give_up: Callable[[], None], leave: Callable[[], None] = lambda: None
    ) -> None:
        self._due, self._search, self._give_up, self._leave = due, search, give_up, leave
        self._lock = threading.Lock()
        self._said = False
        self._done = threading.Event()
        self._reader, self._writer = socket.socketpair()
        self._thread = threading.Thread(target=self._guard, name="watch", daemon=True)
        self.interrupted = False
        self.gave_up = False

    def __enter__(self) -> Watch:
        for end in (self._reader, self._writer):
            end.setblocking(False)
        if threading.current_thread() is threading.main_thread():
            self._previous = [signal.signal(number, self._interrupt) for number in _INTERRUPTS]
            self._previous_fd = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if threading.current_thread() is threading.main_thread():
            signal.set_wakeup_fd(self._previous_fd)
            for number, handler in zip(_INTERRUPTS, self._previous, strict=True):
                signal.signal(number, handler)
        self._writer.send(b"\0")
        self._thread.join()
        self._reader.close()
        self._writer.close()

    def say(self, answer: Callable[[], None]) -> bool:
        """Lets one thread, the first, print an answer; False when one stands already or the run was interrupted."""
        with self._lock:
            if self._said or self.interrupted:
                return False
            self._said = True
            answer()
            return True

    @property
    def answered(self) -> bool:
        """An answer stands."""
        return self._said

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self.interrupted:
            self._end(130)
        self.interrupted = True
        self._search.cancel()

    def _guard(self) -> None:
        while not self._done.is_set():
            wait = max(0.0, self._due - time.monotonic())
            ready, _, _ = select.select([self._reader], [], [], min(wait, 3600.0))
            if self._done.is_set():
                return
            if ready:
                if set(self._reader.recv(64)).intersection(_INTERRUPTS):
                    self._end_after(GRACE_INTERRUPTED, 130)
                    return
            elif time.monotonic() >= self._due:
                self.say(self._time_out)
                self._search.cancel()
                self._end_after(max(0.0, self._due + GRACE - time.monotonic()), 0)
                return

    def _time_out(self) -> None:
        self.gave_up = True
        self._give_up()

    def _end_after(self, seconds: float, code: int) -> None:
        if not self._done.wait(seconds):
            self._end(code)

    def _end(self, code: int) -> None:
        self._leave()
        os._exit(code)  # stdout is flushed with every answer

"""`ivan` as a process of its own, for what only a process can show: signals, clocks, pipes and terminals."""

from __future__ import annotations

import os
import pty
import select
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

IVAN = (sys.executable, "-m", "ivan")
PATIENCE = 30.0
"""Seconds after which a process that should have ended long ago is a failure of the test."""


@dataclass(frozen=True)
class Ended:
    """A process that ended.

    Attributes:
        code: its exit code, negative for a signal.
        out: all that it wrote to stdout; to the terminal, where it ran in one.
        err: all that it wrote to stderr.
        seconds: from its start to its end.
        after: seconds it took to end once it was told to.
    """

    code: int
    out: str
    err: str
    seconds: float
    after: float = 0.0


def _in_the_foreground() -> None:
    """A shell that starts something in the background makes it, and all that it starts, deaf to an interrupt."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def run(*arguments: str | float, when: Callable[[], object] | None = None, number: int | None = None) -> Ended:
    """Runs a command to its end.

    Args:
        arguments: of `ivan`.
        when: returns at the moment to send the signal.
        number: the signal.
    """
    command = [*IVAN, *(str(argument) for argument in arguments)]
    start = time.monotonic()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=_in_the_foreground
    ) as process:
        told = start
        if when is not None and number is not None:
            when()
            told = time.monotonic()
            process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE)
        end = time.monotonic()
    return Ended(process.returncode, out, err, end - start, end - told)


def run_on_terminal(*arguments: str | float, typed: bytes = b"", after: str = "", columns: int = 80) -> Ended:
    """Runs a command on a pseudo-terminal.

    Args:
        arguments: of `ivan`.
        typed: pressed once...
        after: ... this has appeared.
        columns: width of the terminal.
    """
    from fcntl import ioctl
    from struct import pack
    from termios import TIOCSWINSZ

    start = time.monotonic()
    pid, terminal = pty.fork()
    if pid == 0:
        _in_the_foreground()
        ioctl(0, TIOCSWINSZ, pack("HHHH", 24, columns, 0, 0))  # before anybody asks
        os.execvpe(
            IVAN[0],
            [*IVAN, *map(str, arguments)],
            {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")} | {"TERM": "xterm"},
        )
    shown, told = b"", start
    while time.monotonic() - start < PATIENCE:
        if typed and after.encode() in shown:
            os.write(terminal, typed)
            told, typed = time.monotonic(), b""
        if select.select([terminal], [], [], 0.05)[0]:
            try:
                part = os.read(terminal, 4096)
            except OSError:  # Linux's end of a terminal
                break
            if not part:
                break
            shown += part
    else:
        os.kill(pid, 9)
    _, status = os.waitpid(pid, 0)
    end = time.monotonic()
    os.close(terminal)
    return Ended(os.waitstatus_to_exitcode(status), shown.decode(), "", end - start, end - told)


def integrity(store: Path) -> str:
    """What SQLite says of a file; `ok` when it is intact."""
    connection = sqlite3.connect(store)
    try:
        return str(connection.execute("PRAGMA integrity_check").fetchone()[0])
    finally:
        connection.close()

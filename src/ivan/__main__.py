"""`python -m ivan`, and the `ivan` command.

Nothing heavy is imported before the process is set up (process.py).
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import time
from typing import NoReturn

from ivan.process import prepare

STARTED = time.monotonic() - time.process_time()
"""When the process began, on the monotonic clock: what it has computed so far was the interpreter's start."""


def main() -> NoReturn:
    """Runs the command line and ends the process with its exit code."""
    _open_closed_streams()
    _print_whatever_comes()
    prepare()
    try:
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # both interrupts are one
        from ivan.cli.main import run

        code = run(sys.argv[1:], started=STARTED)
    except KeyboardInterrupt:
        code = 130
    _end(code)


def _open_closed_streams() -> None:
    """Where a shell closed stdout or stderr (`>&-`), Python has None and the next file would take its number."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w"))


def _print_whatever_comes() -> None:
    """A name that the stream's encoding cannot say is escaped, not an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _end(code: int) -> NoReturn:
    """Ends at once: taking the interpreter and its libraries down in order takes longer than many a query."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # nobody reads it any more
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    main()

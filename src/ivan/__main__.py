"""`python -m ivan`, and the `ivan` command.

Nothing heavy is imported before the process is set up (process.py).
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from typing import NoReturn

from ivan import streams
from ivan.process import prepare

STARTED = time.monotonic() - time.process_time()
"""When the process began, on the monotonic clock: what it has computed so far was the interpreter's start."""


def main() -> NoReturn:
    """Runs the command line and ends the process with its exit code."""
    streams.set_up()
    prepare()
    try:
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # both interrupts are one
        from ivan.cli.main import run

        code = run(sys.argv[1:], started=STARTED)
    except KeyboardInterrupt:
        code = 130
    _end(code)


def _end(code: int) -> NoReturn:
    """Ends at once: taking the interpreter and its libraries down in order takes longer than many a query."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # a full disk, which print_answer told of
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    main()

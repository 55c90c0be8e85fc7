"""`python -m ivan`, and the `ivan` command.

Nothing heavy is imported before the environment is set: BLAS reads its number of threads when numpy is loaded. One
thread, because the search runs its own (bounds/parallel.py).
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from typing import NoReturn

STARTED = time.monotonic() - time.process_time()
"""When the process began, on the monotonic clock: what it has computed so far was the interpreter's start."""

for _variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")


_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
"""Of glibc's mallopt."""


def main() -> NoReturn:
    """Runs the command line and ends the process with its exit code."""
    _open_closed_streams()
    _keep_freed_memory()
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


def _keep_freed_memory() -> None:
    """Tells glibc to reuse freed memory instead of giving it back; without effect on other systems.

    The kernels' temporaries live for microseconds; given back and asked for again, every page of theirs faults anew
    (a fifth of a search on small networks, docs/performance.md).
    """
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        for option, value in ((_M_MMAP_THRESHOLD, 1 << 30), (_M_TRIM_THRESHOLD, 2_000_000_000), (_M_TOP_PAD, 1 << 26)):
            mallopt(option, value)


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

"""`python -m ivan`, and the `ivan` command.

Nothing heavy is imported before the environment is set: BLAS reads its number of threads when numpy is loaded. One
thread, because the search runs its own (bounds/parallel.py).
"""

from __future__ import annotations

import os
import sys
import time

STARTED = time.monotonic() - time.process_time()
"""When the process began, on the monotonic clock: what it has computed so far was the interpreter's start."""

for _variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")


def main() -> None:
    """Runs the command line and ends the process with its exit code."""
    from ivan.cli.main import run

    sys.exit(run(sys.argv[1:], started=STARTED))


if __name__ == "__main__":
    main()

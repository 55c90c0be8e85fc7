"""How a process of ivan's is set up before numpy is loaded: the command's own, and those that it starts."""

from __future__ import annotations

import contextlib
import os
import sys

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
"""Of glibc's mallopt."""


def prepare() -> None:
    """One BLAS thread, because the search runs its own (bounds/parallel.py), and freed memory is kept.

    BLAS reads its number of threads when numpy is loaded: to be called before that.
    """
    for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    _keep_freed_memory()


def _keep_freed_memory() -> None:
    """Tells glibc to reuse freed memory instead of giving it back; without effect on other systems.

    The kernels' temporaries live for microseconds; given back and asked for again, every page of theirs faults anew
    (a fifth of a search on small networks, docs/performance.md).
    """
    for option, value in ((_M_MMAP_THRESHOLD, 1 << 30), (_M_TRIM_THRESHOLD, 2_000_000_000), (_M_TOP_PAD, 1 << 26)):
        _tell_glibc("mallopt", option, value)


def give_back_freed_memory() -> None:
    """Gives back the pages that nothing lies on, for once; without effect on other systems.

    What lives long comes to lie between what lived for microseconds, so a long search would hold several times what it
    needs (docs/performance.md).
    """
    _tell_glibc("malloc_trim", 0)


def _tell_glibc(call: str, *arguments: int) -> None:
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    with contextlib.suppress(OSError, AttributeError):  # another C library
        getattr(ctypes.CDLL(None), call)(*arguments)

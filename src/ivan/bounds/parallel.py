"""Chunks of rows on all cores.

Bounds of different rows do not depend on each other. numpy lets go of the interpreter lock inside its kernels, so
threads serve. BLAS runs with one thread then, because two levels of threads on the same cores get in each other's way
(measured: ten times slower on networks of ACAS Xu's size): the command sets that in its environment before numpy is
loaded, and `one_blas_thread` does it for a program that has loaded numpy already.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")

_pool: ThreadPoolExecutor | None = None
_threads = 1


def set_threads(count: int) -> None:
    """How many chunks are computed at the same time from now on."""
    global _pool, _threads
    if _pool is not None:
        _pool.shutdown()
    _pool = ThreadPoolExecutor(count, thread_name_prefix="bounds") if count > 1 else None
    _threads = count


@contextmanager
def alone() -> Iterator[None]:
    """Inside it no chunk is computed by another thread: the other cores are taken by other processes."""
    global _pool, _threads
    kept = _pool, _threads
    _pool, _threads = None, 1
    try:
        yield
    finally:
        _pool, _threads = kept


def threads() -> int:
    """How many chunks are computed at the same time."""
    return _threads


def cores() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


WIDE = 256
"""Neurons in a network's widest layer from which threads pay: on smaller arrays they queue for the interpreter."""


def map_chunks(task: Callable[[T], R], chunks: Sequence[T], width: int) -> list[R]:
    """task(chunk) of every chunk, in order; on several threads where `width`, the numbers in a row, is WIDE or more."""
    if _pool is None or len(chunks) < 2 or width < WIDE:
        return [task(chunk) for chunk in chunks]
    return list(_pool.map(task, chunks))


def one_blas_thread() -> AbstractContextManager[Any]:
    """Inside it BLAS uses one thread."""
    if os.environ.get("OPENBLAS_NUM_THREADS") == "1" and os.environ.get("MKL_NUM_THREADS") == "1":
        return nullcontext()
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[Any] = threadpool_limits(limits=1, user_api="blas")
    return limits

"""Two processes in tests: started where the code under test starts them, watched, and gone afterwards."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ivan.bounds.parallel import set_threads, threads


@contextmanager
def two_processes() -> Iterator[tuple[list[int], pytest.MonkeyPatch]]:
    """Two processes may work together; gives those that are started, and a patch that ends with them."""
    fork = os.fork
    started: list[int] = []

    def spy() -> int:
        pid = fork()
        if pid:
            started.append(pid)
        return pid

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fork", spy)
        set_threads(2)
        try:
            yield started, patch
            assert threads() == 2
        finally:
            set_threads(1)
    for pid in started:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)

"""How far a verification has come: its outcome so far, and the listener that is told."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from ivan.outcome import Listener, Outcome
from ivan.verdict import Verdict


class Progress:
    """Shared by all steps of one verification.

    Attributes:
        listener: told what happens.
        outcome: what has been found so far, and the seconds of every phase.
        importing: seconds of imports after reading, which are no part of solving.
    """

    def __init__(self, listener: Listener) -> None:
        self.listener, self.outcome = listener, Outcome(Verdict.UNKNOWN)
        self.importing = 0.0
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._began

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Announces a phase, and takes its time; one may lie inside another, and come more than once."""
        self.listener.phase(name)
        start = time.monotonic()
        try:
            yield
        finally:
            phases = self.outcome.phases
            phases[name] = phases.get(name, 0.0) + time.monotonic() - start

    @contextmanager
    def imports(self) -> Iterator[None]:
        """Takes the time of an import that only now turns out to be needed."""
        start = time.monotonic()
        yield
        self.importing += time.monotonic() - start

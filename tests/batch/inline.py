"""Workers without processes of their own, for tests of what a batch makes of its answers, not of how it gets them.

Most of what a small batch takes is the start of its workers, which test_worker.py tests.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Sequence
from typing import Any

import pytest

from ivan.batch.task import verify_instance
from ivan.batch.workers import Event, Events


class InlineWorker:
    """Verifies within the test's process whatever it is sent, and has said all of it when `send` returns."""

    def __init__(self, command: Sequence[str], events: Events) -> None:
        self.started = True
        self._events = events
        self._say("ready")

    def send(self, task: dict[str, Any]) -> None:
        before = signal.getsignal(signal.SIGTERM)  # a worker's process is its own to direct
        try:
            verify_instance(json.loads(json.dumps(task)), self._say)
        finally:
            signal.signal(signal.SIGTERM, before)
        self._say("ended", code=0, words="")
        self._say("ready")

    def interrupt(self) -> None:
        """Nothing is going on."""

    def kill(self) -> None:
        """Nothing is left to end."""

    def _say(self, event: str, **facts: Any) -> None:
        self._events.put(Event(self, time.monotonic(), event, json.loads(json.dumps(facts))))  # type: ignore[arg-type]


def use_inline_workers(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("ivan.batch.run.Worker", InlineWorker)

"""One instance of a batch, verified, and everything about it told as events (worker.py lists them)."""

from __future__ import annotations

import math
import signal
import time
from functools import partial
from typing import Any, Protocol

from ivan.bounds.parallel import cores
from ivan.deadline import Deadline
from ivan.errors import InputError, InternalError, IvanError
from ivan.options import Options
from ivan.outcome import Listener, Outcome
from ivan.search import Statistics
from ivan.verification import verify

EVERY = 0.2
"""Seconds between two reports of progress."""


class Say(Protocol):
    """Sends an event."""

    def __call__(self, event: str, **facts: Any) -> None:
        """Its name, and what there is to know about it."""


def verify_instance(task: dict[str, Any], say: Say) -> None:
    """Verifies an instance and tells what becomes of it.

    Args:
        task: `model` (a path, or paths by name), `query`, `timeout`, `store`, `fresh` and `options`, as
            `ivan.verification.verify` takes them; `jobs`, how many instances share the processors; `number`, which
            every event repeats.
        say: sends an event.
    """
    say = partial(say, number=task["number"])
    deadline = Deadline.of_search(time.monotonic(), task["timeout"])
    signal.signal(signal.SIGTERM, lambda *_: deadline.cancel())  # an interrupted search saves its open tree
    options = task["options"]
    try:
        outcome = verify(
            task["model"],
            task["query"],
            store=task["store"],
            fresh=task["fresh"],
            options=Options(**{**options, "threads": options["threads"] or max(1, cores() // task["jobs"])}),
            deadline=deadline,
            listener=Reporter(say),
        )
        say("saved", run=outcome.run, leaves=outcome.leaves, compacted_leaves=outcome.compacted_leaves)
    except BrokenPipeError:  # nobody listens any more
        raise
    except IvanError as error:
        say("failed", reason=error.message, hint=error.advice)
    except MemoryError:
        hint = InputError.advised("the model or its relaxation is too large for this machine")
        say("failed", reason="out of memory", hint=hint)
    except Exception as error:  # whatever goes wrong with an instance is one row of the results
        hint = InternalError.advised("please report it")
        say("failed", reason=f"internal error: {type(error).__name__}: {error}", hint=hint)


class Reporter(Listener):
    """Sends what it hears.

    Args:
        say: sends an event.
    """

    def __init__(self, say: Say) -> None:
        self._say = say
        self._phase, self._sent = "", -math.inf

    def phase(self, name: str) -> None:
        """Sent at once."""
        self._phase, self._sent = name, -math.inf
        self._progress()

    def replayed(self, tried: int, held: int, total: int) -> None:
        """How much of the old proof holds so far."""
        self._progress(tried=tried, held=held, total=total)

    def searched(self, statistics: Statistics) -> None:
        """The state of the search."""
        worst = float(statistics.worst)
        self._progress(
            open=int(statistics.open), closed=int(statistics.closed), worst=worst if math.isfinite(worst) else None
        )

    def warned(self, message: str, hint: str | None) -> None:
        """Sent as it is."""
        self._say("warned", message=message, hint=hint)

    def answered(self, outcome: Outcome) -> None:
        """The answer, and all that is known of it before it is saved."""
        reason, hint = outcome.why_undecided or (None, None)
        self._say(
            "answered",
            verdict=outcome.verdict.value,
            reason=reason,
            hint=hint,
            counterexample=outcome.counterexample,
            solve_seconds=outcome.solve_seconds,
            domains=int(outcome.statistics.domains),
            leaves=outcome.leaves,
            reused_leaves=outcome.reused_leaves,
            base_leaves=outcome.base_leaves,
            base_run=outcome.base_run,
            base_name=outcome.base_name,
            exact=outcome.exact,
            network_digest=outcome.network_digest or None,
            property_digest=outcome.property_digest or None,
        )

    def _progress(self, **facts: Any) -> None:
        now = time.monotonic()
        if now - self._sent >= EVERY:
            self._sent = now
            self._say("progress", phase=self._phase, **facts)

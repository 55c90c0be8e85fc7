"""When the answer is due, for everything that may take long."""

from __future__ import annotations

import math
import time

MARGIN = 0.15
"""Seconds before an answer is due at which the search for it stops, so that the answer stands in time."""


class OutOfTime(Exception):  # noqa: N818 - not an error: the expected end of a run that is not decided in time
    """The deadline passed in the middle of a computation."""


class Deadline:
    """A point on the monotonic clock, or none; can be brought forward to now from another thread or a signal handler.

    Args:
        at: value of `time.monotonic()` at which the answer is due; infinity for no limit.
        within: a deadline that this one cannot outlast.
    """

    def __init__(self, at: float = math.inf, within: Deadline | None = None) -> None:
        self._at, self._within = at, within
        self.cancelled = False

    @classmethod
    def after(cls, seconds: float | None) -> Deadline:
        """That many seconds from now; None for no limit."""
        return cls() if seconds is None else cls(time.monotonic() + seconds)

    @classmethod
    def of_search(cls, start: float, timeout: float | None) -> Deadline:
        """When a search must stop for its answer to stand `timeout` seconds after `start`; None for no limit."""
        if timeout is None:
            return cls()
        return cls(start + (timeout - MARGIN if timeout > 4 * MARGIN else 0.75 * timeout))

    def cancel(self) -> None:
        """Ends everything that watches this deadline, now."""
        self.cancelled = True
        self._at = -math.inf

    @property
    def at(self) -> float:
        """When it passes, on the monotonic clock."""
        return self._at if self._within is None else min(self._at, self._within.at)

    def left(self) -> float:
        """Seconds left, 0 when it has passed."""
        return max(0.0, self.at - time.monotonic())

    @property
    def passed(self) -> bool:
        """True from the deadline on."""
        return time.monotonic() >= self.at

    def check(self) -> None:
        """Raises `OutOfTime` from the deadline on."""
        if self.passed:
            raise OutOfTime

    def sooner(self, seconds: float) -> Deadline:
        """This deadline or `seconds` from now, whichever comes first."""
        return Deadline(time.monotonic() + seconds, self)


NEVER = Deadline()
"""No limit."""

"""What is said on stderr while a verification runs: one live line on a terminal, one line per phase with --verbose."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType

import click

from ivan.cli.style import styled
from ivan.outcome import Listener, Outcome
from ivan.search import Statistics

_EVERY = 0.1
"""Seconds between two states of the live line."""

_ERASE = "\x1b[2K"
"""Empties the line that the cursor is in."""


class Talk(Listener):
    """Warnings, and phases when asked for.

    Args:
        quiet: say nothing but errors.
        verbose: say when each phase begins, and a line about the search every few seconds.
        answer: prints the answer.
    """

    def __init__(self, *, quiet: bool, verbose: bool, answer: Callable[[Outcome], None]) -> None:
        self._quiet, self._verbose, self._answer = quiet, verbose, answer
        self._began = self._searching = self._spoke = time.monotonic()

    def __enter__(self) -> Talk:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()

    def clear(self) -> None:
        """Leaves the terminal as it was, for good; may be called at any time, from any thread."""

    def say(self, line: str) -> None:
        """One line on stderr."""
        click.echo(line, err=True)

    def warned(self, message: str, hint: str | None) -> None:
        """A warning and its hint."""
        if not self._quiet:
            self.say(f"{styled('warning:', fg='yellow')} {message}")
            if hint:
                self.say(f"{styled('hint:', fg='cyan')} {hint}")

    def phase(self, name: str) -> None:
        """The phase's name and when it begins."""
        self._searching = time.monotonic()
        if self._verbose:
            self.say(f"{self._searching - self._began:8.3f} s  {name}")

    def answered(self, outcome: Outcome) -> None:
        """The answer, and why there is none."""
        self.clear()
        self._answer(outcome)
        if outcome.why_undecided is not None:
            self.warned(*outcome.why_undecided)

    def searched(self, statistics: Statistics) -> None:
        """A line now and then."""
        if self._verbose and time.monotonic() - self._spoke > 2.0:
            self._spoke = time.monotonic()
            self.say(f"{time.monotonic() - self._began:8.3f} s  {_line(statistics, self._spoke - self._searching)}")


class LiveLine(Talk):
    """One live line on a terminal.

    Written by hand: the cursor is never hidden, so a process that is killed leaves nothing to repair, and a quick query
    does not wait for a library of widgets to load.
    """

    def __init__(self, *, quiet: bool, verbose: bool, answer: Callable[[Outcome], None]) -> None:
        super().__init__(quiet=quiet, verbose=verbose, answer=answer)
        self._turn = threading.RLock()
        self._ended = False
        self._text = self._reused = ""
        self._drawn = 0.0

    def clear(self) -> None:
        """Removes the line for good."""
        with self._turn:
            self._draw("")
            self._ended = True

    def say(self, line: str) -> None:
        """A line above the live one."""
        with self._turn:
            shown = self._text
            self._draw("")
            super().say(line)
            self._draw(shown)

    def phase(self, name: str) -> None:
        """Shown at once."""
        super().phase(name)
        self._show(name, force=True)

    def replayed(self, tried: int, held: int, total: int) -> None:
        """How much of the old proof still holds."""
        self._reused = f"{held:,} of {total:,} certificates reused, "
        self._show(f"replay: {tried:,} of {total:,} certificates tried, {held:,} hold")

    def searched(self, statistics: Statistics) -> None:
        """The state of the search."""
        super().searched(statistics)
        self._show(self._reused + _line(statistics, time.monotonic() - self._searching))

    def _show(self, text: str, *, force: bool = False) -> None:
        now = time.monotonic()
        if force or now - self._drawn >= _EVERY:
            self._drawn = now
            self._draw(f"{now - self._began:7.1f} s  {text}")

    def _draw(self, text: str) -> None:
        """Replaces the line; nothing where nothing is shown and nothing is to be."""
        with self._turn:
            if self._ended or not (text or self._text):
                return
            self._text = text
            if text:
                width = _columns() - 1
                text = styled(text if len(text) <= width else text[: width - 1] + "\N{HORIZONTAL ELLIPSIS}", dim=True)
            click.echo(f"\r{_ERASE}{text}", err=True, nl=False, color=True)


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except OSError:
        return 80


def _line(statistics: Statistics, seconds: float) -> str:
    rate = statistics.domains / max(seconds, 1e-3)
    return (
        f"{statistics.open:,} open, {statistics.closed:,} closed, worst bound {statistics.worst:.4g}, "
        f"{rate:,.0f} domains/s"
    )


def talk(*, quiet: bool, verbose: bool, progress: bool, answer: Callable[[Outcome], None]) -> Talk:
    """The kind of talk that suits stderr."""
    live = progress and not quiet and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    kind: type[Talk] = LiveLine if live else Talk
    return kind(quiet=quiet, verbose=verbose, answer=answer)

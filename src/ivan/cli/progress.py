"""What is said on stderr while a verification runs: one live line on a terminal, one line per phase with --verbose."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

import click

from ivan.search import Statistics
from ivan.verify import Listener

if TYPE_CHECKING:
    from rich.live import Live

_EVERY = 0.1


class Talk(Listener):
    """Warnings, and phases when asked for.

    Args:
        quiet: say nothing but errors.
        verbose: say when each phase begins, and a line about the search every few seconds.
    """

    def __init__(self, *, quiet: bool, verbose: bool) -> None:
        self._quiet, self._verbose = quiet, verbose
        self._began = self._spoke = time.monotonic()

    def __enter__(self) -> Talk:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to put away."""

    def say(self, line: str) -> None:
        """One line on stderr."""
        click.echo(line, err=True)

    def warned(self, message: str, hint: str | None) -> None:
        """A warning and its hint."""
        if not self._quiet:
            self.say(f"{click.style('warning:', fg='yellow')} {message}")
            if hint:
                self.say(f"{click.style('hint:', fg='cyan')} {hint}")

    def phase(self, name: str) -> None:
        """The phase's name and when it begins."""
        if self._verbose:
            self.say(f"{time.monotonic() - self._began:8.3f} s  {name}")

    def searched(self, statistics: Statistics) -> None:
        """A line now and then."""
        if self._verbose and time.monotonic() - self._spoke > 2.0:
            self._spoke = time.monotonic()
            self.say(f"{time.monotonic() - self._began:8.3f} s  {_line(statistics, self._spoke - self._began)}")


class LiveLine(Talk):
    """One live line on a terminal."""

    def __init__(self, *, quiet: bool, verbose: bool) -> None:
        super().__init__(quiet=quiet, verbose=verbose)
        self._live: Live | None = None
        self._reused = ""
        self._shown = 0.0

    def __enter__(self) -> LiveLine:
        from rich.console import Console
        from rich.live import Live

        self._live = Live(console=Console(stderr=True), transient=True, auto_refresh=False)
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Removes the line."""
        self.clear()

    def clear(self) -> None:
        """Removes the line for good."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def say(self, line: str) -> None:
        """A line above the live one."""
        if self._live is None:
            super().say(line)
        else:
            from rich.text import Text

            self._live.console.print(Text.from_ansi(line))

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
        self._show(self._reused + _line(statistics, time.monotonic() - self._began))

    def _show(self, text: str, *, force: bool = False) -> None:
        now = time.monotonic()
        if self._live is None or (not force and now - self._shown < _EVERY):
            return
        from rich.text import Text

        self._shown = now
        self._live.update(Text(f"{now - self._began:7.1f} s  {text}", style="dim", overflow="ellipsis"), refresh=True)


def _line(statistics: Statistics, seconds: float) -> str:
    rate = statistics.domains / max(seconds, 1e-3)
    return (
        f"{statistics.open:,} open, {statistics.closed:,} closed, worst bound {statistics.worst:.4g}, "
        f"{rate:,.0f} domains/s"
    )


def talk(*, quiet: bool, verbose: bool, progress: bool) -> Talk:
    """The kind of talk that suits stderr."""
    kind = LiveLine if progress and not quiet and sys.stderr.isatty() else Talk
    return kind(quiet=quiet, verbose=verbose)

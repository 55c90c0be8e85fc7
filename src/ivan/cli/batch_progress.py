"""What is said on stderr while a batch runs: a live table on a terminal, a line per instance elsewhere."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from types import TracebackType
from typing import TYPE_CHECKING

import click

from ivan.batch.instances import Instance, InstanceList
from ivan.batch.results import VERDICTS, Result
from ivan.batch.run import BatchListener, Running
from ivan.cli.style import styled
from ivan.cli.tables import duration, plural, table

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.live import Live
    from rich.measure import Measurement
    from rich.table import Table
    from rich.text import Text

    from ivan.batch.summary import Summary

COLOURS = {"unsat": "green", "sat": "yellow", "unknown": "blue", "timeout": "blue", "error": "red"}
"""Of verdicts, where colours are shown."""

EVERY = 0.2
"""Seconds between two states of the live table."""


class Quiet(BatchListener):
    """Says nothing, but counts."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._total = 0

    @property
    def done(self) -> int:
        """How many instances have a result."""
        return sum(self._counts.values())

    def __enter__(self) -> Quiet:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leaves the terminal as it was."""

    def began(self, listing: InstanceList, kept: Sequence[Result], jobs: int) -> None:
        """Counts what there is."""
        self._total = len(listing.instances)
        self._counts = Counter(result.verdict for result in kept)

    def finished(self, result: Result) -> None:
        """Counts it."""
        self._counts[result.verdict] += 1


class Lines(Quiet):
    """A line for every instance that is done, and warnings."""

    def began(self, listing: InstanceList, kept: Sequence[Result], jobs: int) -> None:
        """Says how much is done already."""
        super().began(listing, kept, jobs)
        if kept:
            self.say(f"{len(kept):,} of {plural(self._total, 'instance')} done already")

    def finished(self, result: Result) -> None:
        """The line."""
        super().finished(result)
        self.say(self._line(result))

    def warned(self, message: str, hint: str | None) -> None:
        """A warning and its hint."""
        self.say(f"{styled('warning:', fg='yellow')} {message}")
        if hint:
            self.say(f"{styled('hint:', fg='cyan')} {hint}")

    def say(self, line: str) -> None:
        """One line on stderr."""
        click.echo(line, err=True)

    def _line(self, result: Result) -> str:
        width = len(f"{self._total:,}")
        verdict = styled(f"{result.verdict:<7}", fg=COLOURS[result.verdict])
        parts = [f"{self.done:>{width},}/{self._total:,}  {verdict} {result.seconds:8.2f} s"]
        parts.append(short(result.instance))
        if result.base_leaves:
            parts.append(f"{result.reused_leaves:,} of {result.base_leaves:,} leaves reused")
        if result.reason:
            parts.append(result.reason)
        return "  ".join(parts)


class LiveTable(Lines):
    """A table on a terminal: what is done, what is running, how long it will take.

    Lines of errors stand above it, and of every instance with `verbose`.
    """

    def __init__(self, *, verbose: bool) -> None:
        super().__init__()
        from rich.console import Console
        from rich.live import Live

        console = Console(stderr=True, highlight=False, markup=False, emoji=False)
        self._live: Live = Live(console=console, auto_refresh=False, transient=True)
        self._verbose = verbose
        self._name, self._jobs = "", 1
        self._began = time.monotonic()
        self._spent, self._drew = 0.0, 0.0

    def __enter__(self) -> LiveTable:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def began(self, listing: InstanceList, kept: Sequence[Result], jobs: int) -> None:
        """What the estimate needs."""
        super().began(listing, kept, jobs)
        self._name, self._jobs = listing.benchmark, jobs
        self._spent = sum(result.seconds for result in kept)

    def finished(self, result: Result) -> None:
        """Counted; a line only for an error, or when asked for."""
        self._spent += result.seconds
        if self._verbose or result.verdict == "error":
            super().finished(result)
        else:
            Quiet.finished(self, result)

    def say(self, line: str) -> None:
        """A line above the table."""
        from rich.text import Text

        self._live.console.print(Text.from_ansi(line), soft_wrap=True)

    def tick(self, running: Sequence[Running]) -> None:
        """Draws the table anew, now and then."""
        now = time.monotonic()
        if now - self._drew >= EVERY:
            self._drew = now
            self._live.update(self.drawn(running, now), refresh=True)

    def drawn(self, running: Sequence[Running], now: float) -> RenderableType:
        """The table at a moment."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        done = self.done
        head = Table.grid(padding=(0, 2, 0, 0))
        elapsed, left = duration(now - self._began, digits=0), self._left(running, now)
        about = "" if left is None else f", about {duration(left, digits=0)} left"
        bar = ProgressBar(total=max(1, self._total), completed=done, width=24)
        head.add_row(Text(self._name, style="bold"), bar, f"{done:,} of {self._total:,}", f"{elapsed}{about}")
        counts = [Text(f"{self._counts[name]:,} {name}", COLOURS[name]) for name in VERDICTS if self._counts[name]]
        rows = table("running", "time", "of", "phase", "worst bound", "domains")
        for number, column in enumerate(rows.columns):
            column.no_wrap, column.overflow = number > 0, "ellipsis"  # where room is short, the names give way
            column.justify = "left" if number in (0, 3) else "right"
        for one in running:
            clock = duration(now - one.began, digits=0), duration(one.instance.timeout, digits=0)
            rows.add_row(_End(short(one.instance)), *clock, one.phase, *_state(one))
        return Group(head, Text("  ").join(counts), rows if running else Text())

    def _left(self, running: Sequence[Running], now: float) -> float | None:
        """Seconds until the end; None before anything is done.

        What waits takes as long as what is done did on average. What has been running for longer than that takes as
        long again, but no longer than it may.
        """
        done = self.done
        if not done:
            return None
        mean = self._spent / done
        waiting = mean * (self._total - done - len(running))
        spent = [(now - one.began, one.instance.timeout) for one in running]
        rests = [
            mean - seconds if seconds < mean else max(0.0, min(seconds, most - seconds)) for seconds, most in spent
        ]
        return max([(waiting + sum(rests)) / self._jobs, *rests])


@dataclass(frozen=True)
class _End:
    """A text on one line, or as much of its end as there is room for: there the names of instances differ."""

    text: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        from rich.text import Text

        room = options.max_width
        yield Text(
            self.text if len(self.text) <= room else f"\N{HORIZONTAL ELLIPSIS}{self.text[len(self.text) - room + 1 :]}"
        )

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        from rich.measure import Measurement

        return Measurement(1, len(self.text))


def _state(running: Running) -> tuple[str, str]:
    """Worst bound, and how many domains there are, or certificates."""
    state = running.state
    if "open" in state:
        worst = "" if state["worst"] is None else f"{state['worst']:.4g}"
        return worst, f"{state['open']:,} open, {state['closed']:,} closed"
    if "total" in state:
        return "", f"{state['held']:,} of {state['total']:,} hold"
    return "", ""


def short(instance: Instance) -> str:
    """The instance's name: its files without folders and suffixes."""
    paths = [*dict.fromkeys(instance.models), PurePath(instance.vnnlib)]
    names = (path.name.removesuffix(".gz").removesuffix(".onnx").removesuffix(".vnnlib") for path in paths)
    return " ".join(names)


def summary_table(summary: Summary, seconds: float) -> Table:
    """What a batch comes to.

    Args:
        summary: the numbers.
        seconds: that this run of the batch took.
    """
    rows = table("", "")
    rows.show_header = False
    rows.add_row("solved", f"{summary.solved:,} of {summary.instances:,}")
    for verdict, count in summary.counts.items():
        if count:
            rows.add_row(verdict, f"{count:,}")
    rows.add_row("PAR2", duration(summary.par2))
    if summary.geometric_mean is not None:
        rows.add_row("geometric mean", duration(summary.geometric_mean, digits=3))
    rows.add_row("time", f"{duration(seconds)}, instances add up to {duration(summary.seconds)}")
    if summary.reused is not None:
        share = f"{summary.reused_leaves:,} of {plural(summary.base_leaves, 'leaf', 'leaves')}"
        rows.add_row("reused", f"{share} of stored proofs ({summary.reused:.1%})")
    if summary.warm:
        rows.add_row("warm start", f"{plural(summary.warm, 'instance')}, from a stored proof or answer")
    return rows


def interrupted(out: Path, total: int) -> str:
    """What is kept of a batch that was interrupted."""
    done = out.read_bytes().count(b"\n") if out.exists() else 0
    return f"interrupted: {done:,} of {plural(total, 'result')} in {out}; --resume goes on"


def talk(*, quiet: bool, verbose: bool) -> Quiet:
    """The kind of talk that suits stderr."""
    if quiet:
        return Quiet()
    live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    return LiveTable(verbose=verbose) if live else Lines()

"""Tables, and numbers as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from ivan.cli.output import print_answer

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table


def table(*headings: str) -> Table:
    """An empty table without lines."""
    from rich.table import Table

    result = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in headings:
        # Where a terminal is too narrow the names fold, down to this width; nothing is cut.
        name = heading in ("", "property", "network", "layer", "structure")
        result.add_column(heading, overflow="fold", no_wrap=not name, min_width=12 if name else None)
    return result


def show(content: RenderableType) -> None:
    """To stdout; where that is no terminal a row is a line, however long, and ends with its last word."""
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False)
    if console.is_terminal:
        console.print(content)
        return
    console.width = 10_000
    with console.capture() as captured:
        console.print(content)
    print_answer("\n".join(line.rstrip() for line in captured.get().removesuffix("\n").split("\n")))


def local(moment: datetime) -> str:
    """In the time of the place."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")


def plural(number: int, noun: str, nouns: str = "") -> str:
    """With its noun."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {nouns or noun + 's'}"


def listed(parts: Sequence[str]) -> str:
    """With commas and an `and`."""
    return " and ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))


def size(count: float) -> str:
    """Bytes."""
    if count < 1000:
        return f"{count:.0f} B"
    for unit in ("kB", "MB", "GB"):
        count /= 1000
        if count < 999.5:
            return f"{count:.1f} {unit}" if count < 9.95 else f"{count:.0f} {unit}"
    return f"{count / 1000:.1f} TB"


def difference(seconds: float) -> str:
    """Between two durations; where it is too small to be said it has no sign."""
    written = duration(abs(seconds))
    return f"-{written}" if seconds < 0 and written != duration(0.0) else written


def duration(seconds: float, digits: int = 2) -> str:
    """In one unit: a column of these must leave room for names."""
    if seconds < 119.5:
        return f"{max(seconds, 0.0):.{digits if seconds < 9.995 else 0}f} s"
    for unit, length in (("min", 60), ("h", 3600)):
        if seconds < 119.5 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds / 86400:.0f} days"

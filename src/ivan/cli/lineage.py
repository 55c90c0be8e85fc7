"""The lineage of a property over versions of a model: which run grew from which, and how much of its proof stayed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ivan.cli.tables import duration

if TYPE_CHECKING:
    from rich.tree import Tree

    from ivan.store import RunSummary


def drawn(family: Sequence[RunSummary], marked: int) -> Tree:
    """A tree of runs below the property that they ask about.

    Args:
        family: runs of one property, the oldest first.
        marked: the run that was asked for.
    """
    from rich.text import Text
    from rich.tree import Tree

    root = Tree(Text(family[0].property_name))
    branches: dict[int, Tree] = {}
    for summary in family:
        # a parent that is damaged, or was asked another property, leaves its children standing by themselves
        above = branches.get(summary.run.parent or 0)
        line = _line(summary, marked=summary.run.id == marked, stranger=above is None)
        branches[summary.run.id] = (root if above is None else above).add(Text(line))
    return root


def _line(summary: RunSummary, *, marked: bool, stranger: bool) -> str:
    run = summary.run
    parts = [f"{run.id}{' *' if marked else ''}", summary.network_name, run.verdict, duration(run.seconds)]
    if run.leaves is not None:
        parts.append(f"{run.leaves:,} leaves{' (open)' if run.open else ''}")
    reused, base = (run.statistics.get(name) for name in ("reused_leaves", "base_leaves"))
    if isinstance(reused, int) and isinstance(base, int) and base > 0:
        percent = 100 if reused == base else min(round(100 * reused / base), 99)  # 100 % is all of them
        parts.append(f"{percent}% of {base:,} reused")
    if stranger and run.parent is not None:
        parts.append(f"from run {run.parent}")
    return "  ".join(parts)

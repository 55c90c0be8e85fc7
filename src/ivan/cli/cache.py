"""`ivan cache`: what the proof store holds, where it is, and how to empty it.

Tables and JSON go to stdout, talk to stderr. Only `clear` changes anything, and it asks first.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.table import Table

    from ivan.store import ProofStore, RunSummary

store_option = click.option(
    "--store",
    "location",
    metavar="PATH|URL",
    help="The proof store; by default IVAN_STORE, else a file in the user's cache directory.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs instead of a table.")


@click.group("cache")
def cache() -> None:
    """Look at the stored proofs, or delete them."""


@cache.command()
@store_option
@json_option
def info(location: str | None, as_json: bool) -> None:
    """Show how much is stored, and since when."""
    with _open(location) as store:
        facts = store.info()
    if as_json:
        click.echo(json.dumps(asdict(facts), indent=2, default=_instant))
        return
    table = _table("", "")
    table.show_header = False
    table.add_row("location", facts.location + (" (read-only)" if facts.read_only else ""))
    table.add_row("size", _size(facts.bytes))
    table.add_row("networks", str(facts.networks))
    table.add_row("properties", str(facts.properties))
    table.add_row("runs", str(facts.runs))
    table.add_row("proofs", f"{facts.proofs} and {_plural(facts.open_trees, 'open tree')}")
    table.add_row("counterexamples", str(facts.witnesses))
    if facts.oldest is not None and facts.newest is not None:
        table.add_row("oldest run", _local(facts.oldest))
        table.add_row("newest run", _local(facts.newest))
    table.add_row("schema", facts.revision)
    _print(table)


@cache.command("list")
@store_option
@json_option
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Show at most this many runs.")
@click.option("--all", "everything", is_flag=True, help="Show every run.")
def list_runs(location: str | None, as_json: bool, limit: int, everything: bool) -> None:
    """List the stored runs, the newest first."""
    with _open(location) as store:
        summaries = store.runs(limit=None if everything else limit)
        total = store.info().runs
    if as_json:
        click.echo(json.dumps([_flat(summary) for summary in summaries], indent=2, default=_instant))
        return
    if not summaries:
        click.echo("nothing is stored yet", err=True)
        return
    table = _table("run", "age", "verdict", "time", "leaves", "proof", "from", "property", "network")
    for column in (0, 1, 3, 4, 5, 6):
        table.columns[column].justify = "right"
    now = datetime.now(UTC)
    for summary in summaries:
        run = summary.run
        table.add_row(
            str(run.id),
            _duration((now - run.created).total_seconds(), digits=0),
            run.verdict,
            _duration(run.seconds),
            "" if run.leaves is None else f"{run.leaves}{' open' if run.open else ''}",
            _size(summary.proof_bytes) if run.has_proof else "",
            "" if run.parent is None else str(run.parent),
            summary.property_name,
            f"{summary.network_name} {run.network[:8]}",
        )
    _print(table)
    if total > len(summaries):
        click.echo(f"{len(summaries)} of {total} runs; --all shows every one", err=True)


@cache.command()
@store_option
def path(location: str | None) -> None:
    """Print where the proof store is, whether it exists or not."""
    from ivan.store import shown_location

    click.echo(shown_location(location))


@cache.command()
@store_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def clear(location: str | None, yes: bool) -> None:
    """Delete every stored run, proof and counterexample."""
    with _open(location) as store:
        facts = store.info()
        question = f"Delete {_plural(facts.runs, 'run')} ({_size(facts.bytes)}) from {facts.location}?"
        if not yes and not click.confirm(question, err=True):
            click.echo("nothing was deleted", err=True)
            return
        click.echo(f"deleted {_plural(store.clear(), 'run')} from {facts.location}", err=True)


def _open(location: str | None) -> ProofStore:
    from ivan.store import ProofStore

    # The default store may be made here, but a path that somebody typed and that does not exist is a mistake.
    return ProofStore.open(location, create=location is None, warn=_warn)


def _warn(message: str) -> None:
    click.echo(f"warning: {message}", err=True)


def _table(*headings: str) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in headings:
        # Where a terminal is too narrow the names fold, down to this width; nothing is cut.
        name = heading in ("", "property", "network")
        table.add_column(heading, overflow="fold", no_wrap=not name, min_width=12 if name else None)
    return table


def _print(table: Table) -> None:
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = 10_000  # piped, a row is a line, however long
    console.print(table)


def _flat(summary: RunSummary) -> dict[str, object]:
    names = {"network_name": summary.network_name, "property_name": summary.property_name}
    return {**asdict(summary.run), **names, "proof_bytes": summary.proof_bytes}


def _instant(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    raise TypeError(f"{value!r} has no JSON form")


def _local(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _size(count: float) -> str:
    if count < 1000:
        return f"{count:.0f} B"
    for unit in ("kB", "MB", "GB"):
        count /= 1000
        if count < 999.5:
            return f"{count:.1f} {unit}" if count < 9.95 else f"{count:.0f} {unit}"
    return f"{count / 1000:.1f} TB"


def _duration(seconds: float, digits: int = 2) -> str:
    """In one unit: a column of these must leave room for names."""
    if seconds < 119.5:
        return f"{max(seconds, 0.0):.{digits if seconds < 9.995 else 0}f} s"
    for unit, length in (("min", 60), ("h", 3600)):
        if seconds < 119.5 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds / 86400:.0f} days"

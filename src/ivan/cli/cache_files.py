"""`ivan cache export` and `ivan cache import`: stored runs as one file, and back into a store."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ivan.cli.cache_options import json_option, opened, store_option
from ivan.cli.findings import line
from ivan.cli.output import agreed, check_target
from ivan.cli.parameters import FILE
from ivan.cli.quiet import quiet_option, say
from ivan.cli.style import styled
from ivan.cli.tables import listed, plural, size

MOST_NAMED = 20
"""Rows that an export names one by one that it leaves out."""


@click.command("export", short_help="Write runs to one file, for another store.")
@click.argument("file", type=FILE)
@click.option(
    "--run",
    "numbers",
    type=click.IntRange(min=1),
    multiple=True,
    metavar="N",
    help="Only the run of this number; may be given several times.",
)
@store_option
@click.option("--yes", is_flag=True, help="Replace an existing file without asking.")
@quiet_option
@json_option
def export_runs(file: str, numbers: tuple[int, ...], location: str | None, yes: bool, as_json: bool) -> int:
    """Write stored runs to FILE, with the networks and properties that they are about; by default all runs.

    FILE is complete by itself, and a proof store like any other: `ivan cache import` takes it over into another store,
    `--store FILE` looks into it. It is written under a temporary name first, so what is there is whole.

    Every run is examined on the way, as `ivan cache doctor` does. What is damaged is left out and named; a damaged run
    that --run asks for is an error. From a store whose file has broken pages all that can be read is rescued; the store
    itself stays as it is.

    \b
    Examples:
      ivan cache export proofs.sqlite
      ivan cache export two-runs.sqlite --run 12 --run 15
      ivan cache export proofs.sqlite --store postgresql+psycopg://user@host/database

    \b
    Exit codes:
      0    FILE has all that was asked for
      1    something damaged was left out, or may have been: FILE has the rest
      2    nothing was written
    """
    from ivan.exchange import export_file, left_out

    path = Path(file)
    check_target(path)
    if path.exists() and not yes and not agreed(f"Replace {path}?"):
        say("nothing was written")
        return 0
    with opened(location) as store:
        done = export_file(store, path, numbers or None)
        place = store.location
    missing = left_out(done)
    count = path.stat().st_size
    # said in any case: a file that lacks something is no success that goes without saying
    if done.rescued:
        _warned(
            f"{place}: has broken pages; what can be read of it is written, and rows may be lost that are not named"
        )
    for finding in missing[:MOST_NAMED]:
        _warned(f"left out: {line(finding)}")
    if len(missing) > MOST_NAMED:
        _warned(
            f"left out: {len(missing) - MOST_NAMED:,} more; `ivan cache doctor --store {place}` names what is damaged"
        )
    if as_json:
        facts = {"location": place, "file": str(path), "bytes": count}
        counts = {"runs": done.runs, "networks": done.networks, "properties": done.properties}
        click.echo(json.dumps({**facts, **counts, "left_out": len(missing)}, indent=2))
    else:
        say(f"wrote {plural(done.runs, 'run')} to {path} ({size(count)})")
    return 1 if missing or done.rescued else 0


def _warned(text: str) -> None:
    click.echo(f"{styled('warning:', fg='yellow')} {text}", err=True)


@click.command("import", short_help="Take over the runs of a file.")
@click.argument("file", type=FILE)
@store_option
@quiet_option
@json_option
def import_runs(file: str, location: str | None, as_json: bool) -> None:
    """Take over the runs of FILE, which `ivan cache export` wrote, or of another store's file.

    Everything in it is examined first, as `ivan cache doctor` does. If anything is damaged, or of a newer version,
    nothing is taken over. Runs that the store has already are passed over; the others get new numbers.

    A file is not believed: checksums tell damage, but not who made them. So a verdict that was imported is not repeated
    before its proof was replayed on the model here, or its counterexample confirmed; `ivan verify` does that the first
    time it is asked, and saves the result as a run of its own.

    \b
    Examples:
      ivan cache import proofs.sqlite
      ivan cache import proofs.sqlite --store postgresql+psycopg://user@host/database
    """
    from ivan.exchange import import_file

    with opened(location, create=True) as store:
        done = import_file(store, Path(file))
        place = store.location
    if as_json:
        counts = {"runs": done.runs, "known": done.known, "networks": done.networks, "properties": done.properties}
        click.echo(json.dumps({"location": place, "file": file, **counts}, indent=2))
    else:
        parts = [
            plural(done.runs, "run"),
            plural(done.networks, "network"),
            plural(done.properties, "property", "properties"),
        ]
        known = f"; {plural(done.known, 'run')} of it {'was' if done.known == 1 else 'were'} there already"
        say(f"added {listed(parts)} to {place}{known if done.known else ''}")

"""`ivan cache prune`: what is old, or too much, goes; it says what that is, and asks."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from ivan.cli.cache_options import instant, json_option, opened, store_option
from ivan.cli.output import agreed
from ivan.cli.quantities import age, file_size
from ivan.cli.quiet import quiet_option, say
from ivan.cli.tables import duration, listed, plural, show, size, table

if TYPE_CHECKING:
    from ivan.store import ProofStore
    from ivan.store.pruning import Plan


@click.command("prune", short_help="Delete what is old, or too much.")
@store_option
@click.option("--older-than", "oldest", metavar="AGE", callback=age, help="Runs saved longer ago go: 12h, 30d, 2w.")
@click.option(
    "--keep-versions",
    "versions",
    type=click.IntRange(min=0),
    metavar="N",
    help="Of each property only the runs of N networks stay: those that were first verified last.",
)
@click.option(
    "--keep-ancestors", "ancestors", is_flag=True, help="With --keep-versions: what these grew from stays, too."
)
@click.option(
    "--max-size",
    "most",
    metavar="SIZE",
    callback=file_size,
    help="Then the oldest runs go until the store takes no more than this: 500MB, 2GiB.",
)
@click.option("--all", "everything", is_flag=True, help="Let also a property's last proof and last counterexample go.")
@click.option("--dry-run", is_flag=True, help="Show what would go, and delete nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@quiet_option
@json_option
def prune(
    location: str | None,
    oldest: float | None,
    versions: int | None,
    ancestors: bool,
    most: int | None,
    everything: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Delete runs by age, by version, or until the store is small enough. It asks first, unless --yes is given.

    A run goes when one of the options says so; --max-size is applied last, the oldest run first. Networks and
    properties that no run is left of go with them, and the file shrinks.

    Of each property the newest finished proof and the newest counterexample stay all the same: they are what the next
    version of a model starts from and is tried on, however long ago that was. --all lets them go, too. Where they alone
    take more than --max-size they stay, and a warning says so.

    No proof needs another one: runs that grew from deleted ones keep their proofs, and only the lineage that
    `ivan cache show` draws begins later. --keep-versions counts all networks that were asked the same property: where
    that is asked of several models and not only of versions of one, N is for all of them together.

    Damaged runs are left to `ivan cache doctor`.

    \b
    Examples:
      ivan cache prune --older-than 30d
      ivan cache prune --keep-versions 3 --max-size 500MB --yes
      ivan cache prune --older-than 2w --dry-run
    """
    from ivan.store.pruning import Rules, plan

    if oldest is None and versions is None and most is None:
        raise click.UsageError("nothing says what goes: give --older-than, --keep-versions or --max-size")
    if ancestors and versions is None:
        raise click.UsageError("--keep-ancestors goes with --keep-versions")
    now = time.time()
    rules = Rules(
        before=None if oldest is None else now - oldest,
        versions=versions,
        ancestors=ancestors,
        size=most,
        everything=everything,
    )
    deleted = 0
    with opened(location) as store:
        holdings = store.holdings()
        chosen = plan(holdings, rules, store.intact)
        going = _going(store, chosen) if dry_run or as_json else []
        if going and not as_json:
            _draw(going, now)
        what = f"{_counted(chosen, len(holdings.runs))}, from {store.location}"
        if not chosen.runs:
            say(f"nothing to delete from {store.location}")
        elif dry_run:
            say(f"would delete {what}")
        elif yes or agreed(f"Delete {what}?"):
            deleted = store.delete(chosen.runs).runs
            store.reclaim(most)
            say(f"deleted {plural(deleted, 'run')} from {store.location}; it takes {size(store.info().bytes)}")
        else:
            say("nothing was deleted")
        place = store.location
    for notice in _notices(chosen, most, holdings.damaged):
        say(notice)
    if as_json:
        report = {
            "location": place,
            "runs": going,
            "deleted": deleted,
            "proofs": chosen.proofs,
            "networks": chosen.networks,
            "properties": chosen.properties,
            "bytes": chosen.bytes,
            "left": chosen.left,
            "kept": chosen.kept,
            "damaged": holdings.damaged,
        }
        click.echo(json.dumps(report, indent=2, default=instant))


def _counted(chosen: Plan, total: int) -> str:
    counts = {
        plural(chosen.proofs, "proof"): chosen.proofs,
        plural(chosen.networks, "network"): chosen.networks,
        plural(chosen.properties, "property", "properties"): chosen.properties,
    }
    parts = [text for text, number in counts.items() if number]
    with_them = f", with {listed(parts)}" if parts else ""
    return f"{len(chosen.runs):,} of {plural(total, 'run')}{with_them} ({size(chosen.bytes)})"


def _notices(chosen: Plan, most: int | None, damaged: int) -> Iterator[str]:
    """What somebody might have expected otherwise."""
    if chosen.kept:
        stay = "stays: it is" if chosen.kept == 1 else "stay: they are"
        yield f"{plural(chosen.kept, 'run')} {stay} the last proof or counterexample of a property; --all lets it go"
    if most is not None and chosen.left > most:
        yield f"warning: what is left takes {size(chosen.left)}, more than {size(most)}"
    if damaged:
        yield f"{plural(damaged, 'damaged run')} left alone; `ivan cache doctor` says what is wrong"


def _going(store: ProofStore, chosen: Plan) -> list[dict[str, Any]]:
    """The runs that go, the newest first, each with the rule that says so."""
    from ivan.store import DamagedRun

    found: list[dict[str, Any]] = []
    for summary in store.runs():
        if isinstance(summary, DamagedRun):
            if summary.id in chosen.runs:
                found.append({"id": summary.id, "rule": chosen.runs[summary.id], "damaged": summary.problem})
            continue
        run = summary.run
        if run.id in chosen.runs:
            names = {"network_name": summary.network_name, "property_name": summary.property_name}
            facts = {"verdict": run.verdict, "created": run.created, "proof_bytes": summary.proof_bytes}
            digests = {"network": run.network, "property": run.property}
            found.append({"id": run.id, "rule": chosen.runs[run.id], **facts, **digests, **names})
    return found


def _draw(going: list[dict[str, Any]], now: float) -> None:
    rows = table("run", "age", "verdict", "proof", "rule", "property", "network")
    for column in (0, 1, 3):
        rows.columns[column].justify = "right"
    for run in going:
        if "damaged" in run:
            rows.add_row(str(run["id"]), "", "damaged", "", run["rule"])
            continue
        rows.add_row(
            str(run["id"]),
            duration(now - run["created"].timestamp(), digits=0),
            run["verdict"],
            size(run["proof_bytes"]) if run["proof_bytes"] else "",
            run["rule"],
            run["property_name"],
            f"{run['network_name']} {run['network'][:8]}",
        )
    show(rows)

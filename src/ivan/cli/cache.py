"""`ivan cache`: what the proof store holds, where it is, and how to empty it.

Tables and JSON go to stdout, talk to stderr. Whatever deletes something asks first. Pruning, and files that carry runs
to another store, have modules of their own.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from ivan.cli.cache_files import export_runs, import_runs
from ivan.cli.cache_options import instant, json_option, opened, store_option
from ivan.cli.cache_prune import prune
from ivan.cli.findings import line, report_of, summed_up
from ivan.cli.lineage import drawn
from ivan.cli.output import agreed
from ivan.cli.parameters import FILE
from ivan.cli.question import models_and_query, network_option
from ivan.cli.quiet import quiet_option, say, warn
from ivan.cli.tables import duration, local, plural, show, size, table
from ivan.store import DamagedRun

if TYPE_CHECKING:
    from rich.table import Table

    from ivan.store import RunSummary


@click.group("cache")
def cache() -> None:
    """Look at the stored proofs, carry them elsewhere, or delete them.

    Where the store is: --store, else the environment variable IVAN_STORE, else a file in the user's cache directory.

    \b
    Examples:
      ivan cache list
      ivan cache show
      ivan cache path
      ivan cache prune --older-than 30d
      ivan cache export proofs.sqlite
    """


@cache.command()
@store_option
@json_option
@quiet_option
def info(location: str | None, as_json: bool) -> None:
    """Show how much is stored, and since when.

    \b
    Examples:
      ivan cache info
      ivan cache info --store proofs.sqlite --json
    """
    with opened(location) as store:
        facts = store.info()
    if as_json:
        click.echo(json.dumps(asdict(facts), indent=2, default=instant))
        return
    rows = table("", "")
    rows.show_header = False
    rows.add_row("location", facts.location + (" (read-only)" if facts.read_only else ""))
    rows.add_row("size", size(facts.bytes))
    rows.add_row("networks", str(facts.networks))
    rows.add_row("properties", str(facts.properties))
    rows.add_row("runs", str(facts.runs))
    rows.add_row("proofs", f"{facts.proofs} and {plural(facts.open_trees, 'open tree')}")
    rows.add_row("counterexamples", str(facts.witnesses))
    if facts.oldest is not None and facts.newest is not None:
        rows.add_row("oldest run", local(facts.oldest))
        rows.add_row("newest run", local(facts.newest))
    rows.add_row("schema", facts.revision)
    show(rows)


@cache.command("list")
@store_option
@json_option
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Show at most this many runs.")
@click.option("--all", "everything", is_flag=True, help="Show every run.")
@quiet_option
def list_runs(location: str | None, as_json: bool, limit: int, everything: bool) -> None:
    """List the stored runs, the newest first.

    \b
    Examples:
      ivan cache list
      ivan cache list --limit 100
      ivan cache list --all --json
    """
    with opened(location) as store:
        summaries = store.runs(limit=None if everything else limit)
        total = store.info().runs
    if as_json:
        click.echo(json.dumps([_listed(summary) for summary in summaries], indent=2, default=instant))
        return
    if not summaries:
        say("nothing is stored yet")
        return
    rows = table("run", "age", "verdict", "time", "leaves", "proof", "from", "property", "network")
    for column in (0, 1, 3, 4, 5, 6):
        rows.columns[column].justify = "right"
    now = datetime.now(UTC)
    damaged = 0
    for summary in summaries:
        if isinstance(summary, DamagedRun):
            rows.add_row(str(summary.id), "", "damaged")
            damaged += 1
            continue
        run = summary.run
        rows.add_row(
            str(run.id),
            duration((now - run.created).total_seconds(), digits=0),
            run.verdict,
            duration(run.seconds),
            "" if run.leaves is None else f"{run.leaves}{' open' if run.open else ''}",
            size(summary.proof_bytes) if run.has_proof else "",
            "" if run.parent is None else str(run.parent),
            summary.property_name,
            f"{summary.network_name} {run.network[:8]}",
        )
    show(rows)
    if total > len(summaries):
        say(f"{len(summaries)} of {total} runs; --all shows every one")
    if damaged:
        say(f"{plural(damaged, 'damaged run')}; `ivan cache doctor` says what is wrong")


@cache.command("show", short_help="Show a run, and what it grew from.")
@click.argument("run", type=click.IntRange(min=1), required=False)
@store_option
@json_option
@quiet_option
def show_run(run: int | None, location: str | None, as_json: bool) -> None:
    """Show one run, by default the newest, and the lineage of its property: which proof grew from which.

    \b
    Examples:
      ivan cache show
      ivan cache show 12 --json
    """
    from ivan.errors import InputError

    with opened(location) as store:
        if run is None:
            newest = store.runs(limit=1)
            if not newest:
                say("nothing is stored yet")
                return
            run = newest[0].id if isinstance(newest[0], DamagedRun) else newest[0].run.id
        family = store.lineage(run)
    chosen = next((summary for summary in family if summary.run.id == run), None)
    if chosen is None:
        raise InputError(
            f"there is no run {run} that can be read",
            hint="`ivan cache list` shows the runs, `ivan cache doctor` which of them are damaged",
        )
    if as_json:
        report = {**_flat(chosen), "lineage": [_flat(summary) for summary in family]}
        click.echo(json.dumps(report, indent=2, default=instant))
        return
    show(_facts(chosen))
    click.echo()
    show(drawn(family, run))


@cache.command("compact", short_help="Make a stored proof cheaper to replay.")
@click.argument("files", nargs=-1, type=FILE, metavar="[MODEL] QUERY")
@network_option
@store_option
@click.option("--timeout", type=click.FloatRange(min=0.0), metavar="SECONDS", help="Stop after so long.")
@quiet_option
def compact_proof(
    files: tuple[str, ...], networks: tuple[str, ...], location: str | None, timeout: float | None
) -> int:
    """Make the stored proof of MODEL and QUERY cheaper to replay, so that the next version is verified faster.

    What a run began behind its answer goes on here, without a limit but SECONDS. It can be stopped at any time, and
    goes on where it stopped.

    \b
    Examples:
      ivan cache compact model.onnx property.vnnlib --timeout 60
      ivan cache compact equivalence.vnnlib --network f=model.onnx --network g=pruned.onnx
    """
    models, query = models_and_query(files, networks)
    from ivan.cli.watch import Watch
    from ivan.compaction import compact_stored
    from ivan.deadline import Deadline

    deadline = Deadline.after(timeout)
    with opened(location) as store, Watch(math.inf, deadline, lambda: None) as watch:
        done = compact_stored(store, models, query, deadline, warn)
    click.echo(
        f"run {done.run}: {done.leaves[0]:,} leaves became {done.leaves[1]:,}, and a replay computes the bounds of "
        f"{plural(done.cost[1], 'node')} instead of {done.cost[0]:,}"
    )
    if not done.finished:
        say("not finished: the same command goes on from here")
    return 130 if watch.interrupted else 0


@cache.command(short_help="Examine everything that is stored.")
@store_option
@json_option
@click.option("--repair", is_flag=True, help="Delete the damaged runs.")
@click.option("--yes", is_flag=True, help="Do not ask; with --repair.")
@quiet_option
@click.pass_context
def doctor(context: click.Context, location: str | None, as_json: bool, repair: bool, yes: bool) -> None:
    """Examine everything that is stored, and name what is damaged, a line for each.

    Checksums of runs are compared, proofs decoded and looked through, counterexamples and weights unpacked, references
    followed. What is damaged is never believed by `ivan verify`, whether it is repaired or not.

    --repair deletes the damaged runs, with their proofs and counterexamples, and nothing else: runs that grew from them
    stay, and so does every network and property that a run refers to; damaged weights and texts are forgotten. All
    of this is found again the next time it is verified.

    \b
    Examples:
      ivan cache doctor
      ivan cache doctor --store proofs.sqlite --repair --yes

    \b
    Exit codes:
      0    all is well, or was repaired
      1    something is damaged
      2    the store cannot be opened
    """
    from ivan.doctor import examine
    from ivan.doctor import repair as mend

    if yes and not repair:
        raise click.UsageError("--yes goes with --repair")
    with opened(location) as store:
        before = report = examine(store)
        damaged = sum(finding.kind == "run" for finding in before.findings)
        question = f"Delete {plural(damaged, 'damaged run')} from {store.location}?"
        if repair and before.findings and (yes or agreed(question)):
            report = mend(store, before)
    if as_json:
        click.echo(json.dumps(report_of(store.location, before, report), indent=2))
    else:
        for finding in before.findings:
            click.echo(line(finding))
        for sentence in summed_up(before, report):
            say(sentence)
    context.exit(1 if report.findings else 0)


@cache.command()
@store_option
@quiet_option
def path(location: str | None) -> None:
    """Print where the proof store is, whether it exists or not.

    \b
    Examples:
      ivan cache path
      ivan cache path --store postgresql+psycopg://user@host/database
    """
    from ivan.store import shown_location

    click.echo(shown_location(location))


@cache.command(short_help="Delete everything that is stored.")
@store_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@quiet_option
def clear(location: str | None, yes: bool) -> None:
    """Delete every stored run, proof and counterexample.

    It asks first, unless --yes is given.

    \b
    Examples:
      ivan cache clear
      ivan cache clear --store proofs.sqlite --yes
    """
    with opened(location) as store:
        facts = store.info()
        question = f"Delete {plural(facts.runs, 'run')} ({size(facts.bytes)}) from {facts.location}?"
        if not yes and not agreed(question):
            say("nothing was deleted")
            return
        count = store.clear()
        say(f"deleted {plural(count, 'run')} from {facts.location}")


def _facts(summary: RunSummary) -> Table:
    run = summary.run
    rows = table("", "")
    rows.show_header = False
    rows.add_row("run", str(run.id))
    rows.add_row("verdict", run.verdict)
    rows.add_row("property", f"{summary.property_name} {run.property[:8]}")
    rows.add_row("network", f"{summary.network_name} {run.network[:8]}")
    rows.add_row("when", local(run.created))
    if run.imported is not None:
        rows.add_row("imported", f"{local(run.imported)}; to be replayed before its answer is repeated")
    rows.add_row("time", duration(run.seconds))
    if run.leaves is not None:
        rows.add_row("leaves", f"{run.leaves:,}{' (open)' if run.open else ''}, {plural(run.depth or 0, 'split')} deep")
        rows.add_row("proof", size(summary.proof_bytes))
    cost, leaves, first = (run.statistics.get(name) for name in ("replay_cost", "leaves_before", "replay_cost_before"))
    if isinstance(cost, int):
        rows.add_row("replay", f"bounds of {plural(cost, 'node')}")
    if isinstance(leaves, int) and isinstance(first, int):
        whole = "" if run.statistics.get("compacted") else ", not finished"
        rows.add_row("compacted", f"from {leaves:,} leaves, bounds of {plural(first, 'node')}{whole}")
    for name, value in run.statistics.items():
        if name in ("domains", "base_leaves", "reused_leaves") and isinstance(value, int) and value:
            rows.add_row(name.replace("_", " "), f"{value:,}")
    return rows


def _listed(summary: RunSummary | DamagedRun) -> dict[str, object]:
    return {"id": summary.id, "damaged": summary.problem} if isinstance(summary, DamagedRun) else _flat(summary)


def _flat(summary: RunSummary) -> dict[str, object]:
    names = {"network_name": summary.network_name, "property_name": summary.property_name}
    return {**asdict(summary.run), **names, "proof_bytes": summary.proof_bytes}


cache.add_command(prune)
cache.add_command(export_runs)
cache.add_command(import_runs)

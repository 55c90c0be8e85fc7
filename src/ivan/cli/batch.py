"""`ivan batch`: many instances, several at once, and results that survive whatever ends the batch."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ivan.cli.output import check_target, print_answer, write_file
from ivan.cli.parameters import FILE, FILE_OR_DASH, finite, knob_option
from ivan.cli.quiet import hush
from ivan.options import knob

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ivan.batch.instances import InstanceList
    from ivan.batch.results import Result


@click.command("batch")
@click.argument("instances", type=click.Path(path_type=Path), metavar="INSTANCES.csv")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default="results.csv",
    show_default=True,
    help="Write a row here as soon as an instance is done, and counterexamples to the folder of that name with .d.",
)
@click.option("--resume", is_flag=True, help="Go on from the rows that are there; ask again what has changed.")
@click.option(
    "--jobs",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    metavar="N",
    help="Instances at the same time; they share the processors and the store.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.0),
    callback=finite,
    metavar="SECONDS",
    help="For instances whose row names none.",
)
@click.option(
    "--timeout-factor",
    type=click.FloatRange(min=0.0, min_open=True),
    default=1.0,
    callback=finite,
    metavar="F",
    help="Multiply every timeout by this.",
)
@click.option(
    "--store", type=FILE, metavar="PATH|URL", help="Proof store; default: IVAN_STORE, else the user's cache directory."
)
@click.option("--no-store", is_flag=True, help="Neither read nor write proofs.")
@click.option("--fresh", is_flag=True, help="Ignore what is stored, save what is found.")
@click.option("--junit", type=click.Path(path_type=Path), metavar="FILE", help="Write JUnit's XML here.")
@click.option("--json", "report", type=FILE_OR_DASH, metavar="FILE|-", help="Write a report for programs.")
@click.option(
    "--plot",
    type=click.Path(path_type=Path),
    metavar="FILE.svg|png|html",
    help="Draw a cactus plot; html has all rows.",
)
@click.option(
    "--threads",
    type=click.IntRange(0, knob("threads")["maximum"]),
    default=0,
    metavar="N",
    help="Threads of every search; by default the processors divided by the jobs.",
)
@knob_option("seed", int, metavar="N")
@knob_option("compact", float, metavar="SHARE")
@click.option("-q", "--quiet", is_flag=True, callback=hush, help="Say nothing but the summary and errors.")
@click.option("-v", "--verbose", is_flag=True, help="On a terminal, too, a line for every instance that is done.")
@click.pass_context
def batch(
    context: click.Context,
    instances: Path,
    out: Path,
    resume: bool,
    jobs: int,
    timeout: float | None,
    timeout_factor: float,
    store: str | None,
    no_store: bool,
    fresh: bool,
    junit: Path | None,
    report: str | None,
    plot: Path | None,
    threads: int,
    seed: int,
    compact: float,
    quiet: bool,
    verbose: bool,
) -> int:
    """Verify all instances of a list, as VNN-COMP writes it: onnx,vnnlib,timeout in every row.

    Paths start from the list's folder; a file that is not there may be there with .gz. A query about several networks
    has "[('f', 'f.onnx'), ('g', 'g.onnx')]" for its model. An instance that cannot be verified is an `error` in its row
    and stops nothing. Whatever ends the batch, --resume goes on from the last row; rows of another model, property or
    timeout than the list has by then are asked again. A summary goes to stdout, everything else to stderr.

    Rows of the results: benchmark, onnx, vnnlib, prepare_time, verdict, seconds.

    \b
    Examples:
      ivan batch acasxu/instances.csv --jobs 2
      ivan batch acasxu/instances.csv --jobs 2 --resume     # after it was stopped, or killed
      ivan batch instances-v2.csv --out v2.csv              # each from its stored proof
      ivan batch instances.csv --timeout 60 --junit junit.xml --plot cactus.html

    \b
    Exit codes:
      0    all instances ran, whatever the verdicts
      2    something given cannot be used
      130  interrupted
    """
    started: float = context.obj["started"] if context.obj else time.monotonic()
    began = datetime.now(UTC)
    if no_store and (store or fresh):
        raise click.UsageError("--no-store does not go with --store or --fresh")
    if quiet and verbose:
        raise click.UsageError("--quiet does not go with --verbose")
    from ivan.batch.cactus import FORMATS

    if plot is not None and plot.suffix not in FORMATS:
        raise click.UsageError(f"--plot {plot}: only {', '.join(FORMATS)} can be drawn")
    for target in (out, junit, plot, Path(report) if report not in (None, "-") else None):
        if target is not None:
            check_target(target)

    from ivan.batch.instances import read_instances
    from ivan.batch.results import ResultsFile
    from ivan.batch.run import verify_batch
    from ivan.cli.batch_progress import interrupted, talk
    from ivan.options import Options

    listing = read_instances(instances, timeout=timeout, factor=timeout_factor)
    talker = talk(quiet=quiet, verbose=verbose)
    try:
        with ResultsFile(out, listing, resume=resume) as file, talker:
            results = verify_batch(
                listing,
                file,
                jobs=jobs,
                store=False if no_store else store,
                fresh=fresh,
                options=Options(threads=threads, seed=seed, compact=compact),
                listener=talker,
            )
    except KeyboardInterrupt:
        click.echo(interrupted(out, len(listing.instances)), err=True)
        return 130
    seconds = time.monotonic() - started
    _write_reports(listing, results, junit, report, plot, began=began, seconds=seconds, jobs=jobs)
    if report != "-":
        from ivan.batch.summary import Summary
        from ivan.cli.batch_progress import summary_table
        from ivan.cli.tables import show

        show(summary_table(Summary.of(results), seconds))
    return 0


def _write_reports(
    listing: InstanceList,
    results: Sequence[Result],
    junit: Path | None,
    report: str | None,
    plot: Path | None,
    *,
    began: datetime,
    seconds: float,
    jobs: int,
) -> None:
    from ivan.batch.cactus import drawn
    from ivan.batch.report import json_report, junit_report

    if junit is not None:
        write_file(junit, junit_report(listing, results, began=began))
    if plot is not None:
        write_file(plot, drawn(plot.suffix, listing, results))
    if report is not None:
        text = json_report(listing, results, began=began, wall_seconds=seconds, jobs=jobs)
        if report == "-":
            print_answer(text.rstrip("\n"))
        else:
            write_file(Path(report), text)

"""`ivan gate`: a suite of properties against a new version of a model."""

from __future__ import annotations

import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ivan.cli.output import check_target, print_answer, write_file
from ivan.cli.parameters import FILE, FILE_OR_DASH, knob_option
from ivan.cli.quiet import hush
from ivan.cli.style import styled
from ivan.errors import InputError, ModelError
from ivan.options import knob

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.table import Table

    from ivan.gate.report import Gate
    from ivan.gate.suite import Suite


@click.command("gate")
@click.argument("suite_file", type=click.Path(path_type=Path), metavar="SUITE.toml")
@click.option(
    "--model",
    "models",
    type=FILE,
    multiple=True,
    metavar="[NAME=]MODEL",
    help="The version to check; by default the suite's own. NAME where the suite has several models.",
)
@click.option(
    "--base",
    "bases",
    type=FILE,
    multiple=True,
    metavar="[NAME=]MODEL",
    help="The version to compare with and to start from; by default the suite's own.",
)
@click.option("--no-base", is_flag=True, help="Compare with nothing.")
@click.option(
    "--jobs",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    metavar="N",
    help="Questions at the same time; they share the processors and the store.",
)
@click.option(
    "--store", type=FILE, metavar="PATH|URL", help="Proof store; default: IVAN_STORE, else the user's cache directory."
)
@click.option("--no-store", is_flag=True, help="Neither read nor write proofs.")
@click.option("--junit", type=click.Path(path_type=Path), metavar="FILE", help="Write JUnit's XML here.")
@click.option("--markdown", type=click.Path(path_type=Path), metavar="FILE", help="Write a summary for people here.")
@click.option("--json", "report", type=FILE_OR_DASH, metavar="FILE|-", help="Write a report for programs.")
@click.option(
    "--threads",
    type=click.IntRange(0, knob("threads")["maximum"]),
    default=0,
    metavar="N",
    help="Threads of every search; by default the processors divided by the jobs.",
)
@knob_option("seed", int, metavar="N")
@click.option("-q", "--quiet", is_flag=True, callback=hush, help="Say nothing but the findings and errors.")
@click.option("-v", "--verbose", is_flag=True, help="On a terminal, too, a line for every question that is answered.")
@click.pass_context
def gate(
    context: click.Context,
    suite_file: Path,
    models: tuple[str, ...],
    bases: tuple[str, ...],
    no_base: bool,
    jobs: int,
    store: str | None,
    no_store: bool,
    junit: Path | None,
    markdown: Path | None,
    report: str | None,
    threads: int,
    seed: int,
    quiet: bool,
    verbose: bool,
) -> int:
    """Check that a new version of a model keeps what a suite demands, and tell what changed.

    The suite names the base version, properties, and how serious each is. The base version is asked first, which costs
    nothing once its answers are stored; the new version then starts from its proofs.

    \b
    A suite:
      model = "v1.onnx"                  # the base version; or a table [models] of several
      timeout = 60                       # seconds of each property
      [[property]]
      query = "safe.vnnlib"              # a file; the property holds where it is unsat
      fixed = ["found.txt"]              # counterexamples that must not come back
      [[property]]
      name = "images keep their class"
      severity = "may-be-undecided"      # or must-hold, may-fail
      robustness = { inputs = "images.npy", epsilon = "8/255", clip = [0, 1] }
      [[property]]
      timeout = 20
      range = { lower = -1, upper = 1, outputs = [0], min = -2.5, max = 2.5 }
      [[property]]
      equivalence = { lower = -1, upper = 1, max = 0.1 }      # to the base version

    \b
    Keys:
      property      name, model, severity, timeout, fixed; and one of those below, or query
      robustness    inputs, epsilon; clip, mean, std, labels, target, output
      range         lower and upper, or box; min, max, outputs, exclusive
      equivalence   a region as of robustness or of range; max, outputs
      agreement     a region; label
      monotonicity  a region; rising, outputs, falls, tolerance
      fairness      a region; protected, similar, max, outputs

    \b
    Examples:
      ivan gate suite.toml                                  # the base version alone
      ivan gate suite.toml --model model-v2.onnx
      ivan gate suite.toml --model model-v2.onnx --base model-v1.onnx --jobs 2
      ivan gate suite.toml --model model-v2.onnx --junit gate.xml --markdown summary.md

    \b
    Exit codes:
      0    everything holds that has to
      1    a property is violated that must not be, or a counterexample is back
      2    something given cannot be used
      3    a property is undecided that must hold
      130  interrupted
    """
    started: float = context.obj["started"] if context.obj else time.monotonic()
    began = datetime.now(UTC)
    if no_store and store:
        raise click.UsageError("--no-store does not go with --store")
    if no_base and bases:
        raise click.UsageError("--no-base does not go with --base")
    if quiet and verbose:
        raise click.UsageError("--quiet does not go with --verbose")
    for target in (junit, markdown, Path(report) if report not in (None, "-") else None):
        if target is not None:
            check_target(target)

    from ivan.cli.batch_progress import talk
    from ivan.cli.tables import show
    from ivan.gate.answers import exit_code
    from ivan.gate.questions import questions
    from ivan.gate.report import Gate, json_report, junit_report
    from ivan.gate.report import markdown as as_markdown
    from ivan.gate.run import check
    from ivan.gate.suite import read_suite
    from ivan.options import Options

    suite = read_suite(suite_file)
    versions, before = {**suite.models, **_named(suite, models, "--model")}, _named(suite, bases, "--base")
    compared = None if no_base or not (models or bases) else {**suite.models, **before}
    talker = talk(quiet=quiet, verbose=verbose)
    try:
        with tempfile.TemporaryDirectory(prefix="ivan-gate-") as folder, talker:
            checked = check(
                suite,
                questions(suite, Path(folder), lambda line: talker.warned(line, None)),
                versions,
                compared,
                reference={**suite.models, **before},
                jobs=jobs,
                store=False if no_store else store,
                options=Options(threads=threads, seed=seed),
                listener=talker,
            )
    except KeyboardInterrupt:
        kept = "" if no_store else "; what was proved is stored, and the same command goes on from there"
        click.echo(f"interrupted{kept}", err=True)
        return 130
    found = Gate(suite, versions, compared, checked, began, time.monotonic() - started)
    if junit is not None:
        write_file(junit, junit_report(found))
    if markdown is not None:
        write_file(markdown, as_markdown(found))
    if report == "-":
        print_answer(json_report(found).rstrip("\n"))
    else:
        if report is not None:
            write_file(Path(report), json_report(found))
        show(_table(found))
        click.echo(_summary(found))
        _hint(found)
    return exit_code(checked)


def _named(suite: Suite, given: Sequence[str], option: str) -> Mapping[str, Path]:
    """Files by the name of the suite's model: NAME=MODEL, or MODEL alone where there is one."""
    found: dict[str, Path] = {}
    for text in given:
        name, equals, file = text.partition("=")
        if not equals or name not in suite.models:
            if len(suite.models) > 1:
                known = ", ".join(suite.models)
                raise InputError(f"{option} {text}: which model is meant?", hint=f"NAME=MODEL, NAME one of {known}")
            if equals and not Path(text).exists():
                raise InputError(f"{option} {text}: the suite has one model, without a name", hint=f"{option} {file}")
            (name,), file = suite.models, text
        if name in found:
            raise InputError(f"{option}: two files for {name}", hint="give one")
        found[name] = Path(file)
    for path in found.values():
        if not path.exists():  # told before hours go into the other version
            raise ModelError(f"{option} {path}: no such file", hint="check the path")
    return found


def _table(found: Gate) -> Table:
    from rich.text import Text

    from ivan.cli.tables import difference, duration, table
    from ivan.gate.answers import sorted_by_change
    from ivan.gate.report import said

    compared = found.bases is not None
    rows = table("", "property", *["before"] * compared, "now", "reused", "time", *["saved"] * compared)
    for column in rows.columns:
        if column.header in ("reused", "time", "saved"):
            column.justify = "right"
        if column.header == "now":
            column.no_wrap = False  # what is said there may be a sentence, of which nothing is cut
    colours = {0: "", 1: "red", 2: "red", 3: "yellow"}
    for one in sorted_by_change(found.checked):
        share = "" if one.now.reused is None else f"{one.now.reused:.0%}"
        cells: list[str | Text] = [
            Text(one.change.value, colours[one.blocks] or ("green" if one.now.state == "holds" else "")),
            one.question.name,
            *["" if one.before is None else one.before.state.value] * compared,
            said(one),
            share,
            duration(one.now.seconds),
            *["" if one.saved is None else difference(one.saved)] * compared,
        ]
        rows.add_row(*cells)
    return rows


def _hint(found: Gate) -> None:
    for text in found.hints():
        click.echo(f"{styled('hint:', fg='cyan')} {text}", err=True)


def _summary(found: Gate) -> str:
    numbers = found.numbers()
    return f"\n{found.headline()}" + (f"; {numbers}" if numbers else "")

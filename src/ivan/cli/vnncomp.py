"""`ivan vnncomp`: what the scripts of VNN-COMP call, and these scripts."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ivan.cli.output import check_target, make_folder, write_file
from ivan.cli.parameters import FILE, FOLDER, knob_option, no_nan
from ivan.cli.quiet import quiet_option, say
from ivan.cli.verify import LAST_WORD
from ivan.errors import InputError
from ivan.vnncomp import SCRIPTS, models, present, scripts

if TYPE_CHECKING:
    from ivan.outcome import Outcome

VERSION = "v1"
"""The first argument of every script; so it has been since 2021."""

RESERVE = 1.0
"""Seconds between the end of this process and TIMEOUT, at which some years' harness ends the script by force."""


@click.group("vnncomp")
def vnncomp() -> None:
    """What the scripts of VNN-COMP call, and these scripts.

    \b
    Examples:
      ivan vnncomp scripts vnncomp_scripts
      ivan vnncomp prepare v1 acasxu model.onnx property.vnnlib
      ivan vnncomp run v1 acasxu model.onnx property.vnnlib results.txt 116
    """


@vnncomp.command("prepare", short_help="Find out whether an instance can be verified.")
@click.argument("version")
@click.argument("category")
@click.argument("onnx", type=FILE)
@click.argument("vnnlib", type=FILE)
@click.option("--keep-going", is_flag=True, help="Exit with 0 for an instance that cannot be verified: in some years a "
              "failure here skips the rest of the category. `run` then answers unknown at once.")  # fmt: skip
@quiet_option
def prepare(version: str, category: str, onnx: str, vnnlib: str, keep_going: bool) -> int:
    """Find out whether an instance can be verified: both files are read, and nothing is analysed.

    The exit code is 2 where they are missing or damaged, do not belong together, or use what is not supported, and the
    reason is said on stderr. ONNX is a path, or a list of named networks as VNN-COMP 2026 has it. A file that is only
    there as .gz is found.

    \b
    Examples:
      ivan vnncomp prepare v1 acasxu onnx/model.onnx vnnlib/property.vnnlib
      ivan vnncomp prepare v1 acasxu "[('f', 'onnx/f.onnx'), ('g', 'onnx/g.onnx')]" vnnlib/property.vnnlib --keep-going
    """
    _check_version(version)
    try:
        _read(onnx, vnnlib)
    except InputError as error:
        if not keep_going:
            raise
        click.echo(f"{category}: this instance cannot be verified: {error.message}", err=True)
        return 0
    say(f"{category}: this instance can be verified")
    return 0


@vnncomp.command("run", short_help="Verify an instance, write its results.")
@click.argument("version")
@click.argument("category")
@click.argument("onnx", type=FILE)
@click.argument("vnnlib", type=FILE)
@click.argument("results", type=FILE)
@click.argument("timeout", type=click.FloatRange(min=0.0, min_open=True), callback=no_nan)
@knob_option("threads", int, metavar="N")
@knob_option("seed", int, metavar="N")
@quiet_option
@click.pass_context
def run(
    context: click.Context,
    version: str,
    category: str,
    onnx: str,
    vnnlib: str,
    results: str,
    timeout: float,
    threads: int,
    seed: int,
) -> int:
    """Verify one instance and write RESULTS: the verdict on line 1, and behind `sat` the counterexample.

    The verdict is sat, unsat, timeout or unknown. TIMEOUT counts from the start of the process, which ends before it.
    Every instance stands by itself: proofs are neither looked up nor stored. ONNX and VNNLIB are as for `ivan vnncomp
    prepare`; where they cannot be used, RESULTS says unknown and the exit code is 2.

    \b
    Examples:
      ivan vnncomp run v1 acasxu onnx/model.onnx vnnlib/property.vnnlib results.txt 116
    """
    started: float = context.obj["started"] if context.obj else time.monotonic()
    _check_version(version)
    target = Path(results)
    check_target(target)

    from ivan.cli.watch import Watch
    from ivan.deadline import Deadline
    from ivan.verdict import Verdict

    usable = max(0.75 * timeout, timeout - RESERVE)
    deadline = Deadline.of_search(started, usable)

    def write(text: str) -> None:
        write_file(target, f"{text}\n")

    write(Verdict.UNKNOWN.value)  # until there is more to say, and where the files cannot be used
    with Watch(started + usable - LAST_WORD, deadline, lambda: write(Verdict.TIMEOUT.value)) as watch:
        from ivan.options import Options
        from ivan.verification import verify as decide

        outcome = decide(
            models(onnx), present(vnnlib), store=False, options=Options(threads=threads, seed=seed), deadline=deadline
        )
        if not watch.say(lambda: write(_answer(outcome))) and watch.interrupted:
            return 130
    verdict = Verdict.TIMEOUT if watch.gave_up else outcome.verdict
    say(f"{category}: {verdict.value} after {time.monotonic() - started:.2f} s")
    return 0


@vnncomp.command("scripts", short_help="Write the three scripts of a tool.")
@click.argument("folder", type=FOLDER)
@click.option(
    "--install",
    "requirement",
    default="..",
    show_default=True,
    metavar="WHAT",
    help="What install_tool.sh gives to pip: a folder, seen from FOLDER, or anything else that pip takes.",
)
@click.option("--keep-going", is_flag=True, help="prepare_instance.sh succeeds for instances that cannot be verified; "
              "see `ivan vnncomp prepare`.")  # fmt: skip
@click.option("--force", is_flag=True, help="Replace scripts that are there already.")
@quiet_option
def write_scripts(folder: str, requirement: str, keep_going: bool, force: bool) -> None:
    """Write install_tool.sh, prepare_instance.sh and run_instance.sh into FOLDER, as VNN-COMP expects them.

    install_tool.sh makes a virtual environment beside itself and installs ivan there; by default from the folder above,
    so that FOLDER stands in a copy of the sources. The other two call the `ivan` of that environment, or the one that
    the environment variable IVAN names.

    \b
    Examples:
      ivan vnncomp scripts vnncomp_scripts
      ivan vnncomp scripts entry --install "ivan==0.1.0"
      IVAN=ivan bash vnncomp_scripts/run_instance.sh v1 acasxu model.onnx property.vnnlib results.txt 116
    """
    place = Path(folder)
    make_folder(place)
    there = [name for name in SCRIPTS if (place / name).exists()]
    if there and not force:
        raise InputError(f"{place}: {', '.join(there)} there already", hint="--force replaces what is there")
    for name, text in scripts(requirement, keep_going=keep_going).items():
        write_file(place / name, text)
        (place / name).chmod(0o755)
        say(str(place / name))


def _check_version(version: str) -> None:
    if version != VERSION:
        raise click.UsageError(f"version {VERSION} is expected, not {version!r}")


def _read(onnx: str, vnnlib: str) -> None:
    """Reads both files as a verification does.

    Raises:
        InputError: it would fail.
    """
    from ivan.deployment import deploy
    from ivan.vnnlib import read_query

    _ = deploy(read_query(present(vnnlib)), models(onnx)).runtimes


def _answer(outcome: Outcome) -> str:
    """Of VNN-COMP's words, `timeout` is the one whatever VNN-LIB's version says."""
    word = outcome.verdict.value
    return word if outcome.counterexample is None else f"{word}\n{outcome.counterexample}"

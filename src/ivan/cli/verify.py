"""`ivan verify`: one model, one property, one answer."""

from __future__ import annotations

import gzip
import json
import math
import re
import time
import zlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ivan.cli.output import check_proof_target, check_target, make_folder, print_answer, write_file
from ivan.cli.parameters import FILE, FILE_OR_DASH, FOLDER, knob_option
from ivan.cli.question import by_name, models_and_query, network_option
from ivan.cli.quiet import hush
from ivan.options import knob

if TYPE_CHECKING:
    from ivan.cli.progress import Talk
    from ivan.outcome import Outcome

LAST_WORD = 0.08
"""Seconds before the deadline at which an answer is printed at the latest, whatever is still running."""


@click.command("verify")
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="MODEL QUERY")
@network_option
@knob_option("timeout", float, metavar="SECONDS")
@click.option(
    "--store", type=FILE, metavar="PATH|URL", help="Proof store; default: IVAN_STORE, else the user's cache directory."
)
@click.option("--no-store", is_flag=True, help="Neither read nor write proofs.")
@click.option("--fresh", is_flag=True, help="Ignore what is stored, save what is found.")
@click.option("--recheck", is_flag=True, help="Replay a stored proof even where the store has the answer.")
@click.option(
    "--base",
    "bases",
    type=FILE,
    multiple=True,
    metavar="[NAME=]MODEL|DIGEST",
    help="Start from this version's proof; by default from the one that promises the least work. Of several networks "
    "NAME=MODEL once for each, or one digest.",
)
@click.option(
    "--incremental",
    metavar="LIST",
    default=knob("incremental")["default"],
    help=knob("incremental")["help"],
    show_default=True,
)
@knob_option("alpha", float)
@knob_option("theta", float)
@knob_option("compact", float, metavar="SHARE")
@click.option("--witness", type=click.Path(dir_okay=False, path_type=Path), help="Also write the counterexample here.")
@click.option(
    "--proof",
    "proof",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write the proof here, for `ivan proof check` and `ivan cache import`.",
)
@click.option(
    "--serialise-assignments",
    "folder",
    type=FOLDER,
    metavar="DIR",
    help="Write the counterexample here, a TensorProto NAME.pb of every tensor, and print the verdict alone.",
)
@click.option("--json", "report", type=FILE_OR_DASH, metavar="FILE|-", help="Write a report for programs.")
@knob_option("threads", int, metavar="N")
@knob_option("seed", int, metavar="N")
@click.option("-q", "--quiet", is_flag=True, callback=hush, help="Say nothing but the answer and errors.")
@click.option("-v", "--verbose", is_flag=True, help="Say what is being done, and tracebacks of errors.")
@click.option("--no-progress", is_flag=True, help="No live line.")
@click.pass_context
def verify(
    context: click.Context,
    files: tuple[str, ...],
    networks: tuple[str, ...],
    timeout: float | None,
    store: str | None,
    no_store: bool,
    fresh: bool,
    recheck: bool,
    bases: tuple[str, ...],
    incremental: str,
    alpha: float,
    theta: float,
    compact: float,
    witness: Path | None,
    proof: Path | None,
    folder: str | None,
    report: str | None,
    threads: int,
    seed: int,
    quiet: bool,
    verbose: bool,
    no_progress: bool,
) -> int:
    """Decide whether some input of MODEL violates the property in QUERY.

    The first line of stdout is sat, unsat, unknown or timeout (timed-out for VNN-LIB 2.0); behind sat stands a
    counterexample that onnxruntime confirms. Everything else goes to stderr. MODEL is an ONNX file, QUERY a VNN-LIB
    file, either may be gzipped. A query of VNN-LIB 2.0 may be about several networks.

    The query states the violation: unsat means that the property holds. Proofs are stored, and the next version of the
    model is verified starting from them: one of the same architecture, of the same with fewer units, or of any other
    where the proof splits inputs alone. The same question again is answered from the store.

    \b
    Examples:
      ivan verify model.onnx property.vnnlib --timeout 60
      ivan verify model-int8.onnx property.vnnlib           # starts from the stored proof of model.onnx
      ivan verify model-v2.onnx property.vnnlib --base model.onnx --json report.json
      ivan verify property.vnnlib --network N=model.onnx    # the form of the VNN-LIB standard
      ivan verify equivalence.vnnlib --network f=model.onnx --network g=pruned.onnx
      ivan verify same.vnnlib --network f=v1.onnx --network g=v3.onnx --base f=v1.onnx --base g=v2.onnx
      ivan verify model.onnx property.vnnlib --proof holds.proof    # for others: `ivan proof check`

    \b
    Exit codes:
      0    sat, unsat, unknown or timeout: every verdict
      2    something given cannot be used; one line on stderr says what
      4    an internal error
      130  interrupted
    """
    started: float = context.obj["started"] if context.obj else time.monotonic()
    models, query = models_and_query(files, networks)
    base = _base(bases)
    if no_store and (store or base or recheck or fresh):
        raise click.UsageError("--no-store does not go with --store, --base, --recheck or --fresh")
    if quiet and verbose:
        raise click.UsageError("--quiet does not go with --verbose")
    if fresh and (base or recheck):
        raise click.UsageError("--fresh does not go with --base or --recheck")

    from ivan.incremental.techniques import Techniques

    try:
        Techniques.of(incremental, alpha, theta)
    except ValueError as error:
        raise click.UsageError(f"--incremental {incremental}: {error}") from None
    for target in (witness, report if report != "-" else None):
        if target is not None:
            check_target(Path(target))
    if proof is not None:
        check_proof_target(proof, None if no_store else store)
    if folder is not None:
        make_folder(Path(folder))

    from ivan.cli.watch import Watch
    from ivan.deadline import Deadline
    from ivan.verdict import Verdict

    due = math.inf if timeout is None else started + timeout
    deadline = Deadline.of_search(started, timeout)
    talker: Talk | None = None

    def clear() -> None:
        if talker is not None:
            talker.clear()

    def give_up() -> None:
        clear()
        print_answer(Verdict.TIMEOUT.spelled(_dialect(query)))

    # Watched from here on: the imports alone may outlast a short deadline.
    with Watch(due - LAST_WORD, deadline, give_up, clear) as watch:
        from ivan.answer import answer, tensors
        from ivan.cli.progress import talk
        from ivan.options import Options
        from ivan.verification import verify as decide

        def say(outcome: Outcome) -> None:
            text = answer(outcome.verdict, outcome.witness, outcome.vnnlib_version, outcome.tensors)
            if folder is not None and outcome.witness is not None:
                text = outcome.verdict.spelled(outcome.vnnlib_version)
                found = outcome.tensors or tensors((), outcome.witness.inputs, outcome.witness.outputs)
                for tensor in found:  # before the verdict is printed: whoever reads it finds them there
                    write_file(Path(folder) / f"{tensor.name}.pb", tensor.serialised())
            if watch.say(lambda: print_answer(text)) and verbose:
                click.echo(_summary(outcome), err=True)

        talker = talk(quiet=quiet, verbose=verbose, progress=not no_progress, answer=say)
        with talker:
            outcome = decide(
                models,
                query,
                store=False if no_store else store,
                base=base,
                fresh=fresh,
                recheck=recheck,
                keep_proof=proof is not None,
                options=Options(
                    timeout=timeout,
                    threads=threads,
                    seed=seed,
                    incremental=incremental,
                    alpha=alpha,
                    theta=theta,
                    compact=compact,
                ),
                deadline=deadline,
                listener=talker,
            )
        if watch.interrupted and not watch.answered:  # afterwards, it only cut the compaction short
            return 130
        if watch.gave_up:  # what is reported is what was answered, even if a better answer came a moment later
            outcome = replace(outcome, verdict=Verdict.TIMEOUT, reason=None, witness=None)
        if witness is not None and outcome.counterexample is not None:
            write_file(witness, outcome.counterexample + "\n")
        if proof is not None:
            _write_proof(outcome, proof, quiet=quiet)
        if report is not None:
            text = json.dumps(_report(outcome, models, query, started), indent=2)
            if report == "-":
                print_answer(text)
            else:
                write_file(Path(report), text + "\n")
    return 0


def _base(given: tuple[str, ...]) -> str | dict[str, str] | None:
    """The version to start from: a file or a digest, or files by the names of networks."""
    if not given:
        return None
    if len(given) == 1 and ("=" not in given[0] or Path(given[0]).exists()):
        return given[0]
    return by_name("--base", given)


def _write_proof(outcome: Outcome, path: Path, *, quiet: bool) -> None:
    """Writes the proof of `unsat`; where there is none, a line says why and nothing is written."""
    from ivan.proof_file import nothing_to_write, write_proof

    missing = nothing_to_write(outcome)
    if missing is None:
        write_proof(outcome, path)
    elif not quiet:
        click.echo(f"no proof was written: {missing}", err=True)


_VERSION = re.compile(rb"\A(?:\s|;[^\n]*\n)*\(\s*vnnlib-version\s*<(\d+)")


def _dialect(query: str) -> int:
    """Major version of VNN-LIB that a query says it is of, wherever its reading was interrupted."""
    try:
        with Path(query).open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(query) if packed else Path(query).open("rb") as stream:
            said = _VERSION.match(stream.read(1 << 16))
    except (OSError, EOFError, zlib.error):
        return 1
    return int(said[1]) if said else 1


def _summary(outcome: Outcome) -> str:
    parts = [f"{outcome.verdict.value} in {outcome.solve_seconds:.3f} s", f"{outcome.statistics.domains:,} domains"]
    if outcome.base_use is not None:
        what = "implied by" if outcome.base_use.value == "implication" else f"{outcome.base_use.value} of"
        about = ", ".join(name for name in (outcome.base_name, outcome.base_property) if name)
        parts.append(f"{what} run {outcome.base_run}{about and f' ({about})'}")
        if outcome.base_use.value == "proof":
            parts.append(f"{outcome.reused_leaves:,} of {outcome.base_leaves:,} leaves reused")
    return ", ".join(parts)


def _report(outcome: Outcome, models: str | dict[str, str], query: str, started: float) -> dict[str, Any]:
    """What `--json` writes."""
    statistics = vars(outcome.statistics) | {"worst": _finite(outcome.statistics.worst)}
    return {
        "verdict": outcome.verdict.spelled(outcome.vnnlib_version),
        "reason": None if outcome.reason is None else outcome.reason.value,
        "model": models,
        "query": query,
        "seconds": time.monotonic() - started,
        "solve_seconds": outcome.solve_seconds,
        "compact_seconds": outcome.compact_seconds,
        "save_seconds": outcome.save_seconds,
        "domains": int(outcome.statistics.domains),
        "leaves": outcome.leaves,
        "compacted_leaves": outcome.compacted_leaves,
        "reused_leaves": outcome.reused_leaves,
        "base_leaves": outcome.base_leaves,
        "base_run": outcome.base_run,
        "base_name": outcome.base_name,
        "base_property": outcome.base_property,
        "base_use": None if outcome.base_use is None else outcome.base_use.value,
        "exact": outcome.exact,
        "run": outcome.run,
        "network_digest": outcome.network_digest or None,
        "property_digest": outcome.property_digest or None,
        "statistics": {name: value if value is None else float(value) for name, value in statistics.items()},
        "phases": outcome.phases,
        "witness": None
        if outcome.witness is None
        else {
            "inputs": [float(v) for v in outcome.witness.inputs],
            "outputs": [float(v) for v in outcome.witness.outputs],
            "precision": outcome.witness.precision,
        },
    }


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None

"""`ivan proof`: proofs that are handed over - looked at, replayed on a model, written to a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ivan.cli.cache_options import instant, json_option, opened, store_option
from ivan.cli.output import agreed, check_proof_target, print_answer
from ivan.cli.parameters import FILE, knob_option
from ivan.cli.question import models_and_query, network_option
from ivan.cli.quiet import is_quiet, quiet_option, say, warn
from ivan.cli.tables import duration, listed, local, plural, show, size, table

if TYPE_CHECKING:
    from rich.table import Table

    from ivan.checking import Checked
    from ivan.proof_facts import Facts
    from ivan.store import ProofStore


@click.group("proof")
def proof() -> None:
    """Look at a proof, check it on a model, or write it to a file for somebody else.

    A proof is named by a FILE, which `ivan verify --proof` and `ivan proof export` write, or by the number of its RUN
    in the store, which `ivan cache list` shows.

    \b
    Examples:
      ivan verify model.onnx property.vnnlib --proof holds.proof
      ivan proof show holds.proof
      ivan proof check holds.proof model.onnx property.vnnlib
      ivan proof export 12 -o holds.proof
    """


@proof.command("show", short_help="Show what a proof is about, and how large it is.")
@click.argument("what", metavar="FILE|RUN", type=FILE)
@store_option
@json_option
@quiet_option
def show_proof(what: str, location: str | None, as_json: bool) -> None:
    """Show what a proof is about: model, property, verdict; how large it is, and what it grew from.

    What a file says of itself is shown as it stands, after its checksum was compared. `ivan proof check` tells whether
    it is true.

    \b
    Examples:
      ivan proof show holds.proof
      ivan proof show 12 --json
    """
    from ivan.proof_facts import facts_of
    from ivan.proof_file import only_proof

    with _source(what, location) as (store, run):
        facts = facts_of(store, only_proof(store) if run is None else run)
    if as_json:
        click.echo(json.dumps(asdict(facts), indent=2, default=instant))
    else:
        show(_table(facts, None if run is not None else Path(what).stat().st_size))


@proof.command("check", short_help="Replay a proof on a model.")
@click.argument("what", metavar="FILE|RUN", type=FILE)
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="MODEL QUERY")
@network_option
@store_option
@knob_option("threads", int, metavar="N")
@json_option
@quiet_option
@click.option("--no-progress", is_flag=True, help="No live line.")
@click.pass_context
def check(
    context: click.Context,
    what: str,
    files: tuple[str, ...],
    networks: tuple[str, ...],
    location: str | None,
    threads: int,
    as_json: bool,
    no_progress: bool,
) -> None:
    """Replay a proof on MODEL, and tell whether it proves that no input violates the property in QUERY.

    Every leaf is bounded anew in rigorous arithmetic, on the weights of MODEL. Nothing that the file says is believed;
    so MODEL and QUERY have to be given, and the proof may come from anywhere. It may be checked on another version of
    the model that it was made for, too: one of the same architecture. Of a FILE with several proofs that of QUERY is
    taken.

    \b
    Examples:
      ivan proof check holds.proof model.onnx property.vnnlib
      ivan proof check 12 model-v2.onnx property.vnnlib
      ivan proof check close.proof equivalence.vnnlib --network f=model.onnx --network g=pruned.onnx

    \b
    Exit codes:
      0    the proof holds: no input violates the property
      1    it does not: it leaves a part of the inputs
      2    something given cannot be used: a damaged file, a proof of another property or architecture
    """
    models, query = models_and_query(files, networks)

    from ivan.checking import check_run
    from ivan.cli.progress import talk

    with (
        talk(quiet=is_quiet(), verbose=False, progress=not no_progress, answer=lambda _: None) as talker,
        _source(what, location) as (store, run),
    ):
        found = check_run(store, run, models, query, threads=threads, listener=talker)
    if as_json:
        print_answer(json.dumps(_report(found, models, query), indent=2))
    else:
        print_answer(_sentence(found))
    context.exit(0 if found.holds else 1)


@proof.command("export", short_help="Write the proof of a stored run to a file.")
@click.argument("run", type=click.IntRange(min=1))
@click.option("-o", "--output", "target", required=True, type=FILE, metavar="FILE", help="The file to write.")
@store_option
@click.option("--yes", is_flag=True, help="Replace an existing file without asking.")
@quiet_option
def export(run: int, target: str, location: str | None, yes: bool) -> None:
    """Write the finished proof of a stored run to a FILE, complete by itself, for somebody else to check.

    FILE is the same as `ivan verify --proof` writes: it names model and property by their digests, and has no weights.
    `ivan cache import` takes it over into a store. `ivan cache export` writes any runs, weights included.

    \b
    Examples:
      ivan proof export 12 -o holds.proof
    """
    from ivan.proof_file import export_proof

    path = Path(target)
    check_proof_target(path)
    if path.exists() and not yes and not agreed(f"Replace {path}?"):
        say("nothing was written")
        return
    with opened(location) as store:
        export_proof(store, run, path)
    say(f"wrote the proof of run {run} to {path} ({size(path.stat().st_size)})")


@contextmanager
def _source(what: str, location: str | None) -> Iterator[tuple[ProofStore, int | None]]:
    """The store and the run that are named; of a file no run."""
    if what.isdecimal() and what.isascii():
        if int(what) < 1:
            raise click.UsageError(f"{what}: runs are numbered from 1")
        with opened(location) as store:
            yield store, int(what)
        return
    if location is not None:
        raise click.UsageError("--store goes with the number of a RUN, not with a FILE")

    from ivan.proof_file import opened_file

    with opened_file(Path(what), warn) as store:
        yield store, None


def _sentence(found: Checked) -> str:
    run = found.run
    about = f"{run.network_name}, {run.property_name}" if found.same_model else f"made for {run.network_name}"
    if found.holds:
        leaves = f"{'all ' if found.leaves > 1 else ''}{plural(found.leaves, 'leaf', 'leaves')}"
        return f"the proof holds: {leaves} ({about})"
    fails = "fails" if found.failed_leaves == 1 else "fail"
    leaves = f"{found.failed_leaves:,} of {plural(found.leaves, 'leaf', 'leaves')} {fails}"
    return f"the proof does not hold: {leaves} ({about})"


def _report(found: Checked, models: str | dict[str, str], query: str) -> dict[str, Any]:
    return {
        "holds": found.holds,
        "model": models,
        "query": query,
        "run": found.run.run.id,
        "same_model": found.same_model,
        "leaves": found.leaves,
        "failed_leaves": found.failed_leaves,
        "certificates": found.certificates,
        "failed_certificates": found.failed_certificates,
    }


def _table(facts: Facts, file_bytes: int | None) -> Table:
    rows = table("", "")
    rows.show_header = False
    rows.add_row("verdict", facts.verdict + ("" if facts.finished else ", not finished"))
    rows.add_row("model", f"{facts.model} {facts.network_digest[:8]}")
    if facts.architecture is not None and facts.parameters is not None:
        rows.add_row("architecture", f"{facts.architecture[:8]}, {plural(facts.parameters, 'parameter')}")
    rows.add_row("property", f"{facts.property} {facts.property_digest[:8]}")
    rows.add_row("leaves", f"{facts.leaves:,}, {plural(facts.depth, 'split')} deep")
    counts = {"input": facts.input_splits, "unit": facts.unit_splits}
    splits = [plural(count, f"split of {what}s", f"splits of {what}s") for what, count in counts.items() if count]
    rows.add_row("tree", listed(splits) or "a root alone")
    rows.add_row("certificates", f"{facts.certificates:,}")
    rows.add_row("size", size(facts.bytes) + ("" if file_bytes is None else f", in a file of {size(file_bytes)}"))
    rows.add_row("replay", f"bounds of {plural(facts.replay_cost, 'node')}")
    rows.add_row("found", f"{local(facts.created)}, in {duration(facts.seconds)}, by ivan {facts.version}")
    if facts.base_run is not None or facts.base_model is not None:
        base = facts.base_model or "a proof"
        number = "" if facts.base_run is None else f"run {facts.base_run}, "
        reused = f": {facts.reused_leaves:,} of {plural(facts.base_leaves, 'leaf', 'leaves')} reused"
        rows.add_row("grew from", f"{number}{base}{reused if facts.base_leaves else ''}")
    if facts.imported is not None:
        rows.add_row("imported", local(facts.imported))
    rows.add_row("format", f"{facts.format}, checksum {facts.checksum[:8]}")
    return rows

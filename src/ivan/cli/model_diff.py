"""`ivan model diff`: what changed from one version of a model to the next.

Tables and JSON go to stdout, talk to stderr.
"""

from __future__ import annotations

import json
from pathlib import Path

import click

from ivan.cli.output import check_target, print_answer, write_file
from ivan.cli.parameters import FILE, FILE_OR_DASH
from ivan.cli.quiet import quiet_option
from ivan.options import knob


@click.command("diff", short_help="What changed between two versions.")
@click.argument("old", type=FILE)
@click.argument("new", type=FILE)
@click.option(
    "--property",
    "asked",
    type=FILE,
    metavar="QUERY",
    help="Also bound how far the outputs can differ on its input regions.",
)
@click.option(
    "--boxes",
    type=click.IntRange(min=1, max=1_000_000),
    metavar="N",
    help="Cut the regions into so many boxes at most for that; by default what a few seconds are enough for.",
)
@click.option("--seed", type=click.IntRange(min=0), default=knob("seed")["default"], help=knob("seed")["help"],
              show_default=True)  # fmt: skip
@click.option(
    "--json",
    "report",
    type=FILE_OR_DASH,
    metavar="FILE|-",
    help="Write a report for programs; - prints it instead of tables.",
)
@quiet_option
def diff(old: str, new: str, asked: str | None, boxes: int | None, seed: int, report: str | None) -> None:
    """Tell how the model NEW differs from the model OLD; either may be gzipped.

    Layer by layer: the structure, how many weights changed and by how much. With a property, rigorous bounds on
    the new outputs minus the old ones, for every input of its regions: models of the same structure are bounded by
    their differences layer by layer, which for small changes is far tighter than bounds on each by itself.

    \b
    Examples:
      ivan model diff model.onnx model-int8.onnx
      ivan model diff model.onnx model-int8.onnx --property property.vnnlib
      ivan model diff model.onnx model-int8.onnx --property property.vnnlib --json -
    """
    if asked is None and boxes is not None:
        raise click.UsageError("--boxes says how to bound the outputs, which needs --property")
    if report is not None and report != "-":
        check_target(Path(report))

    from ivan.bounds import parallel
    from ivan.cli import differences
    from ivan.incremental.versions import output_difference
    from ivan.network.changes import changes
    from ivan.network.onnx_reader import read_model
    from ivan.vnnlib import read_query

    query = None if asked is None else read_query(asked)
    earlier, later = read_model(old), read_model(new)
    found = changes(earlier.network, later.network)
    apart = None
    if query is not None:
        parallel.set_threads(parallel.cores())
        apart = output_difference(earlier, later, query, boxes, seed)
    if report is not None:
        text = json.dumps(differences.flat(earlier, later, found, apart, asked), indent=2)
        if report == "-":
            print_answer(text)
            return
        write_file(Path(report), text + "\n")
    differences.show_models(earlier, later, found)
    differences.show_layers(found)
    differences.show_entries(found)
    if apart is not None and asked is not None:
        differences.show_outputs(apart, Path(asked).name)

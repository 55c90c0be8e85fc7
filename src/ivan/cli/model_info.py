"""`ivan model info`: what was read from a model, and what the verifier will do with it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ivan.cli.parameters import FILE
from ivan.cli.quiet import quiet_option
from ivan.cli.tables import plural, show, size, table

if TYPE_CHECKING:
    from rich.table import Table

    from ivan.network.model import Model, Port
    from ivan.network.summary import LayerSummary, Summary


@click.command("info", short_help="What was read; how it is verified.")
@click.argument("model", type=FILE)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs instead of tables.")
@quiet_option
def info(model: str, as_json: bool) -> None:
    """Show what was read from MODEL: inputs and outputs, digests, operators, layers; and how it will be verified.

    Layers are those of the verifier's normal form: affine maps and activations, nothing else. A model that cannot be
    verified is an error that names every operator in the way, with its node and operator set; so is a damaged file.

    \b
    Examples:
      ivan model info model.onnx
      ivan model info model.onnx --json
    """
    from ivan.network.onnx_reader import read_model
    from ivan.network.summary import summarise

    read = read_model(model)
    summary = summarise(read)
    if as_json:
        click.echo(json.dumps(_report(read, summary), indent=2))
        return
    show(_facts(read, summary))
    click.echo()
    show(_layers(summary))
    click.echo()
    for line in plan(read, summary):
        click.echo(line)


def plan(model: Model, summary: Summary) -> list[str]:
    """What the verifier will do with a model, sentence by sentence; what depends on the property is said to."""
    from ivan.search.loop import MOST_SPLIT_INPUTS

    inputs = model.network.inputs
    if inputs <= MOST_SPLIT_INPUTS:
        split = f"Boxes of inputs are split: there are {inputs}, and that is done up to {MOST_SPLIT_INPUTS}."
        bounds = "Layers are bounded backwards, or forwards where that pays, which each property decides."
    else:
        split = (
            f"Units are split where a property lets more than {MOST_SPLIT_INPUTS} of the {inputs} inputs vary, else "
        )
        split += "boxes of inputs."
        bounds = "Layers are bounded backwards; where boxes are split, forwards if that pays for the property."
    names = dict.fromkeys(layer.activation for layer in summary.layers if layer.splittable)
    units = (
        f"{plural(summary.splittable, 'unit')} can be unstable ({', '.join(names)})" if names else "No unit is unstable"
    )
    return [
        split,
        bounds,
        f"{units}: how many are depends on the property." if names else f"{units}: the model is affine.",
        f"A counterexample is one that onnxruntime confirms in {model.network.precision}.",
    ]


def _facts(model: Model, summary: Summary) -> Table:
    network = model.network
    rows = table("", "")
    rows.show_header = False
    rows.add_row("file", model.path)
    rows.add_row("ONNX", f"{size(len(model.data))}, operator set {summary.opset}")
    rows.add_row("digest", network.digest)
    rows.add_row("architecture", network.architecture_digest)
    for port in model.inputs:
        rows.add_row("input", _port(port))
    for port in model.outputs:
        rows.add_row("output", _port(port))
    rows.add_row("parameters", f"{summary.parameters:,}")
    used = ", ".join(f"{name} {count}" if count > 1 else name for name, count in summary.operators.items())
    rows.add_row("operators", used)
    return rows


def _port(port: Port) -> str:
    return f"{port.name} {port.dtype} {list(port.shape)}"


def _layers(summary: Summary) -> Table:
    rows = table("layer", "node", "values", "activation", "numbers", "reads")
    for column in (0, 2, 4):
        rows.columns[column].justify = "right"
    for column in (1, 5):
        rows.columns[column].no_wrap = False
    for layer in summary.layers:
        number = "out" if layer.number is None else str(layer.number)
        rows.add_row(number, layer.name, f"{layer.size:,}", layer.activation, f"{layer.numbers:,}", _reads(layer))
    return rows


def _reads(layer: LayerSummary) -> str:
    return "; ".join(f"{'input' if source == 0 else source}: {kind}" for source, kind in layer.reads)


def _report(model: Model, summary: Summary) -> dict[str, Any]:
    network = model.network
    return {
        "file": model.path,
        "name": Path(model.path).name,
        "onnx_bytes": len(model.data),
        "file_digest": model.file_digest,
        "digest": network.digest,
        "architecture_digest": network.architecture_digest,
        "precision": network.precision,
        "inputs": [asdict(port) for port in model.inputs],
        "outputs": [asdict(port) for port in model.outputs],
        "inputs_flat": network.inputs,
        "outputs_flat": network.outputs,
        **asdict(summary),
        "splittable_units": summary.splittable,
        "plan": plan(model, summary),
    }

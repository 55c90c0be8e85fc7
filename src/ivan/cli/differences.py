"""What `ivan model diff` found, as tables and as JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from decimal import ROUND_CEILING, ROUND_FLOOR, Context
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from ivan.cli.quiet import say
from ivan.cli.tables import plural, show, table
from ivan.network.changes import Entry, LayerChange, Numbers, greatest
from ivan.network.compare import same_architecture, weight_distance

if TYPE_CHECKING:
    from ivan.incremental.versions import OutputDifference
    from ivan.network.model import Model

MOST_OUTPUTS = 20
"""Outputs in the table; of more, those that can differ most are shown."""


def show_models(old: Model, new: Model, found: Sequence[LayerChange]) -> None:
    """The two versions, and how far apart they are."""
    rows = table("", "")
    rows.show_header = False
    for what, model in (("old", old), ("new", new)):
        network = model.network
        sizes = f"{plural(network.inputs, 'input')}, {plural(network.outputs, 'output')}"
        rows.add_row(what, f"{network.name}  {network.precision}, {sizes}, digest {network.digest[:8]}")
    weights = [change.weights for change in found if change.weights is not None]
    count = sum(numbers.count for numbers in weights)
    if old.network.digest == new.network.digest:
        rows.add_row("architecture", "the same, and so is every number")
    elif same_architecture(old.network, new.network):
        rows.add_row("architecture", "the same")
        changed, zeroed = (sum(getattr(numbers, name) for numbers in weights) for name in ("changed", "zeroed"))
        rows.add_row(
            "weights",
            f"{count:,}; {_share(changed, count)} changed, {_share(zeroed, count)} became zero; "
            f"distance {_short(weight_distance(old.network, new.network))} of their norm",
        )
    else:
        differ = [change for change in found if change.differs]
        rows.add_row("architecture", f"not the same: {len(differ)} of {plural(len(found), 'layer')} differ")
    show(rows)


def show_layers(found: Sequence[LayerChange]) -> None:
    """A row for every layer."""
    structure = any(change.differs for change in found)
    headings = ["layer", "computes", "weights", "changed", "zeroed", "distance", "bias distance"]
    rows = table(*headings, *(["structure"] if structure else []))
    for column in rows.columns[2:7]:
        column.justify = "right"
    for change in found:
        place = change.after or change.before
        assert place is not None
        weights, biases = change.weights, change.biases
        cells = [f"{place.number} {place.name}", f"{place.activation} {place.size}".strip(), *_cells(weights)]
        cells.append("" if biases is None or not biases.count else _short(biases.distance))
        rows.add_row(*cells, *(["; ".join(change.differs)] if structure else []))
    click.echo()
    show(rows)


def show_entries(found: Sequence[LayerChange]) -> None:
    """The numbers that changed most."""
    entries = greatest(found)
    if not entries:
        return
    rows = table("largest changes", "", "old", "new")
    for entry in entries:
        name = next(c.after.name for c in found if c.after is not None and c.after.number == entry.layer)
        rows.add_row(f"{entry.layer} {name}", _place(entry), f"{entry.before:.6g}", f"{entry.after:.6g}")
    click.echo()
    show(rows)


def show_outputs(apart: OutputDifference, name: str) -> None:
    """Bounds on the differences of the outputs over all regions of a property, and what was seen."""
    lower, upper = apart.lower.min(axis=0), apart.upper.max(axis=0)
    separate_lower, separate_upper = apart.separate_lower.min(axis=0), apart.separate_upper.max(axis=0)
    size = np.maximum(-lower, upper)
    shown = np.sort(np.argsort(-size, kind="stable")[:MOST_OUTPUTS])
    rows = table("new - old", "lower bound", "least seen", "most seen", "upper bound", "separate bounds")
    for column in rows.columns[1:]:
        column.justify = "right"
    for j in shown:
        rows.add_row(
            f"Y_{j}",
            _down(lower[j]),
            _up(apart.seen_least[j]),
            _down(apart.seen_most[j]),
            _up(upper[j]),
            f"{_down(separate_lower[j])} to {_up(separate_upper[j])}",
        )
    click.echo()
    boxes = f"{apart.boxes:,} box{'es' if apart.boxes > 1 else ''}"
    click.echo(f"outputs on {name}: {plural(len(apart.lower), 'region')}, bounded as {boxes}")
    show(rows)
    if len(shown) < len(size):
        say(f"{len(shown)} of {len(size)} outputs, those that can differ most; --json has all")
    seen = max(float(np.max(apart.seen_most)), float(np.max(-apart.seen_least)))
    separately = float(np.max(np.maximum(-separate_lower, separate_upper)))
    click.echo(f"|new - old| <= {_up(float(size.max()))}, {_down(seen)} seen, {_up(separately)} by separate bounds")
    if not apart.related:
        click.echo("the architectures differ: nothing but the outputs of the two models is compared")


def flat(
    old: Model, new: Model, found: Sequence[LayerChange], apart: OutputDifference | None, asked: str | None
) -> dict[str, Any]:
    """Everything, for programs; what is not finite is null."""
    same = same_architecture(old.network, new.network)
    report: dict[str, Any] = {
        "old": _model(old),
        "new": _model(new),
        "same_architecture": same,
        "same_network": old.network.digest == new.network.digest,
        "distance": _finite(weight_distance(old.network, new.network)),
        "layers": [_finite(asdict(change)) for change in found],
        "largest": [_finite(asdict(entry)) for entry in greatest(found)],
    }
    if apart is not None:
        report["outputs"] = {"property": asked, **{name: _finite(value) for name, value in vars(apart).items()}}
    return report


def _model(model: Model) -> dict[str, Any]:
    network = model.network
    return {
        "path": model.path,
        "file_digest": model.file_digest,
        "network_digest": network.digest,
        "architecture_digest": network.architecture_digest,
        "precision": network.precision,
        "inputs": network.inputs,
        "outputs": network.outputs,
        "layers": len(network.layers),
    }


def _finite(value: Any) -> Any:
    """As JSON has it."""
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, np.ndarray):
        return _finite(value.tolist())
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _cells(weights: Numbers | None) -> list[str]:
    if weights is None:
        return [""] * 4
    if not weights.count:
        return ["0", "", "", ""]
    changed, zeroed = _share(weights.changed, weights.count), _share(weights.zeroed, weights.count)
    return [f"{weights.count:,}", changed, zeroed, _short(weights.distance)]


def _place(entry: Entry) -> str:
    which = f" {entry.tensor + 1}" if entry.tensor else ""
    return f"{'bias' if entry.bias else 'weight'}{which} {list(entry.index)}"


def _share(part: int, whole: int) -> str:
    """In percent; only none is 0 and only all is 100."""
    if part in (0, whole):
        return f"{100 if part else 0} %"
    return f"{min(max(100 * part / whole, 0.01), 99.9):.3g} %"


def _short(value: float) -> str:
    return f"{value:.2g}"


def _down(value: float) -> str:
    return _digits(value, ROUND_FLOOR)


def _up(value: float) -> str:
    return _digits(value, ROUND_CEILING)


def _digits(value: float, rounding: str) -> str:
    """Three digits, rounded to one side: a bound stays a bound, and what was seen is not more than it was."""
    if not math.isfinite(value) or value == 0.0:
        return f"{value + 0.0:g}"
    return f"{float(Context(prec=3, rounding=rounding).create_decimal_from_float(float(value))):.3g}"

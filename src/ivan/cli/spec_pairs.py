"""`ivan spec`: properties of two versions of a model, or of two inputs of one, as VNN-LIB 2.0."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import click

from ivan.cli.parameters import FILE, exact_number, index_list
from ivan.cli.quiet import quiet_option
from ivan.cli.spec_files import deliver, refusals, targets
from ivan.cli.spec_regions import Regions, region_options

if TYPE_CHECKING:
    from ivan.network.model import Model

out_option = click.option("-o", "--out", type=FILE, metavar="FILE", help="Write here instead of to stdout.")

_outputs_option = click.option(
    "--output",
    "chosen",
    type=click.IntRange(min=0),
    multiple=True,
    metavar="INDEX",
    help="An output that is compared; can be given several times. By default all are.",
)


@click.command("equivalence", short_help="Two versions whose outputs hardly differ.")
@click.argument("old", type=FILE)
@click.argument("new", type=FILE)
@click.option("--max", "most", metavar="D", required=True, callback=exact_number, help="How far outputs may differ.")
@_outputs_option
@region_options
@out_option
@quiet_option
def equivalence(old: str, new: str, most: Fraction, chosen: tuple[int, ...], regions: Regions, out: str | None) -> None:
    """Write that outputs of NEW differ from those of OLD by at most D on a region.

    The text calls the networks f and g: `ivan verify FILE --network f=OLD --network g=NEW`.

    \b
    Examples:
      ivan spec equivalence v1.onnx v2.onnx --input image.npy --epsilon 8/255 --clip 0 1 --max 0.1
      ivan spec equivalence v1.onnx v2.onnx --input-lower 0 --input-upper 1 --max 0.5 --output 0 -o close.vnnlib
    """
    from ivan.spec.for_pair import equivalent

    first, second = _read(old), _read(new)
    boxes = regions.boxes(first.network.input_shape, first.network.inputs)
    places = targets(out, len(boxes))
    with refusals():
        made = [equivalent(first, second, box, most, chosen=chosen, name=name) for name, box in boxes]
    deliver(made, places)


@click.command("agreement", short_help="Two versions that decide for the same class.")
@click.argument("old", type=FILE)
@click.argument("new", type=FILE)
@click.option("--label", type=click.IntRange(min=0), metavar="K", help="Only where OLD decides for class K.")
@region_options
@out_option
@quiet_option
def agreement(old: str, new: str, label: int | None, regions: Regions, out: str | None) -> None:
    """Write that NEW decides for the class that OLD decides for, everywhere on a region.

    The class is the highest output. Where OLD has one, NEW must have the same; a tie of NEW counts as a violation. The
    text calls the networks f and g: `ivan verify FILE --network f=OLD --network g=NEW`.

    \b
    Examples:
      ivan spec agreement v1.onnx v2.onnx --input image.npy --epsilon 8/255 --clip 0 1
      ivan spec agreement v1.onnx v2.onnx --input-lower 0 --input-upper 1 --label 3 -o alike.vnnlib
    """
    from ivan.spec.for_pair import agreeing

    first, second = _read(old), _read(new)
    boxes = regions.boxes(first.network.input_shape, first.network.inputs)
    places = targets(out, len(boxes))
    with refusals():
        made = [agreeing(first, second, box, label=label, name=name) for name, box in boxes]
    deliver(made, places)


@click.command("monotonicity", short_help="Outputs that do not fall while inputs rise.")
@click.argument("model", type=FILE)
@click.option(
    "--rising",
    metavar="I[,I...]",
    required=True,
    callback=index_list,
    help="The inputs that rise; all others stay as they are.",
)
@_outputs_option
@click.option("--falls", is_flag=True, help="Outputs must not rise, instead.")
@click.option(
    "--tolerance",
    metavar="D",
    default="0",
    show_default=True,
    callback=exact_number,
    help="How far an output may fall nevertheless. At 0 an output that stays has no margin, which bounds seldom prove.",
)
@region_options
@out_option
@quiet_option
def monotonicity(
    model: str,
    rising: tuple[int, ...],
    chosen: tuple[int, ...],
    falls: bool,
    tolerance: Fraction,
    regions: Regions,
    out: str | None,
) -> None:
    """Write that outputs of MODEL do not fall while some inputs rise within a region.

    The text calls the network f, and g the same one at the greater inputs: `ivan verify FILE --network f=MODEL`.

    \b
    Examples:
      ivan spec monotonicity model.onnx --rising 2 --output 0 --input-lower 0 --input-upper 1 --tolerance 0.01
      ivan spec monotonicity model.onnx --rising 0,1 --falls --box region.csv -o falls.vnnlib
    """
    from ivan.spec.for_pair import monotone

    read = _read(model)
    boxes = regions.boxes(read.network.input_shape, read.network.inputs)
    places = targets(out, len(boxes))
    with refusals():
        made = [
            monotone(read, box, rising, chosen=chosen, falls=falls, tolerance=tolerance, name=name)
            for name, box in boxes
        ]
    deliver(made, places)


@click.command("fairness", short_help="Inputs that differ in protected features are treated alike.")
@click.argument("model", type=FILE)
@click.option(
    "--protected", metavar="I[,I...]", required=True, callback=index_list, help="The features that may differ freely."
)
@click.option(
    "--similar",
    metavar="E",
    default="0",
    show_default=True,
    callback=exact_number,
    help="How far all other features may differ.",
)
@click.option(
    "--max",
    "most",
    metavar="D",
    callback=exact_number,
    help="How far outputs may differ; by default the class, the highest output, must be the same.",
)
@_outputs_option
@region_options
@out_option
@quiet_option
def fairness(
    model: str,
    protected: tuple[int, ...],
    similar: Fraction,
    most: Fraction | None,
    chosen: tuple[int, ...],
    regions: Regions,
    out: str | None,
) -> None:
    """Write that MODEL treats two inputs of a region alike that differ in protected features only.

    The text calls the network f, and g the same one at the other input: `ivan verify FILE --network f=MODEL`.

    \b
    Examples:
      ivan spec fairness model.onnx --protected 3 --input-lower 0 --input-upper 1
      ivan spec fairness score.onnx --protected 3,4 --similar 0.01 --max 0.2 --box people.csv -o fair.vnnlib
    """
    from ivan.spec.for_pair import fair

    read = _read(model)
    boxes = regions.boxes(read.network.input_shape, read.network.inputs)
    places = targets(out, len(boxes))
    with refusals():
        made = [fair(read, box, protected, similar=similar, most=most, chosen=chosen, name=name) for name, box in boxes]
    deliver(made, places)


def _read(path: str) -> Model:
    from ivan.network.onnx_reader import read_model

    return read_model(path)

"""`ivan spec`: writes properties of a common kind as VNN-LIB; here those of one input and one model."""

from __future__ import annotations

from fractions import Fraction

import click

from ivan.cli.parameters import FILE, FILE_OR_DASH, exact_list, exact_number, exact_pair, index_list
from ivan.cli.quiet import quiet_option, warn
from ivan.cli.spec_files import deliver, numbers, refusals, region, targets
from ivan.cli.spec_pairs import agreement, equivalence, fairness, monotonicity, out_option
from ivan.cli.spec_regions import box_options
from ivan.errors import InputError


@click.group("spec")
def spec() -> None:
    """Write properties of a common kind as VNN-LIB: 1.0 about one input of one model, 2.0 where two are compared.

    As VNN-COMP has it, the text states the violation: `ivan verify` answers unsat where the property holds.

    \b
    Examples:
      ivan spec robustness model.onnx --input image.npy --epsilon 8/255 --clip 0 1 -o robust.vnnlib
      ivan spec range model.onnx --input-lower 0 --input-upper 1 --output 0 --max 2.5 -o range.vnnlib
      ivan spec equivalence v1.onnx v2.onnx --input image.npy --epsilon 8/255 --max 0.1 -o close.vnnlib
      ivan spec agreement v1.onnx v2.onnx --input image.npy --epsilon 8/255 -o alike.vnnlib
      ivan spec monotonicity model.onnx --rising 2 --output 0 --input-lower 0 --input-upper 1 -o rises.vnnlib
      ivan spec fairness model.onnx --protected 3 --input-lower 0 --input-upper 1 -o fair.vnnlib
    """


for _command in (equivalence, agreement, monotonicity, fairness):
    spec.add_command(_command)


@spec.command("robustness", short_help="A class that stays around an input.")
@click.argument("model", type=FILE)
@click.option(
    "--input",
    "source",
    type=FILE_OR_DASH,
    required=True,
    metavar="FILE|-",
    help="The input, or several: a .npy array, a JSON list or CSV.",
)
@click.option(
    "--epsilon",
    required=True,
    metavar="E",
    callback=exact_number,
    help="How far every input moves: 0.03, or 8/255.",
)
@click.option("--norm", type=click.Choice(["linf"]), default="linf", show_default=True, help="How that is measured.")
@click.option(
    "--clip",
    nargs=2,
    metavar="LO HI",
    callback=exact_pair,
    help="Least and greatest value that an input can take.",
)
@click.option(
    "--mean",
    metavar="M[,M...]",
    callback=exact_list,
    help="With --std: FILE, E and --clip are about data that reach the model as (x - M) / S. One number, one for every "
    "channel, or one for every input.",
)
@click.option("--std", "deviation", metavar="S[,S...]", callback=exact_list, help="See --mean.")
@click.option(
    "--label",
    "labels",
    metavar="K[,K...]",
    callback=index_list,
    help="The class that has to stay, one for all inputs or one each; by default the model's own answer at the input.",
)
@click.option("--targeted", "target", type=click.IntRange(min=0), metavar="K", help="Only class K may not take over.")
@click.option("--output", metavar="NAME", help="Of several outputs, the one that has the classes' scores.")
@out_option
@quiet_option
def write_robustness(
    model: str,
    source: str,
    epsilon: Fraction,
    norm: str,
    clip: tuple[Fraction, Fraction] | None,
    mean: tuple[Fraction, ...] | None,
    deviation: tuple[Fraction, ...] | None,
    labels: tuple[int, ...] | None,
    target: int | None,
    output: str | None,
    out: str | None,
) -> None:
    """Write that MODEL keeps its class while every input moves by at most E.

    The class is the highest output, and a tie counts as a violation. Bounds are exact decimals; where there is no
    short one (8/255), they are rounded outwards. Several inputs - an array whose first axis counts them, or one a
    line of CSV - make one file each, numbered: robust-0.vnnlib, robust-1.vnnlib, ...

    \b
    Examples:
      ivan spec robustness model.onnx --input image.npy --epsilon 0.03
      ivan spec robustness model.onnx --input images.npy --epsilon 8/255 --clip 0 1 -o robust.vnnlib
      ivan spec robustness model.onnx --input image.csv --epsilon 2/255 --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225
      echo 0.1,0.2,0.3 | ivan spec robustness model.onnx --input - --epsilon 0.05 --label 3 --targeted 7
    """
    del norm  # there is one so far
    if (mean is None) != (deviation is None):
        raise click.UsageError("--mean and --std go together")
    from ivan.network.onnx_reader import read_model
    from ivan.network.reference import Runtime
    from ivan.spec import rows_of
    from ivan.spec.for_model import Around, robust_around

    read = read_model(model)
    given = numbers(source)
    centres = rows_of(given, read.network.inputs)
    places = targets(out, len(centres))
    if labels is not None and len(labels) not in (1, len(centres)):
        raise InputError(f"--label: {len(labels)} classes for {len(centres)} inputs", hint="give one, or one each")
    runtime, around = Runtime(read.data, 1, read.path), Around(epsilon, clip, mean, deviation, target, output)
    specifications = []
    for number, centre in enumerate(centres):
        name = f"{given.name}, input {number} of {len(centres)}" if len(centres) > 1 else given.name
        label = None if labels is None else labels[number % len(labels)]
        with refusals(f"{name}: "):
            made, odd = robust_around(read, runtime.run, centre, around, label=label, name=name)
        if odd:
            warn(f"{name}: {odd}")
        specifications.append(made)
    deliver(specifications, places)


@spec.command("range", short_help="Outputs that stay within limits.")
@click.argument("model", type=FILE)
@box_options
@click.option(
    "--output",
    "chosen",
    type=click.IntRange(min=0),
    multiple=True,
    metavar="INDEX",
    help="The output that is limited; can be given several times. By default all are.",
)
@click.option("--min", "least", metavar="A", callback=exact_number, help="The least value that it may take.")
@click.option("--max", "most", metavar="B", callback=exact_number, help="The greatest.")
@click.option(
    "--exclusive",
    is_flag=True,
    help="A and B themselves are violations. The text then has <= and >= only, which every tool of VNN-COMP reads.",
)
@out_option
@quiet_option
def write_range(
    model: str,
    lower: str | None,
    upper: str | None,
    both: str | None,
    chosen: tuple[int, ...],
    least: Fraction | None,
    most: Fraction | None,
    exclusive: bool,
    out: str | None,
) -> None:
    """Write that outputs of MODEL stay within [A, B] on a box of inputs.

    \b
    Examples:
      ivan spec range model.onnx --input-lower 0 --input-upper 1 --output 0 --min -1 --max 1
      ivan spec range model.onnx --input-lower=-1,0,0 --input-upper 1,2.5,10 --max 100 -o range.vnnlib
      ivan spec range model.onnx --box region.csv --output 2 --output 3 --min 0
    """
    if (both is None) == (lower is None) or (lower is None) != (upper is None):
        raise click.UsageError("either --input-lower and --input-upper, or --box, are expected")
    if least is None and most is None:
        raise click.UsageError("--min, --max or both are expected")
    from ivan.network.onnx_reader import read_model
    from ivan.spec.for_model import outputs_within

    places = targets(out, 1)
    read = read_model(model)
    place = both if both is not None else f"{lower} to {upper}"
    with refusals():
        box = region(read.network.inputs, lower, upper, both)
        made = outputs_within(read, box, chosen, least, most, exclusive=exclusive, name=place)
    deliver([made], places)

"""Options that describe regions of inputs: balls around inputs of a file, or one box."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from ivan.cli.parameters import FILE, FILE_OR_DASH, exact_list, exact_number, exact_pair
from ivan.cli.spec_files import numbers, refusals, region

if TYPE_CHECKING:
    from ivan.spec import Box
    from ivan.spec.box import Vector

_box_options = (
    click.option(
        "--input-lower",
        "lower",
        type=FILE,
        metavar="NUMBERS|FILE",
        help="Least values of the inputs: one number for all, one each with commas between them, or a file.",
    ),
    click.option("--input-upper", "upper", type=FILE, metavar="NUMBERS|FILE", help="Greatest values, likewise."),
    click.option(
        "--box",
        "both",
        type=FILE_OR_DASH,
        metavar="FILE|-",
        help="Both, two numbers for every input: CSV with an input a line, a JSON list of pairs, or a .npy array.",
    ),
)

_ball_options = (
    click.option(
        "--input",
        "source",
        type=FILE_OR_DASH,
        metavar="FILE|-",
        help="Instead of a box: the region around an input, or around several: a .npy array, a JSON list or CSV.",
    ),
    click.option(
        "--epsilon", metavar="E", callback=exact_number, help="How far every input moves from there: 0.03, or 8/255."
    ),
    click.option(
        "--clip", nargs=2, metavar="LO HI", callback=exact_pair, help="Least and greatest value that an input can take."
    ),
    click.option(
        "--mean",
        metavar="M[,M...]",
        callback=exact_list,
        help="With --std: FILE, E and --clip are about data that reach the model as (x - M) / S.",
    ),
    click.option("--std", "deviation", metavar="S[,S...]", callback=exact_list, help="See --mean."),
)


@dataclass(frozen=True)
class Regions:
    """What the options say.

    Attributes:
        lower: as typed; None without, as all others.
        upper: likewise.
        both: a file of both.
        source: a file of inputs.
        epsilon: how far they move.
        clip: limits of every input.
        mean: of the data before they are normalised.
        deviation: likewise.
    """

    lower: str | None
    upper: str | None
    both: str | None
    source: str | None
    epsilon: Fraction | None
    clip: tuple[Fraction, Fraction] | None
    mean: Vector | None
    deviation: Vector | None

    def __post_init__(self) -> None:
        if (self.mean is None) != (self.deviation is None):
            raise click.UsageError("--mean and --std go together")
        if self.source is None:
            if self.epsilon is not None or self.clip is not None or self.mean is not None:
                raise click.UsageError("--epsilon, --clip, --mean and --std go with --input")
            if (self.both is None) == (self.lower is None) or (self.lower is None) != (self.upper is None):
                raise click.UsageError("either --input with --epsilon, or --input-lower and --input-upper, or --box, "
                                       "are expected")  # fmt: skip
        elif self.epsilon is None or (self.lower, self.upper, self.both) != (None, None, None):
            raise click.UsageError("--input goes with --epsilon, and not with --input-lower, --input-upper and --box")

    def boxes(self, shape: Sequence[int], size: int) -> list[tuple[str, Box]]:
        """The regions and what they are called.

        Args:
            shape: of the model's only input.
            size: how many numbers its inputs have.

        Raises:
            InputError: files cannot be read, or numbers do not fit.
        """
        if self.source is None:
            name = self.both if self.both is not None else f"{self.lower} to {self.upper}"
            with refusals():
                return [(name, region(size, self.lower, self.upper, self.both))]
        from ivan.spec import rows_of
        from ivan.spec.for_model import Around

        assert self.epsilon is not None
        given = numbers(self.source)
        centres = rows_of(given, size)
        around = Around(self.epsilon, self.clip, self.mean, self.deviation)
        found = []
        for number, centre in enumerate(centres):
            name = f"{given.name}, input {number} of {len(centres)}" if len(centres) > 1 else given.name
            with refusals(f"{name}: "):
                found.append((f"{name}, epsilon {self.epsilon}", around.box(centre, shape)))
        return found


def box_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the options of one box: `lower`, `upper` and `both`."""
    for option in reversed(_box_options):
        command = option(command)
    return command


def region_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the options, and its function one `regions` for all of them."""

    @wraps(command)
    def collected(**given: Any) -> Any:
        chosen = {name: given.pop(name) for name in Regions.__dataclass_fields__}
        return command(regions=Regions(**chosen), **given)

    for option in reversed((*_ball_options, *_box_options)):
        collected = option(collected)
    return collected

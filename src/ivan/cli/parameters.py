"""What options and arguments accept: types and callbacks that several commands share."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import click

from ivan.options import knob

FILE = click.Path(readable=False)
"""A file's name as it was typed; shells complete it. Whoever reads the file says what is wrong with it."""

FILE_OR_DASH = click.Path(readable=False, allow_dash=True)
"""The same, or `-` for the standard stream."""

FOLDER = click.Path(readable=False, file_okay=False)
"""A folder's name, likewise."""


def knob_option(name: str, kind: type, **more: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """An option of the table in options.py."""
    facts = knob(name)
    domain = click.IntRange if kind is int else click.FloatRange
    return click.option(
        "--" + name.replace("_", "-"),
        name,
        type=domain(facts["minimum"], facts["maximum"]),
        default=facts["default"],
        help=facts["help"],
        show_default=facts["default"] is not None,
        callback=no_nan,
        **more,
    )


def no_nan(_: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    """Ranges let NaN pass, which is the one number that differs from itself; math.isnan takes no long integers."""
    if value != value:
        raise click.BadParameter("nan is not a number", param=parameter)
    return value


def finite(context: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    """Ranges let infinity pass, too."""
    if value is not None and math.isinf(value):
        raise click.BadParameter("a finite number is expected", param=parameter)
    return no_nan(context, parameter, value)


def exact_number(context: click.Context, parameter: click.Parameter, value: str | None) -> Fraction | None:
    """An exact number: 0.03, 1e-3 or 8/255."""
    return None if value is None else _exact([value], context, parameter)[0]


def exact_pair(
    context: click.Context, parameter: click.Parameter, value: tuple[str, str] | None
) -> tuple[Fraction, Fraction] | None:
    """Two of them."""
    if value is None:
        return None
    first, second = _exact(value, context, parameter)
    return first, second


def exact_list(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[Fraction, ...] | None:
    """As many as there are, with commas between them."""
    return None if value is None else tuple(_exact(value.split(","), context, parameter))


def index_list(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    """Whole numbers from 0, with commas between them."""
    if value is None:
        return None
    parts = [part.strip() for part in value.split(",")]
    if not all(part.isdecimal() and part.isascii() for part in parts):
        raise click.BadParameter(f"{value!r} is not a number from 0, or several with commas between them", context,
                                 parameter)  # fmt: skip
    return tuple(map(int, parts))


def _exact(texts: list[str] | tuple[str, ...], context: click.Context, parameter: click.Parameter) -> list[Fraction]:
    from ivan.spec.decimals import exact

    try:
        return [exact(text) for text in texts]
    except ValueError as error:
        raise click.BadParameter(str(error), context, parameter) from None

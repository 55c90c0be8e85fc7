"""Options of commands from the table of knobs (options.py)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import click

from ivan.options import knob


def no_nan(_: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    """Ranges let NaN pass."""
    if value is not None and math.isnan(value):
        raise click.BadParameter("nan is not a number", param=parameter)
    return value


def finite(context: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    """Ranges let infinity pass, too."""
    if value is not None and math.isinf(value):
        raise click.BadParameter("a finite number is expected", param=parameter)
    return no_nan(context, parameter, value)


def number(name: str, kind: type, **more: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
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

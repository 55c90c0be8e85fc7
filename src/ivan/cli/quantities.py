"""Durations and sizes as people type them; callbacks for options."""

from __future__ import annotations

import re

import click

AGES = {"s": 1, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
"""Seconds by unit."""

SIZES = {
    "b": 1,
    **{f"{letter}b": 1000**power for power, letter in enumerate("kmgt", 1)},
    **{f"{letter}ib": 1024**power for power, letter in enumerate("kmgt", 1)},
}
"""Bytes by unit, in small letters."""

_QUANTITY = re.compile(r"(\d{1,12}(?:\.\d{1,6})?) ?([a-z]+)", re.ASCII)


def age(context: click.Context, parameter: click.Parameter, value: str | None) -> float | None:
    """A duration such as 30d, 12h or 2w, in seconds."""
    return None if value is None else _measured(value, AGES, "a duration such as 30d, 12h or 2w", context, parameter)


def file_size(context: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    """A size such as 500MB or 2GiB, in bytes."""
    return None if value is None else int(_measured(value, SIZES, "a size such as 500MB or 2GiB", context, parameter))


def _measured(
    text: str, units: dict[str, int], expected: str, context: click.Context, parameter: click.Parameter
) -> float:
    found = _QUANTITY.fullmatch(text.strip().lower())
    if found is None or found[2] not in units:
        raise click.BadParameter(f"{text!r} is not {expected}", context, parameter)
    return float(found[1]) * units[found[2]]

"""What a command line asks: a query, and the models that it is about."""

from __future__ import annotations

from collections.abc import Sequence

import click

_MODEL_SUFFIXES = (".onnx", ".onnx.gz")
_QUERY_SUFFIXES = (".vnnlib", ".vnnlib.gz")

network_option = click.option(
    "--network",
    "networks",
    multiple=True,
    metavar="NAME=MODEL",
    help="The model of one of QUERY's networks; once for each that is not equal to another.",
)


def models_and_query(files: Sequence[str], networks: Sequence[str]) -> tuple[str | dict[str, str], str]:
    """Model, or models by name, and query, told apart by their suffixes; in the short form the model comes first."""
    if networks:
        if len(files) != 1:
            raise click.UsageError("with --network exactly one QUERY is expected")
        return by_name("--network", networks), files[0]
    if len(files) != 2:
        raise click.UsageError("a MODEL and a QUERY are expected")
    first, second = files
    if first.endswith(_QUERY_SUFFIXES) or second.endswith(_MODEL_SUFFIXES):
        return second, first
    return first, second


def by_name(option: str, given: Sequence[str]) -> dict[str, str]:
    """What an option of the form NAME=VALUE says, by name."""
    found: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise click.UsageError(f"{option} {text}: NAME=MODEL is expected")
        if name in found:
            raise click.UsageError(f"{option} {text}: {name} is there twice")
        found[name] = value
    return found

"""What the commands of `ivan cache` share: options, opening the store, and instants for programs."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from ivan.cli.parameters import FILE
from ivan.cli.quiet import warn

if TYPE_CHECKING:
    from ivan.store import ProofStore

store_option = click.option(
    "--store",
    "location",
    type=FILE,
    metavar="PATH|URL",
    help="The proof store; by default IVAN_STORE, else a file in the user's cache directory.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs instead of a table.")


def opened(location: str | None, *, create: bool = False) -> ProofStore:
    """The store, to be closed by whoever asks for it.

    Args:
        location: as it was typed.
        create: make a file that is not there. The default store may always be made, but a path that somebody typed
            and that does not exist is a mistake for whoever wants to look into it.
    """
    from ivan.store import ProofStore

    return ProofStore.open(location, create=create or location is None, warn=warn)


def instant(value: object) -> str:
    """For `json.dumps`: a moment as programs read it."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    raise TypeError(f"{value!r} has no JSON form")

"""Where the store is: a file, or a database behind a URL."""

from __future__ import annotations

import os
from pathlib import Path

from ivan.errors import StoreError

VARIABLE = "IVAN_STORE"
"""the environment variable that moves the default"""

MEMORY = "sqlite://"
"""a store that lives as long as the process"""


def default_location() -> str | Path:
    """What IVAN_STORE says (a path or a URL), else `proofs.sqlite` in the user's cache directory."""
    if named := os.environ.get(VARIABLE):
        return named
    from platformdirs import user_cache_path

    return user_cache_path("ivan", appauthor=False) / "proofs.sqlite"


def resolve(location: str | Path | None) -> Path | str:
    """Tells files and servers apart.

    Args:
        location: a path, an SQLAlchemy URL, or None for the default.

    Returns:
        An absolute path for a file, the URL for anything else.

    Raises:
        StoreError: an SQLite URL that carries options.
    """
    if location is None:
        location = default_location()
    text = str(location)
    if isinstance(location, Path) or "://" not in text:
        return Path(text).expanduser().absolute()
    scheme, _, rest = text.partition("://")
    if scheme not in ("sqlite", "sqlite+pysqlite"):
        return text
    if rest in ("", "/", "/:memory:"):
        return MEMORY
    if "?" in rest or rest.startswith("/file:"):
        raise StoreError(f"{text}: options in the URL of an SQLite file mean nothing here", hint="give the path alone")
    return Path(rest.removeprefix("/")).expanduser().absolute()


def shown_location(location: str | Path | None) -> str:
    """The location as people and logs may see it: without the password of a URL.

    Raises:
        StoreError: a URL that cannot be read.
    """
    target = resolve(location)
    if isinstance(target, Path):
        return str(target)
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(target).render_as_string(hide_password=True)
    except (ArgumentError, ValueError) as error:
        # The URL itself stays out of the message: it may hold a password.
        raise StoreError(
            "the URL of the proof store cannot be read", hint="for example postgresql+psycopg://user@host/database"
        ) from error

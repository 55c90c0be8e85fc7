"""VNN-LIB: the text of a property, and exactly what it asks."""

from __future__ import annotations

import os

from ivan.vnnlib import v1, v2
from ivan.vnnlib.query import Conjunction, Query, Row
from ivan.vnnlib.syntax import Source, quoted

__all__ = ["Conjunction", "Query", "Row", "asked", "parse_query", "read_query"]


def asked(query: str | os.PathLike[str] | Query) -> Query:
    """A property, whatever it is given as.

    Args:
        query: VNN-LIB file; its text; or a property that was read already. A string that begins with `(` or `;` is
            text, unless it is the path of a file.

    Raises:
        PropertyError: unreadable, ill-formed, or not supported.
    """
    if isinstance(query, Query):
        return query
    return parse_query(query) if isinstance(query, str) and _is_text(query) else read_query(query)


def _is_text(given: str) -> bool:
    named = "\n" not in given and given.endswith((".vnnlib", ".vnnlib.gz"))  # also where no such file is there
    # no `Path.exists`: it does not take a long text for a path that cannot be
    return given.lstrip()[:1] in ("(", ";") and not named and not os.path.exists(given)  # noqa: PTH110


def read_query(path: str | os.PathLike[str]) -> Query:
    """Reads a VNN-LIB file, plain or gzip-compressed.

    Raises:
        PropertyError: unreadable, ill-formed, or not supported.
    """
    return _parse(Source.read(path))


def parse_query(text: str, path: str = "<text>") -> Query:
    """Reads a property from its text; `path` is what messages call it.

    Raises:
        PropertyError: ill-formed or not supported.
    """
    return _parse(Source(text, path))


def _parse(source: Source) -> Query:
    """Chooses the dialect: `(vnnlib-version <N.M>)` comes first, and a text without it is VNN-LIB 1.0."""
    opening, command, version, closing = source.tokens[:4]
    if (opening, command) != ("(", "vnnlib-version"):
        return v1.parse(source, 0)
    if closing != ")":
        raise source.error("the version is written (vnnlib-version <2.0>)", 1, hint="see the VNN-LIB standard")
    if version == "<1.0>":
        return v1.parse(source, 4)
    if version in ("<2.0>", "<2.1>"):
        return v2.parse(source, 4, int(version[3]))
    raise source.error(f"version {quoted(version)} of VNN-LIB is not supported", 2, hint="1.0, 2.0 and 2.1 are")

"""VNN-LIB: the text of a property, and exactly what it asks."""

from __future__ import annotations

import os
import re

from ivan.vnnlib import v1, v2
from ivan.vnnlib.declarations import DeclaredNetwork, DeclaredTensor
from ivan.vnnlib.query import Conjunction, Query, Row
from ivan.vnnlib.syntax import VNN_LIB_2, Source, quoted, read_text

__all__ = ["Conjunction", "DeclaredNetwork", "DeclaredTensor", "Query", "Row", "parse_query", "read_query"]

_SKIP = r"(?>(?:[ \t\r\n\f]|;[^\n]*+)*+)"
_VERSION_2 = re.compile(rf"{_SKIP}\({_SKIP}vnnlib-version{_SKIP}<2\.[0-9]+>")


def read_query(path: str | os.PathLike[str]) -> Query:
    """Reads a VNN-LIB file, plain or gzip-compressed.

    Raises:
        PropertyError: unreadable, ill-formed, or not supported.
    """
    return parse_query(read_text(path), os.fspath(path))


def parse_query(text: str, path: str = "<text>") -> Query:
    """Reads a property from its text; `path` is what messages call it.

    The dialect stands in `(vnnlib-version <N.M>)`, which comes first; a text without it is VNN-LIB 1.0. All versions
    2.M are read alike, because M counts changes that leave earlier queries valid.

    Raises:
        PropertyError: ill-formed or not supported.
    """
    is_2 = _VERSION_2.match(text) is not None
    source = Source(text, path, VNN_LIB_2) if is_2 else Source(text, path)
    opening, command, version, closing = source.tokens[:4]
    if (opening, command) != ("(", "vnnlib-version"):
        return v1.parse(source, 0)
    if closing != ")":
        raise source.error("the version is written (vnnlib-version <2.0>)", 1, hint="see the VNN-LIB standard")
    if is_2:
        return v2.parse(source, 4)
    if version == "<1.0>":
        return v1.parse(source, 4)
    raise source.error(f"version {quoted(version)} of VNN-LIB is not supported", 2, hint="VNN-LIB 1.0 and 2.0 are")

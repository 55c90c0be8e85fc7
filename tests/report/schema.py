"""JUnit's XML against the schema beside this file."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import xmlschema


@cache
def _schema() -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(Path(__file__).with_name("junit.xsd"))


def faults(document: str) -> list[str]:
    """What the schema says against a document; empty where it is valid."""
    return [f"{error.path}: {error.reason}" for error in _schema().iter_errors(document.encode())]

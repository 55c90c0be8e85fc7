"""Colour on stderr, unless NO_COLOR is set (https://no-color.org); where stderr is no terminal, click strips it."""

from __future__ import annotations

import os
from typing import Any

import click


def styled(text: str, **style: Any) -> str:
    """The text in the style that `click.style` understands, or as it is."""
    return text if os.environ.get("NO_COLOR") else click.style(text, **style)

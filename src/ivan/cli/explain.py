"""`ivan explain`: the part of docs/errors.md about one error or warning, wherever ivan was installed from."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any

import click

import ivan
from ivan.cli.output import print_answer
from ivan.cli.quiet import quiet_option
from ivan.errors import InputError, InternalError, topic_of

PACKAGE = Path(ivan.__file__).parent
PLACES = (PACKAGE / "errors.md", PACKAGE.parent.parent / "docs" / "errors.md")
"""Where the page is: in a wheel, and in the repository."""

_PART = re.compile(r"^### ([^\n]+)\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")


def topics() -> dict[str, str]:
    """Every error and warning by what it is asked for as: its heading, and what stands below it.

    Raises:
        InternalError: the page is not where it belongs.
    """
    for place in PLACES:
        if place.is_file():
            parts = _PART.findall(place.read_text(encoding="utf-8"))
            return {_anchor(heading): f"{heading}\n\n{text.strip()}" for heading, text in parts}
    raise InternalError(f"{PLACES[0]}: the page that explains errors is missing", hint="install ivan again")


def _anchor(heading: str) -> str:
    """What the page's part is linked as, and asked for."""
    return re.sub(r"\W+", "-", heading.lower())


def plain(text: str) -> str:
    """Markdown as a terminal shows it well: code indented in place of fences, links by their text."""
    lines, inside = [], False
    for line in text.split("\n"):
        if line.startswith("```"):
            inside = not inside
        else:
            lines.append(f"    {line}" if inside and line else line if inside else _LINK.sub(r"\1", line))
    return "\n".join(lines)


def _complete(context: click.Context, parameter: click.Parameter, begun: str) -> list[Any]:
    return [topic for topic in topics() if topic.startswith(begun)]


@click.command("explain")
@click.argument("topic", required=False, shell_complete=_complete)
@quiet_option
def explain(topic: str | None) -> None:
    """Explain an error or a warning: its cause and its cure.

    TOPIC is what a hint names, or a class of ivan.errors. Without it, all of them are listed. The last line is the
    place in the documentation.

    \b
    Examples:
      ivan explain
      ivan explain model-error
      ivan explain MismatchError
      ivan explain a-stored-proof-is-not-used
    """
    known = topics()
    if topic is None:
        print_answer("\n".join(known))
        return
    name = topic if topic in known else topic_of(topic)
    if name not in known:
        near = difflib.get_close_matches(topic_of(topic), known, n=1)
        raise InputError(
            f"nothing is called {topic!r}",
            hint=f"do you mean {near[0]}?" if near else "`ivan explain` lists what is explained",
        )
    print_answer(f"{plain(known[name])}\n\n(docs/errors.md#{name})")

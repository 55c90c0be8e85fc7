"""A picture for terminals: a line a node, folded by depth, its columns aligned.

A line is a sequence of pieces, each with the role that tells a terminal how to style it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ivan.incremental.origin import Origin
from ivan.pictures import words
from ivan.pictures.folding import Folding
from ivan.pictures.picture import Picture
from ivan.proof import State

Line = tuple[tuple[str, str], ...]
"""Pieces of a line: text and role."""

MOST_LINES = 63
"""Nodes that are shown where no depth is asked for."""

_UNICODE, _ASCII = ("│  ", "├─ ", "└─ ", "   "), ("|  ", "|- ", "`- ", "   ")
_WIDEST = 64
"""Columns that splits and guides are aligned in; what is wider pushes its line to the right."""


def lines(folding: Folding, *, ascii_only: bool = False) -> Iterator[Line]:
    """The whole text.

    Args:
        folding: what is shown.
        ascii_only: for streams that take no other characters.
    """
    picture = folding.picture
    yield from heading(picture)
    if folding.note:
        yield ((folding.note, "fold"),)
    yield ()
    yield from _nodes(folding, _ASCII if ascii_only else _UNICODE, "..." if ascii_only else words.ELLIPSIS)


def heading(picture: Picture) -> Iterator[Line]:
    """What the tree proves, how large it is, and what it grew from."""
    facts = picture.facts
    yield (
        (f"run {facts.run}: ", "plain"),
        (facts.verdict, "verdict"),
        (f"  {words.printable(facts.model)}  {words.printable(facts.property)}", "plain"),
    )
    yield ((f"{words.moment(facts)}, {facts.seconds:.2f} s", "plain"),)
    size = words.size(picture)
    worst = float(picture.worst[picture.roots].min()) if len(picture) else np.inf
    yield ((f"{size}, worst bound {words.bound(worst)}", "plain"),)
    yield ((words.lineage(picture), "plain"),)


def _nodes(folding: Folding, guides: tuple[str, ...], ellipsis: str) -> Iterator[Line]:
    picture, shown, folded = folding.picture, folding.shown, folding.folded
    through, branch, last, blank = guides
    # a node's guides: those of its parent, and a branch of its own; the half above is the last one
    inherited = {-1: ""}
    rows = []
    for position, is_folded in zip(shown.tolist(), folded.tolist(), strict=True):
        parent = int(picture.parent[position])
        mine = inherited[parent]
        if parent < 0:
            inherited[position] = ""
        else:
            above = picture.end[position] == picture.end[parent]
            inherited[position] = mine + (blank if above else through)
            mine += last if above else branch
        note = "" if picture.is_leaf[position] else words.below(picture, position)
        rows.append((mine, words.label(picture, position), position, f"{ellipsis} {note}" if is_folded else note))
    width = min(max((len(guide) + len(text) for guide, text, *_ in rows), default=0), _WIDEST)
    origins = words.shows_origins(picture)
    for guide, text, position, note in rows:
        state, origin = State(picture.state[position]), Origin(picture.origin[position])
        pieces = [
            (guide, "guide"),
            (text + " " * max(width - len(guide) - len(text), 0), "split"),
            (f"  {words.bound(float(picture.bound[position])):>10}", "bound"),
            (f"  {words.STATES[state]:<6}", words.STATES[state]),
        ]
        if origins:
            pieces.append((f"  {words.ORIGINS[origin]:<11}", words.ORIGINS[origin]))
        if note:
            pieces.append((f"  {note}", "fold"))
        yield _without_trailing_blanks(pieces)
    if folding.rest:
        yield ((f"{ellipsis} {folding.rest}", "fold"),)


def _without_trailing_blanks(pieces: list[tuple[str, str]]) -> Line:
    text, role = pieces[-1]
    return (*pieces[:-1], (text.rstrip(), role))

"""A picture as one HTML page that needs nothing else: no network, no other file, no library.

The proof travels as base64 of typed arrays; what follows from them is told by the page's own script, which draws only
what can be seen. A content policy names the one script and the one style sheet by their digests and allows nothing
else, so whatever a model's name holds stays text.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ivan.pictures import words
from ivan.pictures.picture import Picture
from ivan.proof import Kind

_PARTS = ("proof.js", "drawing.js", "view.js", "details.js", "controls.js")
_FOLDER = files("ivan.pictures") / "assets"


def html_of(picture: Picture, depth: int | None = None) -> str:
    """The whole page.

    Args:
        picture: what it shows.
        depth: where it is folded at first; None for as deep as the window is high.
    """
    style, script = _read("style.css"), '"use strict";\n' + "\n".join(map(_read, _PARTS))
    facts = picture.facts
    model, asked = words.printable(facts.model), words.printable(facts.property)
    shown = {
        "title": f"{asked} for {model}: {facts.verdict}",
        "verdict": facts.verdict,
        "property": asked,
        "model": f"{model} {facts.network[:8]}",
        "run": f"{facts.run}, {words.moment(facts)}, {facts.seconds:.2f} s",
        "size": words.size(picture),
        "lineage": words.lineage(picture),
        "style_hash": _digest(style),
        "script_hash": _digest(script),
    }
    parts = {name: html.escape(text) for name, text in shown.items()}
    parts |= {"style": style, "script": script, "proof": _json(picture, depth)}
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], _read("index.html"))


def _read(name: str) -> str:
    return (_FOLDER / name).read_text("utf-8")


def _digest(text: str) -> str:
    """As a content security policy names a script or a style sheet."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _json(picture: Picture, depth: int | None) -> str:
    """The arrays of the page, in the order of positions; those of splits one entry a split node."""
    tree = picture.tree
    split = np.flatnonzero(~picture.is_leaf)
    first = picture.row[split + 1]  # the half below a split comes right behind it; both tell the same
    by_unit = np.zeros(len(picture), np.uint8)
    by_unit[split] = tree.kind[first] == Kind.UNIT
    flags = picture.state.astype(np.uint8) | picture.origin.astype(np.uint8) << 2 | by_unit << 4
    linear, low, high = words.scale(picture.bound)
    stored = {
        "levels": depth,
        "compared": words.shows_origins(picture),
        "linear": linear,
        "low": low,
        "high": high,
        "flags": _packed(flags, "u1"),
        "row": _packed(picture.row, "<i4"),
        "bound": _packed(picture.bound, "<f8"),
        "layer": _packed(tree.layer[first], "<u2"),
        "unit": _packed(tree.unit[first], "<i4"),
        "at": _packed(tree.at[first], "<f8"),
    }
    return json.dumps(stored).replace("<", "\\u003c")


def _packed(array: NDArray[Any], kind: str) -> str:
    return base64.b64encode(array.astype(kind).tobytes()).decode()

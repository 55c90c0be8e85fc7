"""A picture for papers: SVG, the root at the left, a leaf or a folded subtree a line.

Every node is a mark at the end of the branch that leads to it, with the split above the branch; the bound stands behind
leaves and below the branches of inner nodes. Marks tell the origin by their shape and the bound by their colour, which
is dark where the bound is far from zero.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

from ivan.incremental.origin import Origin
from ivan.pictures import words
from ivan.pictures.folding import Folding
from ivan.proof import State

MOST_NODES = 95
"""Nodes that are shown where no depth is asked for."""

_ROW, _TOP, _LEFT, _MARK = 23.0, 74.0, 16.0, 4.5
"""Pixels: height of a line, above the first one, beside the root, half a mark."""

_CHARACTER = 5.9
"""Pixels that a character takes at most, on the average, at the size of labels."""

_STOPS = ((0xA6, 0x4B, 0x06), (0xF0, 0xB0, 0x6C), (0xF4, 0xF1, 0xEA), (0x7F, 0xB8, 0xD2), (0x0B, 0x5C, 0x8A))
"""Colours from the least bound over zero to the greatest."""

_STYLE = """
.proof text { font: 10.5px "Helvetica Neue", Helvetica, Arial, "DejaVu Sans", sans-serif; fill: #1b2330; }
.proof .title { font-size: 14px; font-weight: bold; }
.proof .soft { fill: #5a6675; }
.proof .branch { fill: none; stroke: #aab3bf; }
.proof .mark { stroke: #1b2330; stroke-width: 0.8; }
.proof .open { fill: #d6226a; font-weight: bold; }
"""

_SHAPES = {
    Origin.UNKNOWN: "circle",
    Origin.NEW: "square",
    Origin.REUSED: "ring",
    Origin.TRANSFERRED: "circle",
}


def svg_of(folding: Folding) -> str:
    """The whole figure."""
    drawing = _Drawing(folding)
    body = [*drawing.heading(), *drawing.branches(), *drawing.nodes(), *drawing.legend()]
    width, height = math.ceil(drawing.width), math.ceil(drawing.height)
    title = escape(words.printable(f"{folding.picture.facts.property} for {folding.picture.facts.model}"))
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'<svg class="proof" xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" role="img">',
            f"<title>{title}</title>",
            f"<style>{_STYLE}</style>",
            f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
            *body,
            "</svg>\n",
        ]
    )


class _Drawing:
    """Where everything stands.

    Attributes:
        width, height: of the figure, in pixels.
    """

    def __init__(self, folding: Folding) -> None:
        self._folding, self._picture = folding, folding.picture
        picture, shown = folding.picture, folding.shown
        self._folded = dict(zip(shown.tolist(), folding.folded.tolist(), strict=True))
        self._scale = words.scale(picture.bound)
        self._labels = {position: words.label(picture, position) for position in shown.tolist()}
        self._ends = {position: self._end(position) for position in shown.tolist() if self._is_end(position)}
        self._y = self._heights(shown)
        self._x = self._columns(shown)
        beyond = [self._x[int(picture.depth[p])] + 16 + _CHARACTER * len(text) for p, text in self._ends.items()]
        self._heading = list(self._headlines())
        widest = [_LEFT + 6.6 * len(text) for text in self._heading]
        self.width = max([540.0 if words.shows_origins(picture) else 360.0, *beyond, *widest]) + 12
        self.height = _TOP + _ROW * (len(self._ends) + bool(folding.rest)) + 62

    def _is_end(self, position: int) -> bool:
        return bool(self._picture.is_leaf[position] or self._folded[position])

    def _end(self, position: int) -> str:
        """What stands behind a leaf or a folded subtree."""
        if self._folded[position]:
            return words.below(self._picture, position)
        undecided = "  open" if self._picture.state[position] == State.OPEN else ""
        return words.bound(float(self._picture.bound[position])) + undecided

    def _heights(self, shown: NDArray[np.int64]) -> dict[int, float]:
        """Leaves and folded subtrees one below the other, every other node half-way between its two children."""
        y = {position: _TOP + _ROW * (line + 0.5) for line, position in enumerate(self._ends)}
        picture = self._picture
        for position in shown[::-1].tolist():
            if position not in y:
                y[position] = (y[position + 1] + y[int(picture.end[position + 1])]) / 2
        return y

    def _columns(self, shown: NDArray[np.int64]) -> list[float]:
        """Where the marks of each depth stand: as far apart as the widest label between them takes."""
        widest = [0.0] * (int(self._picture.depth[shown].max(initial=0)) + 1)
        for position, text in self._labels.items():
            depth = int(self._picture.depth[position])
            inner = 0 if position in self._ends else len(words.bound(float(self._picture.bound[position])))
            widest[depth] = max(widest[depth], _CHARACTER * max(len(text), inner))
        return [_LEFT + float(x) for x in np.cumsum(np.array(widest) + 26.0) - 14.0]

    def _place(self, position: int) -> tuple[float, float]:
        return self._x[int(self._picture.depth[position])], self._y[position]

    def _headlines(self) -> Iterator[str]:
        picture, facts = self._picture, self._picture.facts
        yield words.printable(f"{facts.verdict}: {facts.property}")
        yield words.printable(f"{facts.model}, run {facts.run}, {words.moment(facts)}: {words.size(picture)}")
        yield words.lineage(picture)

    def heading(self) -> Iterator[str]:
        """Three lines."""
        for line, text in enumerate(self._heading):
            style = "title" if line == 0 else "soft"
            yield f'<text class="{style}" x="{_LEFT:g}" y="{24 + 17 * line}">{escape(text)}</text>'

    def branches(self) -> Iterator[str]:
        """From every node to its parent, and into roots."""
        for position in self._labels:
            x, y = self._place(position)
            parent = int(self._picture.parent[position])
            if parent < 0:
                yield f'<path class="branch" d="M{_LEFT:g} {y:.1f}H{x:.1f}"/>'
            else:
                above, height = self._place(parent)
                yield f'<path class="branch" d="M{above:.1f} {height:.1f}V{y:.1f}H{x:.1f}"/>'

    def nodes(self) -> Iterator[str]:
        """Marks, splits and bounds."""
        picture = self._picture
        for position, label in self._labels.items():
            x, y = self._place(position)
            number = words.bound(float(picture.bound[position]))
            state, origin = State(picture.state[position]), Origin(picture.origin[position])
            told = f"node {int(picture.row[position])}: {label}, bound {number}, {words.STATES[state]}"
            if words.shows_origins(picture):
                told += f", {words.ORIGINS[origin]}"
            yield f"<g><title>{escape(told)}</title>"
            folded = self._folded[position]
            shown = float(picture.worst[position] if folded else picture.bound[position])
            yield _triangle(x, y, self._colour(shown)) if folded else _mark(_SHAPES[origin], x, y, self._colour(shown))
            yield f'<text x="{x - 8:.1f}" y="{y - 4:.1f}" text-anchor="end">{escape(label)}</text>'
            if position in self._ends:
                style = "open" if state is State.OPEN else "soft" if folded else "bound"
                text = escape(self._ends[position])
                yield f'<text class="{style}" x="{x + (22 if folded else 9):.1f}" y="{y + 3.7:.1f}">{text}</text></g>'
            else:
                yield f'<text class="soft" x="{x - 8:.1f}" y="{y + 11:.1f}" text-anchor="end">{number}</text></g>'
        if self._folding.rest:
            y = _TOP + _ROW * (len(self._ends) + 0.5)
            text = escape(f"{words.ELLIPSIS} {self._folding.rest}")
            yield f'<text class="soft" x="{_LEFT:g}" y="{y + 3.7:.1f}">{text}</text>'

    def legend(self) -> Iterator[str]:
        """The colours' scale, and what shapes mean."""
        y = self.height - 30
        _, low, high = self._scale
        stops = [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in _STOPS]
        offsets = [f'<stop offset="{k / (len(stops) - 1):g}" stop-color="{stop}"/>' for k, stop in enumerate(stops)]
        yield f'<linearGradient id="bounds">{"".join(offsets)}</linearGradient>'
        x = _LEFT
        for text, more in (("bound", 34.0), (words.bound(low), 6 + _CHARACTER * len(words.bound(low)))):
            yield f'<text class="soft" x="{x:.1f}" y="{y + 3.7:.1f}">{text}</text>'
            x += more
        yield f'<rect x="{x:.1f}" y="{y - 5:.1f}" width="90" height="10" fill="url(#bounds)"/>'
        yield f'<text class="soft" x="{x + 96:.1f}" y="{y + 3.7:.1f}">{words.bound(high)}</text>'
        x += 110 + _CHARACTER * len(words.bound(high))
        if self._folding.folded.any():
            yield _triangle(x, y, "#ffffff")
            yield f'<text class="soft" x="{x + 21:.1f}" y="{y + 3.7:.1f}">folded</text>'
            x += 68
        if words.shows_origins(self._picture):
            for origin in (Origin.TRANSFERRED, Origin.REUSED, Origin.NEW):
                yield _mark(_SHAPES[origin], x, y, "#ffffff")
                text = words.ORIGINS[origin]
                yield f'<text class="soft" x="{x + 9:.1f}" y="{y + 3.7:.1f}">{text}</text>'
                x += 26 + _CHARACTER * len(text)

    def _colour(self, bound: float) -> str:
        """On the scale: linear around zero, logarithmic beyond."""
        linear, low, high = self._scale
        share = 0.0
        whole = math.log1p(abs(low if bound < 0 else high) / linear)
        if bound and whole:
            share = math.copysign(min(math.log1p(abs(bound) / linear) / whole, 1.0), bound)
        place = (share + 1) / 2 * (len(_STOPS) - 1)
        first = min(int(place), len(_STOPS) - 2)
        mixed = [a + (place - first) * (b - a) for a, b in zip(_STOPS[first], _STOPS[first + 1], strict=True)]
        return "#" + "".join(f"{round(value):02x}" for value in mixed)


def _mark(shape: str, x: float, y: float, colour: str) -> str:
    if shape == "square":
        corner = f'x="{x - _MARK + 0.5:.1f}" y="{y - _MARK + 0.5:.1f}"'
        return f'<rect class="mark" {corner} width="{2 * _MARK - 1:g}" height="{2 * _MARK - 1:g}" fill="{colour}"/>'
    circle = f'<circle class="mark" cx="{x:.1f}" cy="{y:.1f}" r="{_MARK:g}" fill="{colour}"/>'
    if shape == "ring":
        circle += f'<circle class="branch" cx="{x:.1f}" cy="{y:.1f}" r="{_MARK + 2:g}"/>'
    return circle


def _triangle(x: float, y: float, colour: str) -> str:
    return f'<path class="mark" d="M{x - 1:.1f} {y:.1f}L{x + 16:.1f} {y - 7:.1f}V{y + 7:.1f}Z" fill="{colour}"/>'

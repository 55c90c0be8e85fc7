"""A drawing of lines, dots and letters, as text (SVG) or as pixels (PNG)."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Literal, TypeAlias
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from PIL import Image, ImageFont

Point: TypeAlias = tuple[float, float]
Anchor: TypeAlias = Literal["start", "middle", "end"]

SCALE, SMOOTH = 2, 2
"""Pixels of a PNG for each unit, and how many times finer it is drawn before its edges are smoothed."""

_ANCHORS: dict[Anchor, str] = {"start": "ls", "middle": "ms", "end": "rs"}
"""What Pillow calls them; all on the base line."""


@dataclass(frozen=True)
class Path:
    """Straight lines from point to point."""

    points: tuple[Point, ...]
    colour: str
    width: float = 1.0


@dataclass(frozen=True)
class Dot:
    """A filled circle."""

    at: Point
    radius: float
    colour: str


@dataclass(frozen=True)
class Label:
    """A line of text; turned, it reads upwards."""

    at: Point
    text: str
    anchor: Anchor = "start"
    size: float = 13.0
    turned: bool = False


Shape: TypeAlias = Path | Dot | Label


@dataclass
class Drawing:
    """Shapes on white, the first at the bottom.

    Attributes:
        width: in units, ...
        height: ... likewise; y grows downwards.
        shapes: what is drawn.
    """

    width: int
    height: int
    shapes: list[Shape] = field(default_factory=list)

    def svg(self) -> str:
        """As text that needs nothing else to be shown."""
        size = f'viewBox="0 0 {self.width} {self.height}" width="{self.width}" height="{self.height}"'
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif">',
            f'<rect width="{self.width}" height="{self.height}" fill="#fff"/>',
            *(_svg(shape) for shape in self.shapes),
            "</svg>",
            "",
        ]
        return "\n".join(parts)

    def png(self) -> bytes:
        """As pixels, SCALE of them to a unit. The letters come with the library: they look the same everywhere."""
        from PIL import Image, ImageDraw

        image = Image.new("RGB", (_fine(self.width), _fine(self.height)), "#fff")
        draw = ImageDraw.Draw(image)
        for shape in self.shapes:
            if isinstance(shape, Path):
                points = [_scaled(point) for point in shape.points]
                draw.line(points, shape.colour, _fine(shape.width), joint="curve")
            elif isinstance(shape, Dot):
                draw.circle(_scaled(shape.at), _fine(shape.radius), shape.colour)
            elif shape.turned:
                _write_upwards(image, shape)
            else:
                draw.text(_scaled(shape.at), shape.text, "#000", _font(shape.size), _ANCHORS[shape.anchor])
        stream = io.BytesIO()
        image.reduce(SMOOTH).save(stream, "PNG", optimize=True)
        return stream.getvalue()


def _svg(shape: Shape) -> str:
    if isinstance(shape, Path):
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in shape.points)
        return f'<polyline points="{points}" fill="none" stroke="{shape.colour}" stroke-width="{shape.width:g}"/>'
    x, y = shape.at
    if isinstance(shape, Dot):
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{shape.radius:g}" fill="{shape.colour}"/>'
    turn = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if shape.turned else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{shape.anchor}" font-size="{shape.size:g}"{turn}>'
        f"{escape(shape.text)}</text>"
    )


def _fine(units: float) -> int:
    """In pixels, before edges are smoothed."""
    return round(SCALE * SMOOTH * units)


def _scaled(point: Point) -> Point:
    return _fine(point[0]), _fine(point[1])


@cache
def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    from PIL import ImageFont

    return ImageFont.load_default(_fine(size))


def _write_upwards(image: Image.Image, label: Label) -> None:
    """Text that is written on a strip of its own, and turned with it."""
    from PIL import Image, ImageDraw

    font = _font(label.size)
    left, top, right, bottom = font.getbbox(label.text, anchor=_ANCHORS[label.anchor])
    strip = Image.new("L", (round(right - left), round(bottom - top)))
    ImageDraw.Draw(strip).text((-left, -top), label.text, 255, font, _ANCHORS[label.anchor])
    x, y = _scaled(label.at)
    # what was to the right is above now, what was above is to the left
    image.paste("#000", (round(x + top), round(y - right)), strip.transpose(Image.Transpose.ROTATE_90))

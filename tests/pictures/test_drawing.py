"""A drawing looks the same as text and as pixels."""

from __future__ import annotations

import io
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ivan.pictures.drawing import SCALE, Anchor, Dot, Drawing, Label, Path

WIDTH, HEIGHT = 120, 80


def pixels(drawing: Drawing) -> NDArray[np.uint8]:
    """(height, width, 3)."""
    image = Image.open(io.BytesIO(drawing.png()))
    assert (image.format, image.size) == ("PNG", (SCALE * drawing.width, SCALE * drawing.height))
    return np.array(image)


def inked(drawing: Drawing) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of what is not white, in units."""
    rows, columns = np.nonzero((pixels(drawing) < 255).any(axis=2))
    left, right, top, bottom = (v / SCALE for v in (columns.min(), columns.max() + 1, rows.min(), rows.max() + 1))
    return left, top, right, bottom


def test_shapes_are_where_and_of_the_colour_they_are_said_to_be() -> None:
    line = Path(((10.0, 20.0), (110.0, 20.0), (110.0, 70.0)), "#0072b2", 2.0)
    seen = pixels(Drawing(WIDTH, HEIGHT, [line, Dot((40.0, 50.0), 5.0, "#d55e00")]))
    colours = {(60, 20): "0072b2", (110, 45): "0072b2", (40, 50): "d55e00", (43, 52): "d55e00", (60, 45): "ffffff"}
    for (x, y), colour in colours.items():
        assert bytes(seen[SCALE * y, SCALE * x]).hex() == colour


def test_what_comes_later_lies_above() -> None:
    dots = [Dot((40.0, 40.0), 8.0, "#000000"), Dot((40.0, 40.0), 4.0, "#ff0000")]
    seen = pixels(Drawing(WIDTH, HEIGHT, list(dots)))
    assert bytes(seen[SCALE * 40, SCALE * 40]).hex() == "ff0000"
    assert bytes(seen[SCALE * 40, SCALE * 46]).hex() == "000000"


@pytest.mark.parametrize("anchor", ["start", "middle", "end"])
def test_text_stands_on_its_line_where_its_anchor_says(anchor: Anchor) -> None:
    left, top, right, bottom = inked(Drawing(WIDTH, HEIGHT, [Label((60.0, 40.0), "EHHE", anchor)]))
    at = {"start": left, "middle": (left + right) / 2, "end": right}[anchor]
    assert at == pytest.approx(60.0, abs=2.0)
    assert bottom == pytest.approx(40.0, abs=1.0)
    assert 8.0 < bottom - top < 13.0
    assert right - left > 20.0


@pytest.mark.parametrize("anchor", ["start", "middle", "end"])
def test_turned_text_is_the_same_turned(anchor: Anchor) -> None:
    flat = inked(Drawing(WIDTH, HEIGHT, [Label((60.0, 40.0), "EHHE", anchor)]))
    turned = inked(Drawing(WIDTH, HEIGHT, [Label((60.0, 40.0), "EHHE", anchor, turned=True)]))
    # what was d to the right of the anchor is d above it, what was d above it is d to its left
    left, top, right, bottom = (v - c for v, c in zip(flat, (60.0, 40.0, 60.0, 40.0), strict=True))
    assert turned == pytest.approx((60.0 + top, 40.0 - right, 60.0 + bottom, 40.0 - left), abs=1.0)


def test_as_text_everything_is_there() -> None:
    label = Label((18.0, 40.0), "a <title> & more", "middle", 16.0, turned=True)
    line, dot = Path(((0.0, 1.0), (2.0, 3.25)), "#dddddd"), Dot((4.0, 5.0), 2.5, "#000000")
    root = ET.fromstring(Drawing(WIDTH, HEIGHT, [line, dot, label]).svg())
    assert root.get("viewBox") == "0 0 120 80"
    background, *shapes = list(root)
    assert (background.get("width"), background.get("height"), background.get("fill")) == ("120", "80", "#fff")
    assert [shape.tag.split("}")[1] for shape in shapes] == ["polyline", "circle", "text"]
    assert shapes[0].get("points") == "0.0,1.0 2.0,3.2"
    assert (shapes[1].get("cx"), shapes[1].get("r")) == ("4.0", "2.5")
    assert (shapes[2].text, shapes[2].get("text-anchor")) == ("a <title> & more", "middle")
    assert shapes[2].get("transform") == "rotate(-90 18.0 40.0)"

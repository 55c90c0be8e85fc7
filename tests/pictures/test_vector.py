"""The figure is well-formed XML that shows what the folding shows, and names cannot break out of their text."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from tests.pictures.trees import FACTS, GREW, grown, named, picture_of

from ivan.pictures.folding import Folding
from ivan.pictures.picture import Facts
from ivan.pictures.vector import MOST_NODES, svg_of

SVG = "{http://www.w3.org/2000/svg}"


def parsed(folding: Folding) -> ElementTree.Element:
    return ElementTree.fromstring(svg_of(folding).encode())


def groups(root: ElementTree.Element) -> list[tuple[str, list[str]]]:
    """For every node what a pointer is told, and its texts."""
    found = []
    for group in root.iter(f"{SVG}g"):
        title = group.find(f"{SVG}title")
        assert title is not None
        found.append((title.text or "", [text.text or "" for text in group.iter(f"{SVG}text")]))
    return found


@pytest.mark.parametrize("leaves", [1, 2, 10, 48])
def test_a_small_tree_is_shown_whole(leaves: int) -> None:
    tree = grown(leaves, 5, undecided=0.2)
    folding = Folding.within(picture_of(tree, GREW), MOST_NODES)
    found = groups(parsed(folding))
    assert len(found) == len(tree)
    for (told, texts), row in zip(found, folding.picture.row.tolist(), strict=True):
        assert told.startswith(f"node {row}: {named(tree, row)}, bound {tree.bound[row]:.4g}, ")
        assert texts[0] == named(tree, row)
        assert texts[1].startswith(f"{tree.bound[row]:.4g}")
        assert ("open" in texts[1]) == (tree.state[row] == 0)


@pytest.mark.parametrize("depth", [0, 3, 6])
def test_a_large_tree_is_folded_and_no_leaf_is_lost(depth: int) -> None:
    tree = grown(500, 1)
    found = groups(parsed(Folding.at(picture_of(tree), depth)))
    counts = [int(texts[1].split()[0]) for _, texts in found if "worst bound" in texts[1]]
    assert sum(counts) + sum("closed" in told for told, _ in found) == 500


def test_what_is_drawn_lies_inside_and_lines_do_not_overlap() -> None:
    root = parsed(Folding.within(picture_of(grown(400), GREW), MOST_NODES))
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    ends = []
    for text in root.iter(f"{SVG}text"):
        x, y = float(text.attrib["x"]), float(text.attrib["y"])
        assert 0 <= x <= width
        assert 0 <= y <= height
        if "worst bound" in (text.text or ""):
            ends.append(y)
            assert x + 5.5 * len(text.text or "") <= width
    assert min(b - a for a, b in pairwise(ends)) >= 12


def test_regions_without_room_are_summed_up() -> None:
    folding = Folding.within(picture_of(grown(300, regions=200)), MOST_NODES)
    texts = [text.text or "" for text in parsed(folding).iter(f"{SVG}text")]
    assert any(f"{200 - MOST_NODES} more regions" in text for text in texts)


NAMES = ["<script>alert(1)</script>", '"/><image href="http://example.org/"/>', "]]>&amp;&#1;", "\x00\x1b\ud800\uffff"]


@pytest.mark.parametrize("name", NAMES)
def test_names_stay_text(name: str) -> None:
    plain = parsed(Folding.within(picture_of(grown(5), GREW), 50))
    facts: Facts = replace(GREW, model=name, property=name, base_model=name)
    root = parsed(Folding.within(picture_of(grown(5), facts), 50))
    assert [element.tag for element in root.iter()] == [element.tag for element in plain.iter()]
    shown = "".join(c if c.isprintable() else "\ufffd" for c in name)
    assert any(shown in (text.text or "") for text in root.iter(f"{SVG}text"))


def test_the_same_picture_is_the_same_figure() -> None:
    one, two = (svg_of(Folding.within(picture_of(grown(100, 4), FACTS), MOST_NODES)) for _ in range(2))
    assert one == two

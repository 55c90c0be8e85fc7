"""The page holds everything it needs and nothing that a name could make of it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from tests.pictures.trees import FACTS, GREW, grown, picture_of

from ivan.pictures.page import html_of
from ivan.proof import Kind, State

NAMES = [
    "</title><script>window.owned = 1</script>",
    '"><img src=x onerror="window.owned = 1">',
    "{{script}} {{proof}} \\1 \\g<0>",
    "</script><!--",
    "javascript:window.owned=1 &lt;b&gt;",
    "\x00\u2028\ud800.onnx",
]


class Elements(HTMLParser):
    """Names and attributes of all elements, and the text of scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, list[tuple[str, str | None]]]] = []
        self.inline: dict[str, list[str]] = {"script": [], "style": []}
        self._in = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, attrs))
        self._in = tag

    def handle_endtag(self, tag: str) -> None:
        self._in = ""

    def handle_data(self, data: str) -> None:
        if self._in in self.inline:
            self.inline[self._in].append(data)


@pytest.mark.parametrize("name", NAMES)
def test_no_name_makes_an_element_or_changes_one(name: str) -> None:
    plain = Elements(html_of(picture_of(grown(5), GREW)))
    facts = replace(GREW, model=name, property=name, base_model=name)
    hostile = Elements(html_of(picture_of(grown(5), facts)))
    assert hostile.tags == plain.tags
    assert hostile.inline == plain.inline


def test_the_page_asks_for_nothing_from_elsewhere() -> None:
    page = html_of(picture_of(grown(5)))
    assert not re.search(r"https?:|//[a-z]", re.sub(r"(?m)^\s*//.*$", "", page))
    assert all(name not in ("src", "href", "action") for _, attributes in Elements(page).tags for name, _ in attributes)


def test_the_policy_allows_the_script_and_the_style_of_the_page_alone() -> None:
    found = Elements(html_of(picture_of(grown(5))))
    (policy,) = (dict(attributes)["content"] for tag, attributes in found.tags if ("http-equiv" in dict(attributes)))
    _, script = found.inline["script"]
    (style,) = found.inline["style"]
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)]
    assert policy == f"default-src 'none'; style-src 'sha256-{digests[0]}'; script-src 'sha256-{digests[1]}'"


def test_the_arrays_are_the_tree() -> None:
    tree = grown(200, 3, regions=4, undecided=0.1)
    picture = picture_of(tree, GREW)
    stored = json.loads(Elements(html_of(picture)).inline["script"][0])

    def array(name: str, kind: str) -> np.ndarray[tuple[int], np.dtype[np.generic]]:
        return np.frombuffer(base64.b64decode(stored[name]), kind)

    flags = array("flags", "u1")
    assert np.array_equal(array("row", "<i4"), picture.row)
    assert np.array_equal(array("bound", "<f8"), tree.bound[picture.row])
    assert np.array_equal(flags & 3, tree.state[picture.row])  # type: ignore[operator]
    assert np.array_equal(flags >> 2 & 3, picture.origin)  # type: ignore[operator]
    split = picture.row[tree.state[picture.row] == State.SPLIT]
    for name, kind in (("unit", "<i4"), ("layer", "<u2"), ("at", "<f8")):
        told = {int(tree.parent[row]): getattr(tree, name)[row] for row in np.flatnonzero(tree.kind != Kind.ROOT)}
        assert array(name, kind).tolist() == [told[int(row)] for row in split]


@pytest.mark.parametrize("leaves", [1, 10, 2000])
def test_a_node_takes_no_more_than_forty_bytes(leaves: int) -> None:
    assert len(html_of(picture_of(grown(leaves)))) < 64_000 + 40 * 2 * leaves


def test_the_same_picture_is_the_same_page() -> None:
    assert html_of(picture_of(grown(50, 4), FACTS)) == html_of(picture_of(grown(50, 4), FACTS))

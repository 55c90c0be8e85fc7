"""The page in a real browser, at 10 and at 50,000 leaves: it says what the proof says, and complains about nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from tests.browser import Browser, executable
from tests.pictures.test_page import NAMES
from tests.pictures.trees import FACTS, GREW, grown, named, parents_of, picture_of

from ivan.incremental.origin import Origin
from ivan.pictures.page import html_of
from ivan.pictures.picture import Picture
from ivan.proof import Kind, SpecTree, State

PROGRAM = executable()
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no Chromium here (Debian: apt-get install chromium)")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    assert PROGRAM is not None
    opened = Browser(PROGRAM, tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[Path, Picture]]:
    """Writes the page of a picture, each once."""
    folder, pages = tmp_path_factory.mktemp("pages"), dict[str, tuple[Path, Picture]]()

    def save(leaves: int, *, regions: int = 1, undecided: float = 0.0, grew: bool = True) -> tuple[Path, Picture]:
        key = f"{leaves} {regions} {undecided} {grew}.html"
        if key not in pages:
            tree = grown(leaves, 7, regions=regions, undecided=undecided)
            picture = picture_of(tree, GREW if grew else FACTS)
            (folder / key).write_text(html_of(picture), encoding="utf-8")
            pages[key] = folder / key, picture
        return pages[key]

    return save


Save = Callable[..., tuple[Path, Picture]]


def column(browser: Browser, name: str) -> list[float]:
    """One of the page's arrays."""
    found: list[float] = browser.value(f"Array.from(proof.{name})")
    return found


def selected(browser: Browser) -> int:
    """The number of the node that the details tell of."""
    return int(browser.text("node").removeprefix("#"))


def splits_of_input(tree: SpecTree, axis: int) -> list[int]:
    return np.flatnonzero((tree.kind == Kind.INPUT) & (tree.unit == axis)).tolist()


@pytest.mark.parametrize("leaves", [10, 50_000])
def test_the_page_says_what_the_proof_says(browser: Browser, saved: Save, leaves: int) -> None:
    page, picture = saved(leaves)
    tree = picture.tree
    browser.open(page, "#find=X_3")
    wanted = splits_of_input(tree, 3)
    first = next(row for row in picture.row.tolist() if row in set(wanted))
    assert browser.text("found") == f"1 of {len(wanted):,}"
    assert selected(browser) == first
    assert browser.text("label") == named(tree, first)
    assert browser.text("bound") == f"{tree.bound[first]:.6g}"
    assert float(browser.value("document.getElementById('bound').title")) == tree.bound[first]
    assert browser.text("depth") == str(len(parents_of(tree, first)) - 1)
    assert browser.text("size") == f"{leaves:,} leaves, {picture.depth.max()} splits deep"
    assert browser.text("verdict") == "unsat"
    assert "12, 2026-03-01 09:30 UTC" in browser.text("run")
    new = int((picture.origin[picture.is_leaf] == Origin.NEW).sum())
    assert f"{new:,} new" in browser.text("lineage")
    assert browser.complaints == []
    assert {url.partition("#")[0] for url in browser.requests} == {page.as_uri()}
    assert browser.value("drawing.drawn") <= min(2 * leaves, 12_000)


@pytest.mark.parametrize(("leaves", "regions"), [(10, 1), (300, 20), (50_000, 1)])
def test_the_script_unfolds_the_tree_that_was_folded_up(
    browser: Browser, saved: Save, leaves: int, regions: int
) -> None:
    page, picture = saved(leaves, regions=regions, undecided=0.1)
    browser.open(page)
    assert column(browser, "parent") == picture.parent.tolist()
    assert column(browser, "depth") == picture.depth.tolist()
    assert column(browser, "leaves") == picture.leaves.tolist()
    assert column(browser, "worst") == picture.worst.tolist()
    assert column(browser, "roots") == picture.roots.tolist()
    undecided = browser.value("Array.from({ length: proof.count }, (_, i) => inside(proof, proof.openBefore, i))")
    assert undecided == picture.open_leaves.tolist()
    new = browser.value("Array.from({ length: proof.count }, (_, i) => inside(proof, proof.originBefore[1], i))")
    assert new == picture.by_origin[Origin.NEW].tolist()


def test_every_node_tells_its_split_bound_state_origin_and_path(browser: Browser, saved: Save) -> None:
    page, picture = saved(10, regions=2, undecided=0.3)
    tree = picture.tree
    browser.open(page)
    for position, row in enumerate(picture.row.tolist()):
        browser.value(f"select({position})")
        assert selected(browser) == row
        assert browser.text("label") == named(tree, row)
        assert browser.text("bound") == f"{tree.bound[row]:.6g}"
        badges = browser.value("[...document.querySelectorAll('#badges span')].map((badge) => badge.textContent)")
        assert badges == [State(tree.state[row]).name.lower(), Origin(picture.origin[position]).name.lower()]
        path = browser.value("[...document.querySelectorAll('#path button')].map((step) => step.firstChild.data)")
        assert path == [named(tree, step) for step in parents_of(tree, row)[::-1]]
    assert browser.complaints == []


def test_numbers_are_written_as_python_writes_them(browser: Browser, saved: Save) -> None:
    browser.open(saved(10)[0])
    rng = np.random.default_rng(0)
    values = [*(rng.standard_normal(300) * 10.0 ** rng.integers(-12, 12, 300)), *(k / 2.0**12 for k in range(-40, 40))]
    values += [0.5**k for k in range(60)] + [1e300, 5e-324, 999999.5, 1000000.0, 0.0001, 0.00001, 123456.5, 0.1, 2.5]
    for precision in (3, 4, 6):
        told = browser.value(f"{json.dumps([float(v) for v in values])}.map((value) => digits(value, {precision}))")
        assert told == [f"{v:.{precision}g}" if v else "0" for v in values]


def exact(tree: SpecTree, row: int) -> str:
    return f"X_{tree.unit[row]} {'<=' if tree.side[row] == 0 else '>='} {float(tree.at[row])!r}"


def test_the_search_finds_what_is_meant_and_nothing_else(browser: Browser, saved: Save) -> None:
    page, picture = saved(300, regions=20, undecided=0.1)
    tree, rows = picture.tree, picture.row
    origin = np.zeros(len(tree), np.int8)
    origin[rows] = picture.origin
    depth, unit_split = tree.depth(), tree.kind == Kind.UNIT
    one, number = splits_of_input(tree, 2)[0], int(tree.unit[unit_split][0])
    twins = (tree.kind == Kind.INPUT) & (tree.unit == 2) & (tree.at == tree.at[one]) & (tree.side == tree.side[one])
    meant = {
        "X_3": (tree.kind == Kind.INPUT) & (tree.unit == 3),
        "x3": (tree.kind == Kind.INPUT) & (tree.unit == 3),
        "layer 2": unit_split & (tree.layer == 2),
        f"layer 2 unit {number}": unit_split & (tree.layer == 2) & (tree.unit == number),
        f"unit {number}": unit_split & (tree.unit == number),
        "layer 1 >= 0": unit_split & (tree.layer == 1) & (tree.side == 1),
        named(tree, one): twins,
        exact(tree, one): twins,
        "region 3": np.arange(len(tree)) == 3,
        "#17": np.arange(len(tree)) == 17,
        "17": np.arange(len(tree)) == 17,
        "open": tree.state == State.OPEN,
        "leaf": tree.state != State.SPLIT,
        "new": origin == Origin.NEW,
        "bound < 0.01 closed": (tree.bound < 0.01) & (tree.state == State.CLOSED),
        "X_1, depth>=2": (tree.kind == Kind.INPUT) & (tree.unit == 1) & (depth >= 2),
        "leaves >= 3": np.isin(np.arange(len(tree)), rows[picture.leaves >= 3]),
        "bound > 1e9": np.zeros(len(tree), bool),
        "": np.zeros(len(tree), bool),
    }  # fmt: skip
    browser.open(page)
    for query, wanted in meant.items():
        found = browser.value(f"find(proof, {json.dumps(query)}).map((i) => proof.row[i])")
        assert found == [row for row in rows.tolist() if wanted[row]], query


@pytest.mark.parametrize("query", ["X_", "layer", "bound <", "Y_0", "open sesame", "<script>"])
def test_what_the_search_does_not_understand_is_said(browser: Browser, saved: Save, query: str) -> None:
    browser.open(saved(10)[0], f"#find={quote(query)}")
    assert browser.text("found").startswith("what is “")
    assert browser.complaints == []


def test_the_keyboard_alone_will_do(browser: Browser, saved: Save) -> None:
    page, picture = saved(300, undecided=0.1)
    browser.open(page)
    place = {int(row): position for position, row in enumerate(picture.row)}

    def here() -> int:
        return place[selected(browser)]

    browser.press("ArrowDown")
    assert here() == 1
    browser.press("ArrowRight")
    assert here() == picture.end[1]
    browser.press("ArrowLeft")
    assert here() == 1
    browser.press("ArrowUp")
    assert here() == 0
    browser.press("ArrowUp")
    assert here() == 0
    browser.press("w")
    assert picture.bound[here()] == picture.worst[0]
    browser.press("Enter")
    assert browser.value("drawing.view.right - drawing.view.left") < 300
    for _ in range(12):
        browser.press("Backspace")
    assert browser.value("drawing.view.right - drawing.view.left") == 300
    levels = browser.value("drawing.levels")
    browser.press("[")
    assert browser.value("drawing.levels") == levels - 1
    browser.press("]")
    browser.press("c")
    assert browser.value("drawing.byOrigin")
    browser.press("?")
    assert browser.value("!document.getElementById('keys').hidden")
    browser.press("Escape")
    assert browser.value("document.getElementById('keys').hidden")
    browser.press("/")
    for key in "open":
        browser.press(key)
    undecided = picture.tree.open.tolist()
    assert browser.text("found") == f"1 of {len(undecided)}"
    browser.press("Enter")
    assert browser.text("found") == f"2 of {len(undecided)}"
    assert "find=open" in browser.value("location.hash")
    browser.press("Escape")
    browser.press("n")
    browser.press("N")
    assert browser.text("found") == f"2 of {len(undecided)}"
    assert selected(browser) == [row for row in picture.row.tolist() if row in set(undecided)][1]
    assert browser.complaints == []


def test_the_mouse_selects_zooms_and_moves(browser: Browser, saved: Save) -> None:
    page, picture = saved(300)
    browser.open(page)
    box = browser.value("document.getElementById('tree').getBoundingClientRect().toJSON()")
    row = browser.value("drawing.rowHeight")
    x, y = box["x"] + box["width"] - 3, box["y"] + 1.5 * row  # over the half above of the first split
    press = {"button": "left", "clickCount": 1}
    browser.mouse("mouseMoved", x, y)
    assert named(picture.tree, int(picture.row[picture.end[1]])) in browser.text("tip")
    browser.mouse("mousePressed", x, y, buttons=1, **press)
    browser.mouse("mouseReleased", x, y, **press)
    assert selected(browser) == picture.row[picture.end[1]]
    browser.mouse("mouseWheel", x, y, deltaX=0, deltaY=-300)
    browser.wait("drawing.view.right - drawing.view.left < 300")
    left = browser.value("drawing.view.left")
    browser.mouse("mousePressed", x, y, buttons=1, **press)
    browser.mouse("mouseMoved", x - 200, y, buttons=1, **press)
    browser.mouse("mouseMoved", x + 200, y, buttons=1, **press)
    browser.mouse("mouseReleased", x + 200, y, **press)
    assert browser.value("drawing.view.left") < left
    assert selected(browser) == picture.row[picture.end[1]]
    assert browser.complaints == []


def test_what_moves_arrives(browser: Browser, saved: Save) -> None:
    page, picture = saved(300)
    browser.open(page, moving=True)
    browser.press("ArrowDown")
    browser.press("Enter")
    wanted = browser.value(f"{int(picture.leaves[1])} * 1.08")  # a margin at both sides, moved inside
    browser.wait(f"Math.abs(drawing.view.right - {wanted}) < 1e-6")
    browser.press("Home")
    browser.wait("drawing.view.left === 0 && drawing.view.right === 300")
    assert browser.complaints == []


def test_folding_shows_that_many_levels(browser: Browser, saved: Save) -> None:
    page, picture = saved(50_000)
    browser.open(page, "#levels=5")
    assert browser.text("levels") == "6 levels"
    assert browser.value("drawing.drawn") == int((picture.depth <= 5).sum())
    browser.open(page, f"#levels=5&find=%23{picture.row[np.argmax(picture.depth)]}")
    deep = int(picture.depth.max())
    assert browser.text("depth") == str(deep)
    assert browser.value("drawing.last") >= deep  # what was found can be seen


def test_light_and_dark_and_narrow(browser: Browser, saved: Save) -> None:
    page, _ = saved(10)
    browser.open(page, dark=True)
    background = "getComputedStyle(document.body).backgroundColor"
    dark = browser.value(background)
    browser.value("document.getElementById('theme').click()")
    assert browser.value(background) == "rgb(255, 255, 255)" != dark
    browser.open(page, width=420, height=800)
    assert browser.value("document.documentElement.scrollWidth") <= 420
    assert browser.complaints == []


def test_a_proof_from_scratch_does_not_speak_of_origins(browser: Browser, saved: Save) -> None:
    browser.open(saved(10, grew=False)[0], "#colour=origin")
    assert browser.text("lineage") == "from scratch"
    assert not browser.value("drawing.byOrigin")
    assert browser.value("[...document.querySelectorAll('#badges span')].length") == 1


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_shown_and_not_run(browser: Browser, tmp_path: Path, name: str) -> None:
    page = tmp_path / "page.html"
    facts = replace(GREW, model=name, property=name, base_model=name)
    page.write_text(html_of(picture_of(grown(3), facts)), encoding="utf-8")
    browser.open(page)
    assert browser.value("window.owned") is None
    shown = "".join(c if c.isprintable() else "\ufffd" for c in name)
    assert browser.text("property") == shown
    assert browser.text("model") == f"{shown} abababab"
    assert shown in browser.text("lineage")
    assert browser.complaints == []


def test_what_is_injected_all_the_same_is_not_run_and_is_noticed(browser: Browser, saved: Save, tmp_path: Path) -> None:
    """The policy is the second line of defence; and complaints would be seen."""
    page = tmp_path / "page.html"
    text = saved(10)[0].read_text(encoding="utf-8")
    page.write_text(text.replace("<main>", "<script>window.owned = 1</script><main>"), encoding="utf-8")
    browser.open(page)
    assert browser.value("window.owned") is None
    assert any("Content Security Policy" in complaint for complaint in browser.complaints)
    browser.complaints.clear()
    browser.value("setTimeout(() => { throw new Error('heard') })")
    browser.wait("true")
    browser.value("new Promise((done) => setTimeout(done))")
    assert any("heard" in complaint for complaint in browser.complaints)

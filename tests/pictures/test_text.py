"""The text for terminals: a line a node, aligned, folded with sums that add up, and nothing in it that steers."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from tests.pictures.trees import FACTS, GREW, below, grown, named, picture_of

from ivan.pictures.folding import Folding
from ivan.pictures.text import MOST_LINES, lines
from ivan.pictures.words import deep
from ivan.proof import SpecTree


def text(folding: Folding, *, ascii_only: bool = False) -> list[str]:
    return ["".join(piece for piece, _ in line) for line in lines(folding, ascii_only=ascii_only)]


def nodes(written: list[str]) -> list[str]:
    return written[written.index("") + 1 :]


WORD_FOR_WORD = """\
run 12: unsat  model.onnx  robust.vnnlib
2026-03-01 09:30 UTC, 1.50 s
4 leaves, 2 splits deep, 1 open, worst bound none
grew from run 7 (older.onnx); leaves: 3 transferred, 1 reused, 0 new

region 0                            -2  split   reused       4 leaves, worst bound none, 1 open
├─ layer 1 unit 40 <= 0             -1  split   reused       2 leaves, worst bound 0.25
│  ├─ layer 1 unit 22 <= 0        0.25  closed  transferred
│  └─ layer 1 unit 22 >= 0       empty  closed  transferred
└─ layer 1 unit 40 >= 0           -0.5  split   reused       2 leaves, worst bound none, 1 open
   ├─ X_2 <= 0.173597           -0.125  open    reused
   └─ X_2 >= 0.173597             none  closed  transferred"""


def test_a_small_tree_word_for_word() -> None:
    bound = np.array([-2.0, -1.0, -0.5, 0.25, -0.125, np.inf, -np.inf])
    tree = replace(grown(4, 3, undecided=0.5), bound=bound)
    assert text(Folding.within(picture_of(tree, GREW, 2), 50)) == WORD_FOR_WORD.splitlines()


@pytest.mark.parametrize("depth", [0, 1, 3, 50])
def test_every_shown_node_is_a_line_with_its_split_bound_and_state(depth: int) -> None:
    tree = grown(40, 1, regions=2, undecided=0.2)
    folding = Folding.at(picture_of(tree), depth)
    written = nodes(text(folding))
    rows = folding.picture.row[folding.shown].tolist()
    assert len(written) == len(rows)
    for line, row in zip(written, rows, strict=True):
        assert re.sub(r"^[│├└─ ]*", "", line).startswith(named(tree, row) + "  ")
        bound, state = line[len(line) - len(line.lstrip("│├└─ ")) + len(named(tree, row)) :].split()[:2]
        assert bound == f"{tree.bound[row]:.4g}"
        assert state == ("open", "split", "closed")[tree.state[row]]


@pytest.mark.parametrize("depth", [0, 2, 4])
def test_folded_subtrees_and_leaves_that_are_shown_are_all_leaves(depth: int) -> None:
    tree = grown(60, 2, undecided=0.1)
    written = nodes(text(Folding.at(picture_of(tree), depth)))
    folded = [int(found[1].replace(",", "")) for line in written if (found := re.search(r"… ([\d,]+) lea", line))]
    alone = [line for line in written if re.search(r"  (closed|open)$", line)]
    assert sum(folded) + len(alone) == 60
    if depth == 0:
        worst = min(tree.bound[leaf] for leaf in below(tree, 0))
        assert f"… 60 leaves, worst bound {worst:.4g}, " in written[0]


def test_columns_are_aligned() -> None:
    written = nodes(text(Folding.within(picture_of(grown(30), GREW), MOST_LINES)))
    assert len({re.search(r"(split|closed|open) +(new|reused|transferred)", line).start() for line in written}) == 1  # type: ignore[union-attr]


def test_regions_without_room_are_summed_up_on_a_line() -> None:
    tree = grown(100, regions=80)
    folding = Folding.within(picture_of(tree), MOST_LINES)
    last = text(folding)[-1]
    rest = sum(len(below(tree, region)) for region in range(MOST_LINES, 80))
    assert last.startswith(f"… {80 - MOST_LINES} more regions: {rest} leaves, worst bound ")


def test_a_stream_that_takes_ascii_alone_gets_nothing_else() -> None:
    folding = Folding.within(picture_of(grown(200)), MOST_LINES)
    assert all(line.isascii() for line in text(folding, ascii_only=True))
    assert "..." in "\n".join(text(folding, ascii_only=True))


def test_names_cannot_steer_a_terminal() -> None:
    facts = replace(GREW, model="\x1b]0;owned\x07a\nb.onnx", property="\x9b31m\u202e.vnnlib", base_model="\r\x1b[2J")
    written = "\n".join(text(Folding.within(picture_of(SpecTree.roots(1), facts), 10)))
    assert not {"\x1b", "\x07", "\x9b", "\r", "\u202e"} & set(written)
    assert "a\ufffdb.onnx" in written


def test_the_same_picture_is_the_same_text() -> None:
    one, two = (text(Folding.within(picture_of(grown(100, 4), FACTS), MOST_LINES)) for _ in range(2))
    assert one == two


def test_no_depth_is_too_deep() -> None:
    """A chain: every split closes one side."""
    rows = 301
    columns = {name: np.zeros(rows, getattr(SpecTree.roots(1), name).dtype) for name in vars(SpecTree.roots(1))}
    index = np.arange(rows)
    columns["parent"] = np.where(index == 0, -1, 2 * ((index - 1) // 2)).astype(np.int32)
    columns["side"] = ((index + 1) % 2).astype(np.int8)
    columns["kind"] = (index > 0).astype(np.int8)
    columns["state"] = np.where((index % 2 == 0) & (index < rows - 1), 1, 2).astype(np.int8)
    columns["refresh"][0] = 1
    chain = SpecTree(**columns)
    chain.check(1, 1, [])
    folding = Folding.at(picture_of(chain), 1000)
    assert len(nodes(text(folding))) == rows
    assert folding.picture.depth.max() == 150


def test_one_split_is_a_split() -> None:
    assert [deep(splits) for splits in (0, 1, 1200)] == ["0 splits deep", "1 split deep", "1,200 splits deep"]

"""The JSON says of every node what the tree says, and folds like every picture."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.pictures.trees import GREW, below, grown, named, picture_of

from ivan.pictures.folding import Folding
from ivan.pictures.report import json_of
from ivan.proof import Kind, State


def report(folding: Folding) -> dict[str, Any]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    found: dict[str, Any] = json.loads(json_of(folding), parse_constant=refuse)
    return found


def test_every_node_is_an_object_that_says_what_the_tree_says() -> None:
    tree = grown(30, 3, regions=2, undecided=0.2)
    found = report(Folding.at(picture_of(tree, GREW), 99))
    assert [node["node"] for node in found["nodes"]] == picture_of(tree).row.tolist()
    for node in found["nodes"]:
        row = node["node"]
        assert node["split"] == named(tree, row)
        assert node["bound"] == tree.bound[row]
        assert node["state"] == State(tree.state[row]).name.lower()
        assert node["leaves"] == len(below(tree, row))
        assert node["parent"] == (None if tree.parent[row] < 0 else tree.parent[row])
        assert not node["folded"]
        if tree.kind[row] != Kind.ROOT:
            assert node["at"] == tree.at[row]
            assert node["input" if tree.kind[row] == Kind.INPUT else "unit"] == tree.unit[row]
            assert node["side"] == ("below", "above")[tree.side[row]]


@pytest.mark.parametrize("depth", [0, 1, 3, 99])
def test_shown_leaves_and_folded_subtrees_add_up(depth: int) -> None:
    found = report(Folding.at(picture_of(grown(50, 2, regions=3, undecided=0.3), GREW), depth))
    ends = [node for node in found["nodes"] if node["folded"] or node["state"] != "split"]
    assert sum(node["leaves"] for node in ends) == found["leaves"] == 50
    assert sum(node["open"] for node in ends) == found["open"]
    assert sum(found["origins"].values()) == 50


def test_numbers_that_json_has_no_word_for_are_null() -> None:
    tree = grown(3)
    bound = np.array([-np.inf, np.inf, np.nan, 0.5, 1e-300])
    found = report(Folding.at(picture_of(replace(tree, bound=bound)), 9))
    told = {node["node"]: (node["bound"], node["empty"]) for node in found["nodes"]}
    assert told == {0: (None, False), 1: (None, True), 2: (None, False), 3: (0.5, False), 4: (1e-300, False)}


def test_names_are_kept_as_they_are() -> None:
    name = 'a"\\\x1b\u2028</script>.onnx'
    facts = replace(GREW, model=name, property=name, base_model=name)
    found = report(Folding.at(picture_of(grown(2), facts), 0))
    assert found["model"] == found["property"] == found["base_model"] == name
    assert (found["run"], found["base_run"], found["created"]) == (12, 7, "2026-03-01T09:30:00.000+00:00")


def test_the_same_picture_is_the_same_text() -> None:
    one, two = (json_of(Folding.at(picture_of(grown(50, 4)), 3)) for _ in range(2))
    assert one == two

"""`ivan model diff` tells what changed, bounds what that can do to the outputs, and says where it cannot tell."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import click
import numpy as np
import pytest
from tests.cli.shell import Shell
from tests.cli.test_errors import error_of
from tests.models import dense
from tests.questions import HOLDS, box, nudged, small, updated

from ivan.network.onnx_reader import read_network


@pytest.fixture
def versions(here: Path) -> Path:
    """Beside the model: a fine-tuned version, one without small weights, and another architecture."""
    files = {
        "tuned.onnx": nudged(small(), 0.01),
        "pruned.onnx": updated(small(), lambda array: np.where(np.abs(array) < 0.1, 0, array)),
        "deeper.onnx": dense((3, 12, 12, 12, 2), np.random.default_rng(5)),
        "other.onnx": dense((4, 12, 2), np.random.default_rng(5)),
    }
    for name, data in files.items():
        (here / name).write_bytes(data)
    (here / "tuned.onnx.gz").write_bytes(gzip.compress(files["tuned.onnx"]))
    return here


def test_layers_weights_and_the_largest_changes_are_shown(ivan: Shell, versions: Path) -> None:
    done = ivan("model", "diff", "model.onnx", "pruned.onnx")
    assert (done.code, done.err) == (0, "")
    blocks = [[line.split() for line in block.splitlines()] for block in done.out.split("\n\n")]
    models, layers, largest = blocks
    assert [row[0] for row in models] == ["old", "new", "architecture", "weights"]
    assert models[0][1:3] == ["model.onnx", "float32,"]
    assert models[2][1:] == ["the", "same"]
    assert layers[0] == ["layer", "computes", "weights", "changed", "zeroed", "distance", "bias", "distance"]
    assert [row[:4] for row in layers[1:3]] == [
        ["1", "relu1_node", "Relu", "12"],
        ["2", "relu3_node", "Relu", "12"],
    ]
    assert layers[3][:3] == ["3", "output", "2"]
    for row in layers[1:]:
        changed, zeroed = row[-6:-4], row[-4:-2]
        assert changed == zeroed  # what was pruned is zero, and nothing else changed
    assert largest[0] == ["largest", "changes", "old", "new"]
    assert len(largest) == 6
    assert all(row[-1] == "0" for row in largest[1:])


def test_json_carries_everything_and_agrees_with_the_weights(ivan: Shell, versions: Path) -> None:
    done = ivan("model", "diff", "model.onnx", "tuned.onnx.gz", "--json", "-")
    report = json.loads(done.out)
    assert (report["same_architecture"], report["same_network"]) == (True, False)
    assert (report["old"]["path"], report["new"]["path"]) == ("model.onnx", "tuned.onnx.gz")
    assert report["old"]["network_digest"] == read_network(versions / "model.onnx").digest
    assert report["distance"] == pytest.approx(0.01, rel=0.3)
    assert "outputs" not in report
    for layer in report["layers"]:
        assert layer["differs"] == []
        assert layer["weights"]["distance"] == pytest.approx(0.01, rel=0.5)
        assert layer["weights"]["changed"] > 0.9 * layer["weights"]["count"]
    a, b = (read_network(versions / name).layers for name in ("model.onnx", "tuned.onnx"))
    for entry in report["largest"]:
        if entry["layer"] <= 2 and not entry["bias"]:
            [(_, mine)], [(_, other)] = (layers[entry["layer"] - 1].affine.terms for layers in (a, b))
            at = tuple(entry["index"])
            assert (entry["before"], entry["after"]) == (mine.weight[at], other.weight[at])


def test_outputs_are_bounded_between_what_is_seen_and_separate_bounds(ivan: Shell, versions: Path) -> None:
    report = json.loads(ivan("model", "diff", "model.onnx", "tuned.onnx", "--property", "holds.vnnlib",
                             "--boxes", "50", "--json", "-").out)["outputs"]  # fmt: skip
    [lower], [upper] = np.array(report["lower"]), np.array(report["upper"])
    assert (report["property"], report["boxes"], report["related"]) == ("holds.vnnlib", 50, True)
    assert np.all(np.array(report["separate_lower"]) < lower)
    assert np.all(lower <= report["seen_least"])
    assert np.all(np.array(report["seen_most"]) <= upper)
    assert np.all(upper < np.array(report["separate_upper"]))
    a, b = (read_network(versions / name) for name in ("model.onnx", "tuned.onnx"))
    x = np.random.default_rng(0).uniform(-1, 1, (1000, 3))
    assert np.all((b(x) - a(x) >= lower) & (b(x) - a(x) <= upper))


def test_bounds_are_shown_rounded_outwards_what_is_seen_inwards(ivan: Shell, versions: Path) -> None:
    arguments = ("model", "diff", "model.onnx", "tuned.onnx", "--property", "holds.vnnlib.gz", "--boxes", "5")
    done = ivan(*arguments, "--json", "report.json")
    exact = json.loads(Path("report.json").read_text())["outputs"]
    heading, first, _, summary = done.out.rstrip().splitlines()[-4:]
    assert " ".join(heading.split()) == "new - old lower bound least seen most seen upper bound separate bounds"
    name, lower, least, most, upper, separate_lower, _, separate_upper = first.split()
    assert name == "Y_0"
    assert exact["lower"][0][0] - 0.01 < float(lower) <= exact["lower"][0][0]
    assert exact["upper"][0][0] <= float(upper) < exact["upper"][0][0] + 0.01
    assert float(separate_lower) <= exact["separate_lower"][0][0]
    assert exact["separate_upper"][0][0] <= float(separate_upper)
    assert exact["seen_least"][0] <= float(least)
    assert float(most) <= exact["seen_most"][0]
    assert summary.startswith("|new - old| <= ")
    assert "5 boxes" in done.out


def test_another_architecture_is_told_layer_by_layer_and_bounded_by_its_outputs(ivan: Shell, versions: Path) -> None:
    done = ivan("model", "diff", "model.onnx", "deeper.onnx", "--property", "holds.vnnlib", "--boxes", "4")
    assert (done.code, done.err) == (0, "")
    assert "not the same" in done.out
    assert "is new" in done.out
    assert done.out.rstrip().endswith("the architectures differ: nothing but the outputs of the two models is compared")


def test_a_model_and_itself_have_nothing_between_them(ivan: Shell, versions: Path) -> None:
    done = ivan("model", "diff", "model.onnx", "model.onnx.gz", "--property", "holds.vnnlib", "--json", "-")
    report = json.loads(done.out)
    assert (report["same_network"], report["distance"], report["largest"]) == (True, 0.0, [])
    assert np.abs(report["outputs"]["lower"]).max() < 1e-100
    assert "the same, and so is every number" in ivan("model", "diff", "model.onnx", "model.onnx.gz").out


def test_regions_are_told_apart(ivan: Shell, versions: Path) -> None:
    two = box(3).split("(assert", 1)[0] + (
        "(assert (or (and (<= X_0 0) (>= X_0 0) (<= X_1 0) (>= X_1 0) (<= X_2 0) (>= X_2 0))"
        " (and (<= X_0 1) (>= X_0 -1) (<= X_1 1) (>= X_1 -1) (<= X_2 1) (>= X_2 -1))))"
    )
    Path("two.vnnlib").write_text(two)
    done = ivan("model", "diff", "model.onnx", "tuned.onnx", "--property", "two.vnnlib", "--json", "-")
    lower, upper = (np.array(json.loads(done.out)["outputs"][name]) for name in ("lower", "upper"))
    assert lower.shape == (2, 2)
    assert np.all(upper[0] - lower[0] < 1e-9)  # a point
    assert np.all(upper[1] - lower[1] > 1e-3)


def test_many_outputs_are_cut_to_those_that_can_differ_most(ivan: Shell, versions: Path) -> None:
    wide = dense((3, 5, 30), np.random.default_rng(0))
    for name, data in (("wide.onnx", wide), ("wide2.onnx", nudged(wide, 0.01))):
        Path(name).write_bytes(data)
    Path("wide.vnnlib").write_text(box(3, outputs=30))
    done = ivan("model", "diff", "wide.onnx", "wide2.onnx", "--property", "wide.vnnlib", "--boxes", "1")
    assert sum(line.startswith("Y_") for line in done.out.splitlines()) == 20
    assert done.err == "20 of 30 outputs, those that can differ most; --json has all\n"


def test_a_narrow_terminal_keeps_numbers_whole(ivan: Shell, versions: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    output = click.unstyle(ivan("model", "diff", "model.onnx", "tuned.onnx").out)
    assert max(map(len, output.splitlines())) <= 80
    assert "2 relu3_node  Relu 12" in output


WRONG = {
    "model.onnx nosuch.onnx": "nosuch.onnx: cannot be read",
    "nosuch.onnx model.onnx": "nosuch.onnx: cannot be read",
    "model.onnx holds.vnnlib": "holds.vnnlib: not an ONNX model",
    "model.onnx tuned.onnx --property nosuch.vnnlib": "nosuch.vnnlib: ",
    "other.onnx model.onnx --property holds.vnnlib": "holds.vnnlib declares 3 inputs, other.onnx has 4",
    "model.onnx other.onnx --property holds.vnnlib": "holds.vnnlib declares 3 inputs, other.onnx has 4",
    "model.onnx tuned.onnx --property empty.vnnlib": "empty.vnnlib: no input satisfies",
    "model.onnx tuned.onnx --property open.vnnlib": "open.vnnlib: unbounded input: X_1",
    "model.onnx tuned.onnx --json nowhere/report.json": "nowhere/report.json: cannot be written",
    "model.onnx tuned.onnx --boxes 5": "--boxes says how to bound the outputs",
    "model.onnx tuned.onnx --property holds.vnnlib --boxes 0": "Invalid value for '--boxes'",
    "model.onnx": "Missing argument 'NEW'",
}


@pytest.mark.parametrize("arguments", WRONG)
def test_what_cannot_be_compared_is_an_error(ivan: Shell, versions: Path, arguments: str) -> None:
    Path("empty.vnnlib").write_text(HOLDS + "(assert (>= X_0 2))\n")
    Path("open.vnnlib").write_text(HOLDS.replace("(assert (>= X_1 -1))", ""))
    assert error_of(ivan("model", "diff", *arguments.split())).startswith(WRONG[arguments])

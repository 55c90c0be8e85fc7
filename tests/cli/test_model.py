"""`ivan model info` tells what was read, and an unsupported model what is in the way."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.cli.shell import Shell
from tests.models import Graph, convolutional, dense

from ivan.network.onnx_reader import read_model
from ivan.search.loop import MOST_SPLIT_INPUTS


def test_people_read_facts_layers_and_a_plan(ivan: Shell, here: Path) -> None:
    (here / "image.onnx").write_bytes(convolutional(np.random.default_rng(0)))
    done = ivan("model", "info", "image.onnx")
    assert (done.code, done.err) == (0, "")
    facts, layers, plan = (part.splitlines() for part in done.out.split("\n\n"))
    words = dict(line.split(maxsplit=1) for line in facts)
    assert words["digest"].strip() == read_model("image.onnx").network.digest
    assert words["input"].strip() == "x float32 [1, 1, 8, 8]"
    assert words["output"].strip() == "gemm7 float32 [1, 3]"
    assert words["operators"].strip() == "AveragePool, BatchNormalization, Conv 2, Flatten, Gemm, Relu 2"
    assert words["ONNX"].strip().endswith("kB, operator set 13")
    assert layers[0].split() == ["layer", "node", "values", "activation", "numbers", "reads"]
    assert layers[1].split()[:4] == ["1", "relu2_node", "192", "Relu"]
    assert "input: convolution 1 to 3 channels, 3x3" in layers[1]
    assert layers[-1].split()[:3] == ["out", "gemm7", "3"]
    assert plan[0].startswith(f"Units are split where a property lets more than {MOST_SPLIT_INPUTS} of the 64 inputs")
    assert "228 units can be unstable (Relu)" in plan[2]


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [(MOST_SPLIT_INPUTS, "Boxes of inputs are split: "), (MOST_SPLIT_INPUTS + 1, "Units are split where a property ")],
)
def test_the_plan_follows_the_search(ivan: Shell, here: Path, inputs: int, sentence: str) -> None:
    (here / "model.onnx").write_bytes(dense((inputs, 2, 2), np.random.default_rng(0)))
    assert json.loads(ivan("model", "info", "model.onnx", "--json").out)["plan"][0].startswith(sentence)


def test_an_affine_model_has_nothing_to_split(ivan: Shell, here: Path) -> None:
    (here / "model.onnx").write_bytes(dense((3, 2), np.random.default_rng(0)))
    assert "No unit is unstable: the model is affine." in ivan("model", "info", "model.onnx").out


def test_programs_read_everything_as_json(ivan: Shell, here: Path) -> None:
    report = json.loads(ivan("model", "info", "model.onnx.gz", "--json").out)
    network = read_model("model.onnx").network
    assert (report["digest"], report["architecture_digest"]) == (network.digest, network.architecture_digest)
    assert report["inputs"] == [{"name": "x", "shape": [1, 3], "dtype": "float32"}]
    assert [port["shape"] for port in report["outputs"]] == [[1, 2]]
    assert (report["opset"], report["operators"]) == (13, {"Gemm": 3, "Relu": 2})
    assert [layer["activation"] for layer in report["layers"]] == ["Relu", "Relu", ""]
    assert report["splittable_units"] == 24
    assert report["onnx_bytes"] == (here / "model.onnx").stat().st_size


def test_everything_unsupported_is_named_at_once(ivan: Shell, here: Path) -> None:
    g = Graph()
    (here / "bad.onnx").write_bytes(g.model({"x": [1, 3]}, [g.node("Tan", g.node("Asinh", g.node("Tan", "x")))]))
    done = ivan("model", "info", "bad.onnx", "--json")
    assert (done.code, done.out) == (2, "")
    assert "Tan (node 'tan0_node' and 1 more, opset 13); Asinh (node 'asinh1_node', opset 13)" in done.err

"""A summary counts what the file and its normal form hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from tests.models import ALL, Graph, dense, weights

from ivan.network.compare import weights as numbers_of
from ivan.network.linear import Dense as Matrix
from ivan.network.linear import Diagonal, Product, Selection, add
from ivan.network.model import Model
from ivan.network.onnx_reader import read_model
from ivan.network.summary import kind, summarise


def read(data: bytes, folder: Path) -> Model:
    (folder / "model.onnx").write_bytes(data)
    return read_model(folder / "model.onnx")


@pytest.mark.parametrize("name", ALL)
def test_counts_are_those_of_the_file_and_of_the_network(name: str, tmp_path: Path) -> None:
    data = ALL[name](np.random.default_rng(0))
    model, proto = read(data, tmp_path), onnx.ModelProto.FromString(data)
    summary = summarise(model)
    stored = [numpy_helper.to_array(tensor) for tensor in proto.graph.initializer]
    assert summary.parameters == sum(array.size for array in stored if array.dtype.kind == "f")
    assert sum(summary.operators.values()) == len(proto.graph.node)
    assert summary.opset == 13
    assert sum(layer.numbers for layer in summary.layers) == len(numbers_of(model.network))
    assert [layer.size for layer in summary.layers[:-1]] == [layer.size for layer in model.network.layers]
    assert summary.layers[-1].size == model.network.outputs
    assert summary.splittable == sum(layer.size for layer in model.network.layers if layer.activation.name == "Relu")


def test_a_dense_layer_has_as_many_numbers_as_the_file_has_for_it(tmp_path: Path) -> None:
    summary = summarise(read(dense((3, 5, 2), np.random.default_rng(0)), tmp_path))
    assert [layer.numbers for layer in summary.layers] == [3 * 5 + 5, 5 * 2 + 2]
    assert summary.parameters == 3 * 5 + 5 + 5 * 2 + 2
    assert [layer.reads for layer in summary.layers] == [((0, "dense 3 to 5"),), ((1, "dense 5 to 2"),)]


def test_what_no_output_needs_is_not_counted(tmp_path: Path) -> None:
    g = Graph()
    g.node("Celu", g.node("MatMul", "x", weights(np.random.default_rng(0), 3, 9)))
    needed = g.node("MatMul", "x", weights(np.random.default_rng(0), 3, 2))
    summary = summarise(read(g.model({"x": [1, 3]}, [needed]), tmp_path))
    assert (summary.operators, summary.parameters) == ({"MatMul": 1}, 6)


def test_kinds_read_in_the_order_in_which_maps_are_applied() -> None:
    matrix, flip = Matrix(np.ones((2, 3))), Selection(np.array([1, 0]), 2)
    assert kind(Product(flip, matrix)) == "dense 3 to 2, selection"
    assert kind(add(flip, Diagonal(np.ones(2)))) == "(selection + scaling)"
    assert kind(Matrix(np.ones((2, 3)), before=4)) == "dense 3 to 2, 4 times"
    assert kind(Selection.identity_of(2)) == "identity"

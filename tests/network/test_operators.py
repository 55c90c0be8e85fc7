"""Every operator, in all its forms, against onnxruntime."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from tests.models import Graph
from tests.network.case import Build
from tests.network.cases import CASES

from ivan.network.onnx_ops import OPERATORS
from ivan.network.onnx_reader import read_model
from ivan.network.reference import Runtime, rounding


def build(make: Build, shape: tuple[int, ...], opset: int) -> bytes:
    g = Graph(opset)
    return g.model({"x": list(shape)}, [make(g)])


IDS = [f"{label}, opset {opset}" for label, opsets, _, _ in CASES for opset in opsets]
FLAT = [(make, shape, opset) for _, opsets, shape, make in CASES for opset in opsets]


@pytest.mark.parametrize(("make", "shape", "opset"), FLAT, ids=IDS)
def test_an_operator_computes_what_onnxruntime_computes(make, shape, opset, tmp_path: Path, request):
    path = tmp_path / "model.onnx"
    path.write_bytes(build(make, shape, opset))
    model = read_model(path)
    runtime = Runtime(model.data)
    rng = np.random.default_rng(zlib.crc32(request.node.name.encode()))
    x = rng.standard_normal((4, model.network.inputs)).astype(np.float32).astype(np.float64)
    expected = np.stack([runtime.run(point) for point in x])
    computed = model.network(x)
    allowed = np.maximum(rounding(model.network, x, 2.0**-23, rng), 1e-6)
    assert computed.shape == expected.shape
    assert np.all(np.abs(computed - expected) <= allowed)
    assert np.all(allowed < 1e-3)
    assert np.prod(model.outputs[0].shape, dtype=int) == expected.shape[1]


LARGE = np.arange(4)


@pytest.mark.parametrize(
    ("operator", "operands", "attributes"),
    [
        ("GatherElements", [np.tile(LARGE, (1, 512, 1))], {"axis": 2}),
        ("GatherND", [np.array([[0, 3], [0, 5]])], {}),
        ("ScatterND", [np.array([[0, 3]]), np.ones((1, 512), np.float32)], {}),
        ("ScatterND", [np.array([[0, 3]]), np.ones((1, 512), np.float32)], {"reduction": "add"}),
        ("Compress", [np.arange(512) % 2 == 0], {"axis": 1}),
        ("Trilu", [], {}),
        ("ReverseSequence", [np.array([300])], {"batch_axis": 0, "time_axis": 1}),
        ("CumSum", [np.array(1)], {}),
        ("CenterCropPad", [np.array([1, 300, 700])], {}),
        ("Einsum", [np.ones((512, 3), np.float32)], {"equation": "bij,jk->bki"}),
        ("Resize", ["", np.float32([1, 1.5, 0.5])], {}),
        ("Resize", ["", np.float32([1, 1.5, 0.5])], {"mode": "linear"}),
        ("Resize", ["", np.float32([1, 1.5, 0.5])], {"mode": "cubic"}),
    ],
)
def test_an_operator_on_a_large_tensor_is_no_matrix_of_all_inputs_by_all_outputs(
    operator, operands, attributes, tmp_path: Path
):
    g = Graph(18)
    path = tmp_path / "model.onnx"
    path.write_bytes(g.model({"x": [1, 512, 512]}, [g.node(operator, "x", *operands, **attributes)]))
    network = read_model(path).network  # 2^18 inputs: such a matrix would take hundreds of gigabytes
    assert network.inputs == 2**18
    assert np.all(np.isfinite(network(np.ones((1, network.inputs)))))


def test_every_operator_in_the_table_is_compared():
    compared = {node.op_type for make, shape, opset in FLAT for node in _nodes(make, shape, opset)}
    assert set(OPERATORS) == compared


def _nodes(make: Build, shape: tuple[int, ...], opset: int) -> list[onnx.NodeProto]:
    return list(onnx.load_from_string(build(make, shape, opset)).graph.node)


def test_every_operator_in_the_table_is_one_of_the_standard():
    known = {schema.name for schema in onnx.defs.get_all_schemas() if schema.domain == ""}
    assert set(OPERATORS) <= known

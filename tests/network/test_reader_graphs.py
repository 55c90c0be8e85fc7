"""Models whose graph is more than a list of operators: functions of their own, branches, sparse constants."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tests.models import Graph

from ivan.errors import ModelError, UnsupportedOperatorError
from ivan.network.model import Model
from ivan.network.onnx_reader import read_model
from ivan.network.reference import Runtime

W = np.random.default_rng(3).standard_normal((3, 3)).astype(np.float32)
B = np.arange(3, dtype=np.float32)


def read(data: bytes, folder: Path) -> Model:
    """The model, after onnxruntime has computed the same."""
    path = folder / "model.onnx"
    path.write_bytes(data)
    model = read_model(path)
    x = np.random.default_rng(4).standard_normal((3, model.network.inputs)).astype(np.float32).astype(np.float64)
    expected = np.stack([Runtime(model.data).run(point) for point in x])
    assert np.allclose(model.network(x), expected, atol=1e-5)
    return model


def branch(operator: str, *inputs: str, name: str = "inner", weight: np.ndarray | None = None) -> onnx.GraphProto:
    """A subgraph of one node, which reads what is around it, and a weight of its own."""
    own = [] if weight is None else [numpy_helper.from_array(weight, f"{name}_w")]
    node = helper.make_node(operator, [*inputs, *(tensor.name for tensor in own)], [name], name=f"{name}_node")
    return helper.make_graph([node], name, [], [helper.make_tensor_value_info(name, 1, None)], own)


def choice(condition: str | np.ndarray, g: Graph, first: onnx.GraphProto, second: onnx.GraphProto) -> str:
    return g.node("If", condition, then_branch=first, else_branch=second)


@pytest.mark.parametrize("condition", [True, False])
def test_the_branch_that_is_taken_is_read_and_the_other_is_not(condition, tmp_path):
    g = Graph()
    around = g.node("MatMul", "x", W)
    y = choice(
        np.array(condition),
        g,
        branch("Relu" if condition else "Det", around, name="one"),
        branch("Det" if condition else "Neg", around, name="two"),
    )
    path = tmp_path / "model.onnx"
    path.write_bytes(g.model({"x": [1, 3]}, [g.node("Add", y, B)]))
    network = read_model(path).network
    x = np.array([[0.3, -0.7, 0.2]])
    inner = x @ W.astype(np.float64)
    assert np.allclose(network(x), (np.maximum(inner, 0) if condition else -inner) + B)


def test_a_branch_has_weights_of_its_own_and_may_be_chosen_by_a_shape(tmp_path):
    g = Graph()
    size = g.node("Gather", g.node("Shape", "x"), np.array(0))
    y = choice(
        g.node("Equal", size, np.array(1)),
        g,
        branch("Add", "x", name="one", weight=B),
        branch("Sub", "x", name="two", weight=B),
    )
    read(g.model({"x": [1, 3]}, [g.node("Relu", g.node("Add", y, y))]), tmp_path)


def test_branches_may_stand_inside_branches(tmp_path):
    g = Graph()
    inside = helper.make_node(
        "If",
        ["no"],
        ["deep"],
        then_branch=branch("Relu", "x", name="one"),
        else_branch=branch("Neg", "x", name="two"),
    )
    middle = helper.make_graph([inside], "middle", [], [helper.make_tensor_value_info("deep", 1, None)])
    g.weights.append(numpy_helper.from_array(np.array(False), "no"))
    y = choice(np.array(True), g, middle, branch("Relu", "x", name="three"))
    read(g.model({"x": [1, 3]}, [y]), tmp_path)


def test_a_condition_that_depends_on_the_input_is_refused_by_name(tmp_path):
    g = Graph()
    y = choice("x", g, branch("Relu", "x", name="one"), branch("Neg", "x", name="two"))
    path = tmp_path / "model.onnx"
    path.write_bytes(g.model({"x": [1]}, [y]))
    with pytest.raises(UnsupportedOperatorError, match="If whose condition depends on the input"):
        read_model(path)


def test_what_cannot_be_read_inside_a_branch_is_named(tmp_path):
    g = Graph()
    y = choice(np.array(True), g, branch("Det", "x", name="one"), branch("Neg", "x", name="two"))
    path = tmp_path / "model.onnx"
    path.write_bytes(g.model({"x": [1]}, [g.node("Add", y, "x")]))
    with pytest.raises(UnsupportedOperatorError, match="Det \\(node 'one_node'"):
        read_model(path)


@pytest.mark.parametrize(
    ("first", "words"),
    [
        (branch("Relu", "nowhere"), "reads tensor 'nowhere'"),
        (branch("Relu", "x", name="w0"), "is computed twice"),
        (
            helper.make_graph([], "none", [], [helper.make_tensor_value_info("nothing", 1, None)]),
            "reads tensor 'nothing'",
        ),
        (helper.make_graph([], "none", [], []), "lacks its attribute 'then_branch' with 1 outputs"),
    ],
)
def test_ill_formed_branches_are_refused(first, words, tmp_path):
    g = Graph()
    y = choice(np.array(True), g, first, branch("Neg", "x", name="two"))
    path = tmp_path / "model.onnx"
    path.write_bytes(g.model({"x": [1]}, [y]))
    with pytest.raises(ModelError, match=words):
        read_model(path)


def with_functions(*bodies: list[onnx.NodeProto]) -> bytes:
    """A model that calls its function F0 twice, whose bodies take x to y."""
    g = Graph()
    y = g.node("F0", g.node("MatMul", g.node("F0", "x", domain="own"), W), domain="own")
    proto = onnx.load_from_string(g.model({"x": [1, 3]}, [y], domains=["own"]))
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("own", 1)]
    for k, body in enumerate(bodies):
        proto.functions.append(helper.make_function("own", f"F{k}", ["x"], ["y"], body, opsets))
    return proto.SerializeToString()


def test_functions_of_the_model_itself_are_written_out(tmp_path):
    outer = [
        helper.make_node("F1", ["x"], ["t"], domain="own"),
        helper.make_node("Add", ["t", "x"], ["y"]),
    ]
    read(with_functions(outer, [helper.make_node("Relu", ["x"], ["y"])]), tmp_path)


def test_functions_that_call_themselves_are_refused(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(with_functions([helper.make_node("F0", ["x"], ["y"], domain="own")]))
    with pytest.raises(ModelError) as caught:
        read_model(path)
    assert caught.value.hint


def test_space_goes_to_depth_as_depth_goes_to_space(tmp_path):
    """The second mode came with operator set 28; depth to space, which is compared with onnxruntime, undoes it."""
    for mode in ("DCR", "CRD"):
        g = Graph(28)
        y = g.node("SpaceToDepth", "x", blocksize=2, mode=mode)
        path = tmp_path / "model.onnx"
        path.write_bytes(g.model({"x": [1, 3, 4, 6]}, [g.node("DepthToSpace", y, blocksize=2, mode=mode)]))
        x = np.arange(72.0)[None]
        assert np.array_equal(read_model(path).network(x), x)


@pytest.mark.parametrize(
    ("direction", "expected"), [("LEFT", [-6, -128, 0, 0, 0, 0]), ("RIGHT", [-2, -1, 0, -1, 0, -1])]
)
def test_signed_numbers_are_shifted_with_their_sign(direction, expected, tmp_path):
    """By the text of operator set 28: bits beyond the sign are lost, and what comes from the left is the sign."""
    g = Graph(28)
    numbers, amounts = np.int8([-3, -1, 1, -1, 5, -5]), np.int8([1, 7, 8, 100, -1, -1])
    shifted = g.node("Cast", g.node("BitShift", numbers, amounts, direction=direction), to=TensorProto.FLOAT)
    path = tmp_path / "model.onnx"
    path.write_bytes(g.model({"x": [1]}, [g.node("Add", "x", shifted)]))
    assert np.array_equal(read_model(path).network(np.zeros((1, 1)))[0], expected)


@pytest.mark.parametrize("indices", [[1, 5], [[0, 1], [1, 2]]])
def test_a_sparse_constant_has_zeros_elsewhere(indices, tmp_path):
    values = numpy_helper.from_array(np.float32([2, -3]), "v")
    sparse = helper.make_sparse_tensor(values, numpy_helper.from_array(np.array(indices, np.int64), "i"), [2, 3])
    g = Graph()
    path = tmp_path / "model.onnx"
    path.write_bytes(g.model({"x": [2, 3]}, [g.node("Add", "x", g.node("Constant", sparse_value=sparse))]))
    assert np.array_equal(read_model(path).network(np.zeros((1, 6))), [[0, 2, 0, 0, 0, -3]])


def test_a_text_constant_is_refused(tmp_path):
    g = Graph()
    text = g.node("Constant", value_string="text")
    path = tmp_path / "model.onnx"
    path.write_bytes(g.model({"x": [2, 3]}, [g.node("Add", "x", g.node("Cast", text, to=TensorProto.FLOAT))]))
    with pytest.raises(ModelError, match="value_string"):
        read_model(path)

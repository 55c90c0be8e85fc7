"""Models with several inputs, with integers among them, and with tensors inside that are asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from tests.models import Graph, dense, weights

from ivan.errors import MismatchError
from ivan.network.element_types import integer_range, rounded
from ivan.network.layers import Network
from ivan.network.model import Model
from ivan.network.onnx_reader import read_model
from ivan.network.reference import Runtime, self_check

ROOT = Path(__file__).parents[2]


def read(data: bytes, folder: Path, hidden: tuple[str, ...] = ()) -> Model:
    path = folder / "model.onnx"
    path.write_bytes(data)
    return read_model(path, hidden)


def with_inputs(data: bytes, kinds: dict[str, tuple[int, list[int]]]) -> bytes:
    """The model with other declarations of its inputs."""
    proto = onnx.load_from_string(data)
    del proto.graph.input[:]
    proto.graph.input.extend(helper.make_tensor_value_info(n, kind, shape) for n, (kind, shape) in kinds.items())
    return proto.SerializeToString()


def mixed() -> bytes:
    """relu(a) + b W + float(c), where c is int8; the third output is c itself."""
    g = Graph()
    total = g.node("Add", g.node("Relu", "a"), g.node("MatMul", "b", weights(np.random.default_rng(1), 3, 2)))
    total = g.node("Add", total, g.node("Cast", "c", to=TensorProto.FLOAT))
    same = g.node("Reshape", "c", np.int64([2]))
    proto = onnx.load_from_string(g.model({"x": [1]}, [total, same]))
    proto.graph.output[1].type.tensor_type.elem_type = TensorProto.INT8
    kinds = {"a": (TensorProto.FLOAT, [1, 2]), "b": (TensorProto.FLOAT, [1, 3]), "c": (TensorProto.INT8, [1, 2])}
    return with_inputs(proto.SerializeToString(), kinds)


def agrees(model: Model, hidden: tuple[str, ...] = ()) -> None:
    n = model.network.inputs
    runtime = Runtime(model.data, hidden=hidden)
    self_check(model.network, runtime, -3 * np.ones(n), 3 * np.ones(n), np.random.default_rng(0))


def test_inputs_stand_one_after_the_other_in_the_files_order(tmp_path):
    model = read(mixed(), tmp_path)
    assert [(p.name, p.shape, p.dtype) for p in model.inputs] == [
        ("a", (1, 2), "float32"),
        ("b", (1, 3), "float32"),
        ("c", (1, 2), "int8"),
    ]
    assert [(p.shape, p.dtype) for p in model.outputs] == [((1, 2), "float32"), ((2,), "int8")]
    assert (model.network.input_shape, model.network.precision) == ((7,), "float32")
    assert model.network.types == (("float32", 2), ("float32", 3), ("int8", 2))
    agrees(model)
    x = np.array([1.0, -1.0, 0, 0, 0, 5, -7])
    np.testing.assert_array_equal(model.network(x[None])[0], [6, -7, 5, -7])
    np.testing.assert_array_equal(Runtime(model.data).run(x), [6, -7, 5, -7])


@pytest.mark.parametrize("kind", ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"])
def test_every_integer_type_runs_as_the_real_numbers_that_it_holds(kind, tmp_path):
    g = Graph()
    y = g.node("Relu", g.node("Cast", g.node("Transpose", "x"), to=TensorProto.DOUBLE))
    number = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    data = with_inputs(g.model({"x": [2, 1]}, [y], TensorProto.DOUBLE), {"x": (number, [2, 1])})
    model = read(data, tmp_path)
    assert model.inputs[0].dtype == kind
    low, high = integer_range(kind)
    for x in ([low, high], [0.0, 1.0]):
        point = np.array(x, np.float64)
        np.testing.assert_array_equal(model.network.rounded(point), point)
        np.testing.assert_array_equal(model.network(point[None])[0], np.maximum(point, 0))
        np.testing.assert_array_equal(Runtime(data).run(point), np.maximum(point, 0))
    np.testing.assert_array_equal(rounded(np.array([low - 5.0, 0.4, high + 5.0]), kind), [low, 0, high])


@pytest.mark.parametrize("kind", [TensorProto.INT32, TensorProto.INT64])
def test_sums_of_wide_integers_are_those_of_the_real_numbers(kind, tmp_path):
    g = Graph()
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    total = g.node("Sub", g.node("Mul", "x", np.array([3, -2], dtype)), np.array([7, 5], dtype))
    rectified = g.node("Cast", g.node("Max", total, np.array([0], dtype)), to=TensorProto.FLOAT)
    proto = onnx.load_from_string(g.model({"x": [2]}, [rectified, total], kind))
    proto.graph.output[0].type.tensor_type.elem_type = TensorProto.FLOAT
    model = read(proto.SerializeToString(), tmp_path)
    assert [port.dtype for port in model.outputs] == ["float32", np.dtype(dtype).name]
    agrees(model)


def test_the_types_of_inputs_belong_to_what_a_digest_names(tmp_path):
    networks = []
    for kind in (TensorProto.FLOAT, TensorProto.INT8, TensorProto.INT16):
        g = Graph()
        y = g.node("Relu", g.node("Cast", "x", to=TensorProto.FLOAT))
        networks.append(read(with_inputs(g.model({"x": [1]}, [y]), {"x": (kind, [1])}), tmp_path).network)
    assert len({network.digest for network in networks}) == 3
    assert len({network.architecture_digest for network in networks}) == 1
    plain = networks[0]
    same = Network(plain.layers, (1,), plain.output, precision="float32", types=(("float32", 1),))
    assert same.types == ()
    assert same.digest == plain.digest


def test_types_that_miss_inputs_are_a_mistake_of_the_program():
    from ivan.network.affine import Affine

    with pytest.raises(ValueError, match="types of 1 inputs where there are 2"):
        Network((), (2,), Affine.of(0, 2), types=(("int8", 1),))


def test_digests_of_models_with_one_input_are_those_that_proofs_are_stored_under():
    digest = read_model(ROOT / "vnnlib_examples" / "collision.finetuned.onnx").network.digest
    assert digest == "2362022bd2e8bd35dfa2b2a0f3ed83128c836ccfc9b10d707219841db294877e"


def test_the_coarsest_floating_point_type_is_the_models_precision(tmp_path):
    g = Graph()
    total = g.node("Add", g.node("Cast", "a", to=TensorProto.FLOAT), "b")
    kinds = {"a": (TensorProto.DOUBLE, [2]), "b": (TensorProto.FLOAT, [2])}
    model = read(with_inputs(g.model({"x": [2]}, [total]), kinds), tmp_path)
    assert model.network.precision == "float32"
    third = np.full(4, 1 / 3)
    expected = [1 / 3, 1 / 3, float(np.float32(1 / 3)), float(np.float32(1 / 3))]
    np.testing.assert_array_equal(model.network.rounded(third), expected)
    agrees(model)


def test_hidden_tensors_follow_the_outputs(tmp_path):
    data = dense([3, 4, 2], np.random.default_rng(0))
    names = ("relu1", "gemm0", "x")
    model = read(data, tmp_path, names)
    assert [(p.name, p.shape) for p in model.hidden] == [("relu1", (1, 4)), ("gemm0", (1, 4)), ("x", (1, 3))]
    assert model.network.outputs == 2 + 4 + 4 + 3
    agrees(model, names)
    assert read(data, tmp_path).hidden == ()


def test_what_only_hidden_tensors_need_is_read_for_them(tmp_path):
    g = Graph()
    aside, y = g.node("MatMul", "x", weights(np.random.default_rng(0), 2, 3)), g.node("Relu", "x")
    model = read(g.model({"x": [1, 2]}, [y]), tmp_path, (aside,))
    assert (model.network.outputs, model.hidden[0].shape) == (5, (1, 3))
    agrees(model, (aside,))


def test_an_output_may_be_asked_for_as_a_hidden_tensor_and_twice(tmp_path):
    data = dense([3, 4, 2], np.random.default_rng(0))
    model = read(data, tmp_path, ("gemm2", "gemm2"))
    assert model.network.outputs == 6
    agrees(model, ("gemm2", "gemm2"))


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("relu", "did you mean 'relu1'?"),
        ("relu1_node", "did you mean 'relu1'?"),
        ("something else", "`ivan model info` shows the nodes that were read"),
    ],
)
def test_a_hidden_tensor_that_is_not_there_is_an_error_that_names_near_ones(name, hint, tmp_path):
    with pytest.raises(MismatchError, match=f"model.onnx: there is no tensor '{name}' inside") as caught:
        read(dense([3, 4, 2], np.random.default_rng(0)), tmp_path, (name,))
    assert caught.value.hint == hint

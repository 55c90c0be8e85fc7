"""Models that cannot be read: each gets one line that names the place, and a hint."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from tests.models import ALL, Graph, dense

from ivan.errors import ModelError, UnsupportedOperatorError
from ivan.network.onnx_reader import read_model

MODEL = dense([2, 3, 1], np.random.default_rng(0))


def refused(data: bytes, folder: Path, kind: type[ModelError] = ModelError) -> str:
    """The one line with which a model is refused, without the path that it starts with."""
    path = folder / "model.onnx"
    path.write_bytes(data)
    with pytest.raises(ModelError) as caught:
        read_model(path)
    assert type(caught.value) is kind
    assert caught.value.hint
    assert "\n" not in caught.value.message
    start, rest = f"{path}: ", caught.value.message
    assert rest.startswith(start)
    return rest.removeprefix(start)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (gzip.compress(b"", mtime=0), "empty"),
        (b"this is not a model", "not an ONNX model"),
        (b"(declare-const X_0 Real)\n(assert (<= X_0 1.0))\n", "not an ONNX model"),
        (b"\n", "not an ONNX model"),
        (bytes(100), "not an ONNX model"),
        (MODEL[:-7], "not an ONNX model"),
        (MODEL[: len(MODEL) // 2], "not an ONNX model"),
        (gzip.compress(MODEL, mtime=0)[:-12], "damaged gzip"),
        (b"\x1f\x8b not gzip after all", "damaged gzip"),
        (onnx.ModelProto(ir_version=8).SerializeToString(), "not an ONNX model"),
    ],
)
def test_bytes_that_are_no_model_are_refused(data, words, tmp_path):
    assert words in refused(data, tmp_path)


def test_missing_files_and_folders_are_refused(tmp_path):
    for path in (tmp_path / "missing.onnx", tmp_path):
        with pytest.raises(ModelError, match="cannot be read: ") as caught:
            read_model(path)
        assert str(path) in caught.value.message


def test_missing_external_data_is_refused_by_the_tensors_name(tmp_path):
    onnx.save(
        onnx.load_from_string(MODEL),
        tmp_path / "x.onnx",
        save_as_external_data=True,
        location="w.bin",
        size_threshold=0,
    )
    (tmp_path / "w.bin").unlink()
    assert "external data of tensor 'w0'" in refused((tmp_path / "x.onnx").read_bytes(), tmp_path)


def test_a_model_beyond_the_memory_that_may_be_used_is_refused_with_its_size(tmp_path, monkeypatch):
    monkeypatch.setattr("ivan.network.onnx_reader.MOST_BYTES", len(MODEL) - 1)
    assert "too large" in refused(MODEL, tmp_path)


def test_a_model_of_more_neurons_than_there_is_memory_for_is_refused_where_it_gets_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr("ivan.network.onnx_reader.MOST_NEURONS", 2)
    assert "too large: more than 2 neurons" in refused(MODEL, tmp_path)


def edited(change: Callable[[onnx.ModelProto], object]) -> bytes:
    proto = onnx.load_from_string(MODEL)
    change(proto)
    return proto.SerializeToString()


def _double_output(proto: onnx.ModelProto) -> None:
    proto.graph.node[1].output[0] = proto.graph.node[2].input[0] = proto.graph.node[0].output[0]


def _poison(value: float) -> Callable[[onnx.ModelProto], object]:
    def change(proto: onnx.ModelProto) -> None:
        tensor = proto.graph.initializer[2]
        array = onnx.numpy_helper.to_array(tensor).copy()
        array.flat[1] = value
        tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda p: p.graph.node[0].input.__setitem__(0, "nowhere"),
            "reads tensor 'nowhere', which nothing has computed",
        ),
        (lambda p: p.graph.node.reverse(), "which nothing has computed before"),
        (lambda p: p.graph.output[0].__setattr__("name", "nowhere"), "output 'nowhere' is computed by no node"),
        (_double_output, "is computed twice"),
        (lambda p: p.graph.node[1].input.append("x"), "Relu (node 'relu1_node', opset 13): has 2 inputs; it takes 1"),
        (lambda p: p.graph.node[0].input.__delitem__(slice(1, 3)), "has 1 inputs; it takes 2 to 3"),
        (lambda p: p.graph.initializer[0].dims.__setitem__(0, 7), "tensor 'w0' cannot be decoded"),
        (lambda p: p.graph.initializer[0].__setattr__("data_type", 77), "tensor 'w0' cannot be decoded"),
        (lambda p: p.graph.initializer[0].__setattr__("data_type", TensorProto.STRING), "tensor 'w0'"),
        (_poison(np.nan), "tensor 'w2' holds NaN or infinity"),
        (_poison(np.inf), "tensor 'w2' holds NaN or infinity"),
        (lambda p: p.opset_import[0].__setattr__("version", 6), "operator set 6 is not supported"),
        (lambda p: p.opset_import[0].__setattr__("version", 99), "operator set 99 is not supported"),
        (lambda p: p.opset_import[0].__setattr__("domain", "ai.onnx.ml"), "uses no standard operators"),
        (lambda p: p.graph.input.pop(), "has no inputs"),
        (
            lambda p: p.graph.input[0].type.tensor_type.__setattr__("elem_type", TensorProto.FLOAT16),
            "input 'x' is not of float32, float64 or an integer type",
        ),
        (
            lambda p: p.graph.input[0].type.tensor_type.__setattr__("elem_type", TensorProto.STRING),
            "input 'x' is not of float32, float64 or an integer type",
        ),
        (lambda p: p.graph.input[0].type.tensor_type.ClearField("shape"), "declares no shape"),
        (lambda p: p.graph.input[0].type.tensor_type.shape.dim[1].Clear(), "only the batch dimension may be open"),
        (
            lambda p: p.graph.input[0].type.tensor_type.shape.dim[1].__setattr__("dim_value", 5),
            "shapes [1, 5] and [2, 3]",
        ),
        (lambda p: p.graph.input[0].type.tensor_type.shape.dim[1].__setattr__("dim_value", 2**40), "too large"),
        (lambda p: p.graph.sparse_initializer.add().values.__setattr__("name", "s"), "tensor 's' is sparse"),
    ],
)
def test_ill_formed_models_are_refused(change, words, tmp_path):
    assert words in refused(edited(change), tmp_path)


def single(
    operator: str, *operands: str | np.ndarray, shape: tuple[int, ...] = (2, 3), opset: int = 13, **attributes
) -> bytes:
    g = Graph(opset)
    return g.model({"x": list(shape)}, [g.node(operator, "x", *operands, **attributes)])


W = np.ones((3, 3), np.float32)
IMAGE = (1, 2, 5, 5)
KERNEL = np.ones((2, 2, 3, 3), np.float32)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (single("Pow", "x"), "Pow whose base, like its exponent, depends on the input (node 'pow0_node', opset 13)"),
        (single("Elu", alpha=-1.0), "Elu with a negative alpha"),
        (single("Celu", alpha=0.0), "Celu whose alpha is not positive"),
        (single("Shrink", lambd=-1.0), "Shrink with a negative lambd"),
        (single("PRelu", "x"), "PRelu whose slope depends on the input"),
        (single("Cast", to=TensorProto.INT8), "Cast of a variable tensor from float32 to int8"),
        (single("Dropout", np.float32(0.5), np.array(True)), "Dropout in training mode"),
        (single("Conv", "x", shape=(2, 2, 3, 3)), "Conv whose kernel depends on the input"),
        (single("Conv", KERNEL, shape=IMAGE, auto_pad="SAME"), "Conv with auto_pad 'SAME'"),
        (single("Pad", np.array([0, 1, 0, 1]), mode="mirror"), "Pad with mode 'mirror'"),
        (single("BatchNormalization", *[W[0]] * 4, training_mode=1, opset=14), "BatchNormalization in training mode"),
        (single("Relu", flavour=3), "Relu with attribute 'flavour'"),
        (
            single("ConvTranspose", KERNEL, shape=IMAGE, strides=[2, 2], output_padding=[2, 2]),
            "ConvTranspose with an output padding",
        ),
        (
            single("ConvTranspose", KERNEL, shape=IMAGE, output_shape=[9, 9]),
            "ConvTranspose to a shape beyond its windows",
        ),
        (single("Cast", to=TensorProto.BFLOAT16), "Cast of a variable tensor to bfloat16"),
        (single("GatherElements", "x", shape=()), "GatherElements whose index depends on the input"),
        (
            single("ScatterElements", np.array([[0, 0]]), W[:1, :2], axis=1),
            "ScatterElements that writes an entry twice",
        ),
        (single("ScatterND", np.array([[0], [0]]), W[:2]), "ScatterND that writes an entry twice"),
        (
            single("ScatterND", np.array([[0]]), W[:1], reduction="mul", opset=18),
            "ScatterND with reduction 'mul' of a variable tensor",
        ),
        (single("Compress", "x"), "Compress whose condition depends on the input"),
        (single("CumSum", "x", opset=14), "CumSum whose axis depends on the input"),
        (single("TopK", np.array([1])), "TopK whose operand depends on the input"),
        (single("ArgMax"), "ArgMax whose operand depends on the input"),
        (single("NonZero"), "NonZero whose operand depends on the input"),
        (single("Mod", W, fmod=1), "Mod whose operand depends on the input"),
        (single("OneHot", np.array(3), np.float32([0, 1])), "OneHot whose index depends on the input"),
        (single("DequantizeLinear", np.float32(1)), "DequantizeLinear whose operand depends on the input"),
        (single("QuantizeLinear", np.float32(1)), "QuantizeLinear whose operand depends on the input"),
        (single("Resize", "", np.float32([1, 2]), mode="area"), "Resize with mode 'area'"),
        (single("Resize", "", np.float32([1, 2]), mode="linear", antialias=1, opset=18), "Resize with antialias"),
        (
            single("Resize", "", np.float32([1, 2]), coordinate_transformation_mode="centre"),
            "Resize with mode 'centre'",
        ),
        (single("Resize", "", np.float32([1, 2]), nearest_mode="any"), "Resize with mode 'any'"),
        (single("Upsample", np.float32([1, 2]), mode="cubist", opset=9), "Upsample with mode 'cubist'"),
        (single("Gelu", domain="com.microsoft"), "com.microsoft::Gelu (node 'gelu0_node', opset 13)"),
    ],
)
def test_what_cannot_be_verified_is_refused_by_operator_node_and_opset(data, words, tmp_path):
    line = refused(data, tmp_path, UnsupportedOperatorError)
    assert line.startswith("unsupported operator: ")
    assert words in line
    assert "(node '" in line


def test_everything_unsupported_is_named_at_once(tmp_path):
    g = Graph()
    y = g.node("Hardmax", g.node("Tan", g.node("Tan", "x")))
    z = g.node("Pow", g.node("Relu", "x"), "x")
    unreadable = g.node("Add", y, z)
    last = g.node("Asinh", g.node("Reshape", unreadable, np.array([1, -1])))
    line = refused(g.model({"x": [1, 3]}, [last]), tmp_path, UnsupportedOperatorError)
    assert line == (
        "unsupported operators: Tan (node 'tan0_node' and 1 more, opset 13); "
        "Hardmax (node 'hardmax2_node', opset 13); "
        "Pow whose base, like its exponent, depends on the input (node 'pow4_node', opset 13); "
        "Asinh (node 'asinh7_node', opset 13)"
    )


def test_an_output_that_an_operator_does_not_give_is_refused(tmp_path):
    g = Graph()
    g.node("MaxPool", "x", outputs=2, kernel_shape=[2, 2])
    y = g.node("Cast", "maxpool0_1", to=TensorProto.FLOAT)
    line = refused(g.model({"x": list(IMAGE)}, [y]), tmp_path, UnsupportedOperatorError)
    assert "MaxPool whose extra output 'maxpool0_1' is used (node 'maxpool0_node', opset 13)" in line


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (single("Reshape", np.array([4, 4])), "Reshape (node 'reshape0_node', opset 13): cannot reshape"),
        (single("Reshape", np.float32([3, 2])), "shape must be integers"),
        (single("MatMul", np.ones((2, 3), np.float32)), "shapes [2, 3] and [2, 3] do not match"),
        (single("Add", np.ones(4, np.float32)), "Add (node 'add0_node', opset 13): "),
        (single("Transpose", perm=[0, 5]), "Transpose (node"),
        (single("Relu", body=helper.make_graph([], "g", [], [])), "attribute 'body' is of a type that no"),
        (single("Concat", "x"), "lacks its attribute 'axis'"),
        (single("Concat", "x", axis=4), "axis 4 of a tensor with 2 dimensions"),
        (single("Gather", np.array([7])), "Gather (node"),
        (single("Split", np.array([5, 5]), axis=1), "cannot split 3 into [5, 5]"),
        (single("Squeeze", np.array([0])), "Squeeze (node"),
        (single("Unsqueeze"), "no axes"),
        (single("Tile", np.array([2, 2, 2])), "Tile (node"),
        (single("Tile", np.array([2**20, 2**20])), "too large"),
        (single("Expand", np.array([2**30, 2, 3])), "too large"),
        (single("Pad", np.array([2**28, 0, 0, 0])), "too large"),
        (single("Pad", np.array([1, 1])), "2 pads for 2 axes"),
        (single("Div", np.float32([1, 0, 1])), "division by zero"),
        (single("Mul", np.float32([1, np.inf, 1])), "holds NaN or infinity"),
        (single("HardSigmoid", beta=np.inf), "a summand is infinite"),
        (single("Gelu", approximate="erf", opset=20), "an unknown approximation 'erf'"),
        (single("LpNormalization", p=3), "p is 3, not 1 or 2"),
        (single("GroupNormalization", W[0], W[0], num_groups=2, opset=21), "3 channels in 2 groups"),
        (single("LeakyRelu", alpha=np.nan), "a factor is infinite or not a number"),
        (single("Clip", np.float32(np.nan)), "a limit is not a number"),
        (single("Conv", np.ones((2, 3, 3, 3), np.float32), shape=IMAGE), "does not fit 2 channels"),
        (single("Conv", np.ones((2, 2, 9, 9), np.float32), shape=IMAGE), "does not fit into 5 entries"),
        (single("Conv", KERNEL, shape=IMAGE, strides=[0, 1]), "must be positive"),
        (single("Conv", KERNEL, shape=IMAGE, strides=[1]), "do not fit 2 spatial dimensions"),
        (single("Conv", KERNEL, np.ones(5, np.float32), shape=IMAGE), "Conv (node"),
        (single("ConvTranspose", KERNEL[:1], shape=IMAGE), "a kernel for 1 channels on 2"),
        (single("ConvTranspose", KERNEL, shape=IMAGE, pads=[9, 9, 9, 9]), "pads leave"),
        (single("MaxPool", kernel_shape=[2, 2], pads=[3, 3, 3, 3], shape=IMAGE), "a window lies in the padding only"),
        (single("Conv", np.ones((2, 2), np.float32)), "has no spatial dimensions"),
        (single("SpaceToDepth", blocksize=2, mode="RDC", shape=(1, 1, 2, 2), opset=28), "an unknown mode 'RDC'"),
        (single("DepthToSpace", blocksize=2, mode="RDC", shape=(1, 4, 2, 2)), "an unknown mode 'RDC'"),
        (single("GatherElements", np.array([[5]])), "GatherElements (node"),
        (single("GatherElements", np.array([5])), "indices of shape [1] into a tensor of shape [2, 3]"),
        (single("GatherElements", np.float32([[0]])), "index must be integers"),
        (single("GatherND", np.array([[0, 0, 0]])), "indices of 3 coordinates into 2 dimensions"),
        (single("GatherND", np.array([[7]])), "GatherND (node"),
        (single("GatherND", np.array([[0]]), batch_dims=1), "1 batch dimensions"),
        (single("ScatterElements", np.array([[0]]), W[:2]), "[2, 3] updates at [1, 1] indices"),
        (single("ScatterElements", np.array([[5]]), W[:1, :1]), "ScatterElements (node"),
        (single("ScatterElements", np.array([[0]]), W[:1, :1], reduction="most"), "an unknown reduction 'most'"),
        (single("ScatterND", np.array([[0]]), W[:1, :2]), "updates of shape [1, 2] for places of shape [1, 3]"),
        (single("Compress", np.array([True] * 4), axis=1), "Compress (node"),
        (single("Trilu", np.float32(1), opset=14), "diagonal must be integers"),
        (single("CumSum", np.array(2)), "axis 2 of a tensor with 2 dimensions"),
        (single("ReverseSequence", np.array([1, 2])), "[2] lengths for a tensor"),
        (single("ReverseSequence", np.array([1, 2, 3])), "a length beyond the time axis"),
        (single("CenterCropPad", np.array([2**20, 2**20]), opset=18), "too large"),
        (single("Einsum", W, equation="ij->i"), "2 operands for 'ij->i'"),
        (single("Einsum", equation="ijk->i"), "'ijk' for a tensor of 2 dimensions"),
        (single("Einsum", equation="ij->k"), "the result of 'ij->k'"),
        (single("Einsum", W[:2, :2], equation="ij,jk->ik"), "label 'j' stands for 3 and for 2 entries"),
        (
            single("Einsum", np.ones(2**13, np.float32), np.ones(2**14, np.float32), equation="ij,k,l->ijkl"),
            "too large",
        ),
        (single("Resize", "", ""), "neither scales nor sizes"),
        (single("Resize", "", np.float32([1, 0])), "a scale is not positive"),
        (single("Resize", "", np.float32([1, 0.1])), "an empty axis"),
        (single("Resize", "", np.float32([2**20, 2**20])), "too large"),
        (single("Resize", "", np.float32([1])), "Resize (node"),
        (
            single("Resize", "", np.float32([1, 1]), coordinate_transformation_mode="tf_crop_and_resize"),
            "a region of interest of 0 numbers for 2 axes",
        ),
        (single("Upsample", opset=9), "no scales"),
        (single("Col2Im", np.array([3]), np.array([2]), shape=(1, 2, 3), opset=18), "for [2] blocks"),
        (single("BatchNormalization", *[np.ones(5, np.float32)] * 4), "parameters do not fit 3 channels"),
        (single("BatchNormalization", *[W[0]] * 3, -W[0]), "a variance is not positive"),
    ],
)
def test_operators_that_do_not_fit_their_tensors_are_refused_by_name(data, words, tmp_path):
    assert words in refused(data, tmp_path)


@pytest.mark.parametrize(
    ("operator", "operands", "attributes", "words"),
    [
        ("Mod", [np.array([1, 2]), np.array([1, 0])], {}, "division by zero"),
        ("BitShift", [np.array([1]), np.array([1])], {"direction": "LEFT"}, "an operand of type int64"),
        ("BitShift", [np.uint8([1]), np.uint8([1])], {"direction": "UP"}, "an unknown direction 'UP'"),
        ("And", [np.array([1]), np.array([True])], {}, "an operand of type int64"),
        ("BitwiseAnd", [np.float32([1]), np.array([1])], {}, "an operand of type float32"),
        ("TopK", [W[0], np.array([4])], {}, "the first 4 of 3"),
        ("TopK", [W[0], np.array([2])], {"sorted": 0}, "TopK without sorting"),
        ("OneHot", [np.array([1]), np.array(2**40), np.float32([0, 1])], {}, "too large"),
        ("DequantizeLinear", [np.int8([[1, 2]]), W[0]], {}, "parameters of shape [3] for axis 1 of [1, 2]"),
        ("DequantizeLinear", [np.int8([[1, 2]]), W], {"block_size": 1}, "for blocks [1, 2]"),
        ("QuantizeLinear", [W[0], np.float32(1), np.int32(0)], {}, "QuantizeLinear to int32"),
        ("QuantizeLinear", [W[0], np.float32(0)], {}, "infinite or not a number"),
        ("Cast", [W[0]], {"to": TensorProto.BFLOAT16}, "Cast to bfloat16"),
    ],
)
def test_constants_that_do_not_fit_their_operator_are_refused_by_name(operator, operands, attributes, words, tmp_path):
    g = Graph(18)
    result = g.node(operator, *operands, **attributes)
    data = g.model({"x": [1]}, [g.node("Add", "x", g.node("Cast", result, to=TensorProto.FLOAT))])
    path = tmp_path / "model.onnx"
    path.write_bytes(data)
    with pytest.raises(ModelError) as caught:
        read_model(path)
    assert words in caught.value.message
    assert operator in caught.value.message


def test_a_range_that_never_ends_is_refused(tmp_path):
    g = Graph()
    indices = g.node("Range", np.array(0), np.array(2), np.array(0))
    data = g.model({"x": [1, 2]}, [g.node("Gather", "x", indices)])
    assert "a range in steps of zero" in refused(data, tmp_path)


@pytest.mark.parametrize(
    ("operator", "kind"),
    [("Add", np.int8), ("Sub", np.uint32), ("Mul", np.int16), ("Div", np.int64), ("Mean", np.int32)],
)
def test_arithmetic_that_leaves_the_integers_type_is_refused(operator, kind, tmp_path):
    g = Graph()
    number = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    data = g.model({"x": [1, 2]}, [g.node(operator, "x", np.array([2, 3], kind))], number)
    words = f"{operator} of integers that depend on the input ({np.dtype(kind).name})"
    assert words in refused(data, tmp_path, UnsupportedOperatorError)


def test_integers_that_no_double_holds_are_refused(tmp_path):
    g = Graph()
    data = g.model({"x": [1]}, [g.node("Add", "x", np.int64([2**53 + 1]))], TensorProto.INT64)
    assert "Add of integers beyond 2^53" in refused(data, tmp_path, UnsupportedOperatorError)


@pytest.mark.parametrize("kind", sorted(ALL))
def test_damaged_bytes_are_read_or_refused_but_never_crash(kind, tmp_path):
    rng = np.random.default_rng(11)
    data, path = ALL[kind](rng), tmp_path / "model.onnx"
    refusals: list[ModelError] = []
    for _ in range(300):
        damaged = bytearray(data)
        for place in rng.integers(0, len(data), rng.integers(1, 4)):
            damaged[place] = rng.integers(0, 256)
        path.write_bytes(damaged)
        try:
            read_model(path)
        except ModelError as error:
            refusals.append(error)
    assert len(refusals) > 30
    assert all(error.hint and "\n" not in error.message for error in refusals)


def test_names_that_would_break_the_line_are_shown_escaped(tmp_path):
    data = edited(lambda p: p.graph.node[1].__setattr__("op_type", "Re\x1b[2J\nlu"))
    assert r"Re\x1b[2J\nlu (node" in refused(data, tmp_path, UnsupportedOperatorError)

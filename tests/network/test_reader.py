"""Whole models: the network that is read is the model that is deployed, and its digests name what it computes."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.models import ALL, DOUBLE, FLOAT, Graph, dense, residual, weights

from ivan.network.layers import Layer, Network
from ivan.network.model import Model
from ivan.network.onnx_reader import read_model, read_network
from ivan.network.reference import Runtime, self_check

SEEDS = st.integers(0, 2**32 - 1)
SHARED = [Path("../shared/data/vnncomp"), Path("../shared/data/updates")]


def read(data: bytes, folder: Path, name: str = "model.onnx") -> Model:
    path = folder / name
    path.write_bytes(data)
    return read_model(path)


def agrees(model: Model) -> None:
    """Fails unless the network computes what onnxruntime computes."""
    n = model.network.inputs
    self_check(model.network, Runtime(model.data), -np.ones(n), np.ones(n), np.random.default_rng(0))


@pytest.mark.parametrize("kind", sorted(ALL))
@pytest.mark.parametrize("seed", range(5))
def test_a_network_computes_what_onnxruntime_computes(kind, seed, tmp_path):
    agrees(read(ALL[kind](np.random.default_rng(seed)), tmp_path))


def random_graph(rng: np.random.Generator) -> bytes:
    """Ten operators on 2 x 4 x 4 images, each on any tensors computed before."""
    g = Graph()
    known = ["x"]
    for _ in range(10):
        a, b = (known[k] for k in rng.integers(0, len(known), 2))
        match rng.integers(0, 9):
            case 0:
                new = g.node("Conv", a, weights(rng, 2, 2, 3, 3), weights(rng, 2), pads=[1, 1, 1, 1])
            case 1:
                new = g.node("Relu", a)
            case 2:
                new = g.node("Add", a, b)
            case 3:
                new = g.node("Sub", a, b)
            case 4:
                new = g.node("MaxPool", a, kernel_shape=[3, 2], pads=[1, 0, 1, 1])
            case 5:
                new = g.node("MatMul", a, weights(rng, 4, 4))
            case 6:
                new = g.node("Transpose", a, perm=[0, 1, 3, 2])
            case 7:
                new = g.node("LeakyRelu", a, alpha=0.1)
            case _:
                new = g.node("Max", a, b)
        known.append(new)
    return g.model({"x": [1, 2, 4, 4]}, [g.node("ReduceMean", known[-1], axes=[2]), known[-2]])


@given(seed=SEEDS)
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_graphs_compute_what_onnxruntime_computes(seed, tmp_path):
    agrees(read(random_graph(np.random.default_rng(seed)), tmp_path))


@pytest.mark.skipif(not SHARED[0].is_dir(), reason="the competition's models are not here")
def test_every_competition_model_that_can_be_read_computes_what_onnxruntime_computes():
    from ivan.errors import UnsupportedOperatorError

    compared, refused = 0, set()
    for path in sorted(p for folder in SHARED for p in folder.rglob("*.onnx*")):
        if "acasxu" in str(path) and "_1_" not in path.name:
            continue  # nine of each kind are enough
        try:
            model = read_model(path)
        except UnsupportedOperatorError:
            refused.add(path.parts[-3])
        else:
            agrees(model)
            compared += 1
    assert compared > 40
    assert refused <= {"dist_shift", "lsnc", "ml4acopf", "vit"}


def test_compressed_and_plain_files_are_one_model(tmp_path):
    data = dense([2, 3, 1], np.random.default_rng(0))
    plain = read(data, tmp_path)
    packed = read(gzip.compress(data), tmp_path, "model.onnx.gz")
    misnamed = read(gzip.compress(data), tmp_path, "packed.onnx")
    assert plain.data == packed.data == misnamed.data == data
    assert plain.file_digest == packed.file_digest == misnamed.file_digest
    assert plain.network.digest == packed.network.digest


def test_external_data_is_read_and_travels_with_the_model(tmp_path):
    data = dense([2, 300, 1], np.random.default_rng(0))
    proto = onnx.load_from_string(data)
    onnx.save(proto, tmp_path / "split.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)
    split = read_model(tmp_path / "split.onnx")
    assert (tmp_path / "weights.bin").stat().st_size > 0
    assert split.network.digest == read(data, tmp_path).network.digest
    agrees(split)


def test_read_network_is_the_network_of_read_model(tmp_path):
    model = read(dense([2, 3, 1], np.random.default_rng(0)), tmp_path)
    assert read_network(tmp_path / "model.onnx").digest == model.network.digest
    assert model.path == str(tmp_path / "model.onnx")
    assert model.network.name == "model.onnx"


@pytest.mark.parametrize("batch", ["batch", 0, -1, None, 1])
def test_an_open_batch_dimension_is_one(batch, tmp_path):
    g = Graph()
    model = read(g.model({"x": [batch, 3]}, [g.node("Relu", "x")]), tmp_path)
    assert model.network.input_shape == (1, 3) == model.inputs[0].shape == model.outputs[0].shape
    if batch != 0:  # onnxruntime takes 0 literally
        agrees(model)


def test_stored_tensors_that_are_listed_as_inputs_are_weights(tmp_path):
    g = Graph()
    y = g.node("Add", "x", np.ones(3, np.float32))
    model = read(g.model({"w0": [3], "x": [1, 3]}, [y]), tmp_path)
    assert model.inputs[0].name == "x"
    agrees(model)


def test_outputs_are_concatenated_in_the_files_order(tmp_path):
    g = Graph()
    first = g.node("Gemm", "x", weights(np.random.default_rng(0), 3, 2))
    second = g.node("Relu", first)
    model = read(g.model({"x": [1, 3]}, [second, first, second]), tmp_path)
    assert [port.name for port in model.outputs] == [second, first, second]
    assert model.network.outputs == 6
    agrees(model)


def test_double_precision_is_read_as_such(tmp_path):
    g = Graph()
    y = g.node("MatMul", "x", np.random.default_rng(0).standard_normal((3, 2)))
    model = read(g.model({"x": [1, 3]}, [y], DOUBLE), tmp_path)
    assert model.network.precision == model.inputs[0].dtype == model.outputs[0].dtype == "float64"
    agrees(model)


def test_constants_are_folded_in_the_files_own_type(tmp_path):
    g = Graph()
    third = g.node("Div", np.float32([1]), np.float32([3]))
    network = read(g.model({"x": [1]}, [g.node("Mul", "x", third)]), tmp_path).network
    assert network(np.ones((1, 1)))[0, 0] == float(np.float32(1) / np.float32(3))


def test_a_model_that_does_nothing_or_ignores_its_input_can_be_read(tmp_path):
    copy = read(Graph().model({"x": [1, 2]}, ["x"]), tmp_path)
    np.testing.assert_array_equal(copy.network(np.array([[1.0, 2.0]])), [[1.0, 2.0]])
    g = Graph()
    still = read(g.model({"x": [1, 2]}, [g.node("Relu", g.node("Constant", value_floats=[-1.0, 2.0]))]), tmp_path)
    np.testing.assert_array_equal(still.network(np.zeros((3, 2))), [[0.0, 2.0]] * 3)


def test_nodes_that_no_output_needs_are_not_read(tmp_path):
    g = Graph()
    g.node("Softmax", "x")
    assert not read(g.model({"x": [1, 2]}, [g.node("Neg", "x")]), tmp_path).network.layers


def test_layers_carry_the_names_of_their_nodes(tmp_path):
    g = Graph()
    y = g.node("Relu", g.node("Relu", "x"))
    g.nodes[0].name = ""
    assert [layer.name for layer in read(g.model({"x": [1, 2]}, [y]), tmp_path).network.layers] == [
        "relu0",
        "relu1_node",
    ]


def test_long_skip_connections_stay_linear_in_size(tmp_path):
    def pieces(blocks: int) -> int:
        network = read(residual(np.random.default_rng(0), blocks), tmp_path).network
        return sum(layer.affine.width for layer in network.layers)

    assert pieces(24) - pieces(12) == pieces(36) - pieces(24)


def test_linear_chains_that_double_stay_linear_in_size(tmp_path):
    g, x = Graph(), "x"
    for _ in range(40):
        x = g.node("Add", x, g.node("MatMul", x, np.eye(2, dtype=np.float32) / 4))
    agrees(read(g.model({"x": [1, 2]}, [x]), tmp_path))


def test_long_linear_chains_are_cut_into_layers(tmp_path):
    g, x = Graph(), "x"
    for _ in range(2000):
        x = g.node("MatMul", x, np.eye(2, dtype=np.float32))
    model = read(g.model({"x": [1, 2]}, [x]), tmp_path)
    assert 10 < len(model.network.layers) < 30
    agrees(model)


def _renamed(data: bytes) -> bytes:
    """The same model with other names, and its weights as Constant nodes."""
    proto = onnx.load_from_string(data)
    graph = proto.graph
    for value in (*graph.input, *graph.output, *graph.initializer):
        value.name += "!"
    for k, node in enumerate(graph.node):
        node.name = f"other {k}"
        node.input[:] = [name and name + "!" for name in node.input]
        node.output[:] = [name + "!" for name in node.output]
    proto.producer_name = "another exporter"
    constants = [onnx.helper.make_node("Constant", [], [w.name], value=w) for w in graph.initializer]
    nodes = [*constants, *graph.node]
    del graph.initializer[:], graph.node[:]
    graph.node.extend(nodes)
    return proto.SerializeToString()


def _nudged(data: bytes) -> bytes:
    """The same model with one weight moved by one unit in its last place."""
    proto = onnx.load_from_string(data)
    tensor = proto.graph.initializer[-1]
    array = onnx.numpy_helper.to_array(tensor).copy()
    array.flat[0] = np.nextafter(array.flat[0], np.float32(np.inf))
    tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))
    return proto.SerializeToString()


@pytest.mark.parametrize("kind", sorted(ALL))
def test_digests_name_the_function_and_the_architecture_not_the_file(kind, tmp_path):
    data = ALL[kind](np.random.default_rng(0))
    network = read(data, tmp_path).network
    renamed = read(_renamed(data), tmp_path).network
    nudged = read(_nudged(data), tmp_path).network
    retrained = read(ALL[kind](np.random.default_rng(1)), tmp_path).network
    assert renamed.digest == network.digest
    assert len({network.digest, nudged.digest, retrained.digest}) == 3
    assert {n.architecture_digest for n in (renamed, nudged, retrained)} == {network.architecture_digest}


def test_different_architectures_have_different_digests(tmp_path):
    rng = np.random.default_rng(0)
    sizes = [[2, 3, 1], [2, 4, 1], [2, 3, 3, 1], [3, 3, 1]]
    networks = [read(make(rng), tmp_path).network for make in ALL.values()]
    networks += [read(dense(size, rng), tmp_path).network for size in sizes]
    assert len({n.architecture_digest for n in networks}) == len(networks)


def test_the_way_a_product_is_written_does_not_change_its_digest(tmp_path):
    W = weights(np.random.default_rng(0), 3, 2)

    def network(operator: str, weight: np.ndarray, **attributes: Any) -> Network:
        g = Graph()
        return read(g.model({"x": [1, 3]}, [g.node(operator, "x", weight, **attributes)], FLOAT), tmp_path).network

    ways = [network("MatMul", W), network("Gemm", W), network("Gemm", W.T.copy(), transB=1)]
    assert len({way.digest for way in ways}) == 1


def test_a_network_whose_layers_do_not_fit_is_refused(tmp_path):
    network = read(dense([2, 3, 1], np.random.default_rng(0)), tmp_path).network
    first = network.layers[0]
    with pytest.raises(ValueError, match="does not come before"):
        Network((Layer(network.output, first.activation, "late"),), (2,), first.affine)
    with pytest.raises(ValueError, match="reads 2 of 5 values"):
        Network((first,), (5,), network.output)

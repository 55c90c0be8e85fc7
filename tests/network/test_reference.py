"""The deployed model, and the check that it is the one that was read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from onnx import TensorProto
from tests.models import ALL, DOUBLE, Graph, dense

from ivan.errors import ModelError
from ivan.network.affine import Affine
from ivan.network.layers import Network
from ivan.network.onnx_reader import read_model
from ivan.network.reference import Runtime, rounding, self_check


@pytest.fixture(params=sorted(ALL))
def model(request, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(ALL[request.param](np.random.default_rng(3)))
    return read_model(path)


def test_inputs_are_rounded_to_the_models_precision():
    for kind, precision in ((None, np.float32), (DOUBLE, np.float64)):
        runtime = Runtime(Graph().model({"x": [1, 1]}, ["x"], *([kind] if kind else [])))
        assert runtime.precision == precision
        assert runtime.run(np.array([0.1]))[0] == float(precision(0.1))


def test_a_model_that_onnxruntime_refuses_is_an_input_error():
    g = Graph()
    data = g.model({"x": [1, 2]}, [g.node("NoSuchOperator", "x")])
    for broken in (data, b"", b"not a model"):
        with pytest.raises(ModelError, match=r"mine\.onnx: onnxruntime refuses the model: ") as caught:
            Runtime(broken, name="mine.onnx")
        assert "\n" not in caught.value.message


def test_a_model_that_fails_while_it_runs_is_an_input_error(monkeypatch):
    runtime = Runtime(dense([2, 3, 1], np.random.default_rng(0)))
    monkeypatch.setattr(runtime, "_inputs", [replace(runtime._inputs[0], shape=(1, 3))])
    with pytest.raises(ModelError, match="cannot run the model"):
        runtime.run(np.zeros(3))


def test_small_changes_of_one_weight_are_noticed(model):
    network, n = model.network, model.network.inputs
    runtime, rng = Runtime(model.data), np.random.default_rng(0)
    self_check(network, runtime, -np.ones(n), np.ones(n), rng)
    shift = np.zeros(network.outputs)
    shift[-1] = 0.01
    shifted = Network(network.layers, network.input_shape, network.output.plus_constant(shift), "model.onnx")
    with pytest.raises(
        ModelError, match=rf"model\.onnx: the model was read wrongly: output {len(shift) - 1} differs by 0\.01"
    ):
        self_check(shifted, runtime, -np.ones(n), np.ones(n), rng)


def rooted() -> bytes:
    """The root of a square: at 0, rounding would leave the root's domain."""
    g = Graph()
    return g.model({"x": [1, 2]}, [g.node("Sqrt", g.node("Mul", "x", "x"))])


def logarithm() -> bytes:
    g = Graph()
    return g.model({"x": [1, 2]}, [g.node("Exp", g.node("Log", g.node("Add", "x", np.ones(1, np.float32))))])


def masked(by: float) -> bytes:
    """A softmax behind a mask: what is masked is infinitely less likely, or the other infinitely more."""
    g, mask = Graph(), np.triu(np.full((3, 3), by, np.float32), 1)
    scores = g.node("Reshape", g.node("MatMul", "x", np.eye(9, dtype=np.float32)), np.array([1, 3, 3]))
    weights = g.node("Softmax", g.node("Add", scores, mask), axis=-1)
    values = np.arange(6, dtype=np.float32).reshape(3, 2)
    return g.model({"x": [1, 9]}, [g.node("Reshape", g.node("MatMul", weights, values), np.array([1, 6]))])


def tiny() -> bytes:
    """Numbers so small that beside a limit they are nothing in float64."""
    g = Graph()
    return g.model(
        {"x": [1, 2]}, [g.node("Clip", g.node("Mul", "x", np.float32(3e-15)), np.float32(-1), np.float32(1))]
    )


EDGES = {
    "clip of next to nothing": tiny(),
    "root of a square": rooted(),
    "exp of a logarithm": logarithm(),
    "mask of -1e4": masked(-1e4),
    "mask of -1e9": masked(-1e9),
    "mask of float32's least": masked(float(np.finfo(np.float32).min)),
}


@pytest.mark.parametrize("name", sorted(EDGES))
def test_where_rounding_leaves_a_domain_or_exp_overflows_all_is_well_and_misreadings_are_noticed(tmp_path, name):
    path = tmp_path / "model.onnx"
    path.write_bytes(EDGES[name])
    model = read_model(path)
    network, runtime, n = model.network, Runtime(model.data), model.network.inputs
    for seed in range(5):
        self_check(network, runtime, -np.ones(n), np.ones(n), np.random.default_rng(seed))
    for by in (0.01, np.nan, np.inf):
        shifted = Network(
            network.layers, network.input_shape, network.output.plus_constant(np.full(network.outputs, by))
        )
        with pytest.raises(ModelError, match="read wrongly"):
            self_check(shifted, runtime, -np.ones(n), np.ones(n), np.random.default_rng(0))
    allowed = rounding(network, np.full((1, n), 0.5), 2.0**-23, np.random.default_rng(0))
    assert np.all((allowed > 0.0) & (allowed < 1e-3))


def test_missing_outputs_and_numbers_that_are_not_finite_are_noticed(model):
    network, n = model.network, model.network.inputs
    runtime, rng = Runtime(model.data), np.random.default_rng(0)
    longer = Network(network.layers, network.input_shape, Affine.concatenated([network.output, network.output]))
    with pytest.raises(ModelError, match="outputs instead of"):
        self_check(longer, runtime, -np.ones(n), np.ones(n), rng)
    lost = Network(network.layers, network.input_shape, network.output.plus_constant(np.full(network.outputs, np.nan)))
    with pytest.raises(ModelError, match="read wrongly"):
        self_check(lost, runtime, -np.ones(n), np.ones(n), rng)


def test_the_allowance_shrinks_with_the_precision(model):
    x = np.zeros((2, model.network.inputs)) + 0.5
    coarse, fine = (rounding(model.network, x, unit, np.random.default_rng(0)) for unit in (2.0**-23, 2.0**-33))
    assert np.all(fine > 0)
    np.testing.assert_allclose(coarse / fine, 2.0**10, rtol=0.05)


@pytest.mark.parametrize(
    ("operator", "low", "high", "said"),
    [
        ("Log", -2.0, 1.0, r"Log \(node .*\) of -0\.5"),
        ("Sqrt", -2.0, 1.0, r"Sqrt \(node .*\) of -0\.5"),
        ("Reciprocal", -1.0, 1.0, r"the quotient 1 / x \(node .*\) of 0"),
    ],
)
def test_a_region_outside_the_models_domain_is_to_blame_by_that_name(tmp_path, operator, low, high, said):
    graph, path = Graph(), tmp_path / "model.onnx"
    path.write_bytes(graph.model({"x": [1, 1]}, [graph.node("Relu", graph.node(operator, "x"))]))
    model = read_model(path)
    with pytest.raises(
        ModelError, match=rf"the property's region reaches outside the model's domain: {said}"
    ) as caught:
        self_check(model.network, Runtime(model.data), np.full(1, low), np.full(1, high), np.random.default_rng(0))
    assert "narrow the region's bounds" in (caught.value.hint or "")


def test_a_model_whose_outputs_overflow_is_refused_by_that_name(tmp_path):
    graph, path = Graph(), tmp_path / "model.onnx"
    huge = np.full((1, 1), 1e30, np.float32)
    path.write_bytes(graph.model({"x": [1, 1]}, [graph.node("MatMul", graph.node("MatMul", "x", huge), huge)]))
    model = read_model(path)
    with pytest.raises(ModelError, match="leave float32"):
        self_check(model.network, Runtime(model.data), np.ones(1), np.ones(1), np.random.default_rng(0))


def scaled(*factors: float, kind: type = np.float32, relu: bool = True) -> bytes:
    """The input times one factor after the other, perhaps with a ReLU behind the first, and clipped."""
    g = Graph()
    tensor = "x"
    for k, factor in enumerate(factors):
        tensor = g.node("Mul", tensor, np.array(factor, kind))
        if relu and k == 0:
            tensor = g.node("Relu", tensor)
    limits = np.array(0, kind), np.array(100, kind)
    types = [DOUBLE] if kind is np.float64 else []
    return g.model({"x": [1, 1]}, [g.node("Clip", tensor, *limits)], *types)


def truth() -> bytes:
    g, small = Graph(), np.float32(1e-30)
    tensor = g.node("Mul", g.node("Mul", "x", small), small)
    truth = g.node("Cast", tensor, to=TensorProto.BOOL)
    return g.model({"x": [1, 1]}, [g.node("Cast", truth, to=TensorProto.FLOAT)])


def narrowed() -> bytes:
    g = Graph()
    narrow = g.node("Cast", g.node("Cast", "x", to=TensorProto.FLOAT), to=TensorProto.DOUBLE)
    tensor = g.node("Mul", narrow, np.float64(1e-39))
    return g.model({"x": [1, 1]}, [g.node("Clip", tensor, np.float64(0), np.float64(5))], DOUBLE)


def integers() -> bytes:
    g = Graph()
    whole = g.node("Cast", g.node("Mul", "x", np.float32(3e9)), to=TensorProto.INT32)
    return g.model({"x": [1, 1]}, [g.node("Cast", whole, to=TensorProto.FLOAT)])


LEFT = {
    "overflow": (scaled(2e38, 1e-38), 1.0, 20.0, "float32", "relu", r"\d\S*e\+39"),
    "overflow of float64": (scaled(2e307, 1e-307, kind=np.float64), 1.0, 20.0, "float64", "relu", "inf"),
    "overflow within one map": (scaled(1e30, 1e30, 1e-30, 1e-30, relu=False), 1.0, 1.0, "float32", "clip", r"1e\+60"),
    "underflow": (scaled(1e-38, 1e-4, 1e38, 1e4), 1.0, 2.0, "float32", "clip", r"\d\S*e-42"),
    "underflow to zero": (scaled(1e-30, 1e-30, 1e30, 1e30, relu=False), 1.0, 1.0, "float32", "clip", "1e-60"),
    "truth of an underflow": (truth(), 1.0, 2.0, "float32", "cast", "1.5e-60"),
    "a narrower float": (narrowed(), 1e38, 1e39, "float32", "clip", r"5.5e\+38"),
    "integers": (integers(), 0.9, 1.0, "int32", "cast", r"28\d{8}"),
}


@pytest.mark.parametrize("name", sorted(LEFT))
def test_numbers_inside_that_leave_their_type_are_to_blame_by_the_nodes_name(tmp_path, name):
    data, low, high, kind, node, number = LEFT[name]
    place = rf"on the way to node '{node}\d_node' a number is {number}"
    said = f"numbers inside the model leave {kind} inside the property's region: {place}"
    path = tmp_path / "model.onnx"
    path.write_bytes(data)
    model = read_model(path)
    with pytest.raises(ModelError, match=rf"model\.onnx: {said}") as caught:
        self_check(model.network, Runtime(model.data), np.full(1, low), np.full(1, high), np.random.default_rng(0))
    assert "narrow the region's bounds" in (caught.value.hint or "")


def harmless(operator: str, factor: float) -> bytes:
    """Numbers that leave float32 without a trace: exp(-200) next to 1, and a sigmoid of exp(200)."""
    g = Graph()
    far = g.node("Exp", g.node("Mul", "x", np.float32(factor)))
    return g.model({"x": [1, 1]}, [g.node("Add", g.node(operator, far), "x")])


@pytest.mark.parametrize("data", [harmless("Sigmoid", 200.0), harmless("Relu", -95.0), harmless("Relu", -200.0)])
def test_numbers_that_leave_their_type_without_a_trace_excuse_no_misreading(tmp_path, data):
    path = tmp_path / "model.onnx"
    path.write_bytes(data)
    model = read_model(path)
    network, runtime, ends = model.network, Runtime(model.data), (np.ones(1), np.full(1, 2.0))
    self_check(network, runtime, *ends, np.random.default_rng(0))
    shifted = Network(network.layers, network.input_shape, network.output.plus_constant(np.full(1, 0.01)))
    with pytest.raises(ModelError, match="read wrongly"):
        self_check(shifted, runtime, *ends, np.random.default_rng(0))

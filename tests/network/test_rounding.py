"""How far onnxruntime's curves are off: within what the bounds of declared floats allow for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special
from tests.engine import from_onnx
from tests.models import DOUBLE, FLOAT, Graph

from ivan.network.activations.rounding import CURVE, EXACT, UNKNOWN, Rounding, summed
from ivan.network.reference import Runtime

UNIT = {"float32": 2.0**-24, "float64": 2.0**-53}

CURVES: list[tuple[str, int, dict[str, Any], float]] = [
    ("Sigmoid", 13, {}, 200.0),
    ("Tanh", 13, {}, 200.0),
    ("Erf", 13, {}, 50.0),
    ("Exp", 13, {}, 80.0),
    ("Softplus", 13, {}, 200.0),
    ("Softsign", 13, {}, 1e4),
    ("Atan", 13, {}, 1e4),
    ("Sin", 13, {}, 1e3),
    ("Cos", 13, {}, 1e3),
    ("Elu", 13, {"alpha": 1.0}, 100.0),
    ("Elu", 13, {"alpha": 30.0}, 100.0),
    ("HardSwish", 14, {}, 1e4),
    ("Mish", 18, {}, 200.0),
    ("Gelu", 20, {"approximate": "none"}, 1e4),
    ("Gelu", 20, {"approximate": "tanh"}, 1e4),
    ("Sqrt", 13, {}, 1e6),
    ("Log", 13, {}, 1e6),
    ("Reciprocal", 13, {}, 1e6),
]


def samples(low: float, high: float, kind: str, count: int = 2_000) -> np.ndarray:
    """Numbers of a type, dense where curves bend and sparse to the ends of the range."""
    rng = np.random.default_rng(5)
    wide, narrow = rng.uniform(low, high, count), rng.normal(0.0, 4.0, count).clip(low, high)
    return np.concatenate([wide, narrow, [low, high]]).astype(kind).astype(np.float64)


def built(operator: str, opset: int, size: int, kind: str, attributes: dict[str, Any]) -> bytes:
    graph = Graph(opset)
    data = FLOAT if kind == "float32" else DOUBLE
    return graph.model({"x": [1, size]}, [graph.node(operator, "x", **attributes)], data)


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize(("operator", "opset", "attributes", "end"), CURVES)
def test_a_curve_of_the_runtime_is_within_its_rounding(operator, opset, attributes, end, kind):
    low = {"Sqrt": 0.0, "Log": 1e-6, "Reciprocal": 1e-6}.get(operator, -end)
    x = samples(low, end, kind)
    if operator in ("Log", "Reciprocal"):
        x = np.maximum(x, np.float64(np.float32(1e-6)))
    data = built(operator, opset, len(x), kind, attributes)
    try:
        runtime = Runtime(data)
    except Exception as error:  # this runtime has no such kernel
        pytest.skip(f"{operator} of {kind}: {error}")
    network = from_onnx(data)
    (layer,) = [layer for layer in network.layers if layer.rounding != EXACT]
    if not layer.rounding.known:
        pytest.skip(f"nothing is claimed of {operator} of {kind}")
    exact = layer.activation.value(x)
    allowed = layer.rounding.error(UNIT[kind], np.abs(exact), np.abs(x))
    assert np.all(np.abs(runtime.run(x) - exact) <= allowed)


ALONG: list[tuple[str, Callable[[np.ndarray], np.ndarray]]] = [
    ("Softmax", lambda t: special.softmax(t, axis=-1)),
    ("LogSoftmax", lambda t: special.log_softmax(t, axis=-1)),
]


@pytest.mark.parametrize("terms", [3, 40, 300])
@pytest.mark.parametrize(("operator", "function"), ALONG)
def test_a_sum_of_exponentials_of_the_runtime_is_within_its_rounding(operator, function, terms):
    rng, graph = np.random.default_rng(8), Graph(13)
    x = (rng.normal(0.0, 1.0, (200, terms)) * rng.choice([0.1, 3.0, 40.0], (200, 1))).astype(np.float32)
    runtime = Runtime(graph.model({"x": list(x.shape)}, [graph.node(operator, "x", axis=-1)]))
    exact = function(x.astype(np.float64)).ravel()
    allowed = summed(terms).error(UNIT["float32"], np.abs(exact), np.zeros_like(exact))
    assert np.all(np.abs(runtime.run(x.astype(np.float64).ravel()) - exact) <= allowed)


def test_a_variance_may_lose_every_digit_and_has_no_rounding():
    """Onnxruntime takes it from a mean of squares."""
    graph = Graph(17)
    network = from_onnx(graph.model({"x": [1, 8]}, [graph.node("LayerNormalization", "x", np.ones(8, np.float32))]))
    assert UNKNOWN in [layer.rounding for layer in network.layers]
    assert not UNKNOWN.known


def test_an_error_has_parts_of_value_one_and_operand():
    values, operands = np.array([2.0, 0.0]), np.array([5.0, 5.0])
    error = Rounding(3.0, 7.0, 0.5).error(0.25, values, operands)
    assert error == pytest.approx([0.25 * (6.0 + 7.0 + 2.5), 0.25 * (7.0 + 2.5)])
    assert not Rounding().error(0.25, values, operands).any()
    assert not CURVE.error(0.0, values, operands).any()


def test_a_gate_that_a_file_spells_out_is_within_the_rounding_of_one():
    """X sigmoid(x) in two nodes is read as one curve, and rounded twice."""
    graph, x = Graph(13), samples(-1e4, 1e4, "float32")
    data = graph.model({"x": [1, len(x)]}, [graph.node("Mul", "x", graph.node("Sigmoid", "x"))])
    layer = from_onnx(data).layers[-1]
    assert layer.activation.name == "Swish"
    exact = layer.activation.value(x)
    assert np.all(
        np.abs(Runtime(data).run(x) - exact) <= layer.rounding.error(UNIT["float32"], np.abs(exact), np.abs(x))
    )

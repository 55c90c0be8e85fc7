"""Questions that leave no margin, or hardly any, and are decided all the same.

By numbers that are the same, squares, absolute values, what lies between integers, what rounding alone makes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine import FEW, Rng
from tests.models import Graph

import ivan
from ivan.bounds.descend import descend
from ivan.bounds.domains import Domains
from ivan.bounds.enclosure import enclose
from ivan.network.affine import Affine
from ivan.network.linear import COMPUTED, Dense, Selection, origins
from ivan.network.onnx_reader import read_network
from ivan.proof import Kind, Side

SAT, UNSAT = ivan.Verdict.SAT, ivan.Verdict.UNSAT
INT32, INT64 = 6, 7


def identity(g: Graph) -> str:
    return g.node("Identity", "x")


def verdict(folder: Path, build, assertions: str, element: str = "real", kind: int = 1) -> ivan.Verdict:
    """Of a model of two numbers."""
    g = Graph(14)
    model = folder / "model.onnx"
    output = build(g)
    model.write_bytes(g.model({"x": [1, 2]}, [output], kind, kind))
    tensors = f"(declare-input X {element} [1,2]) (declare-output Y {element} [1,2])"
    query = folder / "query.vnnlib"
    query.write_text(f"(vnnlib-version <2.0>) (declare-network f {tensors}) (assert (and {assertions}))")
    return ivan.verify(model, query, store=False, timeout=30).verdict


BOX = "(>= X[0,0] -1.0) (<= X[0,0] 1.0) (>= X[0,1] -1.0) (<= X[0,1] 1.0) "


@pytest.mark.parametrize("element", ["real", "float32"])
@pytest.mark.parametrize(
    ("asserted", "expected"),
    [
        ("(!= Y[0,0] X[0,0])", UNSAT),
        ("(< Y[0,1] X[0,1])", UNSAT),
        ("(== Y[0,0] X[0,0])", SAT),
        ("(> (* 3.0 Y[0,0]) (+ X[0,0] (* 2.0 X[0,0])))", UNSAT),
        ("(!= Y[0,0] X[0,1])", SAT),
    ],
)
def test_an_output_that_is_an_input_is_that_very_number(tmp_path, asserted, expected, element):
    assert verdict(tmp_path, identity, BOX + asserted, element) is expected


def test_two_networks_that_are_one_yield_the_same_at_equal_inputs(tmp_path):
    g = Graph()
    model = tmp_path / "model.onnx"
    h = g.node("Relu", g.node("MatMul", "x", np.float32([[1.3, -0.7], [0.4, 0.9]])))
    model.write_bytes(g.model({"x": [1, 2]}, [g.node("MatMul", h, np.float32([[0.3, 1.1], [-0.6, 0.2]]))]))
    query = tmp_path / "query.vnnlib"
    networks = "".join(
        f"(declare-network {name} {same}(declare-input {x} float32 [1,2])(declare-output {y} float32 [1,2]))"
        for name, same, x, y in (("f", "", "X", "Y"), ("g", "(equal-to f)", "U", "V"))
    )
    equal = "(== X[0,0] U[0,0]) (== X[0,1] U[0,1])"
    query.write_text(f"(vnnlib-version <2.0>){networks}(assert (and {BOX} {equal} (!= Y[0,0] V[0,0])))")
    assert ivan.verify(model, query, store=False, timeout=30).verdict is UNSAT
    copy = tmp_path / "copy.onnx"
    copy.write_bytes(model.read_bytes())
    query.write_text(query.read_text().replace("(equal-to f)", ""))
    assert ivan.verify({"f": model, "g": copy}, query, store=False, timeout=30).verdict is UNSAT


@pytest.mark.parametrize(
    ("asserted", "expected"),
    [
        ("(< (* Y[0,0] Y[0,0]) 0.0)", UNSAT),
        ("(< (* X[0,0] X[0,0] X[0,0] X[0,0]) 0.0)", UNSAT),
        ("(< (* X[0,0] X[0,1] X[0,0] X[0,1]) 0.0)", UNSAT),
        ("(> (* Y[0,0] Y[0,0]) (* X[0,0] X[0,0]))", UNSAT),
        ("(< (* X[0,0] X[0,0] X[0,0]) -0.5)", SAT),
        ("(< (+ (* X[0,0] X[0,0]) (* X[0,1] X[0,1])) 0.0)", UNSAT),
    ],
)
def test_a_square_is_never_negative(tmp_path, asserted, expected):
    assert verdict(tmp_path, identity, BOX + asserted) is expected


@pytest.mark.parametrize("least", [0.0, 1.0])
@pytest.mark.parametrize("operator", ["Sqrt", "Log", "Reciprocal"])
def test_an_absolute_value_stays_in_the_domain_of_what_is_applied_to_it(tmp_path, operator, least):
    """Bounds of 2 relu(x) - x do not show that it is not negative."""

    def build(g: Graph) -> str:
        total = g.node("ReduceSum", "x", np.array([1]), keepdims=1)
        size = g.node("Add", g.node("Abs", total), np.float32(max(least, 0.0 if operator == "Sqrt" else 0.25)))
        return g.node("Concat", g.node(operator, size), size, axis=1)

    high = {"Sqrt": 1.8, "Log": 1.2, "Reciprocal": 4.1}[operator]
    assert verdict(tmp_path, build, BOX + f"(> Y[0,0] {high})") is UNSAT


@FEW
@given(seed=st.integers(0, 2**32 - 1))
def test_what_is_known_of_an_absolute_value_holds(tmp_path_factory, seed):
    rng = np.random.default_rng(seed)
    g = Graph()
    w = rng.standard_normal((2, 3)).astype(np.float32)
    path = tmp_path_factory.mktemp("abs") / "model.onnx"
    path.write_bytes(g.model({"x": [1, 2]}, [g.node("Abs", g.node("MatMul", "x", w))]))
    network = read_network(path)
    low = rng.standard_normal((4, 2))
    enclosure = enclose(network, Domains.boxes(low, low + rng.random((4, 2)), len(network.layers)))
    least, most = enclosure.outputs
    assert np.all(least >= 0.0)
    for x in (enclosure.lower, enclosure.upper, 0.5 * (enclosure.lower + enclosure.upper)):
        y = network(x)
        assert np.all((least <= y) & (y <= most))


WHOLE = "(>= X[0,0] {0}) (<= X[0,0] {1}) (== X[0,1] 0) "


@pytest.mark.parametrize(
    ("asserted", "expected"),
    [
        ("(> X[0,0] 2) (< X[0,0] 3)", UNSAT),
        ("(== (* 3 X[0,0]) 4)", UNSAT),
        ("(== (* 2 Y[0,0]) 7)", UNSAT),
        ("(== (* 2 Y[0,0]) 8)", SAT),
        ("(> (* 2 Y[0,0]) 5) (< (* 2 Y[0,0]) 6)", UNSAT),
    ],
)
def test_nothing_lies_between_integers(tmp_path, asserted, expected):
    box = WHOLE.format(0, 6)
    assert verdict(tmp_path, identity, box + asserted, "int32", INT32) is expected


@FEW
@given(seed=st.integers(0, 2**32 - 1))
def test_cuts_of_integers_lose_none(seed):
    """Every integer of a box is in a child of any cut, and what is left begins and ends at integers."""
    rng: Rng = np.random.default_rng(seed)
    low = rng.integers(-5, 5, 2).astype(float)
    high = low + rng.integers(1, 6, 2)
    at = float(rng.uniform(low[0], high[0]))
    root = Domains.boxes(low[None], high[None], 0, np.array([True, False]))
    columns = {
        "parent": np.array([-1, 0, 0]), "kind": np.array([Kind.INPUT] * 3),
        "side": np.array([0, Side.BELOW, Side.ABOVE]), "layer": np.zeros(3, np.int64),
        "unit": np.zeros(3, np.int64), "at": np.array([0.0, at, at]),
    }  # fmt: skip
    nodes = np.array([1, 2])
    children = descend(root.take(np.zeros(2, np.int64)), columns, nodes, np.zeros(2, np.int64))
    for x in range(int(low[0]), int(high[0]) + 1):
        assert any(children.lower[k, 0] <= x <= children.upper[k, 0] for k in range(2))
    assert np.array_equal(children.lower[:, 0], np.rint(children.lower[:, 0]))
    assert np.array_equal(children.upper[:, 0], np.rint(children.upper[:, 0]))
    assert np.array_equal(children.lower[:, 1], [low[1]] * 2)


def test_what_rounding_alone_violates_is_found_where_floats_are_asked_about(tmp_path):
    """X + 2^24 - 2^24 is 0 for small x, in float32 and nowhere else."""

    def build(g: Graph) -> str:
        large = np.float32([[2.0**24, 2.0**24]])
        return g.node("Sub", g.node("Add", "x", large), large)

    inside = "(>= X[0,0] 0.25) (<= X[0,0] 0.75) (>= X[0,1] 0.25) (<= X[0,1] 0.75) "
    assert verdict(tmp_path, build, inside + "(<= Y[0,0] 0.1)", "float32") is SAT
    assert verdict(tmp_path, build, inside + "(<= Y[0,0] 0.1)", "real") is UNSAT


@FEW
@given(seed=st.integers(0, 2**32 - 1))
def test_a_number_comes_from_where_it_is_said_to(seed):
    rng: Rng = np.random.default_rng(seed)
    n = 5
    parts = [
        Affine(n, {0: Selection(rng.integers(-1, n, n), n)}),
        Affine(n, {0: Dense(rng.standard_normal((n, n)))}),
        Affine.of(1, n).then(Selection(rng.permutation(n), n)),
    ]
    whole = Affine.concatenated([parts[k] for k in rng.integers(0, 3, 3)])
    whole = whole.then(Selection(rng.integers(-1, whole.size, 8), whole.size))
    values = {0: rng.standard_normal((1, n)), 1: rng.standard_normal((1, n))}
    computed = whole.evaluate(values)[0]
    for number in range(whole.size):
        found = whole.origin(number)
        if found is not None:
            assert computed[number] == values[found[0]][0, found[1]]
    assert origins(Dense(np.eye(2))).tolist() == [COMPUTED, COMPUTED]

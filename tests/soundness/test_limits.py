"""What a reading takes for granted is proved on a query's boxes, or the query is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.models import Graph

from ivan.bounds.domains import Domains
from ivan.bounds.enclosure import enclose
from ivan.bounds.limits import left
from ivan.deployment import deploy
from ivan.errors import ModelError, PropertyError
from ivan.network.onnx_reader import read_model
from ivan.network.reference import Runtime
from ivan.verdict import Verdict
from ivan.verification import verify
from ivan.vnnlib import parse_query


def saved(g: Graph, output: str, folder: Path, dtype: int = 1, shape: tuple[int, ...] = (1, 1)) -> Path:
    from onnx import ModelProto

    proto = ModelProto.FromString(g.model({"x": list(shape)}, [output]))
    for port in (*proto.graph.input, *proto.graph.output):
        port.type.tensor_type.elem_type = dtype
    path = folder / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    return path


def asked(lower: float, upper: float) -> str:
    return (
        f"(declare-const X_0 Real)(declare-const Y_0 Real)(assert (>= X_0 {lower}))(assert (<= X_0 {upper}))"
        "(assert (<= Y_0 -10.0))"
    )


INT32, INT64 = 6, 7


def squared(g: Graph) -> str:
    return g.node("Mul", "x", "x")


def inside(g: Graph) -> str:
    """Integers between floats."""
    whole = g.node("Cast", "x", to=INT32)
    return g.node("Cast", g.node("Mul", whole, whole), to=1)


def added(g: Graph) -> str:
    return g.node("Add", "x", np.array([2**31 - 100], np.int32))


def whole(g: Graph) -> str:
    return g.node("Cast", g.node("Cast", "x", to=INT32), to=1)


@pytest.mark.parametrize(
    ("build", "dtype", "fits", "wraps"),
    [
        (squared, INT32, (0, 46340), (0, 46341)),
        (squared, INT64, (0, 3_000_000_000), (0, 4_000_000_000)),
        (inside, 1, (-46340, 46340), (46000, 47000)),
        (added, INT32, (-5, 99), (0, 101)),
        (whole, 1, (-2e9, 2e9), (0, 3e9)),
    ],
)
def test_integers_that_may_leave_their_type_are_refused(build, dtype, fits, wraps, tmp_path):
    g = Graph(14)
    path = saved(g, build(g), tmp_path, dtype)
    deploy(parse_query(asked(*fits)), path)
    with pytest.raises(PropertyError, match=r"may leave int(32|64), which wraps around"):
        deploy(parse_query(asked(*wraps)), path)
    top = np.array([float(wraps[1])])
    model = read_model(path)
    assert Runtime(model.data).run(top)[0] != pytest.approx(model.network(top[None])[0, 0])  # it does wrap around


def masked(g: Graph, least: float) -> str:
    return g.node(
        "Softmax", g.node("Mul", g.node("Add", "x", np.array([[0, least]], np.float32)), np.float32(1)), axis=1
    )


def test_a_mask_must_outweigh_what_it_hides(tmp_path):
    g = Graph(13)
    model = read_model(saved(g, masked(g, -1e4), tmp_path, shape=(1, 2)))
    hidden = np.full((1, 2), 4000.0)
    assert left(model, -hidden, hidden) is None
    weak = np.full((1, 2), 6000.0)
    limit, _, most = left(model, -weak, weak)
    assert "mask" in limit.otherwise
    assert most == pytest.approx(2000.0)


def test_a_mask_that_is_no_mask_is_none(tmp_path):
    """Constants that all entries share, or that are near one another, hide nothing."""
    for least in (0.0, -100.0):
        g = Graph(13)
        assert not read_model(saved(g, masked(g, least), tmp_path, shape=(1, 2))).limits


def test_what_is_asked_whether_it_is_a_number_must_be_one(tmp_path):
    g = Graph(13)
    output = g.node("Where", g.node("IsNaN", g.node("Sqrt", "x")), np.float32(-20), np.float32(1))
    path = saved(g, output, tmp_path)
    deploy(parse_query(asked(1.0, 2.0)), path)
    with pytest.raises(PropertyError, match="may read what is no number"):
        deploy(parse_query(asked(-1.0, 2.0)), path)


def test_limits_are_asked_of_the_inputs_that_a_network_reads(tmp_path):
    """Of two networks, each with its own box."""
    g = Graph(14)
    path = saved(g, squared(g), tmp_path, INT32)

    def query(first: int, second: int) -> str:
        networks = "".join(
            f"(declare-network {name} {same}(declare-input {x} int32 [1,1])(declare-output {y} int32 [1,1]))"
            for name, same, x, y in (("f", "", "X", "Y"), ("g", "(equal-to f)", "U", "V"))
        )
        box = f"(assert (>= X[0,0] 0))(assert (<= X[0,0] {first}))(assert (>= U[0,0] 0))(assert (<= U[0,0] {second}))"
        return f"(vnnlib-version <2.0>){networks}{box}(assert (> Y[0,0] V[0,0]))"

    deploy(parse_query(query(46340, 3)), path)
    for boxes in ((46341, 3), (3, 46341)):
        with pytest.raises(PropertyError, match="int32"):
            deploy(parse_query(query(*boxes)), path)


def test_a_query_without_any_box_is_answered(tmp_path):
    g = Graph(14)
    path = saved(g, squared(g), tmp_path, INT32)
    assert not deploy(parse_query(asked(1, 0)), path).problem.regions


def in_declared(folder: Path, g: Graph, output: str, assertions: str, types: tuple[str, int], made: tuple[str, int]):
    """A query that declares the types of a model of one number."""
    model = folder / "model.onnx"
    model.write_bytes(g.model({"x": [1, 1]}, [output], types[1], made[1]))
    tensors = f"(declare-input X {types[0]} [1,1])(declare-output Y {made[0]} [1,1])"
    return model, parse_query(f"(vnnlib-version <2.0>)(declare-network f {tensors})(assert (and {assertions}))")


INTEGER, LONG, SINGLE, DOUBLE = ("int32", INT32), ("int64", INT64), ("float32", 1), ("float64", 11)


@pytest.mark.parametrize(
    ("types", "made", "most"), [(INTEGER, SINGLE, 2**24), (LONG, SINGLE, 2**24), (LONG, DOUBLE, 2**53)]
)
def test_integers_that_a_float_lacks_are_refused_where_its_arithmetic_is_asked_about(tmp_path, types, made, most):
    g = Graph(14)
    doubled = g.node("Add", "x", np.array([[1]], np.dtype(types[0])))
    output = g.node("Cast", doubled, to=made[1])

    def box(top: int, declared: str = made[0]):
        query = f"(>= X[0,0] 0) (<= X[0,0] {top}) (> Y[0,0] 5.0)"
        return in_declared(tmp_path, g, output, query, types, (declared, made[1]))

    def ask(*box_of: int | str) -> None:
        model, query = box(*box_of)
        deploy(query, model)

    ask(most // 2)
    ask(most // 2, "real")
    with pytest.raises(PropertyError, match=f"may round integers, of which {made[0]} has not all"):
        ask(most)
    if most < 2**53:
        ask(most + 100, "real")  # there, what rounding makes is no answer


def test_integers_that_a_float_has_need_no_limit(tmp_path):
    g = Graph(14)
    assert not read_model(saved(g, g.node("Cast", "x", to=1), tmp_path, dtype=5)).limits  # int16


@pytest.mark.parametrize("through", [False, True])
def test_a_float64_that_becomes_a_float32_is_rounded(tmp_path, through):
    """X and its float32 are not the same number where the deployed arithmetic is asked about."""
    g = Graph(14)
    x = g.node("Cast", "x", to=1)
    output = g.node("Cast", g.node("Identity", x), to=11) if through else x
    made = DOUBLE if through else SINGLE
    far = "(== X[0,0] 0.1) (> Y[0,0] 0.10001)"
    model, query = in_declared(tmp_path, g, output, far, DOUBLE, made)
    assert verify(model, query, store=False).verdict is Verdict.UNSAT
    network, at = deploy(query, model).problem.network, np.array([[0.1]])
    (deployed,) = Runtime(model.read_bytes()).run(at[0])
    low, high = enclose(network, Domains.boxes(at, at, len(network.layers))).outputs
    assert deployed != 0.1
    assert low[0, 0] <= deployed <= high[0, 0]


@pytest.mark.parametrize("far", [2**53 + 1, -(2**53) - 1, 2**63 - 1])
def test_integer_constants_that_float64_lacks_are_refused(tmp_path, far):
    g = Graph(14)
    output = g.node("Concat", "x", np.array([[far]], np.int64), axis=1)
    with pytest.raises(ModelError, match="an integer is beyond 2"):
        read_model(saved(g, output, tmp_path, INT64))


def test_a_limit_beyond_float32_is_one_of_a_float64(tmp_path):
    g = Graph(14)
    model = tmp_path / "model.onnx"
    model.write_bytes(g.model({"x": [1, 1]}, [g.node("Clip", "x", np.float64(-1), np.float64(1e39))], 11, 11))
    assert read_model(model).network(np.array([[1e40]]))[0, 0] == pytest.approx(1e39)

"""Models and what a query declares: they fit or it is said what does not, and they compute what is verified."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from tests.declared import asked, box, equal, network, tensor
from tests.models import Graph, dense
from tests.network.test_inputs import mixed, with_inputs

from ivan.attack.confirm import confirm
from ivan.deployment import Deployment, deploy
from ivan.errors import InputError, MismatchError
from ivan.network.reference import self_check
from ivan.vnnlib import Query, parse_query

UNSAFE = "(assert (<= Y_0 0))"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate("fg"):
        (tmp_path / f"{name}.onnx").write_bytes(dense([3, 4, 2], np.random.default_rng(seed)))
    (tmp_path / "mixed.onnx").write_bytes(mixed())
    return tmp_path


def pair(more: str = UNSAFE, **second: str) -> Query:
    networks = [
        network("f", [tensor("X", 1, 3)], [tensor("Y", 1, 2)]),
        network("g", [tensor("V", 1, 3)], [tensor("W", 1, 2)], **second),
    ]
    return asked(networks, box(6) + more)


def agrees(deployment: Deployment) -> None:
    """Fails unless what is verified is what the models compute."""
    problem = deployment.problem
    region = problem.regions[0]
    rng = np.random.default_rng(0)
    behind = len(problem.query.products)
    self_check(problem.network, deployment, region.inner_lower, region.inner_upper, rng, behind=behind)


def test_several_networks_are_one_over_all_their_inputs(folder):
    deployment = deploy(pair(), {"f": "f.onnx", "g": "g.onnx"})
    network = deployment.problem.network
    assert (network.inputs, network.outputs, network.name) == (6, 4, "f.onnx + g.onnx")
    np.testing.assert_array_equal(deployment.problem.place, np.arange(6))
    agrees(deployment)


def test_inputs_that_are_equal_are_one(folder):
    query = pair(equal(0, 5) + equal(4, 1) + equal(4, 2) + "(assert (<= Y_0 Y_3))")
    problem = deploy(query, {"f": "f.onnx", "g": "g.onnx"}).problem
    np.testing.assert_array_equal(problem.place, [0, 1, 1, 2, 1, 0])
    assert problem.network.inputs == 3
    [case] = problem.cases
    assert [row.inputs for row in case.rows] == [()]  # the equations hold by themselves
    agrees(deploy(query, {"f": "f.onnx", "g": "g.onnx"}))


def test_the_box_of_equal_inputs_is_what_their_boxes_have_in_common(folder):
    more = "(assert (>= X_0 -0.5)) (assert (<= X_3 0.25))"
    problem = deploy(pair(equal(0, 3) + more + UNSAFE), {"f": "f.onnx", "g": "g.onnx"}).problem
    [region] = problem.regions
    assert (region.lower[0], region.upper[0]) == (-0.5, 0.25)
    apart = deploy(
        pair(equal(0, 3) + "(assert (>= X_0 0.5)) (assert (<= X_3 0.25))" + UNSAFE), {"f": "f.onnx", "g": "g.onnx"}
    )
    assert apart.problem.cases == ()


def test_a_row_between_equal_inputs_that_never_holds_leaves_no_case(folder):
    query = pair(equal(0, 3) + "(assert (or (<= (+ X_0 0.5) X_3) (<= Y_0 0)))")
    assert len(deploy(query, {"f": "f.onnx", "g": "g.onnx"}).problem.cases) == 1


def test_equations_inside_a_disjunction_join_nothing(folder):
    query = pair("(assert (or (= X_0 X_3) (<= Y_0 0)))")
    assert deploy(query, {"f": "f.onnx", "g": "g.onnx"}).problem.network.inputs == 6


def test_a_network_equal_to_another_is_its_model(folder):
    query = pair(equal(0, 3) + UNSAFE, equal_to="f")
    deployment = deploy(query, {"f": "f.onnx"})
    assert len(deployment.models) == 1
    assert len(deployment.problem.network.layers) == 2 * len(deployment.models[0].network.layers)
    agrees(deployment)
    # the same function of the same inputs is computed once
    same = deploy(pair(equal(0, 3) + equal(1, 4) + equal(2, 5) + UNSAFE, equal_to="f"), "f.onnx")
    assert len(same.problem.network.layers) == len(same.models[0].network.layers) + 1  # its outputs, by a name
    agrees(same)
    (folder / "copy.onnx").write_bytes((folder / "f.onnx").read_bytes())
    deploy(query, {"f": "f.onnx", "g": "copy.onnx"})
    with pytest.raises(InputError, match="network g is equal to f, but another model is given for it"):
        deploy(query, {"f": "f.onnx", "g": "g.onnx"})


@pytest.mark.parametrize(("element", "shared"), [("real", True), ("float32", False)])
def test_files_of_one_function_are_one_network_in_exact_arithmetic(folder, element, shared):
    """Tensors may have other names; in a deployed arithmetic only the same file is known to compute the same."""
    (folder / "renamed.onnx").write_bytes(dense([3, 4, 2], np.random.default_rng(0), prefix="other_"))
    networks = [
        network("f", [tensor("X", 1, 3, element=element)], [tensor("Y", 1, 2, element=element)]),
        network("g", [tensor("V", 1, 3, element=element)], [tensor("W", 1, 2, element=element)]),
    ]
    same = equal(0, 3) + equal(1, 4) + equal(2, 5)
    query = asked(networks, box(6) + same + "(assert (> (- Y_0 Y_2) 0.001))")
    models = {"f": "f.onnx", "g": "renamed.onnx"}
    deployment = deploy(query, models)
    first, second = deployment.models
    assert first.file_digest != second.file_digest
    assert (first.network is second.network) is shared
    assert (deployment.problem.cases == ()) is shared
    assert [model.path for model in deployment.models] == list(models.values())  # each is run itself
    agrees(deployment)
    assert deploy(query, {"f": "f.onnx", "g": "g.onnx"}).problem.cases  # another function of the same form


def test_products_stand_behind_the_outputs_and_are_exact_at_a_counterexample(folder):
    from dataclasses import replace

    base = network("f", [tensor("X", 1, 3)], [tensor("Y", 1, 2)])
    query = replace(asked([base], box(3) + UNSAFE), products=((0, 0), (-2, 1, 2)))
    problem = deploy(query, "f.onnx").problem
    assert problem.network.outputs == 4
    agrees(deploy(query, "f.onnx"))
    x, y = [Fraction(2), Fraction(3), Fraction(1, 3)], [Fraction(5), Fraction(7)]
    assert problem.outputs_of(x, y) == [5, 7, 4, 7]


def test_one_network_as_it_is_keeps_its_digest(folder):
    query = asked([network("f", [tensor("X", 1, 3)], [tensor("Y", 1, 2)])], box(3) + UNSAFE)
    plain = parse_query(
        " ".join(f"(declare-const {v} Real)" for v in ("X_0", "X_1", "X_2", "Y_0", "Y_1")) + box(3) + UNSAFE
    )
    one, other = deploy(query, {"f": "f.onnx"}), deploy(plain, "f.onnx")
    assert one.problem.network.digest == other.problem.network.digest == other.models[0].network.digest
    assert one.file_digest == other.file_digest == other.models[0].file_digest


def test_tensors_are_matched_by_order_or_by_name(folder):
    data = onnx.load_from_string(mixed())
    first, second = (output.name for output in data.graph.output)
    inputs = [tensor("C", 1, 2, onnx="c"), tensor("A", 1, 2, onnx="a"), tensor("B", 1, 3, onnx="b")]
    named = network("n", inputs, [tensor("S", 2, onnx=second), tensor("T", 1, 2, onnx=first)])
    ordered = network(
        "n", [tensor("A", 1, 2), tensor("B", 1, 3), tensor("C", 1, 2)], [tensor("T", 1, 2), tensor("S", 2)]
    )
    by_name = deploy(asked([named], box(7, -3, 3) + UNSAFE), "mixed.onnx")
    in_order = deploy(asked([ordered], box(7, -3, 3) + UNSAFE), "mixed.onnx")
    x = np.array([5.0, -7.0, 1.0, -1.0, 0, 0, 0])
    np.testing.assert_array_equal(by_name.run(x), [5, -7, 6, -7])
    np.testing.assert_array_equal(by_name.problem.network(x[None])[0], [5, -7, 6, -7])
    moved = x[[2, 3, 4, 5, 6, 0, 1]]
    np.testing.assert_array_equal(in_order.run(moved), [6, -7, 5, -7])
    np.testing.assert_array_equal(in_order.problem.network(moved[None])[0], [6, -7, 5, -7])
    agrees(by_name)
    agrees(in_order)


def test_hidden_tensors_are_outputs_of_what_is_run(folder):
    inside = [tensor("R", 1, 4, onnx="relu1"), tensor("P", 1, 4, onnx="gemm0")]
    query = asked([network("f", [tensor("X", 1, 3)], [tensor("Y", 1, 2)], inside)], box(3) + UNSAFE)
    deployment = deploy(query, "f.onnx")
    assert deployment.problem.network.outputs == 10
    agrees(deployment)
    y = deployment.run(np.zeros(3))
    np.testing.assert_array_equal(y[2:6], np.maximum(y[6:], 0))


def test_networks_of_one_model_may_ask_for_different_hidden_tensors(folder):
    networks = [
        network("f", [tensor("X", 1, 3)], [tensor("Y", 1, 2)], [tensor("R", 1, 4, onnx="relu1")]),
        network("g", [tensor("V", 1, 3)], [tensor("W", 1, 2)], [tensor("P", 1, 4, onnx="gemm0")]),
    ]
    deployment = deploy(asked(networks, box(6) + UNSAFE), {"f": "f.onnx", "g": "f.onnx"})
    assert deployment.problem.network.outputs == 12
    agrees(deployment)


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ("f.onnx", "is about the networks f, g, one model is given"),
        ({"f": "f.onnx"}, "no model for network g"),
        ({}, "no model for networks f, g"),
        ({"f": "f.onnx", "g": "g.onnx", "h": "g.onnx"}, "declares no network h"),
    ],
)
def test_models_that_are_missing_or_one_too_many_are_named(folder, models, message):
    with pytest.raises(InputError, match=message) as caught:
        deploy(pair(), models)
    assert caught.value.hint


def test_vnnlib_1_has_one_network_whatever_it_is_called(folder):
    text = " ".join(f"(declare-const {v} Real)" for v in ("X_0", "X_1", "X_2", "Y_0", "Y_1")) + box(3) + UNSAFE
    assert deploy(parse_query(text), {"any": "f.onnx"}).problem.network.inputs == 3
    with pytest.raises(InputError, match="is about one network, 2 are given"):
        deploy(parse_query(text), {"f": "f.onnx", "g": "g.onnx"})


X, Y = tensor("X", 1, 3), tensor("Y", 1, 2)


@pytest.mark.parametrize(
    ("inputs", "outputs", "hidden", "message"),
    [
        ([tensor("X", 3)], [Y], [], r"X is declared \[3\], input 'x' of f.onnx is \[1,3\]"),
        ([tensor("X", 1, 4)], [Y], [], r"X is declared \[1,4\], input 'x' of f.onnx is \[1,3\]"),
        ([tensor("X", 1, 2), tensor("Z", 1)], [Y], [], "network f has 2 inputs, f.onnx has 1"),
        ([X], [tensor("Y", 2, 1)], [], r"Y is declared \[2,1\], output 'gemm2' of f.onnx is \[1,2\]"),
        ([X], [Y, tensor("Z", 1)], [], "network f has 2 outputs, f.onnx has 1"),
        ([X], [tensor("Y", 1, 2, onnx="gemm1")], [], "f.onnx has no output 'gemm1'"),
        ([X], [Y], [tensor("H", 4, onnx="relu1")], r"H is declared \[4\], hidden tensor 'relu1' of f.onnx is \[1,4\]"),
        ([X], [Y], [tensor("H", 4, onnx="relu")], "there is no tensor 'relu' inside"),
        ([tensor("X", 1, 3, element="int8")], [Y], [], "X is declared int8, input 'x' of f.onnx is of float32"),
    ],
)
def test_a_declaration_that_does_not_fit_is_an_error_that_says_what_is_there(folder, inputs, outputs, hidden, message):
    query = asked([network("f", inputs, outputs, hidden)], box(sum(t.size for t in inputs)))
    with pytest.raises(MismatchError, match=message) as caught:
        deploy(query, "f.onnx")
    assert caught.value.hint


def test_declared_floats_of_a_model_with_a_variance_are_refused(folder):
    """How a runtime rounds in it is not analysed; about exact arithmetic the question can be asked."""
    g = Graph(17)
    node = g.node("LayerNormalization", "x", np.ones(3, np.float32))
    Path("normal.onnx").write_bytes(g.model({"x": [1, 3]}, [node]))
    for element, refused in (("float32", True), ("real", False)):
        declared = network("f", [tensor("X", 1, 3, element=element)], [tensor("Y", 1, 3, element=element)])
        query = asked([declared], box(3) + "(assert (>= Y_0 2.0))")
        if refused:
            with pytest.raises(InputError, match="rounds in layernormalization0_node is not analysed"):
                deploy(query, "normal.onnx")
        else:
            assert deploy(query, "normal.onnx").problem.network.arithmetic == 0.0


@pytest.mark.parametrize(("inputs", "outputs"), [("real", "float16"), ("string", "real")])
def test_types_whose_arithmetic_is_not_analysed_are_refused(folder, inputs, outputs):
    declared = network("f", [tensor("X", 1, 3, element=inputs)], [tensor("Y", 1, 2, element=outputs)])
    with pytest.raises(InputError, match="its arithmetic is not analysed") as caught:
        deploy(asked([declared], box(3)), "f.onnx")
    assert caught.value.hint
    assert "declare it real" in caught.value.hint


def test_arithmetic_is_that_of_the_declared_types_or_a_coarser_one_inside(folder):
    single, double = 2.0**-24, 2.0**-53
    g = Graph()
    inside = g.node("Relu", g.node("Cast", "x", to=TensorProto.FLOAT))
    (folder / "inside.onnx").write_bytes(
        g.model({"x": [1]}, [g.node("Cast", inside, to=TensorProto.DOUBLE)], TensorProto.DOUBLE)
    )
    g = Graph()
    (folder / "double.onnx").write_bytes(g.model({"x": [1]}, [g.node("Relu", "x")], TensorProto.DOUBLE))
    g = Graph()
    (folder / "single.onnx").write_bytes(g.model({"x": [1]}, [g.node("Relu", "x")]))
    for name, element, unit in (
        ("inside", "float64", single),
        ("double", "float64", double),
        ("single", "float32", single),
        ("inside", "real", 0.0),
    ):
        declared = network("n", [tensor("X", 1, element=element)], [tensor("Y", 1, element=element)])
        deployment = deploy(asked([declared], box(1)), f"{name}.onnx")
        assert deployment.problem.network.arithmetic == unit
        kind = "float32" if name == "single" else "float64"
        assert deployment.problem.network.input_runs == ((kind, 1),)
        agrees(deployment)


def integers(folder: Path, element: str, bounds: str) -> Deployment:
    """Y = relu(X) for an int8 input."""
    g = Graph()
    y = g.node("Relu", g.node("Cast", "x", to=TensorProto.FLOAT))
    (folder / "int.onnx").write_bytes(with_inputs(g.model({"x": [1]}, [y]), {"x": (TensorProto.INT8, [1])}))
    return deploy(asked([network("n", [tensor("X", 1, element=element)], [tensor("Y", 1)])], bounds), "int.onnx")


def test_of_a_declared_integer_only_integers_count(folder):
    [region] = integers(
        folder, "int8", "(assert (>= X_0 0.4)) (assert (<= X_0 5.5)) (assert (<= Y_0 3))"
    ).problem.regions
    ends = (region.lower[0], region.upper[0], region.inner_lower[0], region.inner_upper[0])
    assert ends == (1.0, 5.0, 1.0, 5.0)
    none = integers(folder, "int8", "(assert (>= X_0 0.4)) (assert (<= X_0 0.6)) (assert (<= Y_0 3))")
    assert none.problem.cases == ()
    [region] = integers(folder, "int8", "(assert (<= Y_0 3))").problem.regions  # the type's own bounds
    assert (region.lower[0], region.upper[0]) == (-128.0, 127.0)


def test_of_a_declared_type_is_taken_what_neither_bounds_nor_rows_imply(folder):
    """Rows are exact, so what follows from them holds for floats and integers as well."""
    (folder / "n.onnx").write_bytes(dense([3, 4, 2], np.random.default_rng(0)))
    greatest = float(np.finfo(np.float32).max)

    def ends(element: str, assertions: str, model: str = "n.onnx") -> list[tuple[float, ...]]:
        declared = network("n", [tensor("X", 1, 3, element=element)], [tensor("Y", 1, 2)])
        regions = deploy(asked([declared], assertions + UNSAFE), model).problem.regions
        return [(*region.lower, *region.upper) for region in regions]

    above = "".join(f"(assert (>= X_{i} 0))" for i in range(3))
    assert ends("float32", above + "(assert (<= (+ X_0 X_1 (* 2 X_2)) 1))") == [(0, 0, 0, 1, 1, 0.5)]
    # what is not implied is any finite number
    assert ends("float32", above + "(assert (<= (+ X_0 (* -1 X_1)) 1)) (assert (<= X_2 2))") == [
        (0, 0, 0, greatest, greatest, 2)
    ]
    # outwards where the sides are no numbers of the type, and never beyond its ends
    [(*_, high)] = ends("float32", above + "(assert (<= (+ X_0 X_1 (* 3 X_2)) 1))")
    assert high >= 1 / 3
    assert high <= np.nextafter(np.float32(1 / 3), np.float32(1))
    far = "(assert (<= (+ X_0 X_1) 1e39)) (assert (<= X_2 1))"
    assert ends("float32", above + far) == [(0, 0, 0, greatest, greatest, 1)]
    assert ends("float32", "(assert (and (= X_0 1) (= X_1 1) (>= (+ X_0 X_1 X_2) 1e39)))") == []
    g = Graph()
    y = g.node("Gemm", g.node("Cast", "x", to=TensorProto.FLOAT), np.ones((2, 3), np.float32), transB=1)
    (folder / "i.onnx").write_bytes(with_inputs(g.model({"x": [1, 3]}, [y]), {"x": (TensorProto.INT8, [1, 3])}))
    assert ends("int8", above + "(assert (<= (+ X_0 X_1 (* 2 X_2)) 9))", "i.onnx") == [(0, 0, 0, 9, 9, 4)]
    # and what a type says of one input may bound another
    two = [
        network("n", [tensor("X", 1, 3, element="int8")], [tensor("Y", 1, 2)]),
        network("r", [tensor("V", 1, 3)], [tensor("W", 1, 2)]),
    ]
    follows = equal(0, 3)
    follows += "".join(f"(assert (<= X_{i + 3} (+ X_{i} 1))) (assert (>= X_{i + 3} X_{i}))" for i in (1, 2))
    [region] = deploy(asked(two, follows + UNSAFE), {"n": "i.onnx", "r": "n.onnx"}).problem.regions
    assert (region.lower.min(), region.upper.tolist()) == (-128, [127, 127, 127, 128, 128])


def test_a_real_input_of_an_integer_model_is_proved_for_reals_and_violated_at_integers(folder):
    deployment = integers(folder, "real", "(assert (>= X_0 0.4)) (assert (<= X_0 5.5)) (assert (>= Y_0 2.6))")
    [region] = deployment.problem.regions
    assert region.lower[0] <= 0.4
    assert region.upper[0] == 5.5
    assert (region.inner_lower[0], region.inner_upper[0]) == (1.0, 5.0)
    witness = confirm(deployment.problem, deployment.run, np.array([2.7]))
    assert witness is not None
    np.testing.assert_array_equal(witness.inputs, [3.0])
    assert confirm(deployment.problem, deployment.run, np.array([2.2])) is None


def test_a_point_that_is_no_number_of_some_models_type_has_no_outputs(folder):
    g = Graph()
    y = g.node("Relu", g.node("Cast", "x", to=TensorProto.FLOAT))
    for name, kind in (("s", TensorProto.INT8), ("u", TensorProto.UINT8)):
        (folder / f"{name}.onnx").write_bytes(with_inputs(g.model({"x": [1]}, [y]), {"x": (kind, [1])}))
    networks = [network(n, [tensor(f"X{n}", 1)], [tensor(f"Y{n}", 1)]) for n in "su"]
    query = asked(networks, box(2, -200, 200) + equal(0, 1))
    deployment = deploy(query, {"s": "s.onnx", "u": "u.onnx"})
    assert deployment.problem.network.inputs == 1
    np.testing.assert_array_equal(deployment.run(np.array([5.0])), [5.0, 5.0])
    for x in (-3.0, 200.0, 0.5):
        assert np.isnan(deployment.run(np.array([x]))).all()
        assert np.isfinite(deployment.run(deployment.rounded(np.array([x])))).all()
    agrees(deployment)


def test_equal_inputs_of_two_precisions_take_the_coarser(folder):
    for name, kind in (("single", TensorProto.FLOAT), ("double", TensorProto.DOUBLE)):
        g = Graph()
        (folder / f"{name}.onnx").write_bytes(g.model({"x": [1]}, [g.node("Relu", "x")], kind))
    networks = [network(n, [tensor(f"X{n}", 1)], [tensor(f"Y{n}", 1)]) for n in ("double", "single")]
    query = asked(networks, box(2, 0, 1) + equal(0, 1) + "(assert (<= Y_0 Y_1))")
    deployment = deploy(query, {"double": "double.onnx", "single": "single.onnx"})
    assert deployment.problem.network.types == ()
    assert deployment.problem.network.precision == "float32"
    witness = confirm(deployment.problem, deployment.run, np.array([1 / 3]))
    assert witness is not None
    np.testing.assert_array_equal(witness.inputs, [float(np.float32(1 / 3))])
    np.testing.assert_array_equal(witness.outputs, witness.inputs[[0, 0]])

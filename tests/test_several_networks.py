"""Questions about several networks, from their files to an answer, and once more from the store."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper
from tests.declared import asked, box, equal, network, tensor
from tests.desk import Told
from tests.models import Graph, dense
from tests.network.test_inputs import with_inputs

import ivan
from ivan.answer import tensors
from ivan.deployment import deploy
from ivan.errors import InputError
from ivan.outcome import Use
from ivan.verdict import Verdict
from ivan.vnnlib import Query
from ivan.vnnlib.declarations import DeclaredNetwork

MODELS = {"f": "f.onnx", "g": "g.onnx"}
SAME = equal(0, 3) + equal(1, 4) + equal(2, 5)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model, and the same with weights that differ a little."""
    monkeypatch.chdir(tmp_path)
    data = dense([3, 8, 8, 2], np.random.default_rng(0))
    (tmp_path / "f.onnx").write_bytes(data)
    proto, rng = onnx.load_from_string(data), np.random.default_rng(1)
    for weight in proto.graph.initializer:
        array = numpy_helper.to_array(weight)
        moved = array + 1e-3 * rng.standard_normal(array.shape).astype(np.float32)
        weight.CopyFrom(numpy_helper.from_array(moved, weight.name))
    (tmp_path / "g.onnx").write_bytes(proto.SerializeToString())
    return tmp_path


def apart(by: float, more: str = SAME) -> Query:
    """Do the first outputs differ by more than that where the inputs are equal?"""
    networks = [
        network("f", [tensor("X", 1, 3)], [tensor("Y", 1, 2)]),
        network("g", [tensor("V", 1, 3)], [tensor("W", 1, 2)], isomorphic_to="f"),
    ]
    unsafe = f"(assert (or (>= Y_0 (+ Y_2 {by})) (>= Y_2 (+ Y_0 {by}))))"
    return asked(networks, box(6, -0.5, 0.5) + more + unsafe)


def test_networks_that_are_close_are_proved_close_and_a_difference_is_shown(folder):
    query = apart(0.05)
    proved = ivan.verify(MODELS, query, store=False, timeout=60)
    assert proved.verdict is Verdict.UNSAT
    assert proved.vnnlib_version == 2
    found = ivan.verify(MODELS, apart(1e-4), store=False, timeout=60)
    assert found.verdict is Verdict.SAT
    values = {t.name: t.values for t in found.tensors}
    assert list(values) == ["X", "Y", "V", "W"]
    np.testing.assert_array_equal(values["X"], values["V"])
    assert abs(values["Y"][0] - values["W"][0]) >= 1e-4
    # the printed text alone reproduces the violation
    deployment = deploy(query, MODELS)
    printed = [float(line) for line in (found.counterexample or "").splitlines() if " " not in line]
    np.testing.assert_array_equal(printed[:3], values["X"])
    np.testing.assert_array_equal(deployment.run(np.array(printed[:3])), np.concatenate([printed[3:5], printed[8:10]]))


def test_the_same_question_is_answered_from_the_store(folder):
    first = ivan.verify(MODELS, apart(0.05), store="proofs.db", timeout=60)
    again = ivan.verify(MODELS, apart(0.05), store="proofs.db", timeout=60)
    assert (first.verdict, again.verdict, again.exact) == (Verdict.UNSAT, Verdict.UNSAT, True)
    checked = ivan.verify(MODELS, apart(0.05), store="proofs.db", timeout=60, recheck=True)
    assert (checked.verdict, checked.base_use) == (Verdict.UNSAT, Use.PROOF)
    assert checked.reused_leaves > 0
    swapped = ivan.verify({"f": "g.onnx", "g": "f.onnx"}, apart(0.05), store="proofs.db", timeout=60)
    assert not swapped.exact


def test_an_answer_that_needs_no_proof_is_stored_as_well(folder):
    """Two outputs that are the same number cancel, and no case is left."""
    (folder / "copy.onnx").write_bytes((folder / "f.onnx").read_bytes())
    for networks in ({"f": "f.onnx", "g": "f.onnx"}, {"f": "f.onnx", "g": "copy.onnx"}):
        told = Told()
        first, again = (ivan.verify(networks, apart(0.05), store="proofs.db", listener=told) for _ in range(2))
        assert (first.verdict, again.verdict, again.exact) == (Verdict.UNSAT, Verdict.UNSAT, True)
        assert told.warnings == []
        checked = ivan.verify(networks, apart(0.05), store="proofs.db", recheck=True)
        assert checked.verdict is Verdict.UNSAT


def test_of_a_region_without_cases_nothing_is_left_open(folder):
    """Beside one that is searched."""
    never, small = "(and (>= X_1 0.25) (>= Y_0 (+ Y_2 0.05)))", "(and (<= X_1 -0.25) (>= Y_0 50))"
    query = apart(0.05, SAME + f"(assert (or {never} {small}))")
    first, again = (ivan.verify({"f": "f.onnx", "g": "f.onnx"}, query, store="proofs.db") for _ in range(2))
    assert (first.verdict, again.verdict, again.exact) == (Verdict.UNSAT, Verdict.UNSAT, True)


def test_a_counterexample_in_the_store_is_confirmed_by_both_models(folder):
    first = ivan.verify(MODELS, apart(1e-4), store="proofs.db", timeout=60)
    again = ivan.verify(MODELS, apart(1e-4), store="proofs.db", timeout=60)
    assert (again.verdict, again.exact) == (Verdict.SAT, True)
    assert again.counterexample == first.counterexample


def test_an_answer_implies_weaker_ones_about_the_same_inputs_alone(folder):
    assert ivan.verify(MODELS, apart(0.05), store="proofs.db", timeout=60).verdict is Verdict.UNSAT
    weaker = ivan.verify(MODELS, apart(0.06), store="proofs.db", timeout=60)
    assert (weaker.verdict, weaker.base_use) == (Verdict.UNSAT, Use.IMPLICATION)
    # over other inputs it is another question, whatever it says of outputs
    other = ivan.verify(MODELS, apart(0.06, equal(0, 4) + equal(1, 3) + equal(2, 5)), store="proofs.db", timeout=60)
    assert other.base_use not in (Use.ANSWER, Use.IMPLICATION)


def moved(name: str, by: float, seed: int) -> str:
    """Another version of a model, its weights a little off; the name of its file."""
    proto, rng = onnx.load(name), np.random.default_rng(seed)
    for weight in proto.graph.initializer:
        array = numpy_helper.to_array(weight)
        nearby = array + by * rng.standard_normal(array.shape).astype(np.float32)
        weight.CopyFrom(numpy_helper.from_array(nearby, weight.name))
    file = f"{Path(name).stem}-{seed}.onnx"
    onnx.save(proto, file)
    return file


@pytest.mark.parametrize("carried", [False, True])
def test_the_proof_of_an_earlier_combination_is_the_seed_where_it_is_named(folder, monkeypatch, carried):
    """Whatever form it has; and it is the named one, though another is nearer."""
    monkeypatch.setattr("ivan.verification.question.carrying_pays", lambda *_: carried)
    far = {"f": "f.onnx", "g": moved("g.onnx", 2e-3, 1)}
    new = {"f": "f.onnx", "g": moved("g.onnx", 1e-5, 2)}
    old = ivan.verify(far, apart(0.1), store="proofs.db")
    ivan.verify(MODELS, apart(0.1), store="proofs.db", fresh=True)
    assert old.verdict is Verdict.UNSAT
    assert old.network_digest in (
        form.network.digest for form in (deploy(apart(0.1), far).problem, deploy(apart(0.1), far).as_differences())
    )
    for base in (far, {name: Path(file) for name, file in far.items()}, old.network_digest[:16]):
        told = Told()
        found = ivan.verify(new, apart(0.1), store="proofs.db", base=base, recheck=True, listener=told)
        assert told.warnings == []
        assert (found.verdict, found.base_use, found.base_run) == (Verdict.UNSAT, Use.PROOF, old.run)
        assert found.base_leaves == old.leaves
        assert found.reused_leaves > 0


def test_a_network_that_equals_another_needs_no_base_of_its_own(folder):
    networks = [
        network("f", [tensor("X", 1, 3)], [tensor("Y", 1, 2)]),
        network("g", [tensor("V", 1, 3)], [tensor("W", 1, 2)], equal_to="f"),
    ]
    ends = "".join(f"(assert (and (>= X_{i} -0.1) (<= X_{i} 0.1)))" for i in range(6))
    query = asked(networks, ends + "(assert (>= Y_0 (+ Y_2 50)))")
    old = ivan.verify({"f": "f.onnx"}, query, store="proofs.db")
    for base in ({"f": "f.onnx"}, {"f": "f.onnx", "g": "f.onnx"}, "f.onnx"):
        new = ivan.verify({"f": "g.onnx"}, query, store="proofs.db", base=base, recheck=True)
        assert (new.verdict, new.base_run) == (Verdict.UNSAT, old.run)
    with pytest.raises(InputError, match="network g is equal to f, but another model is given"):
        ivan.verify({"f": "g.onnx"}, query, store="proofs.db", base={"f": "f.onnx", "g": "g.onnx"}, recheck=True)


@pytest.mark.parametrize(
    ("base", "message"),
    [
        ("f.onnx", "--base f.onnx: .* is about the networks f, g"),
        ({"f": "f.onnx"}, "--base f=f.onnx: no model for network g"),
        ({"g": "f.onnx"}, "--base g=f.onnx: no model for network f"),
        ({}, "no model for networks f, g"),
        ({"f": "f.onnx", "g": "nosuch.onnx"}, "--base g=nosuch.onnx: no such file"),
        ({"f": "f.onnx", "g": "g.onnx", "h": "g.onnx"}, "declares no network h"),
        ("nosuch", "--base nosuch: no such file, and no stored network has a digest that begins so"),
    ],
)
def test_a_base_that_names_no_combination_is_refused(folder, base, message):
    with pytest.raises(InputError, match=message) as caught:
        ivan.verify(MODELS, apart(0.05), store="proofs.db", base=base)
    assert caught.value.hint
    assert "\n" not in caught.value.message


def test_a_combination_that_was_never_verified_costs_its_benefit(folder):
    told = Told()
    found = ivan.verify(MODELS, apart(0.05), store="proofs.db", base={"f": "g.onnx", "g": "f.onnx"}, listener=told)
    assert (found.verdict, found.base_run) == (Verdict.UNSAT, None)
    (warning,) = told.warnings
    assert warning.startswith("--base f=g.onnx --base g=f.onnx: nothing is stored for this property")


def test_tensors_are_cut_in_the_order_of_the_declarations():
    first = network("f", [tensor("A", 2), tensor("B")], [tensor("Y", 1)], [tensor("H", 1, 2, onnx="h")])
    second = network("g", [tensor("C", 1, element="int8")], [tensor("Z", 1)])
    found = tensors([first, second], np.array([1.0, 2, 3, -4]), np.array([5.0, 6, 7, 0.1]))
    text = "\n".join(t.block() for t in found)
    assert text == (
        "A real [2]\n1.0\n2.0\nB real []\n3.0\nH real [1,2]\n6.0\n7.0\nY real [1]\n5.0\nC int8 [1]\n-4\nZ real [1]\n0.1"
    )
    for one in found:
        read = numpy_helper.to_array(onnx.TensorProto.FromString(one.serialised()))
        assert read.dtype == ("int8" if one.element == "int8" else "float64")
        assert read.shape == one.shape
        np.testing.assert_array_equal(read.ravel(), one.values)


def test_an_answer_about_integers_is_none_about_reals(folder):
    """relu(x - 1.5) + relu(1.5 - x) is below 0.4 between the integers alone."""
    g = Graph()
    x = g.node("Cast", "x", to=TensorProto.FLOAT)
    sides = [g.node("Relu", g.node("Sub", *pair)) for pair in ((x, np.float32([1.5])), (np.float32([1.5]), x))]
    data = with_inputs(g.model({"x": [1]}, [g.node("Add", *sides)]), {"x": (TensorProto.INT8, [1])})
    (folder / "int.onnx").write_bytes(data)

    def verdict(element: str, low: float, high: float) -> ivan.Outcome:
        declared = network("n", [tensor("X", 1, element=element)], [tensor("Y", 1)])
        region = f"(assert (>= X_0 {low})) (assert (<= X_0 {high})) (assert (<= Y_0 0.4))"
        return ivan.verify("int.onnx", asked([declared], region), store="proofs.db", timeout=20)

    assert verdict("int8", 1.2, 1.8).verdict is Verdict.UNSAT  # there is no integer
    real = verdict("real", 1.2, 1.8)
    assert real.verdict is Verdict.UNKNOWN
    assert real.base_use is None
    assert verdict("int8", 1.2, 1.8).exact
    smaller = verdict("real", 1.3, 1.7)
    assert (smaller.verdict, smaller.base_use) == (Verdict.UNKNOWN, None)


def test_networks_of_one_architecture_over_the_same_inputs_have_a_form_as_differences(folder):
    plain, carried = (deploy(apart(0.05), MODELS) for _ in range(2))
    problem = carried.as_differences()
    assert problem is not None
    x = np.random.default_rng(0).uniform(-0.5, 0.5, (50, 3))
    np.testing.assert_allclose(problem.network(x), plain.problem.network(x), atol=1e-12)
    assert problem.network.digest != plain.problem.network.digest
    for mine, other in zip(problem.regions, plain.problem.regions, strict=True):
        np.testing.assert_array_equal(mine.lower, other.lower)
    assert any(layer.activation.name == "ReluMoved" for layer in problem.network.layers)


def test_networks_over_other_inputs_or_of_another_architecture_have_no_such_form(folder):
    assert deploy(apart(0.05, equal(0, 4) + equal(1, 3) + equal(2, 5)), MODELS).as_differences() is None
    assert deploy(apart(0.05, equal(0, 3) + equal(1, 4)), MODELS).as_differences() is None
    (folder / "h.onnx").write_bytes(dense([3, 9, 8, 2], np.random.default_rng(0)))
    assert deploy(apart(0.05), {"f": "f.onnx", "g": "h.onnx"}).as_differences() is None
    assert deploy(apart(0.05), {"f": "f.onnx", "g": "f.onnx"}).as_differences() is None


def test_two_runs_of_one_network_have_a_form_in_which_they_are_tied(folder):
    one = {"f": "f.onnx", "g": "f.onnx"}
    free = deploy(apart(0.05, equal(0, 3) + equal(2, 5)), one)
    rising = deploy(apart(0.05, equal(0, 3) + "(assert (<= X_1 X_4))" + equal(2, 5)), one)
    forms = [plain.as_runs() for plain in (free, rising)]
    x = np.random.default_rng(0).uniform(-0.5, 0.5, (50, 4))
    for problem, plain in zip(forms, (free, rising), strict=True):
        assert problem is not None
        assert len(plain.forms) == 2
        np.testing.assert_allclose(problem.network(x), plain.problem.network(x), atol=1e-12)
        assert problem.network.digest != plain.problem.network.digest
    named = [[layer.name for layer in problem.network.layers] for problem in forms if problem is not None]
    assert ["moves of inputs" in names for names in named] == [False, True]
    assert deploy(apart(0.05, equal(0, 3) + equal(2, 5)), MODELS).as_runs() is None  # two networks
    assert deploy(apart(0.05), one).as_runs() is None  # one run


def test_two_runs_of_a_model_of_integers_are_tied_over_inputs_of_its_types(folder):
    """Where they are declared real, as well."""
    g = Graph()
    y = g.node("Relu", g.node("Cast", "x", to=TensorProto.FLOAT))
    (folder / "int.onnx").write_bytes(with_inputs(g.model({"x": [2]}, [y]), {"x": (TensorProto.INT64, [2])}))
    for element in ("real", "int64"):
        networks = [
            network("f", [tensor("X", 2, element=element)], [tensor("Y", 2)]),
            network("g", [tensor("V", 2, element=element)], [tensor("W", 2)], equal_to="f"),
        ]

        def moved(by: float, networks: list[DeclaredNetwork] = networks) -> Query:
            return asked(networks, box(4, 0, 3) + equal(0, 2) + f"(assert (> (- Y_1 Y_3) {by}))")

        tied = deploy(moved(3.1), "int.onnx").as_runs()
        assert tied is not None
        assert tied.network.input_runs == (("int64", 3),)
        assert ivan.verify("int.onnx", moved(3.1), store=False).verdict is Verdict.UNSAT
        assert ivan.verify("int.onnx", moved(2.9), store=False).verdict is Verdict.SAT


def test_what_is_proved_of_two_runs_is_kept_and_checked_again(folder):
    one, query = {"f": "f.onnx", "g": "f.onnx"}, apart(2.0, equal(0, 3) + "(assert (<= X_1 X_4))" + equal(2, 5))
    first = ivan.verify(one, query, store="proofs.db", timeout=60)
    again = ivan.verify(one, query, store="proofs.db", timeout=60, recheck=True)
    assert (first.verdict, again.verdict, again.base_use) == (Verdict.UNSAT, Verdict.UNSAT, Use.PROOF)
    assert again.reused_leaves == again.base_leaves


def test_an_answer_about_real_numbers_is_none_about_a_models_arithmetic(folder):
    def verdict(element: str, by: float) -> ivan.Outcome:
        declared = network("f", [tensor("X", 1, 3, element=element)], [tensor("Y", 1, 2, element=element)])
        return ivan.verify(
            "f.onnx", asked([declared], box(3) + f"(assert (>= Y_0 {by}))"), store="proofs.db", timeout=60
        )

    real = verdict("real", 50.0)
    assert (real.verdict, real.base_use) == (Verdict.UNSAT, None)
    own = verdict("float32", 50.0)
    assert own.verdict is Verdict.UNSAT
    assert own.base_use not in (Use.ANSWER, Use.IMPLICATION)
    assert real.network_digest == own.network_digest
    assert real.property_digest != own.property_digest
    weaker = verdict("float32", 60.0)
    assert weaker.verdict is Verdict.UNSAT
    assert weaker.base_use not in (Use.ANSWER, Use.IMPLICATION)
    assert verdict("float32", 50.0).exact
    assert verdict("real", 60.0).base_use is Use.IMPLICATION

"""Questions about several networks, from their files to an answer, and once more from the store."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper
from tests.declared import asked, box, equal, network, tensor
from tests.models import Graph, dense
from tests.network.test_inputs import with_inputs

import ivan
from ivan.answer import tensors
from ivan.deployment import deploy
from ivan.errors import InputError
from ivan.outcome import Use
from ivan.verdict import Verdict
from ivan.vnnlib import Query

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


def test_a_base_cannot_be_named_for_several_networks(folder):
    with pytest.raises(InputError, match="no version of several networks can be named as a base") as caught:
        ivan.verify(MODELS, apart(0.05), store="proofs.db", base="f.onnx")
    assert caught.value.hint


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

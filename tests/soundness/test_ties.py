"""Where a requirement holds and nothing is to spare, exact arithmetic decides: never more, never less."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto
from tests.engine import FEW, Box, Half, dense, from_onnx, problem_of
from tests.models import Graph
from tests.searches import search

import ivan
from ivan.bounds.domains import Domains
from ivan.bounds.enclosure import enclose
from ivan.bounds.interval import affine_interval
from ivan.bounds.objective import Rows
from ivan.bounds.replay import replay
from ivan.network.affine import Affine
from ivan.network.linear import Dense, Selection
from ivan.network.reference import Runtime
from ivan.proof import Ragged
from ivan.verdict import Verdict

SEEDS = st.integers(0, 2**32 - 1)


@FEW
@given(seed=SEEDS, mixed=st.booleans(), nudge=st.sampled_from([0.0, 1e-17, -1e-17, 1e-3, -1e-3]))
def test_a_row_is_excluded_over_a_box_of_outputs_exactly_where_it_is(seed, mixed, nudge):
    """Bounds are asked for that are met, missed by less than rounding can tell, or by more."""
    rng = np.random.default_rng(seed)
    network, count = dense(rng), 12
    low = rng.integers(-9, 10, (count, 2)) / 10.0
    high = low + rng.integers(0, 3, (count, 2)) / 10.0
    lower, upper = low[:, [0, 1, 0]], high[:, [0, 1, 0]]
    rows = []
    for k in range(count):
        C, D = rng.integers(-3, 4, 2) / 10.0, rng.integers(-3, 4, 3) / 10.0 if mixed else np.zeros(3)
        C[0] = C[0] or 1.0
        d = np.where(C > 0, C * low[k], C * high[k]).sum() + np.where(D > 0, D * lower[k], D * upper[k]).sum()
        rows.append(Half(C, float(d) + nudge, D, strict=bool(k % 2)))
    problem = problem_of(network, Box(-np.ones(3), np.ones(3), [[row] for row in rows]))
    stack, owner = Rows(problem), np.arange(count)
    objective = stack.single(owner)
    bound = objective.least(owner, (low, high), (lower, upper))
    for k, case in enumerate(problem.cases):
        [row] = case.rows
        exact = -row.bound
        for terms, ends in ((row.outputs, (low, high)), (row.inputs, (lower, upper))):
            exact += sum(c * Fraction(float(ends[c < 0][k, j])) for j, c in terms)
        assert Fraction(float(bound[k])) <= exact
        assert objective.excludes(bound)[k] == (exact > 0 or (row.strict and exact == 0))
    # the same rows, weighted: a bound of theirs never excludes more
    for weight in (1.0, 0.3):
        weights = Ragged.from_rows(count, owner, {"row": np.zeros(count, np.int32), "value": np.full(count, weight)})
        sums = stack.weighted(owner, weights)
        held = sums.excludes(sums.least(owner, (low, high), (lower, upper)))
        assert np.all(held <= objective.excludes(bound))
        assert weight != 1.0 or np.array_equal(held, objective.excludes(bound))


@FEW
@given(seed=SEEDS, arithmetic=st.sampled_from([0.0, 2.0**-24]))
def test_what_is_moved_keeps_its_bounds_and_nothing_else_does(seed, arithmetic):
    rng = np.random.default_rng(seed)
    low = rng.standard_normal((2, 4))
    high = low + rng.random((2, 4))
    index, constant = np.array([2, 0, -1, -1, 1]), np.array([0.0, -0.0, 0.1, 0.0, 0.1])
    affine = Affine(5, {0: Selection(index, 4)}, ((None, constant),))
    reach = [np.maximum(np.abs(low), np.abs(high))]
    least, most, _ = affine_interval(affine, [(low, high)], reach, 1, arithmetic)
    assert affine.moved.tolist() == [True, True, True, True, False]
    for end, found in ((low, least), (high, most)):
        expected = np.where(index >= 0, end[:, index], 0.0) + constant
        np.testing.assert_array_equal(found[:, :4], expected[:, :4])
    assert np.all((least[:, 4] < low[:, 1] + 0.1) & (most[:, 4] > high[:, 1] + 0.1))


@FEW
@given(seed=SEEDS, arithmetic=st.sampled_from([0.0, 2.0**-24]))
def test_so_does_what_is_moved_beside_sums(seed, arithmetic):
    """One map is then a sum, of which some rows only take an entry."""
    rng = np.random.default_rng(seed)
    low = rng.standard_normal((2, 4))
    high = low + rng.random((2, 4))
    summed = Affine(2, {0: Dense(rng.standard_normal((2, 4)))}, ((Dense(rng.standard_normal((2, 3))), np.ones(3)),))
    index = np.array([2, 0, -1])
    taken = Affine(3, {0: Selection(index, 4)}, ((None, np.array([0.0, 0.0, 0.1])),))
    affine = Affine.concatenated([summed, taken])
    assert affine.moved.tolist() == [False, False, True, True, True]
    assert [affine.origin(k) for k in range(5)] == [None, None, (0, 2), (0, 0), None]
    reach = [np.maximum(np.abs(low), np.abs(high))]
    least, most, rounding = affine_interval(affine, [(low, high)], reach, 1, arithmetic)
    for end, found in ((low, least), (high, most)):
        np.testing.assert_array_equal(found[:, 2:], np.where(index >= 0, end[:, index], 0.1))
    assert np.all(least[:, :2] < most[:, :2])
    assert np.all(rounding[:, :2] > 0.0)
    # what is summed up is not moved, whatever it is summed up from
    twice = affine.plus(affine).then(Selection(np.array([0, 2, 3]), 5))
    assert not twice.moved.any()
    assert [twice.origin(k) for k in range(3)] == [None] * 3


def one(operator: str, inputs: int = 2) -> bytes:
    g = Graph()
    return g.model({"x": [1, inputs]}, [g.node(operator, "x")])


TIES = {
    "relu is not negative": ("Relu", Half([1.0, 0.0], 0.0, strict=True), Half([1.0, 0.0], 0.0)),
    "sigmoid is not above 1": ("Sigmoid", Half([0.0, -1.0], -1.0, strict=True), Half([0.0, -1.0], -0.99)),
    "two sigmoids are not above 2": ("Sigmoid", Half([-1.0, -1.0], -2.0, strict=True), Half([-1.0, -1.0], -1.98)),
    "softmax is not negative": ("Softmax", Half([1.0, 0.0], 0.0, strict=True), Half([1.0, 0.0], 0.01)),
}
"""Operator, a requirement that it never meets, and one that it does."""


@pytest.mark.parametrize("by_units", [False, True])
@pytest.mark.parametrize("tie", TIES)
def test_a_strict_requirement_that_is_met_nowhere_closes_at_zero(tie, by_units):
    operator, never, sometimes = TIES[tie]
    network, ends = from_onnx(one(operator)), np.full(2, 40.0)
    problem = problem_of(network, Box(-ends, ends, [[never]]))
    result = search(problem, by_units=by_units, checks=200)
    assert result.verdict is Verdict.UNSAT
    assert replay(problem, result.proof).complete
    other = search(problem_of(network, Box(-ends, ends, [[never], [sometimes]])), by_units=by_units, checks=200)
    assert other.verdict is not Verdict.UNSAT


def moved() -> bytes:
    g = Graph()
    taken = g.node("Gather", "x", np.array([1, 0, 1]), axis=1)
    return g.model({"x": [1, 2]}, [g.node("Sub", g.node("Relu", taken), np.array([[0.0, -0.0, 0.0]], np.float32))])


def beside() -> bytes:
    """A ReLU as an output, beside sums of what it computes."""
    g = Graph()
    a = g.node("Relu", g.node("MatMul", "x", np.array([[1.5, -0.1], [0.3, 7.0]], np.float32)))
    return g.model({"x": [1, 2]}, [g.node("MatMul", a, np.array([[0.7, -1.0], [0.1, 1.0]], np.float32)), a])


@pytest.mark.parametrize("arithmetic", [0.0, 2.0**-24])
def test_an_output_that_is_never_negative_stays_so_beside_others(arithmetic):
    network = replace(from_onnx(beside()), arithmetic=arithmetic)
    never = Half([0.0, 0.0, 1.0, 0.0], 0.0, strict=True)
    result = search(problem_of(network, Box(-np.ones(2), np.ones(2), [[never]])), checks=200)
    assert (result.verdict, len(result.proof.tree)) == (Verdict.UNSAT, 1)


EDGES = np.array([0.0, -0.0, 1e-45, -1e-45, 1.2e-38, 0.1, -0.1, 16.7, -88.8, 3e9, -3e30])


@pytest.mark.parametrize(
    "build", [moved, beside, *(lambda kind=kind: one(kind) for kind in ("Relu", "Sigmoid", "Softmax", "Sign"))]
)
@FEW
@given(seed=SEEDS)
def test_onnxruntime_stays_in_the_outputs_of_the_interval_sweep(build, seed):
    """Where nothing is computed the bounds have no slack, and none is needed."""
    rng, data = np.random.default_rng(seed), build()
    network, runtime = replace(from_onnx(data), arithmetic=2.0**-24), Runtime(data)
    ends = np.sort(rng.choice(EDGES, (2, 2)).astype(np.float32).astype(np.float64), axis=0)
    known = enclose(network, Domains.boxes(ends[:1], ends[1:], len(network.layers)))
    for x in (*ends, *np.clip(rng.standard_normal((6, 2)), *ends)):
        y = runtime.run(runtime.rounded(x))
        assert np.all((known.outputs[0][0] <= y) & (y <= known.outputs[1][0]))


def equal_to_zero() -> bytes:
    g = Graph()
    return g.model({"x": [1]}, [g.node("Cast", g.node("Equal", "x", np.zeros(1, np.float32)), to=TensorProto.FLOAT)])


def truth() -> bytes:
    g = Graph()
    bits = g.node("Cast", "x", to=TensorProto.BOOL)
    return g.model({"x": [1]}, [g.node("Add", g.node("Cast", bits, to=TensorProto.FLOAT), np.zeros(1, np.float32))])


@pytest.mark.parametrize(("build", "value"), [(equal_to_zero, 1.0), (truth, 0.0)])
def test_a_step_is_settled_on_the_point_it_jumps_at(tmp_path: Path, build, value):
    (tmp_path / "model.onnx").write_bytes(build())
    declared = "(declare-network N (declare-input X float32 [1]) (declare-output Y float32 [1]))"
    point = "(assert (and (<= X[0] 0.0) (>= X[0] 0.0)))"
    for shown, verdict in (((1.0 - value), Verdict.UNSAT), (value, Verdict.SAT)):
        (tmp_path / "property.vnnlib").write_text(
            f"(vnnlib-version <2.0>) {declared} {point}(assert (and (>= Y[0] {shown - 0.25}) (<= Y[0] {shown + 0.25})))"
        )
        outcome = ivan.verify(tmp_path / "model.onnx", tmp_path / "property.vnnlib", timeout=20, store=False)
        assert outcome.verdict is verdict

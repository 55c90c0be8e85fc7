"""A witness is real, exactly, or it is none."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import declared
from tests.engine import EXACT, LAWS, NETWORKS, Array, Box, Half, affine, points, problem_of, random_problem
from tests.searches import deployed
from tests.soundness.exact import ExactNetwork, vector

from ivan.arrangement import asks_exactly
from ivan.attack.confirm import confirm
from ivan.bounds.point import excluded_at
from ivan.network.layers import Network
from ivan.network.linear import Dense, Selection
from ivan.problem import Problem, build_problem
from ivan.vnnlib import parse_query

SEEDS = st.integers(0, 2**32 - 1)


def copy(precision: str = "float32", size: int = 1) -> Network:
    """Y = x."""
    return Network((), (size,), affine(size, {0: Dense(np.eye(size))}, np.zeros(size)), "copy", precision)


def asked(assertions: str, precision: str = "float32") -> Problem:
    text = f"(declare-const X_0 Real) (declare-const Y_0 Real) {assertions}"
    return build_problem(parse_query(text), copy(precision))


def says(value: float) -> Callable[[Array], Array]:
    return lambda x: np.array([value])


@pytest.mark.parametrize("kind", sorted(EXACT))
@LAWS
@given(seed=SEEDS)
def test_only_real_violations_are_confirmed(kind, seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT[kind](rng), cases=2, boxes=2)
    run = deployed(problem.network)
    for region, box in enumerate(problem.regions):
        width = box.upper - box.lower
        for x in points(rng, box.lower - 0.2 * width, box.upper + 0.2 * width, 20):
            inside = np.clip(x, box.inner_lower, box.inner_upper)
            y = run(inside)
            exact = [Fraction(float(v)) for v in inside], [Fraction(float(v)) for v in y]
            expected = any(problem.cases[case].violated(*exact) for case in problem.cases_of[region])
            witness = confirm(problem, run, x, region)
            if witness is None:
                # what holds exactly may not hold as VNN-COMP evaluates it: then there is no witness either
                assert not expected or not problem.query.violated_in_floats(inside.tolist(), y.tolist(), float)
            else:
                assert expected
                np.testing.assert_array_equal(witness.inputs, inside)
                np.testing.assert_array_equal(witness.outputs, y)


@pytest.mark.parametrize(
    ("relation", "y", "real"),
    [
        ("<=", 0.5, True),
        ("<=", np.nextafter(0.5, 1.0), False),
        ("<", 0.5, False),
        ("<", np.nextafter(0.5, 0.0), True),
        ("<=", np.nan, False),
        ("<=", -np.inf, False),
    ],
)
def test_there_is_no_tolerance_at_the_boundary(relation, y, real):
    problem = asked(f"(assert (>= X_0 0)) (assert (<= X_0 1)) (assert ({relation} Y_0 0.5))")
    assert (confirm(problem, says(y), np.array([0.25]), 0) is not None) == real


def test_a_bound_that_no_float_holds_is_judged_exactly():
    """0.1 in decimal lies just below the double 0.1, and y is that double."""
    assert Fraction(0.1) > Fraction(1, 10)
    problem = asked("(assert (>= X_0 0)) (assert (<= X_0 1)) (assert (<= Y_0 0.1))")
    assert confirm(problem, says(0.1), np.array([0.5]), 0) is None
    assert confirm(problem, says(np.nextafter(0.1, 0.0)), np.array([0.5]), 0) is not None


def test_an_input_fixed_at_a_decimal_takes_the_nearest_number_of_the_precision():
    problem = asked("(assert (>= X_0 0.1)) (assert (<= X_0 0.1)) (assert (<= Y_0 5))")
    witness = confirm(problem, says(1.0), np.array([0.1]), 0)
    assert witness is not None
    assert witness.inputs[0] == np.float32(0.1)
    assert witness.precision == "float32"


def test_a_candidate_is_rounded_and_pulled_into_its_region():
    problem = asked("(assert (>= X_0 0.1)) (assert (<= X_0 0.7)) (assert (<= Y_0 5))")
    for x in (-3.0, 0.1, 0.1 + 1e-12, 0.3, 0.7, 9.0):
        witness = confirm(problem, says(1.0), np.array([x]), 0)
        assert witness is not None
        assert Fraction(1, 10) <= Fraction(float(witness.inputs[0])) <= Fraction(7, 10)
        assert witness.inputs[0] == np.float32(witness.inputs[0])


def test_without_a_region_a_point_outside_every_box_is_no_witness():
    problem = problem_of(
        copy("float64"),
        Box(np.array([0.0]), np.array([1.0]), [[Half([1.0], 0.5)]]),
        Box(np.array([2.0]), np.array([3.0]), [[Half([1.0], 2.5)]]),
    )
    run = deployed(problem.network)
    for x, real in ((0.25, True), (0.75, False), (1.5, False), (2.25, True), (2.75, False), (-0.1, False)):
        assert (confirm(problem, run, np.array([x])) is not None) == real


def test_the_model_is_asked_at_numbers_of_its_own_precision():
    seen: list[Array] = []

    def run(x: Array) -> Array:
        seen.append(x)
        return np.array([9.0])

    problem = asked("(assert (>= X_0 0.1)) (assert (<= X_0 0.7)) (assert (<= Y_0 5))")
    assert confirm(problem, run, np.array([1.0 / 3.0]), 0) is None
    assert [x.tolist() for x in seen] == [[float(np.float32(1.0 / 3.0))]]


def of_type(element: str, assertions: str, network: Network | None = None) -> Problem:
    """About one network whose tensors are all declared so, in VNN-LIB 2.0."""
    tensors = [declared.tensor("X", 1, element=element)], [declared.tensor("Y", 1, element=element)]
    return build_problem(declared.asked([declared.network("f", *tensors)], assertions), network or copy())


NEAR_ONE = "(assert (>= X_0 0)) (assert (<= X_0 1)) (assert (<= Y_0 0.5))"


@pytest.mark.parametrize(
    ("x", "real"),
    [
        (0.5, True),  # exactly on the boundary: the case holds
        (0.25, True),
        (float(np.nextafter(np.float32(0.5), np.float32(1.0))), False),  # the model's answer is rounding alone
    ],
)
def test_of_exact_arithmetic_a_violation_that_rounding_makes_is_none(x, real):
    run = says(0.5)
    problem = of_type("real", NEAR_ONE)
    assert asks_exactly(problem.query)
    for region in (0, None):
        assert (confirm(problem, run, np.array([x]), region) is not None) == real
    for other in (of_type("float32", NEAR_ONE), asked(NEAR_ONE)):  # these ask about the deployed model
        assert not asks_exactly(other.query)
        assert confirm(other, run, np.array([x]), 0) is not None


def test_integers_alone_are_what_a_runtime_makes_of_them():
    assert not asks_exactly(of_type("int32", NEAR_ONE).query)


def test_what_bounds_at_a_point_cannot_tell_stands():
    """1 + 1e-20 is more than 1, but no float64."""
    shifted = Network((), (1,), affine(1, {0: Selection.identity_of(1)}, np.ones(1)), "shifted", "float64")
    problem = of_type("real", "(assert (>= X_0 0)) (assert (<= X_0 1)) (assert (<= Y_0 1))", shifted)
    assert confirm(problem, says(1.0), np.array([1e-20]), 0) is not None
    assert confirm(problem, says(1.0), np.array([1e-9]), 0) is None


def test_one_case_that_may_hold_is_enough():
    either = "(assert (>= X_0 0)) (assert (<= X_0 1)) (assert (or (<= Y_0 0.25) (<= Y_0 0.5)))"
    assert confirm(of_type("real", either), says(0.25), np.array([0.375]), 0) is not None
    assert confirm(of_type("real", either), says(0.25), np.array([0.75]), 0) is None


def test_a_case_without_rows_is_in_no_doubt():
    problem = of_type("real", "(assert (>= X_0 0)) (assert (<= X_0 1))")
    assert confirm(problem, says(7.0), np.array([0.5]), 0) is not None


@pytest.mark.parametrize("kind", sorted(EXACT))
@LAWS
@given(seed=SEEDS)
def test_no_violation_in_exact_arithmetic_is_excluded(kind, seed):
    rng = np.random.default_rng(seed)
    network = EXACT[kind](rng)
    problem, exact = random_problem(rng, network, cases=2, boxes=2), ExactNetwork(network)
    found = {True: 0, False: 0}
    for region, box in enumerate(problem.regions):
        for x in points(rng, box.lower, box.upper, 10):
            _, y = exact.forward(vector(x))
            violated = any(problem.cases[case].violated(vector(x), y) for case in problem.cases_of[region])
            assert not (violated and excluded_at(problem, region, x))
            found[violated == (not excluded_at(problem, region, x))] += 1
    assert found[True] > found[False]  # and it tells nearly always


@pytest.mark.parametrize("kind", sorted(NETWORKS))
def test_bounds_at_a_point_are_far_closer_than_the_model_rounds(kind):
    rng = np.random.default_rng(5)
    network = NETWORKS[kind](rng)
    for x in rng.uniform(-0.5, 0.5, (5, network.inputs)):
        y = float(network(x[None, :])[0, 0])
        for by, excluded in ((1e-9, False), (-1e-9, True)):
            box = Box(x, x, [[Half(np.eye(network.outputs)[0], y + by)]])
            assert excluded_at(problem_of(network, box), 0, x) == excluded

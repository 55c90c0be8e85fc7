"""A rigorous bound is never above its certificate's bound in exact arithmetic, and close below it."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine import EXACT, FEW, LAWS, Box, Half, Rng, affine, problem_of, random_problem
from tests.soundness.exact import ExactNetwork, bound, margin, vector
from tests.trees import Walk, by_forms, enclosure_at, ragged, random_tree

from ivan.bounds.backward import bound_outputs
from ivan.bounds.certify import certify
from ivan.bounds.domains import Domains
from ivan.bounds.enclosure import Enclosure, enclose
from ivan.bounds.objective import Rows
from ivan.network.activations import Relu
from ivan.network.affine import Affine
from ivan.network.layers import Layer, Network
from ivan.network.linear import Dense
from ivan.problem import Problem
from ivan.proof import Certificates, MultiplierKind
from ivan.proof.certificate import MULTIPLIER_COLUMNS, SLOPE_COLUMNS, WEIGHT_COLUMNS

SEEDS = st.integers(0, 2**32 - 1)


def full_certificate(rng: Rng, problem: Problem, enclosure: Enclosure, case: int, multipliers: float) -> Certificates:
    """A slope for every unit, a multiplier for some, a weight for every row."""
    sizes = [layer.size for layer in problem.network.layers]
    layer = np.repeat(np.arange(1, len(sizes) + 1), sizes)
    unit = np.concatenate([np.arange(size) for size in sizes])
    slopes = np.where(rng.random(len(unit)) < 0.3, np.round(rng.random(len(unit))), rng.random(len(unit)))
    used = rng.random(len(unit)) < multipliers
    split = [
        bool(mask is not None and mask[0, j]) for mask, size in zip(enclosure.split, sizes, strict=True)
        for j in range(size)
    ]  # fmt: skip
    kind = np.where(split, MultiplierKind.SPLIT, MultiplierKind.BOUND)
    rows = int(problem.rows_of_case[case])
    zero = np.zeros(1, np.int64)
    return Certificates(
        zero.astype(np.int32),
        np.array([case], np.int32),
        np.zeros(1),
        ragged(1, np.zeros(rows, np.int64), WEIGHT_COLUMNS, row=np.arange(rows), value=rng.random(rows) + 0.01),
        ragged(1, np.zeros(len(unit), np.int64), SLOPE_COLUMNS, layer=layer, unit=unit, value=slopes),
        ragged(
            1,
            np.zeros(int(used.sum()), np.int64),
            MULTIPLIER_COLUMNS,
            layer=layer[used],
            unit=unit[used],
            kind=kind[used],
            value=rng.standard_normal(int(used.sum())) * 10.0 ** rng.integers(-18, 2, int(used.sum())),
        ),
    )


def exact_bound(problem: Problem, exact: ExactNetwork, enclosure: Enclosure, claim: Certificates) -> Fraction:
    weights = {int(r): Fraction(float(v)) for r, v in zip(claim.weights["row"], claim.weights["value"], strict=True)}
    slopes = {
        (int(k), int(j)): Fraction(float(v))
        for k, j, v in zip(*(claim.slopes[name] for name in SLOPE_COLUMNS), strict=True)
    }
    multipliers = {
        (int(k), int(j)): Fraction(float(v))
        for k, j, _, v in zip(*(claim.multipliers[name] for name in MULTIPLIER_COLUMNS), strict=True)
    }
    box = vector(enclosure.lower[0]), vector(enclosure.upper[0])
    intervals = [(vector(low[0]), vector(high[0])) for low, high in enclosure.intervals]
    return bound(exact, problem.cases[int(claim.case[0])], weights, box, intervals, slopes, multipliers)


@pytest.mark.parametrize("multipliers", [0.0, 0.5])
@pytest.mark.parametrize("kind", sorted(EXACT))
@FEW
@given(seed=SEEDS)
def test_the_rigorous_bound_is_below_the_exact_bound_and_close_to_it(kind, multipliers, seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT[kind](rng), cases=3)
    exact, rows = ExactNetwork(problem.network), Rows(problem)
    tree = random_tree(rng, problem, 6)
    walk = Walk(problem, tree)
    for node in (0, *tree.leaves):
        enclosure = by_forms(walk.at(node))
        if enclosure.empty[0]:
            continue
        for case in range(len(problem.cases)):
            claim = full_certificate(rng, problem, enclosure, case, multipliers)
            _, forms = certify(enclosure, np.zeros(1, np.int64), claim, rows)
            truth = exact_bound(problem, exact, enclosure, claim)
            assert Fraction(float(forms.bound[0])) <= truth
            assert float(truth) - forms.bound[0] <= 1e-9 * (1.0 + abs(float(truth)))


@pytest.mark.parametrize("kind", sorted(EXACT))
@FEW
@given(seed=SEEDS)
def test_the_exact_bound_is_below_the_exact_network_and_so_is_any_other(kind, seed):
    """The reference itself is sound: otherwise the law above would say nothing. So is what the interval sweep adds."""
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT[kind](rng), cases=2, radius=0.3)
    exact, zero = ExactNetwork(problem.network), [Fraction(0)] * problem.network.inputs
    root = enclosure_at(problem, random_tree(rng, problem, 0), 0)
    for case in range(2):
        claim = full_certificate(rng, problem, root, case, 0.5)
        truth = exact_bound(problem, exact, root, claim)
        _, forms = certify(root, np.zeros(1, np.int64), claim, Rows(problem))
        weights = {r: Fraction(float(v)) for r, v in zip(claim.weights["row"], claim.weights["value"], strict=True)}
        low, high = vector(root.lower[0]), vector(root.upper[0])
        for _ in range(5):
            share = vector(rng.integers(0, 5, len(zero)) / 4)
            x = [a + s * (b - a) for a, s, b in zip(low, share, high, strict=True)]
            _, y = exact.forward(x)
            assert truth <= margin(problem.cases[case], weights, x, y)
            assert Fraction(float(forms.bound[0])) <= margin(problem.cases[case], weights, x, y)


@FEW
@given(seed=SEEDS)
def test_the_lines_of_a_relu_enclose_it_in_exact_arithmetic(seed):
    rng = np.random.default_rng(seed)
    low = -np.abs(rng.standard_normal(200)) * 10.0 ** rng.integers(-300, 90, 200)
    high = np.abs(rng.standard_normal(200)) * 10.0 ** rng.integers(-300, 90, 200)
    lines = Relu().lines(low, high)
    for a, b, s, t in zip(
        vector(low), vector(high), vector(lines.upper_slope), vector(lines.upper_intercept), strict=True
    ):
        assert s * a + t >= 0
        assert s * b + t >= b
        # and when multiplying the slope by a coefficient rounds it
        for near in (s * (1 - Fraction(1, 2**53)), s * (1 + Fraction(1, 2**53))):
            assert near * a + t >= 0
            assert near * b + t >= b


@pytest.mark.parametrize("kind", ["dense", "residual"])
@LAWS
@given(seed=SEEDS, scale=st.sampled_from([1.0, 1e6]))
def test_rounding_is_absorbed_where_nothing_else_is_left(kind, seed, scale):
    """At the point 0 the inputs lose nothing, and rows that nearly cancel leave little but the rounding itself."""
    rng = np.random.default_rng(seed)
    network = EXACT[kind](rng)
    exact = ExactNetwork(network)
    y = exact.forward([Fraction(0)] * network.inputs)[1]
    C = scale * np.round(rng.standard_normal((30, network.outputs)), 3)
    origin = np.zeros(network.inputs)
    halves = [[Half(c, float(sum(Fraction(repr(float(a))) * b for a, b in zip(c, y, strict=True))))] for c in C]
    problem = problem_of(network, Box(origin, origin, halves))
    enclosure, rows = enclosure_at(problem, random_tree(rng, problem, 0), 0), Rows(problem)
    index = np.arange(len(problem.cases))
    forms = bound_outputs(enclosure, np.zeros(len(index), np.int64), rows.single(index))
    for case, found in zip(problem.cases, vector(forms.bound), strict=True):
        value = margin(case, {0: Fraction(1)}, [Fraction(0)] * network.inputs, y)
        assert found <= value
        assert float(value - found) <= 1e-12 * scale


@LAWS
@given(seed=SEEDS)
def test_decimal_coefficients_are_rows_of_their_own_value(seed):
    """Large outputs that cancel: the half unit that each coefficient lost when it was read decides the sign."""
    rng = np.random.default_rng(seed)
    y = np.round(1e9 * rng.standard_normal(6))
    network = Network((), (1,), affine(6, {0: Dense(np.zeros((6, 1)))}, y), "constant", "float64")
    C = np.round(rng.standard_normal((30, 6)), 2)
    bounds = [sum(Fraction(repr(float(a))) * Fraction(b) for a, b in zip(c, y, strict=True)) for c in C]
    origin = np.zeros(1)
    problem = problem_of(network, Box(origin, origin, [[Half(c, float(b))] for c, b in zip(C, bounds, strict=True)]))
    enclosure, index = enclosure_at(problem, random_tree(rng, problem, 0), 0), np.arange(len(problem.cases))
    forms = bound_outputs(enclosure, np.zeros(len(index), np.int64), Rows(problem).single(index))
    for case, found in zip(problem.cases, vector(forms.bound), strict=True):
        value = margin(case, {0: Fraction(1)}, [Fraction(0)], vector(y))
        assert found <= value
        assert float(value - found) <= 1e-4


@LAWS
@given(seed=SEEDS)
def test_bounds_of_units_absorb_the_rounding_of_computed_constants(seed):
    """Z = w h - w x + constants with h = x + c > 0 is one number: backward bounds close around it, never miss it."""
    rng = np.random.default_rng(seed)
    size = 20
    w = 1e-7 * np.diag(rng.uniform(1.0, 2.0, size))
    first = Layer(affine(size, {0: Dense(np.eye(size))}, np.full(size, 2.0)), Relu())
    parts = rng.standard_normal((3, size))
    constants = [*parts, -parts.sum(axis=0) - 2.0 * np.diag(w)]
    second = Layer(Affine(size, {1: Dense(w), 0: Dense(-w)}, tuple((None, part) for part in constants)), Relu())
    network = Network((first, second), (size,), affine(1, {2: Dense(np.ones((1, size)))}, np.zeros(1)))
    enclosure = enclose(network, Domains.boxes(-np.ones((1, size)), np.ones((1, size)), 2))
    low, high = (vector(side[0]) for side in enclosure.intervals[1])
    assert any(a < 0 < b for a, b in zip(low, high, strict=True))
    for j in range(size):
        value = sum((Fraction(float(part[j])) for part in constants), Fraction(0)) + 2 * Fraction(float(w[j, j]))
        assert low[j] <= value <= high[j]
        assert high[j] - low[j] <= Fraction(1e-13)


@LAWS
@given(seed=SEEDS)
def test_large_hidden_values_that_cancel_at_the_outputs_keep_their_rounding(seed):
    rng = np.random.default_rng(seed)
    size, outputs = 8, 30
    hidden, w = 1e9 * rng.uniform(0.5, 1.0, size), rng.standard_normal((outputs, size))
    sums = [sum(Fraction(a) * Fraction(b) for a, b in zip(row, hidden, strict=True)) for row in w.tolist()]
    first = Layer(affine(size, {0: Dense(np.zeros((size, 1)))}, hidden), Relu())
    last = affine(outputs, {1: Dense(w)}, np.array([-float(total) for total in sums]))
    network = Network((first,), (1,), last, "cancelling", "float64")
    origin, rows = np.zeros(1), np.vstack([np.eye(outputs), -np.eye(outputs)])
    problem = problem_of(network, Box(origin, origin, [[Half(row, 0.0)] for row in rows]))
    enclosure, index = enclosure_at(problem, random_tree(rng, problem, 0), 0), np.arange(2 * outputs)
    forms = bound_outputs(enclosure, np.zeros(len(index), np.int64), Rows(problem).single(index))
    y = ExactNetwork(network).forward([Fraction(0)])[1]
    for value, found in zip([*y, *(-v for v in y)], vector(forms.bound), strict=True):
        assert found <= value
        assert float(value - found) <= 1e-3

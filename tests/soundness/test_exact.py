"""A rigorous bound is never above its certificate's bound in exact arithmetic, and close below it."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine import EXACT, FEW, Rng, enclosure_at, ragged, random_problem, random_tree
from tests.soundness.exact import ExactNetwork, bound, margin, vector

from ivan.bounds.certify import certify
from ivan.bounds.enclosure import Enclosure
from ivan.bounds.objective import Rows
from ivan.network.activations import Relu
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
    for node in (0, *tree.leaves):
        enclosure = enclosure_at(problem, tree, int(node))
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
def test_the_exact_bound_is_below_the_exact_network(kind, seed):
    """The reference itself is sound: otherwise the law above would say nothing."""
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT[kind](rng), cases=2, radius=0.3)
    exact, zero = ExactNetwork(problem.network), [Fraction(0)] * problem.network.inputs
    root = enclosure_at(problem, random_tree(rng, problem, 0), 0)
    for case in range(2):
        claim = full_certificate(rng, problem, root, case, 0.5)
        truth = exact_bound(problem, exact, root, claim)
        weights = {r: Fraction(float(v)) for r, v in zip(claim.weights["row"], claim.weights["value"], strict=True)}
        low, high = vector(root.lower[0]), vector(root.upper[0])
        for _ in range(5):
            share = vector(rng.integers(0, 5, len(zero)) / 4)
            x = [a + s * (b - a) for a, s, b in zip(low, share, high, strict=True)]
            _, y = exact.forward(x)
            assert truth <= margin(problem.cases[case], weights, x, y)


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

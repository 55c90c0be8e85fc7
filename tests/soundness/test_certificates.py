"""Certificates are advice: whatever they hold, no bound is above what the network does."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine import EXACT, FEW, LAWS, NETWORKS, Array, points, pre_activations, random_problem
from tests.trees import Walk, enclosure_at, inside, ragged, random_certificates, random_tree

from ivan.bounds.certify import certify
from ivan.bounds.objective import Rows
from ivan.problem import Problem
from ivan.proof import Certificates, MultiplierKind, Ragged, SpecTree
from ivan.proof.certificate import MULTIPLIER_COLUMNS

SEEDS = st.integers(0, 2**32 - 1)


def values(problem: Problem, claims: Certificates, i: int, x: Array) -> Array:
    """(B,): the weighted rows of certificate i at points x, divided by the sum of the weights."""
    start, end = claims.weights.offsets[i : i + 2]
    weight = claims.weights["value"][start:end]
    margins = problem.margins(int(claims.case[i]), x)[:, claims.weights["row"][start:end]]
    return margins @ (weight / max(weight.max(initial=0.0), 5e-324))


def assert_sound(problem: Problem, tree: SpecTree, claims: Certificates, x: Array) -> int:
    """Fails where a bound is above a sampled value; returns how many bounds are finite."""
    before, rows, finite = pre_activations(problem.network, x), Rows(problem), 0
    walk = Walk(problem, tree)
    for i in range(len(claims)):
        node = int(claims.node[i])
        enclosure = walk.at(node)
        here = x[inside(tree, node, x, before)]
        holds, forms = certify(enclosure, np.zeros(1, np.int64), claims.take(np.array([i])), rows)
        assert not np.isnan(forms.bound[0])
        assert forms.bound[0] < np.inf
        finite += bool(np.isfinite(forms.bound[0]))
        if not len(here):
            continue
        assert not enclosure.empty[0]
        start, end = claims.weights.offsets[i : i + 2]
        largest = float(claims.weights["value"][start:end].max(initial=0.0))
        if not largest:
            assert not holds[0], "a region with a point in it cannot be shown to be empty"
            continue
        sampled = values(problem, claims, i, here)
        slack = Fraction(1e-11 * (1.0 + np.abs(sampled).max())) * Fraction(largest)
        if np.isfinite(forms.bound[0]):
            assert Fraction(float(forms.bound[0])) <= Fraction(sampled.min()) * Fraction(largest) + slack
        if holds[0]:
            assert np.all(problem.margins(int(claims.case[i]), here).max(axis=1) > -1e-9)
    return finite


@pytest.mark.parametrize("kind", sorted(NETWORKS))
@FEW
@given(seed=SEEDS)
def test_random_certificates_never_exceed_a_sample(kind, seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, NETWORKS[kind](rng), radius=0.5)
    tree = random_tree(rng, problem, 5)
    claims = random_certificates(rng, problem, tree, 12)
    claims.check(len(tree), problem.rows_of_case)
    x = points(rng, problem.regions[0].lower, problem.regions[0].upper, 1000)
    assert assert_sound(problem, tree, claims, x) == len(claims)


@pytest.mark.parametrize("kind", sorted(EXACT))
@FEW
@given(seed=SEEDS, exponent=st.sampled_from([-320, -200, -30, 30, 150, 250, 307]))
def test_absurd_certificates_never_exceed_a_sample_nor_raise_or_warn(kind, seed, exponent):
    rng = np.random.default_rng(seed)

    def absurd(size: int) -> Array:
        """Numbers of all magnitudes up to the given one."""
        return rng.standard_normal(size) * 10.0 ** (exponent * rng.random(size))

    problem = random_problem(rng, EXACT[kind](rng), radius=0.5)
    tree = random_tree(rng, problem, 5)
    claims = random_certificates(rng, problem, tree, 12, absurd)
    claims.check(len(tree), problem.rows_of_case)
    assert_sound(problem, tree, claims, points(rng, problem.regions[0].lower, problem.regions[0].upper, 300))


@pytest.mark.parametrize("value", [1.7e308, 1e300, 5e-324])
@pytest.mark.parametrize("table", ["weights", "multipliers"])
def test_numbers_at_the_ends_of_the_floats_claim_nothing_and_do_not_warn(table, value):
    rng = np.random.default_rng(0)
    problem = random_problem(rng, EXACT["residual"](rng), cases=8)
    tree = random_tree(rng, problem, 6)
    claims = random_certificates(rng, problem, tree, 40)
    entries = getattr(claims, table)
    values = {**entries.columns, "value": np.where(entries["value"] < 0.0, -value, value)}
    claims = replace(claims, **{table: Ragged(entries.offsets, values)})
    claims.check(len(tree), problem.rows_of_case)
    assert_sound(problem, tree, claims, points(rng, problem.regions[0].lower, problem.regions[0].upper))


@pytest.mark.parametrize("kind", sorted(EXACT))
@LAWS
@given(seed=SEEDS)
def test_split_multipliers_of_units_that_are_not_split_are_ignored(kind, seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT[kind](rng))
    tree, rows = random_tree(rng, problem, 4), Rows(problem)
    claims = random_certificates(rng, problem, tree, 6)
    for i in range(len(claims)):
        node = int(claims.node[i])
        enclosure = enclosure_at(problem, tree, node)
        one = claims.take(np.array([i]))
        entries = one.multipliers
        on_path = [
            0 < k <= len(enclosure.split)
            and (mask := enclosure.split[k - 1]) is not None
            and 0 <= j < mask.shape[1]
            and bool(mask[0, j])
            for k, j in zip(entries["layer"], entries["unit"], strict=True)
        ]
        kept = np.array(on_path, bool) | (entries["kind"] == MultiplierKind.BOUND)
        without = replace(
            one,
            multipliers=ragged(
                1,
                np.zeros(int(kept.sum()), np.int64),
                MULTIPLIER_COLUMNS,
                **{name: column[kept] for name, column in entries.columns.items()},
            ),
        )
        zero = np.zeros(1, np.int64)
        expected = certify(enclosure, zero, without, rows)[1].bound
        assert np.array_equal(certify(enclosure, zero, one, rows)[1].bound, expected)


@LAWS
@given(seed=SEEDS)
def test_a_split_multiplier_counts_below_its_split_and_nowhere_else(seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT["dense"](rng), cases=1)
    tree, rows, zero = random_tree(rng, problem, 1, inputs=False), Rows(problem), np.zeros(1, np.int64)
    layer, unit = int(tree.layer[1]), int(tree.unit[1])
    plain = random_certificates(rng, problem, tree, 1)
    plain = replace(
        plain, node=np.array([1], np.int32), multipliers=ragged(1, zero[:0], MULTIPLIER_COLUMNS, **NO_ENTRIES)
    )
    entry = {"layer": [layer], "unit": [unit], "kind": [MultiplierKind.SPLIT], "value": [0.5]}
    claim = replace(plain, multipliers=ragged(1, zero, MULTIPLIER_COLUMNS, **entry))

    def bound(node: int, claims: Certificates) -> float:
        return float(certify(enclosure_at(problem, tree, node), zero, claims, rows)[1].bound[0])

    assert bound(0, claim) == bound(0, plain)
    assert bound(1, claim) != bound(1, plain)


NO_ENTRIES: dict[str, list[float]] = {name: [] for name in MULTIPLIER_COLUMNS}

"""Laws of affine expressions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivan.network.affine import Affine
from ivan.network.linear import Dense, Diagonal, Selection

SEEDS = st.integers(0, 2**32 - 1)
LAWS = settings(max_examples=40, deadline=None, derandomize=True)


def expression(rng: np.random.Generator, size: int) -> Affine:
    """Over sources 0 (3 numbers) and 1 (2 numbers), with plain and mapped constants."""
    affine = Affine(size, {0: Dense(rng.standard_normal((size, 3)))})
    if rng.random() < 0.5:
        affine = affine.plus(Affine.of(1, 2).then(Dense(rng.standard_normal((size, 2)))))
    if rng.random() < 0.7:
        affine = affine.plus_constant(rng.standard_normal(size)).then(Dense(rng.standard_normal((size, size))))
    if rng.random() < 0.7:
        affine = affine.plus_constant(rng.standard_normal(size))
    return affine


def sources(rng: np.random.Generator) -> dict[int, np.ndarray]:
    return {0: rng.standard_normal((4, 3)), 1: rng.standard_normal((4, 2))}


@given(SEEDS)
@LAWS
def test_operations_on_expressions_are_operations_on_their_values(seed):
    rng = np.random.default_rng(seed)
    values, a, b = sources(rng), expression(rng, 4), expression(rng, 4)
    at, bt = a.evaluate(values), b.evaluate(values)
    L, moved = Dense(rng.standard_normal((2, 4))), Selection(rng.integers(-1, 4, 6), 4)
    np.testing.assert_allclose(a.plus(b).evaluate(values), at + bt, atol=1e-10)
    np.testing.assert_allclose(a.then(L).evaluate(values), L.apply(at), atol=1e-10)
    np.testing.assert_allclose(a.then(moved).evaluate(values), moved.apply(at), atol=1e-10)
    np.testing.assert_allclose(a.scaled(-2.0).evaluate(values), -2.0 * at, atol=1e-10)
    shift = rng.standard_normal(4)
    np.testing.assert_allclose(a.plus_constant(shift).evaluate(values), at + shift, atol=1e-10)


@given(SEEDS)
@LAWS
def test_a_concatenation_holds_its_parts_and_slices_return_them(seed):
    rng = np.random.default_rng(seed)
    values = sources(rng)
    parts = [expression(rng, size) for size in (2, 3, 1)]
    whole = Affine.concatenated(parts)
    joined = np.concatenate([part.evaluate(values) for part in parts], axis=1)
    np.testing.assert_allclose(whole.evaluate(values), joined, atol=1e-12)
    back = whole.then(Selection(np.arange(2, 5), 6))
    np.testing.assert_allclose(back.evaluate(values), parts[1].evaluate(values), atol=1e-12)
    assert [source for source, _ in back.terms] == [source for source, _ in parts[1].terms]


@given(SEEDS)
@LAWS
def test_the_constant_error_covers_the_exact_constant(seed):
    rng = np.random.default_rng(seed)
    size = 3
    vectors = [rng.standard_normal(size) * 10.0 ** rng.integers(-8, 8) for _ in range(3)]
    maps = [rng.standard_normal((size, size)) for _ in range(2)]
    affine = Affine(size).plus_constant(vectors[0]).then(Dense(maps[0])).plus_constant(vectors[1])
    affine = affine.then(Dense(maps[1])).plus_constant(vectors[2])
    exact = [Fraction(0)] * size
    for k, vector in enumerate(vectors):
        exact = [e + Fraction(float(v)) for e, v in zip(exact, vector, strict=True)]
        if k < 2:
            exact = [
                sum((Fraction(float(w)) * e for w, e in zip(row, exact, strict=True)), Fraction(0)) for row in maps[k]
            ]
    for computed, error, true in zip(affine.constant, affine.constant_error, exact, strict=True):
        assert abs(Fraction(float(computed)) - true) <= Fraction(float(error))


def test_a_single_plain_constant_is_exact():
    affine = Affine.of(0, 3).plus_constant(np.array([0.1, 0.2, 0.3]))
    assert not affine.constant_error.any()
    assert not affine.then(Selection(np.array([2, -1, 0]), 3)).constant_error.any()
    assert affine.then(Diagonal(np.full(3, 0.1))).constant_error.all()


def test_what_the_structure_makes_zero_disappears():
    affine = Affine.concatenated([Affine.of(0, 2), Affine.of(1, 2)])
    assert [source for source, _ in affine.terms] == [0, 1]
    assert [source for source, _ in affine.then(Selection(np.array([2, 3]), 4)).terms] == [1]


def test_width_counts_maps_and_constants():
    affine = Affine.of(0, 2)
    assert affine.width == 1
    assert affine.plus(affine.then(Dense(np.eye(2))).plus_constant(np.ones(2))).width == 3


def test_expressions_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="cannot be added"):
        Affine.of(0, 2).plus(Affine.of(0, 3))
    with pytest.raises(ValueError, match="a term of 3 numbers"):
        Affine(2, {0: Selection.identity_of(3)})
    with pytest.raises(ValueError, match="constant of shape"):
        Affine.of(0, 2).plus_constant(np.ones(3))

"""Laws of every linear map: the five ways to use it agree with its matrix."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivan.network.linear import (
    COMPUTED,
    Adjoint,
    Convolution,
    Dense,
    Diagonal,
    LinearMap,
    Product,
    Selection,
    Sparse,
    Sum,
    add,
    compose,
    origins,
)

LAWS = settings(max_examples=25, deadline=None, derandomize=True)


def _rng(data: st.DataObject) -> np.random.Generator:
    return np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))


def dense(data: st.DataObject) -> LinearMap:
    m, n, before, after = (data.draw(st.integers(1, 4)) for _ in range(4))
    return Dense(_rng(data).standard_normal((m, n)), before, after)


def matrix(data: st.DataObject) -> LinearMap:
    m, n = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 6))
    return Dense(_rng(data).standard_normal((m, n)))


def mostly_zeros(data: st.DataObject) -> LinearMap:
    """Large and empty enough for the kernels that skip zeros."""
    weight = np.zeros((64, 80))
    weight[_rng(data).integers(0, 64, 90), _rng(data).integers(0, 80, 90)] = _rng(data).standard_normal(90)
    linear = Dense(weight)
    assert linear.sparse is not None
    return linear


def convolution(data: st.DataObject) -> LinearMap:
    pair = st.tuples(st.integers(1, 3), st.integers(1, 3))
    kernel, strides, dilations = data.draw(pair), data.draw(pair), data.draw(pair)
    groups, per_group, out = (data.draw(st.integers(1, 2)) for _ in range(3))
    pads = data.draw(st.tuples(*[st.integers(0, 2)] * 4))
    spans = [d * (k - 1) + 1 for d, k in zip(dilations, kernel, strict=True)]
    height, width = (data.draw(st.integers(span, span + 3)) for span in spans)
    weight = _rng(data).standard_normal((groups * out, per_group, *kernel))
    return Convolution(weight, (groups * per_group, height, width), strides, pads, dilations, groups)


def selection(data: st.DataObject) -> LinearMap:
    n = data.draw(st.integers(1, 6))
    return Selection(np.array(data.draw(st.lists(st.integers(-1, n - 1), min_size=1, max_size=8))), n)


def permutation(data: st.DataObject) -> LinearMap:
    n = data.draw(st.integers(1, 8))
    return Selection(_rng(data).permutation(n), n)


def diagonal(data: st.DataObject) -> LinearMap:
    return Diagonal(_rng(data).standard_normal(data.draw(st.integers(1, 6))), uncertain=data.draw(st.integers(0, 3)))


def sparse(data: st.DataObject) -> LinearMap:
    from scipy.sparse import csr_array

    rng = _rng(data)
    m, n = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 6))
    return Sparse(csr_array(rng.standard_normal((m, n)) * (rng.random((m, n)) < 0.5)))


def adjoint(data: st.DataObject) -> LinearMap:
    return Adjoint(convolution(data))


def product(data: st.DataObject) -> LinearMap:
    inner = simple(data)
    rng = _rng(data)
    return Product(Dense(rng.standard_normal((data.draw(st.integers(1, 4)), inner.rows))), inner)


def total(data: st.DataObject) -> LinearMap:
    first = simple(data)
    return Sum((first, Dense(_rng(data).standard_normal((first.rows, first.columns)))))


SIMPLE = [dense, matrix, mostly_zeros, convolution, selection, permutation, diagonal, sparse, adjoint]
MAPS = [*SIMPLE, product, total]


def simple(data: st.DataObject) -> LinearMap:
    return data.draw(st.sampled_from(SIMPLE))(data)


def full(linear: LinearMap) -> np.ndarray:
    """The matrix, column by column."""
    return linear.apply(np.eye(linear.columns)).T


@pytest.mark.parametrize("make", MAPS)
@given(data=st.data())
@LAWS
def test_the_five_uses_of_a_map_agree_with_its_matrix(make, data):
    linear = make(data)
    L = full(linear)
    rng = _rng(data)
    a, units = rng.standard_normal((3, linear.rows)), rng.integers(0, linear.rows, 5)
    assert L.shape == (linear.rows, linear.columns)
    np.testing.assert_allclose(linear.transpose(a), a @ L, atol=1e-12)
    np.testing.assert_allclose(linear.to_sparse().toarray(), L, atol=1e-12)
    np.testing.assert_allclose(linear.select(units), L[units], atol=1e-12)
    assert linear.zero <= bool(np.all(L == 0))
    assert linear.pieces >= 1


@pytest.mark.parametrize("make", MAPS)
@given(data=st.data())
@LAWS
def test_the_absolute_map_dominates_entry_by_entry_in_both_directions(make, data):
    linear = make(data)
    absolute = linear.absolute()
    L, A = full(linear), full(absolute)
    assert np.all(np.abs(L) <= A * (1 + 1e-12) + 1e-300)
    np.testing.assert_allclose(absolute.transpose(np.eye(linear.rows)), A, atol=1e-12)
    if make in SIMPLE:  # only products and sums may over-estimate
        np.testing.assert_array_equal(A, np.abs(L))


@pytest.mark.parametrize("make", MAPS)
@given(data=st.data())
@LAWS
def test_an_empty_batch_gives_an_empty_result(make, data):
    linear = make(data)
    assert linear.apply(np.zeros((0, linear.columns))).shape == (0, linear.rows)
    assert linear.transpose(np.zeros((0, linear.rows))).shape == (0, linear.columns)
    assert linear.select(np.zeros(0, np.int64)).shape == (0, linear.columns)


@pytest.mark.parametrize("make", [dense, convolution, adjoint, product, total])
@given(data=st.data())
@settings(max_examples=15, deadline=None, derandomize=True)
def test_rounding_stays_within_the_bound_that_terms_promises(make, data):
    linear = make(data)
    # Integers of very different size, so that every number is exact and sums round.
    rng = _rng(data)
    x = rng.integers(-(2**20), 2**20, (1, linear.columns)) * 2.0 ** rng.integers(-40, 40, (1, linear.columns))
    parts = linear.parts if isinstance(linear, Sum) else (linear,)

    def exact(piece: LinearMap, v: list[Fraction]) -> list[Fraction]:
        if isinstance(piece, Product):
            return exact(piece.outer, exact(piece.inner, v))
        M = piece.to_sparse().toarray()
        return [sum((Fraction(float(e)) * c for e, c in zip(row, v, strict=True)), Fraction(0)) for row in M]

    vector = [Fraction(float(c)) for c in x[0]]
    results = [exact(part, vector) for part in parts]
    expected = [sum(column, Fraction(0)) for column in zip(*results, strict=True)]
    bound = 1.01 * (linear.terms + 4) * 2.0**-53 * linear.absolute().apply(np.abs(x))[0]
    for computed, true, error in zip(linear.apply(x)[0], expected, bound, strict=True):
        assert abs(Fraction(float(computed)) - true) <= Fraction(float(error))


@given(data=st.data())
@settings(max_examples=100, deadline=None, derandomize=True)
def test_composition_and_addition_agree_with_matrices(data):
    inner = simple(data)
    rng = _rng(data)
    kind = data.draw(st.sampled_from(["dense", "selection", "diagonal", "axis"]))
    outer: LinearMap
    if kind == "dense":
        outer = Dense(rng.standard_normal((3, inner.rows)))
    elif kind == "selection":
        outer = Selection(rng.integers(-1, inner.rows, 5), inner.rows)
    elif kind == "diagonal":
        outer = Diagonal(rng.standard_normal(inner.rows))
    else:
        outer = Dense(rng.standard_normal((2, 1)), before=inner.rows)
    composed = compose(outer, inner)
    np.testing.assert_allclose(full(composed), full(outer) @ full(inner), atol=1e-12)
    both = add(composed, Dense(rng.standard_normal((composed.rows, composed.columns))))
    again = Selection(rng.permutation(both.rows), both.rows)
    np.testing.assert_allclose(full(compose(again, both)), full(again) @ full(both), atol=1e-12)
    np.testing.assert_allclose(full(add(both, composed)), full(both) + full(composed), atol=1e-12)


@given(data=st.data())
@settings(max_examples=100, deadline=None, derandomize=True)
def test_the_origins_of_a_map_are_what_its_matrix_takes(data):
    rng = _rng(data)
    inner = data.draw(st.sampled_from([Dense(rng.standard_normal((4, 3))), Selection(rng.integers(-1, 3, 4), 3)]))
    parts = [compose(Selection(rng.integers(-1, 4, 6), 4), inner), Selection(rng.integers(-1, 3, 6), 3)]
    for linear in (*parts, add(*parts), compose(Selection(rng.integers(-1, 6, 5), 6), add(*parts))):
        taken, weight = origins(linear), full(linear)
        for row, entry in enumerate(taken):
            if entry != COMPUTED:
                np.testing.assert_array_equal(weight[row], np.arange(3) == entry)


def test_a_map_may_take_entries_of_a_single_number_and_compute_others():
    inner = Selection(np.array([2]), 3)
    mixed = add(Selection(np.array([0, -1]), 1), compose(Selection(np.array([-1, 0]), 1), Dense(np.array([[2.0]]))))
    assert origins(Product(mixed, inner)).tolist() == [2, COMPUTED]


def test_index_maps_merge_with_each_other_and_into_matrices():
    turn = Selection(np.array([2, 0, 1]), 3)
    assert isinstance(compose(turn, turn), Selection)
    assert compose(compose(turn, turn), turn).describe() == "identity"
    assert isinstance(compose(turn, Dense(np.eye(3))), Dense)
    assert isinstance(compose(Dense(np.eye(3)), turn), Dense)
    low, high = Selection(np.array([0, 1, -1, -1]), 2), Selection(np.array([-1, -1, 0, 1]), 2)
    assert isinstance(add(low, high), Selection)
    assert compose(Selection(np.array([2, 3]), 4), low).zero
    halves = Sum((compose(low, Dense(np.eye(2))), compose(high, Dense(np.eye(2)))))
    assert not isinstance(compose(Selection(np.array([0, 1]), 4), halves), Sum)


def test_selecting_from_much_more_does_not_widen_a_matrix():
    assert isinstance(compose(Dense(np.ones((2, 1))), Selection(np.array([7]), 1000)), Product)


def test_long_batches_of_convolutions_are_computed_piece_by_piece(monkeypatch):
    from ivan.network.linear import convolution as module

    rng = np.random.default_rng(0)
    linear = Convolution(rng.standard_normal((3, 2, 3, 3)), (2, 5, 5), pads=(1, 1, 1, 1))
    x, a = rng.standard_normal((7, linear.columns)), rng.standard_normal((7, linear.rows))
    whole = linear.apply(x), linear.transpose(a)
    monkeypatch.setattr(module, "_CHUNK", 2 * 2 * 9 * 25)
    np.testing.assert_allclose(linear.apply(x), whole[0], atol=1e-13)
    np.testing.assert_allclose(linear.transpose(a), whole[1], atol=1e-13)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Product(Dense(np.ones((2, 3))), Dense(np.ones((2, 3)))),
        lambda: Sum((Dense(np.ones((2, 3))), Dense(np.ones((3, 2))))),
        lambda: Convolution(np.ones((2, 3, 1, 1)), (2, 4, 4)),
        lambda: Convolution(np.ones((3, 1, 1, 1)), (2, 4, 4), groups=2),
    ],
)
def test_maps_that_do_not_fit_are_refused(make):
    with pytest.raises(ValueError, match=r"map|fit"):
        make()


def test_maps_do_not_let_their_numbers_be_changed():
    for array in (Dense(np.ones((2, 2))).weight, Diagonal(np.ones(2)).scale, Selection(np.arange(2), 2).index):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 5

"""Column maps do what the linear maps do that they were made of."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.network import test_linear as maps

from ivan.bounds.columns.maps import column_map
from ivan.network.linear import Adjoint, Convolution, Dense, Diagonal, LinearMap, Product, Selection, Sparse, Sum

LAWS = settings(max_examples=25, deadline=None, derandomize=True)
BATCHES = st.sampled_from([0, 1, 2, 7])

Make = Callable[[st.DataObject], LinearMap]


def identity(data: st.DataObject) -> LinearMap:
    return Selection.identity_of(data.draw(st.integers(1, 6)))


def zeros(data: st.DataObject) -> LinearMap:
    return Selection(np.full(data.draw(st.integers(1, 4)), -1), data.draw(st.integers(1, 4)))


def nested(data: st.DataObject) -> LinearMap:
    return Adjoint(Sum((maps.product(data),)))


KINDS: dict[type[LinearMap], list[Make]] = {
    Dense: [maps.dense, maps.matrix, maps.mostly_zeros],
    Convolution: [maps.convolution],
    Selection: [maps.selection, maps.permutation, identity, zeros],
    Diagonal: [maps.diagonal],
    Sparse: [maps.sparse],
    Adjoint: [maps.adjoint, nested],
    Product: [maps.product],
    Sum: [maps.total],
}
"""Every kind of map, and how examples of it are made."""

EXAMPLES = [pytest.param(kind, make, id=make.__name__) for kind, makers in KINDS.items() for make in makers]


def kinds_below(kind: type[LinearMap]) -> set[type[LinearMap]]:
    return {kind}.union(*(kinds_below(child) for child in kind.__subclasses__()))


def test_every_kind_of_map_is_tried_here():
    known = {kind for kind in kinds_below(LinearMap) if kind.__module__.startswith("ivan.")}
    assert known - {LinearMap} == set(KINDS)


@pytest.mark.parametrize(("kind", "make"), EXAMPLES)
@LAWS
@given(data=st.data(), batch=BATCHES)
def test_a_column_map_agrees_with_its_map_in_both_directions(kind, make, data, batch):
    linear = make(data)
    assert isinstance(linear, kind)
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    x, a = rng.standard_normal((batch, linear.columns)), rng.standard_normal((batch, linear.rows))
    for dtype, tolerance in ((np.float64, 1e-12), (np.float32, 1e-5)):
        columns = column_map(linear, dtype)
        for found, expected in (
            (columns.apply(np.ascontiguousarray(x.T, dtype)), linear.apply(x).T),
            (columns.transpose(np.ascontiguousarray(a.T, dtype)), linear.transpose(a).T),
        ):
            assert found.dtype == dtype
            assert found.shape == expected.shape
            size = np.abs(expected).max(initial=1.0)
            np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * size)


@pytest.mark.parametrize(("kind", "make"), EXAMPLES)
@LAWS
@given(data=st.data(), batch=st.integers(1, 4))
def test_the_transpose_is_the_adjoint(kind, make, data, batch):
    del kind
    linear = make(data)
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    x, a = rng.standard_normal((linear.columns, batch)), rng.standard_normal((linear.rows, batch))
    columns = column_map(linear, np.float64)
    forwards, backwards = (a * columns.apply(x)).sum(axis=0), (columns.transpose(a) * x).sum(axis=0)
    np.testing.assert_allclose(forwards, backwards, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize(("kind", "make"), EXAMPLES)
@LAWS
@given(data=st.data())
def test_what_is_given_to_a_column_map_stays_as_it_was(kind, make, data):
    del kind
    linear = make(data)
    columns = column_map(linear, np.float32)
    x, a = np.ones((linear.columns, 3), np.float32), np.ones((linear.rows, 3), np.float32)
    columns.apply(x)
    columns.transpose(a)
    assert np.all(x == 1.0)
    assert np.all(a == 1.0)


@LAWS
@given(data=st.data(), batch=st.integers(2, 6), most=st.integers(1, 1600))
def test_a_convolution_is_the_same_however_much_it_unfolds_at_a_time(data, batch, most):
    linear = maps.convolution(data)
    rng = np.random.default_rng(0)
    x, a = rng.standard_normal((linear.columns, batch)), rng.standard_normal((linear.rows, batch))
    whole = column_map(linear, np.float64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ivan.bounds.columns.maps.MOST_UNFOLDED", most)
        parts = column_map(linear, np.float64)
    np.testing.assert_allclose(parts.apply(x), whole.apply(x), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(parts.transpose(a), whole.transpose(a), rtol=1e-12, atol=1e-12)


def test_a_map_that_is_not_known_is_refused():
    class Other(Dense):
        pass

    class Unknown(LinearMap):
        def __init__(self) -> None:
            self.rows = self.columns = self.terms = 1

        apply = transpose = absolute = describe = shape_only = to_sparse = Dense.shape_only

    column_map(Other(np.ones((1, 1))), np.float32)
    with pytest.raises(TypeError, match="Unknown"):
        column_map(Unknown(), np.float32)

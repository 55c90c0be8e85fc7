"""The part of a map that some outputs need is that part, and reads nothing that it does not need."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.network.test_linear import LAWS, MAPS, convolution, full, matrix

from ivan.network.linear import Convolution, Dense, Diagonal, LinearMap, Product, Selection, Sum, compose
from ivan.network.linear.locality import places, restricted, widened


def rng_of(data: st.DataObject) -> np.random.Generator:
    return np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))


def selected(data: st.DataObject) -> LinearMap:
    """What is left of a convolution whose units are partly left out, before and behind."""
    inner = convolution(data)
    rng = rng_of(data)
    scatter = Selection(np.where(rng.random(inner.columns) < 0.7, np.arange(inner.columns), -1), inner.columns)
    keep = np.flatnonzero(rng.random(inner.rows) < 0.7)
    return compose(Selection(keep if len(keep) else np.array([0]), inner.rows), compose(inner, scatter))


@pytest.mark.parametrize("make", [*MAPS, selected])
@given(data=st.data())
@LAWS
def test_a_restricted_map_is_those_rows_of_the_matrix_and_all_else_in_them_is_zero(make, data):
    linear = make(data)
    L, rng = full(linear), rng_of(data)
    for units in (rng.integers(0, linear.rows, 4), np.unique(rng.integers(0, linear.rows, 6))):
        part, columns = restricted(linear, units)
        assert (part.rows, part.columns) == (len(units), len(columns))
        assert np.all(np.diff(columns) > 0)
        if len(columns):
            np.testing.assert_allclose(full(part), L[units][:, columns], atol=1e-12)
            a = rng.standard_normal((2, len(units)))
            np.testing.assert_allclose(part.transpose(a), a @ L[units][:, columns], atol=1e-12)
        rest = np.setdiff1d(np.arange(linear.columns), columns)
        assert np.all(L[units][:, rest] == 0.0)


@given(data=st.data())
@LAWS
def test_a_widened_map_reads_more_and_computes_the_same(data):
    linear, rng = matrix(data), rng_of(data)
    wanted = np.sort(rng.permutation(12)[: linear.columns + 3])
    columns = np.sort(rng.permutation(wanted)[: linear.columns])
    x = rng.standard_normal((2, len(wanted)))
    wide = widened(linear, columns, wanted)
    np.testing.assert_allclose(wide.apply(x), linear.apply(x[:, np.searchsorted(wanted, columns)]), atol=1e-12)
    assert widened(linear, columns, columns) is linear


def test_the_window_of_a_unit_is_what_its_kernel_covers():
    conv = Convolution(np.ones((2, 3, 3, 3)), (3, 8, 8), pads=(1, 1, 1, 1))
    unit = np.ravel_multi_index(([1], [4], [0]), conv.output_shape)
    part, columns = restricted(conv, unit)
    _, y, x = np.unravel_index(columns, conv.input_shape)
    assert (set(y.tolist()), set(x.tolist())) == ({3, 4, 5}, {0, 1})
    assert part.rows == 1


def test_nothing_is_read_for_outputs_that_a_selection_takes_from_nowhere():
    conv = Convolution(np.ones((2, 3, 3, 3)), (3, 8, 8), pads=(1, 1, 1, 1))
    linear = Product(Selection(np.array([-1, 5, -1]), conv.rows), conv)
    part, columns = restricted(linear, np.array([0, 2]))
    assert (part.rows, part.columns, len(columns)) == (2, 0, 0)


def test_places_are_seen_through_what_only_moves_or_scales():
    conv = Convolution(np.ones((2, 1, 2, 2)), (1, 4, 5))
    y, x = np.divmod(np.arange(conv.rows) % 12, 4)
    expected = np.stack([y, x], axis=1)
    every = np.arange(conv.rows)
    np.testing.assert_array_equal(places(conv, every), expected)
    scaled = Product(Diagonal(np.ones(conv.rows)), conv)
    np.testing.assert_array_equal(places(scaled, every), expected)
    some = Product(Selection(every[::3], conv.rows), conv)
    np.testing.assert_array_equal(places(some, np.arange(some.rows)), expected[::3])
    total = Sum((Dense(np.ones((conv.rows, conv.columns))), conv))
    np.testing.assert_array_equal(places(total, every), expected)
    assert places(Dense(np.ones((2, 2))), np.array([0])) is None
    assert places(Selection.identity_of(4), np.array([0])) is None

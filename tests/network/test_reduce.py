"""A network without the units that are zero on a region computes the same there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.engine import FEW, PIECEWISE, Rng, dense, lowered, points, pre_activations, random_problem
from tests.soundness.test_bounds import assert_layers_hold

from ivan.bounds.columns import Model
from ivan.bounds.descend import roots
from ivan.bounds.enclosure import enclose
from ivan.network import reduce
from ivan.network.activations import Relu
from ivan.network.layers import Network
from ivan.network.linear import Dense, LinearMap, Product, Sparse
from ivan.network.reduce import reduced
from ivan.problem import Problem

SEEDS = st.integers(0, 2**32 - 1)
CLOSE = 1e-11
Index = NDArray[np.int64]

FORMS: dict[str, Callable[[LinearMap], float]] = {
    "as composed": lambda linear: isinstance(linear, Dense | Sparse),
    "sparse": lambda linear: not isinstance(linear, Sparse),
    "dense": lambda linear: not isinstance(linear, Dense),
}
"""Costs that prefer one form of restricted maps."""


def active(problem: Problem) -> list[Index]:
    """Per layer, the units that may be anything but zero on the first region; at least one."""
    enclosure = enclose(problem.network, roots(problem, np.zeros(1, np.int64)))
    keep = []
    for layer, (_, high) in zip(problem.network.layers, enclosure.intervals, strict=True):
        stays = (high[0] > 0.0) | (not isinstance(layer.activation, Relu))
        stays[0] |= not stays.any()
        keep.append(np.flatnonzero(stays))
    return keep


def some_problem(rng: Rng, kind: str) -> tuple[Problem, list[Index]]:
    """A problem in whose first box some units are proved to be zero."""
    problem = random_problem(rng, lowered(rng, PIECEWISE[kind](rng)), cases=2, radius=0.3)
    keep = active(problem)
    assume(sum(map(len, keep)) < sum(layer.size for layer in problem.network.layers))
    return problem, keep


def assert_close(found: NDArray[np.float64], expected: NDArray[np.float64], tolerance: float = CLOSE) -> None:
    assert found.shape == expected.shape
    size = 1.0 + np.abs(expected).max(initial=0.0)
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * size)


@pytest.mark.parametrize("form", sorted(FORMS))
@pytest.mark.parametrize("kind", sorted(PIECEWISE))
@FEW
@given(seed=SEEDS)
def test_a_reduced_network_computes_the_same_on_the_region(kind, form, seed):
    rng = np.random.default_rng(seed)
    problem, keep = some_problem(rng, kind)
    whole, small = problem.network, reduced(problem.network, keep, FORMS[form])
    assert [layer.size for layer in small.layers] == [len(units) for units in keep]
    assert (small.inputs, small.outputs, small.input_shape) == (whole.inputs, whole.outputs, whole.input_shape)
    assert small.precision == whole.precision
    x = points(rng, problem.regions[0].lower, problem.regions[0].upper, 200)
    assert_close(small(x), whole(x))
    for mine, z, units in zip(pre_activations(small, x), pre_activations(whole, x), keep, strict=True):
        assert_close(mine, z[:, units])
    for dtype, tolerance in ((np.float64, CLOSE), (np.float32, 1e-4)):  # and so it does on columns
        assert_close(Model(small, dtype).forward(x.T.astype(dtype))[1].T, whole(x), tolerance)


@pytest.mark.parametrize("form", sorted(FORMS))
@pytest.mark.parametrize("kind", sorted(PIECEWISE))
@FEW
@given(seed=SEEDS)
def test_bounds_on_a_reduced_network_are_those_on_the_whole_one(kind, form, seed):
    rng = np.random.default_rng(seed)
    problem, keep = some_problem(rng, kind)
    small = reduced(problem.network, keep, FORMS[form])
    domains = roots(problem, np.zeros(1, np.int64))
    one, other = enclose(small, domains), enclose(problem.network, domains)
    for mine, theirs, units in zip(one.intervals, other.intervals, keep, strict=True):
        for side, expected in zip(mine, theirs, strict=True):
            assert_close(side, expected[:, units], 1e-9)
    x = points(rng, problem.regions[0].lower, problem.regions[0].upper, 400)
    assert_layers_hold(
        one, 0, [z[:, units] for z, units in zip(pre_activations(problem.network, x), keep, strict=True)]
    )


@FEW
@given(seed=SEEDS)
def test_a_network_all_of_whose_units_are_zero_is_constant(seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, lowered(rng, dense(rng), share=1.0, by=100.0), radius=0.3)
    keep = active(problem)
    assert [len(units) for units in keep] == [1] * len(keep)
    small: Network = reduced(problem.network, keep, FORMS["dense"])
    x = points(rng, problem.regions[0].lower, problem.regions[0].upper)
    assert_close(small(x), np.tile(problem.network.output.constant, (len(x), 1)))


@pytest.mark.parametrize("kind", sorted(PIECEWISE))
@FEW
@given(seed=SEEDS)
def test_a_network_that_keeps_every_unit_stays_the_same(kind, seed):
    rng = np.random.default_rng(seed)
    network = PIECEWISE[kind](rng)
    small = reduced(network, [np.arange(layer.size) for layer in network.layers], FORMS["as composed"])
    x = rng.standard_normal((50, network.inputs))
    assert_close(small(x), network(x))


def test_a_product_whose_entries_cancel_is_not_written_out():
    # 1e8 - 1e8 (1 + 2^-30) is far less exact than its size tells
    outer, inner = np.array([[1e8, -1e8]]), np.array([[1.0], [1.0 + 2.0**-30]])
    product = Product(Dense(outer), Dense(inner))
    assert reduce._cheapest(product, lambda linear: float(isinstance(linear, Product))) is product
    same_sign = Product(Dense(np.abs(outer)), Dense(inner))
    assert not isinstance(reduce._cheapest(same_sign, lambda linear: float(isinstance(linear, Product))), Product)

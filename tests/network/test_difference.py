"""Differences: of maps, exact whatever the numbers; of activations, enclosed wherever the arguments are."""

from __future__ import annotations

import operator
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivan.network.activations import ACTIVATIONS
from ivan.network.activations.difference import DIFFERENCES, Interval
from ivan.network.linear import (
    Adjoint,
    Convolution,
    Dense,
    Diagonal,
    LinearMap,
    Product,
    Selection,
    Sparse,
    Sum,
    exact_difference,
    negative,
    subtract,
)

LAWS = settings(max_examples=200, deadline=None, derandomize=True)
FEW = settings(max_examples=20, deadline=None, derandomize=True)
SEEDS = st.integers(0, 2**32 - 1)
NUMBERS = st.one_of(
    st.floats(-1e6, 1e6, allow_nan=False),
    st.floats(-1e-6, 1e-6, allow_nan=False),
    st.sampled_from([0.0, 1.0, -1.0, 1 / 3, 2.0**-1074, -(2.0**-1022), 1e100, -1e-100]),
)
Rng = np.random.Generator


# Maps


@given(a=NUMBERS, b=NUMBERS)
@LAWS
def test_the_parts_of_a_difference_of_numbers_add_up_to_it_exactly(a, b):
    parts = exact_difference(np.array([a]), np.array([b]))
    assert len(parts) <= 2
    assert sum((Fraction(float(part[0])) for part in parts), Fraction(0)) == Fraction(a) - Fraction(b)


def numbers(rng: Rng, *shape: int) -> np.ndarray:
    """Of very different sizes, so that differences round."""
    return rng.standard_normal(shape) * 10.0 ** rng.integers(-12, 3, shape)


def pairs(rng: Rng) -> dict[str, tuple[LinearMap, LinearMap]]:
    """Two maps of every kind that differ in their numbers only."""
    index = rng.integers(-1, 5, 4)
    matrix = Sparse(Dense(numbers(rng, 4, 5)).to_sparse())

    def dense() -> Dense:
        return Dense(numbers(rng, 4, 3))

    def both(make):
        return make(), make()

    return {
        "dense": both(dense),
        "dense along an axis": both(lambda: Dense(numbers(rng, 2, 3), 2, 2)),
        "convolution": both(lambda: Convolution(numbers(rng, 2, 1, 2, 2), (1, 3, 3), pads=(1, 0, 0, 1))),
        "diagonal": both(lambda: Diagonal(numbers(rng, 4))),
        "uncertain diagonal": both(lambda: Diagonal(numbers(rng, 4), 2)),
        "selection": both(lambda: Selection(index, 5)),
        "sparse": (matrix, matrix),
        "sparse that was computed": (Sparse(matrix.matrix, 1, "a rule"), Sparse(matrix.matrix, 1, "a rule")),
        "adjoint": both(lambda: Adjoint(dense())),
        "product": both(lambda: Product(Diagonal(numbers(rng, 4)), dense())),
        "sum": both(lambda: Sum((dense(), Product(Diagonal(numbers(rng, 4)), dense())))),
        "of two kinds": (dense(), Sparse(dense().to_sparse())),
    }


def exactly(linear: LinearMap) -> list[list[Fraction]]:
    """The matrix over the rationals, by what the map is made of."""
    if isinstance(linear, Sum):
        parts = [exactly(part) for part in linear.parts]
        return [[sum(entry, Fraction(0)) for entry in zip(*rows, strict=True)] for rows in zip(*parts, strict=True)]
    if isinstance(linear, Product):
        outer, inner = exactly(linear.outer), list(zip(*exactly(linear.inner), strict=True))
        return [[sum(map(operator.mul, row, column), Fraction(0)) for column in inner] for row in outer]
    if isinstance(linear, Adjoint):
        return [list(row) for row in zip(*exactly(linear.inner), strict=True)]
    return [[Fraction(float(c)) for c in row] for row in linear.to_sparse().toarray()]


@pytest.mark.parametrize("kind", sorted(pairs(np.random.default_rng(0))))
@given(seed=SEEDS)
@FEW
def test_the_difference_of_maps_is_exact(kind, seed):
    rng = np.random.default_rng(seed)
    a, b = pairs(rng)[kind]
    expected = [[p - q for p, q in zip(*rows, strict=True)] for rows in zip(exactly(a), exactly(b), strict=True)]
    assert exactly(subtract(a, b)) == expected


@pytest.mark.parametrize("kind", sorted(pairs(np.random.default_rng(0))))
def test_a_map_and_itself_differ_by_a_structural_zero(kind):
    a, _ = pairs(np.random.default_rng(1))[kind]
    assert subtract(a, a).zero


@pytest.mark.parametrize("kind", ["dense", "convolution", "diagonal", "product"])
def test_a_small_change_makes_a_small_difference(kind):
    """The magnitude that interval bounds rest on is that of the change, not of both maps."""
    a, _ = pairs(np.random.default_rng(2))[kind]
    b, _ = pairs(np.random.default_rng(2))[kind]
    outer = b.outer if isinstance(b, Product) else b
    array = (
        outer.weight if isinstance(outer, Dense) else outer.kernel if isinstance(outer, Convolution) else outer.scale
    )
    array.flags.writeable = True
    array *= 1.0 + 1e-6
    ones = np.ones((1, a.columns))
    change, size = subtract(b, a).absolute().apply(ones), a.absolute().apply(ones)
    assert np.all(change <= 1.1e-6 * size)


def test_only_maps_of_one_shape_have_a_difference():
    with pytest.raises(ValueError, match="2 x 3 from one of 3 x 2"):
        subtract(Dense(np.ones((3, 2))), Dense(np.ones((2, 3))))


def test_the_negative_is_exact():
    dense = Dense(np.array([[1.0, -2.0], [3.0, 0.0]]))
    np.testing.assert_array_equal(negative(dense).to_sparse().toarray(), -dense.weight)


# Activations

EXACT = {"Identity": lambda z: z, "Relu": lambda z: max(z, Fraction(0))}


def test_every_difference_belongs_to_an_activation():
    assert set(DIFFERENCES) <= set(ACTIVATIONS)
    assert set(DIFFERENCES) == set(EXACT)


def _steps(x: float, n: int) -> float:
    for _ in range(abs(n)):
        x = float(np.nextafter(x, np.inf if n > 0 else -np.inf))
    return x


def _around(*values: float, wide: float) -> tuple[np.ndarray, np.ndarray]:
    """Bounds that hold the values, wider by a share of their size."""
    low, high = min(values), max(values)
    room = wide * max(abs(low), abs(high))
    return np.array([low - room]), np.array([high + room])


ROOM = st.sampled_from([0.0, 1e-16, 1e-9, 0.1, 2.0])


@pytest.mark.parametrize("name", sorted(EXACT))
@given(
    z=NUMBERS,
    delta=NUMBERS,
    more=st.tuples(NUMBERS, NUMBERS),
    room=st.tuples(ROOM, ROOM, ROOM),
    nudge=st.integers(-2, 2),
)
@LAWS
def test_lines_and_interval_enclose_the_exact_difference_even_when_a_slope_is_a_little_off(
    name, z, delta, more, room, nudge
):
    difference = DIFFERENCES[name]
    exact_z, exact_delta = Fraction(z), Fraction(delta)
    # z + delta itself is no float: its bounds are rounded outwards
    second = float(exact_z + exact_delta)
    bounds: tuple[Interval, Interval, Interval] = (
        _around(z, more[0], wide=room[0]),
        _around(_steps(second, -1), _steps(second, 1), more[0] + more[1], wide=room[1]),
        _around(delta, more[1], wide=room[2]),
    )
    value = EXACT[name](exact_z + exact_delta) - EXACT[name](exact_z)
    low, high = difference.interval(*bounds)
    lines = difference.lines(*bounds)
    assert Fraction(float(low[0])) <= value <= Fraction(float(high[0]))

    def line(slope: np.ndarray, intercept: np.ndarray | None) -> Fraction:
        s = float(slope[0])
        if 0.0 < s < 1.0:  # slopes 0 and 1 multiply without rounding
            s = min(max(_steps(s, nudge), 0.0), 1.0)
        return Fraction(s) * exact_delta + (0 if intercept is None else Fraction(float(intercept[0])))

    assert line(lines.lower_slope, lines.lower_intercept) <= value
    assert value <= line(lines.upper_slope, lines.upper_intercept)


@pytest.mark.parametrize(
    ("first", "second", "slope"),
    [((1.0, 2.0), (0.5, 3.0), 1.0), ((-2.0, -1.0), (-3.0, 0.0), 0.0), ((0.0, 2.0), (0.0, 3.0), 1.0)],
)
def test_lines_are_exact_where_both_phases_are_known(first, second, slope):
    bounds = [(np.array([low]), np.array([high])) for low, high in (first, second, (-1.0, 1.0))]
    relu = DIFFERENCES["Relu"]
    lines = relu.lines(*bounds)
    assert relu.settled(*bounds[:2]).all()
    assert (lines.lower_slope[0], lines.upper_slope[0]) == (slope, slope)
    assert (lines.lower_intercept[0], lines.upper_intercept[0]) == (0.0, 0.0)


def test_a_difference_whose_sign_is_known_keeps_it():
    bounds = [(np.array([low]), np.array([high])) for low, high in ((-1.0, 1.0), (-1.0, 1.5), (0.0, 0.5))]
    low, high = DIFFERENCES["Relu"].interval(*bounds)
    lines = DIFFERENCES["Relu"].lines(*bounds)
    assert (low[0], high[0]) == (0.0, 0.5)
    assert (lines.lower_slope[0], lines.upper_slope[0]) == (0.0, 1.0)


@pytest.mark.parametrize("name", sorted(EXACT))
def test_bounds_that_are_infinite_claim_nothing_false_and_make_no_warning(name):
    everything = (np.array([-np.inf]), np.array([np.inf]))
    small = (np.array([-1.0]), np.array([1.0]))
    for bounds in ((everything,) * 3, (small, everything, everything), (everything, everything, small)):
        low, high = DIFFERENCES[name].interval(*bounds)
        lines = DIFFERENCES[name].lines(*bounds)
        reach = float(bounds[2][1][0])
        assert low[0] <= -min(reach, 1.0)
        assert high[0] >= min(reach, 1.0)
        if np.isfinite(reach):
            assert lines.upper_slope[0] * reach + lines.upper_intercept[0] >= reach


@pytest.mark.parametrize("name", sorted(EXACT))
def test_any_shape_is_welcome_and_values_are_those_of_the_activation(name):
    z, delta = np.linspace(-1, 1, 24).reshape(2, 3, 4), np.linspace(-0.3, 0.5, 24).reshape(2, 3, 4)
    first, second, difference = (z - 0.1, z + 0.1), (z - 1.0, z + 1.0), (delta, delta + 0.1)
    act = ACTIVATIONS[name].value
    np.testing.assert_allclose(DIFFERENCES[name].value(z, delta), act(z + delta) - act(z), atol=1e-15)
    low, _ = DIFFERENCES[name].interval(first, second, difference)
    assert low.shape == DIFFERENCES[name].lines(first, second, difference).upper_slope.shape == (2, 3, 4)

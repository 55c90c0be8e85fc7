"""Laws of every activation: values, intervals and lines belong together."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivan.network.activations import ACTIVATIONS, Activation

LAWS = settings(max_examples=200, deadline=None, derandomize=True)
EXACT = {"Relu": lambda z: max(z, Fraction(0)), "Identity": lambda z: z}
NUMBERS = st.one_of(
    st.floats(-1e6, 1e6, allow_nan=False),
    st.floats(-1e-6, 1e-6, allow_nan=False),
    st.sampled_from([0.0, -0.0, 1.0, -1.0, 2.0**-1074, -(2.0**-1022), 1 / 3]),
)
INTERVALS = st.one_of(
    st.tuples(NUMBERS, NUMBERS).map(sorted),
    # a few units in the last place wide: where careless lines cut the function
    st.tuples(NUMBERS, st.integers(0, 3)).map(lambda t: [t[0], _steps(t[0], t[1])]),
)


def _steps(x: float, n: int) -> float:
    for _ in range(n):
        x = float(np.nextafter(x, np.inf))
    return x


@pytest.fixture(params=sorted(ACTIVATIONS))
def activation(request) -> Activation:
    return ACTIVATIONS[request.param]


def test_every_activation_is_registered_by_its_name_and_has_an_exact_reference_here():
    assert {name: a.name for name, a in ACTIVATIONS.items()} == {name: name for name in EXACT}


@pytest.mark.parametrize("name", sorted(EXACT))
@given(interval=INTERVALS, share=st.floats(0, 1), slope=st.one_of(st.none(), st.floats(0, 1)), nudge=st.integers(-2, 2))
@LAWS
def test_lines_and_interval_enclose_the_exact_function_even_when_a_slope_is_a_little_off(
    name, interval, share, slope, nudge
):
    activation = ACTIVATIONS[name]
    lower, upper = (np.array([bound]) for bound in interval)
    lines = activation.lines(lower, upper, None if slope is None else np.array([slope]))
    low, high = activation.interval(lower, upper)
    inner = min(max(float(lower[0] + share * (upper[0] - lower[0])), float(lower[0])), float(upper[0]))

    def line(gradient: np.ndarray, intercept: np.ndarray | None, z: Fraction, off: int) -> Fraction:
        s = float(gradient[0])
        if 0.0 < s < 1.0:  # slopes 0 and 1 multiply without rounding
            s = min(_steps(s, off), 1.0) if off >= 0 else max(-_steps(-s, -off), 0.0)
        return Fraction(s) * z + (0 if intercept is None else Fraction(float(intercept[0])))

    for point in (float(lower[0]), inner, float(upper[0])):
        z = Fraction(point)
        value = EXACT[name](z)
        assert Fraction(float(low[0])) <= value <= Fraction(float(high[0]))
        assert line(lines.lower_slope, lines.lower_intercept, z, nudge) <= value
        assert value <= line(lines.upper_slope, lines.upper_intercept, z, nudge)
        assert float(activation.value(np.array([point]))[0]) == float(value)


def test_lines_are_tight_where_the_piece_is_known(activation):
    lower, upper = np.array([1.0, -3.0]), np.array([2.0, -1.0])
    lines = activation.lines(lower, upper)
    for z in (lower, upper):
        below = 0.0 if lines.lower_intercept is None else lines.lower_intercept
        np.testing.assert_array_equal(lines.lower_slope * z + below, activation.value(z))
        np.testing.assert_array_equal(lines.upper_slope * z + lines.upper_intercept, activation.value(z))


def test_the_derivative_is_the_slope_of_the_values(activation):
    z, h = np.array([-2.0, -0.5, 0.5, 3.0]), 1e-6
    slope = (activation.value(z + h) - activation.value(z - h)) / (2 * h)
    np.testing.assert_allclose(activation.derivative(z), slope, atol=1e-6)


def test_any_shape_is_welcome(activation):
    z = np.linspace(-1, 1, 24).reshape(2, 3, 4)
    lines = activation.lines(z - 0.5, z + 0.5)
    shapes = {
        a.shape for a in (activation.value(z), activation.derivative(z), *activation.interval(z, z), lines.upper_slope)
    }
    assert shapes == {(2, 3, 4)}


def test_the_chosen_slope_is_used_and_clipped_to_the_valid_range():
    lines = ACTIVATIONS["Relu"].lines(np.full(3, -1.0), np.full(3, 1.0), np.array([0.25, -5.0, 5.0]))
    np.testing.assert_array_equal(lines.lower_slope, [0.25, 0.0, 1.0])

"""Laws of every activation: values, intervals and lines belong together."""

from __future__ import annotations

from decimal import Context, Decimal, Overflow, Underflow, getcontext, localcontext
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivan.network.activations import ACTIVATIONS, Activation, Elu, Power, Sqrt

LAWS = settings(max_examples=60, deadline=None, derandomize=True)
DIGITS = Context(prec=80, Emax=10**9, Emin=-(10**9), traps=[])
"""Numbers far beyond float64; a tie between a line and a function is decided by more than their last digit."""

D = Decimal


def _constant(digits: str) -> Decimal:
    return DIGITS.create_decimal(digits)


PI = _constant("3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803482534")


def _sin(z: Decimal) -> Decimal:
    z -= 2 * PI * (z / (2 * PI)).to_integral_value()
    term = total = z
    for n in range(1, 60):
        term *= -z * z / ((2 * n) * (2 * n + 1))
        total += term
    return total


def _arctan(z: Decimal) -> Decimal:
    for _ in range(4):  # half the angle each time
        z = z / (1 + (1 + z * z).sqrt())
    power = total = z
    for n in range(1, 60):
        power *= -z * z
        total += power / (2 * n + 1)
    return 16 * total


def _erf(z: Decimal) -> Decimal:
    if abs(z) > 11:  # within 10^-54 of its limit
        return D(1).copy_sign(z)
    with localcontext(DIGITS) as wide:
        wide.prec = 160  # the terms are up to exp(z^2)
        term = total = z
        for n in range(1, 700):
            term *= -z * z / n
            total += term / (2 * n + 1)
        return 2 * total / PI.sqrt()


def _expm1(z: Decimal) -> Decimal:
    if abs(z) > D("0.01"):
        return z.exp() - 1
    term = total = z
    for n in range(2, 30):
        term *= z / n
        total += term
    return total


def _log1p(z: Decimal) -> Decimal:
    return (1 + z).ln() if z > D("1e-20") else z - z * z / 2 + z**3 / 3 - z**4 / 4


def _logistic(z: Decimal) -> Decimal:
    return 1 / (1 + (-z).exp()) if z > 0 else z.exp() / (1 + z.exp())


def _softplus(z: Decimal) -> Decimal:
    return max(z, D(0)) + _log1p((-abs(z)).exp())


def _tanh(z: Decimal) -> Decimal:
    grown = _expm1(-2 * abs(z))
    return (-grown / (grown + 2)).copy_sign(z)


def _power(p: float):
    def power(z: Decimal) -> Decimal | None:
        if p == round(p):
            return None if z == 0 and p < 0 else z ** int(p)
        if z < 0 or (z == 0 and p < 0):
            return None
        return D(0) if z == 0 else (D(p) * z.ln()).exp()

    return power


def _elu(alpha: float):
    return lambda z: z if z > 0 else D(alpha) * _expm1(z)


def _gelu_tanh(z: Decimal) -> Decimal:
    return z * _logistic(2 * (2 / PI).sqrt() * (z + D(0.044715) * z**3))


EXACT = {
    "Identity": lambda z: z,
    "Relu": lambda z: max(z, D(0)),
    "Sigmoid": _logistic,
    "Tanh": _tanh,
    "Erf": _erf,
    "Arctan": _arctan,
    "Softsign": lambda z: z / (1 + abs(z)),
    "Exp": lambda z: z.exp(),
    "Log": lambda z: z.ln() if z > 0 else None,
    "Softplus": _softplus,
    "Elu": _elu(1.0),
    "Elu 0.3": _elu(0.3),
    "Elu 2.5": _elu(2.5),
    "Square": lambda z: z * z,
    "Sqrt": lambda z: z.sqrt() if z >= 0 else None,
    "Sqrt clipped": lambda z: z.sqrt() if z >= 0 else None,
    "Reciprocal": lambda z: 1 / z if z else None,
    "Power": _power(3.0),
    **{f"Power {p}": _power(p) for p in (2.0, 4.0, 5.0, -1.0, -2.0, -3.0, 0.5, 1.5, -0.5)},
    "Sin": _sin,
    "Cos": lambda z: _sin(z + PI / 2),
    "Gelu": lambda z: z * (1 + _erf(z / D(2).sqrt())) / 2,
    "GeluTanh": _gelu_tanh,
    "Swish": lambda z: z * _logistic(z),
    "Mish": lambda z: z * _tanh(_softplus(z)),
    "HardSwish": lambda z: D(0) if z <= -3 else z if z >= 3 else z * (z + 3) / 6,
    "Positive": lambda z: D(z > 0),
    "NotNegative": lambda z: D(z >= 0),
    "Sign": lambda z: D((z > 0) - (z < 0)),
    "Floor": lambda z: z.to_integral_value("ROUND_FLOOR"),
    "Ceil": lambda z: z.to_integral_value("ROUND_CEILING"),
    "Round": lambda z: z.to_integral_value("ROUND_HALF_EVEN"),
    "Truncate": lambda z: z.to_integral_value("ROUND_DOWN"),
    "Zero": lambda z: D(z == 0),
}
"""What each computes, to 80 digits; None where it has no value."""

CURVES: dict[str, Activation] = {
    **{name: a for name, a in ACTIVATIONS.items() if a.arity == 1},
    **{f"Elu {alpha}": Elu(alpha) for alpha in (0.3, 2.5)},
    **{f"Power {p}": Power(p) for p in (2.0, 4.0, 5.0, -1.0, -2.0, -3.0, 0.5, 1.5, -0.5)},
    "Sqrt clipped": Sqrt(clipped=True),
}
STEPS = {"Positive", "NotNegative", "Sign", "Floor", "Ceil", "Round", "Truncate", "Zero"}
LINEAR = {"Relu", "Identity"}
MEASURED = sorted(set(EXACT) - STEPS)

NUMBERS = st.one_of(
    st.floats(-4.0, 4.0),
    st.floats(-50.0, 50.0),
    st.floats(-1e6, 1e6),
    st.floats(-1e-6, 1e-6),
    st.integers(-8, 8).map(lambda n: n / 2),
    st.integers(-8, 8).map(lambda n: n * np.pi / 2),
    st.sampled_from([0.0, -0.0, 2.0**-1074, -(2.0**-1022), 1 / 3, 2.0**0.5, 800.0, -800.0]),
)
INTERVALS = st.one_of(
    st.tuples(NUMBERS, NUMBERS).map(sorted),
    st.tuples(NUMBERS, st.floats(0.0, 4.0)).map(lambda t: [t[0], t[0] + t[1]]),
    # a few units in the last place wide: where careless lines cut the function
    st.tuples(NUMBERS, st.integers(0, 3)).map(lambda t: [t[0], _steps(t[0], t[1])]),
)


def _steps(x: float, n: int) -> float:
    for _ in range(abs(n)):
        x = float(np.nextafter(x, np.inf if n > 0 else -np.inf))
    return x


@pytest.fixture(autouse=True)
def many_digits():
    before = getcontext().copy()
    getcontext().prec, getcontext().Emax, getcontext().Emin = DIGITS.prec, DIGITS.Emax, DIGITS.Emin
    getcontext().traps[Overflow] = getcontext().traps[Underflow] = False
    yield
    for name in ("prec", "Emax", "Emin", "traps"):
        setattr(getcontext(), name, getattr(before, name))


@cache
def exactly(name: str, z: float) -> Decimal | None:
    value = EXACT[name](D(z))
    return None if value is None else +value


def test_every_activation_is_registered_by_its_name_and_has_an_exact_reference_here():
    assert all(name == a.name for name, a in ACTIVATIONS.items())
    assert set(CURVES) == set(EXACT)


@pytest.mark.parametrize("name", sorted(EXACT))
@given(
    interval=INTERVALS, shares=st.tuples(st.floats(0, 1), st.floats(0, 1)), slope=st.none() | st.floats(0, 1),
    nudge=st.integers(-2, 2),
)  # fmt: skip
@LAWS
def test_lines_and_interval_enclose_the_exact_function_even_when_a_slope_is_a_little_off(
    name, interval, shares, slope, nudge
):
    activation = CURVES[name]
    lower, upper = (np.array([bound]) for bound in interval)
    lines = activation.lines(lower, upper, None if slope is None else np.array([slope]))
    low, high = activation.interval(lower, upper)
    ends = float(lower[0]), float(upper[0])
    inner = [min(max(ends[0] + share * (ends[1] - ends[0]), ends[0]), ends[1]) for share in shares]
    corners = [z for z in (-1.0, 0.0, 1.0, np.floor(ends[1]), np.ceil(ends[0])) if ends[0] <= z <= ends[1]]
    corners += [z for at in corners for z in (_steps(at, 1), _steps(at, -1)) if ends[0] <= z <= ends[1]]

    def line(gradient: np.ndarray, intercept: np.ndarray | None, z: float) -> Decimal:
        s = float(gradient[0])
        if s not in (0.0, 1.0):  # those multiply without rounding
            s = _steps(s, nudge) if name != "Relu" else min(max(_steps(s, nudge), 0.0), 1.0)
        return D(s) * D(z) + (0 if intercept is None else D(float(intercept[0])))  # rounded to 80 digits

    for z in (*ends, *inner, *corners):
        value = exactly(name, z)
        if value is None:
            continue
        assert +D(float(low[0])) <= value <= +D(float(high[0]))
        assert line(lines.lower_slope, lines.lower_intercept, z) <= value
        assert value <= line(lines.upper_slope, lines.upper_intercept, z)


@pytest.mark.parametrize("name", sorted(EXACT))
@given(z=NUMBERS)
@LAWS
def test_values_are_those_of_the_exact_function(name, z):
    exact, computed = exactly(name, z), float(CURVES[name].value(np.array([z]))[0])
    if exact is None:
        assert not np.isfinite(computed) or name == "Sqrt clipped"
    elif name in STEPS | LINEAR:
        assert +D(computed) == exact
    elif abs(exact) < D(1e300):
        floor = 4 if name in ("Gelu", "GeluTanh", "Swish", "Mish", "Sin", "Cos") else 0
        assert abs(D(computed) - exact) <= D(2.0**-52) * (8 * abs(exact) + floor) + D(1e-300)
    else:
        assert abs(computed) > 1e299


@pytest.mark.parametrize("name", MEASURED)
def test_derivatives_are_slopes_of_the_values(name):
    activation, h = CURVES[name], 1e-6
    z = np.array([0.3, 0.5, 1.7, 2.6, 5.0]) if name in _HALF else np.array([-5.0, -2.6, -1.7, -0.5, 0.3, 1.7, 2.6])
    slope = (activation.value(z + h) - activation.value(z - h)) / (2 * h)
    np.testing.assert_allclose(activation.derivative(z), slope, rtol=1e-6, atol=1e-6)


_HALF = {"Log", "Sqrt", "Sqrt clipped", "Power 0.5", "Power 1.5", "Power -0.5"}


@pytest.mark.parametrize("name", MEASURED)
def test_lines_are_about_as_close_as_any(name):
    """In the middle of an interval no line lies below the concave envelope, and the chosen one hardly above."""
    activation, rng = CURVES[name], np.random.default_rng(5)
    lower = rng.uniform(0.05 if name in _HALF or "Power -" in name or name == "Reciprocal" else -4.0, 4.0, 60)
    upper = lower + np.minimum(rng.exponential(1.5, 60) + 0.01, 6.0)
    lines, middle = activation.lines(lower, upper), 0.5 * (lower + upper)
    share = np.linspace(0.0, 1.0, 81)
    values = activation.value(lower[:, None] + share * (upper - lower)[:, None])
    spread = np.ptp(values, axis=1)

    def envelope(values):
        left, right = np.triu_indices(len(share), 1)
        across = (share[left] < 0.5) & (share[right] > 0.5)
        left, right = left[across], right[across]
        weight = (0.5 - share[left]) / (share[right] - share[left])
        return np.maximum(values[:, 40], ((1.0 - weight) * values[:, left] + weight * values[:, right]).max(axis=1))

    below = 0.0 if lines.lower_intercept is None else lines.lower_intercept
    over = lines.upper_slope * middle + lines.upper_intercept - envelope(values)
    under = -envelope(-values) - lines.lower_slope * middle - below
    if name != "Relu":  # whose lower line is for others to choose
        assert np.all(under <= 0.005 * spread + 1e-9)
    assert np.all(over <= 0.005 * spread + 1e-9)


@pytest.mark.parametrize("name", ["Positive", "NotNegative", "Sign", "Floor", "Ceil", "Round"])
def test_lines_of_steps_are_those_of_the_envelope(name):
    activation, rng = CURVES[name], np.random.default_rng(5)
    lower = rng.uniform(-2.0, 2.0, 40)
    upper = lower + rng.exponential(1.5, 40)
    lines, middle = activation.lines(lower, upper), 0.5 * (lower + upper)
    points = lower[:, None] + np.linspace(0.0, 1.0, 2001) * (upper - lower)[:, None]
    values = activation.value(points)
    for slope, intercept, sign in (
        (lines.upper_slope, lines.upper_intercept, 1.0),
        (-lines.lower_slope, -lines.lower_intercept, -1.0),
    ):
        slopes = np.concatenate([np.linspace(-0.1, 2.5, 400), [slope.min()]]) * 1.0
        least = np.min([s * middle + (sign * values - s * points).max(axis=1) for s in sign * slopes], axis=0)
        assert np.all(slope * middle + intercept <= least + 0.02)


@pytest.mark.parametrize("name", sorted(set(EXACT) - LINEAR))
def test_where_nothing_is_known_nothing_is_claimed_and_nothing_is_a_nan(name):
    activation = CURVES[name]
    lower = np.array([-np.inf, -np.inf, 0.0, -1.0, -np.inf, 0.0, -1.0, 1e300, -1e300])
    upper = np.array([np.inf, 0.0, np.inf, np.inf, 1.0, 1.0, 0.0, 1e301, 1e300])
    lines, (low, high) = activation.lines(lower, upper), activation.interval(lower, upper)
    below = np.zeros(9) if lines.lower_intercept is None else lines.lower_intercept
    for array in (lines.lower_slope, below, lines.upper_slope, lines.upper_intercept, low, high):
        assert not np.isnan(array).any()
    assert np.all(lines.lower_slope[np.isinf(below)] == 0.0)
    assert np.all(lines.upper_slope[np.isinf(lines.upper_intercept)] == 0.0)
    assert np.all(low <= high)


@pytest.mark.parametrize(("name", "beyond"), [("Reciprocal", (-1.0, 2.0)), ("Log", (-1.0, 2.0)), ("Sqrt", (-1.0, 2.0))])
def test_across_a_pole_and_outside_its_domain_a_curve_claims_nothing(name, beyond):
    lower, upper = (np.array([end]) for end in beyond)
    lines = CURVES[name].lines(lower, upper)
    assert CURVES[name].interval(lower, upper) == (-np.inf, np.inf)
    assert (lines.lower_intercept, lines.upper_intercept) == (-np.inf, np.inf)
    assert (lines.lower_slope, lines.upper_slope) == (0.0, 0.0)


@pytest.mark.parametrize("name", sorted(EXACT))
@given(interval=INTERVALS)
@LAWS
def test_cuts_lie_strictly_inside_and_only_where_the_function_is_not_linear(name, interval):
    activation = CURVES[name]
    lower, upper = (np.array([bound]) for bound in interval)
    at, linear = activation.cuts(lower, upper), activation.linear(lower, upper)
    assert np.isnan(at) or (lower < at < upper and not linear)
    if linear and np.isfinite(activation.interval(lower, upper)).all():
        inner = np.linspace(lower[0], upper[0], 5)
        values = activation.value(inner)
        np.testing.assert_allclose(values, np.interp(inner, [lower[0], upper[0]], values[[0, -1]]), rtol=1e-12)


@pytest.mark.parametrize("name", sorted(n for n in EXACT if CURVES[n].increasing))
@given(first=NUMBERS, second=NUMBERS)
@LAWS
def test_what_calls_itself_increasing_is(name, first, second):
    low, high = sorted((first, second))
    assert exactly(name, low) <= exactly(name, high)


@pytest.mark.parametrize("name", ["Relu", "Identity", "Elu", "HardSwish"])
def test_lines_are_tight_where_the_piece_is_known(name):
    activation = CURVES[name]
    lower, upper = np.array([3.5, 3.0]), np.array([4.0, 7.0])
    if name in ("Relu", "HardSwish"):
        lower, upper = np.append(lower, -7.0), np.append(upper, -3.0)
    lines = activation.lines(lower, upper)
    for z in (lower, upper):
        below = 0.0 if lines.lower_intercept is None else lines.lower_intercept
        np.testing.assert_array_equal(lines.lower_slope * z + below, activation.value(z))
        np.testing.assert_array_equal(lines.upper_slope * z + lines.upper_intercept, activation.value(z))


@pytest.mark.parametrize("name", sorted(EXACT))
def test_any_shape_is_welcome_even_none(name):
    activation = CURVES[name]
    for shape in ((2, 3, 4), (0, 4), (5,)):
        z = np.linspace(-1, 1, int(np.prod(shape))).reshape(shape)
        lines = activation.lines(z - 0.5, z + 0.5)
        found = (activation.value(z), activation.derivative(z), *activation.interval(z, z), lines.upper_slope)
        more = (lines.lower_slope, lines.upper_intercept, activation.linear(z, z), activation.cuts(z, z + 1.0))
        assert {a.shape for a in (*found, *more)} == {shape}


def test_parameters_are_part_of_the_description():
    described = [str(a.describe()) for a in CURVES.values()]
    assert len(set(described)) == len(described)


@pytest.mark.parametrize("bad", [lambda: Elu(-1.0), lambda: Power(1.0), lambda: Power(0.0), lambda: Power(np.inf)])
def test_parameters_that_make_no_curve_are_refused(bad):
    with pytest.raises(ValueError, match=r"alpha|exponent"):
        bad()


def test_the_chosen_slope_is_used_and_clipped_to_the_valid_range():
    lines = ACTIVATIONS["Relu"].lines(np.full(3, -1.0), np.full(3, 1.0), np.array([0.25, -5.0, 5.0]))
    np.testing.assert_array_equal(lines.lower_slope, [0.25, 0.0, 1.0])

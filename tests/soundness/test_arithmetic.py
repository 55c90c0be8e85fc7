"""Bounds that speak of float32 hold for networks computed in float32, in whatever order they sum."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import models
from tests.engine import CURVED, EXACT, FEW, Rng, from_onnx, points
from tests.models import Graph

from ivan.bounds.backward import bound_units
from ivan.bounds.domains import Domains
from ivan.bounds.enclosure import enclose, from_known
from ivan.bounds.forward import Forward
from ivan.bounds.rounding import rounding_of
from ivan.deployment import deploy
from ivan.errors import ModelError
from ivan.network.activations import Identity, Product
from ivan.network.affine import Affine
from ivan.network.layers import Layer, Network
from ivan.network.linear import Dense, Diagonal, Selection
from ivan.network.linear import Product as Composed
from ivan.network.reference import Runtime
from ivan.vnnlib import parse_query

SINGLE = 2.0**-24
SEEDS = st.integers(0, 2**32 - 1)
KINDS = sorted(EXACT | CURVED)


def in_single(rng: Rng, affine: Affine, values: list[np.ndarray]) -> np.ndarray:
    """The map in float32: products and sums one by one, the summands in a random order."""
    rows = np.zeros((affine.size, 0), np.float32)
    x = np.zeros((len(values[0]), 0), np.float32)
    for source, linear in affine.terms:
        rows = np.concatenate([rows, linear.to_sparse().toarray().astype(np.float32)], axis=1)
        x = np.concatenate([x, values[source]], axis=1)
    constant = affine.constant.astype(np.float32)
    order = rng.permutation(rows.shape[1])
    total = np.broadcast_to(constant, (len(x), affine.size)).astype(np.float32)
    for j in order:
        total = total + rows[:, j] * x[:, j : j + 1]
    return total


def rounded(network: Network) -> Network:
    """The network with numbers that float32 holds."""

    def of(affine: Affine) -> Affine:
        from ivan.network.linear import Dense

        terms = {s: Dense(m.to_sparse().toarray().astype(np.float32).astype(np.float64)) for s, m in affine.terms}
        return Affine(affine.size, terms, ((None, affine.constant.astype(np.float32).astype(np.float64)),))

    layers = tuple(Layer(of(layer.affine), layer.activation) for layer in network.layers)
    return replace(network, layers=layers, output=of(network.output), precision="float32", arithmetic=SINGLE)


@pytest.mark.parametrize("forward", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@FEW
@given(seed=SEEDS, radius=st.sampled_from([0.0, 1e-6, 1e-3]))
def test_float32_values_stay_in_the_bounds(kind, forward, seed, radius):
    rng = np.random.default_rng(seed)
    network = rounded((EXACT | CURVED)[kind](rng))
    centre = rng.standard_normal(network.inputs).astype(np.float32).astype(np.float64)
    lower, upper = centre - radius, centre + radius
    x = points(rng, lower, upper, 50).astype(np.float32)
    x = np.clip(x, lower.astype(np.float32), upper.astype(np.float32))
    hull = np.minimum(lower, x.min(axis=0)), np.maximum(upper, x.max(axis=0))
    domains = Domains.boxes(hull[0][None], hull[1][None], len(network.layers))
    enclosure = Forward(network).enclose(domains) if forward else enclose(network, domains)
    values = [x]
    for layer, (low, high) in zip(network.layers, enclosure.intervals, strict=True):
        z = in_single(rng, layer.affine, values)
        assert np.all(z >= low)
        assert np.all(z <= high)
        values.append(layer.activation.value(z).astype(np.float32))


def test_without_the_arithmetic_they_would_not():
    """The law above can fail: somewhere float32 leaves the bounds of exact arithmetic."""
    rng = np.random.default_rng(0)
    left = False
    for _ in range(20):
        network = replace(rounded(EXACT["dense"](rng)), arithmetic=0.0)
        x = rng.standard_normal(network.inputs).astype(np.float32)[None]
        enclosure = enclose(network, Domains.boxes(x.astype(float), x.astype(float), len(network.layers)))
        values = [x]
        for layer, (low, high) in zip(network.layers, enclosure.intervals, strict=True):
            z = in_single(rng, layer.affine, values)
            left |= bool(np.any((z < low) | (z > high)))
            values.append(layer.activation.value(z).astype(np.float32))
    assert left


@pytest.mark.parametrize("kind", sorted(models.ALL))
@FEW
@given(seed=SEEDS)
def test_onnxruntime_stays_in_the_bounds_of_the_outputs(kind, seed):
    rng = np.random.default_rng(seed)
    data = models.ALL[kind](rng)
    network = replace(from_onnx(data), arithmetic=SINGLE)
    runtime = Runtime(data)
    x = rng.standard_normal((5, network.inputs)).astype(np.float32).astype(np.float64)
    enclosure = enclose(network, Domains.boxes(x, x, len(network.layers)))
    owner = np.repeat(np.arange(len(x)), network.outputs)
    unit = np.tile(np.arange(network.outputs), len(x))
    low, high = bound_units(enclosure, network.output, len(network.layers), owner, unit)
    y = np.concatenate([runtime.run(point) for point in x])
    assert np.all(y >= low)
    assert np.all(y <= high)


@pytest.mark.parametrize(("summands", "arithmetic", "shared"), [(3, 0.0, True), (3, SINGLE, False), (1, SINGLE, True)])
def test_what_is_known_of_a_sum_says_nothing_of_an_equal_one_that_may_be_rounded_otherwise(
    summands, arithmetic, shared
):
    """(p + q) + r and p + (q + r) are one number, and two floats; what is only moved is one float."""
    same = {s: Selection.identity_of(1) for s in range(1, summands + 1)}
    names = [Layer(Affine(1, {0: Selection(np.array([k]), 3)}), Identity()) for k in range(3)]
    operands = Affine.concatenated([Affine(1, same), Affine(1, same)])
    network = Network((*names, Layer(operands, Product())), (1, 3), Affine.of(4, 1), arithmetic=arithmetic)
    known = enclose(network, Domains.boxes(np.zeros((1, 3)), np.ones((1, 3)), 4)).domains
    assert known.known is not None
    low, high = known.known[3]
    cut = replace(known, known=(*known.known[:3], (low, np.array([[0.25, high[0, 1]]]))))
    for found in (from_known(network, cut), enclose(network, cut)):
        assert found.intervals[3][1][0, 0] == 0.25
        assert (found.intervals[3][1][0, 1] == 0.25) == shared


def scaled(g: Graph, *factors: float) -> str:
    x = "x"
    for factor in factors:
        x = g.node("Mul", x, np.float32(factor))
    return x


def clipped(g: Graph, x: str) -> str:
    return g.node("Clip", x, np.float32(0), np.float32(1000))


def shifted(g: Graph, x: str) -> str:
    return g.node("Sub", g.node("Add", x, np.float32(3e38)), np.float32(3e38))


BEYOND = {
    "between factors": (lambda g: clipped(g, scaled(g, 2e38, 1e-38)), 1.9),
    "before a ReLU": (lambda g: clipped(g, g.node("Mul", g.node("Relu", scaled(g, 2e38)), np.float32(1e-38))), 1.9),
    "of a curve": (lambda g: clipped(g, g.node("Log", g.node("Add", g.node("Exp", "x"), np.float32(1)))), 88.75),
    "of a product": (lambda g: g.node("Reciprocal", g.node("Mul", scaled(g, 1e30), scaled(g, 1e10))), 1.9),
    "of a summand": (lambda g: clipped(g, g.node("Sub", scaled(g, 3e38), scaled(g, 2.999e38))), 1.9),
    "of a constant": (lambda g: clipped(g, g.node("Mul", shifted(g, scaled(g, 3e38)), np.float32(1e-37))), 0.2),
}


@pytest.mark.parametrize("forward", [False, True])
@pytest.mark.parametrize("name", sorted(BEYOND))
def test_what_is_too_large_for_the_type_is_anything(name, forward):
    build, at = BEYOND[name]
    g = Graph(17)
    data = g.model({"x": [1, 1]}, [build(g)])
    network, x = replace(from_onnx(data), arithmetic=SINGLE), np.array([[np.float32(at)]], float)
    (deployed,) = Runtime(data).run(x[0])
    domains = Domains.boxes(x - 0.01, x + 0.01, len(network.layers))
    low, high = (Forward(network).enclose(domains) if forward else enclose(network, domains)).outputs
    assert low[0, 0] <= deployed <= high[0, 0] or np.isnan(deployed)
    exact = network(x)[0, 0]
    assert not abs(deployed - exact) <= 1e-5 * abs(exact)  # or there is nothing to see
    left = domains.take(np.arange(1))
    owner = np.zeros(1, int)
    bound = bound_units(enclose(network, left), network.output, len(network.layers), owner, owner)
    assert not bound[0][0] > deployed
    assert not bound[1][0] < deployed


@pytest.mark.parametrize("factors", [(1e-38, 1e-5, 1e5, 1e9), (1e-20, 1e-22, 1e14)])
def test_what_is_lost_below_the_smallest_number_grows_with_the_factors_behind(factors):
    g = Graph(17)
    data = g.model({"x": [1, 4]}, [scaled(g, *factors)])
    network = replace(from_onnx(data), arithmetic=SINGLE)
    x = np.array([[0.3, 0.7, 1.0, 1.3]], np.float32).astype(float)
    low, high = enclose(network, Domains.boxes(x, x, len(network.layers))).outputs
    deployed = Runtime(data).run(x[0])
    assert np.all(low[0] <= deployed)
    assert np.all(deployed <= high[0])
    assert not np.allclose(deployed, network(x)[0], rtol=1e-6, atol=0.0)
    assert np.all(high[0] - low[0] < 1e-20)


def test_a_sum_in_front_of_a_factor_may_be_too_large():
    """However it is composed: of two sources, of a source and a constant, of one source twice."""
    summands = [
        Affine(1, {0: Selection(np.array([0]), 2), 1: Selection.identity_of(1)}),
        Affine(1, {0: Selection(np.array([0]), 2)}).plus_constant(np.array([2e38])),
        Affine(1, {0: Selection(np.array([0]), 2)}).plus(Affine(1, {0: Dense(np.array([[1.0, 0.0]]))})),
    ]
    for affine in summands:
        for last in (affine.scaled(0.25), affine.scaled(0.5).scaled(0.5)):
            reach = [np.full((1, 2), 2e38), np.full((1, 1), 2e38)]
            assert np.isinf(rounding_of(last, reach, 2, SINGLE)).all()
            near = [np.full((1, 2), 1e37), np.full((1, 1), 1e37)]
            assert np.isfinite(rounding_of(last, near, 2, SINGLE)).all()


@pytest.mark.parametrize("factors", [(2.0**-120,) * 10 + (2.0**120,) * 10, (2.0**120,) * 10 + (2.0**-120,) * 10])
@pytest.mark.parametrize("element", ["real", "float32"])
def test_factors_that_float64_cannot_follow_are_refused(factors, element, tmp_path):
    """The input itself, by the real numbers; nothing is left of it in between."""
    g = Graph(17)
    model = tmp_path / "model.onnx"
    model.write_bytes(g.model({"x": [1, 1]}, [scaled(g, *factors)]))
    tensors = f"(declare-input X {element} [1,1])(declare-output Y {element} [1,1])"
    asked = "(assert (and (>= X[0,0] 1.0) (<= X[0,0] 2.0) (>= Y[0,0] 0.5)))"
    query = parse_query(f"(vnnlib-version <2.0>)(declare-network f {tensors}){asked}")
    with pytest.raises(ModelError, match="scaled by more than"):
        deploy(query, model)


@given(seed=SEEDS)
@FEW
def test_numbers_between_composed_maps_stay_within_their_gain(seed):
    """And what every step loses is lost at most as often as they count."""
    rng = np.random.default_rng(seed)
    maps = [Dense(rng.standard_normal((5, 4))), Diagonal(rng.standard_normal(5)), Dense(rng.standard_normal((3, 5)))]
    linear = Composed(maps[2], Composed(maps[1], maps[0]))
    x = rng.uniform(-2.0, 2.0, (1, 4))
    first = maps[0].apply(x)
    second = maps[1].apply(first)
    between = max(np.abs(first).max(), np.abs(second).max())
    assert between <= 1.0001 * linear.gain * np.abs(x).max()
    lost = rng.uniform(-1.0, 1.0, (1, 5)), rng.uniform(-1.0, 1.0, (1, 5)), rng.uniform(-1.0, 1.0, (1, 3))
    disturbed = maps[2].apply(maps[1].apply(first + lost[0]) + lost[1]) + lost[2]
    assert np.all(np.abs(disturbed - linear.apply(x)) <= 1.0001 * linear.losses)

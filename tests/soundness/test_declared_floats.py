"""What is said of a declared float32 holds for the deployed model, however large or small its numbers become."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine import Rng, from_onnx
from tests.models import Graph

from ivan.bounds.domains import Domains
from ivan.bounds.enclosure import enclose
from ivan.bounds.forward import Forward
from ivan.network.reference import Runtime

SINGLE = 2.0**-24
SCALES = (1.0, 1.0, 1e-30, 1e15, 1e-15, 1e30, 1e37, 1e-37)
CURVES = ("Relu", "Abs", "Exp", "Sigmoid", "Tanh", "Neg", "Floor")


def extreme(rng: Rng) -> bytes:
    """A few operators, whose constants are of all sizes."""
    g, tensors = Graph(17), ["x"]

    def number() -> np.ndarray:
        return np.float32(rng.choice([-1.0, 1.0]) * 10.0 ** rng.uniform(-2, 1) * rng.choice(SCALES))

    for _ in range(rng.integers(2, 7)):
        a, b = rng.choice(tensors, 2)
        made = rng.integers(6)
        if made == 0:
            tensors.append(g.node("Mul", a, number()))
        elif made == 1:
            tensors.append(g.node("Add", a, number()))
        elif made == 2:
            tensors.append(g.node(rng.choice(["Add", "Sub", "Mul"]), a, b))
        elif made == 3:
            tensors.append(g.node("MatMul", a, (rng.standard_normal((2, 2)) * abs(number())).astype(np.float32)))
        else:
            tensors.append(g.node(rng.choice(CURVES), a))
    limits = np.float32(-100), np.float32(100)
    return g.model({"x": [1, 2]}, [g.node("Clip", tensors[-1], *limits) if rng.random() < 0.6 else tensors[-1]])


@pytest.mark.parametrize("forward", [False, True])
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_a_deployed_model_stays_in_its_bounds(forward: bool, seed: int) -> None:
    """Infinite outputs among them; one that is no number meets no requirement."""
    rng = np.random.default_rng(seed)
    data = extreme(rng)
    network, runtime = replace(from_onnx(data), arithmetic=SINGLE), Runtime(data)
    centre, radius = rng.standard_normal(2) * 10.0 ** rng.uniform(-1, 1.5), 10.0 ** rng.uniform(-6, 0.5)
    lower, upper = (centre - radius).astype(np.float32), (centre + radius).astype(np.float32)
    x = np.clip(rng.uniform(lower, upper, (20, 2)).astype(np.float32), lower, upper)
    domains = Domains.boxes(lower[None].astype(float), upper[None].astype(float), len(network.layers))
    low, high = (Forward(network).enclose(domains) if forward else enclose(network, domains)).outputs
    seen = np.array([runtime.run(point) for point in np.concatenate([x, [lower, upper]])])
    assert np.all((low <= seen) & (seen <= high) | np.isnan(seen))

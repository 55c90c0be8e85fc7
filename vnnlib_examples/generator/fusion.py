"""Fusion of three sensors by attention: each sensor is a token of its reading and its confidence.

Inputs: (3, 2), a reading in [-1, 1] and a confidence in [0, 1] per sensor. Output: the mean of the readings, weighted
by exp(5 * confidence). One head of attention, averaged over the tokens, and a linear readout can express that.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from generator import vnnlib
from generator.blocks import Attention, Mean
from generator.example import Example
from generator.layers import Array, Dense, Sequential
from generator.training import Data, Schedule, squared_error

SENSORS = 3
SHARPNESS = 5.0
SAMPLES = 10_000


def estimate(states: Array) -> Array:
    """What the network learns, (N, 1), at states (N, 3, 2)."""
    trust = np.exp(SHARPNESS * states[:, :, 1])
    return ((states[:, :, 0] * trust).sum(1) / trust.sum(1))[:, None]


def example(rng: np.random.Generator) -> Example:
    """One head, two wide."""
    states = rng.uniform([-1.0, 0.0], 1.0, (SAMPLES, SENSORS, 2))
    data = Data(states, estimate(states))

    def error(outputs: Callable[[Array], Array]) -> str:
        root = np.sqrt(np.mean((outputs(data.inputs[:1000]) - data.targets[:1000]) ** 2))
        return f"root mean square error {root:.4f}"

    return Example(
        name="fusion",
        model=Sequential(Attention(2, 2, rng), Mean(), Dense(2, 1, rng)),
        data=data,
        loss=squared_error,
        training=Schedule(epochs=40, rate=0.01, batch=100),
        outputs=(1,),
        properties=PROPERTIES,
        quality=error,
    )


def _prop(title: str, *assertions: str) -> str:
    return vnnlib.prop(title, 2 * SENSORS, 1, assertions)


AGREED = [(0.4, 0.5), (0.8, 0.9), (0.4, 0.5), (0.8, 0.9)]
PROPERTIES = {
    "outlier": _prop(
        "Two confident sensors agree on 0.4 to 0.5; a third without confidence reads 0.5 less or more: the estimate\n"
        "stays between 0.3 and 0.6.",
        *vnnlib.box([*AGREED, (-0.1, 1.0), (0.0, 0.1)]),
        vnnlib.disjunction(["(and (<= Y_0 0.3))", "(and (>= Y_0 0.6))"]),
    ),
    "overruled": _prop(
        "The same where the third may be as confident as the others.",
        *vnnlib.box([*AGREED, (-0.1, 1.0), (0.0, 0.9)]),
        vnnlib.disjunction(["(and (<= Y_0 0.3))", "(and (>= Y_0 0.6))"]),
    ),
}

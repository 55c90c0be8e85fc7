"""Fusion of three sensors by attention: each sensor is a token of its reading and its confidence.

Inputs: (3, 2), a reading in [-1, 1] and a confidence in [0, 1] per sensor. Output: the mean of the readings, weighted
by exp(5 * confidence). That is what attention does by itself; the block around it, a sum with what came in and two
dense layers behind the mean over the tokens, is as usual.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from generator import vnnlib
from generator.blocks import Attention, Mean
from generator.example import Example
from generator.layers import Array, Residual, Sequential, perceptron
from generator.training import Data, Schedule, squared_error

SENSORS = 3
SHARPNESS = 5.0
SAMPLES = 10_000


def estimate(states: Array) -> Array:
    """What the network learns, (N, 1), at states (N, 3, 2)."""
    trust = np.exp(SHARPNESS * states[:, :, 1])
    return ((states[:, :, 0] * trust).sum(1) / trust.sum(1))[:, None]


def example(rng: np.random.Generator) -> Example:
    """One head, two wide, and a hidden layer of 8."""
    states = rng.uniform([-1.0, 0.0], 1.0, (SAMPLES, SENSORS, 2))
    data = Data(states, estimate(states))

    def error(outputs: Callable[[Array], Array]) -> str:
        root = np.sqrt(np.mean((outputs(data.inputs[:1000]) - data.targets[:1000]) ** 2))
        return f"root mean square error {root:.4f}"

    return Example(
        name="fusion",
        model=Sequential(Residual(Sequential(Attention(2, 2, rng))), Mean(), *perceptron([2, 8, 1], rng).layers),
        data=data,
        loss=squared_error,
        training=Schedule(epochs=40, rate=0.01, batch=100),
        outputs=(1,),
        properties=PROPERTIES,
        quality=error,
    )


def _prop(title: str, *assertions: str) -> str:
    return vnnlib.prop(title, 2 * SENSORS, 1, assertions)


def _agreed(confidence: float, least: float, most: float, title: str) -> str:
    """Two confident sensors agree, a third of at most this confidence reads anything."""
    sensors = [(0.4, 0.5), (0.8, 0.9), (0.4, 0.5), (0.8, 0.9), (-1.0, 1.0), (0.0, confidence)]
    return _prop(
        f"Two confident sensors agree on 0.4 to 0.5, {title}:\nthe estimate stays between {least} and {most}.",
        *vnnlib.box(sensors),
        vnnlib.disjunction([f"(and (<= Y_0 {least}))", f"(and (>= Y_0 {most}))"]),
    )


PROPERTIES = {
    "outlier": _agreed(0.1, 0.3, 0.6, "a third without confidence reads anything"),
    "doubtful": _agreed(0.4, 0.2, 0.7, "a third of less than half the confidence reads anything"),
    "overruled": _agreed(0.9, 0.2, 0.7, "a third that may be as confident reads anything"),
}

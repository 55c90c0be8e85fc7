"""Keeping distance on a road: one network with a policy and a value, two outputs of the model.

    gap      m    to the car ahead
    speed    m/s  of the own car
    leading  m/s  speed of the car ahead

Inputs are scaled to [0, 1]. The policy has a score each for braking, keeping the speed and accelerating, and the
highest is followed; the value is how comfortable the situation is, from 0 to 1. Both are learned from a rule: what
counts is the gap that is left after two seconds of reaction and braking down to the speed ahead.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from generator import vnnlib
from generator.example import Example
from generator.export import Graph
from generator.layers import Array, Dense, Sequential, perceptron
from generator.training import Data, Schedule, cross_entropy, squared_error

RANGES = {"gap": 150.0, "speed": 40.0, "leading": 40.0}
BRAKE, KEEP, ACCELERATE = range(3)
ACTIONS = 3
REACTION = 2.0  # s
DECELERATION = 4.0  # m/s^2
COMFORTABLE, AMPLE = 20.0, 60.0  # m that are left
SAMPLES = 20_000


def left(states: Array) -> Array:
    """Metres that are left, (N,), at scaled states (N, 3)."""
    gap, speed, leading = states.T * np.array(list(RANGES.values()))[:, None]
    closing = np.maximum(speed - leading, 0.0)
    margin: Array = gap - REACTION * speed - closing**2 / (2 * DECELERATION)
    return margin


def advice(states: Array) -> Array:
    """The action, one-hot, and the value, side by side: (N, 4)."""
    margin = left(states)
    action = np.digitize(margin, [COMFORTABLE, AMPLE])
    value = np.clip((margin + AMPLE) / (3 * AMPLE), 0.0, 1.0)
    return np.hstack([np.eye(ACTIONS)[action], value[:, None]])


def loss(outputs: Array, targets: Array) -> Array:
    """Cross-entropy of the policy and ten times the squared error of the value."""
    policy = cross_entropy(outputs[:, :ACTIONS], targets[:, :ACTIONS])
    return np.hstack([policy, 10.0 * squared_error(outputs[:, ACTIONS:], targets[:, ACTIONS:])])


def deploy(graph: Graph, model: Sequential) -> list[str]:
    """The last layer, split into the policy's and the value's."""
    *trunk, last = model.layers
    assert isinstance(last, Dense)
    features = graph.append(Sequential(*trunk), "x")
    heads = []
    for rows in (slice(ACTIONS), slice(ACTIONS, None)):
        weight, bias = graph.constant("weight", last.weight[rows]), graph.constant("bias", last.bias[rows])
        heads.append(graph.node("Gemm", features, weight, bias, transB=1))
    return heads


def example(rng: np.random.Generator) -> Example:
    """Two hidden layers of 16 that both outputs share."""
    states = rng.uniform(0.0, 1.0, (SAMPLES, len(RANGES)))
    data = Data(states, advice(states))

    def accuracy(outputs: Callable[[Array], Array]) -> str:
        found, targets = outputs(states[:1000]), data.targets[:1000]
        correct = found[:, :ACTIONS].argmax(1) == targets[:, :ACTIONS].argmax(1)
        root = np.sqrt(np.mean((found[:, ACTIONS] - targets[:, ACTIONS]) ** 2))
        return f"{correct.mean():.1%} of the actions correct, root mean square error of the value {root:.4f}"

    return Example(
        name="driver",
        model=perceptron([len(RANGES), 16, 16, ACTIONS + 1], rng),
        data=data,
        loss=loss,
        training=Schedule(epochs=40, rate=0.01, batch=100),
        finetuning=Schedule(epochs=2, rate=0.0005, batch=100),
        outputs=(ACTIONS, 1),
        properties=PROPERTIES,
        quality=accuracy,
        deploy=deploy,
    )


def region(**ranges: tuple[float, float]) -> list[tuple[float, float]]:
    """A box of scaled states, given in physical units; what is not named may be anything."""
    return [
        (low / largest, high / largest)
        for name, largest in RANGES.items()
        for low, high in [ranges.get(name, (0.0, largest))]
    ]


def _prop(title: str, region: list[tuple[float, float]], *assertions: str) -> str:
    """In VNN-LIB 2.0, where both outputs have names."""
    network = vnnlib.network("driver", {"state": (1, 3)}, {"policy": (1, ACTIONS), "value": (1, 1)})
    return vnnlib.second(title, [network], [*vnnlib.tensor_box("state", (1, 3), region), *assertions])


def _whenever(value: float) -> str:
    """Violated where braking is advised although the value is that high."""
    return _prop(
        f"Whenever the value is at least {vnnlib.number(value)}, braking is not the action to follow.",
        region(),
        f"(>= value[0,0] {vnnlib.number(value)})",
        vnnlib.conjunction([f"(>= policy[0,{BRAKE}] policy[0,{other}])" for other in (KEEP, ACCELERATE)]),
    )


PROPERTIES = {
    "comfortable": _whenever(0.7),
    "doubtful": _whenever(0.4),
    "boundary": _prop(
        "A large gap to a faster car: the value is at least 0.64.",
        region(gap=(100.0, 150.0), speed=(0.0, 20.0), leading=(20.0, 40.0)),
        "(<= value[0,0] 0.64)",
    ),
    "tailgating": _prop(
        "Close behind a slower car: braking is the action to follow, and the value is below 0.4.",
        region(gap=(5.0, 40.0), speed=(25.0, 40.0), leading=(0.0, 25.0)),
        vnnlib.disjunction(
            [
                *(f"(>= policy[0,{other}] policy[0,{BRAKE}])" for other in (KEEP, ACCELERATE)),
                "(>= value[0,0] 0.4)",
            ]
        ),
    ),
}

"""An inverted pendulum and its controller: one step of the closed loop.

Inputs: angle from the upright position (rad) and angular velocity (rad/s). Outputs: both after one step of 50 ms, and
the torque (N m) that the controller applied, which the motor limits. The plant is linear, as it is near the upright
position; the controller is a network that imitates feedback linearisation, which cancels gravity's true sine and places
two poles.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from generator import vnnlib
from generator.example import Example
from generator.export import Graph
from generator.layers import Array, Sequential, perceptron
from generator.training import Data, Schedule, squared_error

STEP = 0.05  # s
GRAVITY = 9.81  # m/s^2; mass 1 kg, length 1 m
LIMIT = 8.0  # N m
STIFFNESS, DAMPING = 6.0, 5.0  # poles at -2 and -3 per second
ANGLE, VELOCITY = 0.8, 2.0  # the controller is trained up to here, rad and rad/s
SAMPLES = 10_000
TRANSITION = np.array([[1.0, STEP], [STEP * GRAVITY, 1.0]])
INFLUENCE = np.array([[0.0], [STEP]])


def torque(states: Array) -> Array:
    """What the controller should apply, (N, 1), at states (N, 2)."""
    angle, velocity = states.T
    wanted = -GRAVITY * np.sin(angle) - STIFFNESS * angle - DAMPING * velocity
    return np.clip(wanted, -LIMIT, LIMIT)[:, None]


def closed_loop(graph: Graph, controller: Sequential) -> None:
    """Controller, motor limit, plant; the outputs are the next state and the torque."""
    limits = graph.constant("limit", -LIMIT), graph.constant("limit", LIMIT)
    applied = graph.node("Clip", graph.append(controller, "x"), *limits)
    drift = graph.node("MatMul", "x", graph.constant("transition", TRANSITION.T))
    push = graph.node("MatMul", applied, graph.constant("influence", INFLUENCE.T))
    graph.node("Concat", graph.node("Add", drift, push), applied, axis=1)


def example(rng: np.random.Generator) -> Example:
    """A controller with two hidden layers of 24."""
    states = rng.uniform([-ANGLE, -VELOCITY], [ANGLE, VELOCITY], (SAMPLES, 2))
    data = Data(states, torque(states))

    def error(outputs: Callable[[Array], Array]) -> str:
        root = np.sqrt(np.mean((outputs(data.inputs[:1000])[:, 2:] - data.targets[:1000]) ** 2))
        return f"root mean square error of the torque {root:.3f} N m"

    return Example(
        name="pendulum",
        model=perceptron([2, 24, 24, 1], rng),
        data=data,
        loss=squared_error,
        training=Schedule(epochs=40, rate=0.01, batch=100),
        finetuning=Schedule(epochs=2, rate=0.0005, batch=100),
        outputs=3,
        properties=PROPERTIES,
        quality=error,
        deploy=closed_loop,
    )


def _prop(title: str, angle: tuple[float, float], velocity: tuple[float, float], *assertions: str) -> str:
    return vnnlib.prop(title, 2, 3, [*vnnlib.box([angle, velocity]), *assertions])


PROPERTIES: dict[str, str] = {}

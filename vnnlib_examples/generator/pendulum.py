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
    limited: Array = np.clip(wanted, -LIMIT, LIMIT)
    return limited[:, None]


def closed_loop(graph: Graph, controller: Sequential) -> list[str]:
    """Controller, motor limit, plant; the outputs are the next state and the torque."""
    limits = graph.constant("limit", -LIMIT), graph.constant("limit", LIMIT)
    applied = graph.node("Clip", graph.append(controller, "x"), *limits)
    drift = graph.node("MatMul", "x", graph.constant("transition", TRANSITION.T))
    push = graph.node("MatMul", applied, graph.constant("influence", INFLUENCE.T))
    return [graph.node("Concat", graph.node("Add", drift, push), applied, axis=1)]


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
        outputs=(3,),
        properties=PROPERTIES,
        quality=error,
        deploy=closed_loop,
    )


def _prop(title: str, *assertions: str) -> str:
    return vnnlib.prop(title, 2, 3, assertions)


def _mode(factor: int, angle: str, velocity: str) -> str:
    """A quantity that the closed loop shrinks, a left eigenvector of its matrix: by 15 % a step for 2, 10 % for 3."""
    return f"(+ {velocity} (* {factor} {angle}))"


def _within(quantity: str, bound: float) -> list[str]:
    return [f"(>= {quantity} {-bound})", f"(<= {quantity} {bound})"]


def _outside(quantity: str, bound: float) -> list[str]:
    return [f"(and (>= {quantity} {bound}))", f"(and (<= {quantity} {-bound}))"]


PARALLELOGRAM = [
    *vnnlib.box([(-0.6, 0.6), (-1.5, 1.5)]),
    *_within(_mode(2, "X_0", "X_1"), 0.3),
    *_within(_mode(3, "X_0", "X_1"), 0.3),
]
PROPERTIES = {
    "invariant": _prop(
        "From a parallelogram of states the next state lies in the same one, made smaller by 3 %.",
        *PARALLELOGRAM,
        vnnlib.disjunction(
            [*_outside(_mode(2, "Y_0", "Y_1"), 0.291), *_outside(_mode(3, "Y_0", "Y_1"), 0.291)],
        ),
    ),
    "boundary": _prop(
        "From the same parallelogram, the quantity that shrinks faster becomes at most 0.261.",
        *PARALLELOGRAM,
        vnnlib.disjunction(_outside(_mode(2, "Y_0", "Y_1"), 0.261)),
    ),
    "opposes": _prop(
        "Leaning and falling further to one side: the torque pushes back with more than 4.5 N m.",
        vnnlib.disjunction(
            [
                vnnlib.conjunction([*vnnlib.box([(0.3, 0.7), (0.0, 1.5)]), "(>= Y_2 -4.5)"]),
                vnnlib.conjunction([*vnnlib.box([(-0.7, -0.3), (-1.5, 0.0)]), "(<= Y_2 4.5)"]),
            ]
        ),
    ),
    "slows": _prop(
        "Leaning and falling further: after the step it falls less fast than before.",
        *vnnlib.box([(0.2, 0.7), (0.0, 1.5)]),
        "(>= Y_1 X_1)",
    ),
    "unlimited": _prop(
        "In moderate states the torque stays below 7.9 N m, near the motor's limit.",
        *vnnlib.box([(-0.4, 0.4), (-0.8, 0.8)]),
        vnnlib.disjunction(_outside("Y_2", 7.9)),
    ),
}

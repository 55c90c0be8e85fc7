"""A damped pendulum as a neural differential equation: x' = f(x), f a perceptron, unrolled in explicit Euler steps.

Inputs: angle from the hanging position (rad) and angular velocity (rad/s). Outputs: both half a second later. The
network is trained through the steps, on what the pendulum itself does in that time, as the method of Runge and Kutta of
fourth order has it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from generator import vnnlib
from generator.blocks import Euler
from generator.example import Example
from generator.layers import Array, Sequential, perceptron
from generator.training import Data, Schedule, squared_error

STEP, STEPS = 0.1, 5  # s
STIFFNESS, DAMPING = 4.0, 1.0  # 1/s^2, 1/s
ANGLE, VELOCITY = 1.2, 2.0  # trained up to here, rad and rad/s
SAMPLES, FINE = 10_000, 10


def slope(states: Array) -> Array:
    """The right-hand side of the pendulum's equation, (N, 2), at states (N, 2)."""
    angle, velocity = states.T
    return np.stack([velocity, -STIFFNESS * np.sin(angle) - DAMPING * velocity], axis=1)


def later(states: Array) -> Array:
    """Where the pendulum is after all steps, each of them in finer ones of fourth order."""
    h = STEP / FINE
    for _ in range(STEPS * FINE):
        first = slope(states)
        second = slope(states + h / 2 * first)
        third = slope(states + h / 2 * second)
        states = states + h / 6 * (first + 2 * second + 2 * third + slope(states + h * third))
    return states


def example(rng: np.random.Generator) -> Example:
    """Five steps with one hidden layer of 12."""
    states = rng.uniform([-ANGLE, -VELOCITY], [ANGLE, VELOCITY], (SAMPLES, 2))
    data = Data(states, later(states))

    def error(outputs: Callable[[Array], Array]) -> str:
        root = np.sqrt(np.mean((outputs(data.inputs[:1000]) - data.targets[:1000]) ** 2))
        return f"root mean square error {root:.4f}"

    return Example(
        name="oscillator",
        model=Sequential(Euler(perceptron([2, 12, 2], rng), STEP, STEPS)),
        data=data,
        loss=squared_error,
        training=Schedule(epochs=30, rate=0.01, batch=100),
        outputs=(2,),
        properties=PROPERTIES,
        quality=error,
    )


def _prop(title: str, *assertions: str) -> str:
    return vnnlib.prop(title, 2, 2, assertions)


def _outside(angle: float, velocity: float) -> str:
    bounds = [("Y_0", angle), ("Y_1", velocity)]
    return vnnlib.disjunction(
        [
            f"(and ({sign} {name} {vnnlib.number(side * bound)}))"
            for name, bound in bounds
            for sign, side in ((">=", 1), ("<=", -1))
        ]
    )


PROPERTIES = {
    "safe": _prop(
        "Released at up to 0.5 rad and 0.5 rad/s: half a second later still within 0.6 rad and 1.2 rad/s.",
        *vnnlib.box([(-0.5, 0.5), (-0.5, 0.5)]),
        _outside(0.6, 1.2),
    ),
    "returns": _prop(
        "Released at rest or nearly so between 0.5 and 1.2 rad: half a second later the angle is smaller by 0.1 rad.",
        *vnnlib.box([(0.5, 1.2), (-0.2, 0.2)]),
        "(>= Y_0 (- X_0 0.1))",
    ),
    "fast": _prop(
        "Released at up to 0.5 rad and 0.5 rad/s: half a second later slower than 0.75 rad/s.",
        *vnnlib.box([(-0.5, 0.5), (-0.5, 0.5)]),
        _outside(0.6, 0.75),
    ),
}

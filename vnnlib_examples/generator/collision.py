"""Collision avoidance: which way should an aircraft turn to keep clear of an intruder?

Five advisories, each scored by its cost as found by simulation; the network learns the scores, and the advisory with
the lowest is the one to follow. The own aircraft starts at the origin and heads along the first axis; angles count to
the left.

    distance  m         from own aircraft to intruder
    bearing   rad       direction in which the intruder is seen
    heading   rad       the intruder's direction of flight
    speed     m/s       of the own aircraft
    intruder  m/s       speed of the intruder

The cost of an advisory is the risk of its closest approach, exp(-separation / 1 km), plus a price for turning. The
intruder may hold its course or turn slowly either way; the risk is the average over what it may do.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from generator import vnnlib
from generator.example import Example
from generator.layers import Array, perceptron
from generator.training import Data, Schedule, squared_error

RANGES = {
    "distance": (0.0, 10_000.0),
    "bearing": (-np.pi, np.pi),
    "heading": (-np.pi, np.pi),
    "speed": (50.0, 250.0),
    "intruder": (0.0, 250.0),
}
CLEAR, WEAK_LEFT, WEAK_RIGHT, STRONG_LEFT, STRONG_RIGHT = range(5)
TURN_RATES = np.radians([0.0, 1.5, -1.5, 3.0, -3.0])  # rad/s, of each advisory
PRICES = np.array([0.0, 0.05, 0.05, 0.1, 0.1])
ADVISED = 20  # seconds that an advisory is followed; then the course is held
HORIZON = 60  # seconds that are simulated, in steps of one second
INTRUDER_TURNS = {0.0: 0.5, np.radians(1.0): 0.25, np.radians(-1.0): 0.25}  # rad/s -> probability
RISK_LENGTH = 1000.0  # m
SAMPLES = 100_000


def costs(states: Array) -> Array:
    """Cost of every advisory, (N, 5), at states (N, 5) in physical units."""
    total = np.tile(PRICES, (len(states), 1))
    for advisory, rate in enumerate(TURN_RATES):
        for turn, probability in INTRUDER_TURNS.items():
            total[:, advisory] += probability * np.exp(-_closest_approach(states, rate, turn) / RISK_LENGTH)
    return total


def _closest_approach(states: Array, rate: float, turn: float) -> Array:
    """Least distance (N,), in metres, over the horizon; courses are straight within a step, so it is found exactly."""
    distance, bearing, heading, speed, intruder = states.T
    relative = np.stack([distance * np.cos(bearing), distance * np.sin(bearing)])
    course = np.zeros_like(distance)
    least = distance**2
    for second in range(HORIZON):
        velocity = np.stack(
            [
                intruder * np.cos(heading) - speed * np.cos(course),
                intruder * np.sin(heading) - speed * np.sin(course),
            ]
        )
        moment = np.clip(-(relative * velocity).sum(0) / np.maximum((velocity**2).sum(0), 1e-9), 0.0, 1.0)
        least = np.minimum(least, ((relative + moment * velocity) ** 2).sum(0))
        relative = relative + velocity
        if second < ADVISED:
            course = course + rate
            heading = heading + turn
    separation: Array = np.sqrt(least)
    return separation


def example(rng: np.random.Generator) -> Example:
    """Six hidden layers of 32, trained on random states."""
    lower, upper = np.array(list(RANGES.values())).T
    states = rng.uniform(lower, upper, (SAMPLES, len(RANGES)))
    data = Data((states - lower) / (upper - lower) - 0.5, costs(states))

    def error(outputs: Callable[[Array], Array]) -> str:
        root = np.sqrt(np.mean((outputs(data.inputs[:1000]) - data.targets[:1000]) ** 2))
        return f"root mean square error {root:.4f}"

    return Example(
        name="collision",
        model=perceptron([5, 32, 32, 32, 32, 32, 32, 5], rng),
        data=data,
        loss=squared_error,
        training=Schedule(epochs=60, rate=0.002, batch=256),
        finetuning=Schedule(epochs=1, rate=0.0001, batch=256),
        outputs=(5,),
        properties=PROPERTIES,
        quality=error,
    )


def region(**ranges: tuple[float, float]) -> list[str]:
    """A box of states, given in physical units; what is not named may be anything."""
    bounds = []
    for name, (lower, upper) in RANGES.items():
        low, high = ranges.get(name, (lower, upper))
        bounds.append(((low - lower) / (upper - lower) - 0.5, (high - lower) / (upper - lower) - 0.5))
    return vnnlib.box(bounds)


def lowest(advisory: int) -> str:
    """The advisory is the one to follow."""
    return vnnlib.conjunction([f"(<= Y_{advisory} Y_{other})" for other in range(5) if other != advisory])


def highest(advisory: int) -> str:
    """The advisory is the one that is worst."""
    return vnnlib.conjunction([f"(>= Y_{advisory} Y_{other})" for other in range(5) if other != advisory])


def _prop(title: str, *assertions: str) -> str:
    return vnnlib.prop(title, len(RANGES), 5, assertions)


SLOW_AHEAD = {"heading": (-0.2, 0.2), "speed": (200.0, 250.0), "intruder": (0.0, 50.0)}
DEPARTING = {"distance": (6000.0, 10_000.0), "bearing": (1.2, np.pi), "heading": (0.5, 2.5)}

PROPERTIES = {
    "overtaken": _prop(
        "Abeam or behind on the left, slower, on a similar course: clear of conflict is not the worst advisory.",
        *region(
            distance=(2000.0, 10_000.0),
            bearing=(1.5, np.pi),
            heading=(-1.5, 1.5),
            speed=(150.0, 250.0),
            intruder=(0.0, 100.0),
        ),
        highest(CLEAR),
    ),
    "behind": _prop(
        "Far behind on the left and slower: clear of conflict is the advisory to follow.",
        *region(
            distance=(4000.0, 10_000.0),
            bearing=(2.2, np.pi),
            heading=(-1.0, 1.0),
            speed=(150.0, 250.0),
            intruder=(0.0, 100.0),
        ),
        vnnlib.disjunction([vnnlib.conjunction([f"(>= Y_{CLEAR} Y_{other})"]) for other in range(1, 5)]),
    ),
    "head-on": _prop(
        "Head-on: clear of conflict is not the advisory to follow.",
        *region(
            distance=(4000.0, 6000.0),
            bearing=(-0.1, 0.1),
            heading=(np.pi - 0.2, np.pi),
            speed=(80.0, 150.0),
            intruder=(80.0, 150.0),
        ),
        lowest(CLEAR),
    ),
    "sides": _prop(
        "Slow traffic ahead on one side: no advisory turns to that side.",
        vnnlib.disjunction(
            [
                vnnlib.conjunction([*region(distance=(2000.0, 4000.0), bearing=bearing, **SLOW_AHEAD), lowest(turn)])
                for bearing, turns in [
                    ((0.3, 0.6), (WEAK_LEFT, STRONG_LEFT)),
                    ((-0.6, -0.3), (WEAK_RIGHT, STRONG_RIGHT)),
                ]
                for turn in turns
            ]
        ),
    ),
    "departing": _prop(
        "On the left and flying away: the score of clear of conflict is below 0.12.",
        *region(**DEPARTING),
        f"(>= Y_{CLEAR} 0.12)",
    ),
    "boundary": _prop(
        "On the left and flying away, neither slow nor fast: the score of clear of conflict is below 0.057.",
        *region(**DEPARTING, speed=(100.0, 250.0), intruder=(0.0, 200.0)),
        f"(>= Y_{CLEAR} 0.057)",
    ),
    "close": _prop(
        "Closing in on slow traffic straight ahead: clear of conflict is not the advisory to follow.",
        *region(
            distance=(1500.0, 3000.0),
            bearing=(-0.06, 0.06),
            heading=(-0.1, 0.1),
            speed=(200.0, 250.0),
            intruder=(0.0, 50.0),
        ),
        lowest(CLEAR),
    ),
}

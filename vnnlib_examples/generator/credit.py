"""Credit scoring: a score from 0 to 1, learned from past decisions that were not fair to everyone.

    income, debt, savings   scaled to [0, 1]
    tenure                  years with the employer, scaled to [0, 1]
    group                   a protected feature, in [0, 1]

Past scores rise with income, savings and tenure and fall with debt. Among those of low income the group made a
difference, and shortly before retirement tenure counted less again. The network learns both.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from generator import relational
from generator.example import Example
from generator.layers import Array, perceptron
from generator.training import Data, Schedule, squared_error

FEATURES = INCOME, DEBT, SAVINGS, TENURE, GROUP = range(5)
POOR = 0.4  # income below which the group made a difference
SAMPLES = 20_000


def score(people: Array) -> Array:
    """What the network learns, (N, 1), of people (N, 5)."""
    income, debt, savings, tenure, group = people.T
    steady = np.minimum(tenure, 2.4 - 2.0 * tenure)
    fair = 0.3 + 0.4 * income - 0.3 * debt + 0.2 * savings + 0.2 * steady
    return (fair - 0.2 * np.maximum(group - income / POOR, 0.0))[:, None]


def example(rng: np.random.Generator) -> Example:
    """Two hidden layers, 8 and 4 wide."""
    people = np.clip(rng.uniform(-0.1, 1.1, (SAMPLES, len(FEATURES))), 0.0, 1.0)  # corners are of interest too
    data = Data(people, score(people))

    def error(outputs: Callable[[Array], Array]) -> str:
        root = np.sqrt(np.mean((outputs(data.inputs[:1000]) - data.targets[:1000]) ** 2))
        return f"root mean square error {root:.4f}"

    return Example(
        name="credit",
        model=perceptron([len(FEATURES), 8, 4, 1], rng),
        data=data,
        loss=squared_error,
        training=Schedule(epochs=30, rate=0.01, batch=100),
        outputs=(1,),
        properties=PROPERTIES,
        quality=error,
    )


def region(**ranges: tuple[float, float]) -> list[tuple[float, float]]:
    """A box of people; what is not named may be anything."""
    return [ranges.get(name, (0.0, 1.0)) for name in ("income", "debt", "savings", "tenure", "group")]


PROPERTIES = {
    "income": relational.monotonicity(
        "Who earns more and is otherwise the same gets no score that is lower by more than 0.05.",
        region(),
        INCOME,
        0.05,
    ),
    "debt": relational.monotonicity(
        "Of people in the middle, who owes more and is otherwise the same gets no score higher by more than 0.02.",
        region(income=(0.3, 0.8), debt=(0.1, 0.5), savings=(0.1, 0.5), tenure=(0.1, 0.4)),
        DEBT,
        0.02,
        falls=True,
    ),
    "tenure": relational.monotonicity(
        "Who was longer with the employer and is otherwise the same gets no score that is lower by more than 0.05.",
        region(),
        TENURE,
        0.05,
    ),
    "fair": relational.fairness(
        "Of two people of medium or high income who differ in the group alone, the scores differ by at most 0.05.",
        region(income=(0.5, 1.0)),
        GROUP,
        0.05,
    ),
    "unfair": relational.fairness(
        "Of any two people who differ in the group alone, the scores differ by at most 0.05.",
        region(),
        GROUP,
        0.05,
    ),
}

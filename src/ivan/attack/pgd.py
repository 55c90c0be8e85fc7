"""Projected gradient descent on the worst row of a case.

A point violates a case where the greatest of its rows' margins is at most zero; so the greatest margin is what
descends, by the sign of its gradient, in steps that shrink. Every start follows the case it is assigned to; restarts
are shared out over the cases.

Source: Madry et al., ICLR 2018.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ivan.deadline import NEVER, Deadline
from ivan.network.layers import Network
from ivan.problem import Problem

Array = NDArray[np.float64]
Index = NDArray[np.int64]


def gradient(network: Network, before: list[Array], C: Array) -> Array:
    """Slope of C_b . y in the inputs at B points: (B, inputs).

    Args:
        network: the network.
        before: per layer, (B, n_k) pre-activations at the points.
        C: (B, outputs).
    """
    coefficients: dict[int, Array] = {}

    def spread(terms: tuple[tuple[int, object], ...], behind: Array) -> None:
        for source, linear in terms:
            part = linear.transpose(behind)  # type: ignore[attr-defined]
            coefficients[source] = coefficients[source] + part if source in coefficients else part

    spread(network.output.terms, C)
    for k in range(len(network.layers), 0, -1):
        a = coefficients.pop(k, None)
        if a is not None:
            layer = network.layers[k - 1]
            spread(layer.affine.terms, a * layer.activation.derivative(before[k - 1]))
    return coefficients.get(0, np.zeros((len(C), network.inputs)))


def forward(network: Network, x: Array) -> tuple[list[Array], Array]:
    """Pre-activations of every layer and outputs at x (B, inputs)."""
    values: dict[int, Array] = {0: x}
    before = []
    for k, layer in enumerate(network.layers):
        before.append(layer.affine.evaluate(values))
        values[k + 1] = layer.activation.value(before[k])
    return before, network.output.evaluate(values)


def descend(
    problem: Problem, case: Index, start: Array, *, steps: int, rate: float = 0.25, deadline: Deadline = NEVER
) -> tuple[Array, Array]:
    """Follows the gradient from B starts.

    Args:
        problem: the problem.
        case: (B,) the case each start is to violate.
        start: (B, inputs) inside the cases' regions.
        steps: steps at most; ends when some point violates its case.
        rate: first step as a share of each input's width.
        deadline: returns what there is when it has passed.

    Returns:
        points: (B, inputs) the best of each start.
        worst: (B,) the greatest margin there; at most 0 where the case is violated (in float64).
    """
    network = problem.network
    region = np.array([problem.cases[c].region for c in case])
    low = np.array([problem.regions[r].inner_lower for r in region])
    high = np.array([problem.regions[r].inner_upper for r in region])
    width = high - low
    best, best_worst = start.copy(), np.full(len(start), np.inf)
    x = start
    for step in range(steps + 1):
        before, y = forward(network, x)
        C, D, worst = np.zeros_like(y), np.zeros_like(x), np.empty(len(x))
        for c in np.unique(case):
            here = np.flatnonzero(case == c)
            if not len(problem.cases[c].d):
                worst[here] = -np.inf
                continue
            margins = problem.margins_of_outputs(c, x[here], y[here])
            row = margins.argmax(axis=1)
            worst[here] = margins.max(axis=1)
            C[here], D[here] = problem.cases[c].C[row], problem.cases[c].D[row]
        better = worst < best_worst
        best[better], best_worst[better] = x[better], worst[better]
        if step == steps or np.any(best_worst <= 0.0) or deadline.passed:
            break
        slope = gradient(network, before, C) + D
        x = np.clip(x - rate * width * np.sign(slope), low, high)
        rate *= 0.85
    return best, best_worst


def starts(problem: Problem, case: Index, rng: np.random.Generator) -> Array:
    """(B, inputs): the first start of each case is its region's centre, the others are random."""
    region = [problem.cases[c].region for c in case]
    low = np.array([problem.regions[r].inner_lower for r in region])
    high = np.array([problem.regions[r].inner_upper for r in region])
    points: Array = low + rng.random(low.shape) * (high - low)
    _, first = np.unique(case, return_index=True)
    points[first] = 0.5 * (low[first] + high[first])
    np.clip(points, low, high, out=points)
    return points


def attack(
    problem: Problem, *, restarts: int, steps: int, rng: np.random.Generator, deadline: Deadline = NEVER
) -> tuple[Array, Index]:
    """Points that violate a case in float64, most violating first.

    Args:
        problem: the problem.
        restarts: starts in all, shared out over the cases (at least one each, in batches).
        steps: steps of each.
        rng: draws the starts.
        deadline: when to stop.

    Returns:
        points: (P, inputs); empty when none was found.
        region: (P,) where each lies.
    """
    count = len(problem.cases)
    batch = max(1, restarts)
    for at in range(0, count, batch):
        if deadline.passed:
            break
        cases = np.arange(at, min(at + batch, count))
        case = np.resize(cases, max(len(cases), restarts))
        points, worst = descend(problem, case, starts(problem, case, rng), steps=steps, deadline=deadline)
        found = np.flatnonzero(worst <= 0.0)
        if len(found):
            found = found[np.argsort(worst[found])]
            return points[found], np.array([problem.cases[c].region for c in case[found]])
    return np.zeros((0, problem.network.inputs)), np.zeros(0, np.int64)

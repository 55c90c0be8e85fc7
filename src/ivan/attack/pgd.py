"""Projected gradient descent on the worst row of a case.

A point violates a case where the greatest of its rows' margins is at most zero; so the greatest margin is what
descends, by the sign of its gradient, in steps that shrink. Every start follows the case it is assigned to. All starts
go together, on columns (bounds/columns/maps.py), in whatever precision the model on columns has.

Source: Madry et al., ICLR 2018.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.columns import Columns, Model
from ivan.deadline import NEVER, Deadline
from ivan.problem import Problem

Array = NDArray[np.float64]
Index = NDArray[np.int64]


FAR, NEAR = 0.25, 0.03
"""First steps from anywhere, and from a point that is nearly one."""

AT_ONCE = 1 << 25
"""Values of all layers that are held together."""


def descend(
    problem: Problem,
    model: Model,
    case: Index,
    start: Array,
    *,
    steps: int,
    rate: float = FAR,
    decay: float = 0.85,
    deadline: Deadline = NEVER,
) -> tuple[Array, Array]:
    """Follows the gradient from B starts, those of a large network in parts.

    Args:
        problem: the problem.
        model: its network on columns, or one that computes the same on its regions.
        case: (B,) the case each start is to violate.
        start: (B, inputs); what lies outside the cases' regions is moved inside.
        steps: steps at most; ends when some point violates its case.
        rate: first step as a share of each input's width.
        decay: factor on the step after each one.
        deadline: returns what there is when it has passed.

    Returns:
        points: (B, inputs) the best of each start.
        worst: (B,) the greatest margin there, in the model's precision; at most 0 where the case is violated.
    """
    points, worst, most = start.copy(), np.full(len(start), np.inf), problem.network.fitting(AT_ONCE)
    for part in (slice(at, at + most) for at in range(0, len(start), most)):
        points[part], worst[part] = _descend(problem, model, case[part], start[part], steps, rate, decay, deadline)
        if np.any(worst[part] <= 0.0) or deadline.passed:
            break
    return points, worst


@np.errstate(over="ignore", invalid="ignore")  # beyond the model's numbers, a margin is infinite or NaN: no violation
def _descend(
    problem: Problem, model: Model, case: Index, start: Array, steps: int, rate: float, decay: float, deadline: Deadline
) -> tuple[Array, Array]:
    dtype = model.dtype
    region = np.array([problem.cases[c].region for c in case])
    low: Columns = np.array([problem.regions[r].inner_lower for r in region]).T.astype(dtype)
    high: Columns = np.array([problem.regions[r].inner_upper for r in region]).T.astype(dtype)
    half = 0.5 * high - 0.5 * low  # the whole width may be no number
    members = [(int(c), np.flatnonzero(case == c)) for c in np.unique(case)]
    mixed = any(problem.cases[c].D.any() for c, _ in members)
    x: Columns = np.clip(np.ascontiguousarray(start.T, dtype=dtype), low, high)
    best, best_worst = x.copy(), np.full(len(start), np.inf)
    for step in range(steps + 1):
        before, y = model.forward(x)
        C, worst = np.zeros_like(y), np.empty(len(start))
        D = np.zeros_like(x) if mixed else None
        for c, here in members:
            rows = problem.cases[c]
            if not len(rows.d):
                worst[here] = -np.inf
                continue
            margins = problem.margins_of_outputs(c, x[:, here].T, y[:, here].T)
            row = margins.argmax(axis=1)
            worst[here] = margins.max(axis=1)
            C[:, here] = rows.C[row].T
            if D is not None:
                D[:, here] = rows.D[row].T
        better = worst < best_worst
        best[:, better], best_worst[better] = x[:, better], worst[better]
        if step == steps or np.any(best_worst <= 0.0) or deadline.passed:
            break
        slope = model.gradient(before, C)
        if D is not None:
            slope = slope + D
        x = np.clip(x - dtype(2.0 * rate) * half * np.nan_to_num(np.sign(slope)), low, high)
        rate *= decay
    points = np.ascontiguousarray(best.T, dtype=np.float64)
    # the ends of an interval may have been rounded outwards
    low_ends, high_ends = (
        np.array([getattr(problem.regions[r], side) for r in region]) for side in ("inner_lower", "inner_upper")
    )
    return np.clip(points, low_ends, high_ends), best_worst


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
    problem: Problem,
    model: Model,
    *,
    restarts: int,
    steps: int,
    rng: np.random.Generator,
    near: Sequence[Array] = (),
    deadline: Deadline = NEVER,
) -> tuple[Array, Index]:
    """Points that violate a case in the model's precision, most violating first.

    Args:
        problem: the problem.
        model: its network on columns.
        restarts: starts in all, shared out over the cases (at least one each, in batches).
        steps: steps of each.
        rng: draws the starts.
        near: inputs that were counterexamples once; small steps from there come first.
        deadline: when to stop.

    Returns:
        points: (P, inputs); empty when none was found.
        region: (P,) where each lies.
    """
    old = np.array(near, np.float64).reshape(-1, problem.network.inputs)
    every = np.arange(len(problem.cases))
    batches = [every[at : at + max(1, restarts)] for at in range(0, len(every), max(1, restarts))]

    def rounds() -> Iterator[tuple[Index, Array, float]]:
        if len(old):
            for cases in batches:
                yield np.repeat(cases, len(old)), np.tile(old, (len(cases), 1)), NEAR
        for cases in batches:
            case = np.resize(cases, max(len(cases), restarts))
            yield case, starts(problem, case, rng), FAR

    for case, start, rate in rounds():
        if deadline.passed:
            break
        points, worst = descend(problem, model, case, start, steps=steps, rate=rate, deadline=deadline)
        found = np.flatnonzero(worst <= 0.0)
        if len(found):
            found = found[np.argsort(worst[found])]
            return points[found], np.array([problem.cases[c].region for c in case[found]])
    return np.zeros((0, problem.network.inputs)), np.zeros(0, np.int64)

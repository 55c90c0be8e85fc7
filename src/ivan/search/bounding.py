"""Which intermediate bounds pay for themselves when inputs are split: backward or forward ones.

Backward bounds are tighter, so that fewer boxes are needed; forward bounds cost a sweep, so that a box is cheap. A box
of d inputs whose bounds are g times as loose must shrink about g^(1/p) times along every axis to be proved, where p is
the order at which bounds converge - between 1 and 2 - so it becomes g^(d/p) boxes. Both are measured on boxes of the
size that a search works with.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.backward import bound_outputs
from ivan.bounds.domains import Domains
from ivan.bounds.enclosure import Enclosure, enclose
from ivan.bounds.forward import Forward, affordable
from ivan.bounds.objective import Rows
from ivan.deadline import Deadline
from ivan.problem import Problem

Array = NDArray[np.float64]

MOST_BOXES, SCALE = 8, 0.25
"""Boxes that are tried at most, and their width as a share of the region's."""

NOTICEABLE = 0.002
"""Seconds that backward bounds of a box must take for a choice to be worth its time."""

FASTER = 16.0
"""How many times cheaper forward bounds must be to be considered."""

TRIAL, AFFORDABLE = 0.15, 0.5
"""Seconds of backward passes that are tried, and that a single one may take; beyond that, cheaper bounds are taken."""

ORDER = 1.5
"""Order of convergence that is assumed."""


def forward_pays(problem: Problem, forward: Forward, deadline: Deadline) -> bool:
    """Whether a search over inputs does better on forward bounds.

    Args:
        problem: the problem.
        forward: forward bounds of its network.
        deadline: checked between sweeps.

    Raises:
        OutOfTime: the deadline passed.
    """
    network = problem.network
    if not problem.rows_of_case.any():
        return False
    wide = max(problem.regions, key=lambda region: len(region.free))
    if not affordable(network, len(wide.free)):
        return False
    random, width = np.random.default_rng(0), (wide.upper - wide.lower) * SCALE
    lower = wide.lower + random.random((MOST_BOXES, network.inputs)) * (wide.upper - wide.lower - width)
    boxes = Domains.boxes(lower, np.minimum(lower + width, wide.upper), len(network.layers))
    dear = _seconds(lambda: enclose(network, boxes.take(np.arange(1)), deadline=deadline))
    if dear < NOTICEABLE:
        return False
    count = int(np.clip(TRIAL / dear, 1, MOST_BOXES))
    boxes = boxes.take(np.arange(count))
    # an interval sweep is three products through each map, a forward one two per column and one more
    sweep = _seconds(lambda: enclose(network, boxes, refresh=False, deadline=deadline)) / count
    if dear < FASTER * sweep * (2 * len(wide.free) + 3) / 3:
        return False
    quick = forward.enclose(boxes, deadline)
    cheap = _seconds(lambda: forward.enclose(boxes, deadline)) / count
    if dear < FASTER * cheap:
        return False
    if dear > AFFORDABLE:
        return True
    began = time.monotonic()
    tight = enclose(network, boxes, deadline=deadline)
    dear = (time.monotonic() - began) / count  # a single box pays for the interpreter as well
    with np.errstate(invalid="ignore"):  # both may be infinite, and NaN decides for tight bounds
        looseness = np.log(_gap(problem, quick)) - np.log(_gap(problem, tight))
    return bool(np.median(looseness) * len(wide.free) / ORDER < np.log(dear / cheap))


def _seconds(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def _gap(problem: Problem, enclosure: Enclosure) -> Array:
    """(B,): how far the bound of the problem's first row lies below its value in the middle of each box."""
    boxes = np.arange(len(enclosure))
    bound = bound_outputs(enclosure, boxes, Rows(problem).single(np.zeros_like(boxes))).bound
    first = int(np.flatnonzero(problem.rows_of_case)[0])
    middle = problem.margins(first, 0.5 * (enclosure.lower + enclosure.upper))[:, 0]
    return np.maximum(middle - bound, np.finfo(np.float64).tiny)

"""Which intermediate bounds pay for themselves when inputs are split: backward or forward ones.

Backward bounds are tighter, so that fewer boxes are needed; forward bounds cost a sweep, so that a box is cheap. A box
of d inputs whose bounds are g times as loose must shrink about g^(1/p) times along every axis to be proved, where p is
the order at which bounds converge - between 1 and 2 - so it becomes g^(d/p) boxes. Both are measured on boxes of the
size that a search works with.
"""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.backward import bound_outputs, bound_units
from ivan.bounds.domains import Domains
from ivan.bounds.enclosure import Enclosure, enclose
from ivan.bounds.forward import Forward
from ivan.bounds.objective import Rows
from ivan.deadline import Deadline
from ivan.problem import Problem

Array = NDArray[np.float64]

BOXES, SCALE = 8, 0.25
"""Boxes that are tried, and their width as a share of the region's."""

FASTER = 16.0
"""How many times cheaper forward bounds must be for the comparison to be worth its time."""

AFFORDABLE = 0.5
"""Seconds that the comparison may take; where it cannot be made in that, the cheaper bounds are taken."""

ORDER = 1.5
"""Order of convergence that is assumed."""

SAMPLE_ROWS = 64


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
    random, width = np.random.default_rng(0), (wide.upper - wide.lower) * SCALE
    lower = wide.lower + random.random((BOXES, network.inputs)) * (wide.upper - wide.lower - width)
    boxes = Domains.boxes(lower, np.minimum(lower + width, wide.upper), len(network.layers))
    forward.enclose(boxes, deadline)
    began = time.monotonic()
    quick = forward.enclose(boxes, deadline)
    cheap = (time.monotonic() - began) / BOXES
    dear = _backward_seconds(quick, deadline) / BOXES
    if dear < FASTER * cheap:
        return False
    count = min(BOXES, int(AFFORDABLE / dear))
    if not count:
        return True
    tight = enclose(network, boxes.take(np.arange(count)), deadline=deadline)
    looseness = _gap(problem, quick)[:count] / _gap(problem, tight)
    return bool(np.median(looseness) ** (len(wide.free) / ORDER) < dear / cheap)


def _backward_seconds(enclosure: Enclosure, deadline: Deadline) -> float:
    """Seconds that backward bounds of all unstable units would take, from those of some."""
    network, seconds = enclosure.network, 0.0
    for k, layer in enumerate(network.layers):
        owner, unit = np.nonzero(enclosure.unstable[k])
        if not len(owner) or all(source == 0 for source, _ in layer.affine.terms):
            continue
        step = -(-len(owner) // SAMPLE_ROWS)
        began = time.monotonic()
        bound_units(enclosure, layer.affine, k, owner[::step], unit[::step], deadline)
        seconds += (time.monotonic() - began) * len(owner) / len(owner[::step])
    return seconds


def _gap(problem: Problem, enclosure: Enclosure) -> Array:
    """(B,): how far the bound of the problem's first row lies below its value in the middle of each box."""
    boxes = np.arange(len(enclosure))
    bound = bound_outputs(enclosure, boxes, Rows(problem).single(np.zeros_like(boxes))).bound
    first = int(np.flatnonzero(problem.rows_of_case)[0])
    middle = problem.margins(first, 0.5 * (enclosure.lower + enclosure.upper))[:, 0]
    return np.maximum(middle - bound, np.finfo(np.float64).tiny)

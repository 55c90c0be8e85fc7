"""In which form a question about two networks of one architecture is searched: side by side, or tied to one another.

What both have in common cancels where the second is carried as differences (network/carry.py). Side by side a box is
cheaper, and bounds are as close where the networks differ much. Both are tried on boxes of the size that a search works
with; a box whose bounds are g times as loose must shrink g^(1/p) times along every axis to be proved (bounding.py). No
clock is asked: the form decides what a proof is stored under.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.backward import bound_outputs
from ivan.bounds.domains import Domains
from ivan.bounds.enclosure import enclose
from ivan.bounds.objective import Rows
from ivan.deadline import NEVER, Deadline
from ivan.problem import Problem
from ivan.search.bounding import ORDER, SCALE

Array = NDArray[np.float64]

BOXES, NUMBERS = 8, 100_000
"""Boxes that are tried at most, and values of all layers in them."""

PRICE = 5.0
"""How much dearer a box is where the second network is carried: three operands for every ReLU (measured on ACAS Xu)."""


MOST_LINKED, UNITS_PER_INPUT = 150, 16
"""Units of both runs up to which they are tied to one another: in all, and for every input that varies but one."""


def carrying_pays(beside: Problem, carried: Problem, deadline: Deadline = NEVER) -> bool:
    """Whether a search does better with the second network as differences.

    Args:
        beside: both networks side by side.
        carried: the same question, the second as differences.
        deadline: checked between sweeps.

    Raises:
        OutOfTime: the deadline passed.
    """
    if not beside.rows_of_case.any():
        return False
    wide = max(beside.regions, key=lambda region: len(region.free))
    count = int(np.clip(carried.network.fitting(NUMBERS), 1, BOXES))
    random, width = np.random.default_rng(0), (wide.upper - wide.lower) * SCALE
    lower = wide.lower + random.random((count, beside.network.inputs)) * (wide.upper - wide.lower - width)
    upper = np.minimum(lower + width, wide.upper)
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = np.log(_gaps(beside, lower, upper, deadline)) - np.log(_gaps(carried, lower, upper, deadline))
    axes = max(1, len(wide.free))
    return bool(np.median(np.nan_to_num(gain)) * axes / ORDER > np.log(PRICE))


def linking_pays(linked: Problem) -> bool:
    """Whether a search does better with two runs of one network tied to one another, by linear programs.

    Tied, units are split one by one; side by side, mostly the inputs of both runs, which takes the longer the more of
    them vary. Which of the two is over sooner was measured on small random and trained networks (docs/performance.md).

    Args:
        linked: the question in that form.
    """
    free = max((len(region.free) for region in linked.regions), default=0)
    units = sum(layer.size for layer in linked.network.layers if layer.activation.sloped)
    return units <= min(MOST_LINKED, UNITS_PER_INPUT * (free - 1))


def _gaps(problem: Problem, lower: Array, upper: Array, deadline: Deadline) -> Array:
    """(B,) how far the bounds of the first case's rows lie below their values in the middle of each box, at most."""
    enclosure = enclose(problem.network, Domains.boxes(lower, upper, len(problem.network.layers)), deadline=deadline)
    rows = Rows(problem)
    first = int(np.flatnonzero(problem.rows_of_case)[0])
    count, boxes = int(problem.rows_of_case[first]), len(lower)
    owner, row = np.repeat(np.arange(boxes), count), np.tile(rows.first[first] + np.arange(count), boxes)
    bound = bound_outputs(enclosure, owner, rows.single(row), deadline=deadline).bound.reshape(boxes, count)
    gap: Array = (problem.margins(first, 0.5 * (lower + upper)) - bound).max(axis=1)
    return np.maximum(gap, np.finfo(np.float64).tiny)

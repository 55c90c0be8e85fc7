"""How far the outputs of two versions of a model differ on the regions that a property speaks about."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ivan.attack.difference import seen
from ivan.bounds.limits import check_limits
from ivan.errors import PropertyError
from ivan.network.joint import Joint, join
from ivan.network.model import Model
from ivan.network.reference import Runtime, self_check
from ivan.problem import build_problem
from ivan.search.differences import bound
from ivan.vnnlib import Query

Array = NDArray[np.float64]

SAMPLES = 1000
"""Points at which the versions are compared."""

FEW_INPUTS, MOST_BOXES, EFFORT = 20, 512, 2e8
"""Regions are cut where no more inputs than this vary; into so many boxes, or fewer where bounding one takes long: its
time grows with the square of the number of units."""


@dataclass(frozen=True)
class OutputDifference:
    """Later minus earlier outputs over R regions with m outputs; all bounds are rigorous.

    Attributes:
        related: whether the versions are of one architecture; otherwise nothing but their outputs is compared.
        lower: (R, m) lower bounds.
        upper: (R, m) upper bounds.
        separate_lower: (R, m) what bounds on either version by itself say of whole regions.
        separate_upper: (R, m).
        seen_least: (m,) the least difference that was seen at some point of a region.
        seen_most: (m,) the greatest.
        boxes: how many boxes the bounds rest on.
    """

    related: bool
    lower: Array
    upper: Array
    separate_lower: Array
    separate_upper: Array
    seen_least: Array
    seen_most: Array
    boxes: int


def output_difference(
    earlier: Model, later: Model, query: Query, boxes: int | None = None, seed: int = 0
) -> OutputDifference:
    """Bounds on how far the outputs can differ, and how far they were seen to.

    Args:
        earlier: one version.
        later: the other.
        query: its regions of inputs are what counts; what it says of outputs is ignored.
        boxes: how many to cut the regions into at most; None chooses.
        seed: of everything random.

    Raises:
        MismatchError: the property does not fit one of them.
        PropertyError: it has no region, or one on which a model may do what its network does not.
        ModelError: a model is not what onnxruntime computes.
    """
    problems = [build_problem(query, model.network) for model in (earlier, later)]
    # regions are rounded outwards to the model's precision: those of the coarser one contain those of the other
    coarser = max(problems, key=lambda problem: np.finfo(problem.network.precision).eps)
    if not coarser.regions:
        raise PropertyError(
            "no input satisfies this property's conditions", path=query.path, hint="its input bounds contradict"
        )
    lower = np.array([region.lower for region in coarser.regions])
    upper = np.array([region.upper for region in coarser.regions])
    rng = np.random.default_rng(seed)
    for model in (earlier, later):
        check_limits(model, lower, upper, query.path)
        self_check(model.network, Runtime(model.data, name=model.path), lower[0], upper[0], rng)
    joint = join(earlier.network, later.network)
    least, most = seen(joint, lower, upper, max(SAMPLES, len(lower)), rng)
    apart = bound(joint, lower, upper, (least, most), _affordable(joint, lower, upper) if boxes is None else boxes)
    return OutputDifference(
        joint.difference is not None,
        apart.lower,
        apart.upper,
        apart.separate_lower,
        apart.separate_upper,
        least,
        most,
        apart.boxes,
    )


def _affordable(joint: Joint, lower: Array, upper: Array) -> int:
    """How many boxes take a few seconds at most; one, where cutting does not pay."""
    if (lower < upper).any(axis=0).sum() > FEW_INPUTS:
        return 1
    units = sum(layer.size for layer in joint.network.layers)
    return int(np.clip(EFFORT / max(units, 1) ** 2, 1, MOST_BOXES))

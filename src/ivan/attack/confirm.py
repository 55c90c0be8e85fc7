"""The only place that decides that a witness is real.

A candidate is rounded to what every input can be and clipped into the region, onnxruntime computes the outputs in the
model's own arithmetic, and then zero tolerance: some case's rows must hold in exact rational arithmetic, and the whole
formula must hold as VNN-COMP's checker evaluates it (in floats, input bounds rounded to the model's precision).

A query that declares real numbers asks about exact arithmetic, of which the deployed model is only a witness: a
violation there that rigorous bounds at that very point refute was made by rounding, and is none.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ivan.arrangement import asks_exactly
from ivan.bounds.point import excluded_at
from ivan.problem import Problem
from ivan.proof import Witness

Array = NDArray[np.float64]
Run = Callable[[Array], Array]
"""The deployed model, or models: the network's inputs (n,) -> the query's outputs (m,), in its own arithmetic."""


def confirm(problem: Problem, run: Run, x: Array, region: int | None = None) -> Witness | None:
    """The witness at x, or None when there is none.

    Args:
        problem: the problem.
        run: the deployed model.
        x: (n,) a candidate.
        region: the region it was found in; None tries every region that it lies in after rounding.
    """
    precision = np.dtype(problem.network.precision)
    exactly = asks_exactly(problem.query)
    for index in range(len(problem.regions)) if region is None else (region,):
        box = problem.regions[index]
        rounded = problem.network.rounded(x)
        inside = np.clip(rounded, box.inner_lower, box.inner_upper)
        if region is None and not np.array_equal(inside, rounded):
            continue
        outputs = run(inside)
        if not np.all(np.isfinite(outputs)):
            continue
        exact_x = [Fraction(float(v)) for v in inside]
        exact_y = problem.outputs_of(exact_x, [Fraction(float(v)) for v in outputs])
        if not any(problem.cases[case].violated(exact_x, exact_y) for case in problem.cases_of[index]):
            continue
        floats_x, floats_y = [float(v) for v in inside[problem.place]], [float(v) for v in outputs]
        if not problem.query.violated_in_floats(floats_x, floats_y, lambda v: float(precision.type(v))):
            continue
        if exactly and excluded_at(problem, index, inside):
            continue
        return Witness(inside, outputs, precision.name)
    return None

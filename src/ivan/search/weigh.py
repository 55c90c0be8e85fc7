"""Row weights lambda from linear forms: which combination of a conjunction's rows cannot hold.

Every row i of an open case has a linear lower bound a_i x + c_i over the box. The rows cannot hold together where max
over lambda in the simplex of  min over x in the box of  sum_i lambda_i (a_i x + c_i)  is positive. A few steps of
multiplicative weights on the forms themselves - tiny matrices, no pass through the network - give a good lambda, which
one backward pass of the combined row then puts to use.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

STEPS = 12
NEGLIGIBLE = 1e-6


def weigh(slopes: Array, constant: Array, present: NDArray[np.bool_], lower: Array, upper: Array) -> Array:
    """Weights for P pairs of up to r rows each.

    Args:
        slopes: (P, r, inputs) linear forms, 0 where a row is not there.
        constant: (P, r).
        present: (P, r) False behind a case's last row.
        lower: (P, inputs) the boxes.
        upper: (P, inputs).

    Returns:
        (P, r) the best lambda met; entries too small to matter are 0.
    """
    centre, radius = 0.5 * (lower + upper), 0.5 * (upper - lower)
    weights = present / np.maximum(present.sum(axis=1, keepdims=True), 1)
    best, best_value = weights, np.full(len(weights), -np.inf)
    middle = np.einsum("pri,pi->pr", slopes, centre) + constant
    spread = np.abs(slopes) @ radius[:, :, None]
    scale = np.maximum(spread[:, :, 0].max(axis=1, initial=0.0), 1e-30)[:, None]
    rate = 1.0
    for _ in range(STEPS):
        combined = np.einsum("pr,pri->pi", weights, slopes)
        value = np.einsum("pr,pr->p", weights, middle) - np.einsum("pi,pi->p", np.abs(combined), radius)
        better = value > best_value
        best, best_value = np.where(better[:, None], weights, best), np.where(better, value, best_value)
        corner = -np.sign(combined) * radius
        rows = middle + np.einsum("pri,pi->pr", slopes, corner)
        with np.errstate(over="ignore"):  # far enough
            step = np.clip(rate * rows / scale, -20.0, 20.0)
        step -= np.where(present, step, -np.inf).max(axis=1, keepdims=True)
        weights = np.where(present, weights * np.exp(step), 0.0)
        weights = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-300)
        rate *= 0.9
    return np.where(best > NEGLIGIBLE, best, 0.0)

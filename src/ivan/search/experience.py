"""What split decisions brought in an earlier proof, as advice for a new search (H_Delta).

    H_Delta(n, r) = alpha H(n, r) + (1 - alpha) (observed(r) - theta)        where observed(r) < theta
                    H(n, r)                                                  elsewhere

H is the score of decision r at node n, relative to the best one there; observed(r) is the mean improvement that r
brought, relative to the root's bound. A decision that brought less than theta goes behind the others but stays
choosable: its score is never 0.

Source: Ugare, Banerjee, Misailovic & Singh, PLDI 2023, section 4.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Index = NDArray[np.int64]

LEAST = 1e-9
"""Scale of the scores that would be negative."""


@dataclass(frozen=True)
class Experience:
    """Mean improvements of split decisions.

    Attributes:
        axes: (inputs,) of input splits; NaN for an axis that was never split.
        units: per layer, (n_k,) of unit splits.
        alpha: weight of the score at hand.
        theta: improvement below which a decision is weak.
    """

    axes: Array
    units: tuple[Array, ...]
    alpha: float
    theta: float

    def of_axes(self, scores: Array) -> Array:
        """Scores (B, inputs), revised; what was 0 stays 0."""
        return self._revised(scores, self.axes, scores.max(axis=1, initial=0.0))

    def of_units(self, scores: Sequence[Array], units: Sequence[Index]) -> list[Array]:
        """Scores per layer (R, v_k) of some units (v_k,), revised; what was 0 stays 0."""
        best = np.max([table.max(axis=1, initial=0.0) for table in scores], axis=0)
        return [
            self._revised(table, observed[mine], best)
            for table, observed, mine in zip(scores, self.units, units, strict=True)
        ]

    def _revised(self, scores: Array, observed: Array, best: Array) -> Array:
        with np.errstate(invalid="ignore", divide="ignore"):
            relative = np.nan_to_num(scores / best[:, None])
            value = self.alpha * relative + (1.0 - self.alpha) * (observed - self.theta)
            weak = observed < self.theta  # NaN is not
            value = np.where(value > LEAST, value, LEAST * np.exp(np.minimum(value - LEAST, 0.0)))
        return np.where(weak & (scores > 0.0), value * best[:, None], scores)

    def take(self, keep: Sequence[Index]) -> Experience:
        """For a network with only these units of every layer."""
        return replace(self, units=tuple(mine[units] for mine, units in zip(self.units, keep, strict=True)))

"""Scores for units: how much the bound would gain without the unit's relaxation (BaBSR, simplified).

With coefficient a_j arriving at h_j, the chord costs -a_j s_j l_j where a_j < 0; where a_j > 0 the lower line alpha z
costs at most a_j max(alpha (-l), (1 - alpha) u) somewhere on the interval. The first is lost for certain at a corner
of the triangle, the second only at the far end, so it counts less.

Source: Bunel et al., JMLR 2020 (BaBSR).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.enclosure import Enclosure

Array = NDArray[np.float64]
Index = NDArray[np.int64]

LOWER_LINE = 0.3
"""Weight of the lower line's loss relative to the chord's (measured)."""


def scores(enclosure: Enclosure, owner: Index, kept: list[Array | None], slopes: list[Array]) -> list[Array]:
    """Per layer (B, n_k) scores; 0 where a unit is stable.

    Args:
        enclosure: B domains.
        owner: (R,) domain of each open row.
        kept: per layer, (R, n_k) coefficients that arrive at h_k, or None.
        slopes: per layer, (R, n_k) lower slopes in use.
    """
    result = []
    for k, mask in enumerate(enclosure.unstable):
        score = np.zeros(mask.shape)
        a = kept[k]
        if a is not None and mask.any():
            low, high = (side[owner] for side in enclosure.intervals[k])
            chord = enclosure.lines[k].upper_intercept[owner]
            alpha = slopes[k]
            loss = np.maximum(-a, 0.0) * chord
            loss += LOWER_LINE * np.maximum(a, 0.0) * np.maximum(alpha * -low, (1.0 - alpha) * high)
            np.add.at(score, owner, np.nan_to_num(loss, nan=0.0, posinf=0.0))
            # a unit that no open row reads can still make the domain smaller
            score = np.where(mask, score + 1e-300, 0.0)
        elif mask.any():
            score = np.where(mask, 1e-300, 0.0)
        result.append(score)
    return result

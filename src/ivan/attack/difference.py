"""How far two networks are seen to be apart: points of the regions, and from the best of them on along the gradient.

What is seen anywhere is a lower bound on how far they can be apart, so this needs no rigour; values are computed in
float64, gradients on columns in float32.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.columns import Model
from ivan.network.joint import Joint

Array = NDArray[np.float64]

AT_ONCE = 256
"""Points that are computed together."""

STEPS, FIRST, DECAY = 12, 0.1, 0.7
"""Gradient steps, the first as a share of each input's width, and the factor from step to step."""


def seen(joint: Joint, lower: Array, upper: Array, count: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Least and greatest differences of the outputs, second minus first, that were seen: (m,) each.

    Args:
        joint: the two networks.
        lower: (R, inputs) the regions.
        upper: (R, inputs).
        count: how many points are drawn; a third of them are corners.
        rng: draws them.
    """
    m = joint.outputs
    region = np.arange(count) % len(lower)
    share = rng.random((count, lower.shape[1]))
    share = np.where(rng.random((count, 1)) < 1 / 3, np.round(share), share)
    low, high = lower[region], upper[region]
    x = np.clip(low + share * (high - low), low, high)
    apart = np.concatenate([_apart(joint, x[at : at + AT_ONCE]) for at in range(0, count, AT_ONCE)])
    least, most = apart.min(axis=0), apart.max(axis=0)
    # a row for either end of every output, from where it was seen
    best = np.concatenate([apart.argmax(axis=0), apart.argmin(axis=0)])
    x, low, high = x[best], low[best], high[best]
    model, sign = Model(joint.network), np.eye(m, dtype=np.float32)
    towards = np.block([[-sign, sign], [sign, -sign]])
    step = FIRST
    for _ in range(STEPS):
        with np.errstate(over="ignore", invalid="ignore"):
            before, _ = model.forward(np.ascontiguousarray(x.T, model.dtype))
            direction = np.nan_to_num(np.sign(model.gradient(before, towards).T))
        x = np.clip(x + step * (high - low) * direction, low, high)
        apart = _apart(joint, x)
        least, most = np.minimum(least, apart.min(axis=0)), np.maximum(most, apart.max(axis=0))
        step *= DECAY
    return least, most


def _apart(joint: Joint, x: Array) -> Array:
    y = joint.network(x)
    return np.asarray(y[:, joint.outputs :] - y[:, : joint.outputs])

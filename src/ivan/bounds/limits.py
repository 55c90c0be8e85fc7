"""Do the numbers that a reading takes for granted stay within their limits, all over some boxes?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.domains import Domains
from ivan.bounds.enclosure import enclose
from ivan.network.affine import Affine
from ivan.network.layers import Network
from ivan.network.limits import Limit

Array = NDArray[np.float64]


def left(network: Network, limits: Sequence[Limit], lower: Array, upper: Array) -> tuple[Limit, float, float] | None:
    """The first limit that is not proved to hold, with the bounds of its numbers; None where all hold.

    Args:
        network: the network.
        limits: over its layers.
        lower: (B, inputs) lower ends of the boxes, perhaps infinite.
        upper: (B, inputs) upper ends.
    """
    if not limits or not len(lower):
        return None
    network = replace(network, output=Affine.concatenated([limit.affine for limit in limits]))
    low, high = enclose(network, Domains.boxes(lower, upper, len(network.layers))).outputs
    start = 0
    for limit in limits:
        part = slice(start, start + limit.affine.size)
        least, most = float(low[:, part].min()), float(high[:, part].max())
        if not (limit.lower <= least and most <= limit.upper):  # this way round, a NaN fails
            return limit, least, most
        start = part.stop
    return None

"""Do the numbers that a reading takes for granted stay within their limits, all over some boxes?"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.domains import Domains
from ivan.bounds.enclosure import enclose
from ivan.errors import PropertyError
from ivan.network.affine import Affine
from ivan.network.limits import Limit

if TYPE_CHECKING:
    from ivan.network.model import Model

Array = NDArray[np.float64]


def check_limits(model: Model, lower: Array, upper: Array, asked: str, arithmetic: float = 0.0) -> None:
    """Raises where a model may do in a query's boxes what its network does not.

    Args:
        model: as it was read.
        lower: (B, inputs) lower ends of the boxes, perhaps infinite.
        upper: (B, inputs) upper ends.
        asked: the query's file, for messages.
        arithmetic: unit roundoff of the arithmetic that the query speaks of.

    Raises:
        PropertyError: a limit is not proved to hold; names the node.
    """
    if (found := left(model, lower, upper, arithmetic)) is not None:
        limit, least, most = found
        raise PropertyError(
            f"{model.path}: {limit.place} {limit.otherwise}: its numbers may be {least:.7g} to {most:.7g} here",
            path=asked,
            hint="ask about smaller boxes of inputs",
        )


def left(model: Model, lower: Array, upper: Array, arithmetic: float = 0.0) -> tuple[Limit, float, float] | None:
    """The first limit that is not proved to hold, with bounds of its numbers; None where all hold."""
    limits = [limit for limit in model.limits if arithmetic or not limit.rounding]
    if not limits or not len(lower):
        return None
    output = Affine.concatenated([limit.affine for limit in limits])
    network = replace(model.network, output=output, arithmetic=arithmetic)
    low, high = enclose(network, Domains.boxes(lower, upper, len(network.layers))).outputs
    start = 0
    for limit in limits:
        part = slice(start, start + limit.affine.size)
        least, most = float(low[:, part].min()), float(high[:, part].max())
        if not (limit.lower <= least and most <= limit.upper):  # this way round, a NaN fails
            return limit, least, most
        start = part.stop
    return None

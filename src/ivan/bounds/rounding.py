"""What rounding can take from a linear form on its way through one affine map: ours, and a runtime's.

See rigorous.py for the argument.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.rigorous import gamma
from ivan.network.affine import Affine
from ivan.network.element_types import float_type
from ivan.network.layers import Network

Array = NDArray[np.float64]


def consumers(network: Network) -> int:
    """Most affine maps that read one source: how many products are added into one coefficient at most."""
    return most_readers([*(layer.affine for layer in network.layers), network.output])


def most_readers(maps: Iterable[Affine]) -> int:
    """Most of the maps that read one source."""
    counts: dict[int, int] = {}
    for affine in maps:
        for source, _ in affine.terms:
            counts[source] = counts.get(source, 0) + 1
    return max(counts.values(), default=0)


def rounding_of(affine: Affine, reach: Sequence[Array], fan_out: int, arithmetic: float = 0.0) -> Array:
    """(B, size): what a unit of |coefficient| behind the map can lose by rounding on its way through it.

    Args:
        affine: the map.
        reach: per source, (B, n) max |h|.
        fan_out: most maps that read one source, see `consumers`.
        arithmetic: unit roundoff of the arithmetic that the bounds speak of; 0 for the real numbers'.
    """
    total, terms = np.zeros((len(reach[0]), affine.size)), 0
    with np.errstate(over="ignore", invalid="ignore"):
        for source, linear in affine.terms:
            total += linear.absolute().apply(reach[source])
            terms = max(terms, linear.terms)
    return rounding_from(affine, total, terms, reach, fan_out, arithmetic)


def rounding_from(
    affine: Affine, total: Array, terms: int, reach: Sequence[Array], fan_out: int, arithmetic: float = 0.0
) -> Array:
    """The same where `total`, the sum over sources of |L| reach, is known: (B, size)."""
    # a coefficient is a sum of `terms` products per map, and of one such sum per consumer of its source;
    # the constant gains a dot product over all units
    through = gamma(terms + len(affine.terms) + fan_out + 2) * (1.0 + 2.0 * gamma(terms))
    at_once = gamma(affine.size + 4) * np.abs(affine.constant) + 1.01 * affine.constant_error
    with np.errstate(over="ignore"):
        if arithmetic:
            return through * total + at_once + deployed(affine, total, terms, reach, arithmetic)
        return through * total + at_once


def deployed(
    affine: Affine, total: Array, terms: int, reach: Sequence[Array] | Mapping[int, Array], arithmetic: float
) -> Array:
    """(B, size): how far the map's numbers may be from exact where a model computes them, in whatever order it sums.

    Infinite where one of them, or what it is summed up from, may be beyond the largest number of the type.

    Args:
        affine: the map.
        total: (B, size) sum over sources of |L| reach.
        terms: most products that are summed into one number.
        reach: per source, (B, n) max |h|.
        arithmetic: unit roundoff.
    """
    # a few more, for scales that a runtime works out itself (of a normalisation, say)
    steps = (terms + affine.width + len(affine.constants) + 8) * arithmetic
    share = steps / (1.0 - steps) if steps < 0.5 else np.inf
    size, kind = total + affine.constant_reach, float_type(arithmetic)
    between = np.full(len(total), affine.constant_gain)  # what compositions of maps add up to between them
    for source, gain in affine.gains:
        if gain:
            between += gain * reach[source].max(axis=1)
    largest = float(kind.max) / (1.01 * (1.0 + share))
    fits = (size < largest) & (between < largest)[:, None]  # this way round, a NaN does not
    lost = 1.01 * share * size + 1.01 * float(kind.tiny) * affine.losses
    # of zeros nothing is lost, and what is only moved is not rounded
    return np.where(affine.moved, 0.0, np.where(fits, np.where(size == 0.0, 0.0, lost), np.inf))

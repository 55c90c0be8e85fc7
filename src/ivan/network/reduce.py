"""A network without the units that are zero on the region at hand.

Where a unit's pre-activation is proved to be at most zero all over a region, its ReLU passes nothing on, and the
network without it computes the same there. On small regions that leaves a fraction of the units (a quarter on MNIST),
and every sweep over the rest is several times cheaper. Maps keep the file's numbers; restricting one rounds nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ivan.network.affine import Affine
from ivan.network.layers import Network
from ivan.network.linear import Dense, LinearMap, Selection, Sparse, compose

Index = NDArray[np.int64]

MOST_ENTRIES = 1 << 20
"""Entries up to which a restricted map may be written out as a matrix (8 MB)."""

Cost = Callable[[LinearMap], float]
"""How long a map takes, in any unit: decides between forms of a restricted map."""


def reduced(network: Network, keep: Sequence[Index], cost: Cost) -> Network:
    """The network with some units of each layer.

    Args:
        network: the network.
        keep: per layer, the units that stay, ascending; all others must be zero on every input that is asked about.
        cost: tells which form of a map is the cheapest.
    """
    embeddings = {0: Selection.identity_of(network.inputs)}
    for k, (layer, units) in enumerate(zip(network.layers, keep, strict=True)):
        place = np.full(layer.size, -1)
        place[units] = np.arange(len(units))
        embeddings[k + 1] = Selection(place, len(units))

    def within(affine: Affine, rows: Index | None) -> Affine:
        chosen = affine if rows is None else affine.then(Selection(rows, affine.size))
        terms = {source: _cheapest(compose(linear, embeddings[source]), cost) for source, linear in chosen.terms}
        return Affine(chosen.size, {s: m for s, m in terms.items() if not m.zero}, chosen.constants)

    layers = tuple(
        replace(layer, affine=within(layer.affine, units)) for layer, units in zip(network.layers, keep, strict=True)
    )
    return replace(network, layers=layers, output=within(network.output, None))


def _cheapest(linear: LinearMap, cost: Cost) -> LinearMap:
    """The map itself, or as a matrix, dense or sparse, where that is cheaper.

    Writing out a composition rounds. An entry that is a sum without cancellation - one that the map's absolute value
    shows to be no smaller than what went into it - keeps a small relative error, which the matrix carries along; a map
    with an entry that does cancel is left as it stands.
    """
    if isinstance(linear, Dense | Selection) or linear.rows * linear.columns > MOST_ENTRIES:
        return linear
    matrix = linear.to_sparse()
    lost = linear.absolute().to_sparse() - abs(matrix) * (1.0 + 1e-9)
    if lost.nnz and lost.data.max() > 0.0:
        return linear
    # the entries of a single map are the file's, those of a composition are computed
    uncertain = linear.terms if linear.pieces > 1 else getattr(linear, "uncertain", 0)
    forms: list[LinearMap] = [linear, Sparse(matrix, uncertain), Dense(matrix.toarray(), uncertain=uncertain)]
    return min(forms, key=cost)

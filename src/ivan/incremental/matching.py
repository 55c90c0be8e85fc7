"""Which unit of an earlier version each unit of a later one is, where units were removed in between.

Structured pruning takes whole units out of layers and leaves the architecture as it was otherwise. So a layer that kept
its size kept its units, and in one that became smaller each unit is that earlier one which it resembles most: in what
goes into it, and in what comes out of it. Maps of any kind are compared by what they make of random vectors p, since

    E (a p - b p)^2 = |a - b|^2        p normally distributed,

exactly nothing for equal rows a and b. A vector that an earlier version is given has a zero for every unit that was
removed. First the layers are matched one after the other by what goes in, which takes the layers below; then again by
both, which takes the layers above as well.

Pruning keeps the order of what it leaves. The best assignment in order is found by dynamic programming, as of two
sequences, one of them with gaps: best(j, s) = cost(j, j + s) + min over t <= s of best(j - 1, t). One out of order -
nearest pairs first - counts only where it is clearly better.

Nothing rests on any of this: whatever is translated by it (translate.py) is replayed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ivan.network.layers import Network

Array = NDArray[np.float64]
Index = NDArray[np.int64]

PROBES = 32
"""Random vectors: distances come out right up to a quarter or so."""

MOST_PAIRS = 1 << 21
"""Pairs of an earlier and a later unit that are compared in a layer at most."""

CLEARLY = 0.5
"""Part of the cost in order that an assignment out of order may have."""

ALIKE = 0.5
"""Relative distance of the weights beyond which a network is no later version of another."""


@dataclass(frozen=True)
class Matching:
    """Which unit is which.

    Attributes:
        place: per layer (old size,) the new number of every old unit, -1 for those that were removed.
        distance: of the weights, relative to the later version's; about.
    """

    place: tuple[Index, ...]
    distance: float


def match(old: Network, new: Network) -> Matching | None:
    """Finds the units of a later version in an earlier one, of which it has lost some.

    Returns:
        None where it cannot be a later version: some layer is larger, or nothing is alike.
    """
    sizes = [(before.size, after.size) for before, after in zip(old.layers, new.layers, strict=False)]
    if len(old.layers) != len(new.layers) or (old.inputs, old.outputs) != (new.inputs, new.outputs):
        return None
    if any(before < after or (before - after + 1) * after > MOST_PAIRS for before, after in sizes):
        return None
    with np.errstate(over="ignore", invalid="ignore"):  # what is too large to be told apart is no match
        keep, distance = _matched(old, new)
    if not distance <= ALIKE:
        return None
    place = []
    for (before, _), mine in zip(sizes, keep, strict=True):
        table = np.full(before, -1)
        table[mine] = np.arange(len(mine))
        place.append(table)
    return Matching(tuple(place), distance)


def _matched(old: Network, new: Network) -> tuple[list[Index], float]:
    """Per layer the old number of every new unit, and the distance of what is left."""
    keep: list[Index] = [np.arange(new.inputs)]  # with the inputs in front
    signed = _Signatures(old, new)
    for k, (before, after) in enumerate(zip(old.layers, new.layers, strict=True), 1):
        same = before.size == after.size
        keep.append(np.arange(before.size) if same else _assigned(*signed.incoming(k, keep)))
    for k, (before, after) in enumerate(zip(old.layers, new.layers, strict=True), 1):
        if before.size != after.size:
            pairs = zip(signed.incoming(k, keep), signed.outgoing(k, keep), strict=True)
            keep[k] = _assigned(*(np.concatenate(pair, axis=1) for pair in pairs))
    return keep[1:], signed.distance(keep)


class _Signatures:
    """What both networks make of the same random vectors.

    Args:
        old: the earlier version.
        new: the later one.
    """

    def __init__(self, old: Network, new: Network) -> None:
        self._old, self._new = old, new
        rng = np.random.default_rng(0)
        sizes = [new.inputs, *(layer.size for layer in new.layers), new.outputs]
        self._vectors: list[Array] = [rng.standard_normal((PROBES, size)) / np.sqrt(PROBES) for size in sizes]

    def _wide(self, source: int, keep: Sequence[Index]) -> Array:
        """The vectors of a source as the earlier version takes them."""
        vectors = self._vectors[source]
        if source > len(self._old.layers):  # the outputs
            return vectors
        wide = np.zeros((PROBES, self._old.size(source)))
        wide[:, keep[source]] = vectors
        return wide

    def incoming(self, k: int, keep: Sequence[Index]) -> tuple[Array, Array]:
        """(old units, F), (new units, F): of each unit of a layer, or of each output, what goes into it."""
        signatures = []
        for network, vectors in ((self._old, lambda s: self._wide(s, keep)), (self._new, self._vectors.__getitem__)):
            affine = network.output if k > len(network.layers) else network.layers[k - 1].affine
            total = np.zeros((PROBES, affine.size))
            for source, linear in affine.terms:
                total += linear.apply(vectors(source))
            signatures.append(np.concatenate([total, affine.constant[None, :]]).T)
        return signatures[0], signatures[1]

    def outgoing(self, k: int, keep: Sequence[Index]) -> tuple[Array, Array]:
        """(old units, F), (new units, F): of each unit of a layer what comes out of it."""
        signatures = []
        for network, vectors in ((self._old, lambda s: self._wide(s, keep)), (self._new, self._vectors.__getitem__)):
            total = np.zeros((PROBES, network.size(k)))
            affines = [*(layer.affine for layer in network.layers), network.output]
            for reader, affine in enumerate(affines, 1):
                for source, linear in affine.terms:
                    if source == k:
                        total += linear.transpose(vectors(reader))
            signatures.append(total.T)
        return signatures[0], signatures[1]

    def distance(self, keep: Sequence[Index]) -> float:
        """Relative distance of all weights of units that are left."""
        gap = norm = 0.0
        for k in range(1, len(self._new.layers) + 2):
            old, new = self.incoming(k, keep)
            mine = old if k > len(self._new.layers) else old[keep[k]]
            gap, norm = gap + float(np.sum((mine - new) ** 2)), norm + float(np.sum(new**2))
        return float(np.sqrt(gap / norm)) if norm > 0.0 else float(gap > 0.0)


def _assigned(old: Array, new: Array) -> Index:
    """(m,) the old unit that each of the new ones is."""
    ordered, cost = _in_order(old, new)
    if cost == 0.0 or len(old) * len(new) > MOST_PAIRS:
        return ordered
    nearest, least = _nearest_first(old, new)
    return nearest if least < CLEARLY * cost else ordered


def _in_order(old: Array, new: Array) -> tuple[Index, float]:
    """The cheapest assignment that keeps the order, and its cost: squared distances, summed."""
    removed = len(old) - len(new)
    best = np.zeros((len(new) + 1, removed + 1))
    for j, unit in enumerate(new):
        cost = np.sum((old[j : j + removed + 1] - unit) ** 2, axis=1)
        best[j + 1] = cost + np.minimum.accumulate(best[j])
    shift, result = removed, np.zeros(len(new), np.int64)
    for j in range(len(new), 0, -1):
        shift = int(np.argmin(best[j, : shift + 1]))
        result[j - 1] = j - 1 + shift
    return result, float(best[-1].min())


def _nearest_first(old: Array, new: Array) -> tuple[Index, float]:
    """An assignment in any order: those that are each other's nearest, then so among those that are left, and so on."""
    pairs = np.sum(new**2, axis=1)[:, None] + np.sum(old**2, axis=1) - 2.0 * new @ old.T
    result = np.full(len(new), -1)
    if not np.isfinite(pairs).all():
        return result, np.inf
    while (result < 0).any():
        left, right = pairs.argmin(axis=1), pairs.argmin(axis=0)
        mutual = np.flatnonzero((result < 0) & (right[left] == np.arange(len(new))))
        result[mutual] = left[mutual]
        pairs[mutual] = np.inf
        pairs[:, left[mutual]] = np.inf
    return result, float(np.sum((old[result] - new) ** 2))

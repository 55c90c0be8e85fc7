"""Cones: all that some units of a network depend on.

Behind a convolution, a unit depends on a small window of every layer below. Rows that stand near each other share most
of it, so they are taken back through a network that consists of their windows alone, with the same bounds, lines and
rounding errors, and by the same sweep (backward.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from ivan.network.activations import Lines
from ivan.network.affine import Affine
from ivan.network.layers import Network
from ivan.network.linear import LinearMap
from ivan.network.linear.locality import places, restricted, widened

if TYPE_CHECKING:
    from ivan.bounds.enclosure import Enclosure

Array = NDArray[np.float64]
Index = NDArray[np.int64]

TILE = 3
"""Side of the square whose units share a cone."""

WORTH = 0.6
"""Part of the layers below up to which a cone is worth its copies."""


@dataclass(frozen=True, eq=False)
class Cone:
    """What some units of a layer depend on.

    Attributes:
        rows: (R,) the units, ascending.
        network: the windows below them, as many layers as there are below theirs.
        affine: the units, as an expression over these layers.
        units: per source, the input first, which of the whole network's units it has: (n_s,), ascending.
        operands: per layer, which of the whole network's numbers before the activation it has: (m_k,).
    """

    rows: Index
    network: Network
    affine: Affine
    units: tuple[Index, ...]
    operands: tuple[Index, ...]

    @classmethod
    def below(cls, network: Network, affine: Affine, k: int, rows: Index) -> Cone:
        """Of units (R,), ascending, of the pre-activation `affine` of layer k (0-based)."""
        needed: list[list[Index]] = [[] for _ in range(k + 1)]

        def part(whole: Affine, some: Index) -> dict[int, tuple[LinearMap, Index]]:
            found = {source: restricted(linear, some) for source, linear in whole.terms}
            for source, (_, columns) in found.items():
                needed[source].append(columns)
            return found

        top, parts = part(affine, rows), {}
        units: list[Index] = [np.zeros(0, np.int64)] * (k + 1)
        for source in range(k, -1, -1):
            if needed[source]:
                units[source] = np.unique(np.concatenate(needed[source]))
                if source and len(units[source]):
                    parts[source] = part(network.layers[source - 1].affine, network.operands(source, units[source]))

        def fitted(whole: Affine, some: Index, found: dict[int, tuple[LinearMap, Index]]) -> Affine:
            terms = {source: widened(linear, read, units[source]) for source, (linear, read) in found.items()}
            return Affine(len(some), terms, ((None, whole.constant[some]),))

        layers = tuple(
            replace(layer, affine=fitted(layer.affine, network.operands(j, units[j]), parts.get(j, {})))
            for j, layer in enumerate(network.layers[:k], 1)
        )
        small = replace(network, layers=layers, input_shape=(len(units[0]),), output=Affine(0))
        operands = tuple(network.operands(j, units[j]) for j in range(1, k + 1))
        return cls(rows, small, fitted(affine, rows, top), tuple(units), operands)

    @cached_property
    def size(self) -> int:
        """How many units it has, the input's among them."""
        return sum(len(units) for units in self.units)

    def position(self, k: int, units: Index) -> tuple[Index, Index]:
        """Of units of the whole network's layer k (0-based), ascending: where they are here, and which of them are."""
        inside = np.flatnonzero(np.isin(units, self.operands[k], assume_unique=True))
        return np.searchsorted(self.operands[k], units[inside]), inside

    def of(self, enclosure: Enclosure) -> Enclosure:
        """The same domains, with what is known of its units."""
        below = range(len(self.network.layers))
        cut = self.operands
        return replace(
            enclosure,
            network=self.network,
            lower=enclosure.lower[:, self.units[0]],
            upper=enclosure.upper[:, self.units[0]],
            split=tuple(None if (s := enclosure.split[j]) is None else s[:, cut[j]] for j in below),
            unstable=[enclosure.unstable[j][:, cut[j]] for j in below],
            intervals=[(enclosure.intervals[j][0][:, cut[j]], enclosure.intervals[j][1][:, cut[j]]) for j in below],
            lines=[_lines(enclosure.lines[j], cut[j], self.units[j + 1]) for j in below],
            rounding=[enclosure.rounding[j][:, cut[j]] for j in below],
            reach=[enclosure.reach[j][:, self.units[j]] for j in range(len(self.units))],
        )


def _lines(lines: Lines, operands: Index, units: Index) -> Lines:
    lower = lines.lower_intercept
    return Lines(
        lines.lower_slope[:, operands],
        None if lower is None else lower[:, units],
        lines.upper_slope[:, operands],
        lines.upper_intercept[:, units],
    )


Tiles = dict[tuple[int, int], Cone | None]
"""Cones by their tile; None where one is not worth its while."""

_known: WeakKeyDictionary[Network, WeakKeyDictionary[Affine, Tiles]] = WeakKeyDictionary()


def cones(network: Network, affine: Affine, k: int, unit: Index) -> list[tuple[Index, Cone | None]]:
    """Shares units out among cones.

    Args:
        network: the network.
        affine: the pre-activation of its layer k (0-based).
        k: the layer.
        unit: (R,) units of it; they may repeat.

    Returns:
        Positions in `unit`, ascending, and the cone of each part; None for what is better done with all of the network.
    """
    everything: list[tuple[Index, Cone | None]] = [(np.arange(len(unit)), None)]
    terms = [linear for source, linear in affine.terms if source > 0]
    place = places(terms[0], unit) if terms else None
    if place is None or not len(unit):
        return everything
    tile, which = np.unique(place // TILE, axis=0, return_inverse=True)
    which = which.ravel()
    known = _known.setdefault(network, WeakKeyDictionary()).setdefault(affine, {})
    found: list[tuple[Index, Cone | None]] = []
    for label, (y, x) in enumerate(tile.tolist()):
        if (y, x) not in known:
            known[y, x] = _cone(network, affine, k, terms[0], y, x)
        found.append((np.flatnonzero(which == label), known[y, x]))
    whole = [positions for positions, cone in found if cone is None]
    found = [(positions, cone) for positions, cone in found if cone is not None]
    if not found:
        return everything
    if whole:
        found.append((np.sort(np.concatenate(whole)), None))
    return found


def _cone(network: Network, affine: Affine, k: int, linear: LinearMap, y: int, x: int) -> Cone | None:
    place = places(linear, np.arange(affine.size))
    assert place is not None
    rows = np.flatnonzero(np.all(place // TILE == (y, x), axis=1))
    cone = Cone.below(network, affine, k, rows)
    whole = sum(network.size(source) for source in range(k + 1))
    return cone if cone.size <= WORTH * whole else None

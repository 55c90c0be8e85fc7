"""A smaller network for some domains: units that are zero in all of them are left out (network/reduce.py).

What is known of nodes - bounds, slopes, splits - and what is claimed of them is cut down to the units that stay; what a
search claims is numbered back before it becomes part of a proof. Rigorous bounds on the smaller network are rigorous on
the whole one: on these domains the two compute the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.ascent import Parameters
from ivan.bounds.cost import seconds_on_columns
from ivan.bounds.domains import Domains
from ivan.network.activations import Relu
from ivan.network.layers import Network
from ivan.network.reduce import reduced
from ivan.proof import Certificates, Refinements
from ivan.proof.renumber import renumbered_certificates, renumbered_refinements, renumbered_units

Index = NDArray[np.int64]
Units = NDArray[np.int32]

WORTH = 0.8
"""Share of the units that may be left at most for a reduction to be worth it."""


class Reduction:
    """Some units of each layer.

    Args:
        network: the whole network.
        keep: per layer, the units that stay, ascending.

    Attributes:
        network: the smaller network.
        keep: the units that stay.
    """

    def __init__(self, network: Network, keep: Sequence[Index]) -> None:
        self.keep = [np.asarray(units, np.int64) for units in keep]
        self._place = [np.full(layer.size, -1) for layer in network.layers]
        for place, units in zip(self._place, self.keep, strict=True):
            place[units] = np.arange(len(units))
        self.network = reduced(network, self.keep, seconds_on_columns)

    @classmethod
    def of(
        cls, network: Network, domains: Sequence[Domains], layer: NDArray[np.int32], unit: NDArray[np.int32]
    ) -> Reduction | None:
        """The reduction that some domains allow; None where it is not worth it.

        Args:
            network: the whole network.
            domains: with known bounds.
            layer: (S,) layers of units that must stay, since they are split in the tree, say, 1-based ...
            unit: (S,) ... and these units; what is not there is passed over.
        """
        if network.arithmetic or any(at.activation.arity > 1 for at in network.layers):
            return None  # a map that is written out does not tell how often its numbers were rounded
        keep = []
        for k, at in enumerate(network.layers):
            needed = np.zeros(at.size, bool)
            named = unit[(layer == k + 1) & (unit >= 0) & (unit < at.size)]
            needed[named] = True
            for part in domains:
                if part.known is None:
                    return None
                _, high = part.known[k]
                needed |= (high > 0.0).any(axis=0) if isinstance(at.activation, Relu) else True
                mask = part.split[k]
                if mask is not None:
                    needed |= mask.any(axis=0)
            needed[:1] |= not needed.any()  # a layer keeps at least one unit
            keep.append(np.flatnonzero(needed))
        if sum(len(units) for units in keep) > WORTH * sum(at.size for at in network.layers):
            return None
        return cls(network, keep)

    # Down to the smaller network

    def domains(self, domains: Domains) -> Domains:
        """What is known of domains, in its terms."""
        assert domains.known is not None
        known = tuple((low[:, u], high[:, u]) for (low, high), u in zip(domains.known, self.keep, strict=True))
        split = tuple(None if s is None else s[:, u] for s, u in zip(domains.split, self.keep, strict=True))
        return replace(domains, known=known, split=split)

    def parameters(self, parameters: Parameters) -> Parameters:
        """Slopes and multipliers, in its terms."""
        units, slopes, multipliers = [], [], []
        for k, mine in enumerate(parameters.units):
            stays = self._place[k][mine] >= 0
            units.append(self._place[k][mine[stays]])
            slopes.append(parameters.slopes[k][:, stays])
            m = parameters.multipliers[k]
            multipliers.append(None if m is None else m[:, stays])
        return Parameters(tuple(units), slopes, multipliers, parameters.weights)

    def tree_units(self, kind: NDArray[np.int8], layer: Units, unit: Units) -> Units:
        """(N,) the tree's units, in its terms."""
        return renumbered_units(kind, layer, unit, self._place)

    def refinements(self, refinements: Refinements) -> Refinements:
        """Slopes of intermediate bounds, in its terms."""
        return renumbered_refinements(refinements, self._place)

    def certificates(self, certificates: Certificates) -> Certificates:
        """Claims, in its terms; advice for units that are left out, or not there at all, is dropped."""
        return renumbered_certificates(certificates, self._place)

    # Back to the whole network

    def whole_domains(self, domains: Domains, above: Domains) -> Domains:
        """What is known of domains, in terms of the whole network.

        Args:
            domains: B of them.
            above: B domains that contain them, one for each, where all that is known of the units left out comes from.
        """
        assert domains.known is not None
        assert above.known is not None
        known, split = [], []
        for units, small, whole, mask, outer in zip(
            self.keep, domains.known, above.known, domains.split, above.split, strict=True
        ):
            sides = [side.copy() for side in whole]
            for side, part in zip(sides, small, strict=True):
                side[:, units] = part
            known.append((sides[0], sides[1]))
            wide = None if mask is None and outer is None else np.zeros(sides[0].shape, bool)
            if wide is not None and outer is not None:
                wide |= outer
            if wide is not None and mask is not None:
                wide[:, units] = mask
            split.append(wide)
        return replace(domains, known=tuple(known), split=tuple(split))

    def whole_tree_units(self, kind: NDArray[np.int8], layer: Units, unit: Units) -> Units:
        """(N,) the tree's units, in terms of the whole network."""
        return renumbered_units(kind, layer, unit, self.keep)

    def whole_certificates(self, certificates: Certificates) -> Certificates:
        """Claims, in terms of the whole network."""
        return renumbered_certificates(certificates, self.keep)

"""Two networks as one: side by side over the same inputs, the second also carried as differences from the first.

Side by side they are a network in the normal form, whose outputs are those of the first and then those of the second.
That is all that a question about both needs; it splits, searches and proves like any other. But a bound on the second's
outputs minus the first's suffers from it: both are relaxed by themselves, and what they have in common does not cancel.

So where both have one architecture, their layers are paired, and of each pair the difference of the values is described
too. With h, h' a layer's values in the two networks, z, z' what the activation is applied to, d = z' - z:

    d_k      =  sum over sources j of  L'_kj (h'_j - h_j) + (L'_kj - L_kj) h_j   +  b'_k - b_k
    h' - h   =  act(z + d) - act(z)                            (activations/difference.py)

These are no layers of a network - their lines depend on bounds of three expressions - but one more way to bound it
(bounds/difference.py): they stand on top of its layers and are replaced first. Values of a pair whose activation has no
difference of its own are subtracted as they are, L'_kj h'_j - L_kj h_j; so are those of networks that are not alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ivan.network.activations.difference import DIFFERENCES, Difference
from ivan.network.affine import Affine
from ivan.network.combine import Part, combine, moved
from ivan.network.compare import same_architecture
from ivan.network.layers import Network
from ivan.network.linear import Array, LinearMap, exact_difference, negative, subtract

Places = Mapping[int, int] | Sequence[int]
"""From a layer to a source."""


@dataclass(frozen=True)
class Pair:
    """The difference of a layer's values in two networks.

    Attributes:
        affine: the difference of what the activation is applied to.
        activation: the difference of the activation's values.
        first: the layer in the joint network that belongs to the first network, as a source.
        second: the one that belongs to the second.
    """

    affine: Affine
    activation: Difference
    first: int
    second: int


@dataclass(frozen=True, eq=False)
class Joint:
    """Two networks over the same inputs.

    Attributes:
        network: both side by side; its outputs are those of the first, then those of the second.
        pairs: in topological order; source `len(network.layers) + p` in the affine expressions of pairs is the value of
            `pairs[p - 1]`, sources up to `len(network.layers)` are those of the network.
        difference: the outputs of the second minus those of the first, over all these sources; None where the networks
            are not of one architecture.
        apart: the same, each network's outputs by themselves.
    """

    network: Network
    pairs: tuple[Pair, ...]
    difference: Affine | None
    apart: Affine

    @property
    def outputs(self) -> int:
        """Number of outputs of either network."""
        return self.apart.size

    def __call__(self, x: Array) -> Array:
        """Second minus first outputs at inputs x: (B, n) -> (B, m), by way of the differences if any; not rigorous."""
        values = dict(enumerate(self.network.forward(x)))
        for source, pair in enumerate(self.pairs, len(values)):
            z = self.network.layers[pair.first - 1].affine.evaluate(values)
            values[source] = pair.activation.value(z, pair.affine.evaluate(values))
        return (self.apart if self.difference is None else self.difference).evaluate(values)


def side_by_side(first: Network, second: Network) -> Network:
    """One network that computes both; the outputs of the first come first.

    Raises:
        ValueError: when they have different numbers of inputs.
    """
    if first.inputs != second.inputs:
        raise ValueError(f"networks of {first.inputs} and {second.inputs} inputs share none")
    shared = np.arange(first.inputs)
    network = combine([Part(first, shared), Part(second, shared)], first.input_shape, twice=True)
    return replace(network, name=second.name, precision=first.precision, types=first.types)


def join(first: Network, second: Network) -> Joint:
    """Both networks, with the differences between them where they are of one architecture.

    Raises:
        ValueError: when they have different numbers of inputs or outputs.
    """
    if first.outputs != second.outputs:
        raise ValueError(f"{first.outputs} and {second.outputs} outputs have no difference")
    network = side_by_side(first, second)
    by = len(first.layers)
    apart = moved(second.output, by).plus(first.output.scaled(-1.0))
    if not same_architecture(first, second):
        return Joint(network, (), None, apart)
    pairs: list[Pair] = []
    place: dict[int, int] = {}  # from a layer of the first network to the source that is its pair
    here, own = range(by + 1), range(by, 2 * by + 1)
    for k, (mine, other) in enumerate(zip(first.layers, second.layers, strict=True), 1):
        activation = DIFFERENCES.get(mine.activation.name)
        if activation is not None:
            affine = difference(other.affine, mine.affine, here, place, own)
            pairs.append(Pair(affine, activation, k, by + k))
            place[k] = len(network.layers) + len(pairs)
    return Joint(network, tuple(pairs), difference(second.output, first.output, here, place, own), apart)


def difference(second: Affine, first: Affine, here: Places, moved: Mapping[int, int], own: Places) -> Affine:
    """Second minus first, of one form, over values of the first network, of the second, and their differences.

    Args:
        second: an expression of the second network.
        first: the same of the first.
        here: from a layer to the place of the first network's values.
        moved: to that of their differences, where there are any ...
        own: ... else to that of the second network's values.
    """
    terms: dict[int, LinearMap] = {}
    for (source, mine), (_, other) in zip(first.terms, second.terms, strict=True):
        if source == 0:
            terms[0] = subtract(other, mine)
        elif source in moved:
            terms[here[source]], terms[moved[source]] = subtract(other, mine), other
        else:
            terms[here[source]], terms[own[source]] = negative(mine), other
    terms = {source: linear for source, linear in terms.items() if not linear.zero}
    constants: list[tuple[LinearMap | None, Array]] = []
    for (mine_map, v), (other_map, w) in zip(first.constants, second.constants, strict=True):
        if mine_map is None and other_map is None:
            constants += [(None, part) for part in exact_difference(w, v)]
        elif mine_map is not None and other_map is not None and len(v) == len(w):
            constants += [(other_map, part) for part in exact_difference(w, v)]
            change = subtract(other_map, mine_map)
            constants += [] if change.zero else [(change, v)]
        else:
            constants += [(other_map, w), (mine_map, -v)]
    return Affine(first.size, terms, tuple(constants))

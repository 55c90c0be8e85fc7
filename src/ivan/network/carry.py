"""Two networks of one architecture as one, the second carried as differences from the first.

Side by side (joint.py) both are relaxed by themselves, and what they have in common does not cancel. Here every ReLU of
the second network is a layer that says how far its value moved: with h the first network's values, z its
pre-activation, and delta = h' - h those of the moved layers,

    d_k   =  sum over sources j of  L'_kj delta_j + (L'_kj - L_kj) h_j   +  b'_k - b_k
    z'_k  =  sum over sources j of  L'_kj delta_j + L'_kj h_j            +  b'_k
    delta_k  =  relu(z'_k) - relu(z_k)                           ReluMoved(z_k, d_k, z'_k), activations/moved.py

Its outputs are L' delta + L' h + b'. Any other activation has a layer of its own for the second network, applied to
z'_k; from there on nothing cancels. That is a network in the normal form like any other: it is searched, proved,
stored and replayed like any other.

It speaks of exact arithmetic alone: in floats, the two networks round apart from one another, and d is not what it is
here (algorithms for that would have to count both roundings).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ivan.network.activations import Identity, Relu, ReluMoved
from ivan.network.affine import Affine, Copy
from ivan.network.compare import same_architecture
from ivan.network.joint import difference
from ivan.network.layers import Layer, Network
from ivan.network.linear import LinearMap


def carried(first: Network, second: Network) -> Network:
    """Both networks as one over the same inputs; the outputs of the first come first.

    Raises:
        ValueError: they are not of one architecture, or are to be computed with rounding.
    """
    if not same_architecture(first, second):
        raise ValueError("only networks of one architecture have differences layer by layer")
    if first.arithmetic or second.arithmetic:
        raise ValueError("differences are those of exact arithmetic")
    layers: list[Layer] = []
    here: dict[int, int] = {0: 0}  # from a layer of the first network to its place here
    moved: dict[int, int] = {}  # to that of how far the second one's values moved ...
    own: dict[int, int] = {}  # ... or to that of the second one's values themselves
    for k, (mine, other) in enumerate(zip(first.layers, second.layers, strict=True), 1):
        plain = _placed(mine.affine, here)
        layers.append(Layer(plain, mine.activation, mine.name))
        here[k] = len(layers)
        if isinstance(mine.activation, Relu | Identity):
            apart = difference(other.affine, mine.affine, here, moved, own)
            if isinstance(mine.activation, Relu):
                apart = _operands(plain, apart, _second(other.affine, here, moved, own), here[k])
            layers.append(Layer(apart, ReluMoved() if isinstance(mine.activation, Relu) else Identity(), other.name))
            moved[k] = len(layers)
        else:
            layers.append(Layer(_second(other.affine, here, moved, own), other.activation, other.name))
            own[k] = len(layers)
    output = Affine.concatenated([_placed(first.output, here), _second(second.output, here, moved, own)])
    return replace(first, layers=tuple(layers), output=output, name=second.name)


def _operands(plain: Affine, apart: Affine, second: Affine, layer: int) -> Affine:
    """Z, d and z' of a ReLU layer; z is the pre-activation of a layer already."""
    all_ = Affine.concatenated([plain, apart, second])
    units = np.arange(plain.size)
    return Affine(all_.size, dict(all_.terms), all_.constants, (Copy(units, layer, units),))


def _placed(affine: Affine, here: Mapping[int, int]) -> Affine:
    """The expression with its sources where they are now."""
    return Affine(affine.size, {here[source]: linear for source, linear in affine.terms}, affine.constants)


def _second(affine: Affine, here: Mapping[int, int], moved: Mapping[int, int], own: Mapping[int, int]) -> Affine:
    """An expression of the second network: over its own values, or those of the first and how far they moved."""
    terms: dict[int, LinearMap] = {}
    for source, linear in affine.terms:
        if source in own:
            terms[own[source]] = linear
        else:
            terms[here[source]] = linear
            if source in moved:
                terms[moved[source]] = linear
    return Affine(affine.size, terms, affine.constants)

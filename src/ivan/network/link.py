"""Two runs of one network as one network, tied to one another by how far every value moved.

The runs differ in some inputs. Both stand there, side by side; on top of that stand the moves of their values. With z,
z' what a ReLU is applied to, h, h' its values and delta = h' - h,

    d_k      =  sum over sources j of  L_kj delta_j,          delta_0 = x' - x
    delta_k  =  h'_k - h_k              ReluLinked(z_k, d_k, z'_k, h_k, h'_k), activations/linked.py

so d_k = z'_k - z_k, and the outputs of the second run are those that delta leads to. What is gained are bounds on d:
where few inputs move, and by little, so do the units, whichever phase they are in.

Where an input is known to rise, x' >= x, its move is relu(x' - x), and where it is known to fall, -relu(x - x'): so its
sign is known as well. What the lines in d say then holds for such inputs alone. That is all that is asked for, since a
violation has them; what the network computes is the same everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ivan.network.activations import Identity, Relu, ReluLinked
from ivan.network.affine import Affine, Copy
from ivan.network.layers import Layer, Network
from ivan.network.linear import Dense, LinearMap, Selection, compose

Index = NDArray[np.int64]


def linked(
    network: Network,
    first: Index,
    second: Index,
    signs: Index,
    inputs: int,
    types: tuple[tuple[str, int], ...] = (),
) -> Network:
    """Both runs as one; the outputs of the first come first.

    Args:
        network: of ReLUs.
        first: (n,) the joint input that each of its inputs is in the first run.
        second: (n,) the same in the second run.
        signs: (n,) 1 for inputs that are known to rise from the first run to the second, -1 for those that are known to
            fall, 0 for any other.
        inputs: number of joint inputs.
        types: of these, as in `Network`.

    Raises:
        ValueError: it has other activations, or is to be computed with rounding.
    """
    if network.arithmetic or not piecewise_linear(network):
        raise ValueError("only runs of a network of ReLUs, in exact arithmetic, are tied to one another")
    layers, start = _input_moves(first, second, signs, inputs)
    one: dict[int, LinearMap] = {0: Selection(first, inputs)}
    two: dict[int, LinearMap] = {0: Selection(second, inputs)}
    here: dict[int, int] = {}  # from a layer of the network to the place of the first run's values ...
    own: dict[int, int] = {}  # ... to that of the second's ...
    moves: dict[int, int] = {}  # ... and to that of their moves
    for k, layer in enumerate(network.layers, 1):
        plain, other = _placed(layer.affine, one, [here]), _placed(layer.affine, two, [own])
        moved = _placed(layer.affine, start, [moves], constant=False)
        for affine, places in ((plain, here), (other, own)):
            layers.append(Layer(affine, layer.activation, layer.name))
            places[k] = len(layers)
        if isinstance(layer.activation, Relu):
            layers.append(Layer(_tied(plain, moved, other, here[k], own[k]), ReluLinked(), layer.name))
        else:
            layers.append(Layer(moved, layer.activation, layer.name))
        moves[k] = len(layers)
    outputs = [_placed(network.output, one, [here]), _placed(network.output, two, [here, moves])]
    output = Affine.concatenated(outputs)
    return replace(network, layers=tuple(layers), input_shape=(inputs,), output=output, types=types)


def piecewise_linear(network: Network) -> bool:
    """Whether all activations are ReLUs, which is what runs are tied by."""
    return all(isinstance(layer.activation, Relu | Identity) for layer in network.layers)


def _input_moves(first: Index, second: Index, signs: Index, inputs: int) -> tuple[list[Layer], dict[int, LinearMap]]:
    """The layer of the inputs that rise or fall, if there are any, and what the moves of all inputs are."""
    n, known = len(first), np.flatnonzero((first != second) & (signs != 0))
    free = np.zeros((n, inputs))
    loose = np.flatnonzero((first != second) & (signs == 0))
    free[loose, second[loose]], free[loose, first[loose]] = 1.0, -1.0
    moves: dict[int, LinearMap] = {}
    layers: list[Layer] = []
    if len(loose):
        moves[0] = Dense(free)
    if len(known):
        by, way, row = np.zeros((len(known), inputs)), signs[known].astype(np.float64), np.arange(len(known))
        by[row, second[known]], by[row, first[known]] = way, -way
        layers.append(Layer(Affine(len(known), {0: Dense(by)}), Relu(), "moves of inputs"))
        back = np.zeros((n, len(known)))
        back[known, row] = way
        moves[1] = Dense(back)
    return layers, moves


def _placed(
    affine: Affine, inputs: Mapping[int, LinearMap], places: Sequence[Mapping[int, int]], *, constant: bool = True
) -> Affine:
    """An expression with the network's inputs and layers where they are now; the sum where that is several places."""
    terms: dict[int, LinearMap] = {}
    for source, linear in affine.terms:
        if source:
            terms |= {place[source]: linear for place in places}
        else:
            terms |= {at: compose(linear, through) for at, through in inputs.items()}
    return Affine(affine.size, terms, affine.constants if constant else ())


def _tied(plain: Affine, moved: Affine, other: Affine, here: int, own: int) -> Affine:
    """The operands of moves: z, d, z', h and h'; z and z' are pre-activations of layers already."""
    n, units = plain.size, np.arange(plain.size)
    every = Affine.concatenated([plain, moved, other, Affine.of(here, n), Affine.of(own, n)])
    copies = (Copy(units, here, units), Copy(units + 2 * n, own, units))
    return Affine(every.size, dict(every.terms), every.constants, copies)

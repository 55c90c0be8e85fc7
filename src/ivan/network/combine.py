"""Several networks as one over joint inputs, and products of what it reads and yields.

Each network's layers stand one after the other, and each reads the joint inputs through a selection. A network that
stands there twice, at the same inputs, is computed once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from ivan.network.activations.product import Product
from ivan.network.affine import Affine
from ivan.network.element_types import coarser
from ivan.network.layers import Layer, Network
from ivan.network.linear import LinearMap, Selection, compose

Index = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Part:
    """One of the networks.

    Attributes:
        network: the network.
        inputs: (n,) the joint input that each of its inputs is.
        outputs: which of its outputs are wanted, in what order; None for all as they are.
    """

    network: Network
    inputs: Index
    outputs: Index | None = None


def combine(parts: Sequence[Part], shape: tuple[int, ...], *, twice: bool = False) -> Network:
    """One network whose outputs are those of all parts, in order.

    A joint input has the coarsest of the types of all inputs that it stands for.

    Args:
        parts: at least one.
        shape: of the joint inputs; every one of them is an input of some part.
        twice: computes a network that stands there again, at the same inputs, once more.

    Raises:
        ValueError: a part has another number of inputs than its network, or a joint input is no part's.
    """
    inputs = int(np.prod(shape))
    kinds: list[str | None] = [None] * inputs
    layers: list[Layer] = []
    outputs: list[Affine] = []
    known: dict[tuple[int, bytes], Affine] = {}
    for part in parts:
        network = part.network
        if len(part.inputs) != network.inputs:
            raise ValueError(f"{len(part.inputs)} joint inputs for {network.inputs} inputs of {network.name}")
        _note_types(kinds, part)
        key = (id(network), np.asarray(part.inputs, np.int64).tobytes())
        if twice or key not in known:
            through = _selection(part.inputs, inputs)
            by = len(layers)
            layers += [replace(layer, affine=moved(layer.affine, by, through)) for layer in network.layers]
            known[key] = moved(network.output, by, through)
        output = known[key]
        outputs.append(output if part.outputs is None else output.then(Selection(part.outputs, output.size)))
    if None in kinds:
        raise ValueError(f"joint input {kinds.index(None)} is an input of no network")
    return Network(
        tuple(layers),
        shape,
        Affine.concatenated(outputs),
        " + ".join(dict.fromkeys(part.network.name for part in parts)),
        reduce(coarser, (part.network.precision for part in parts)),
        _runs([kind for kind in kinds if kind is not None]),
    )


def moved(affine: Affine, by: int, through: LinearMap | None = None) -> Affine:
    """The expression with every layer that it reads so many places further back.

    Args:
        affine: the expression.
        by: how many places.
        through: the map from the joint inputs to those that it reads; None where they are the same.
    """
    terms: dict[int, LinearMap] = {}
    for source, linear in affine.terms:
        if source:
            terms[source + by] = linear
        else:
            terms[0] = linear if through is None else compose(linear, through)
    return Affine(affine.size, terms, affine.constants)


def with_products(network: Network, products: Sequence[Sequence[int]]) -> Network:
    """The network with products of its inputs and outputs behind its outputs.

    Args:
        network: the network.
        products: for each the factors, at least two: i for input i, ~j for output j.
    """
    if not products:
        return network
    values = Affine.concatenated([Affine.of(0, network.inputs), network.output])

    def factors(keys: Sequence[int]) -> Affine:
        index = np.array([key if key >= 0 else network.inputs + ~key for key in keys])
        return values.then(Selection(index, values.size))

    layers = list(network.layers)
    # the k-th of these layers multiplies the next factor to what the one before it has
    chains = sorted({tuple(keys[:2]) for keys in products})
    pairs = [factors([chain[0] for chain in chains]), factors([chain[1] for chain in chains])]
    found: dict[tuple[int, ...], tuple[int, int]] = {}  # the factors of a product: its layer, and its place there
    while True:
        layers.append(Layer(Affine.concatenated(pairs), Product(), "product"))
        source, size = len(layers), len(chains)
        found |= {chain: (source, place) for place, chain in enumerate(chains)}
        width = len(chains[0]) + 1
        chains = sorted({tuple(keys[:width]) for keys in products if len(keys) >= width})
        if not chains:
            break
        before = Selection(np.array([found[chain[:-1]][1] for chain in chains]), size)
        pairs = [Affine.of(source, size).then(before), factors([chain[-1] for chain in chains])]
    ends = [found[tuple(keys)] for keys in products]
    outputs = [
        Affine.of(source, layers[source - 1].size).then(Selection(np.array([place]), layers[source - 1].size))
        for source, place in ends
    ]
    return replace(network, layers=tuple(layers), output=Affine.concatenated([network.output, *outputs]))


def _selection(index: Index, inputs: int) -> LinearMap | None:
    identity = len(index) == inputs and np.array_equal(index, np.arange(inputs))
    return None if identity else Selection(np.asarray(index, np.int64), inputs)


def _note_types(kinds: list[str | None], part: Part) -> None:
    at = 0
    for kind, count in part.network.input_runs:
        for joint in part.inputs[at : at + count]:
            known = kinds[joint]
            kinds[joint] = kind if known is None else coarser(known, kind)
        at += count


def _runs(kinds: Sequence[str]) -> tuple[tuple[str, int], ...]:
    runs: list[tuple[str, int]] = []
    for kind in kinds:
        if runs and runs[-1][0] == kind:
            runs[-1] = (kind, runs[-1][1] + 1)
        else:
            runs.append((kind, 1))
    return tuple(runs)

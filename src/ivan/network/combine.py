"""Several networks as one over joint inputs, and products of what it reads and yields.

Each network's layers stand one after the other, and each reads the joint inputs through a selection. A network that
stands there twice, at the same inputs, is computed once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from ivan.network.activations import Activation, Identity, Product, Square
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
    often = Counter(_asked(part) for part in parts)
    for part in parts:
        network = part.network
        if len(part.inputs) != network.inputs:
            raise ValueError(f"{len(part.inputs)} joint inputs for {network.inputs} inputs of {network.name}")
        _note_types(kinds, part)
        key = _asked(part)
        if twice or key not in known:
            through = _selection(part.inputs, inputs)
            by = len(layers)
            layers += [replace(layer, affine=moved(layer.affine, by, through)) for layer in network.layers]
            known[key] = moved(network.output, by, through)
            if not twice and often[key] > 1:  # as values of one layer they are seen to be the same
                layers.append(Layer(known[key], Identity(), network.name))
                known[key] = Affine.of(len(layers), network.outputs)
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


def _asked(part: Part) -> tuple[int, bytes]:
    """Names what is computed: the network and its inputs."""
    return id(part.network), np.asarray(part.inputs, np.int64).tobytes()


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
    layers = list(network.layers)
    firsts: dict[tuple[int, int], int] = {}

    def spoken_for(key: int) -> int:
        """The key that stands for all of the same number."""
        at = network.origin(~key) if key < 0 else None
        return key if at is None else at[1] if at[0] == 0 else firsts.setdefault(at, key)

    wanted: list[Monomial] = [tuple(sorted(map(spoken_for, keys))) for keys in products]
    found: dict[Monomial, tuple[int, int]] = {}  # its layer, 0 for the values themselves, and its place there
    for key in {key for monomial in wanted for key in monomial}:
        found[key,] = (0, key if key >= 0 else network.inputs + ~key)

    def gathered(monomials: Sequence[Monomial]) -> Affine:
        parts, order = [], []
        for source in sorted({found[m][0] for m in monomials}):
            chosen = [k for k, m in enumerate(monomials) if found[m][0] == source]
            whole = Affine.of(source, layers[source - 1].size) if source else values
            parts.append(whole.then(Selection(np.array([found[monomials[k]][1] for k in chosen]), whole.size)))
            order += chosen
        joined = Affine.concatenated(parts)
        return joined if len(parts) == 1 else joined.then(Selection(np.argsort(order), joined.size))

    def add(monomials: Sequence[Monomial], operands: Affine, activation: Activation) -> None:
        layers.append(Layer(operands, activation, "product"))
        found.update({monomial: (len(layers), place) for place, monomial in enumerate(monomials)})

    waiting = _with_parts(wanted) - set(found)
    while waiting:
        ready = sorted(m for m in waiting if all(part in found for part in _parts(m)))
        squares, others = ([m for m in ready if (len(_parts(m)) == 1) == alone] for alone in (True, False))
        if squares:
            add(squares, gathered([_parts(m)[0] for m in squares]), Square())
        if others:
            pairs = [gathered([_parts(m)[k] for m in others]) for k in (0, 1)]
            add(others, Affine.concatenated(pairs), Product())
        waiting -= set(ready)
    output = gathered(wanted)
    return replace(network, layers=tuple(layers), output=Affine.concatenated([network.output, output]))


Monomial = tuple[int, ...]
"""The keys of its factors, in order."""


def _parts(monomial: Monomial) -> tuple[Monomial, ...]:
    """What a monomial is made of: its root if it is a square, and never negative; else the rest and a factor."""
    count = Counter(monomial)
    if all(number % 2 == 0 for number in count.values()):
        return (tuple(sorted(key for key, number in count.items() for _ in range(number // 2))),)
    last = max(key for key, number in count.items() if number % 2)
    rest = list(monomial)
    rest.remove(last)
    return tuple(rest), (last,)


def _with_parts(monomials: Iterable[Monomial]) -> set[Monomial]:
    """These and what they are made of."""
    every, stack = set(), list(monomials)
    while stack:
        monomial = stack.pop()
        if monomial in every:
            continue
        every.add(monomial)
        if len(monomial) > 1:
            stack.extend(_parts(monomial))
    return every


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

"""Which input of the verified network each input of a query is, and which types a query may declare.

A query about several networks becomes one about one network, which computes all of them over distinct inputs: inputs
that stand equal in every part of the query are one. Behind its outputs stand the products that the query speaks of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from ivan.errors import InputError
from ivan.network.carry import carried
from ivan.network.combine import Part, combine, with_products
from ivan.network.compare import same_architecture
from ivan.network.element_types import INTEGERS
from ivan.network.layers import Network
from ivan.network.linear import Selection
from ivan.network.link import linked, piecewise_linear
from ivan.vnnlib import Query
from ivan.vnnlib.formula import And, Atom, inequality

Index = NDArray[np.int64]

REAL = "real"
"""A declared type that asks about exact arithmetic, whatever the model's type is."""

ROUNDOFF = {"float32": 2.0**-24, "float64": 2.0**-53}
"""Unit roundoff of the declared types that ask about the arithmetic of a deployed model."""

SOUND = frozenset((REAL, *ROUNDOFF, *INTEGERS))
"""Declared types for which an `unsat` speaks of what the query asks about."""


def check_types(query: Query) -> None:
    """Are the declared types such that the analysis is sound for them?

    Raises:
        InputError: one is not.
    """
    for network in query.networks:
        for tensor in (*network.inputs, *network.outputs, *network.hidden):
            if tensor.element.lower() not in SOUND:
                raise InputError(
                    f"{query.path}: {tensor.name} is declared {tensor.element}: its arithmetic is not analysed",
                    hint=f"declare it {REAL}: then the question is about exact arithmetic, and a counterexample still "
                    "has to hold in the model's own",
                )


def arithmetic(query: Query) -> float:
    """Unit roundoff of the arithmetic that a query asks about; 0 where that is exact, as for VNN-LIB 1.0.

    One network's rounding counts for all: what is proved with more of it holds with less.
    """
    tensors = chain.from_iterable((*network.inputs, *network.outputs, *network.hidden) for network in query.networks)
    return max((ROUNDOFF.get(tensor.element.lower(), 0.0) for tensor in tensors), default=0.0)


def asks_exactly(query: Query) -> bool:
    """Does a query say that it is about exact arithmetic?

    One that declares `real` tensors and no floats does. VNN-LIB 1.0 has no other word than `Real` and means the
    deployed model by it, as VNN-COMP judges; integers are what a runtime makes of them.
    """
    tensors = chain.from_iterable((*network.inputs, *network.outputs, *network.hidden) for network in query.networks)
    return arithmetic(query) == 0.0 and any(tensor.element.lower() == REAL for tensor in tensors)


def _check_rounding(query: Query, parts: Sequence[Part]) -> None:
    """Refuses declared floats of networks with operators that a runtime may compute in ways nothing is known about.

    Raises:
        InputError: there is one.
    """
    for part in parts:
        unknown = [layer.name for layer in part.network.layers if not layer.rounding.known]
        if unknown:
            raise InputError(
                f"{query.path}: tensors are declared as floats, and how {part.network.name} rounds in "
                f"{', '.join(unknown)} is not analysed",
                hint=f"declare them {REAL}: then the question is about exact arithmetic, and a counterexample still "
                "has to hold in the model's own",
            )


def elements(query: Query) -> list[str]:
    """The declared element type of every input, in lower case; nothing for VNN-LIB 1.0."""
    tensors = chain.from_iterable(network.inputs for network in query.networks)
    return [tensor.element.lower() for tensor in tensors for _ in range(tensor.size)]


def named_input(query: Query, number: int) -> str:
    """What the query calls an input."""
    for tensor in chain.from_iterable(network.inputs for network in query.networks):
        if number < tensor.size:
            index = np.unravel_index(number, tensor.shape)
            return tensor.name + (f"[{','.join(map(str, index))}]" if index else "")
        number -= tensor.size
    return f"X_{number}"


def arranged(query: Query, parts: Sequence[Part]) -> tuple[Network, Index]:
    """All networks as one over distinct inputs, with the query's products behind its outputs.

    Args:
        query: what is asked.
        parts: its networks in order, each with the query's input that every one of its inputs is.

    Returns:
        The network, and (query.inputs,) which of its inputs every input of the query is.
    """
    if arithmetic(query):
        _check_rounding(query, parts)
    place = distinct_inputs(query)
    moved = [Part(part.network, place[part.inputs], part.outputs) for part in parts]
    first = moved[0]
    if len(moved) == 1 and first.outputs is None and np.array_equal(first.inputs, np.arange(len(place))):
        network = first.network  # as it is, so that its other proofs are its own
    else:
        network = combine(moved, (int(place.max(initial=-1)) + 1,))
    unit = arithmetic(query)
    if unit:  # what is declared are inputs and outputs: inside, a model may be coarser
        unit = max(unit, ROUNDOFF[network.precision])
    return replace(with_products(network, query.products), arithmetic=unit), place


def arranged_as_differences(query: Query, parts: Sequence[Part]) -> Network | None:
    """The same question about two networks of one architecture over the same inputs, the second as differences.

    None for any other networks.
    """
    if len(parts) != 2 or arithmetic(query):
        return None
    place = distinct_inputs(query)
    first, second = (Part(part.network, place[part.inputs], part.outputs) for part in parts)
    alone = first.network, second.network
    if not np.array_equal(first.inputs, second.inputs) or not same_architecture(*alone):
        return None
    if alone[0].digest == alone[1].digest:
        return None
    shape = (int(place.max(initial=-1)) + 1,)
    if len(first.inputs) != shape[0]:
        return None
    beside = combine([first, second], shape)
    both = carried(*(combine([replace(part, outputs=None)], shape) for part in (first, second)))
    wanted = [np.arange(part.network.outputs) if part.outputs is None else part.outputs for part in (first, second)]
    chosen = np.concatenate([wanted[0], alone[0].outputs + wanted[1]])
    output = both.output.then(Selection(chosen, both.outputs))
    both = replace(both, output=output, name=beside.name, precision=beside.precision, types=beside.types)
    return with_products(both, query.products)


def arranged_as_runs(query: Query, parts: Sequence[Part]) -> Network | None:
    """The same question about two runs of one network of ReLUs at different inputs, tied by how far values moved.

    None for any other networks.
    """
    if len(parts) != 2 or arithmetic(query):
        return None
    place = distinct_inputs(query)
    first, second = (Part(part.network, place[part.inputs], part.outputs) for part in parts)
    network = first.network
    if network is not second.network or np.array_equal(first.inputs, second.inputs) or not piecewise_linear(network):
        return None
    inputs = int(place.max(initial=-1)) + 1
    beside = combine([first, second], (inputs,))
    below = {(int(place[i]), int(place[j])) for i, j in _orders(query)}
    pairs = list(zip(first.inputs.tolist(), second.inputs.tolist(), strict=True))
    signs = np.array([(pair in below) - (pair[::-1] in below) for pair in pairs], np.int64)
    both = linked(network, first.inputs, second.inputs, signs, inputs, beside.types)
    wanted = [np.arange(network.outputs) if part.outputs is None else part.outputs for part in (first, second)]
    chosen = np.concatenate([wanted[0], network.outputs + wanted[1]])
    output = both.output.then(Selection(chosen, both.outputs))
    both = replace(both, output=output, name=beside.name, precision=beside.precision)
    return with_products(both, query.products)


def same_terms(query: Query, other: Query) -> bool:
    """Do the inputs, outputs and products of two queries about one arranged network mean the same?"""
    return (
        (query.inputs, query.outputs, query.products) == (other.inputs, other.outputs, other.products)
        and _integers(query) == _integers(other)
        and np.array_equal(distinct_inputs(query), distinct_inputs(other))
    )


def _integers(query: Query) -> list[tuple[int, str]]:
    """The inputs that are declared integers."""
    return [(i, kind) for i, kind in enumerate(elements(query)) if kind in INTEGERS]


def distinct_inputs(query: Query) -> Index:
    """(query.inputs,) numbers from 0 on; inputs that must be equal wherever the query holds have the same number."""
    equations = _equations(query)
    if not equations:
        return np.arange(query.inputs)
    leader = list(range(query.inputs))

    def lead(i: int) -> int:
        while leader[i] != i:
            leader[i] = leader[leader[i]]
            i = leader[i]
        return i

    for i, j in equations:
        first, second = sorted((lead(i), lead(j)))
        leader[second] = first
    leaders = np.array([lead(i) for i in range(query.inputs)], np.int64)
    place: Index = np.unique(leaders, return_inverse=True)[1].astype(np.int64)
    return place.reshape(-1)


def _equations(query: Query) -> list[tuple[int, int]]:
    """Pairs of inputs that stand equal outside of all disjunctions."""
    below = _orders(query)
    return [(i, j) for i, j in below if i < j and (j, i) in below]


def _orders(query: Query) -> set[tuple[int, int]]:
    """Pairs of inputs (i, j) where x_i <= x_j stands outside of all disjunctions."""
    if query.version < 2:  # there was never a reason to write that
        return set()
    formula = query.formula
    atoms = [formula] if isinstance(formula, Atom) else formula.operands if isinstance(formula, And) else ()
    below: set[tuple[int, int]] = set()
    for atom in atoms:
        if not isinstance(atom, Atom) or atom.left.mentions_output or atom.right.mentions_output:
            continue
        pairs, bound = inequality(atom)
        if len(pairs) == 2 and bound == 0 and pairs[0][1] == -pairs[1][1]:
            (i, c), (j, _) = pairs
            below.add((i, j) if c > 0 else (j, i))
    return below

"""Networks and certificates in exact rational arithmetic: the backward bound as the textbook has it.

Written without a look at ivan.bounds: one domain and one row at a time, dictionaries of Fractions, the chord's slope
u / (u - l) itself. Only for networks whose maps hold no computed number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ivan.network.activations import Relu
from ivan.network.affine import Affine
from ivan.network.layers import Network
from ivan.problem import Case

Vector = list[Fraction]
Unit = tuple[int, int]
"""Layer (from 1) and unit."""


def vector(numbers: Sequence[float] | np.ndarray) -> Vector:
    return [Fraction(float(v)) for v in numbers]


@dataclass(frozen=True)
class Map:
    """value_j = constant_j + sum of rows[j][source, i] h_source,i."""

    rows: list[dict[Unit, Fraction]]
    constant: Vector

    @classmethod
    def of(cls, affine: Affine) -> Map:
        rows: list[dict[Unit, Fraction]] = [{} for _ in range(affine.size)]
        for source, linear in affine.terms:
            for j, i in zip(*np.nonzero(matrix := linear.to_sparse().toarray()), strict=True):
                rows[j][source, int(i)] = Fraction(float(matrix[j, i]))
        constant = [Fraction(0)] * affine.size
        for linear, numbers in affine.constants:
            assert linear is None
            constant = [a + b for a, b in zip(constant, vector(numbers), strict=True)]
        return cls(rows, constant)

    def __call__(self, values: Sequence[Vector]) -> Vector:
        return [
            b + sum((c * values[source][i] for (source, i), c in row.items()), Fraction(0))
            for row, b in zip(self.rows, self.constant, strict=True)
        ]


class ExactNetwork:
    """A network over the rationals."""

    def __init__(self, network: Network) -> None:
        self.maps = [Map.of(layer.affine) for layer in network.layers]
        self.relu = [isinstance(layer.activation, Relu) for layer in network.layers]
        self.output = Map.of(network.output)

    def forward(self, x: Vector) -> tuple[list[Vector], Vector]:
        """Pre-activations of every layer, and the outputs."""
        values, before = [x], []
        for linear, relu in zip(self.maps, self.relu, strict=True):
            z = linear(values)
            before.append(z)
            values.append([max(v, Fraction(0)) for v in z] if relu else z)
        return before, self.output(values)


def combined(case: Case, weights: Mapping[int, Fraction]) -> tuple[dict[int, Fraction], dict[int, Fraction], Fraction]:
    """The weighted sum of a case's rows, from its rational rows: over outputs, over inputs, and the constant."""
    over_outputs: dict[int, Fraction] = {}
    over_inputs: dict[int, Fraction] = {}
    constant = Fraction(0)
    for r, weight in weights.items():
        row = case.rows[r]
        for j, c in row.outputs:
            over_outputs[j] = over_outputs.get(j, Fraction(0)) + weight * c
        for i, c in row.inputs:
            over_inputs[i] = over_inputs.get(i, Fraction(0)) + weight * c
        constant -= weight * row.bound
    return over_outputs, over_inputs, constant


def margin(case: Case, weights: Mapping[int, Fraction], x: Vector, y: Vector) -> Fraction:
    """The same at a point."""
    over_outputs, over_inputs, constant = combined(case, weights)
    return constant + sum(c * y[j] for j, c in over_outputs.items()) + sum(c * x[i] for i, c in over_inputs.items())


def bound(
    network: ExactNetwork,
    case: Case,
    weights: Mapping[int, Fraction],
    box: tuple[Vector, Vector],
    intervals: Sequence[tuple[Vector, Vector]],
    slopes: Mapping[Unit, Fraction],
    multipliers: Mapping[Unit, Fraction],
) -> Fraction:
    """The certificate's bound over a domain.

    Args:
        network: the network.
        case: whose rows are weighed.
        weights: per row.
        box: of the inputs.
        intervals: per layer, of the pre-activations.
        slopes: lower slopes; an unstable unit without one takes 1 where u > -l, else 0. A unit pinned to 0 is active.
        multipliers: m (z - l) is subtracted where m > 0, m (z - u) where m < 0; neither is ever negative.
    """
    over_outputs, over_inputs, constant = combined(case, weights)
    pending: dict[Unit, Fraction] = {(0, i): c for i, c in over_inputs.items()}

    def through(row: dict[Unit, Fraction], factor: Fraction) -> None:
        for unit, c in row.items():
            pending[unit] = pending.get(unit, Fraction(0)) + factor * c

    for j, c in over_outputs.items():
        constant += c * network.output.constant[j]
        through(network.output.rows[j], c)
    for k in range(len(network.maps), 0, -1):
        lower, upper = intervals[k - 1]
        for j, (low, high) in enumerate(zip(lower, upper, strict=True)):
            a = pending.pop((k, j), Fraction(0))
            if network.relu[k - 1]:
                if low < 0 < high:
                    if a >= 0:
                        a *= slopes.get((k, j), Fraction(high > -low))
                    else:
                        chord = high / (high - low)
                        constant -= a * chord * low
                        a *= chord
                elif low < 0:
                    a = Fraction(0)
            m = multipliers.get((k, j), Fraction(0))
            constant += m * (low if m > 0 else high)
            a -= m
            constant += a * network.maps[k - 1].constant[j]
            through(network.maps[k - 1].rows[j], a)
    for i, (low, high) in enumerate(zip(*box, strict=True)):
        a = pending.pop((0, i), Fraction(0))
        constant += a * (low if a > 0 else high)
    assert not pending
    return constant

"""The network's normal form: affine maps and activations, nothing else.

    z_k = affine_k(h_0, ..., h_{k-1})        h_0 = x, the flattened input
    h_k = activation_k(z_k)
    output = affine expression over any of them

Rules of the form, checked when a network is made: a layer's sources come before it; sizes agree. Every number is
finite: the reader refuses files where one is not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ivan.digest import Digestible, digest
from ivan.network.activations import Activation, Identity
from ivan.network.activations.rounding import Rounding
from ivan.network.affine import Affine
from ivan.network.element_types import rounded
from ivan.network.linear import Array


@dataclass(frozen=True)
class Layer:
    """z = affine(sources), h = activation(z).

    Attributes:
        affine: the pre-activation, over earlier layers: all first operands, then all second ones if any.
        activation: applied entry by entry.
        name: where it stands in the file, for messages.
        least: no number of the pre-activation is below, whatever the inputs. It follows from the rest, where the
            intervals of what is summed up do not show it, and is in no digest.
        operator: how far a runtime's value may be off where the layer ends an operator of several layers, which a
            runtime computes its own way; None where it is an operator of its own.
    """

    affine: Affine
    activation: Activation
    name: str = ""
    operator: Rounding | None = None
    least: float = -math.inf

    @property
    def rounding(self) -> Rounding:
        """How far a runtime's value may be off."""
        return self.activation.rounding if self.operator is None else self.operator

    def describe(self) -> Digestible:
        """What digests are taken over."""
        own = [] if self.operator is None else [self.operator.describe()]
        return [self.activation.describe(), self.affine.describe(), *own]

    @property
    def size(self) -> int:
        """Number of values; the pre-activation has as many numbers for each operand."""
        return self.affine.size // self.activation.arity


@dataclass(frozen=True, eq=False)
class Network:
    """A feed-forward network.

    Attributes:
        layers: in topological order; source k > 0 in an affine expression is `layers[k - 1]`, source 0 the input.
        input_shape: as the file declares it, the batch dimension included.
        output: the outputs, flattened and concatenated in the file's order.
        name: the file's name, for messages.
        precision: numpy name of the arithmetic the deployed model uses, `float32` or `float64`; the coarser of both.
        types: numpy names of the inputs' types and how many inputs in a row are of each; empty where all are of the
            precision. An integer input stands for the real number that it is.
        arithmetic: unit roundoff of the arithmetic that bounds speak of; 0 for that of the real numbers. It is part of
            what is asked of a network, not of the network, and in no digest.
        whole: (inputs,) True for inputs that are asked about at integers alone; None for none. Likewise.
    """

    layers: tuple[Layer, ...]
    input_shape: tuple[int, ...]
    output: Affine
    name: str = ""
    precision: str = "float32"
    types: tuple[tuple[str, int], ...] = ()
    arithmetic: float = 0.0
    whole: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        if all(kind == self.precision for kind, _ in self.types):
            object.__setattr__(self, "types", ())
        elif sum(count for _, count in self.types) != self.inputs:
            raise ValueError(f"types of {sum(count for _, count in self.types)} inputs where there are {self.inputs}")
        for k, layer in enumerate(self.layers, 1):
            self._check(layer.affine, k, layer.name or f"layer {k}")
            if layer.affine.size % layer.activation.arity:
                raise ValueError(f"{layer.name or f'layer {k}'} has an operand without its partner")
        self._check(self.output, len(self.layers) + 1, "output")

    def _check(self, affine: Affine, position: int, name: str) -> None:
        for source, linear in affine.terms:
            if not 0 <= source < position:
                raise ValueError(f"{name} reads layer {source}, which does not come before it")
            if linear.columns != self.size(source):
                raise ValueError(f"{name} reads {linear.columns} of {self.size(source)} values of layer {source}")

    @property
    def inputs(self) -> int:
        """Number of inputs."""
        return math.prod(self.input_shape)

    @property
    def outputs(self) -> int:
        """Number of outputs."""
        return self.output.size

    def operands(self, layer: int, units: NDArray[np.int64]) -> NDArray[np.int64]:
        """Of values of a layer (1-based): the numbers of its pre-activation that they are computed from."""
        at = self.layers[layer - 1]
        return np.concatenate([units + operand * at.size for operand in range(at.activation.arity)])

    def size(self, source: int) -> int:
        """Number of values of a layer; of the input for 0."""
        return self.inputs if source == 0 else self.layers[source - 1].size

    @property
    def input_runs(self) -> tuple[tuple[str, int], ...]:
        """Types of the inputs and how many in a row are of each."""
        return self.types or ((self.precision, self.inputs),)

    def rounded(self, x: Array) -> Array:
        """The nearest numbers that the inputs can take: (..., inputs), float64."""
        ends = np.cumsum([count for _, count in self.input_runs])
        parts = np.split(np.asarray(x, np.float64), ends[:-1], axis=-1)
        return np.concatenate(
            [rounded(part, kind) for part, (kind, _) in zip(parts, self.input_runs, strict=True)], axis=-1
        )

    def origin(self, output: int) -> tuple[int, int] | None:
        """The layer, or 0 for the inputs, whose value an output is, and which one; None where it is computed."""
        found = self.output.origin(output)
        while found is not None and found[0] and isinstance(self.layers[found[0] - 1].activation, Identity):
            behind = self.layers[found[0] - 1].affine.origin(found[1])
            if behind is None:
                break
            found = behind
        return found

    def fitting(self, numbers: int) -> int:
        """How many points, or domains, have about so many values of all layers together; at least one."""
        return max(1, numbers // max(1, sum(self.size(source) for source in range(len(self.layers) + 1))))

    @cached_property
    def digest(self) -> str:
        """Names the function: SHA-256 over the normal form with its numbers."""
        parts = [layer.describe() for layer in self.layers]
        types: list[Digestible] = [[kind, count] for kind, count in self.types]
        last = [types] if types else []  # most networks have none, which leaves no trace
        return digest("network 1", self.inputs, parts, self.output.describe(), self.precision, *last)

    @cached_property
    def architecture_digest(self) -> str:
        """Names the architecture: SHA-256 over the normal form without its numbers."""
        parts = [[layer.activation.describe(), layer.affine.shape_only()] for layer in self.layers]
        return digest("architecture 1", self.inputs, parts, self.output.shape_only())

    def forward(self, x: Array) -> list[Array]:
        """Values of every layer at inputs x (B, inputs): h_0, ..., h_K, each (B, size); float64, not rigorous."""
        values: dict[int, Array] = {0: np.asarray(x, dtype=np.float64)}
        for k, layer in enumerate(self.layers, 1):
            values[k] = layer.activation.value(layer.affine.evaluate(values))
        return [values[k] for k in range(len(self.layers) + 1)]

    def __call__(self, x: Array) -> Array:
        """Outputs at inputs x: (B, inputs) -> (B, outputs); float64, not rigorous."""
        return self.output.evaluate(dict(enumerate(self.forward(x))))

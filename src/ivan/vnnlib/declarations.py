"""What a VNN-LIB 2.0 query declares: networks, and the tensors that they read and compute.

Input scalars are numbered through all networks: those of the first network's first input in row-major order, then those
of its second input, and so on to the last network. Output scalars likewise, each network's outputs before its hidden
tensors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from ivan.digest import Digestible


@dataclass(frozen=True)
class DeclaredTensor:
    """A tensor that a query speaks of.

    Attributes:
        name: in the query.
        element: its element type in the query's words: `real`, `float32`, `int64`, ...
        shape: its dimensions; none for a scalar.
        onnx_name: the ONNX tensor behind a hidden one, or behind any that the text names so; None without.
    """

    name: str
    element: str
    shape: tuple[int, ...]
    onnx_name: str | None = None

    @property
    def size(self) -> int:
        """Number of scalars."""
        return prod(self.shape)


@dataclass(frozen=True)
class DeclaredNetwork:
    """A network that a query speaks of.

    Attributes:
        name: in the query.
        inputs: in the order of the text, as are the others.
        outputs: likewise.
        hidden: likewise.
        equal_to: the network that this one is the same function as.
        isomorphic_to: the network that this one has the same inputs and outputs as.
    """

    name: str
    inputs: tuple[DeclaredTensor, ...]
    outputs: tuple[DeclaredTensor, ...]
    hidden: tuple[DeclaredTensor, ...] = ()
    equal_to: str | None = None
    isomorphic_to: str | None = None

    def meaning(self, networks: Sequence[DeclaredNetwork]) -> Digestible:
        """What it says, whatever the names in the query: types, shapes, tensors of the file, and relations."""
        place = {network.name: k for k, network in enumerate(networks)}
        tensors: list[Digestible] = [
            [[t.element, list(t.shape), t.onnx_name or ""] for t in part]
            for part in (self.inputs, self.outputs, self.hidden)
        ]
        return [tensors, *(-1 if name is None else place[name] for name in (self.equal_to, self.isomorphic_to))]

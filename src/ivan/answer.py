"""What stands on stdout: the verdict on the first line, and behind `sat` the counterexample.

VNN-LIB 1.0 has pairs, as VNN-COMP writes them; VNN-LIB 2.0 a block for every declared tensor, or a file.

Source: VNN-LIB 2.0 standard, 5.3.1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ivan.network.element_types import is_integer
from ivan.proof import Witness
from ivan.verdict import Verdict
from ivan.vnnlib.declarations import DeclaredNetwork, DeclaredTensor

Array = NDArray[np.float64]

_SERIALISED = {"real": "float64"}
"""numpy's type of a declared one that it does not know: the widest for exact numbers."""


@dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor of a counterexample.

    Attributes:
        name: in the query.
        element: its element type, as declared.
        shape: its dimensions.
        values: its entries in row-major order.
    """

    name: str
    element: str
    shape: tuple[int, ...]
    values: Array

    def block(self) -> str:
        """Name, type and shape on a line, then a value a line; exact when read back."""
        whole = is_integer(self.element.lower())
        values = [str(int(v)) if whole else repr(float(v)) for v in self.values]
        return "\n".join([f"{self.name} {self.element} [{','.join(map(str, self.shape))}]", *values])

    def serialised(self) -> bytes:
        """A TensorProto of ONNX."""
        from onnx import numpy_helper

        kind = self.element.lower()
        array = self.values.astype(_SERIALISED.get(kind, kind)).reshape(self.shape)
        packed: bytes = numpy_helper.from_array(array, self.name).SerializeToString()
        return packed


def tensors(networks: Sequence[DeclaredNetwork], inputs: Array, outputs: Array) -> tuple[Tensor, ...]:
    """The declared tensors in the order of the text, of each network its inputs, hidden tensors and outputs.

    Args:
        networks: what the query declares; VNN-LIB 1.0 nothing, which speaks of X and Y.
        inputs: (n,) the query's inputs.
        outputs: (m,) its outputs, each network's before its hidden tensors.
    """
    if not networks:
        return Tensor("X", "real", inputs.shape, inputs), Tensor("Y", "real", outputs.shape, outputs)
    found: list[Tensor] = []

    def cut(declared: Sequence[DeclaredTensor], values: Array) -> tuple[list[Tensor], Array]:
        ends = np.cumsum([tensor.size for tensor in declared], dtype=np.int64)
        parts = np.split(values, ends)
        return [Tensor(t.name, t.element, t.shape, v) for t, v in zip(declared, parts, strict=False)], parts[-1]

    for network in networks:
        read, inputs = cut(network.inputs, inputs)
        computed, outputs = cut(network.outputs, outputs)
        inside, outputs = cut(network.hidden, outputs)
        found += [*read, *inside, *computed]
    return tuple(found)


def assignment(witness: Witness, blocks: Sequence[Tensor] = ()) -> str:
    """A counterexample: the tensors of VNN-LIB 2.0, else as VNN-COMP writes it for 1.0; exact when read back."""
    return "\n".join(tensor.block() for tensor in blocks) if blocks else "(" + "\n ".join(_pairs(witness)) + ")"


def _pairs(witness: Witness) -> Iterator[str]:
    for name, values in (("X", witness.inputs), ("Y", witness.outputs)):
        yield from (f"({name}_{i} {float(v)!r})" for i, v in enumerate(values))


def answer(verdict: Verdict, witness: Witness | None, vnnlib_version: int, blocks: Sequence[Tensor] = ()) -> str:
    """Everything that is printed, without the last line break."""
    word = verdict.spelled(vnnlib_version)
    return word if witness is None else f"{word}\n{assignment(witness, blocks)}"


def shortened(counterexample: str, most: int) -> list[str]:
    """The lines of a counterexample with no more than so many inputs and outputs; of VNN-LIB 2.0, values of a tensor.

    Args:
        counterexample: as an answer has it.
        most: values of a kind.
    """
    shown: list[str] = []
    for head, values in _blocks(counterexample):
        shown += [head] * bool(head) + values[:most]
        if len(values) > most:
            shown.append(f"and {len(values) - most:,} more")
    return shown


def _blocks(counterexample: str) -> list[tuple[str, list[str]]]:
    """Values that belong together, and what stands above them."""
    lines = [line.strip() for line in counterexample.splitlines()]
    if counterexample.startswith("("):
        lines = [line.strip() for line in counterexample.removeprefix("(").removesuffix(")").splitlines()]
        return [("", [line for line in lines if line.startswith(f"({letter}_")]) for letter in "XY"]
    blocks: list[tuple[str, list[str]]] = []
    for line in filter(None, lines):
        if line.endswith("]"):  # a tensor's name, type and shape
            blocks.append((line, []))
        elif blocks:
            blocks[-1][1].append(line)
    return blocks

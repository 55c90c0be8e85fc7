"""A model that was read: its normal form, the file itself, and what its tensors are called."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from ivan.network.layers import Network
from ivan.network.limits import Limit


@dataclass(frozen=True)
class Port:
    """An input or output of the model, or a tensor inside.

    Attributes:
        name: in the file.
        shape: of the tensor; an open batch dimension is 1.
        dtype: numpy's name of its type.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str

    @property
    def size(self) -> int:
        """Number of entries."""
        return prod(self.shape)


Ports = tuple[Port, ...]


@dataclass(frozen=True, eq=False)
class Model:
    """A model as deployed and as verified.

    Attributes:
        network: its normal form.
        data: the decompressed ONNX file, with external data inside: what onnxruntime is given.
        path: where it was read.
        file_digest: SHA-256 of `data`.
        inputs: its inputs, in the order in which `network` expects them one after the other.
        outputs: its outputs, in the order in which `network` concatenates them.
        hidden: tensors inside that were asked for; `network` has them behind the outputs.
        limits: what `network` takes for granted: it is the model only where they hold.
    """

    network: Network
    data: bytes
    path: str
    file_digest: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    hidden: tuple[Port, ...] = ()
    limits: tuple[Limit, ...] = ()

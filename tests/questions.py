"""Models and properties that belong together: what tests ask of whole commands.

The small questions are decided in milliseconds, the first by a tree of some twenty leaves. The hard ones take longer
than anybody waits: one splits boxes, the other units.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from tests.models import dense

Edit = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def small() -> bytes:
    """Over the box [-1, 1]^3 the first output lies between 1.78 and 2.25."""
    return dense((3, 12, 12, 2), np.random.default_rng(5))


def box(inputs: int, *asserted: str, outputs: int = 2, width: float = 1) -> str:
    """A VNN-LIB 1.0 property: every input in [-width, width], and what else is asserted."""
    lines = [f"(declare-const X_{i} Real)" for i in range(inputs)]
    lines += [f"(declare-const Y_{j} Real)" for j in range(outputs)]
    lines += [f"(assert (>= X_{i} {-width}))\n(assert (<= X_{i} {width}))" for i in range(inputs)]
    return "\n".join([*lines, *(f"(assert {formula})" for formula in asserted)]) + "\n"


HOLDS = box(3, "(>= Y_0 2.26)")
"""No input of the small model violates it."""
FAILS = box(3, "(>= Y_0 2.1)")
"""Some inputs of the small model do."""

HARD = {
    "boxes": (lambda: dense((10, 100, 100, 100, 2), np.random.default_rng(5)), box(10, "(>= Y_0 12)", width=3)),
    "units": (lambda: dense((30, 60, 60, 60, 2), np.random.default_rng(5)), box(30, "(>= Y_0 3.2)")),
}
"""Model and property, by what is split."""


def by_units() -> bytes:
    """With 24 inputs; `UNITS_HOLD` is decided by splitting its units."""
    return dense((24, 16, 16, 2), np.random.default_rng(6))


UNITS_HOLD = box(24, "(>= Y_0 1.2)")


def updated(data: bytes, edit: Edit) -> bytes:
    """The model with other weights."""
    model = onnx.ModelProto.FromString(data)
    for tensor in model.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(edit(numpy_helper.to_array(tensor)).astype(np.float32), tensor.name))
    return model.SerializeToString()


def nudged(data: bytes, share: float, seed: int = 0) -> bytes:
    """The model with every weight moved at random by about this share of itself."""
    rng = np.random.default_rng(seed)
    return updated(data, lambda array: array * (1 + share * rng.standard_normal(array.shape)))


def grown(data: bytes, extra: int, seed: int = 0) -> bytes:
    """A dense model with more units in every hidden layer, at random places, that are never on in boxes of width 1."""
    rng = np.random.default_rng(seed)
    model = onnx.ModelProto.FromString(data)
    tensors = [numpy_helper.to_array(tensor) for tensor in model.graph.initializer]
    for k in range(0, len(tensors) - 2, 2):
        (size, below), mine = tensors[k].shape, np.sort(rng.permutation(len(tensors[k]) + extra)[: len(tensors[k])])
        rows, biases = rng.standard_normal((size + extra, below)), np.full(size + extra, -1e3)
        columns = rng.standard_normal((len(tensors[k + 2]), size + extra))
        rows[mine], biases[mine], columns[:, mine] = tensors[k], tensors[k + 1], tensors[k + 2]
        tensors[k : k + 3] = rows, biases, columns
    for tensor, array in zip(model.graph.initializer, tensors, strict=True):
        tensor.CopyFrom(numpy_helper.from_array(array.astype(np.float32), tensor.name))
    return model.SerializeToString()


def renamed(data: bytes) -> bytes:
    """The same function from another exporter: other names for every node and every tensor between them."""
    model = onnx.ModelProto.FromString(data)
    ports = {port.name for port in (*model.graph.input, *model.graph.output)}
    model.producer_name, model.graph.name = "another exporter", "another graph"
    for tensor in model.graph.initializer:
        tensor.name = "renamed/" + tensor.name
    for node in model.graph.node:
        node.name = "renamed/" + node.name
        for names in (node.input, node.output):
            names[:] = [name if name in ports else "renamed/" + name for name in names]
    return model.SerializeToString()

"""What a model consists of, in words and counts: for people who want to know what was read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import prod

import numpy as np

from ivan.digest import Digestible
from ivan.network.affine import Affine
from ivan.network.linear import Adjoint, Convolution, Dense, Diagonal, LinearMap, Product, Selection, Sparse, Sum
from ivan.network.model import Model
from ivan.network.onnx_file import needed_nodes

_FLOATS = frozenset((1, 10, 11, 16))  # FLOAT, FLOAT16, DOUBLE, BFLOAT16 of onnx.TensorProto


@dataclass(frozen=True)
class LayerSummary:
    """One layer of the normal form.

    Attributes:
        number: from 1; None for the model's output.
        name: the node that it comes from.
        size: values.
        activation: its name; empty for the output, which has none.
        splittable: the activation has pieces, so that its units can be split.
        numbers: in its maps and constants, as the normal form has them.
        reads: for every layer that it reads, that layer's number (0 for the input) and the kind of map.
    """

    number: int | None
    name: str
    size: int
    activation: str
    splittable: bool
    numbers: int
    reads: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class Summary:
    """A model.

    Attributes:
        opset: of ai.onnx.
        operators: every operator that the outputs depend on, and how often.
        parameters: floating-point numbers that the file stores for these operators.
        layers: in order, the output last.
    """

    opset: int
    operators: dict[str, int]
    parameters: int
    layers: tuple[LayerSummary, ...]

    @property
    def splittable(self) -> int:
        """Units that can be split."""
        return sum(layer.size for layer in self.layers if layer.splittable)


def summarise(model: Model) -> Summary:
    """What a model consists of."""
    import onnx

    proto = onnx.ModelProto.FromString(model.data)
    nodes = needed_nodes(proto.graph)
    used = {name for node in nodes for name in node.input}
    stored = [tensor for tensor in proto.graph.initializer if tensor.name in used]
    stored += [a.t for node in nodes if node.op_type == "Constant" for a in node.attribute if a.name == "value"]
    layers = [
        _layer(number, layer.name, layer.affine, layer.activation.name, splittable=layer.activation.splittable)
        for number, layer in enumerate(model.network.layers, 1)
    ]
    ports = ", ".join(port.name for port in model.outputs)
    return Summary(
        opset=max(entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx")),
        operators=dict(sorted(Counter(node.op_type for node in nodes).items())),
        parameters=sum(prod(tensor.dims) for tensor in stored if tensor.data_type in _FLOATS),
        layers=(*layers, _layer(None, ports, model.network.output, "", splittable=False)),
    )


def _layer(number: int | None, name: str, affine: Affine, activation: str, *, splittable: bool) -> LayerSummary:
    reads = tuple((source, kind(linear)) for source, linear in affine.terms)
    return LayerSummary(number, name, affine.size, activation, splittable, _count(affine.describe()), reads)


def _count(value: Digestible) -> int:
    """Floating-point numbers in what a digest is taken over."""
    if isinstance(value, np.ndarray):
        return value.size if value.dtype.kind == "f" else 0
    if isinstance(value, list | tuple):
        return sum(map(_count, value))
    return isinstance(value, float)


def kind(linear: LinearMap) -> str:
    """A linear map in a few words, the map that is applied first on the left."""
    match linear:
        case Product():
            return f"{kind(linear.inner)}, {kind(linear.outer)}"
        case Sum():
            return f"({' + '.join(kind(part) for part in linear.parts)})"
        case Dense():
            m, n = linear.weight.shape
            return f"dense {n} to {m}" + ("" if linear.plain else f", {linear.before * linear.after} times")
        case Convolution():
            out, per_group, height, width = linear.kernel.shape
            return f"convolution {per_group * linear.groups} to {out} channels, {height}x{width}"
        case Adjoint():
            return f"transposed {kind(linear.inner)}"
        case Diagonal():
            return "scaling"
        case Selection():
            return "identity" if linear.identity else "selection"
        case Sparse():
            return "sparse"
        case _:
            return type(linear).__name__.lower()

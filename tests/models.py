"""Small ONNX models, built in memory: what tests feed to the reader and to whole commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Rng = np.random.Generator
FLOAT, DOUBLE = TensorProto.FLOAT, TensorProto.DOUBLE


class Graph:
    """Collects nodes and weights; methods return the name of the tensor they make; arrays as inputs are weights."""

    def __init__(self, opset: int = 13, prefix: str = "") -> None:
        self.opset, self.prefix = opset, prefix
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def weight(self, array: NDArray[Any]) -> str:
        name = f"{self.prefix}w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def node(
        self, operator: str, *inputs: str | NDArray[Any], outputs: int = 1, domain: str = "", **attributes: Any
    ) -> str:
        read = [i if isinstance(i, str) else self.weight(i) for i in inputs]
        base = f"{self.prefix}{operator.lower()}{len(self.nodes)}"
        names = [base] + [f"{base}_{k}" for k in range(1, outputs)]
        self.nodes.append(helper.make_node(operator, read, names, name=f"{base}_node", domain=domain, **attributes))
        return base

    def model(
        self,
        inputs: Mapping[str, Sequence[int | str] | None],
        outputs: Sequence[str],
        kind: int = FLOAT,
        output_kind: int | None = None,
        domains: Sequence[str] = (),
    ) -> bytes:
        """The serialised model; output shapes are left to be inferred."""
        graph = helper.make_graph(
            self.nodes,
            "graph",
            [helper.make_tensor_value_info(name, kind, shape) for name, shape in inputs.items()],
            [helper.make_tensor_value_info(name, output_kind or kind, None) for name in outputs],
            self.weights,
        )
        opsets = [helper.make_opsetid("", self.opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
        proto = helper.make_model(graph, opset_imports=opsets)
        proto.ir_version = 8
        return proto.SerializeToString()


def weights(rng: Rng, *shape: int) -> NDArray[np.float32]:
    """Normally distributed, scaled so that values neither grow nor vanish from layer to layer."""
    fan = max(1, int(np.prod(shape[1:])))
    return (rng.standard_normal(shape) / np.sqrt(fan)).astype(np.float32)


def dense(sizes: Sequence[int], rng: Rng, prefix: str = "") -> bytes:
    """Gemm layers with ReLU between them: sizes[0] inputs, ..., sizes[-1] outputs."""
    g = Graph(prefix=prefix)
    x = "x"
    for k, (n, m) in enumerate(pairwise(sizes)):
        x = g.node("Gemm", x, weights(rng, m, n), weights(rng, m), transB=1)
        if k < len(sizes) - 2:
            x = g.node("Relu", x)
    return g.model({"x": [1, sizes[0]]}, [x])


def convolutional(rng: Rng) -> bytes:
    """1 x 8 x 8 images; convolution, batch normalisation, ReLU, strided convolution, ReLU, average pool, dense."""
    g = Graph()
    x = g.node("Conv", "x", weights(rng, 3, 1, 3, 3), pads=[1, 1, 1, 1])
    statistics = [weights(rng, 3), weights(rng, 3), weights(rng, 3), np.abs(weights(rng, 3)) + np.float32(0.1)]
    x = g.node("Relu", g.node("BatchNormalization", x, *statistics))
    x = g.node("Relu", g.node("Conv", x, weights(rng, 4, 3, 3, 3), weights(rng, 4), strides=[2, 2]))
    x = g.node("Flatten", g.node("AveragePool", x, kernel_shape=[2, 2]))
    x = g.node("Gemm", x, weights(rng, 16, 3), weights(rng, 3))
    return g.model({"x": ["batch", 1, 8, 8]}, [x])


def residual(rng: Rng, blocks: int = 3, width: int = 6) -> bytes:
    """Dense pre-activation blocks, h + W relu(h), whose skip connection is never broken by an activation."""
    g = Graph()
    x = g.node("MatMul", "x", weights(rng, 4, width))
    for _ in range(blocks):
        inner = g.node("Add", g.node("MatMul", g.node("Relu", x), weights(rng, width, width)), x)
        x = g.node("Add", inner, weights(rng, width))
    return g.model({"x": [1, 4]}, [g.node("MatMul", x, weights(rng, width, 2))])


def maxpool(rng: Rng) -> bytes:
    """1 x 6 x 6 images; convolution, ReLU, overlapping maximum pool, dense."""
    g = Graph()
    x = g.node("Relu", g.node("Conv", "x", weights(rng, 2, 1, 3, 3), weights(rng, 2)))
    x = g.node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    x = g.node("Flatten", x)
    x = g.node("Gemm", x, weights(rng, 8, 2), weights(rng, 2))
    return g.model({"x": [1, 1, 6, 6]}, [x])


ALL = {
    "dense": lambda rng: dense([4, 8, 8, 3], rng),
    "convolutional": convolutional,
    "residual": residual,
    "maxpool": maxpool,
}
"""Every kind of model, by name: a generator of random numbers to ONNX bytes."""

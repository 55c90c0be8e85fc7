"""Models to ONNX: opset 17, float32, a batch of one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatchmethod
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike
from onnx import TensorProto, helper, numpy_helper

from generator.blocks import Attention, Euler, GraphConvolution, Mean
from generator.layers import BatchNormalization, Convolution, Dense, Flatten, Layer, MaxPool, Relu, Residual, Sequential

OPSET = 17
IR_VERSION = 8  # what came with opset 17: older runtimes read it too


class Graph:
    """A graph under construction; every node is named after its operator and its number."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Appends a node with one output and returns that output's name."""
        name = f"{operator.lower()}_{sum(node.op_type == operator for node in self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def constant(self, role: str, values: ArrayLike) -> str:
        """Stores values as float32 and returns their name; what has the same role and values is stored once."""
        stored = np.asarray(values, dtype=np.float32)
        alike = [tensor for tensor in self.initializers if tensor.name.startswith(f"{role}_")]
        for tensor in alike:
            if np.array_equal(numpy_helper.to_array(tensor), stored):
                return tensor.name
        name = f"{role}_{len(alike)}"
        self.initializers.append(numpy_helper.from_array(stored, name))
        return name

    @singledispatchmethod
    def append(self, layer: Layer, x: str) -> str:
        """Appends a layer that reads x and returns its output's name."""
        raise TypeError(f"no ONNX form of {type(layer).__name__}")

    @append.register
    def _(self, layer: Sequential, x: str) -> str:
        for inner in layer.layers:
            x = self.append(inner, x)
        return x

    @append.register
    def _(self, layer: Residual, x: str) -> str:
        return self.node("Add", self.append(layer.body, x), x)

    @append.register
    def _(self, layer: Dense, x: str) -> str:
        return self.node("Gemm", x, self.constant("weight", layer.weight), self.constant("bias", layer.bias), transB=1)

    @append.register
    def _(self, layer: Convolution, x: str) -> str:
        weight, bias = self.constant("weight", layer.weight), self.constant("bias", layer.bias)
        strides = [layer.stride, layer.stride]
        return self.node("Conv", x, weight, bias, kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=strides)

    @append.register
    def _(self, layer: BatchNormalization, x: str) -> str:
        named = {"scale": layer.scale, "shift": layer.bias, "mean": layer.mean, "variance": layer.variance}
        constants = [self.constant(role, values) for role, values in named.items()]
        return self.node("BatchNormalization", x, *constants, epsilon=layer.epsilon)

    @append.register
    def _(self, layer: Relu, x: str) -> str:
        return self.node("Relu", x)

    @append.register
    def _(self, layer: MaxPool, x: str) -> str:
        return self.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])

    @append.register
    def _(self, layer: Flatten, x: str) -> str:
        return self.node("Flatten", x)

    @append.register
    def _(self, layer: Euler, x: str) -> str:
        step = self.constant("step", layer.step)
        for _ in range(layer.count):
            x = self.node("Add", x, self.node("Mul", self.append(layer.body, x), step))
        return x

    @append.register
    def _(self, layer: GraphConvolution, x: str) -> str:
        gathered = self.node("MatMul", self.constant("adjacency", layer.adjacency), x)
        mapped = self.node("MatMul", gathered, self.constant("weight", layer.weight.T))
        return self.node("Add", mapped, self.constant("bias", layer.bias))

    @append.register
    def _(self, layer: Mean, x: str) -> str:
        return self.node("ReduceMean", x, axes=[1], keepdims=0)

    @append.register
    def _(self, layer: Attention, x: str) -> str:
        matrices = layer.query, layer.key, layer.value
        query, key, value = (self.node("MatMul", x, self.constant("weight", matrix)) for matrix in matrices)
        query = self.node("Add", query, self.constant("bias", layer.bias))
        products = self.node("MatMul", query, self.node("Transpose", key, perm=[0, 2, 1]))
        scores = self.node("Mul", products, self.constant("scale", layer.scale))
        return self.node("MatMul", self.node("Softmax", scores, axis=-1), value)

    def write(self, path: Path, inputs: tuple[int, ...], names: Sequence[str], widths: Sequence[int]) -> None:
        """Writes the graph from `x`, of shape (1, *inputs), to the named outputs, each of shape (1, width).

        Raises:
            onnx.checker.ValidationError: the graph is not valid ONNX.
        """
        graph = helper.make_graph(
            self.nodes,
            path.name.removesuffix(".onnx"),
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, *inputs])],
            [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, width])
                for name, width in zip(names, widths, strict=True)
            ],
            self.initializers,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, path)

"""Models to ONNX: opset 17, float32, a batch of one."""

from __future__ import annotations

from functools import singledispatchmethod
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike
from onnx import TensorProto, helper, numpy_helper

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
        """Stores values as float32 and returns their name."""
        name = f"{role}_{sum(tensor.name.startswith(f'{role}_') for tensor in self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.asarray(values, dtype=np.float32), name))
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

    def write(self, path: Path, inputs: tuple[int, ...], outputs: int) -> None:
        """Writes the graph from `x`, of shape (1, *inputs), to its last node, of shape (1, outputs).

        Raises:
            onnx.checker.ValidationError: the graph is not valid ONNX.
        """
        graph = helper.make_graph(
            self.nodes,
            path.name.removesuffix(".onnx"),
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, *inputs])],
            [helper.make_tensor_value_info(self.nodes[-1].output[0], TensorProto.FLOAT, [1, outputs])],
            self.initializers,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, path)

"""Every operator in all its forms: what test_operators.py compares with onnxruntime.

A case is a label, the operator sets to try, the shape of the input `x`, and a function that adds nodes to a graph.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import TensorProto, numpy_helper
from tests.models import Graph
from tests.network.case import Build, one, weights
from tests.network.cases_moving import MOVED_CASES
from tests.network.cases_nonlinear import CURVED
from tests.network.cases_resize import RESIZE

w = weights(np.random.default_rng(7))


def i(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


def f(number: float) -> np.ndarray:
    return np.array(number, np.float32)


def constant(number: Any, kind: type = np.int64) -> Callable[[Graph], str]:
    """A Constant node."""
    array = np.asarray(number, kind)
    return lambda g: g.node("Constant", value=numpy_helper.from_array(array))


IMAGE = (1, 2, 5, 6)
IMAGES = (3, 2, 5, 6)
LINE = (1, 2, 7)
NORM = (w(2), w(2), w(2), np.abs(w(2)) + f(0.1))


def padded_pool(g: Graph, size: int) -> str:
    """A maximum over windows that reach into a frame of -infinity, as some exporters write one with padding."""
    padded = g.node("Pad", "x", i(0, 0, 1, size - 1, 0, 0, size - 1, 1), f(-np.inf))
    return g.node("MaxPool", padded, kernel_shape=[size, size], strides=[1, 2])


def _second(g: Graph, *inputs: np.ndarray, **attributes: Any) -> str:
    """The second of two outputs of a Split."""
    return g.node("Split", "x", *inputs, outputs=2, **attributes) + "_1"


# (label, opsets, shape of the input, graph)
CASES: list[tuple[str, tuple[int, ...], tuple[int, ...], Build]] = [
    # matrix products
    ("gemm", (7, 9, 13), (1, 4), one("Gemm", w(4, 3), w(3))),
    ("gemm with every attribute", (9, 13), (4, 2), one("Gemm", w(3, 4), w(3), alpha=0.3, beta=2.5, transA=1, transB=1)),
    ("gemm without bias", (11,), (1, 4), one("Gemm", w(4, 3))),
    ("gemm with beta 0", (11,), (1, 4), one("Gemm", w(4, 3), w(3), beta=0.0)),
    ("gemm constant first", (13,), (4, 2), lambda g: g.node("Gemm", w(3, 4), "x", w(3, 1), alpha=0.7)),
    ("gemm column bias", (13,), (3, 4), one("Gemm", w(4, 2), w(3, 1))),
    ("matmul", (9, 13), (2, 4), one("MatMul", w(4, 3))),
    ("matmul constant first", (13,), (4, 2), lambda g: g.node("MatMul", w(3, 4), "x")),
    ("matmul of a vector", (13,), (4,), one("MatMul", w(4, 3))),
    ("matmul with a vector", (13,), (2, 4), one("MatMul", w(4))),
    ("matmul vector by vector", (13,), (4,), lambda g: g.node("MatMul", w(4), "x")),
    ("matmul along tokens", (13,), (2, 3, 4), one("MatMul", w(4, 5))),
    ("matmul constant first along tokens", (13,), (2, 3, 4), lambda g: g.node("MatMul", w(5, 3), "x")),
    ("matmul by a stack", (13,), (2, 3, 4), one("MatMul", w(2, 4, 5))),
    ("matmul by a longer stack", (13,), (1, 3, 4), one("MatMul", w(2, 2, 4, 5))),
    ("matmul of a stack", (13,), (1, 4, 3), lambda g: g.node("MatMul", w(2, 5, 4), "x")),
    ("matmul of constants", (13,), (1, 3), lambda g: g.node("MatMul", "x", g.node("MatMul", w(3, 4), w(4, 2)))),
    # arithmetic
    ("add with broadcasting", (7, 13), (2, 3), one("Add", w(3))),
    ("add that widens", (13,), (1, 3), one("Add", w(2, 4, 1, 1))),
    ("add to itself", (13,), (2, 3), one("Add", "x")),
    ("add of different shapes", (13,), (2, 3), lambda g: g.node("Add", "x", g.node("Slice", "x", i(0), i(1), i(0)))),
    ("sub", (7, 13), (2, 3), one("Sub", w(2, 1))),
    ("sub from a constant", (13,), (2, 3), lambda g: g.node("Sub", w(3), "x")),
    ("sub of variables", (13,), (2, 3), lambda g: g.node("Sub", "x", g.node("Relu", "x"))),
    ("sub of constants", (13,), (2, 3), lambda g: g.node("Mul", "x", g.node("Sub", w(3), w(2, 1)))),
    ("sum", (8, 13), (2, 3), one("Sum", w(3), "x", w(2, 1))),
    ("mean", (8, 13), (2, 3), one("Mean", w(3), "x")),
    ("mean of constants", (13,), (2, 3), lambda g: g.node("Add", "x", g.node("Mean", w(3), w(2, 1), w(1)))),
    ("neg", (7, 13), (2, 3), one("Neg")),
    ("neg of a constant", (13,), (2, 3), lambda g: g.node("Add", "x", g.node("Neg", w(3)))),
    ("mul", (7, 13), (2, 3), one("Mul", w(3))),
    ("mul that widens", (13,), (2, 3), lambda g: g.node("Mul", w(2, 1, 1), "x")),
    ("div", (7, 13), (2, 3), one("Div", w(2, 3))),
    ("div of constants", (13,), (2, 3), lambda g: g.node("Add", "x", g.node("Div", w(3), w(2, 1)))),
    ("integer div", (13,), (2, 3), lambda g: g.node("Gather", "x", g.node("Div", i(-7, 5), i(3, 2)), axis=1)),
    ("where", (9, 16), (2, 3), lambda g: g.node("Where", np.array([[True, False, True]]), "x", w(2, 3))),
    (
        "where of variables",
        (16,),
        (1, 3),
        lambda g: g.node("Where", np.array([True, False, True]), "x", g.node("Relu", "x")),
    ),
    # moving numbers
    ("flatten", (7, 9, 13), (2, 3, 4), one("Flatten")),
    ("flatten at 0", (13,), (2, 3, 4), one("Flatten", axis=0)),
    ("flatten at the end", (13,), (2, 3, 4), one("Flatten", axis=3)),
    ("flatten from behind", (11,), (2, 3, 4), one("Flatten", axis=-1)),
    ("reshape", (7, 13), (2, 3, 4), one("Reshape", i(0, -1, 2))),
    ("reshape allowing zero", (14,), (2, 3), one("Reshape", i(3, 2), allowzero=1)),
    ("transpose", (7, 13), (2, 3, 4), one("Transpose", perm=[2, 0, 1])),
    ("transpose by default", (13,), (2, 3, 4), one("Transpose")),
    ("concat", (7, 13), (2, 3), lambda g: g.node("Concat", "x", w(2, 1), g.node("Relu", "x"), axis=1)),
    ("concat of constants", (13,), (2, 3), lambda g: g.node("Add", "x", g.node("Concat", w(1, 3), w(1, 3), axis=-2))),
    ("slice by attributes", (7, 9), (4, 5), one("Slice", starts=[1, -3], ends=[9, -1], axes=[0, 1])),
    ("slice by attributes without axes", (9,), (4, 5), one("Slice", starts=[1], ends=[3])),
    ("slice by inputs", (10, 13), (4, 5), one("Slice", i(-1, 1), i(-100, 4), i(0, 1), i(-2, 2))),
    ("slice without axes", (13,), (4, 5), one("Slice", i(1, 2), i(2**31 - 1, 2**62))),
    ("split by attribute", (7, 11), (2, 5), lambda g: g.node("Neg", _second(g, split=[2, 3], axis=1))),
    ("split by input", (13,), (2, 5), lambda g: g.node("Neg", _second(g, i(2, 3), axis=-1))),
    ("split evenly", (9, 13), (4, 5), lambda g: g.node("Neg", _second(g))),
    ("split into a number of parts", (18,), (5, 2), lambda g: g.node("Neg", _second(g, num_outputs=2))),
    ("gather", (7, 13), (2, 4), one("Gather", i(3, 0, 0), axis=1)),
    ("gather from behind", (11,), (2, 4), one("Gather", np.array([[-1], [1]]), axis=-1)),
    ("gather one", (13,), (2, 4), one("Gather", np.array(1), axis=0)),
    ("squeeze by attribute", (7, 11), (1, 3, 1), one("Squeeze", axes=[0])),
    ("squeeze by input", (13,), (1, 3, 1), one("Squeeze", i(-1))),
    ("squeeze all", (9, 13), (1, 3, 1), one("Squeeze")),
    ("unsqueeze by attribute", (7, 11), (2, 3), one("Unsqueeze", axes=[0, 3])),
    ("unsqueeze by input", (13,), (2, 3), one("Unsqueeze", i(-1, 0))),
    ("expand", (8, 13), (2, 1), one("Expand", i(3, 1, 4))),
    ("tile", (7, 13), (2, 3), one("Tile", i(2, 3))),
    ("pad by attributes", (7, 9), IMAGE, one("Pad", pads=[0, 0, 1, 2, 0, 0, 0, 1], value=0.5)),
    ("pad by inputs", (11, 13), IMAGE, one("Pad", i(0, 0, 1, 2, 0, 0, 0, 1), f(-1.5))),
    ("pad that crops", (13,), IMAGE, one("Pad", i(0, 0, -1, 2, 0, 0, 0, -1))),
    ("pad some axes", (18,), IMAGE, one("Pad", i(1, 2), "", i(-1))),
    ("pad by reflection", (13,), IMAGE, one("Pad", i(0, 0, 1, 2, 0, 0, 2, 1), mode="reflect")),
    ("pad by the edge", (13,), IMAGE, one("Pad", i(0, 0, 1, 2, 0, 0, 2, 1), mode="edge")),
    ("depth to space", (9, 13), (1, 8, 2, 3), one("DepthToSpace", blocksize=2)),
    ("depth to space, columns first", (13,), (1, 8, 2, 3), one("DepthToSpace", blocksize=2, mode="CRD")),
    ("space to depth", (9, 13), (1, 2, 4, 6), one("SpaceToDepth", blocksize=2)),
    # constants and shapes
    ("constant", (9, 13), (2, 3), lambda g: g.node("Add", "x", constant(w(3), np.float32)(g))),
    ("constant number", (13,), (2, 3), lambda g: g.node("Add", "x", g.node("Constant", value_float=0.1))),
    ("constant numbers", (13,), (2, 3), lambda g: g.node("Add", "x", g.node("Constant", value_floats=[0.1, 2.0, 3.0]))),
    ("constant integers", (13,), (2, 3), lambda g: g.node("Reshape", "x", g.node("Constant", value_ints=[3, 2]))),
    ("constant integer", (13,), (2, 3), lambda g: g.node("Gather", "x", g.node("Constant", value_int=1))),
    ("constant of shape", (9, 13), (2, 3), lambda g: g.node("Add", "x", g.node("ConstantOfShape", i(3)))),
    (
        "shape",
        (7, 13),
        (2, 3, 4),
        lambda g: g.node(
            "Reshape", "x", g.node("Concat", g.node("Gather", g.node("Shape", "x"), i(2, 0)), i(-1), axis=0)
        ),
    ),
    (
        "part of a shape",
        (15,),
        (2, 3, 4),
        lambda g: g.node("Reshape", "x", g.node("Concat", g.node("Shape", "x", start=-2), i(-1), axis=0)),
    ),
    (
        "size",
        (9, 13),
        (2, 3),
        lambda g: g.node(
            "Reshape",
            "x",
            g.node("Unsqueeze", g.node("Size", "x"), i(0))
            if g.opset > 12
            else g.node("Unsqueeze", g.node("Size", "x"), axes=[0]),
        ),
    ),
    (
        "range",
        (11, 13),
        (2, 5),
        lambda g: g.node("Gather", "x", g.node("Range", np.array(4), np.array(-1), np.array(-2)), axis=1),
    ),
    (
        "cast of constants",
        (9, 13),
        (2, 3),
        lambda g: g.node("Reshape", "x", g.node("Cast", np.array([3.0, 2.0], np.float32), to=TensorProto.INT64)),
    ),
    (
        "cast of half precision",
        (13,),
        (2, 3),
        lambda g: g.node("Mul", "x", g.node("Cast", w(3).astype(np.float16), to=TensorProto.FLOAT)),
    ),
    (
        "cast there and back",
        (13,),
        (2, 3),
        lambda g: g.node("Cast", g.node("Cast", "x", to=TensorProto.DOUBLE), to=TensorProto.FLOAT),
    ),
    ("identity", (7, 13), (2, 3), one("Identity")),
    ("dropout by attribute", (7, 10), (2, 3), one("Dropout", ratio=0.3)),
    ("dropout by input", (12, 13), (2, 3), one("Dropout", f(0.3))),
    ("dropout told not to train", (13,), (2, 3), one("Dropout", f(0.3), np.array(False))),
    ("square root", (13,), (2, 3), lambda g: g.node("Div", "x", g.node("Sqrt", np.abs(w(3))))),
    ("reciprocal", (13,), (2, 3), lambda g: g.node("Mul", "x", g.node("Reciprocal", w(3)))),
    ("power", (13,), (2, 3), lambda g: g.node("Mul", "x", g.node("Pow", w(3), f(2)))),
    (
        "floor and ceil",
        (13,),
        (2, 3),
        lambda g: g.node("Mul", g.node("Add", "x", g.node("Floor", w(3))), g.node("Ceil", w(3))),
    ),
    (
        "comparisons",
        (13,),
        (2, 3),
        lambda g: g.node(
            "Where",
            g.node("Not", g.node("Less", w(2, 3), w(3))),
            "x",
            g.node("Where", g.node("Greater", w(3), f(0)), w(3), f(2)),
        ),
    ),
    ("equality", (13,), (2, 3), lambda g: g.node("Where", g.node("Equal", i(1, 2, 3), i(1, 5, 3)), "x", f(2))),
    # convolutions
    ("conv", (7, 11), IMAGE, one("Conv", w(3, 2, 3, 2), w(3))),
    (
        "conv with every attribute",
        (11,),
        IMAGE,
        one(
            "Conv",
            w(4, 1, 2, 3),
            w(4),
            kernel_shape=[2, 3],
            strides=[2, 1],
            pads=[1, 2, 0, 1],
            dilations=[2, 1],
            group=2,
        ),
    ),
    ("conv of a batch", (11,), IMAGES, one("Conv", w(4, 1, 2, 3), w(4), group=2)),
    ("conv in one dimension", (11,), LINE, one("Conv", w(3, 2, 3), w(3), strides=[2], pads=[1, 2], dilations=[2])),
    ("conv same upper", (11,), IMAGE, one("Conv", w(3, 2, 2, 3), auto_pad="SAME_UPPER", strides=[2, 2])),
    ("conv same lower", (11,), IMAGE, one("Conv", w(3, 2, 2, 3), auto_pad="SAME_LOWER", strides=[2, 2])),
    ("conv valid", (11,), IMAGE, one("Conv", w(3, 2, 2, 3), auto_pad="VALID")),
    (
        "conv of a constant",
        (11,),
        (1, 3, 3, 4),
        lambda g: g.node("Add", "x", g.node("Conv", w(1, 2, 5, 5), w(3, 2, 3, 2), w(3))),
    ),
    ("transposed conv", (7, 11), IMAGE, one("ConvTranspose", w(2, 3, 3, 2), w(3))),
    (
        "transposed conv with every attribute",
        (11,),
        IMAGE,
        one(
            "ConvTranspose",
            w(2, 2, 2, 3),
            w(4),
            kernel_shape=[2, 3],
            strides=[2, 3],
            pads=[1, 2, 0, 1],
            dilations=[2, 1],
            output_padding=[1, 2],
            group=2,
        ),
    ),
    ("transposed conv of a batch", (11,), IMAGES, one("ConvTranspose", w(2, 2, 2, 3), group=2)),
    ("transposed conv in one dimension", (11,), LINE, one("ConvTranspose", w(2, 3, 3), strides=[2])),
    (
        "transposed conv to a shape",
        (11,),
        IMAGE,
        one("ConvTranspose", w(2, 3, 3, 3), strides=[2, 2], output_shape=[10, 12]),
    ),
    (
        "transposed conv same upper",
        (11,),
        IMAGE,
        one("ConvTranspose", w(2, 3, 3, 3), strides=[2, 2], auto_pad="SAME_UPPER"),
    ),
    (
        "transposed conv same lower",
        (11,),
        IMAGE,
        one("ConvTranspose", w(2, 3, 3, 3), strides=[2, 2], auto_pad="SAME_LOWER"),
    ),
    ("transposed conv valid", (11,), IMAGE, one("ConvTranspose", w(2, 3, 3, 3), strides=[2, 2], auto_pad="VALID")),
    # normalisation and pooling
    ("batch normalisation", (7, 9, 14, 15), IMAGES, one("BatchNormalization", *NORM, epsilon=1e-3)),
    ("batch normalisation of vectors", (9, 15), (3, 2), one("BatchNormalization", *NORM)),
    ("average pool", (7, 11), IMAGES, one("AveragePool", kernel_shape=[2, 3], strides=[1, 2])),
    (
        "average pool, padded",
        (11, 19),
        IMAGE,
        one("AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2]),
    ),
    (
        "average pool that counts the padding",
        (11, 19),
        IMAGE,
        one("AveragePool", kernel_shape=[3, 3], pads=[1, 0, 1, 1], count_include_pad=1),
    ),
    ("average pool, ceil mode", (11, 19), IMAGE, one("AveragePool", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)),
    (
        "average pool, ceil mode, padded",
        (19,),
        IMAGE,
        one("AveragePool", kernel_shape=[3, 3], strides=[2, 3], pads=[1, 1, 1, 1], ceil_mode=1),
    ),
    (
        "average pool, ceil mode, counting",
        (19,),
        IMAGE,
        one("AveragePool", kernel_shape=[3, 3], strides=[2, 3], pads=[1, 1, 1, 1], ceil_mode=1, count_include_pad=1),
    ),
    ("average pool, dilated", (19,), IMAGE, one("AveragePool", kernel_shape=[2, 2], dilations=[2, 3])),
    (
        "average pool, same",
        (11,),
        IMAGE,
        one("AveragePool", kernel_shape=[2, 3], auto_pad="SAME_UPPER", strides=[2, 2]),
    ),
    ("average pool in one dimension", (11,), LINE, one("AveragePool", kernel_shape=[3], strides=[2])),
    ("global average pool", (7, 13), IMAGES, one("GlobalAveragePool")),
    ("max pool", (7, 12), IMAGES, one("MaxPool", kernel_shape=[2, 2], strides=[2, 2])),
    ("max pool, overlapping", (12,), IMAGE, one("MaxPool", kernel_shape=[3, 3], strides=[1, 2], pads=[1, 1, 1, 1])),
    ("max pool, ceil mode", (10, 12), IMAGE, one("MaxPool", kernel_shape=[2, 4], strides=[2, 3], ceil_mode=1)),
    ("max pool, dilated", (10, 12), IMAGE, one("MaxPool", kernel_shape=[3, 2], dilations=[2, 3])),
    ("max pool, same", (12,), IMAGE, one("MaxPool", kernel_shape=[2, 3], auto_pad="SAME_LOWER", strides=[2, 2])),
    ("max pool, padded with -infinity", (12, 20), IMAGE, lambda g: padded_pool(g, 2)),
    ("max pool, some windows of one cell", (13,), IMAGE, lambda g: padded_pool(g, 3)),
    ("max pool in one dimension", (12,), LINE, one("MaxPool", kernel_shape=[5], strides=[1])),
    (
        "max pool of an affine map",
        (12,),
        IMAGE,
        lambda g: g.node("MaxPool", g.node("Conv", "x", w(2, 2, 2, 2), w(2)), kernel_shape=[2, 2]),
    ),
    ("max pool in three dimensions", (12,), (1, 1, 3, 4, 3), one("MaxPool", kernel_shape=[2, 2, 2])),
    ("global max pool", (7, 13), IMAGES, one("GlobalMaxPool")),
    # reductions
    ("reduce sum by attribute", (7, 11), (2, 3, 4), one("ReduceSum", axes=[1], keepdims=0)),
    ("reduce sum by input", (13,), (2, 3, 4), one("ReduceSum", i(0, -1))),
    ("reduce sum of all", (13,), (2, 3, 4), one("ReduceSum", keepdims=0)),
    ("reduce sum of none", (13,), (2, 3, 4), one("ReduceSum", noop_with_empty_axes=1)),
    ("reduce sum of constants", (13,), (2, 3), lambda g: g.node("Add", "x", g.node("ReduceSum", w(2, 3), i(0)))),
    ("reduce mean by attribute", (7, 13), (2, 3, 4), one("ReduceMean", axes=[-1, 0], keepdims=0)),
    ("reduce mean by input", (18,), (2, 3, 4), one("ReduceMean", i(1))),
    ("reduce max by attribute", (11, 13), (2, 3, 4), one("ReduceMax", axes=[1, 2], keepdims=0)),
    ("reduce max by input", (18,), (2, 3, 4), one("ReduceMax", i(0, 2))),
    ("reduce max of constants", (18,), (2, 3), lambda g: g.node("Add", "x", g.node("ReduceMax", w(2, 3), i(1)))),
    (
        "reduce min",
        (11, 13, 18),
        (2, 5),
        lambda g: g.node("ReduceMin", "x", i(1)) if g.opset > 17 else g.node("ReduceMin", "x", axes=[1]),
    ),
    # piecewise linear
    ("relu", (7, 13), (2, 3), one("Relu")),
    ("relu of a constant", (13,), (2, 3), lambda g: g.node("Add", "x", g.node("Relu", w(3)))),
    ("leaky relu", (7, 16), (2, 3), one("LeakyRelu", alpha=0.3)),
    ("leaky relu by default", (13,), (2, 3), lambda g: g.node("LeakyRelu", g.node("MatMul", "x", w(3, 3)))),
    ("leaky relu of a constant", (13,), (2, 3), lambda g: g.node("Add", "x", g.node("LeakyRelu", w(3)))),
    ("prelu", (7, 9, 16), IMAGE, one("PRelu", w(2, 1, 1))),
    ("absolute value", (7, 13), (2, 3), one("Abs")),
    ("absolute value of a constant", (13,), (2, 3), lambda g: g.node("Add", "x", g.node("Abs", w(3)))),
    ("hard sigmoid", (7, 13), (2, 3), one("HardSigmoid", alpha=0.4)),
    ("clip by attributes", (7, 9), (2, 3), one("Clip", min=-0.5, max=0.25)),
    ("clip by default", (7, 9), (2, 3), one("Clip")),
    ("clip by inputs", (11, 13), (2, 3), one("Clip", f(0), f(1))),
    ("clip below", (13,), (2, 3), one("Clip", f(0.2))),
    ("clip above", (13,), (2, 3), one("Clip", "", f(0.2))),
    ("clip at infinity", (13,), (2, 3), one("Clip", f(0.0), f(np.inf))),
    ("clip with limits the wrong way round", (13,), (2, 3), one("Clip", f(0.5), f(-0.5))),
    ("clip of a constant", (13,), (2, 3), lambda g: g.node("Add", "x", g.node("Clip", w(3), f(-0.1), f(0.1)))),
    ("max", (8, 13), (2, 3), lambda g: g.node("Max", "x", w(3), g.node("MatMul", "x", w(3, 3)))),
    ("max of a constant and a smaller variable", (13,), (1, 3), lambda g: g.node("Max", w(2, 3), "x")),
    ("max of constants", (13,), (2, 3), lambda g: g.node("Add", "x", g.node("Max", w(3), w(2, 1)))),
    ("min", (8, 13), (2, 3), lambda g: g.node("Min", w(3), "x", g.node("MatMul", "x", w(3, 3)))),
    ("min of constants", (13,), (2, 3), lambda g: g.node("Add", "x", g.node("Min", w(3), w(2, 1)))),
    *MOVED_CASES,
    *RESIZE,
    *CURVED,
]

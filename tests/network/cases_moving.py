"""Operators that move entries, average neighbours, or are only read on constants; see cases.py."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, helper
from tests.models import Graph
from tests.network.case import IMAGE, Build, Case, one, weights

_W = np.random.default_rng(8)
w = weights(_W)


def i(numbers: Any) -> np.ndarray:
    return np.array(numbers, np.int64)


def s(*numbers: float) -> np.ndarray:
    return np.array(numbers, np.float32)


def added(operator: str, *operands: Any, **attributes: Any) -> Build:
    """The input plus what an operator makes of constants, as a float."""
    return lambda g: g.node("Add", "x", g.node("Cast", g.node(operator, *operands, **attributes), to=TensorProto.FLOAT))


BOOLS = np.array([[True, False, True], [False, False, True]])
OTHER = np.array([[True, True, False], [False, True, True]])

MOVING: list[Case] = [
    ("gather elements", (11, 13), (3, 4), one("GatherElements", i([[0, -1], [2, 1]]), axis=1)),
    ("gather elements of columns", (13,), (3, 4), one("GatherElements", i([[0, -1, 2, 1]]))),
    ("gather along coordinates", (11, 13), (3, 4, 2), one("GatherND", i([[[0, 1]], [[-1, 3]]]))),
    ("gather single entries", (13,), (3, 4), one("GatherND", i([[0, 1], [2, -1]]))),
    (
        "gather along coordinates in batches",
        (13,),
        (2, 4, 2),
        one("GatherND", i([[[1], [0]], [[3], [-1]]]), batch_dims=1),
    ),
    ("scatter", (9, 10), (3, 4), one("Scatter", i([[0, 2]]), w(1, 2), axis=1)),
    ("scatter elements", (11, 13, 18), (3, 4), one("ScatterElements", i([[0, -1], [2, 1]]), w(2, 2), axis=1)),
    (
        "scatter elements of a variable",
        (13,),
        (2, 2),
        lambda g: g.node("ScatterElements", w(3, 4), i([[0, 1], [2, -1]]), "x", axis=1),
    ),
    (
        "scatter elements that are added",
        (16, 18),
        (3, 4),
        one("ScatterElements", i([[0, 0], [2, 1]]), w(2, 2), axis=1, reduction="add"),
    ),
    (
        "scatter elements of a variable that are added",
        (18,),
        (2, 2),
        lambda g: g.node("ScatterElements", w(3, 4), i([[0, 0], [2, -1]]), "x", axis=1, reduction="add"),
    ),
    *(
        (
            f"scatter elements of constants, {reduction}",
            (18,),
            (3, 4),
            added("ScatterElements", w(3, 4), i([[0, 0], [2, 1]]), w(2, 2), axis=1, reduction=reduction),
        )
        for reduction in ("add", "mul", "max", "min")
    ),
    ("scatter of constants", (13,), (3, 4), added("ScatterND", w(3, 4), i([[1], [0]]), w(2, 4))),
    ("scatter rows", (11, 13, 18), (3, 4), one("ScatterND", i([[2], [0]]), w(2, 4))),
    ("scatter entries", (13,), (3, 4), one("ScatterND", i([[2, 1], [0, -1]]), w(2))),
    ("scatter rows that are added", (16, 18), (3, 4), one("ScatterND", i([[2], [2]]), w(2, 4), reduction="add")),
    ("compress", (9, 11), (3, 4), one("Compress", np.array([True, False, True]), axis=-1)),
    ("compress all", (11,), (3, 4), one("Compress", np.array([False, True, True, False, False, True]))),
    ("upper triangle", (14,), (2, 3, 4), one("Trilu")),
    ("lower triangle", (14,), (3, 4), one("Trilu", i(-1), upper=0)),
    ("triangle of a constant", (14,), (3, 4), added("Trilu", w(3, 4), i(1))),
    ("reverse sequences", (10,), (4, 2, 3), one("ReverseSequence", i([3, 1]))),
    (
        "reverse sequences, batches first",
        (10,),
        (2, 4, 3),
        one("ReverseSequence", i([3, 4]), batch_axis=0, time_axis=1),
    ),
    *(
        (
            f"cumulative sum, {exclusive} {reverse} {axis}",
            (11, 14),
            (2, 3, 4),
            one("CumSum", i(axis), exclusive=exclusive, reverse=reverse),
        )
        for exclusive in (0, 1)
        for reverse in (0, 1)
        for axis in (1, -1)
    ),
    *(
        (
            f"cumulative sum of constants, {exclusive} {reverse}",
            (14,),
            (2, 3),
            added("CumSum", w(2, 3), i(1), exclusive=exclusive, reverse=reverse),
        )
        for exclusive in (0, 1)
        for reverse in (0, 1)
    ),
    ("crop or pad about the middle", (18,), (1, 3, 5, 6), one("CenterCropPad", i([6, 3]), axes=[1, 2])),
    ("crop or pad all about the middle", (18,), (5, 4), one("CenterCropPad", i([2, 7]))),
    ("cast like", (15, 19), (2, 3), one("CastLike", w(1))),
    ("cast like, of constants", (19,), (2, 3), lambda g: g.node("Add", "x", g.node("CastLike", i([1, 2, 3]), "x"))),
]

EINSUM: list[Case] = [
    ("einsum of one", (12,), (2, 3, 3), one("Einsum", equation="aij->ja")),
    ("einsum, a diagonal", (12,), (2, 3, 3), one("Einsum", equation="ajj->ja")),
    ("einsum, a trace", (12,), (3, 3), one("Einsum", equation="ii")),
    ("einsum, a product", (12,), (2, 4), one("Einsum", w(4, 3), equation="ij,jk->ik")),
    ("einsum, a product by default", (12,), (2, 4), one("Einsum", w(4, 3), equation="ij, jk")),
    ("einsum, constant first", (12,), (4, 2), lambda g: g.node("Einsum", w(3, 4), "x", equation="kj,ji->ik")),
    ("einsum, heads", (12,), (2, 5, 4), one("Einsum", w(4, 3, 2), equation="btd,dhk->bhtk")),
    ("einsum, a stack", (12,), (2, 3, 4), one("Einsum", w(2, 4, 5), equation="bij,bjk->bki")),
    ("einsum, an outer product", (12,), (3,), one("Einsum", w(4), equation="i,j->ji")),
    ("einsum, summed on both sides", (12,), (2, 3), one("Einsum", w(4, 3), equation="ij,kj->j")),
    ("einsum with an ellipsis", (12,), (2, 3, 4), one("Einsum", w(4, 5), equation="...i,ij->...j")),
    ("einsum of three", (12,), (2, 3), lambda g: g.node("Einsum", w(3, 4), "x", w(4, 2), equation="jk,ij,kl->il")),
    ("einsum of constants", (12,), (2, 3), added("Einsum", w(2, 4), w(4, 3), equation="ij,jk->ik")),
]

FOLDED: list[Case] = [
    ("and", (7, 13), (2, 3), added("And", BOOLS, OTHER)),
    ("or", (7, 13), (2, 3), added("Or", BOOLS, OTHER)),
    ("xor", (7, 13), (2, 3), added("Xor", BOOLS, OTHER)),
    ("bitwise and", (18,), (2, 3), added("BitwiseAnd", i([12, -7, 5]), i([10, 3, 9]))),
    ("bitwise or", (18,), (2, 3), added("BitwiseOr", i([12, -7, 5]), i([10, 3, 9]))),
    ("bitwise xor", (18,), (2, 3), added("BitwiseXor", i([12, -7, 5]), i([10, 3, 9]))),
    ("bitwise not", (18,), (2, 3), added("BitwiseNot", i([12, -7, 5]))),
    ("greater or equal", (12, 16), (2, 3), added("GreaterOrEqual", s(1, 2, 3), s(3, 2, 1))),
    ("less or equal", (12, 16), (2, 3), added("LessOrEqual", s(1, 2, 3), s(3, 2, 1))),
    ("not a number", (9, 13, 20), (2, 3), added("IsNaN", s(np.nan, np.inf, 0))),
    ("infinite", (10, 20), (2, 3), added("IsInf", s(-np.inf, np.inf, 0))),
    ("infinite above", (10,), (2, 3), added("IsInf", s(-np.inf, np.inf, 0), detect_negative=0)),
    ("modulo", (10, 13), (2, 4), added("Mod", i([5, -5, 5, -5]), i([3, 3, -3, -3]))),
    ("modulo as in C", (13,), (2, 4), added("Mod", s(5, -5, 5, -5), s(3, 3, -3, -3), fmod=1)),
    (
        "shift left",
        (11,),
        (2, 3),
        added("BitShift", np.array([5, 1, 9], np.uint8), np.array([1, 7, 6], np.uint8), direction="LEFT"),
    ),
    (
        "shift right",
        (11,),
        (2, 3),
        added("BitShift", np.array([5, 1, 200], np.uint8), np.array([1, 7, 3], np.uint8), direction="RIGHT"),
    ),
    ("places of what is not zero", (9, 13), (2, 3), added("NonZero", np.array([[1, 0, 2], [0, 3, 0]], np.int64))),
    ("one hot", (9, 11), (2, 4), added("OneHot", i([1, 3]), i(4), s(0.25, 2))),
    ("one hot from behind", (11,), (2, 4), added("OneHot", i([1, -1]), i(4), s(0.25, 2))),
    ("one hot along an axis", (11,), (3, 2), added("OneHot", i([1, 5]), i(3), s(0, 1), axis=0)),
    ("identity matrix", (9,), (2, 3), lambda g: g.node("Add", "x", g.node("EyeLike", "x", k=1))),
    ("identity matrix of a type", (9,), (2, 3), added("EyeLike", i([[1, 2, 3], [4, 5, 6]]), dtype=TensorProto.FLOAT)),
    ("place of the largest", (11, 13), (2, 3), added("ArgMax", s(3, 1, 3, 2).reshape(4, 1), axis=0)),
    (
        "last place of the largest",
        (13,),
        (2, 3),
        added("ArgMax", s(3, 1, 3, 2).reshape(4, 1), axis=0, select_last_index=1),
    ),
    ("place of the smallest", (11, 13), (2, 3), added("ArgMin", w(3, 5), axis=-1, keepdims=0)),
    ("the largest", (10, 11), (2, 3), added("TopK", s(3, 1, 3, 2, 7), i([3]), outputs=2)),
    ("the smallest along an axis", (11,), (2, 3), added("TopK", w(5, 3), i([2]), axis=0, largest=0, outputs=2)),
    (
        "places of the largest",
        (11,),
        (2, 3),
        lambda g: g.node(
            "Add", "x", g.node("Cast", _second_of(g, "TopK", s(3, 1, 3, 2, 7), i([3])), to=TensorProto.FLOAT)
        ),
    ),
    (
        "dequantised weights",
        (10, 13, 19, 21),
        (2, 3),
        lambda g: g.node("MatMul", "x", g.node("DequantizeLinear", _bytes(3, 4), np.float32(0.013), np.int8(-3))),
    ),
    (
        "dequantised weights of each channel",
        (13, 19, 21),
        (2, 3),
        lambda g: g.node(
            "MatMul",
            "x",
            g.node("DequantizeLinear", _bytes(3, 4), s(0.1, 0.2, 0.3, 0.7), np.array([1, 2, 3, 4], np.int8), axis=1),
        ),
    ),
    (
        "dequantised weights of rows",
        (13,),
        (2, 3),
        lambda g: g.node("MatMul", "x", g.node("DequantizeLinear", _bytes(3, 4), s(0.1, 0.2, 0.3), axis=0)),
    ),
    (
        "dequantised bias",
        (13,),
        (2, 3),
        lambda g: g.node(
            "Add", "x", g.node("DequantizeLinear", np.array([700, -80000, 3], np.int32), np.float32(1e-4))
        ),
    ),
    (
        "dequantised blocks",
        (21,),
        (2, 4),
        lambda g: g.node(
            "MatMul",
            "x",
            g.node(
                "DequantizeLinear",
                _bytes(4, 3),
                np.abs(w(2, 3)) / s(100),
                np.zeros((2, 3), np.int8),
                axis=0,
                block_size=2,
            ),
        ),
    ),
    (
        "dequantised weights of four bits",
        (21,),
        (2, 3),
        lambda g: g.node("MatMul", "x", g.node("DequantizeLinear", _four_bits(g, 3, 4), np.float32(0.2))),
    ),
    (
        "quantised constants",
        (10, 13, 19),
        (2, 3),
        added("QuantizeLinear", s(0.5, -9, 2.5), np.float32(0.1), np.int8(4)),
    ),
    ("quantised constants to bytes", (13,), (2, 3), added("QuantizeLinear", s(0.5, -9, 260.5), np.float32(1.0))),
    (
        "quantised and dequantised",
        (13,),
        (2, 3),
        lambda g: g.node(
            "MatMul",
            "x",
            g.node(
                "DequantizeLinear",
                g.node("QuantizeLinear", w(3, 2), s(0.1, 0.2), np.array([0, 3], np.int8), axis=1),
                s(0.1, 0.2),
                np.array([0, 3], np.int8),
                axis=1,
            ),
        ),
    ),
]


def _bytes(*shape: int) -> np.ndarray:
    return _W.integers(-128, 128, shape).astype(np.int8)


def _four_bits(g: Graph, *shape: int) -> str:
    name = f"four{len(g.weights)}"
    g.weights.append(helper.make_tensor(name, TensorProto.INT4, shape, _W.integers(-8, 8, shape).ravel().tolist()))
    return name


def _second_of(g: Graph, operator: str, *operands: str | np.ndarray, **attributes: Any) -> str:
    return g.node(operator, *operands, outputs=2, **attributes) + "_1"


CUBE = (2, 2, 4, 3, 5)
WINDOWS: list[Case] = [
    ("conv in three dimensions", (11, 22), CUBE, one("Conv", w(3, 2, 2, 3, 2), w(3))),
    (
        "conv in three dimensions with every attribute",
        (11,),
        CUBE,
        one(
            "Conv",
            w(4, 1, 2, 2, 3),
            w(4),
            kernel_shape=[2, 2, 3],
            strides=[2, 1, 2],
            pads=[1, 0, 2, 2, 1, 0],
            dilations=[2, 2, 1],
            group=2,
        ),
    ),
    (
        "conv in three dimensions, same",
        (11,),
        CUBE,
        one("Conv", w(3, 2, 2, 3, 2), auto_pad="SAME_LOWER", strides=[2, 1, 2]),
    ),
    ("conv in four dimensions", (11,), (1, 2, 3, 3, 2, 4), one("Conv", w(2, 1, 2, 2, 1, 3), pads=[1] * 8, group=2)),
    ("transposed conv in three dimensions", (11,), CUBE, one("ConvTranspose", w(2, 3, 2, 3, 2), w(3))),
    (
        "transposed conv in three dimensions with every attribute",
        (11,),
        CUBE,
        one(
            "ConvTranspose",
            w(2, 2, 2, 2, 3),
            w(4),
            strides=[2, 3, 1],
            pads=[1, 0, 2, 0, 1, 0],
            dilations=[1, 2, 1],
            output_padding=[1, 2, 0],
            group=2,
        ),
    ),
    (
        "transposed conv of one dimension with every attribute",
        (11,),
        (2, 2, 5),
        one("ConvTranspose", w(2, 2, 3), w(4), strides=[3], pads=[1, 2], dilations=[2], output_padding=[2], group=2),
    ),
    (
        "transposed conv to a shape, same upper",
        (11,),
        IMAGE,
        one("ConvTranspose", w(2, 3, 3, 3), strides=[2, 2], output_shape=[9, 12], auto_pad="SAME_UPPER"),
    ),
    ("average pool in three dimensions", (11, 19), CUBE, one("AveragePool", kernel_shape=[2, 3, 2], strides=[1, 2, 2])),
    (
        "average pool in three dimensions, padded",
        (11, 19),
        CUBE,
        one("AveragePool", kernel_shape=[2, 3, 2], pads=[1, 1, 0, 0, 1, 1], strides=[2, 1, 2]),
    ),
    ("global average pool in three dimensions", (11,), CUBE, one("GlobalAveragePool")),
    ("blocks to an image", (18,), (2, 12, 12), one("Col2Im", i([4, 5]), i([2, 2]))),
    (
        "blocks to an image with every attribute",
        (18,),
        (1, 12, 4),
        one("Col2Im", i([5, 5]), i([2, 3]), pads=[1, 0, 0, 1], strides=[2, 1], dilations=[2, 2]),
    ),
    ("blocks to a line", (18,), (1, 6, 4), one("Col2Im", i([6]), i([3]))),
]

NEWEST: list[Case] = [
    ("relu in the newest sets", (24, 25, 26, 27, 28), (2, 3), one("Relu")),
    ("reshape in the newest sets", (21, 23, 24, 25, 28), (2, 3), one("Reshape", i([3, -1]))),
    ("transpose in the newest sets", (21, 23, 24, 25, 28), (2, 3), one("Transpose")),
    ("pad in the newest sets", (19, 21, 23, 24, 25), IMAGE, one("Pad", i([1, 2]), "", i([-1]), mode="wrap")),
    ("flatten in the newest sets", (21, 23, 24, 25), (2, 3, 4), one("Flatten")),
    ("squeeze in the newest sets", (21, 23, 24, 25), (1, 3, 1), one("Squeeze", i([-1]))),
    ("unsqueeze in the newest sets", (21, 23, 24, 25), (2, 3), one("Unsqueeze", i([-1]))),
    ("identity in the newest sets", (19, 21, 23, 24, 25), (2, 3), one("Identity")),
    ("cast in the newest sets", (19, 21, 23, 24, 25), (2, 3), one("Cast", to=TensorProto.FLOAT)),
    ("split unevenly by input", (18,), (2, 5), lambda g: g.node("Neg", _second_of(g, "Split", "x", i([1, 4]), axis=1))),
    ("gather by no index", (13,), (3, 4), one("Gather", i([[-1], [-3]]))),
    ("slice backwards in steps", (13,), (5, 4), one("Slice", i([4]), i([-(2**62)]), i([0]), i([-2]))),
    ("reduce over no axes", (18,), (2, 3), one("ReduceMean", i([]), noop_with_empty_axes=1)),
    ("where of a variable and a number", (16,), (2, 3), lambda g: g.node("Where", BOOLS, "x", s(0.5))),
]

MOVED_CASES = [*WINDOWS, *NEWEST, *MOVING, *EINSUM, *FOLDED]

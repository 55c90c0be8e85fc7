"""Operators that are not piecewise linear, in all their forms; see cases.py."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto
from tests.models import Graph
from tests.network.case import Build, Case, one, weights

w = weights(np.random.default_rng(11))


def i(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


def f(number: float) -> np.ndarray:
    return np.array(number, np.float32)


def positive(g: Graph) -> str:
    """|x| and a half."""
    return g.node("Add", g.node("Abs", "x"), f(0.5))


def other(g: Graph, *shape: int) -> str:
    """Another tensor that depends on the input: x W, for an x whose last axis is 3."""
    return g.node("MatMul", "x", w(3, *(shape or (3,))))


def floats(g: Graph, name: str) -> str:
    """A truth value as an output."""
    return g.node("Cast", name, to=TensorProto.FLOAT)


def axes(operator: str, *chosen: int, **attributes: Any) -> Build:
    """A reduction whose axes are an attribute before opset 18 and an input since."""

    def build(g: Graph) -> str:
        if g.opset < 18:
            return g.node(operator, positive(g), axes=list(chosen), **attributes)
        return g.node(operator, positive(g), i(*chosen), **attributes)

    return build


def compared(operator: str) -> list[Case]:
    opsets = (13, 16) if operator.endswith("OrEqual") else (9, 13)
    return [
        (f"{operator.lower()} of variables", opsets, (2, 3), lambda g: floats(g, g.node(operator, "x", other(g)))),
        (f"{operator.lower()} than a constant", opsets, (2, 3), lambda g: floats(g, g.node(operator, "x", w(3)))),
        (f"{operator.lower()} of a constant", opsets, (2, 3), lambda g: floats(g, g.node(operator, w(2, 1), "x"))),
        (
            f"{operator.lower()} of constants",
            (13,),
            (2, 3),
            lambda g: g.node("Where", g.node(operator, w(3), w(3)), "x", f(2)),
        ),
    ]


def logic(operator: str) -> list[Case]:
    def build(g: Graph, constant: bool) -> str:
        second = np.array([True, False, True]) if constant else g.node("Greater", other(g), f(0))
        return floats(g, g.node(operator, g.node("Less", "x", f(0.2)), second))

    return [
        (f"{operator.lower()} of variables", (9, 13), (2, 3), lambda g: build(g, False)),
        (f"{operator.lower()} with a constant", (13,), (2, 3), lambda g: build(g, True)),
        (
            f"{operator.lower()} of constants",
            (13,),
            (1, 3),
            lambda g: g.node("Where", g.node(operator, np.array([True, False, True]), np.array([True])), "x", f(2)),
        ),
    ]


def _gelu_by_hand(g: Graph) -> str:
    gate = g.node("Add", g.node("Erf", g.node("Div", "x", f(2**0.5))), f(1))
    return g.node("Mul", g.node("Mul", "x", gate), f(0.5))


_MASKS = (-np.inf, -3.4e38, -1e9, -1e4)


def _scores(g: Graph) -> str:
    return g.node("MatMul", g.node("MatMul", "x", w(2, 2)), g.node("Transpose", "x", perm=[0, 2, 1]))


def _causal(least: float) -> Build:
    """Self-attention that does not look ahead, by a summand."""
    mask = np.triu(np.full((3, 3), least, np.float32), 1)
    return lambda g: g.node("MatMul", g.node("Softmax", g.node("Add", _scores(g), mask), axis=-1), "x")


def _chosen(least: float) -> Build:
    """The same by a choice; one that is far below every number after a sum, too."""
    ahead = np.triu(np.ones((3, 3), bool), 1)
    return lambda g: g.node("Softmax", g.node("Where", ahead, f(least), g.node("Add", _scores(g), w(1, 3))), axis=-1)


def _moved_mask(g: Graph) -> str:
    """A mask that is made of constants, and masked scores that are moved before they are weighed."""
    mask = g.node("Where", np.array([[True, False, True]]), f(0.0), f(-np.inf))
    scores = g.node("Concat", g.node("Add", "x", mask), "x", axis=1)
    flat = g.node("Reshape", g.node("Transpose", scores, perm=[0, 2, 1]), i(1, 3, 4))
    return g.node("Softmax", g.node("Identity", flat), axis=1 if g.opset > 12 else 2)


def _safe(g: Graph) -> str:
    """Weights that are 0 where they are no number, and where a score is infinite."""
    scores = g.node("Add", _scores(g), np.triu(np.full((3, 3), -np.inf, np.float32), 1))
    weights = g.node("Softmax", scores, axis=-1)
    weights = g.node("Where", g.node("IsNaN", weights), f(0.0), weights)
    return g.node("Where", g.node("IsInf", scores), f(-1.0), weights)


def _framed(g: Graph) -> str:
    """The input in a frame of -infinity, and other entries that a mask has made so."""
    masked = g.node("Where", np.array([[True, False, False]]), f(-np.inf), "x")
    return g.node("Pad", masked, i(0, 1, 0, 0), f(-np.inf))


def _behind(operator: str, *operands: Any, **attributes: Any) -> Build:
    """An operator that makes numbers of what a mask has made -infinity."""
    return lambda g: g.node(operator, _framed(g), *operands, **attributes)


def _weighed(operator: str, *operands: Any, first: bool = True) -> Build:
    """One that keeps it so, and the weights of the rest."""

    def build(g: Graph) -> str:
        masked = _framed(g)
        inputs = (masked, *operands) if first else (*operands, masked)
        return g.node("Softmax", g.node(operator, *inputs), axis=-1)

    return build


def _largest(g: Graph) -> str:
    """Of two tensors with masks of their own, and a third one."""
    other = g.node("Where", np.array([[True, True, False, False]]), f(-np.inf), g.node("Concat", "x", w(2, 1), axis=1))
    return g.node("Max", _framed(g), other, np.full((2, 1), -0.5, np.float32))


def _largest_of_two(g: Graph) -> str:
    other = g.node("Where", np.array([[True, True, False, False]]), f(-np.inf), g.node("Concat", "x", w(2, 1), axis=1))
    return g.node("Softmax", g.node("Max", _framed(g), other), axis=-1)


def _least(g: Graph) -> str:
    return g.node("Exp", g.node("Min", _framed(g), g.node("Concat", "x", w(2, 1), axis=1), f(0.3)))


def _by_hand(g: Graph) -> str:
    """A softmax, with a temperature, of its own exponentials."""
    scores = g.node("Div", _framed(g), f(0.7))
    powers = g.node("Exp", g.node("Sub", scores, g.node("ReduceMax", scores, axes=[1])))
    return g.node("Div", powers, g.node("ReduceSum", powers, np.array([1])))


def _attention(g: Graph) -> str:
    q, k, v = (g.node("MatMul", "x", w(3, 3)) for _ in range(3))
    scores = g.node("Softmax", g.node("MatMul", q, g.node("Transpose", k, perm=[0, 2, 1])), axis=-1)
    return g.node("MatMul", scores, v)


CURVED: list[Case] = [
    *(
        (f"{operator.lower()}", opsets, (2, 3), one(operator))
        for operator, opsets in (
            ("Sigmoid", (7, 13)), ("Tanh", (7, 13)), ("Erf", (9, 13)), ("Atan", (7, 22)), ("Softsign", (7, 22)),
            ("Exp", (7, 13)), ("Softplus", (7, 22)), ("Sin", (7, 22)), ("Cos", (7, 22)), ("Sinh", (9, 22)),
            ("Cosh", (9, 22)), ("HardSwish", (14, 22)), ("Mish", (18,)), ("Elu", (7, 22)), ("Selu", (7, 22)),
            ("Celu", (12,)), ("Gelu", (20,)), ("ThresholdedRelu", (10, 22)), ("Sign", (9, 13)), ("Floor", (7, 13)),
            ("Ceil", (7, 13)), ("Round", (11, 22)), ("Shrink", (9,)), ("Softmax", (7, 11, 13)),
            ("LogSoftmax", (7, 11, 13)), ("LpNormalization", (7, 22)),
        )
    ),
    *(
        (f"{operator.lower()} of a constant", (13,), (2, 3), lambda g, o=operator: g.node("Add", "x", g.node(o, w(3))))
        for operator in (
            "Sigmoid", "Tanh", "Erf", "Atan", "Exp", "Softplus", "Sin", "Cos", "Sinh", "Cosh", "Elu", "Selu", "Celu",
            "Sign", "Round", "Softmax", "LogSoftmax", "ThresholdedRelu", "Shrink",
        )
    ),
    ("log", (7, 13), (2, 3), lambda g: g.node("Log", positive(g))),
    ("sqrt of a variable", (7, 13), (2, 3), lambda g: g.node("Sqrt", positive(g))),
    ("reciprocal of a variable", (7, 13), (2, 3), lambda g: g.node("Reciprocal", positive(g))),
    ("gelu by tanh", (20,), (2, 3), one("Gelu", approximate="tanh")),
    ("swish", (24,), (2, 3), one("Swish")),
    ("swish with alpha", (24,), (2, 3), one("Swish", alpha=1.7)),
    ("swish with alpha 0", (24,), (2, 3), one("Swish", alpha=0.0)),
    ("gelu by hand", (13,), (2, 3), _gelu_by_hand),
    ("swish by hand", (13,), (2, 3), lambda g: g.node("Mul", "x", g.node("Sigmoid", "x"))),
    ("swish by hand, gate first", (13,), (2, 3), lambda g: g.node("Mul", g.node("Sigmoid", "x"), "x")),
    ("elu with alpha", (7,), (2, 3), one("Elu", alpha=1.7)),
    ("selu with attributes", (7,), (2, 3), one("Selu", alpha=0.6, gamma=1.5)),
    ("celu with alpha", (12,), (2, 3), one("Celu", alpha=0.3)),
    ("thresholded relu with alpha", (10,), (2, 3), one("ThresholdedRelu", alpha=0.3)),
    ("thresholded relu below zero", (10,), (2, 3), one("ThresholdedRelu", alpha=-0.7)),
    ("shrink with a bias", (9,), (2, 3), one("Shrink", bias=0.4, lambd=0.2)),
    # products, quotients, powers
    ("mul of variables", (7, 13), (2, 3), lambda g: g.node("Mul", "x", other(g))),
    ("mul of variables with broadcasting", (13,), (2, 3), lambda g: g.node("Mul", "x", other(g, 1))),
    ("mul of a variable by itself", (13,), (2, 3), one("Mul", "x")),
    ("div by a variable", (7, 13), (2, 3), lambda g: g.node("Div", other(g), positive(g))),
    ("div of a constant by a variable", (13,), (2, 3), lambda g: g.node("Div", w(3), positive(g))),
    ("pow by two", (7, 12, 13), (2, 3), one("Pow", f(2))),
    ("pow by three", (7,), (2, 3), one("Pow", f(3))),
    ("pow by four, an integer", (12,), (2, 3), one("Pow", np.array(4))),
    ("pow by one", (13,), (2, 3), one("Pow", f(1))),
    ("pow by zero", (13,), (2, 3), one("Pow", f(0))),
    ("pow by fractions", (13,), (2, 3), lambda g: g.node("Pow", positive(g), np.array([0.5, -0.5, 1.7], np.float32))),
    ("pow by minus one and three", (13,), (2, 2), lambda g: g.node("Pow", positive(g), np.array([-1, 3], np.float32))),
    ("pow of a constant", (13,), (2, 3), lambda g: g.node("Pow", np.array([0.5, 1.0, 2.5], np.float32), "x")),
    ("matmul of variables", (9, 13), (3, 3), lambda g: g.node("MatMul", "x", other(g))),
    ("matmul of stacks of variables", (13,), (2, 3, 3), lambda g: g.node("MatMul", "x", other(g, 4))),
    ("matmul of a variable vector", (13,), (3,), lambda g: g.node("MatMul", "x", other(g))),
    ("gemm of variables", (9, 13), (3, 3), lambda g: g.node("Gemm", "x", other(g), "x", alpha=0.5, transA=1)),
    ("attention", (13,), (1, 2, 3), _attention),
    ("einsum of variables", (12,), (2, 3), lambda g: g.node("Einsum", "x", other(g), equation="bi,bj->bij")),
    ("einsum of variables, summed", (12,), (2, 3), lambda g: g.node("Einsum", "x", other(g), equation="bi,ci->bc")),
    (
        "einsum of three operands",
        (12,),
        (2, 3),
        lambda g: g.node("Einsum", "x", w(3, 2), other(g), equation="bi,ij,bk->kj"),
    ),
    *((f"attention behind a mask of {least:.4g}", (13,), (1, 3, 2), _causal(least)) for least in _MASKS),
    *((f"attention behind a choice of {least:.4g}", (13,), (1, 3, 2), _chosen(least)) for least in _MASKS),
    ("attention behind a moved mask", (13,), (1, 2, 3), _moved_mask),
    ("attention that asks for what is no number", (20,), (1, 3, 2), _safe),
    # -infinity behind a mask
    ("relu behind a mask", (13,), (2, 3), _behind("Relu")),
    ("exp behind a mask", (13,), (2, 3), _behind("Exp")),
    ("sigmoid behind a mask", (13,), (2, 3), _behind("Sigmoid")),
    ("clip behind a mask", (13,), (2, 3), _behind("Clip", f(-0.5), f(0.5))),
    ("clip behind a mask, from below", (13,), (2, 3), _behind("Clip", f(-0.5))),
    ("clip behind a mask, limits that cross", (13,), (2, 3), _behind("Clip", f(0.5), f(-0.5))),
    ("max behind a mask", (13,), (2, 3), _behind("Max", f(-0.5))),
    ("max behind masks", (13,), (2, 3), _largest),
    ("max behind masks that meet", (13,), (2, 3), _largest_of_two),
    ("max with a mask", (13,), (2, 3), one("Max", np.array([[0.1, -np.inf, -np.inf]], np.float32))),
    ("min behind a mask", (13,), (2, 3), _least),
    ("mul behind a mask", (13,), (2, 3), _weighed("Mul", np.float32([[0.5], [2.0]]))),
    ("mul behind a mask, factor first", (13,), (2, 3), _weighed("Mul", f(0.7), first=False)),
    ("div behind a mask", (13,), (2, 3), _weighed("Div", w(2, 4) ** 2 + f(0.1))),
    ("sub behind a mask", (13,), (2, 3), _weighed("Sub", w(2, 4))),
    ("sub from a mask", (13,), (2, 3), lambda g: g.node("Exp", g.node("Sub", np.float32([0.2, -np.inf, 0.1]), "x"))),
    ("sum behind a mask", (13,), (2, 3), _weighed("Sum", w(2, 4), f(0.3))),
    ("mean behind a mask", (13,), (2, 3), _weighed("Mean", w(2, 4))),
    ("log softmax behind a mask", (11, 13), (2, 3), lambda g: g.node("Exp", g.node("LogSoftmax", _framed(g), axis=1))),
    (
        "log softmax along columns of a mask",
        (13,),
        (3, 3),
        lambda g: g.node(
            "Relu",
            g.node(
                "Add",
                g.node("LogSoftmax", g.node("Add", "x", np.tril(np.full((3, 3), -np.inf, np.float32), -1)), axis=0),
                f(3),
            ),
        ),
    ),
    ("log of sums of exponentials behind a mask", (13,), (2, 3), _behind("ReduceLogSumExp", axes=[1], keepdims=0)),
    (
        "log of sums of exponentials of differently many",
        (13,),
        (3, 3),
        lambda g: g.node(
            "ReduceLogSumExp", g.node("Add", "x", np.triu(np.full((3, 3), -np.inf, np.float32), 1)), axes=[1]
        ),
    ),
    ("softmax by hand behind a mask", (13,), (2, 3), _by_hand),
    (
        "minimum in a frame of infinity",
        (13,),
        (2, 3),
        lambda g: g.node("ReduceMin", g.node("Pad", "x", i(0, 1, 0, 2), f(np.inf)), axes=[1]),
    ),
    (
        "minimum of a computed tensor in a frame of infinity",
        (18,),
        (2, 3),
        lambda g: g.node("ReduceMin", g.node("Pad", other(g), i(1, 1, 0, 0), f(np.inf))),
    ),
    # softmax along axes
    ("softmax from the first axis on", (7, 11), (2, 3), one("Softmax", axis=0)),
    ("softmax over several axes", (11,), (2, 2, 2), one("Softmax", axis=1)),
    ("softmax along the first axis", (13,), (3, 2), one("Softmax", axis=0)),
    ("softmax of two", (13,), (2, 2), one("Softmax", axis=-1)),
    ("softmax of one", (13,), (2, 1), lambda g: g.node("Add", "x", g.node("Softmax", "x", axis=-1))),
    ("log softmax along an axis", (13,), (2, 3, 2), one("LogSoftmax", axis=1)),
    ("log softmax of two", (13,), (2, 2), one("LogSoftmax")),
    ("log softmax of one", (13,), (2, 1), lambda g: g.node("Add", "x", g.node("LogSoftmax", "x"))),
    # comparisons, logic, choices, types
    *(case for operator in ("Greater", "Less", "GreaterOrEqual", "LessOrEqual") for case in compared(operator)),
    (
        "equality of variables",
        (13,),
        (2, 3),
        lambda g: floats(g, g.node("Equal", g.node("Round", "x"), g.node("Floor", "x"))),
    ),
    ("equality with a constant", (13,), (2, 3), lambda g: floats(g, g.node("Equal", g.node("Round", "x"), f(0)))),
    *(case for operator in ("And", "Or", "Xor") for case in logic(operator)),
    ("not of a variable", (9,), (2, 3), lambda g: floats(g, g.node("Not", g.node("Greater", "x", f(0))))),
    (
        "where by a variable, of constants",
        (9, 16),
        (2, 3),
        lambda g: g.node("Where", g.node("Greater", "x", f(0)), w(3), w(2, 1)),
    ),
    (
        "where by a variable, of variables",
        (9, 16),
        (2, 3),
        lambda g: g.node("Where", g.node("Greater", "x", f(0)), "x", other(g)),
    ),
    (
        "where by a variable, of a constant and a variable",
        (16,),
        (2, 3),
        lambda g: g.node("Where", g.node("Greater", "x", f(0)), w(1, 3), other(g)),
    ),
    ("cast to truth", (13,), (2, 3), lambda g: floats(g, g.node("Cast", g.node("Round", "x"), to=TensorProto.BOOL))),
    (
        "cast to integers",
        (9, 13),
        (2, 3),
        lambda g: floats(g, g.node("Cast", g.node("Mul", "x", f(3)), to=TensorProto.INT64)),
    ),
    (
        "cast of truth to integers",
        (13,),
        (2, 3),
        lambda g: floats(g, g.node("Cast", g.node("Greater", "x", f(0)), to=TensorProto.INT32)),
    ),
    (
        "cast to wider integers",
        (13,),
        (2, 3),
        lambda g: floats(g, g.node("Cast", g.node("Cast", "x", to=TensorProto.INT32), to=TensorProto.INT64)),
    ),
    ("cast like", (15,), (2, 3), lambda g: floats(g, g.node("CastLike", "x", np.array([1])))),
    (
        "clip by variables",
        (13,),
        (2, 3),
        lambda g: g.node("Clip", "x", g.node("ReduceMin", "x", keepdims=0), g.node("ReduceMean", "x", keepdims=0)),
    ),
    ("clip below a variable", (13,), (2, 3), lambda g: g.node("Clip", "x", "", g.node("ReduceMean", "x", keepdims=0))),
    # reductions
    *(
        (f"{operator.lower()}", (7, 11, 13, 18), (2, 3, 2), axes(operator, 1, keepdims=0))
        for operator in ("ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp", "ReduceProd")
    ),
    *(
        (f"{operator.lower()} of several axes", (13, 18), (2, 3, 2), axes(operator, 0, -1))
        for operator in ("ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp", "ReduceProd")
    ),
    *(
        (f"{operator.lower()} of all", (13,), (2, 3), one(operator))
        for operator in ("ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSumExp", "ReduceProd")
    ),
    *(
        (f"{operator.lower()} of none", (18,), (2, 3), one(operator, noop_with_empty_axes=1))
        for operator in ("ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSumExp", "ReduceProd")
    ),
    ("log of sums of exponentials of two", (13,), (2, 2), one("ReduceLogSumExp", axes=[1])),
    ("log of sums of exponentials of one", (13,), (2, 1), one("ReduceLogSumExp", axes=[1])),
    *(
        (
            f"{operator.lower()} of constants",
            (13,),
            (2, 3),
            lambda g, operator=operator: g.node("Add", "x", g.node(operator, np.abs(w(2, 3)), axes=[1])),
        )
        for operator in ("ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp", "ReduceProd")
    ),
    (
        "flattened by the product of its dimensions",
        (13,),
        (2, 3, 4),
        lambda g: g.node("Reshape", "x", g.node("ReduceProd", g.node("Shape", "x"), axes=[0])),
    ),
    ("division by the sum of absolute values", (7,), (2, 3), one("LpNormalization", p=1, axis=0)),
    # normalisation
    ("layer normalisation", (17,), (2, 4), one("LayerNormalization", w(4), w(4))),
    ("layer normalisation without bias", (17,), (2, 3, 4), one("LayerNormalization", w(3, 4), axis=1, epsilon=0.1)),
    ("layer normalisation of variables", (17,), (2, 3), lambda g: g.node("LayerNormalization", "x", w(3), w(3))),
    ("rms normalisation", (23,), (2, 4), one("RMSNormalization", w(4))),
    ("instance normalisation", (7, 22), (2, 2, 3, 2), one("InstanceNormalization", w(2), w(2))),
    ("group normalisation", (18,), (1, 4, 2, 2), one("GroupNormalization", w(2), w(2), num_groups=2)),
    ("group normalisation by channel", (21,), (1, 4, 2, 2), one("GroupNormalization", w(4), w(4), num_groups=2)),
    ("mean and variance normalisation", (9, 13), (2, 2, 2, 3), one("MeanVarianceNormalization")),
    ("mean and variance normalisation along axes", (13,), (2, 3, 2), one("MeanVarianceNormalization", axes=[1])),
]  # fmt: skip

"""Integers that depend on the input: where the real numbers that they are take their place, and within which limits.

A network knows real numbers alone. Where an operator does the same to integers nothing is to be done; where it does so
as long as nothing overflows, that becomes a limit of the model; any other operator on integers is refused.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ivan.network.element_types import MOST_EXACT, whole_range
from ivan.network.limits import Limit
from ivan.network.onnx_ops.node import Node
from ivan.network.onnx_ops.values import Expression, Value

_ON_INTEGERS = frozenset(
    {"And", "Cast", "Clip", "Concat", "DepthToSpace", "Dropout", "Equal", "Expand", "Flatten", "Gather", "Greater",
     "GreaterOrEqual", "Identity", "Less", "LessOrEqual", "Max", "Min", "Not", "Or", "Pad", "ReduceMax", "ReduceMin",
     "Relu", "Reshape", "Shape", "Sign", "Size", "Slice", "SpaceToDepth", "Split", "Squeeze", "Tile", "Transpose",
     "Unsqueeze", "Where", "Xor"}
)  # fmt: skip
"""Operators whose result on integers is the one on the real numbers that they are."""

_ON_WIDE_INTEGERS = frozenset({"Abs", "Add", "Gemm", "MatMul", "Mul", "Neg", "ReduceSum", "Sub", "Sum"})
"""Likewise on int32 and int64, as long as nothing overflows; a quotient is cut off on all."""

_WRAPPING = _ON_WIDE_INTEGERS | {"Cast", "CastLike"}
"""Operators whose integers are other numbers where they do not fit into their type."""


def check_integers(node: Node, inputs: Sequence[Value | None]) -> None:
    """Accepts a node unless an operator does to integers what it does not do to real numbers.

    Raises:
        UsageError: it does.
    """
    kinds = {value.dtype.name for value in inputs if isinstance(value, Expression) and value.dtype.kind in "iub"}
    if not kinds or node.operator in _ON_INTEGERS:
        return
    if node.operator not in _ON_WIDE_INTEGERS or not kinds <= {"int32", "int64"}:
        raise node.unsupported(f"of integers that depend on the input ({', '.join(sorted(kinds))})")
    for value in inputs:
        if value is not None and not isinstance(value, Expression) and np.any(np.abs(value) > MOST_EXACT):
            raise node.unsupported("of integers beyond 2^53")


def overflow(node: Node, result: Value) -> Limit | None:
    """What a node's result must not leave, where it is of integers that wrap around; else None."""
    if not isinstance(result, Expression) or result.dtype.kind not in "iu" or node.operator not in _WRAPPING:
        return None
    least, most = whole_range(result.dtype.name)
    # what is a whole number and below the next one fits, however bounds were rounded
    low, high = np.nextafter(float(least - 1), np.inf), np.nextafter(float(most + 1), -np.inf)
    return Limit(result.present, float(low), float(high), node.place, f"may leave {result.dtype}, which wraps around")

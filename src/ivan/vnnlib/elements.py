"""The element types of VNN-LIB 2.0, and which of them go together.

Nothing is converted (VNN-LIB 2.0, section "Typing"): the variables of a comparison are of one type, and its numbers are
written as that type writes them - `1.0` for a floating-point number, `1` for an integer, no sign among unsigned ones.
"""

from __future__ import annotations

from collections.abc import Sequence

REAL = "real"
"""Not an element type of ONNX: it says that the networks are to be taken as functions of real numbers."""

FLOATING = frozenset(
    (REAL, "float16", "float32", "float64", "bfloat16", "float8e4m3fn", "float8e4m3fnuz", "float8e5m2")
    + ("float8e5m2fnuz", "float4e2m1")
)
SIGNED = frozenset(("int8", "int16", "int32", "int64"))
UNSIGNED = frozenset(("uint8", "uint16", "uint32", "uint64"))
INTEGERS = SIGNED | UNSIGNED
UNORDERED = frozenset(("complex64", "complex128", "string"))
"""Types whose values are not compared as real numbers; tensors of them can be declared, and that is all."""

ELEMENTS = FLOATING | INTEGERS | UNORDERED | {"bool"}

DECIMAL, INTEGER, NEGATIVE = "decimal number", "integer", "negative integer"
"""What a number is, by how it is written."""

_FITTING = {DECIMAL: FLOATING, INTEGER: INTEGERS, NEGATIVE: SIGNED}

LITERALS = frozenset(_FITTING)


def kind_of_number(text: str) -> str:
    """What the number is, by how it is written."""
    if "." in text:
        return DECIMAL
    return NEGATIVE if text.startswith("-") else INTEGER


def misfit(kinds: Sequence[str]) -> tuple[int, int] | None:
    """The first leaf of a comparison that does not belong there, and the leaf that it disagrees with.

    Args:
        kinds: of each leaf, in the order of the text: a variable's element type, or what a number is.

    Returns:
        their places, equal for a variable that cannot be compared at all; None when all is well.
    """
    for place, kind in enumerate(kinds):
        if kind in UNORDERED:
            return place, place
    # The first variable gives the type; without one, the first number says whether all are integers.
    leader = next((place for place, kind in enumerate(kinds) if kind not in _FITTING), 0)
    for place, kind in enumerate(kinds):
        if not _agree(kind, kinds[leader]):
            return place, leader
    return None


def _agree(kind: str, leader: str) -> bool:
    if leader in _FITTING:
        return (kind == DECIMAL) == (leader == DECIMAL)
    return leader in _FITTING[kind] if kind in _FITTING else kind == leader

"""Properties to VNN-LIB, 1.0 for most and 2.0 where outputs have names.

A property describes what must never happen: an input inside the box for which the assertions hold too. Assertions are
written by hand in the modules that know the model; this one writes what is long and regular.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

Box = Sequence[tuple[float, float]]
"""Lower and upper bound of each input."""


def number(value: float) -> str:
    """At most eight decimals, so that the text is the same on every machine."""
    return f"{value:.8f}".rstrip("0").removesuffix(".")


def box(bounds: Box) -> list[str]:
    """Two comparisons per input."""
    return [
        comparison
        for k, (lower, upper) in enumerate(bounds)
        for comparison in (f"(>= X_{k} {number(lower)})", f"(<= X_{k} {number(upper)})")
    ]


def conjunction(parts: Sequence[str]) -> str:
    """All of them."""
    return f"(and {' '.join(parts)})"


def disjunction(parts: Sequence[str]) -> str:
    """At least one of them, one a line."""
    return "(or\n" + "".join(f"    {part}\n" for part in parts) + ")"


def prop(title: str, inputs: int, outputs: int, assertions: Sequence[str]) -> str:
    """The text of a file: the title as a comment, the declarations, the assertions."""
    lines = [f"; {line}" for line in title.splitlines()]
    lines += ["", *(f"(declare-const X_{k} Real)" for k in range(inputs))]
    lines += ["", *(f"(declare-const Y_{k} Real)" for k in range(outputs))]
    lines += ["", *(f"(assert {assertion})" for assertion in assertions)]
    return "\n".join(lines) + "\n"


Shapes = Mapping[str, tuple[int, ...]]
"""Shape of each tensor, by name."""


def network(name: str, inputs: Shapes, outputs: Shapes, *relations: str) -> str:
    """The declaration of a network of real numbers in VNN-LIB 2.0; tensors are in the order of the model's.

    A relation is `equal-to` or `isomorphic-to`, with the name of another network.
    """
    lines = [f"  ({relation})" for relation in relations]
    lines += [
        f"  (declare-{kind} {tensor} real [{','.join(map(str, shape))}])"
        for kind, tensors in (("input", inputs), ("output", outputs))
        for tensor, shape in tensors.items()
    ]
    return "\n".join([f"(declare-network {name}", *lines, ")"])


def tensor_box(tensor: str, shape: tuple[int, ...], bounds: Box) -> list[str]:
    """Two comparisons in VNN-LIB 2.0 per element of a tensor, the last axis fastest."""
    places = product(*map(range, shape))
    return [
        f"({sign} {tensor}[{','.join(map(str, place))}] {number(bound)})"
        for place, pair in zip(places, bounds, strict=True)
        for sign, bound in zip((">=", "<="), pair, strict=True)
    ]


def second(title: str, networks: Sequence[str], assertions: Sequence[str]) -> str:
    """The text of a file of VNN-LIB 2.0: the title as a comment, the version, the declarations, the assertions."""
    lines = [f"; {line}" for line in title.splitlines()]
    lines += ["(vnnlib-version <2.0>)", "", *networks, "", *(f"(assert {assertion})" for assertion in assertions)]
    return "\n".join(lines) + "\n"

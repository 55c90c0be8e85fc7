"""Queries about declared networks, made by hand: the formula as VNN-LIB 1.0 writes it, over all scalars in order."""

from __future__ import annotations

from dataclasses import replace

from ivan.vnnlib import Query, parse_query
from ivan.vnnlib.declarations import DeclaredNetwork, DeclaredTensor


def tensor(name: str, *shape: int, element: str = "real", onnx: str | None = None) -> DeclaredTensor:
    return DeclaredTensor(name, element, shape, onnx)


def network(
    name: str,
    inputs: list[DeclaredTensor],
    outputs: list[DeclaredTensor],
    hidden: list[DeclaredTensor] | None = None,
    equal_to: str | None = None,
    isomorphic_to: str | None = None,
) -> DeclaredNetwork:
    return DeclaredNetwork(name, tuple(inputs), tuple(outputs), tuple(hidden or ()), equal_to, isomorphic_to)


def asked(networks: list[DeclaredNetwork], assertions: str, path: str = "property.vnnlib") -> Query:
    """The query whose formula is in terms of X_i and Y_j, numbered through all networks."""
    inputs = sum(t.size for n in networks for t in n.inputs)
    outputs = sum(t.size for n in networks for t in (*n.outputs, *n.hidden))
    declared = [f"(declare-const X_{i} Real)" for i in range(inputs)]
    declared += [f"(declare-const Y_{j} Real)" for j in range(outputs)]
    query = parse_query(" ".join([*declared, assertions]), path)
    return replace(query, version=2, networks=tuple(networks))


def box(count: int, low: float = -1.0, high: float = 1.0) -> str:
    """Bounds of the first inputs."""
    return " ".join(f"(assert (>= X_{i} {low})) (assert (<= X_{i} {high}))" for i in range(count))


def equal(first: int, second: int) -> str:
    """Two inputs are equal."""
    return f"(assert (= X_{first} X_{second}))"

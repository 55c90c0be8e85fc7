"""Einsum: of one operand that depends on the input, a product with a stack of constant matrices."""

from __future__ import annotations

import math
from string import ascii_uppercase

import numpy as np

from ivan.network.onnx_ops.linear import averaged, product
from ivan.network.onnx_ops.node import Node, fold
from ivan.network.onnx_ops.products import times
from ivan.network.onnx_ops.shape import reshaped
from ivan.network.onnx_ops.values import Expression, Tensor, Value, broadcast, check_size, lift, rearrange


def einsum(node: Node, *values: Value, equation: str) -> Value:
    """Einsum."""
    variables = [k for k, value in enumerate(values) if isinstance(value, Expression)]
    inputs, output = _labels(equation, [value.ndim for value in values])
    sizes = _sizes(inputs, values)
    check_size([sizes[label] for label in output])
    if not variables:
        arrays = [value for value in values if not isinstance(value, Expression)]
        return fold(lambda *t: np.einsum(",".join(inputs) + "->" + output, *t), *arrays)
    if len(variables) > 1:
        return _expanded(node, values, inputs, output, sizes)
    (place,) = variables
    variable = values[place]
    assert isinstance(variable, Expression)
    x, labels = _once(variable, inputs[place], sizes)
    others = [k for k in range(len(values)) if k != place]
    # What only one side knows and the result does not is summed on that side.
    constant_labels = "".join(sorted({c for k in others for c in inputs[k] if c in labels or c in output}))
    x, labels = _summed(x, labels, constant_labels + output)
    if not others:
        return _ordered(x, labels, output)
    arrays = [np.asarray(node.constant(values[k], "operand")) for k in others]
    factor = fold(lambda *t: np.einsum(",".join(inputs[k] for k in others) + "->" + constant_labels, *t), *arrays)
    factor = _widened(factor, constant_labels, sizes)
    return _times(node, factor, constant_labels, x, labels, output, sizes)


def _expanded(node: Node, values: tuple[Value, ...], inputs: list[str], output: str, sizes: dict[str, int]) -> Value:
    """Of several variable tensors: the products of all entries that meet, operand by operand, and their sums."""
    total: Value | None = None
    known = ""
    for k, (value, given) in enumerate(zip(values, inputs, strict=True)):
        later = "".join(inputs[k + 1 :]) + output
        x, labels = _once(lift(value), given, sizes)
        x, labels = _summed(x, labels, known + later)
        if total is None:
            total, known = x, labels
            continue
        both = known + "".join(label for label in labels if label not in known)
        check_size([sizes[label] for label in both])
        total = times(node, _spread(total, known, both), _spread(x, labels, both))
        total, known = _summed(lift(total), both, later)
    assert total is not None
    return _ordered(total, known, output)


def _spread(x: Value, labels: str, wanted: str) -> Value:
    """The tensor with dimensions of one for labels that it has not."""
    ordered = _ordered(x, labels, "".join(label for label in wanted if label in labels))
    place = tuple(k for k, label in enumerate(wanted) if label not in labels)
    return rearrange(ordered, lambda t: np.expand_dims(t, place))


def _labels(equation: str, ranks: list[int]) -> tuple[list[str], str]:
    """The labels of every operand and of the result; the dimensions of an ellipsis get labels of their own."""
    text = equation.replace(" ", "")
    left, arrow, output = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(ranks):
        raise ValueError(f"{len(ranks)} operands for {equation!r}")
    free = [c for c in ascii_uppercase if c not in text]
    spare = [rank - len(t.replace("...", "")) for t, rank in zip(terms, ranks, strict=True) if "..." in t]
    longest = max(spare, default=0)
    if longest > len(free):
        raise ValueError(f"too many dimensions for {equation!r}")
    rest = "".join(free[:longest])
    inputs = []
    for term, rank in zip(terms, ranks, strict=True):
        count = rank - len(term.replace("...", ""))
        full = term.replace("...", rest[longest - count :]) if count >= 0 else term
        if len(full) != rank or not (full.isalpha() or not full):
            raise ValueError(f"{term!r} for a tensor of {rank} dimensions")
        inputs.append(full)
    if arrow:
        result = output.replace("...", rest)
    else:
        every = "".join(terms).replace("...", "")
        result = rest + "".join(sorted(c for c in set(every) if every.count(c) == 1))
    known = set("".join(inputs))
    if len(set(result)) < len(result) or not set(result) <= known:
        raise ValueError(f"the result of {equation!r}")
    return inputs, result


def _sizes(inputs: list[str], values: tuple[Value, ...]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for labels, value in zip(inputs, values, strict=True):
        for label, size in zip(labels, value.shape, strict=True):
            if sizes.get(label, 1) != 1 and size not in (1, sizes[label]):
                raise ValueError(f"label {label!r} stands for {sizes[label]} and for {size} entries")
            sizes[label] = max(size, sizes.get(label, size)) if size else 0
    return sizes


def _once(x: Expression, labels: str, sizes: dict[str, int]) -> tuple[Expression, str]:
    """The tensor with every label once, and its dimensions of one repeated: of a repeated label, the diagonal."""
    full = broadcast(x, [sizes[label] for label in labels])
    unique = "".join(dict.fromkeys(labels))
    if unique == labels:
        return full, labels
    own = np.indices([sizes[label] for label in unique], sparse=True)
    places = tuple(own[unique.index(label)] for label in labels)
    return rearrange(full, lambda t: t[places]), unique


def _summed(x: Expression, labels: str, kept: str) -> tuple[Expression, str]:
    """The tensor summed over the labels that are not kept."""
    axes = [k for k, label in enumerate(labels) if label not in kept]
    result = averaged(x, axes, keep=False, mean=False)
    assert isinstance(result, Expression)
    return result, "".join(label for label in labels if label in kept)


def _ordered(x: Value, labels: str, wanted: str) -> Value:
    return rearrange(x, lambda t: t.transpose([labels.index(label) for label in wanted]))


def _widened(factor: Tensor, labels: str, sizes: dict[str, int]) -> Tensor:
    """The constant with its dimensions of one repeated."""
    return np.broadcast_to(factor, check_size([sizes[label] for label in labels]))


def _times(
    node: Node, factor: Tensor, known: str, x: Expression, labels: str, output: str, sizes: dict[str, int]
) -> Value:
    """The product: over the labels that both have and the result does not, it is summed."""
    both = [label for label in labels if label in known]
    stack = "".join(label for label in both if label in output)
    summed = "".join(label for label in both if label not in output)
    left = "".join(label for label in known if label not in labels)
    right = "".join(label for label in labels if label not in known)
    lengths = [[sizes[label] for label in part] for part in (stack, left, summed, right)]
    b, m, k, n = (math.prod(part) for part in lengths)
    first = reshaped(_ordered(factor, known, stack + left + summed), (b, m, k))
    second = reshaped(_ordered(x, labels, stack + summed + right), (b, k, n))
    result = reshaped(product(node, first, second), [*lengths[0], *lengths[1], *lengths[3]])
    return _ordered(result, stack + left + right, output)

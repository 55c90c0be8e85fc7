"""Operators that move numbers and compute none."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ivan.network.onnx_ops.node import Node
from ivan.network.onnx_ops.values import (
    Expression,
    Shape,
    Tensor,
    Value,
    broadcast,
    check_size,
    concatenate,
    normal_axis,
    rearrange,
)


def reshaped(x: Value, shape: Sequence[int]) -> Value:
    """The tensor in another shape."""
    return rearrange(x, lambda t: t.reshape(shape))


def flatten(node: Node, x: Value, *, axis: int = 1) -> Value:
    """Flatten to two dimensions."""
    front = axis if axis == x.ndim else normal_axis(axis, x.ndim)
    return reshaped(x, (math.prod(x.shape[:front]), math.prod(x.shape[front:])))


def reshape(node: Node, x: Value, shape: Value, *, allowzero: int = 0) -> Value:
    """Reshape; 0 copies a dimension, -1 takes what is left."""
    target = list(node.integers(shape, "shape"))
    if not allowzero:
        target = [x.shape[k] if d == 0 else d for k, d in enumerate(target)]
    return reshaped(x, target)


def transpose(node: Node, x: Value, *, perm: Sequence[int] | None = None) -> Value:
    """Transpose; reverses the axes by default."""
    return rearrange(x, lambda t: t.transpose(perm))


def concat(node: Node, *values: Value, axis: int) -> Value:
    """Concat."""
    return concatenate(values, normal_axis(axis, values[0].ndim))


def slice_(
    node: Node,
    x: Value,
    starts_input: Value | None = None,
    ends_input: Value | None = None,
    axes_input: Value | None = None,
    steps_input: Value | None = None,
    *,
    starts: Sequence[int] = (),
    ends: Sequence[int] = (),
    axes: Sequence[int] | None = None,
) -> Value:
    """Slice; its limits are attributes before opset 10 and inputs since."""
    if starts_input is not None and ends_input is not None:
        starts, ends = node.integers(starts_input, "start"), node.integers(ends_input, "end")
    chosen = _axes(node, axes, axes_input) or range(len(starts))
    steps = [1] * len(starts) if steps_input is None else node.integers(steps_input, "step")
    cuts = [slice(None)] * x.ndim
    for axis, start, end, step in zip(chosen, starts, ends, steps, strict=True):
        cuts[normal_axis(axis, x.ndim)] = slice(start, end, step)
    return rearrange(x, lambda t: t[tuple(cuts)])


def _axes(node: Node, attribute: Sequence[int] | None, value: Value | None) -> Sequence[int] | None:
    """Axes that are an attribute in older opsets and an input in newer ones."""
    return attribute if value is None else node.integers(value, "axes")


def split(
    node: Node,
    x: Value,
    split_input: Value | None = None,
    *,
    axis: int = 0,
    split: Sequence[int] | None = None,
    num_outputs: int | None = None,
) -> tuple[Value, ...]:
    """Split; into equal parts (the last perhaps smaller) unless sizes are given."""
    along = normal_axis(axis, x.ndim)
    length = x.shape[along]
    sizes = _axes(node, split, split_input)
    if sizes is None:
        count = num_outputs or node.outputs
        part = math.ceil(length / count)
        sizes = [part] * (count - 1) + [length - part * (count - 1)]
    if sum(sizes) != length or min(sizes) < 0:
        raise ValueError(f"cannot split {length} into {list(sizes)}")
    ends = np.cumsum(sizes)
    front = (slice(None),) * along
    parts = [(*front, slice(end - size, end)) for end, size in zip(ends, sizes, strict=True)]
    return tuple(rearrange(x, operator.itemgetter(part)) for part in parts)


def gather(node: Node, x: Value, indices: Value, *, axis: int = 0) -> Value:
    """Gather, by constant indices."""
    index = node.constant(indices, "index")
    along = normal_axis(axis, x.ndim)
    check_size((*x.shape[:along], *index.shape, *x.shape[along + 1 :]))
    return rearrange(x, lambda t: np.take(t, index, along))


def squeeze(node: Node, x: Value, axes_input: Value | None = None, *, axes: Sequence[int] | None = None) -> Value:
    """Squeeze; all dimensions of one by default."""
    chosen = _axes(node, axes, axes_input)
    if chosen is None:
        chosen = [k for k, d in enumerate(x.shape) if d == 1]
    removed = tuple(normal_axis(axis, x.ndim) for axis in chosen)
    return rearrange(x, lambda t: t.squeeze(removed))


def unsqueeze(node: Node, x: Value, axes_input: Value | None = None, *, axes: Sequence[int] | None = None) -> Value:
    """Unsqueeze."""
    chosen = _axes(node, axes, axes_input)
    if chosen is None:
        raise ValueError("no axes")
    return rearrange(x, lambda t: np.expand_dims(t, tuple(chosen)))


def expand(node: Node, x: Value, shape: Value) -> Value:
    """Expand, by the rules of broadcasting in both directions."""
    return broadcast(x, np.broadcast_shapes(x.shape, node.integers(shape, "shape")))


def tile(node: Node, x: Value, repeats: Value) -> Value:
    """Tile."""
    times = node.integers(repeats, "repeats")
    check_size([d * n for d, n in zip(x.shape, times, strict=True)])
    return rearrange(x, lambda t: np.tile(t, times))


def pad(
    node: Node,
    x: Value,
    pads_input: Value | None = None,
    value_input: Value | None = None,
    axes_input: Value | None = None,
    *,
    mode: str = "constant",
    pads: Sequence[int] | None = None,
    value: float = 0.0,
) -> Value:
    """Pad; pads and value are attributes before opset 11 and inputs since; negative pads crop."""
    amounts = _axes(node, pads, pads_input)
    if amounts is None:
        raise ValueError("no pads")
    axes = [normal_axis(a, x.ndim) for a in _axes(node, None, axes_input) or range(x.ndim)]
    if len(amounts) != 2 * len(axes):
        raise ValueError(f"{len(amounts)} pads for {len(axes)} axes")
    fill = value if value_input is None else float(node.constant(value_input, "padding value").ravel()[0])
    if mode not in ("constant", "reflect", "edge", "wrap"):
        raise node.unsupported(f"with mode {mode!r}")
    widths, cuts = [(0, 0)] * x.ndim, [slice(None)] * x.ndim
    for axis, before, after in zip(axes, amounts, amounts[len(axes) :], strict=False):
        widths[axis] = max(before, 0), max(after, 0)
        cuts[axis] = slice(max(-before, 0), x.shape[axis] - max(-after, 0))
    check_size([d + a + b for d, (a, b) in zip(x.shape, widths, strict=True)])

    def padded(t: Tensor, empty: float | bool) -> Tensor:
        cut = t[tuple(cuts)]
        return np.pad(cut, widths, constant_values=empty) if mode == "constant" else np.pad(cut, widths, mode)  # type: ignore[call-overload]

    if not isinstance(x, Expression):
        return padded(x, fill)
    moved = rearrange(x, lambda t: padded(t, -1), padded=True)
    if mode != "constant" or fill == 0:
        return moved
    outside = padded(np.zeros(x.shape, bool), True)
    if np.isposinf(fill) and x.missing is None:
        return replace(moved, missing=outside.ravel(), above=True) if outside.any() else moved
    return moved.plus(np.where(outside, fill, 0.0))


def depth_to_space(node: Node, x: Value, *, blocksize: int, mode: str = "DCR") -> Value:
    """DepthToSpace: (N, C, H, W) -> (N, C / b^2, b H, b W)."""
    _check_mode(mode)
    n, c, h, w = x.shape
    b, depth = blocksize, c // blocksize**2
    if mode == "DCR":
        split_shape, order = (n, b, b, depth, h, w), (0, 3, 4, 1, 5, 2)
    else:
        split_shape, order = (n, depth, b, b, h, w), (0, 1, 4, 2, 5, 3)
    target: Shape = (n, depth, h * b, w * b)
    return rearrange(x, lambda t: t.reshape(split_shape).transpose(order).reshape(target))


def _check_mode(mode: str) -> None:
    if mode not in ("DCR", "CRD"):
        raise ValueError(f"an unknown mode {mode!r}")


def space_to_depth(node: Node, x: Value, *, blocksize: int, mode: str = "DCR") -> Value:
    """SpaceToDepth: (N, C, H, W) -> (N, b^2 C, H / b, W / b)."""
    _check_mode(mode)
    n, c, h, w = x.shape
    b = blocksize
    parts, target = (n, c, h // b, b, w // b, b), (n, c * b * b, h // b, w // b)
    order = (0, 3, 5, 1, 2, 4) if mode == "DCR" else (0, 1, 3, 5, 2, 4)
    return rearrange(x, lambda t: t.reshape(parts).transpose(order).reshape(target))

"""Resize and Upsample: along each axis, every new cell is an old one or a mean of its neighbours.

Means have weights that are computed in rational numbers and rounded once. Which cell is the nearest is decided in
float32, by the order of operations of the standard: close to a tie it depends on it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from ivan.network.linear import Sparse
from ivan.network.onnx_ops.node import Node
from ivan.network.onnx_ops.values import Expression, Tensor, Value, check_size, lift, normal_axis, rearrange

_TRANSFORMATIONS = (
    "half_pixel",
    "half_pixel_symmetric",
    "pytorch_half_pixel",
    "align_corners",
    "asymmetric",
    "tf_half_pixel_for_nn",
    "tf_crop_and_resize",
)
_ROUNDINGS = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
_POLICIES = ("stretch", "not_larger", "not_smaller")


@dataclass(frozen=True)
class _Line:
    """What becomes of one axis.

    Attributes:
        axis: which one.
        before: entries along it.
        after: entries that are wanted.
        scale: how much longer it becomes, as the file says it; `after / before` is rounded.
        start: where the region of interest begins, as a share of the axis.
        end: where it ends.
    """

    axis: int
    before: int
    after: int
    scale: Fraction
    start: float = 0.0
    end: float = 1.0

    def coordinate(self, cell: int, transformation: str, number: Any) -> Any:
        """Where a new cell lies among the old ones, in the arithmetic of a type of numbers."""
        half, scale, x = number(0.5), number(self.scale), number(cell)
        before, after = number(self.before), number(self.after)
        if transformation == "asymmetric":
            return x / scale
        if transformation == "align_corners":
            return x * (before - 1) / (after - 1) if self.after > 1 else number(0)
        if transformation == "tf_half_pixel_for_nn":
            return (x + half) / scale
        if transformation == "pytorch_half_pixel" and self.after == 1:
            return number(0)
        if transformation == "tf_crop_and_resize":
            start, end = number(Fraction(self.start)), number(Fraction(self.end))
            if self.after == 1:
                return half * (start + end) * (before - 1)
            return start * (before - 1) + x * (end - start) * (before - 1) / (after - 1)
        pixel = (x + half) / scale - half
        if transformation == "half_pixel_symmetric":
            return before / number(2) * (1 - after / (scale * before)) + pixel
        return pixel


def _float32(number: Any) -> Any:
    return np.float32(float(number))


def upsample(
    node: Node,
    x: Value,
    scales_input: Value | None = None,
    *,
    mode: str = "nearest",
    scales: Sequence[float] | None = None,
) -> Value:
    """Upsample; scales are an attribute before opset 9 and an input since."""
    factors = scales if scales_input is None else _numbers(node, scales_input, "scale")
    if factors is None:
        raise ValueError("no scales")
    return _resized(node, x, _scaled(x, range(x.ndim), factors), mode, "asymmetric", "simple")


def resize(
    node: Node,
    x: Value,
    roi: Value | None = None,
    scales: Value | None = None,
    sizes: Value | None = None,
    *,
    antialias: int = 0,
    axes: Sequence[int] | None = None,
    coordinate_transformation_mode: str = "half_pixel",
    cubic_coeff_a: float = -0.75,
    exclude_outside: int = 0,
    extrapolation_value: float = 0.0,
    keep_aspect_ratio_policy: str = "stretch",
    mode: str = "nearest",
    nearest_mode: str = "round_prefer_floor",
) -> Value:
    """Resize; in opset 10 its second input are the scales."""
    if node.opset < 11:
        if roi is None:
            raise ValueError("no scales")
        lines = _scaled(x, range(x.ndim), _numbers(node, roi, "scale"))
        return _resized(node, x, lines, mode, "asymmetric", "simple")
    for known, chosen in (
        (_TRANSFORMATIONS, coordinate_transformation_mode),
        (_ROUNDINGS, nearest_mode),
        (_POLICIES, keep_aspect_ratio_policy),
    ):
        if chosen not in known:
            raise node.unsupported(f"with mode {chosen!r}")
    if antialias and mode != "nearest":
        raise node.unsupported("with antialias")
    along = [normal_axis(axis, x.ndim) for axis in (axes if axes is not None else range(x.ndim))]
    if scales is not None and scales.shape != (0,):
        lines = _scaled(x, along, _numbers(node, scales, "scale"))
    elif sizes is not None:
        lines = _sized(x, along, node.integers(sizes, "size"), keep_aspect_ratio_policy)
    else:
        raise ValueError("neither scales nor sizes")
    if coordinate_transformation_mode == "tf_crop_and_resize":
        region = () if roi is None else _numbers(node, roi, "region of interest")
        if len(region) != 2 * len(along):
            raise ValueError(f"a region of interest of {len(region)} numbers for {len(along)} axes")
        ends = dict(zip(along, zip(region, region[len(along) :], strict=False), strict=True))
        lines = [_Line(k.axis, k.before, k.after, k.scale, *ends[k.axis]) for k in lines]
    cubic = (Fraction(cubic_coeff_a), bool(exclude_outside))
    return _resized(node, x, lines, mode, coordinate_transformation_mode, nearest_mode, cubic, extrapolation_value)


def _numbers(node: Node, value: Value, what: str) -> list[float]:
    return [float(number) for number in node.constant(value, what).ravel()]


def _scaled(x: Value, axes: Sequence[int], scales: Sequence[float]) -> list[_Line]:
    if any(not 0 < scale < math.inf for scale in scales):
        raise ValueError("a scale is not positive")
    pairs = list(zip(axes, scales, strict=True))
    return [_Line(k, x.shape[k], math.floor(_float32(s) * np.float32(x.shape[k])), Fraction(s)) for k, s in pairs]


def _sized(x: Value, axes: Sequence[int], sizes: Sequence[int], policy: str) -> list[_Line]:
    ratios = [Fraction(size, x.shape[k]) for k, size in zip(axes, sizes, strict=True)]
    if policy == "stretch" or not ratios:
        return [_Line(k, x.shape[k], size, r) for k, size, r in zip(axes, sizes, ratios, strict=True)]
    one = min(ratios) if policy == "not_larger" else max(ratios)
    return [_Line(k, x.shape[k], math.floor(one * x.shape[k] + Fraction(1, 2)), one) for k in axes]


def _resized(
    node: Node,
    x: Value,
    lines: Sequence[_Line],
    mode: str,
    transformation: str,
    rounding: str,
    cubic: tuple[Fraction, bool] = (Fraction(-3, 4), False),
    outside: float = 0.0,
) -> Value:
    """The tensor with one axis after the other resized."""
    if mode not in ("nearest", "linear", "cubic"):
        raise node.unsupported(f"with mode {mode!r}")
    result, cropped = x, transformation == "tf_crop_and_resize"
    beyond = np.zeros((1,) * x.ndim, bool)
    after = {line.axis: line.after for line in lines}
    check_size([after.get(axis, before) for axis, before in enumerate(x.shape)])
    for line in lines:
        axis = line.axis
        check_size((*result.shape[:axis], line.after, *result.shape[axis + 1 :]))
        if not line.before or not line.after:
            raise ValueError("an empty axis")
        if cropped:
            places = np.array([line.coordinate(c, transformation, _float32) for c in range(line.after)])
            mask = (places < 0) | (places > line.before - 1)
            beyond = beyond | mask.reshape(-1, *[1] * (x.ndim - axis - 1))
        elif line.before == line.after and line.scale == 1 and transformation != "tf_half_pixel_for_nn":
            continue
        if mode == "nearest":
            cells = [_nearest(line, c, transformation, rounding) for c in range(line.after)]
            result = rearrange(result, lambda t, a=axis, k=cells: np.take(t, k, a))
        else:
            weights = [_weights(line, c, transformation, mode, cubic) for c in range(line.after)]
            rule = [mode, transformation, *map(float, (line.start, line.end)), str(line.scale), str(cubic[0]), cubic[1]]
            result = _averaged(result, line, weights, rule)
    return _extrapolated(result, np.broadcast_to(beyond, result.shape), outside) if beyond.any() else result


def _nearest(line: _Line, cell: int, transformation: str, rounding: str) -> int:
    place = line.coordinate(cell, transformation, _float32)
    if rounding == "simple":  # before opset 11: rounded down where the axis grows, up where it shrinks
        rounding = "floor" if line.scale >= 1 else "ceil"
    if rounding == "floor":
        whole = math.floor(place)
    elif rounding == "ceil":
        whole = math.ceil(place)
    elif rounding == "round_prefer_floor":
        whole = math.ceil(place - np.float32(0.5))
    else:
        whole = math.floor(place + np.float32(0.5))
    return int(min(max(whole, 0), line.before - 1))


def _weights(
    line: _Line, cell: int, transformation: str, mode: str, cubic: tuple[Fraction, bool]
) -> dict[int, Fraction]:
    """How much each old cell counts in a new one."""
    place, last = line.coordinate(cell, transformation, Fraction), line.before - 1
    if mode == "linear":
        place = min(max(place, Fraction(0)), Fraction(last))
        left = math.floor(place)
        share = place - left
        pairs = [(left, 1 - share), (left + 1, share)]
    else:
        left = math.floor(place)
        pairs = [(left + k, _cubic(place - left - k, cubic[0])) for k in (-1, 0, 1, 2)]
        if cubic[1]:
            pairs = [(k, weight) for k, weight in pairs if 0 <= k <= last]
            total = sum(weight for _, weight in pairs)
            if not total:
                raise ValueError("the weights of a cell are zero")
            pairs = [(k, weight / total) for k, weight in pairs]
    found: dict[int, Fraction] = {}
    for k, weight in pairs:
        if weight:
            clamped = min(max(k, 0), last)
            found[clamped] = found.get(clamped, Fraction(0)) + weight
    return found


def _cubic(distance: Fraction, a: Fraction) -> Fraction:
    """Keys' kernel (Cubic convolution interpolation for digital image processing, 1981, equation 15 with free a)."""
    d = abs(distance)
    if d <= 1:
        return ((a + 2) * d - (a + 3)) * d * d + 1
    return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a if d < 2 else Fraction(0)


def _averaged(x: Value, line: _Line, weights: Sequence[dict[int, Fraction]], rule: list[Any]) -> Expression:
    """The means along an axis, as a sparse map, whose weights follow from a rule."""
    from scipy.sparse import csr_array, eye_array, kron

    if x.dtype.kind != "f":
        raise ValueError(f"means of numbers of type {x.dtype}")
    axis = line.axis
    rows = np.repeat(np.arange(line.after), [len(w) for w in weights])
    columns = [k for w in weights for k in w]
    numbers = [float(share) for w in weights for share in w.values()]
    before, after = (math.prod(part) for part in (x.shape[:axis], x.shape[axis + 1 :]))
    check_size((before, len(numbers), after))
    matrix = csr_array((numbers, (rows, columns)), shape=(line.after, line.before))
    whole = kron(kron(eye_array(before), matrix, "csr"), eye_array(after), "csr")
    shape = (*x.shape[:axis], line.after, *x.shape[axis + 1 :])
    source = ["resize", *rule, before, line.before, line.after, after]
    return lift(x).then(Sparse(csr_array(whole), 1, source), shape)


def _extrapolated(x: Value, beyond: Tensor, value: float) -> Value:
    """The tensor with a number wherever it was read outside."""
    if not isinstance(x, Expression):
        return np.where(beyond, np.asarray(value, x.dtype), x)
    kept = rearrange(x, lambda t: np.where(beyond, -1, t), padded=True)
    return kept.plus(beyond * float(value)) if value else kept

"""Convolutions and transposed convolutions in any number of dimensions, with constant kernels.

In three dimensions and more, the windows along all axes but the last two are cut out first: the slabs that one output
slab reads become channels of an image of its own, and the slabs are the groups of a convolution in two dimensions.
Nothing is multiplied that the convolution would not multiply.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ivan.network.linear import Adjoint, Convolution, LinearMap, Selection, compose
from ivan.network.onnx_ops.node import Node
from ivan.network.onnx_ops.values import Expression, Shape, Tensor, Value, check_size, lift
from ivan.network.onnx_ops.windows import Axis, axes

_PADDING = ("NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID")


def convolution(kernel: Tensor, batch: int, channels: int, spatial: Sequence[Axis], groups: int) -> LinearMap:
    """The linear map of a convolution over a whole batch.

    Args:
        kernel: (O, I/groups, *window), with at least one window dimension.
        batch: N; the images of a batch become groups.
        channels: I, of one image.
        spatial: the windows along each spatial axis.
        groups: number of groups within an image.
    """
    if len(spatial) > 2:
        return _of_slabs(kernel, batch, channels, spatial, groups)
    lines = [*([Axis(1, 1, 1, 1, 0, 0, 1)] if len(spatial) == 1 else []), *spatial]
    rows, columns = lines
    flat = kernel.reshape(*kernel.shape[:2], rows.kernel, columns.kernel)
    check_size((batch * flat.shape[0], rows.windows, columns.windows))
    return Convolution(
        np.tile(flat, (batch, 1, 1, 1)) if batch > 1 else flat,
        (batch * channels, rows.length, columns.length),
        (rows.stride, columns.stride),
        (rows.before, columns.before, max(rows.after, rows.overhang), max(columns.after, columns.overhang)),
        (rows.dilation, columns.dilation),
        batch * groups,
    )


def _of_slabs(kernel: Tensor, batch: int, channels: int, spatial: Sequence[Axis], groups: int) -> LinearMap:
    """The convolution with the windows along all axes but the last two cut out first."""
    lead, plane = spatial[:-2], spatial[-2:]
    out, slabs, depth = len(kernel), math.prod(a.windows for a in lead), math.prod(a.kernel for a in lead)
    check_size((batch, channels, slabs, depth, *(a.length for a in plane)))
    check_size((batch * slabs, *kernel.shape))
    size = batch * channels * math.prod(a.length for a in spatial)
    index = np.arange(size).reshape(batch, channels, *(a.length for a in spatial))
    for k, axis in enumerate(lead):
        cell = axis.stride * np.arange(axis.windows)[:, None] - axis.before + axis.dilation * np.arange(axis.kernel)
        inside = (cell >= 0) & (cell < axis.length)
        taken = np.take(index, np.where(inside, cell, 0), 2 + 2 * k)
        index = np.where(inside.reshape(*inside.shape, *[1] * (taken.ndim - 4 - 2 * k)), taken, -1)
    # (N, C, windows and cells along each axis in turn, H, W): windows belong to the batch, cells to the channels.
    n = len(lead)
    windows, cells = (2 + 2 * k for k in range(n)), (3 + 2 * k for k in range(n))
    cut = Selection(index.transpose(0, *windows, 1, *cells, 2 + 2 * n, 3 + 2 * n).ravel(), size)
    flat = kernel.reshape(out, kernel.shape[1] * depth, *kernel.shape[-2:])
    planes = convolution(flat, batch * slabs, channels * depth, plane, groups)
    place = np.arange(planes.rows).reshape(batch, slabs, out, -1).transpose(0, 2, 1, 3)
    return compose(Selection(place.ravel(), planes.rows), compose(planes, cut))


def _operands(node: Node, x: Value, w: Value, auto_pad: str) -> tuple[Expression, Tensor, int]:
    """The input lifted, the kernel as a constant, and the number of spatial dimensions; refuses what is not handled."""
    kernel = node.constant(w, "kernel")
    rank = x.ndim - 2
    if rank < 1:
        raise ValueError(f"a tensor of shape {list(x.shape)} has no spatial dimensions")
    if kernel.ndim != x.ndim:
        raise ValueError(f"a kernel of shape {list(kernel.shape)} on a tensor of shape {list(x.shape)}")
    if auto_pad not in _PADDING:
        raise node.unsupported(f"with auto_pad {auto_pad!r}")
    return lift(x), kernel, rank


def _with_bias(node: Node, x: Expression, bias: Value | None) -> Expression:
    if bias is None:
        return x
    values = node.constant(bias, "bias")
    return x.plus(values.reshape(-1, *[1] * (x.ndim - 2)))


def conv(
    node: Node,
    x: Value,
    w: Value,
    b: Value | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Sequence[int] | None = None,
    group: int = 1,
    kernel_shape: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> Value:
    """Conv."""
    image, kernel, _ = _operands(node, x, w, auto_pad)
    batch, channels, *lengths = image.shape
    spatial = axes(lengths, kernel.shape[2:], strides, pads, dilations, auto_pad)
    linear = convolution(kernel, batch, channels, spatial, group)
    return _with_bias(node, image.then(linear, (batch, kernel.shape[0], *(a.windows for a in spatial))), b)


def conv_transpose(
    node: Node,
    x: Value,
    w: Value,
    b: Value | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Sequence[int] | None = None,
    group: int = 1,
    kernel_shape: Sequence[int] | None = None,
    output_padding: Sequence[int] | None = None,
    output_shape: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> Value:
    """ConvTranspose: the adjoint of the convolution that would take its output to its input."""
    image, kernel, rank = _operands(node, x, w, auto_pad)
    batch, channels, *lengths = image.shape
    strides, dilations, pads = strides or [1] * rank, dilations or [1] * rank, pads or [0] * (2 * rank)
    extra = output_padding or [0] * rank
    spatial = []
    for k, (length, size) in enumerate(zip(lengths, kernel.shape[2:], strict=True)):
        stride, dilation = strides[k], dilations[k]
        full = stride * (length - 1) + dilation * (size - 1) + 1 + extra[k]
        before, after = pads[k], pads[rank + k]
        if output_shape is not None or auto_pad in ("SAME_UPPER", "SAME_LOWER"):
            wanted = output_shape[len(output_shape) - rank + k] if output_shape is not None else length * stride
            if output_shape is not None and wanted > full:
                raise node.unsupported("to a shape beyond its windows")
            total = max(full - wanted, 0)
            small, large = total // 2, total - total // 2
            before, after = (small, large) if auto_pad == "SAME_UPPER" else (large, small)
        elif auto_pad == "VALID":
            before = after = 0
        result = full - before - after
        if result < 1:
            raise ValueError(f"pads leave {result} entries")
        spatial.append(Axis(result, size, stride, dilation, before, after, length))
    per_group = kernel.shape[1]
    check_size((batch * per_group * group, *(a.length for a in spatial)))
    if kernel.shape[0] != channels:
        raise ValueError(f"a kernel for {kernel.shape[0]} channels on {channels}")
    forward = convolution(kernel, batch, per_group * group, spatial, group)
    if forward.rows != math.prod(image.shape):
        raise node.unsupported("with an output padding that is not smaller than the stride")
    shape: Shape = (batch, per_group * group, *(a.length for a in spatial))
    return _with_bias(node, image.then(Adjoint(forward), shape), b)


def col2im(
    node: Node,
    x: Value,
    image_shape: Value,
    block_shape: Value,
    *,
    dilations: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> Value:
    """Col2Im: blocks are added up into an image; the adjoint of the convolution that cuts them out."""
    lengths, block = node.integers(image_shape, "image shape"), node.integers(block_shape, "block shape")
    columns = lift(x)
    if columns.ndim != 3:
        raise ValueError(f"a tensor of shape {list(x.shape)} is not (batch, channels and blocks, positions)")
    spatial, size = axes(lengths, block, strides, pads, dilations, "NOTSET"), math.prod(block)
    batch, channels = columns.shape[0], columns.shape[1] // size
    check_size((batch * channels * size, size))
    cells = np.tile(np.eye(size).reshape(size, 1, *block), (channels, *[1] * (len(block) + 1)))
    forward = convolution(cells, batch, channels, spatial, channels)
    if forward.rows != columns.size:
        raise ValueError(f"a tensor of shape {list(x.shape)} for {[a.windows for a in spatial]} blocks")
    return columns.then(Adjoint(forward), check_size((batch, channels, *lengths)))

"""Two-dimensional convolutions."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ivan.digest import Digestible
from ivan.network.linear.base import Array, Index, LinearMap, frozen

if TYPE_CHECKING:
    from scipy.sparse import csr_array


# More unfolded numbers than this (64 MB) are computed piece by piece: better for caches, and memory stays bounded.
_CHUNK = 2**23


class Convolution(LinearMap):
    """A two-dimensional convolution with zero padding (cross-correlation, as ONNX has it).

    Args:
        kernel: (O, I/groups, kh, kw).
        input_shape: (I, H, W).
        strides: (sh, sw).
        pads: (top, left, bottom, right).
        dilations: (dh, dw).
        groups: number of groups.
    """

    def __init__(
        self,
        kernel: NDArray[Any],
        input_shape: tuple[int, int, int],
        strides: tuple[int, int] = (1, 1),
        pads: tuple[int, int, int, int] = (0, 0, 0, 0),
        dilations: tuple[int, int] = (1, 1),
        groups: int = 1,
    ) -> None:
        self.kernel: Array = frozen(kernel)
        self.input_shape, self.strides, self.pads = input_shape, strides, pads
        self.dilations, self.groups = dilations, groups
        channels, height, width = input_shape
        out, per_group, kh, kw = self.kernel.shape
        if per_group * groups != channels or out % groups:
            raise ValueError(f"kernel {self.kernel.shape} with {groups} groups does not fit {channels} channels")
        span_h, span_w = dilations[0] * (kh - 1) + 1, dilations[1] * (kw - 1) + 1
        self.output_shape = (
            out,
            (height + pads[0] + pads[2] - span_h) // strides[0] + 1,
            (width + pads[1] + pads[3] - span_w) // strides[1] + 1,
        )
        self.rows = int(np.prod(self.output_shape))
        self.columns = channels * height * width
        self.terms = max(per_group, out // groups) * kh * kw

    @cached_property
    def _absolute(self) -> Convolution:
        return Convolution(np.abs(self.kernel), self.input_shape, self.strides, self.pads, self.dilations, self.groups)

    def _window(self, padded: NDArray[Any], i: int, j: int) -> NDArray[Any]:
        """The strided view of a padded (B, I, H', W') tensor that kernel position (i, j) reads: (B, I, oh, ow)."""
        (sh, sw), (dh, dw) = self.strides, self.dilations
        _, oh, ow = self.output_shape
        top, left = i * dh, j * dw
        return padded[:, :, top : top + sh * (oh - 1) + 1 : sh, left : left + sw * (ow - 1) + 1 : sw]

    @property
    def _padded_size(self) -> tuple[int, int]:
        _, height, width = self.input_shape
        top, left, bottom, right = self.pads
        return height + top + bottom, width + left + right

    @property
    def _tiles(self) -> bool:
        """Whether no two windows overlap, as where an image is cut into patches: then a loop over kernels is waste."""
        return self.strides == self.kernel.shape[2:] and self.dilations == (1, 1)

    @property
    def _chunk(self) -> int:
        """How many rows of a batch are unfolded at once."""
        _, _, kh, kw = self.kernel.shape
        _, oh, ow = self.output_shape
        return max(1, int(_CHUNK // (self.input_shape[0] * kh * kw * oh * ow)))

    def apply(self, x: Array) -> Array:
        if len(x) > self._chunk:
            return np.concatenate([self.apply(x[i : i + self._chunk]) for i in range(0, len(x), self._chunk)])
        channels, height, width = self.input_shape
        out, per_group, kh, kw = self.kernel.shape
        _, oh, ow = self.output_shape
        tensor = x.reshape(-1, channels, height, width)
        top, left, bottom, right = self.pads
        padded = np.pad(tensor, ((0, 0), (0, 0), (top, bottom), (left, right))) if any(self.pads) else tensor
        g = self.groups
        if self._tiles:
            tiled = padded[:, :, : oh * kh, : ow * kw].reshape(-1, g, per_group, oh, kh, ow, kw)
            columns = tiled.transpose(0, 1, 2, 4, 6, 3, 5)
        else:
            columns = np.empty((len(tensor), g, per_group, kh, kw, oh, ow))
            for i in range(kh):
                for j in range(kw):
                    columns[:, :, :, i, j] = self._window(padded, i, j).reshape(-1, g, per_group, oh, ow)
        kernel = self.kernel.reshape(g, out // g, per_group * kh * kw)
        result: Array = np.matmul(kernel, columns.reshape(-1, g, per_group * kh * kw, oh * ow))
        return result.reshape(len(tensor), self.rows)

    def transpose(self, a: Array) -> Array:
        if len(a) > self._chunk:
            return np.concatenate([self.transpose(a[i : i + self._chunk]) for i in range(0, len(a), self._chunk)])
        channels, height, width = self.input_shape
        out, per_group, kh, kw = self.kernel.shape
        _, oh, ow = self.output_shape
        g = self.groups
        kernel = self.kernel.reshape(g, out // g, per_group * kh * kw)
        columns = np.matmul(kernel.transpose(0, 2, 1), a.reshape(-1, g, out // g, oh * ow))
        columns = columns.reshape(-1, g, per_group, kh, kw, oh, ow)
        padded = np.zeros((len(columns), channels, *self._padded_size))
        if self._tiles:
            tiled = columns.transpose(0, 1, 2, 5, 3, 6, 4)
            padded[:, :, : oh * kh, : ow * kw] = tiled.reshape(-1, channels, oh * kh, ow * kw)
        else:
            for i in range(kh):
                for j in range(kw):
                    self._window(padded, i, j)[...] += columns[:, :, :, i, j].reshape(-1, channels, oh, ow)
        top, left = self.pads[:2]
        return padded[:, :, top : top + height, left : left + width].reshape(len(columns), self.columns)

    def select(self, units: Index) -> Array:
        channels, height, width = self.input_shape
        out, per_group, kh, kw = self.kernel.shape
        (sh, sw), (dh, dw) = self.strides, self.dilations
        channel, y, x = (np.asarray(index)[:, None] for index in np.unravel_index(units, self.output_shape))
        row = np.arange(len(units))[:, None]
        read = channel // (out // self.groups) * per_group + np.arange(per_group)
        padded = np.zeros((len(units), channels, *self._padded_size))
        for i in range(kh):
            for j in range(kw):
                padded[row, read, y * sh + i * dh, x * sw + j * dw] = self.kernel[channel[:, 0], :, i, j]
        top, left = self.pads[:2]
        return padded[:, :, top : top + height, left : left + width].reshape(len(units), self.columns)

    def absolute(self) -> Convolution:
        return self._absolute

    def describe(self) -> Digestible:
        return [self.shape_only(), self.kernel]

    def shape_only(self) -> Digestible:
        return [
            "convolution", *self.kernel.shape, *self.input_shape, *self.strides, *self.pads, *self.dilations,
            self.groups,
        ]  # fmt: skip

    def to_sparse(self) -> csr_array[Any]:
        from scipy.sparse import coo_array, csr_array

        channels, height, width = self.input_shape
        out, per_group, kh, kw = self.kernel.shape
        _, oh, ow = self.output_shape
        top, left = self.pads[:2]
        inputs = np.pad(
            np.arange(self.columns).reshape(1, channels, height, width),
            ((0, 0), (0, 0), (top, self.pads[2]), (left, self.pads[3])),
            constant_values=-1,
        )
        outputs = np.arange(self.rows).reshape(self.groups, out // self.groups, 1, oh, ow)
        rows, columns, values = [], [], []
        for i in range(kh):
            for j in range(kw):
                source = self._window(inputs, i, j).reshape(self.groups, 1, per_group, oh, ow)
                weight = self.kernel[:, :, i, j].reshape(self.groups, out // self.groups, per_group, 1, 1)
                row, column, value = np.broadcast_arrays(outputs, source, weight)
                inside = column >= 0
                rows.append(row[inside])
                columns.append(column[inside])
                values.append(value[inside])
        entries = np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))
        return csr_array(coo_array(entries, shape=(self.rows, self.columns)))

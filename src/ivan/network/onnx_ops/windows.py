"""Where the windows of a convolution or a pool lie along each spatial axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Axis:
    """The windows along one axis.

    Attributes:
        length: entries of the input.
        kernel: entries of a window.
        stride: distance between windows.
        dilation: distance between the entries of a window.
        before: padding in front of the input.
        after: padding behind it, as the file asks.
        windows: how many windows there are.
    """

    length: int
    kernel: int
    stride: int
    dilation: int
    before: int
    after: int
    windows: int

    @property
    def overhang(self) -> int:
        """Padding behind the input that the last window needs."""
        last = (self.windows - 1) * self.stride + self.dilation * (self.kernel - 1) + 1
        return max(last - self.before - self.length, 0)

    def cells(self, window: int, padded: bool = False) -> list[int]:
        """Positions that a window covers, in the input or, on request, in its declared padding too."""
        start = window * self.stride - self.before
        low, high = (-self.before, self.length + self.after) if padded else (0, self.length)
        return [c for c in range(start, start + self.kernel * self.dilation, self.dilation) if low <= c < high]


def axes(
    lengths: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int] | None,
    pads: Sequence[int] | None,
    dilations: Sequence[int] | None,
    auto_pad: str,
    ceil_mode: int = 0,
) -> list[Axis]:
    """The windows along every spatial axis, from the attributes of the node.

    Raises:
        ValueError: when attributes are of different lengths or no window fits.
    """
    rank = len(lengths)
    strides, dilations, pads = strides or [1] * rank, dilations or [1] * rank, pads or [0] * (2 * rank)
    if not len(kernel) == len(strides) == len(dilations) == rank or len(pads) != 2 * rank:
        raise ValueError(f"kernel, strides, dilations or pads do not fit {rank} spatial dimensions")
    if min(*kernel, *strides, *dilations, 1) < 1 or min(pads, default=0) < 0:
        raise ValueError("kernel, strides and dilations must be positive, and pads not negative")
    found = []
    for k, (length, size, stride, dilation) in enumerate(zip(lengths, kernel, strides, dilations, strict=True)):
        span = dilation * (size - 1) + 1
        before, after = pads[k], pads[rank + k]
        if auto_pad in ("SAME_UPPER", "SAME_LOWER"):
            windows = -(-length // stride)
            total = max((windows - 1) * stride + span - length, 0)
            small, large = total // 2, total - total // 2
            before, after = (small, large) if auto_pad == "SAME_UPPER" else (large, small)
        else:
            if auto_pad == "VALID":
                before = after = 0
            room = length + before + after - span
            windows = (-(-room // stride) if ceil_mode else room // stride) + 1
            if ceil_mode and (windows - 1) * stride >= length + before:
                windows -= 1  # a window that would start behind the input
        if windows < 1:
            raise ValueError(f"a window of {span} does not fit into {length} entries")
        found.append(Axis(length, size, stride, dilation, before, after, windows))
    return found

"""What flows along the edges of an ONNX graph while it is read: constant tensors and affine expressions.

A constant is a numpy array in the file's own type, so that arithmetic on constants rounds as the file asks. Everything
that depends on the input is an `Expression`. Operators that only move numbers treat both alike (`rearrange`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from ivan.network.affine import Affine
from ivan.network.element_types import MOST_EXACT
from ivan.network.linear import Diagonal, LinearMap, Selection

Tensor = NDArray[Any]
Shape = tuple[int, ...]

LARGEST = 2**27
"""Numbers in one tensor (1 GB); a model beyond that is refused before memory runs out."""


class UsageError(Exception):
    """An operator that is supported, met in a form that is not; the message starts with the operator's name."""


class InfiniteError(ValueError):
    """Entries that are -infinity whatever the input, where an operator can only make something of numbers."""


class PrecisionError(ValueError):
    """A constant among what depends on the input that is an integer and no float64."""


@dataclass(frozen=True, eq=False)
class Expression:
    """An affine expression that stands for a tensor.

    Attributes:
        affine: its entries, in row-major order.
        shape: the tensor's dimensions.
        dtype: the tensor's type in the file.
        missing: (size,) True where an entry is -infinity, as a mask of attention has it, and `affine` does not count;
            None where there are none. Only some operators know what to do with them (infinities.py).
        above: True where such entries are +infinity instead, as in a frame for a minimum, which alone takes them.
    """

    affine: Affine
    shape: Shape
    dtype: np.dtype[Any]
    missing: NDArray[np.bool_] | None = None
    above: bool = False

    def __post_init__(self) -> None:
        if math.prod(self.shape) != self.affine.size:
            raise ValueError(f"{self.affine.size} numbers do not make a tensor of shape {list(self.shape)}")

    @property
    def size(self) -> int:
        """Number of entries."""
        return self.affine.size

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    def then(self, linear: LinearMap, shape: Shape) -> Expression:
        """The expression behind one more linear map, as a tensor of a given shape."""
        return Expression(self.present.then(linear), shape, self.dtype)

    @property
    def present(self) -> Affine:
        """The entries, for whoever can do nothing with an infinite one.

        Raises:
            InfiniteError: some are.
        """
        if self.missing is not None:
            raise InfiniteError("an operand is -infinity somewhere")
        return self.affine

    def scaled(self, factor: float | Tensor, uncertain: int = 0, source: Any = None) -> Expression:
        """The expression times factors that broadcast to its shape; see `Diagonal` for the rest."""
        scale = np.broadcast_to(np.asarray(factor, dtype=np.float64), self.shape).ravel()
        if not np.all(np.isfinite(scale)):
            raise ValueError("a factor is infinite or not a number")
        if self.missing is not None and np.any(scale[self.missing] < np.finfo(self.dtype).tiny):
            raise InfiniteError("an operand is -infinity somewhere, and its factor there not positive")
        affine = self.affine.then(Diagonal(scale, uncertain, source))
        return Expression(affine, self.shape, self.dtype, self.missing)

    def plus(self, other: Value) -> Expression:
        """The sum with a tensor that broadcasts to this shape."""
        if isinstance(other, Expression):
            summand = broadcast(other, self.shape)
            affine, missing = self.affine.plus(summand.affine), summand.missing
        else:
            vector, missing = _finite(np.broadcast_to(other, self.shape))
            affine = self.affine.plus_constant(vector)
        if missing is None or self.missing is None:
            missing = self.missing if missing is None else missing
        else:
            missing = missing | self.missing
        return Expression(affine, self.shape, self.dtype, missing)

    def minus(self, other: Value) -> Expression:
        """The difference with a tensor that broadcasts to this shape."""
        return self.plus(other.scaled(-1.0) if isinstance(other, Expression) else -other.astype(np.float64))


Value = Tensor | Expression


def lift(value: Value) -> Expression:
    """A value as an expression; that of a constant has no terms."""
    if isinstance(value, Expression):
        return value
    vector, missing = _finite(value)
    return Expression(Affine(value.size).plus_constant(vector), value.shape, value.dtype, missing)


def _finite(constant: Tensor) -> tuple[NDArray[np.float64], NDArray[np.bool_] | None]:
    """A constant's numbers, flat, and where they are -infinity, if anywhere."""
    vector = constant.astype(np.float64).ravel()
    if constant.dtype.kind in "iu":
        far = np.abs(vector) >= MOST_EXACT
        if any(int(v) != int(w) for v, w in zip(constant.ravel()[far], vector[far], strict=True)):
            raise PrecisionError("an integer is beyond 2^53, and none of those that float64 has")
    if np.all(np.isfinite(vector)):
        return vector, None
    missing = np.isneginf(vector)
    vector = np.where(missing, 0.0, vector)
    if not np.all(np.isfinite(vector)):
        raise ValueError("a summand is infinite or not a number")
    return vector, missing


def check_size(shape: Sequence[int]) -> Shape:
    """The shape itself, unless it is negative or too large to be built."""
    if any(d < 0 for d in shape):
        raise ValueError(f"a tensor cannot have shape {list(shape)}")
    if math.prod(shape) > LARGEST:
        raise ValueError(f"a tensor of shape {list(shape)} is too large (at most {LARGEST} numbers)")
    return tuple(int(d) for d in shape)


@overload
def rearrange(value: Expression, move: Callable[[Tensor], Tensor], padded: bool = False) -> Expression: ...
@overload
def rearrange(value: Tensor, move: Callable[[Tensor], Tensor], padded: bool = False) -> Tensor: ...
@overload
def rearrange(value: Value, move: Callable[[Tensor], Tensor], padded: bool = False) -> Value: ...
def rearrange(value: Value, move: Callable[[Tensor], Tensor], padded: bool = False) -> Value:
    """Applies a function that only moves the entries of an array.

    Args:
        value: the tensor.
        move: from an array to an array of the same entries, some perhaps left out or repeated.
        padded: True when `move` may also write -1 for "zero here" (only for expressions).
    """
    if not isinstance(value, Expression):
        return move(value)
    index = np.arange(value.size).reshape(value.shape)
    moved = move(index)
    missing = value.missing
    if not padded and moved.size == value.size and np.array_equal(moved.ravel(), index.ravel()):
        return Expression(value.affine, moved.shape, value.dtype, missing)
    affine = value.affine.then(Selection(moved.ravel(), value.size))
    if missing is not None:
        missing = np.append(missing, False)[moved.ravel()]  # -1 is where nothing was
        missing = missing if missing.any() else None
    return Expression(affine, moved.shape, value.dtype, missing)


@overload
def broadcast(value: Expression, shape: Sequence[int]) -> Expression: ...
@overload
def broadcast(value: Tensor, shape: Sequence[int]) -> Tensor: ...
@overload
def broadcast(value: Value, shape: Sequence[int]) -> Value: ...
def broadcast(value: Value, shape: Sequence[int]) -> Value:
    """The tensor repeated to a larger shape, by the rules of numpy, which ONNX shares."""
    if value.shape == tuple(shape):
        return value
    target = check_size(shape)
    return rearrange(value, lambda t: np.broadcast_to(t, target))


def common_shape(*values: Value) -> Shape:
    """The shape to which all of them broadcast."""
    return check_size(np.broadcast_shapes(*(value.shape for value in values)))


def concatenate(values: Sequence[Value], axis: int) -> Value:
    """Tensors joined along an axis; a constant when all of them are."""
    arrays = [value for value in values if not isinstance(value, Expression)]
    if len(arrays) == len(values):
        return np.concatenate(arrays, axis)
    lifted = [lift(value) for value in values]
    # Joined flat, the entries lie part by part; the same join of their positions says where each belongs.
    starts = np.cumsum([0, *(part.size for part in lifted)])
    positions = [np.arange(part.size).reshape(part.shape) + start for part, start in zip(lifted, starts, strict=False)]
    place = np.concatenate(positions, axis)
    check_size(place.shape)
    dtype = next(value.dtype for value in values if isinstance(value, Expression))
    missing = None
    if any(part.missing is not None for part in lifted):
        missing = np.concatenate([np.zeros(p.size, bool) if p.missing is None else p.missing for p in lifted])
    joined = Expression(Affine.concatenated([part.affine for part in lifted]), (int(starts[-1]),), dtype, missing)
    return rearrange(joined, lambda t: t[place])


def normal_axis(axis: int, rank: int) -> int:
    """An axis counted from the front."""
    if not -rank <= axis < rank:
        raise ValueError(f"axis {axis} of a tensor with {rank} dimensions")
    return axis % rank

"""Operators behind a mask: what they make of entries that are -infinity, next to what they make of the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ivan.network.linear import Selection
from ivan.network.onnx_ops.values import Expression, Value, broadcast, common_shape, lift, rearrange


def there(value: Expression) -> NDArray[np.bool_]:
    """Where entries are numbers, in the tensor's shape."""
    return np.ones(value.shape, bool) if value.missing is None else ~value.missing.reshape(value.shape)


def kept(value: Expression, mask: NDArray[np.bool_]) -> Expression:
    """The value, repeated to the mask's shape, where the mask is true; zero elsewhere."""
    return rearrange(broadcast(value, mask.shape), lambda t: np.where(mask, t, -1), padded=True)


def of_present(x: Expression, function: Callable[[Expression], Expression], limit: float) -> Expression:
    """A function, entry by entry, of the entries that are numbers, and its limit at -infinity where they are not."""
    if x.missing is None:
        return function(x)
    whole = placed(x, ~x.missing, function)
    if np.isneginf(limit):
        return replace(whole, missing=x.missing)
    return whole.plus(np.where(x.missing, limit, 0.0).reshape(x.shape)) if limit else whole


def placed(x: Expression, mask: NDArray[np.bool_], function: Callable[[Expression], Expression]) -> Expression:
    """A function, entry by entry, of the entries where a flat mask is true; zero elsewhere."""
    chosen = np.flatnonzero(mask)
    if not len(chosen):
        return lift(np.zeros(x.shape, x.dtype))
    part = function(_chosen(x, chosen))
    place = np.full(x.size, -1)
    place[chosen] = np.arange(len(chosen))
    return Expression(part.affine.then(Selection(place, len(chosen))), x.shape, part.dtype)


def larger(a: Value, b: Value, function: Callable[[Expression, Expression], Expression]) -> Expression:
    """The larger one of two, entry by entry: by a function where both are numbers, the other one where one is not."""
    first, second = _together(a, b)
    one, other = there(first), there(second)
    alone = kept(_numbers(first), one & ~other).plus(kept(_numbers(second), other & ~one))
    neither = ~(one | other)
    total = alone.plus(_of_both(first, second, one & other, function))
    return replace(total, missing=neither.ravel() if neither.any() else None)


def smaller(a: Value, b: Value, function: Callable[[Expression, Expression], Expression]) -> Expression:
    """The smaller one of two, entry by entry: by a function where both are numbers, -infinity where one is not."""
    first, second = _together(a, b)
    both = there(first) & there(second)
    return replace(_of_both(first, second, both, function), missing=~both.ravel())


def _together(a: Value, b: Value) -> tuple[Expression, Expression]:
    shape = common_shape(a, b)
    return lift(broadcast(a, shape)), lift(broadcast(b, shape))


def _of_both(
    first: Expression,
    second: Expression,
    mask: NDArray[np.bool_],
    function: Callable[[Expression, Expression], Expression],
) -> Expression:
    """A function of two operands where a mask is true; zero elsewhere."""
    return placed(first, mask.ravel(), lambda part: function(part, _chosen(second, np.flatnonzero(mask))))


def _chosen(value: Expression, index: NDArray[np.signedinteger[Any]]) -> Expression:
    """Some entries, which are numbers, in one row."""
    return Expression(value.affine.then(Selection(index, value.size)), (len(index),), value.dtype)


def _numbers(value: Expression) -> Expression:
    return replace(value, missing=None)

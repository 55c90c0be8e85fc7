"""Products and sums of linear maps, kept lazy.

`compose` and `add` simplify only what is exact and what the structure alone decides - two versions of a model must get
the same maps, whatever their weights: index maps merge with each other and move the rows and columns of matrices.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ivan.digest import Digestible
from ivan.network.linear.base import Array, Index, LinearMap
from ivan.network.linear.dense import Dense
from ivan.network.linear.selection import Selection

if TYPE_CHECKING:
    from scipy.sparse import csr_array


class Product(LinearMap):
    """First `inner`, then `outer`; never multiplied out.

    Args:
        outer: k -> m.
        inner: n -> k.
    """

    def __init__(self, outer: LinearMap, inner: LinearMap) -> None:
        if outer.columns != inner.rows:
            raise ValueError(f"a map from {outer.columns} numbers cannot follow one to {inner.rows}")
        self.outer, self.inner = outer, inner
        self.rows, self.columns = outer.rows, inner.columns
        self.terms = outer.terms + inner.terms
        self.zero = outer.zero or inner.zero
        self.pieces = outer.pieces + inner.pieces

    def apply(self, x: Array) -> Array:
        return self.outer.apply(self.inner.apply(x))

    def transpose(self, a: Array) -> Array:
        return self.inner.transpose(self.outer.transpose(a))

    def select(self, units: Index) -> Array:
        return self.inner.transpose(self.outer.select(units))

    def absolute(self) -> Product:
        return Product(self.outer.absolute(), self.inner.absolute())

    @cached_property
    def gain(self) -> float:
        with np.errstate(over="ignore", invalid="ignore"):  # what is infinite, or no number, is too large
            between = self.inner.absolute().apply(np.ones((1, self.columns)))
        most = float(np.nan_to_num(between, nan=np.inf, posinf=np.inf).max(initial=0.0))
        return max(self.inner.gain, most, self.outer.gain * most if self.outer.gain else 0.0)

    @cached_property
    def losses(self) -> Array:
        inner = np.broadcast_to(self.inner.losses, (1, self.inner.rows))
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(self.outer.absolute().apply(inner)[0] + self.outer.losses)

    def describe(self) -> Digestible:
        return ["product", self.outer.describe(), self.inner.describe()]

    def shape_only(self) -> Digestible:
        return ["product", self.outer.shape_only(), self.inner.shape_only()]

    def to_sparse(self) -> csr_array[Any]:
        from scipy.sparse import csr_array

        return csr_array(self.outer.to_sparse() @ self.inner.to_sparse())


class Sum(LinearMap):
    """The sum of maps with the same inputs and outputs."""

    def __init__(self, parts: tuple[LinearMap, ...]) -> None:
        if len({(p.rows, p.columns) for p in parts}) != 1:
            raise ValueError("only maps of one shape can be added")
        self.parts = parts
        self.rows, self.columns = parts[0].rows, parts[0].columns
        self.terms = max(p.terms for p in parts) + len(parts)
        self.zero = all(p.zero for p in parts)
        self.pieces = sum(p.pieces for p in parts)

    def apply(self, x: Array) -> Array:
        return np.asarray(sum(p.apply(x) for p in self.parts))

    def transpose(self, a: Array) -> Array:
        return np.asarray(sum(p.transpose(a) for p in self.parts))

    def select(self, units: Index) -> Array:
        return np.asarray(sum(p.select(units) for p in self.parts))

    def absolute(self) -> Sum:
        return Sum(tuple(p.absolute() for p in self.parts))

    @cached_property
    def gain(self) -> float:
        return sum((max(part.gain, 1.0) for part in self.parts), 0.0)

    @cached_property
    def losses(self) -> Array:
        ones, total = np.ones((1, self.columns)), np.full(self.rows, float(len(self.parts)))
        for part in self.parts:  # and what a sum before it loses
            total = total + part.losses + part.absolute().apply(ones)[0]
        return total

    def describe(self) -> Digestible:
        return ["sum", [p.describe() for p in self.parts]]

    def shape_only(self) -> Digestible:
        return ["sum", [p.shape_only() for p in self.parts]]

    def to_sparse(self) -> csr_array[Any]:
        from scipy.sparse import csr_array

        total = self.parts[0].to_sparse()
        for part in self.parts[1:]:
            total = total + part.to_sparse()
        return csr_array(total)


# An index map in front of a matrix scatters its columns; beyond this growth the two are kept apart.
_GROWTH = 4


def compose(outer: LinearMap, inner: LinearMap) -> LinearMap:
    """First `inner`, then `outer`, simplified where that is exact."""
    if outer.zero or inner.zero:
        return _zero(outer, inner)
    if isinstance(inner, Selection) and inner.identity:
        return outer
    if isinstance(outer, Selection):
        return _select(outer, inner)
    if isinstance(inner, Selection) and isinstance(outer, Dense) and outer.plain and inner.injective:
        if inner.columns > _GROWTH * inner.rows:
            return Product(outer, inner)
        weight = np.zeros((outer.rows, inner.columns))
        valid = inner.index >= 0
        weight[:, inner.index[valid]] = outer.weight[:, valid]
        return Dense(weight, uncertain=outer.uncertain)
    return Product(outer, inner)


def _zero(outer: LinearMap, inner: LinearMap) -> Selection:
    return Selection(np.full(outer.rows, -1), inner.columns)


def _select(outer: Selection, inner: LinearMap) -> LinearMap:
    if outer.identity:
        return inner
    if isinstance(inner, Selection):
        return Selection(np.where(outer.index >= 0, inner.index[outer.index], -1), inner.columns)
    if isinstance(inner, Dense) and inner.plain and outer.injective and not outer.padded:
        return Dense(inner.weight[outer.index], uncertain=inner.uncertain)
    if isinstance(inner, Product):
        return compose(_select(outer, inner.outer), inner.inner)
    if isinstance(inner, Sum):
        parts = [part for part in (_select(outer, part) for part in inner.parts) if not part.zero]
        return Sum(tuple(parts)) if len(parts) > 1 else parts[0] if parts else _zero(outer, inner)
    return Product(outer, inner)


def add(first: LinearMap, second: LinearMap) -> LinearMap:
    """The sum of two maps, flat; index maps that fill different outputs become one."""
    parts: list[LinearMap] = []
    for part in (*_parts(first), *_parts(second)):
        for k, other in enumerate(parts):
            merged = _merge(other, part)
            if merged is not None:
                parts[k] = merged
                break
        else:
            parts.append(part)
    return Sum(tuple(parts)) if len(parts) > 1 else parts[0]


def _parts(linear: LinearMap) -> tuple[LinearMap, ...]:
    return linear.parts if isinstance(linear, Sum) else (linear,)


def _merge(first: LinearMap, second: LinearMap) -> Selection | None:
    """One index map that is the sum of two, where no output is filled by both."""
    if not (isinstance(first, Selection) and isinstance(second, Selection)) or first.columns != second.columns:
        return None
    if np.any((first.index >= 0) & (second.index >= 0)):
        return None
    return Selection(np.maximum(first.index, second.index), first.columns)


NOTHING, COMPUTED = -1, -2
"""What a map's row is where it is no entry of what the map is applied to: zero by the structure alone, or a sum."""


def origins(linear: LinearMap) -> Index:
    """(rows,) the entry that each row of a map takes as it is; `NOTHING` or `COMPUTED` elsewhere."""
    if isinstance(linear, Selection):
        return linear.index
    if isinstance(linear, Product):
        outer = origins(linear.outer)
        return outer if np.all(outer < 0) else np.where(outer < 0, outer, origins(linear.inner)[np.maximum(outer, 0)])
    found: Index = np.full(linear.rows, NOTHING if linear.zero else COMPUTED)
    if isinstance(linear, Sum):
        found = origins(linear.parts[0])
        for part in linear.parts[1:]:
            other = origins(part)
            found = np.where(found == NOTHING, other, np.where(other == NOTHING, found, COMPUTED))
    return found

"""Affine expressions over the layers of a network: the domain in which ONNX is read, and what a layer computes.

    value = sum over sources s of  L_s h_s  +  sum over constants  M_i v_i          h_0 is the network's input

A linear operator composes its map onto every term and every constant; nothing is multiplied out, so an expression
consists of the file's own tensors. The constant's number is only computed when it is asked for, with a bound on the
rounding error of doing so, and never enters a digest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ivan.digest import Digestible
from ivan.network.linear import COMPUTED, NOTHING, Array, Diagonal, Index, LinearMap, Selection, add, compose, origins

_UNIT = 2.0**-53
_UNDERFLOW = 1e-300

UNDONE = 1e15
"""Factor by which composed maps may undo one another. What float64 loses below 1e-323 is then below 1e-300 behind them,
and times any number that bounds are computed of, below what rigorous bounds give way by (bounds/rigorous.py)."""


def _frozen(vector: Array) -> Array:
    """A read-only copy."""
    copy = np.array(vector, dtype=np.float64)
    copy.setflags(write=False)
    return copy


@dataclass(frozen=True, eq=False)
class Copy:
    """Numbers of an expression that are the same as some of an earlier layer's pre-activation, whatever the input.

    Attributes:
        at: (c,) which of the expression's.
        layer: the earlier layer, 1-based.
        of: (c,) which of its pre-activation's.
    """

    at: NDArray[np.int64]
    layer: int
    of: NDArray[np.int64]


class Affine:
    """An affine expression; immutable.

    Args:
        size: how many numbers it yields.
        terms: linear map (source size -> size) of each source layer; 0 is the network's input.
        constants: pairs of a map (None: identity) and the vector it is applied to.
        copies: what is known to be computed elsewhere already, so that bounds need not be found twice; follows from the
            rest, and is in no digest.
    """

    def __init__(
        self,
        size: int,
        terms: Mapping[int, LinearMap] | None = None,
        constants: tuple[tuple[LinearMap | None, Array], ...] = (),
        copies: tuple[Copy, ...] = (),
    ) -> None:
        self.size = size
        self.terms: tuple[tuple[int, LinearMap], ...] = tuple(sorted((terms or {}).items(), key=lambda t: t[0]))
        self.constants, self.copies = constants, copies
        for _, linear in self.terms:
            if linear.rows != size:
                raise ValueError(f"a term of {linear.rows} numbers in an expression of {size}")

    @classmethod
    def of(cls, source: int, size: int) -> Affine:
        """The values of a layer themselves."""
        return cls(size, {source: Selection.identity_of(size)})

    @cached_property
    def constant(self) -> Array:
        """The constant part: (size,), up to `constant_error`."""
        total = np.zeros(self.size)
        for linear, vector in self.constants:
            total = total + (vector if linear is None else linear.apply(vector[None, :])[0])
        total.setflags(write=False)
        return total

    @cached_property
    def constant_error(self) -> Array:
        """How far `constant` can be from the exact number: (size,), never negative.

        Infinite where maps are composed that undo one another by more than `UNDONE`: what underflows between them is
        lost, and no bound on the whole would be one.
        """
        magnitude, terms = np.zeros(self.size), len(self.constants)
        for linear, vector in self.constants:
            if linear is None:
                magnitude = magnitude + np.abs(vector)
            else:
                magnitude = magnitude + linear.absolute().apply(np.abs(vector)[None, :])[0]
                terms = max(terms, linear.terms + len(self.constants))
        if not self.tame:
            return _frozen(np.full(self.size, np.inf))
        exact = not self.constants or (len(self.constants) == 1 and self.constants[0][0] is None)
        # The last summand covers products too small for the relative error to hold.
        error: Array = np.zeros(self.size) if exact else 1.02 * (terms + 4) * _UNIT * magnitude + _UNDERFLOW
        error.setflags(write=False)
        return error

    @cached_property
    def constant_reach(self) -> Array:
        """(size,): sum of the absolute values that the constant part is summed up from."""
        total = np.zeros(self.size)
        for linear, vector in self.constants:
            part = np.abs(vector)
            total = total + (part if linear is None else linear.absolute().apply(part[None, :])[0])
        total.setflags(write=False)
        return total

    @cached_property
    def gains(self) -> tuple[tuple[int, float], ...]:
        """For each source, how many times its largest number there may be before the last of its maps.

        At least once, where there are several: the file may have added them up before it.
        """
        least = 1.0 if len(self._maps) > 1 else 0.0
        return tuple((k, 0.0 if isinstance(m, Selection) else max(m.gain, least)) for k, m in self.terms)

    @cached_property
    def constant_gain(self) -> float:
        """The largest number that the constant part may have before the last of its maps; 0 without any."""
        mapped = [(m, vector) for m, vector in self.constants if m is not None]
        return sum((max(m.gain, 1.0) * float(np.abs(vector).max(initial=0.0)) for m, vector in mapped), 0.0)

    @cached_property
    def losses(self) -> Array:
        """(size,): in how many steps a number too small for the type may be lost, each as the maps behind weigh it."""
        total = np.full(self.size, float(len(self.terms) + len(self.constants)))
        for linear in self._maps:
            total = total + linear.losses
            if not isinstance(linear, Selection):  # and in a sum before it
                total = total + linear.absolute().apply(np.ones((1, linear.columns)))[0]
        return _frozen(total)

    @property
    def _maps(self) -> list[LinearMap]:
        return [*(m for _, m in self.terms), *(m for m, _ in self.constants if m is not None)]

    @cached_property
    def tame(self) -> bool:
        """Do composed maps undo one another by no more than `UNDONE`?"""
        return all(m.gain <= UNDONE and np.all(m.losses <= UNDONE) for m in self._maps)

    @cached_property
    def moved(self) -> NDArray[np.bool_]:
        """(size,) True where a number is one of a source's, or one of a constant's: nothing is computed."""
        summands = np.zeros(self.size, np.int64)
        for vector in (vector for linear, vector in self.constants if linear is None):
            summands += vector != 0.0
        for entries in (*self.taken, *(entries for entries in self._constants_taken if entries is not None)):
            summands += np.where(entries == COMPUTED, 2, entries != NOTHING)
        return summands <= 1

    @cached_property
    def taken(self) -> tuple[Index, ...]:
        """For every term (size,): the entry of its source that it takes as it is, see `origins`."""
        return tuple(origins(linear) for _, linear in self.terms)

    @cached_property
    def _constants_taken(self) -> tuple[Index | None, ...]:
        """The same for constants; None where one is the expression's own."""
        return tuple(None if linear is None else origins(linear) for linear, _ in self.constants)

    def origin(self, number: int) -> tuple[int, int] | None:
        """The source that a number of the expression is taken from, as it is, and its place there; None elsewhere."""
        found: tuple[int, int] | None = None
        for entries, (_, vector) in zip(self._constants_taken, self.constants, strict=True):
            at = number if entries is None else int(entries[number])
            if at == COMPUTED or (at != NOTHING and vector[at] != 0.0):
                return None
        for entries, (source, _) in zip(self.taken, self.terms, strict=True):
            at = int(entries[number])
            if at == NOTHING:
                continue
            if at == COMPUTED or found is not None:
                return None
            found = source, at
        return found

    @cached_property
    def repeats(self) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
        """Which numbers are the same whatever the input: (d,) where distinct ones first stand, (size,) which each is.

        None where none is seen to be: only numbers that are taken from somewhere are compared.
        """
        maps = [linear for _, linear in self.terms]
        plain = [vector for linear, vector in self.constants if linear is None]
        keys = [linear.index for linear in maps if isinstance(linear, Selection)]
        if not maps or len(keys) < len(maps) or len(plain) < len(self.constants):
            return None
        table = np.stack([*keys, *((vector + 0.0).view(np.int64) for vector in plain)])
        _, first, which = np.unique(table, axis=1, return_index=True, return_inverse=True)
        return None if len(first) == self.size else (first, which.ravel())

    @property
    def width(self) -> int:
        """Number of maps and constants; what decides whether it is cheaper to name it as a layer."""
        return sum(linear.pieces for _, linear in self.terms) + len(self.constants)

    def then(self, linear: LinearMap) -> Affine:
        """The expression behind one more linear map (size -> linear.rows)."""
        # What the structure alone makes zero is dropped, so that a slice of a concatenation is its part again.
        terms = {source: compose(linear, inner) for source, inner in self.terms}
        constants: list[tuple[LinearMap | None, Array]] = []
        for inner, vector in self.constants:
            if inner is not None:
                constants.append((compose(linear, inner), vector))
            elif isinstance(linear, Selection):
                constants.append((None, _frozen(linear.apply(vector[None, :])[0])))
            else:
                constants.append((linear, vector))
        return Affine(
            linear.rows,
            {source: term for source, term in terms.items() if not term.zero},
            tuple((inner, vector) for inner, vector in constants if inner is None or not inner.zero),
        )

    def plus(self, other: Affine) -> Affine:
        """The sum of two expressions of one size."""
        if self.size != other.size:
            raise ValueError(f"{self.size} and {other.size} numbers cannot be added")
        terms = dict(self.terms)
        for source, linear in other.terms:
            terms[source] = add(terms[source], linear) if source in terms else linear
        return Affine(self.size, terms, self.constants + other.constants)

    def plus_constant(self, vector: Array) -> Affine:
        """The expression with a vector (size,) added."""
        if vector.shape != (self.size,):
            raise ValueError(f"a constant of shape {vector.shape} in an expression of {self.size} numbers")
        return Affine(self.size, dict(self.terms), (*self.constants, (None, _frozen(vector))))

    def scaled(self, factor: float) -> Affine:
        """The expression times a number; -1 and powers of two are exact."""
        return self.then(Diagonal(np.full(self.size, factor)))

    @classmethod
    def concatenated(cls, parts: Sequence[Affine]) -> Affine:
        """The expressions one after the other."""
        size = sum(part.size for part in parts)
        terms: dict[int, LinearMap] = {}
        mapped: list[tuple[LinearMap | None, Array]] = []
        plain: list[Array] = []  # the k-th of each part's plain constants share a vector
        start = 0
        for part in parts:
            place = np.full(size, -1)
            place[start : start + part.size] = np.arange(part.size)
            embed = Selection(place, part.size)
            for source, linear in part.terms:
                moved = compose(embed, linear)
                terms[source] = add(terms[source], moved) if source in terms else moved
            vectors = []
            for inner, vector in part.constants:
                if inner is None:
                    vectors.append(vector)
                else:
                    mapped.append((compose(embed, inner), vector))
            plain.extend(np.zeros(size) for _ in range(len(vectors) - len(plain)))
            for whole, vector in zip(plain, vectors, strict=False):
                whole[start : start + part.size] = vector
            start += part.size
        return cls(size, terms, (*mapped, *((None, _frozen(whole)) for whole in plain)))

    def evaluate(self, values: Mapping[int, Array]) -> Array:
        """(B, size), from the values (B, n_s) of every source; in float64, not rigorous."""
        batch = len(next(iter(values.values())))
        total = np.broadcast_to(self.constant, (batch, self.size))
        with np.errstate(over="ignore", invalid="ignore"):  # of infinite values, infinite or NaN
            for source, linear in self.terms:
                total = total + linear.apply(values[source])
        return total

    def describe(self) -> Digestible:
        """What a network's digest is taken over."""
        return [
            self.size,
            [[source, linear.describe()] for source, linear in self.terms],
            [[None if linear is None else linear.describe(), vector] for linear, vector in self.constants],
        ]

    def shape_only(self) -> Digestible:
        """What an architecture's digest is taken over."""
        return [self.size, [[source, linear.shape_only()] for source, linear in self.terms], len(self.constants)]

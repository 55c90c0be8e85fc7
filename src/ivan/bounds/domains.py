"""A batch of sub-problems: B boxes, the units split on the way to each, and what is already known of its layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Intervals = tuple[tuple[Array, Array], ...]
"""Lower and upper bounds of each layer's pre-activations, (B, n_k) each."""


@dataclass(frozen=True)
class Domains:
    """B sub-problems as arrays.

    Attributes:
        lower: (B, inputs) lower ends of the boxes.
        upper: (B, inputs) upper ends.
        known: bounds of every layer's pre-activations that hold in the domain, (B, n_k) pairs with the units' splits
            already cut in; None when nothing is known.
        split: per layer (B, n_k), True where a unit is split on the path; None for a layer without any.
        empty: (B,) True where the domain is known to hold no point.
        whole: (inputs,) True for inputs that are integers, so that what lies between them need not be proved; None
            where none are.
    """

    lower: Array
    upper: Array
    known: Intervals | None
    split: tuple[NDArray[np.bool_] | None, ...]
    empty: NDArray[np.bool_]
    whole: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.lower)

    @classmethod
    def boxes(cls, lower: Array, upper: Array, layers: int, whole: NDArray[np.bool_] | None = None) -> Domains:
        """Domains of which nothing but the box is known; (B, inputs) each."""
        if whole is not None:
            lower, upper = np.where(whole, np.ceil(lower), lower), np.where(whole, np.floor(upper), upper)
        return cls(lower, upper, None, (None,) * layers, np.any(lower > upper, axis=1), whole)

    def take(self, rows: NDArray[np.int64]) -> Domains:
        """The given domains, in the given order; repeats are allowed."""
        known = None if self.known is None else tuple((low[rows], high[rows]) for low, high in self.known)
        split = tuple(None if s is None else s[rows] for s in self.split)
        return Domains(self.lower[rows], self.upper[rows], known, split, self.empty[rows], self.whole)

    @staticmethod
    def concatenate(parts: Sequence[Domains]) -> Domains:
        """All domains of the parts; all or none of them with known bounds."""
        if len(parts) == 1:
            return parts[0]
        first = parts[0]
        known: Intervals | None = None
        if first.known is not None:
            known = tuple(
                (
                    np.concatenate([p.known[k][0] for p in parts if p.known is not None]),
                    np.concatenate([p.known[k][1] for p in parts if p.known is not None]),
                )
                for k in range(len(first.known))
            )
        split: list[NDArray[np.bool_] | None] = []
        for k in range(len(first.split)):
            masks = [p.split[k] for p in parts]
            if all(m is None for m in masks):
                split.append(None)
                continue
            width = next(m.shape[1] for m in masks if m is not None)
            split.append(
                np.concatenate(
                    [np.zeros((len(p), width), bool) if m is None else m for p, m in zip(parts, masks, strict=True)]
                )
            )
        return Domains(
            np.concatenate([p.lower for p in parts]),
            np.concatenate([p.upper for p in parts]),
            known,
            tuple(split),
            np.concatenate([p.empty for p in parts]),
            first.whole,
        )

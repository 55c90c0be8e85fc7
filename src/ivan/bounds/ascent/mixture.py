"""Two pairs of planes around a value, between which ascent may choose anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.columns import Columns, columns_of
from ivan.network.activations import Choice, Lines

Index = NDArray[np.int64]


@dataclass
class Mixture:
    """Two lower and two upper planes, and what is between them; arrays (..., R), or (..., 1).

    Attributes:
        lower: slopes (m, R) and intercepts (n, R) of either lower plane.
        upper: likewise.
        shares: (m, R) of the second planes where nothing else is said, see `Enclosure.rule`.
        gains: (n, R) how far the second lower plane is above the first, and the second upper one, where the rows'
            points arrived.
    """

    lower: list[tuple[Columns, Columns]]
    upper: list[tuple[Columns, Columns]]
    shares: Columns
    gains: tuple[Columns, Columns]

    @classmethod
    def of(cls, choice: Choice, rows: Index, dtype: type) -> Mixture:
        """Of some rows' domains."""
        lower, upper = [], []
        for at in (choice.first, choice.second):
            assert at.lower_intercept is not None
            with np.errstate(over="ignore"):
                lower.append((columns_of(at.lower_slope[rows], dtype), columns_of(at.lower_intercept[rows], dtype)))
                upper.append((columns_of(at.upper_slope[rows], dtype), columns_of(at.upper_intercept[rows], dtype)))
        shares = np.concatenate([choice.lower_share[rows], choice.upper_share[rows]], axis=1)
        none: Columns = np.zeros((choice.lower_share.shape[1], 1), dtype)
        return cls(lower, upper, columns_of(shares, dtype), (none, none))

    def take(self, part: Callable[[Columns], Columns]) -> Mixture:
        """Some of the rows."""
        lower, upper = ([(part(s), part(t)) for s, t in planes] for planes in (self.lower, self.upper))
        return Mixture(lower, upper, part(self.shares), (part(self.gains[0]), part(self.gains[1])))

    def mixed(self, units: Index, slopes: Columns) -> tuple[tuple[Columns, Columns], tuple[Columns, Columns]]:
        """Lower and upper slopes and intercepts for the shares (v, R) of some places."""
        n = len(self.gains[0])
        shares = np.repeat(self.shares, slopes.shape[1], axis=1) if self.shares.shape[1] == 1 else self.shares.copy()
        known = units < 2 * n
        shares[units[known]] = slopes[known]
        return self._between(self.lower, shares[:n]), self._between(self.upper, shares[n:])

    @staticmethod
    def _between(planes: list[tuple[Columns, Columns]], share: Columns) -> tuple[Columns, Columns]:
        (slope, intercept), (other, end) = planes
        share = np.where(np.isfinite(intercept) & np.isfinite(end), share, share > 0.5).astype(share.dtype)
        wide = np.tile(share, (len(slope) // len(share), 1))
        between = intercept + share * (end - intercept)
        return slope + wide * (other - slope), np.where(
            np.isnan(between), np.where(share > 0.5, end, intercept), between
        )

    def meet(self, z: Columns) -> None:
        """Notes what the second planes are above the first at (m, R)."""

        def above(planes: list[tuple[Columns, Columns]]) -> Columns:
            (slope, intercept), (other, end) = planes
            parts = (other - slope) * z
            total = end - intercept
            for at in range(0, len(parts), len(intercept)):
                total = total + parts[at : at + len(intercept)]
            return total

        self.gains = above(self.lower), above(self.upper)

    def put(self, here: tuple[Index, Index], there: tuple[Index, Index], lines: Lines, width: int) -> None:
        """Gives single values other lines, between which there is no choice.

        Args:
            here: rows and columns of their operands (r, arity).
            there: of the values (r,).
            lines: of the values, one a row.
            width: number of rows R.
        """
        below = 0.0 if lines.lower_intercept is None else lines.lower_intercept[:, 0]
        for planes, slope, intercept in (
            (self.lower, lines.lower_slope, below),
            (self.upper, lines.upper_slope, lines.upper_intercept[:, 0]),
        ):
            for i, (s, t) in enumerate(planes):
                s, t = (np.repeat(a, width, axis=1) if a.shape[1] != width else a for a in (s, t))
                s[here], t[there] = slope, intercept
                planes[i] = s, t

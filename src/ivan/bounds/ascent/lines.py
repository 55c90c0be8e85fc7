"""One layer in the sweeps of a gradient step: the lines of R rows around its activation, on columns.

Where slopes are a choice (ReLU), unit j turns the coefficient a_j on h_j into

    max(a_j, 0) alpha_j + min(a_j, 0) s_j  -  m_j          and adds   min(a_j, 0) t_j + m_j b_j   to the constant,

s, t the upper line, b the bound that multiplier m uses. Most units of such a layer are stable for good; their
coefficient is multiplied by 0 or 1, and all else is done for `units` alone. Curves have two lines with an intercept
everywhere, and planes where there are several operands: two pairs, perhaps, between which anything is a choice.

Going up, each unit takes the line that it was bounded by.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.ascent.curved import CurvedLines
from ivan.bounds.ascent.sloped import SlopedLines
from ivan.bounds.columns import Columns, Model
from ivan.bounds.enclosure import Enclosure
from ivan.network.activations import Identity

Index = NDArray[np.int64]


class LayerLines(Protocol):
    """What R rows need to know of one layer.

    Attributes:
        units: (v,) numbers of the pre-activation with a choice: those that are unstable or split in some domain.
        split: (w,) places in `units` of what is split somewhere, or None.
    """

    units: Index
    split: Index | None

    def take(self, rows: Index) -> LayerLines:
        """Some of the rows."""

    def down(
        self, a: Columns, slopes: Columns, multipliers: Columns | None, constant: Columns
    ) -> tuple[Columns, Columns, Columns | None]:
        """Replaces coefficients on values by coefficients on the pre-activation.

        Args:
            a: (n, R), consumed.
            slopes: (v, R) lower slopes.
            multipliers: (w, R), or None where nothing is split.
            constant: (R,), changed in place.

        Returns:
            behind: (m, R).
            arrived: (v, R), what arrived at the values that `units` belong to.
            falling: (n, R) True where the upper line was taken; None where `arrived` tells.
        """

    def up(
        self, z: Columns, slopes: Columns, arrived: Columns | None, falling: Columns | None
    ) -> tuple[Columns, Columns]:
        """Sends a pre-activation (m, R) through the lines; returns values (n, R) and the pre-activation of `units`.

        Consumes z.
        """

    def start(self, slopes: Columns) -> None:
        """Puts slopes (v, R) that are no choice at their only value, in place."""

    def climb(self, a: Columns, z: Columns) -> Columns | None:
        """Gradient of the bound by the slopes: (v, R), from what arrived and the values; None without a choice."""

    def pull(self, multipliers: Columns, z: Columns) -> Columns:
        """Gradient of the bound by the multipliers: (w, R), from the pre-activation (v, R) of `units`."""

    def project(self, multipliers: Columns) -> None:
        """Multipliers (w, R) of the nearest values that are valid, in place."""

    def fix(self, rows: Index, unit: Index, above: NDArray[np.bool_], slopes: Columns) -> None:
        """Gives one unit of some rows the lines of one side of a split, where it would be split.

        Args:
            rows: (r,) the rows.
            unit: (r,) the number of the pre-activation.
            above: (r,) which side.
            slopes: (v, R) lower slopes of all rows, changed in place.
        """


def lines_of(model: Model, enclosure: Enclosure, rows: Index, k: int, units: Index) -> LayerLines | None:
    """The lines of layer k (0-based) for rows of domains (R,), or of one domain (1,); None for an identity."""
    activation = model.network.layers[k].activation
    if isinstance(activation, Identity):
        return None
    if activation.sloped:
        return SlopedLines.of(model, enclosure, rows, k, units)
    return CurvedLines.of(model, enclosure, rows, k, units)

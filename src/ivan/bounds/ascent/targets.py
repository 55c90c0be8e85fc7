"""What is bounded: rows that stay what they are, or weighted rows of cases whose weights move too."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.ascent.sweeps import Start
from ivan.bounds.columns import Columns, Model, product
from ivan.bounds.objective import Rows

Array = NDArray[np.float64]
Index = NDArray[np.int64]


class Fixed:
    """Rows that stay what they are."""

    def __init__(self, start: Start) -> None:
        self._start = start

    def start(self, weights: Array) -> Start:
        """The rows; weights play no part."""
        del weights
        return self._start

    def take(self, rows: Index) -> Fixed:
        """Some of the rows."""
        return Fixed(self._start.take(rows))

    def gradient(self, everything: dict[int, Columns]) -> Array | None:
        """None: there are no weights to move."""
        del everything
        return None


class Outputs:
    """Weighted rows of cases: C, D and d are summed up anew for every set of weights."""

    def __init__(self, model: Model, rows: Rows, case: Index) -> None:
        self._model, self._rows, self._case = model, rows, case
        width = int(rows.counts.max(initial=0))
        self.present = np.arange(width) < rows.counts[case][:, None]
        self._index = np.where(self.present, rows.first[case][:, None] + np.arange(width), 0)
        self._several = width > 1 and bool((rows.counts[case] > 1).any())

    def take(self, rows: Index) -> Outputs:
        """Some of the pairs."""
        return Outputs(self._model, self._rows, self._case[rows])

    @np.errstate(over="ignore", invalid="ignore")  # beyond float32, rows come to nothing
    def start(self, weights: Array) -> Start:
        """The rows for weights (R, w)."""
        dtype, rows = self._model.dtype, self._rows
        w = np.where(self.present, weights[:, : self.present.shape[1]], 0.0)
        C = np.einsum("rw,rwm->mr", w, rows.C[self._index]).astype(dtype)
        constant = product(self._model.output.constant, C) - np.einsum("rw,rw->r", w, rows.d[self._index]).astype(dtype)
        coefficients = {source: linear.transpose(C) for source, linear in self._model.output.terms}
        if rows.D is not None:
            D = np.einsum("rw,rwi->ir", w, rows.D[self._index]).astype(dtype)
            coefficients[0] = coefficients[0] + D if 0 in coefficients else D
        return Start(coefficients, constant)

    def gradient(self, everything: dict[int, Columns]) -> Array | None:
        """(R, w) value of every row of each pair at the end of the forward sweep, centred over the rows."""
        if not self._several:
            return None
        rows, index = self._rows, self._index
        y = self._model.output.constant[:, None]
        for source, linear in self._model.output.terms:
            y = y + linear.apply(everything[source])
        value = np.einsum("rwm,mr->rw", rows.C[index], y) - rows.d[index]
        if rows.D is not None:
            value += np.einsum("rwi,ir->rw", rows.D[index], everything[0])
        value = np.where(self.present, value, 0.0)
        value -= value.sum(axis=1, keepdims=True) / np.maximum(self.present.sum(axis=1, keepdims=True), 1)
        return np.where(self.present, value, 0.0)

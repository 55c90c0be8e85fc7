"""Steps of about the same size for every parameter.

Source: Kingma & Ba, ICLR 2015.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.columns import Columns

Index = NDArray[np.int64]


class Adam:
    """Directions of about unit size: running mean of the gradient over the root of its running square."""

    def __init__(self) -> None:
        self._first: dict[Any, Columns] = {}
        self._second: dict[Any, Columns] = {}
        self._count = 0

    def step(self) -> None:
        """One more step begins."""
        self._count += 1

    def direction(self, name: Any, gradient: Columns) -> Columns:
        """The direction for one array of parameters; takes the gradient's memory."""
        if name not in self._first:
            self._first[name], self._second[name] = 0.1 * gradient, 0.01 * np.square(gradient)
        else:
            first, second = self._first[name], self._second[name]
            first *= 0.9
            first += 0.1 * gradient
            second *= 0.99
            np.square(gradient, out=gradient)
            gradient *= 0.01
            second += gradient
        size = np.sqrt(self._second[name] * (1.0 / (1.0 - 0.99**self._count)))
        size += 1e-12
        result: Columns = np.divide(self._first[name], size, out=size)
        result *= 1.0 / (1.0 - 0.9**self._count)
        return result

    def take(self, rows: Index) -> None:
        """Goes on with some of the rows."""
        for table in (self._first, self._second):
            for name, moment in table.items():
                table[name] = moment[rows] if name == "weights" else moment[:, rows]

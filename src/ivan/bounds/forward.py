"""Forward linear bounds, rigorous in float64: every layer between two linear forms over the input, first to last.

Backward passes take every unstable unit of every layer back to the input, one row each. Forms that are carried forwards
cost one sweep with as many columns as inputs vary. They are looser in deep networks, since an entry's upper form meets
the lower forms of what it subtracts, but on wide networks over few inputs a sweep is a hundred times cheaper, and small
boxes make up for it.

A box is mid + half e with |e_j| <= 1, and a form is F e + f; arrays are (n, columns, B), the last column being f.
At every point of the domain low <= h <= high. With M = (low + high) / 2 and R = (high - low) / 2, |h - M| <= R there,
and an affine map gives

    low'  = L M - |L| R,   high' = L M + |L| R            (an over-estimate of |L| only loosens them)

An increasing activation maps them by the lower line on the range of `low` and the upper line on the range of `high`,
which are narrower than the unit's own range; where a unit is known to be on one piece, by that piece. Any other takes
the lines, or planes, on its own range, and of every operand the form that the slope's sign asks for. Below unit splits
a form may cross outside the domain, where nothing is claimed; its minimum over the box is below that over the domain.

Rounding: every computed coefficient is off by at most gamma times the sum of the products' absolute values, so with
T = sum over columns of |M| + |R| the forms' constants give way by 2 gamma (|L| T + |b|): one column more. That factor
and a few terms in gamma also cover the rounding of M, R, their sums over columns and sources, and T itself. Infinities
and NaN, 0 times infinity among them, end as infinite bounds, which claim nothing.

Source: Singh et al., DeepZ, NeurIPS 2018, and Xu et al., auto_LiRPA, NeurIPS 2020 (forward mode).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.columns import ColumnMap, column_map
from ivan.bounds.domains import Domains
from ivan.bounds.enclosure import Enclosure, enclosed, from_known, walk
from ivan.bounds.rigorous import LARGEST, UNDERFLOW, UNIT, gamma
from ivan.bounds.rounding import deployed
from ivan.deadline import NEVER, Deadline
from ivan.network.activations import Identity, Lines
from ivan.network.affine import Affine
from ivan.network.layers import Layer, Network

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Form:
    """Linear forms F e + f over boxes.

    Attributes:
        columns: (n, columns, B) F, and f in the last column.
        least: (n, B) rigorous minimum over |e_j| <= 1; minus infinity where numbers are beyond the rounding analysis.
        most: (n, B) maximum.
    """

    columns: Array
    least: Array
    most: Array

    @classmethod
    def of(cls, columns: Array) -> Form:
        """With its range."""
        with np.errstate(over="ignore", invalid="ignore"):
            constant, reach = columns[:, -1], _sizes(columns[:, :-1])
            total = np.abs(constant) + reach
            reach += gamma(columns.shape[1] + 2) * total + UNDERFLOW
            sound = total <= LARGEST
            return cls(columns, np.where(sound, constant - reach, -np.inf), np.where(sound, constant + reach, np.inf))


Forms = tuple[Form, Form]
"""Lower and upper forms around a layer's pre-activations."""

Values = tuple[Array, Array]
"""Columns of lower and upper forms around a layer's values."""


MOST_NUMBERS = 1 << 22
"""Numbers in one layer's forms: 32 MB an array, of which there are about ten. Domains beyond that wait their turn."""


MOST_FOR_ONE = 1 << 24
"""Numbers in the forms of a single domain beyond which there are no forward bounds."""


def affordable(network: Network, axes: int) -> bool:
    """Whether forms over so many inputs fit into the memory that is set aside for them."""
    return _widest(network) * (axes + 1) <= MOST_FOR_ONE


def _widest(network: Network) -> int:
    return max(network.inputs, *(layer.affine.size for layer in network.layers), 1)


class Forward:
    """Forward bounds of one network.

    Args:
        network: the network.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._maps: dict[int, list[tuple[int, ColumnMap, ColumnMap]]] = {}

    def enclose(self, domains: Domains, deadline: Deadline = NEVER) -> Enclosure:
        """Bounds on every layer over the domains, intersected with the interval sweep and what is known.

        Args:
            domains: the sub-problems.
            deadline: checked at every layer.

        Raises:
            OutOfTime: the deadline passed.
        """
        axes = int((domains.lower < domains.upper).any(axis=0).sum())
        most = max(1, MOST_NUMBERS // (_widest(self._network) * (axes + 1)))
        if len(domains) > most:
            parts = [np.arange(at, min(at + most, len(domains))) for at in range(0, len(domains), most)]
            done = [self.enclose(domains.take(part), deadline).domains for part in parts]
            return from_known(self._network, Domains.concatenate(done))
        box, last = _box(domains), _last_uses(self._network)
        values, shape = {0: (box, box)}, (box.shape[1], len(domains))
        before: list[Forms] = []

        network = self._network

        def tighten(result: Enclosure, affine: Affine, k: int, low: Array, high: Array) -> tuple[Array, Array]:
            if k in last and k > 0:
                values[k] = _through(network.layers[k - 1], *before.pop(), *result.intervals[k - 1], network.arithmetic)
            forms = self._affine(k, affine, values, shape)
            before[:] = [forms]
            for source in [s for s in values if last[s] <= k + 1]:
                del values[source]
            return np.maximum(low, forms[0].least.T), np.minimum(high, forms[1].most.T)

        return walk(self._network, domains, tighten, deadline)

    def _affine(self, k: int, affine: Affine, values: dict[int, Values], shape: tuple[int, int]) -> Forms:
        """The forms behind layer k's affine map; `shape` is their number of columns and of domains."""
        columns, batch = shape
        centre, total = np.zeros((affine.size, columns, batch)), np.zeros((affine.size, batch))
        radius: Array | None = None
        reaches: dict[int, Array] = {}
        terms, constant = 0, affine.constant[:, None]
        with np.errstate(over="ignore", invalid="ignore"):
            for (source, plain, absolute), (_, linear) in zip(self._of(k, affine), affine.terms, strict=True):
                low, high = values[source]
                size, exact = len(low), low is high
                middle = low if exact else 0.5 * (low + high)
                reach = _sizes(middle)
                centre += plain.apply(middle.reshape(size, -1)).reshape(centre.shape)
                if exact:
                    total += absolute.apply(reach)
                else:
                    half = 0.5 * (high - low)
                    reach += _sizes(half)
                    both = np.concatenate([half.reshape(size, -1), reach], axis=1)
                    through = absolute.apply(both)
                    part = through[:, :-batch].reshape(centre.shape)
                    radius = part if radius is None else radius + part
                    total += through[:, -batch:]
                terms, reaches[source] = max(terms, linear.terms), reach.T
            # the products; then the sums over columns, sources and the constant
            error = 2.0 * gamma(terms + columns + len(affine.terms) + 8) * (total + np.abs(constant))
            error += 1.01 * affine.constant_error[:, None] + UNDERFLOW
            if self._network.arithmetic:
                error += deployed(affine, total.T, terms, reaches, self._network.arithmetic).T
            centre[:, -1] += constant
            if radius is None:
                return _apart(centre, centre.copy(), error)
            return _apart(centre - radius, centre + radius, error)

    def _of(self, k: int, affine: Affine) -> list[tuple[int, ColumnMap, ColumnMap]]:
        if k not in self._maps:
            self._maps[k] = [
                (source, column_map(linear, np.float64), column_map(linear.absolute(), np.float64))
                for source, linear in affine.terms
            ]
        return self._maps[k]


def _box(domains: Domains) -> Array:
    """The inputs themselves, exactly: one column per input that varies in some domain of the batch."""
    lower, upper = domains.lower, np.maximum(domains.lower, domains.upper)
    axis = np.flatnonzero((lower < upper).any(axis=0))
    with np.errstate(over="ignore"):
        middle = 0.5 * (lower + upper)
    half = np.nextafter(np.maximum(upper - middle, middle - lower), np.inf)
    box = np.zeros((lower.shape[1], len(axis) + 1, len(lower)))
    box[axis, np.arange(len(axis))] = half[:, axis].T
    box[:, -1] = middle.T
    return box


def _sizes(columns: Array) -> Array:
    """(n, B): sum over columns of their absolute values."""
    result = np.zeros((len(columns), columns.shape[2]))
    for j in range(columns.shape[1]):
        result += np.abs(columns[:, j])
    return result


def _apart(low: Array, high: Array, error: Array) -> Forms:
    """Moves two forms apart by an error, and by the rounding of doing so."""
    for form, sign in ((low, -1.0), (high, 1.0)):
        constant = form[:, -1]
        form[:, -1] = constant + sign * (error + 4.0 * UNIT * (np.abs(constant) + error))
    return Form.of(low), Form.of(high)


def _through(layer: Layer, low: Form, high: Form, lower: Array, upper: Array, arithmetic: float) -> Values:
    """The forms behind a layer's activation.

    Args:
        layer: the layer.
        low: below what its activation is applied to.
        high: above it.
        lower: (B, n) bounds on that.
        upper: (B, n).
        arithmetic: unit roundoff of the arithmetic that computes it.
    """
    activation = layer.activation
    if isinstance(activation, Identity):
        return low.columns, high.columns
    if not activation.increasing:
        return _between_lines(enclosed(layer, lower, upper, arithmetic)[0], low, high)
    linear = activation.linear(lower.T, upper.T)

    def lines(form: Form) -> Lines:
        # where the unit is known to be on one piece, the line is that piece, wherever the form goes
        least, most = np.where(linear, lower.T, form.least), np.where(linear, upper.T, form.most)
        # a value's error grows slower than the value: what is computed at a form does not exceed what is at the operand
        return enclosed(layer, least, most, arithmetic)[0]

    below, above = lines(low), lines(high)
    intercept = np.zeros(linear.shape) if below.lower_intercept is None else below.lower_intercept
    return (
        _scaled(low, below.lower_slope, intercept, -1.0),
        _scaled(high, above.upper_slope, above.upper_intercept, 1.0),
    )


def _between_lines(lines: Lines, low: Form, high: Form) -> Values:
    """The forms behind lines or planes: a slope takes the lower form of its operand or the upper one, by its sign."""
    n = lines.upper_intercept.shape[1]
    least = np.zeros_like(lines.upper_intercept) if lines.lower_intercept is None else lines.lower_intercept
    results = []
    for slopes, intercept, sign in ((lines.lower_slope, least, -1.0), (lines.upper_slope, lines.upper_intercept, 1.0)):
        total, size = np.zeros((n, *low.columns.shape[1:])), np.abs(intercept.T)
        for at in range(0, slopes.shape[1], n):
            slope, here = slopes[:, at : at + n].T, slice(at, at + n)
            lower = slope * sign <= 0.0  # a rising line below, or a falling one above, takes the lower form
            part = Form(
                np.where(lower[:, None], low.columns[here], high.columns[here]),
                np.where(lower, low.least[here], high.least[here]),
                np.where(lower, low.most[here], high.most[here]),
            )
            scaled = _scaled(part, slope, np.zeros(slope.shape), sign)
            with np.errstate(over="ignore", invalid="ignore"):
                total += scaled
                size = size + _sizes(scaled)
        with np.errstate(over="ignore", invalid="ignore"):
            total[:, -1] += intercept.T + sign * (gamma(slopes.shape[1] // n + 4) * size + UNDERFLOW)
        results.append(total)
    return results[0], results[1]


def _scaled(form: Form, slope: Array, intercept: Array, sign: float) -> Array:
    """Slope times a form plus an intercept, moved outwards by the rounding."""
    with np.errstate(over="ignore", invalid="ignore"):
        result: Array = form.columns * slope[:, None]
        # a product is off by a unit; all of a form's coefficients together are as large as its range
        error = gamma(2) * (np.abs(slope) * np.maximum(-form.least, form.most) + np.abs(intercept)) + UNDERFLOW
        result[:, -1] += intercept + sign * error
    return result


def _last_uses(network: Network) -> dict[int, int]:
    """Per source that layers read, the last of them (1-based)."""
    last = {0: 0}
    for k, layer in enumerate(network.layers, 1):
        for source, _ in layer.affine.terms:
            last[source] = k
    return last

"""How far two networks can be apart on a box: rigorous bounds on N'(x) - N(x).

The two networks side by side (network/joint.py) are enclosed as any network is. On top of that stand the differences of
their layers, pair by pair: an interval, by the interval sweep, by what both are known to be, and by backward passes for
those units whose line depends on it; then the line around the difference of their activations. A backward pass replaces
differences first, the last pair first, which leaves a linear form over values of the first network, and
`backward.sweep` takes that on to the inputs. So every rounding is accounted for where all others are (rigorous.py).

What the networks have in common cancels in the maps, as L' - L, before anything is relaxed; only the phases that they
do not share, or that are not known, cost anything. Where the change is large those costs add up, and the plain row
y' - y over both networks, which relates them by their inputs alone, may be the better one; so it is taken too. Between
networks of different architectures it is all there is.

Source: Paulsen, Wang, Wang, ReluDiff, ICSE 2020 (differences layer by layer, by intervals); Wang, Huang, Zhu, ITNE,
DATE 2022 (two copies of one network, the second by its distances from the first).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ivan.bounds import backward
from ivan.bounds.backward import Forms, Rows, sweep, through
from ivan.bounds.chunks import in_chunks
from ivan.bounds.enclosure import Enclosure, inflated
from ivan.bounds.interval import affine_interval
from ivan.bounds.rigorous import UNIT, magnitude
from ivan.bounds.rounding import consumers, most_readers
from ivan.deadline import NEVER, Deadline
from ivan.network.activations import Lines
from ivan.network.activations.difference import Interval
from ivan.network.affine import Affine
from ivan.network.joint import Joint, Pair

Array = NDArray[np.float64]
Index = NDArray[np.int64]


def separately(joint: Joint, enclosure: Enclosure, deadline: Deadline = NEVER) -> Interval:
    """What bounds on each network's outputs alone say of second minus first outputs: (B, m) each.

    Args:
        joint: the two networks.
        enclosure: bounds of both, side by side.
        deadline: checked between chunks of rows.

    Raises:
        OutOfTime: the deadline passed.
    """
    network, batch = joint.network, len(enclosure)
    ends = backward.bound_units(
        enclosure, network.output, len(network.layers), *_every(batch, network.outputs), deadline
    )
    first, second = zip(*(np.hsplit(end.reshape(batch, network.outputs), 2) for end in ends), strict=True)
    return _minus(second, first)


class Differences:
    """Bounds on the differences between two networks over a batch of domains.

    Args:
        joint: the two networks.
        enclosure: bounds of both, side by side.
        deadline: checked between chunks of rows.

    Attributes:
        intervals: per pair, (B, n) rigorous bounds on the difference of what its activation is applied to.
        lines: per pair, lines around the difference of its values.
        rounding: per pair, (B, n), see `Enclosure.rounding`.

    Raises:
        OutOfTime: the deadline passed.
    """

    def __init__(self, joint: Joint, enclosure: Enclosure, deadline: Deadline = NEVER) -> None:
        self._joint, self._enclosure, self._deadline = joint, enclosure, deadline
        layers = joint.network.layers
        self._outputs = [affine for affine in (joint.difference, joint.apart) if affine is not None]
        self.intervals: list[Interval] = []
        self.lines: list[Lines] = []
        self.rounding: list[Array] = []
        # per source, the network's and then the pairs'
        self._values = [(enclosure.lower, enclosure.upper)]
        self._values += [
            layer.activation.interval(*bounds) for layer, bounds in zip(layers, enclosure.intervals, strict=True)
        ]
        self._reach = list(enclosure.reach[: len(layers) + 1])
        own = [*(pair.affine for pair in joint.pairs), *self._outputs]
        self._fan_out = consumers(joint.network) + most_readers(own)
        for pair in joint.pairs:
            deadline.check()
            self._append(pair)

    def _append(self, pair: Pair) -> None:
        low, high, rounding = affine_interval(pair.affine, self._values, self._reach, self._fan_out)
        first, second = (self._enclosure.intervals[layer - 1] for layer in (pair.first, pair.second))
        apart = _minus(second, first)
        low, high = np.maximum(low, apart[0]), np.minimum(high, apart[1])
        owner, unit = np.nonzero(~pair.activation.settled(first, second))
        if len(owner):
            lower, upper = np.split(self._forms(pair.affine, rounding, owner, unit).bound, 2)
            low[owner, unit] = np.maximum(low[owner, unit], lower)
            high[owner, unit] = np.minimum(high[owner, unit], -upper)
        self.rounding.append(rounding)
        self.intervals.append((low, high))
        with np.errstate(over="ignore", invalid="ignore"):
            self.lines.append(inflated(pair.activation.lines(first, second, (low, high))))
        self._values.append(pair.activation.interval(first, second, (low, high)))
        self._reach.append(magnitude(*self._values[-1]))

    def of_outputs(self) -> tuple[Array, Array, Array]:
        """Bounds on second minus first outputs.

        Returns:
            lower, upper: (B, m).
            steepness: (B, inputs) sum of |slope| over the linear forms behind all these bounds.
        """
        batch, m = len(self._enclosure), self._joint.outputs
        low, high = np.full((batch, m), -np.inf), np.full((batch, m), np.inf)
        steepness = np.zeros((batch, self._joint.network.inputs))
        for affine in self._outputs:
            least, most, rounding = affine_interval(affine, self._values, self._reach, self._fan_out)
            forms = self._forms(affine, rounding, *_every(batch, m))
            lower, upper = forms.bound.reshape(2, batch, m)
            low, high = np.maximum(low, np.maximum(least, lower)), np.minimum(high, np.minimum(most, -upper))
            steepness += np.abs(forms.slopes).reshape(2, batch, m, -1).sum(axis=(0, 2))
        return low, high, steepness

    def _forms(self, affine: Affine, rounding: Array, owner: Index, unit: Index) -> Forms:
        """Backward forms below single units of an expression over all sources, then below their negations: (2R,)."""
        rows = (np.concatenate([owner, owner]), np.concatenate([unit, unit]), np.repeat([1.0, -1.0], len(unit)))

        def one(part: slice) -> Forms:
            self._deadline.check()
            at, which, sign = (column[part] for column in rows)
            coefficients = {source: linear.select(which) * sign[:, None] for source, linear in affine.terms}
            constant = sign * affine.constant[which]
            error = rounding[at, which] + 4.0 * UNIT * np.abs(constant)
            return self._down(Rows(at, coefficients, constant, error))

        return Forms.concatenate(in_chunks(one, self._joint.network, len(rows[0]), rows[0]))

    def _down(self, rows: Rows) -> Forms:
        """Replaces the differences, the last pair first, and takes what is left back to the inputs."""
        last = len(self._joint.network.layers)
        coefficients, constant, error = rows.coefficients, rows.constant, rows.error

        def of(table: Array) -> Array:
            return table if len(table) == 1 else table[rows.owner]

        with np.errstate(over="ignore", invalid="ignore"):
            for p in range(len(self.lines), 0, -1):
                a = coefficients.pop(last + p, None)
                if a is None:
                    continue
                lines = self.lines[p - 1]
                negative = np.minimum(a, 0.0)
                positive = a - negative
                gained = negative * of(lines.upper_intercept)
                if lines.lower_intercept is not None:
                    gained += positive * of(lines.lower_intercept)
                constant = constant + gained.sum(axis=1)
                # in every place one of the two is zero, so the sum rounds nothing
                a = positive * of(lines.lower_slope) + negative * of(lines.upper_slope)
                affine = self._joint.pairs[p - 1].affine
                constant, error = through(affine, a, of(self.rounding[p - 1]), coefficients, constant, error)
        return sweep(self._enclosure, Rows(rows.owner, coefficients, constant, error))


def _minus(second: Interval, first: Interval) -> Interval:
    """Bounds on a difference from bounds on both sides."""
    return np.nextafter(second[0] - first[1], -np.inf), np.nextafter(second[1] - first[0], np.inf)


def _every(batch: int, size: int) -> tuple[Index, Index]:
    """Owner and unit of every unit of every domain, domain by domain."""
    return np.repeat(np.arange(batch), size), np.tile(np.arange(size), batch)

"""Gradient ascent on slopes, multipliers and row weights (alpha-beta-CROWN).

The bound is a concave-enough function of all three, and its gradient needs no automatic differentiation. Let x* be the
corner of the box that minimises the final linear form, and send it forward through the *relaxed* network, every unit
by the line that was chosen for it; with the values z* that arrive,

    d bound / d alpha_j  = max(a_j, 0) z*_j          d bound / d lambda_i = row i at the end of that forward pass
    d bound / d m_j      = l_j - z*_j  for m_j > 0 (split above),   u_j - z*_j  for m_j < 0 (split below)

One backward and one forward sweep per step, then an Adam step and the projection to alpha in [0, 1], m_j of its sign,
lambda on the simplex. The best rigorous bound that was met is what is returned.

Source: Xu et al., ICLR 2021 (alpha); Wang et al., NeurIPS 2021 (beta).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.backward import Advice, Forms, bound_outputs
from ivan.bounds.enclosure import Enclosure
from ivan.bounds.objective import Rows
from ivan.deadline import NEVER, Deadline
from ivan.proof import Certificates, MultiplierKind, Ragged
from ivan.proof.certificate import MULTIPLIER_COLUMNS, SLOPE_COLUMNS

Array = NDArray[np.float64]
Index = NDArray[np.int64]


@dataclass
class Parameters:
    """What is ascended, for R (domain, case) pairs.

    Attributes:
        slopes: per layer (R, n_k); numbers of float32, as certificates store them.
        multipliers: per layer (R, n_k), or None where nothing is split.
        weights: (R, r) row weights lambda >= 0, zero behind the case's last row.
    """

    slopes: list[Array]
    multipliers: list[Array | None]
    weights: Array

    def take(self, rows: Index) -> Parameters:
        """Some of the pairs."""
        return Parameters(
            [s[rows] for s in self.slopes],
            [None if m is None else m[rows] for m in self.multipliers],
            self.weights[rows],
        )

    @staticmethod
    def concatenate(parts: Sequence[Parameters]) -> Parameters:
        """All pairs of the parts, in order; a layer split in only some of them gets zeros in the others."""
        if len(parts) == 1:
            return parts[0]
        multipliers: list[Array | None] = []
        for k in range(len(parts[0].multipliers)):
            layer = [p.multipliers[k] for p in parts]
            if all(m is None for m in layer):
                multipliers.append(None)
            else:
                zeros = [np.zeros(p.slopes[k].shape) if m is None else m for p, m in zip(parts, layer, strict=True)]
                multipliers.append(np.concatenate(zeros))
        slopes = [np.concatenate([p.slopes[k] for p in parts]) for k in range(len(parts[0].slopes))]
        return Parameters(slopes, multipliers, np.concatenate([p.weights for p in parts]))

    def fitted(self, enclosure: Enclosure, owner: Index) -> Parameters:
        """The same for domains further down: multipliers for layers that are split there."""
        multipliers: list[Array | None] = []
        for mask, m in zip(enclosure.split, self.multipliers, strict=True):
            if mask is None:
                multipliers.append(None)
            elif m is None:
                multipliers.append(np.zeros((len(owner), mask.shape[1])))
            else:
                multipliers.append(np.where(mask[owner], m, 0.0))
        return Parameters(self.slopes, multipliers, self.weights)

    @property
    def advice(self) -> Advice:
        """The same as the backward pass takes it."""
        return Advice(list(self.slopes), list(self.multipliers))


def initial(enclosure: Enclosure, owner: Index, case: Index, rows: Rows) -> Parameters:
    """The rule's slopes, no multipliers, equal weights."""
    slopes = [lines.lower_slope[owner] for lines in enclosure.lines]
    multipliers: list[Array | None] = [
        None if mask is None else np.zeros((len(owner), mask.shape[1])) for mask in enclosure.split
    ]
    width = int(rows.counts.max(initial=1))
    present = np.arange(width) < rows.counts[case][:, None]
    return Parameters(slopes, multipliers, present / np.maximum(rows.counts[case], 1)[:, None])


def ragged_weights(weights: Array) -> Ragged:
    """Row weights (R, r) as certificates have them: only the positive ones."""
    row, column = np.nonzero(weights > 0.0)
    return Ragged.from_rows(len(weights), row, {"row": column.astype(np.int32), "value": weights[row, column]})


def certificates_of(
    enclosure: Enclosure, owner: Index, node: Index, case: Index, margin: Array, parameters: Parameters
) -> Certificates:
    """Certificates with these parameters; slopes of stable units are left out."""
    slopes, multipliers = [], []
    for k, values in enumerate(parameters.slopes):
        row, unit = np.nonzero(enclosure.unstable[k][owner])
        slopes.append((row, np.full(len(row), k + 1), unit, values[row, unit]))
        signed = parameters.multipliers[k]
        if signed is not None:
            row, unit = np.nonzero(signed)
            multipliers.append((row, np.full(len(row), k + 1), unit, signed[row, unit]))
    count = len(node)

    def ragged(parts: list[tuple[Index, Index, Index, Array]], types: dict[str, type]) -> Ragged:
        if not parts:
            return Ragged.empty(count, types)
        rows, layer, unit, value = (np.concatenate(column) for column in zip(*parts, strict=True))
        entries = {"layer": layer, "unit": unit, "kind": np.full(len(rows), MultiplierKind.SPLIT), "value": value}
        return Ragged.from_rows(count, rows, {name: entries[name].astype(kind) for name, kind in types.items()})

    return Certificates(
        node.astype(np.int32),
        case.astype(np.int32),
        margin,
        ragged_weights(parameters.weights),
        ragged(slopes, SLOPE_COLUMNS),
        ragged(multipliers, MULTIPLIER_COLUMNS),
    )


def evaluate(
    enclosure: Enclosure, owner: Index, case: Index, rows: Rows, parameters: Parameters,
    *, keep: bool = False, deadline: Deadline = NEVER,
) -> Forms:  # fmt: skip
    """The bounds that parameters reach."""
    objective = rows.weighted(case, ragged_weights(parameters.weights))
    return bound_outputs(enclosure, owner, objective, parameters.advice, keep=keep, deadline=deadline)


def ascend(
    enclosure: Enclosure,
    owner: Index,
    case: Index,
    rows: Rows,
    start: Parameters,
    *,
    steps: int,
    rate: float = 0.25,
    decay: float = 0.95,
    deadline: Deadline = NEVER,
) -> tuple[Parameters, Forms]:
    """Improves R (domain, case) pairs together; stops early when all of them are proved.

    Args:
        enclosure: the domains.
        owner: (R,) domain of each pair.
        case: (R,) case of each pair.
        rows: the problem's rows.
        start: where to start from.
        steps: gradient steps.
        rate: first step, as a share of each parameter's range.
        decay: factor on the step after each one.
        deadline: checked in every sweep.

    Returns:
        The best parameters met per pair, and the forms they gave (with kept coefficients).
    """
    network = enclosure.network
    current = start
    best: Parameters | None = None
    best_forms: Forms | None = None
    moments = _Adam()
    for step in range(steps + 1):
        forms = evaluate(enclosure, owner, case, rows, current, keep=True, deadline=deadline)
        if best is None or best_forms is None:
            best, best_forms = current, forms
        else:
            better = forms.bound > best_forms.bound
            best, best_forms = _chosen(better, current, best), _chosen_forms(better, forms, best_forms)
        if step == steps or np.all(best_forms.bound > 0.0):
            break
        values, outputs = _forward(enclosure, owner, current, forms)
        slopes, multipliers = [], []
        for k in range(len(network.layers)):
            a, z = forms.kept[k], values[k]
            free = enclosure.unstable[k][owner]
            if a is None or not free.any():
                slopes.append(current.slopes[k])
            else:
                gradient = np.where(free, np.maximum(a, 0.0) * z, 0.0)
                moved = current.slopes[k] + rate * moments.direction(("slope", k), gradient)
                slopes.append(np.clip(moved, 0.0, 1.0).astype(np.float32).astype(np.float64))
            signed, mask = current.multipliers[k], enclosure.split[k]
            if signed is None or mask is None or a is None:
                multipliers.append(signed)
                continue
            low, high = (side[owner] for side in enclosure.intervals[k])
            on_path = mask[owner]
            above = on_path & (low >= 0.0)
            below = on_path & (high <= 0.0) & ~above
            gradient = np.where(above, low - z, 0.0) + np.where(below, high - z, 0.0)
            scale = np.abs(a).max(axis=1, keepdims=True)
            moved = signed + rate * scale * moments.direction(("multiplier", k), gradient)
            multipliers.append(np.where(above, np.maximum(moved, 0.0), np.where(below, np.minimum(moved, 0.0), 0.0)))
        current = Parameters(slopes, multipliers, _reweighted(current.weights, outputs, case, rows, rate, moments))
        rate *= decay
    assert best is not None
    assert best_forms is not None
    return best, best_forms


class _Adam:
    """Directions of about unit size: running mean of the gradient over the root of its running square, per pair."""

    def __init__(self) -> None:
        self._first: dict[object, Array] = {}
        self._second: dict[object, Array] = {}
        self._count: dict[object, int] = {}

    def direction(self, name: object, gradient: Array) -> Array:
        gradient = np.nan_to_num(gradient, nan=0.0, posinf=0.0, neginf=0.0)
        count = self._count[name] = self._count.get(name, 0) + 1
        first = self._first[name] = 0.9 * self._first.get(name, np.zeros_like(gradient)) + 0.1 * gradient
        second = self._second[name] = 0.99 * self._second.get(name, np.zeros_like(gradient)) + 0.01 * gradient**2
        mean, square = first / (1 - 0.9**count), second / (1 - 0.99**count)
        return mean / (np.sqrt(square) + 1e-12)


def _forward(enclosure: Enclosure, owner: Index, parameters: Parameters, forms: Forms) -> tuple[list[Array], Array]:
    """Pre-activations (R, n_k) of every layer, and inputs and outputs side by side, at the minimising corner."""
    network = enclosure.network
    corner = np.where(forms.slopes >= 0.0, enclosure.lower[owner], enclosure.upper[owner])
    values: dict[int, Array] = {0: corner}
    before = []
    with np.errstate(over="ignore", invalid="ignore"):
        for k, layer in enumerate(network.layers):
            z = layer.affine.evaluate(values)
            before.append(z)
            lines, a = enclosure.lines[k], forms.kept[k]
            slope = np.where(enclosure.unstable[k][owner], parameters.slopes[k], lines.lower_slope[owner])
            low = slope * z if lines.lower_intercept is None else slope * z + lines.lower_intercept[owner]
            if a is None:
                values[k + 1] = low
            else:
                high = lines.upper_slope[owner] * z + lines.upper_intercept[owner]
                values[k + 1] = np.where(a >= 0.0, low, high)
        return before, np.concatenate([corner, network.output.evaluate(values)], axis=1)


def _reweighted(weights: Array, values: Array, case: Index, rows: Rows, rate: float, moments: _Adam) -> Array:
    """The next row weights: a step along the rows' values, then the projection to the simplex."""
    if weights.shape[1] < 2:
        return weights
    width = weights.shape[1]
    present = np.arange(width) < rows.counts[case][:, None]
    index = np.where(present, rows.first[case][:, None] + np.arange(width), 0)
    inputs = values.shape[1] - rows.C.shape[1]
    gradient = np.einsum("rwm,rm->rw", rows.C[index], values[:, inputs:]) - rows.d[index]
    if rows.D is not None:
        gradient += np.einsum("rwi,ri->rw", rows.D[index], values[:, :inputs])
    gradient = np.where(present, gradient, 0.0)
    gradient -= gradient.sum(axis=1, keepdims=True) / np.maximum(present.sum(axis=1, keepdims=True), 1)
    moved = weights + rate * moments.direction("weights", np.where(present, gradient, 0.0))
    moved = np.where(present, np.maximum(moved, 0.0), 0.0)
    total = moved.sum(axis=1, keepdims=True)
    return np.where(total > 0.0, moved / np.where(total > 0.0, total, 1.0), weights)


def _chosen(mask: NDArray[np.bool_], first: Parameters, second: Parameters) -> Parameters:
    column = mask[:, None]
    return Parameters(
        [np.where(column, a, b) for a, b in zip(first.slopes, second.slopes, strict=True)],
        [
            None if a is None or b is None else np.where(column, a, b)
            for a, b in zip(first.multipliers, second.multipliers, strict=True)
        ],
        np.where(column, first.weights, second.weights),
    )


def _chosen_forms(mask: NDArray[np.bool_], first: Forms, second: Forms) -> Forms:
    column = mask[:, None]
    return Forms(
        np.where(column, first.slopes, second.slopes),
        np.where(mask, first.constant, second.constant),
        np.where(mask, first.error, second.error),
        np.where(mask, first.bound, second.bound),
        [
            b if a is None else a if b is None else np.where(column, a, b)
            for a, b in zip(first.kept, second.kept, strict=True)
        ],
    )

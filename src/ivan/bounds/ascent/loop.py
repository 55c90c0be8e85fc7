"""Gradient ascent on slopes, multipliers and row weights (alpha-beta-CROWN).

The bound is a concave-enough function of all three, and its gradient needs no automatic differentiation. Let x* be the
corner of the box that minimises the final linear form, and send it forward through the *relaxed* network, every unit
by the line that was chosen for it; with the values z* that arrive,

    d bound / d alpha_j  = max(a_j, 0) z*_j          d bound / d lambda_i = row i at the end of that forward pass
    d bound / d m_j      = l_j - z*_j  for m_j > 0 (split above),   u_j - z*_j  for m_j < 0 (split below)

One backward and one forward sweep per step, then an Adam step and the projection to alpha in [0, 1], m_j of its sign,
lambda on the simplex. Everything is float32 and unrounded: what is found is advice for one rigorous pass. Rows go
through all their steps in chunks that stay in the cache; a row that is proved is dropped.

Source: Xu et al., ICLR 2021 (alpha); Wang et al., NeurIPS 2021 (beta).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.ascent.adam import Adam
from ivan.bounds.ascent.parameters import Parameters
from ivan.bounds.ascent.point import Point, parameters_of, point_of
from ivan.bounds.ascent.sweeps import Down, Start, Sweeps
from ivan.bounds.ascent.targets import Fixed, Outputs
from ivan.bounds.columns import Columns, Model
from ivan.bounds.enclosure import Enclosure
from ivan.bounds.objective import Rows
from ivan.bounds.parallel import map_chunks, threads
from ivan.deadline import NEVER, Deadline

Array = NDArray[np.float64]
Index = NDArray[np.int64]

CHUNK_NUMBERS = 1 << 17
"""Numbers in one source's coefficients per chunk of rows."""

MOST_ROWS, FEWEST_ROWS = 256, 16


@dataclass(frozen=True)
class Schedule:
    """How to climb.

    Attributes:
        steps: gradient steps at most.
        rate: first step, as a share of each parameter's range.
        decay: factor on the step after each one.
        enough: bound above which a row is done.
    """

    steps: int
    rate: float = 0.25
    decay: float = 0.95
    enough: float = 1e-6


@dataclass
class Ascended:
    """What R rows reached; not rigorous.

    Attributes:
        bound: (R,).
        slopes: (R, inputs) of the linear form.
        arrived: per layer (R, v_k), coefficients that arrived at the units of the parameters; None where none did.
    """

    bound: Array
    slopes: NDArray[Any]
    arrived: list[NDArray[Any] | None]

    def put(self, rows: Index, other: Ascended) -> None:
        """Replaces some of the rows."""
        self.bound[rows], self.slopes[rows] = other.bound, other.slopes
        for mine, theirs in zip(self.arrived, other.arrived, strict=True):
            if mine is not None and theirs is not None:
                mine[rows] = theirs


class Ascent:
    """Improves parameters.

    Args:
        model: the network on columns.
    """

    def __init__(self, model: Model) -> None:
        self.model = model

    def outputs(
        self,
        enclosure: Enclosure,
        owner: Index,
        case: Index,
        rows: Rows,
        start: Parameters,
        schedule: Schedule,
        deadline: Deadline = NEVER,
    ) -> tuple[Parameters, Ascended]:
        """Improves R (domain, case) pairs.

        Args:
            enclosure: the domains.
            owner: (R,) domain of each pair.
            case: (R,) case of each pair.
            rows: the problem's rows.
            start: where to start from, fitted to the enclosure.
            schedule: how to climb.
            deadline: checked in every step.

        Returns:
            The best parameters met per pair, and what they reach.
        """

        def one(part: slice) -> tuple[Parameters, Ascended]:
            begin = start.take(part)
            sweeps = Sweeps(self.model, enclosure, owner[part], begin.units)
            target = Outputs(self.model, rows, case[part])
            return _climb(sweeps, target, begin, schedule, deadline)

        return self._in_chunks(one, len(owner))

    def bounds(
        self, enclosure: Enclosure, owner: Index, case: Index, rows: Rows, at: Parameters, deadline: Deadline = NEVER
    ) -> Array:
        """What R pairs reach with given parameters, without any step; arguments as for `outputs`."""
        return self.outputs(enclosure, owner, case, rows, at, Schedule(0), deadline)[1].bound

    def after_split(
        self,
        enclosure: Enclosure,
        owner: Index,
        case: Index,
        rows: Rows,
        parameters: Parameters,
        layer: Index,
        unit: Index,
        above: NDArray[np.bool_],
        deadline: Deadline = NEVER,
    ) -> Array:
        """Bounds (R,) of pairs once one unit is fixed, without any ascent.

        Args:
            enclosure: the domains before the split.
            owner: (R,) domain of each row.
            case: (R,) its case.
            rows: the problem's rows.
            parameters: of each row.
            layer: (R,) layer of the unit, 1-based.
            unit: (R,) the unit.
            above: (R,) True for its active piece.
            deadline: checked between chunks.
        """

        def one(part: slice) -> Array:
            deadline.check()
            begin = parameters.take(part)
            sweeps = Sweeps(self.model, enclosure, owner[part], begin.units)
            point = point_of(sweeps, begin)
            for k in range(sweeps.top):
                sweeps.fix(k, np.where(layer[part] == k + 1, unit[part], -1), above[part], point.slopes)
            with np.errstate(over="ignore", invalid="ignore"):
                start = Outputs(self.model, rows, case[part]).start(point.weights)
                return sweeps.down(start, point.slopes, point.multipliers).bound.astype(np.float64)

        return np.concatenate(self._chunked(one, len(owner)))

    def units(
        self,
        enclosure: Enclosure,
        k: int,
        owner: Index,
        unit: Index,
        sign: Array,
        start: Parameters,
        schedule: Schedule,
        deadline: Deadline = NEVER,
    ) -> tuple[Parameters, Ascended]:
        """Improves lower bounds of sign z_unit.

        Args:
            enclosure: bounds of all layers below.
            k: layer of the units, 0-based.
            owner: (R,) domain of each row.
            unit: (R,) unit of each row.
            sign: (R,) 1 or -1.
            start: slopes of the layers below; its weights are not used.
            schedule: how to climb.
            deadline: checked in every step.
        """
        affine = self.model.network.layers[k].affine

        def one(part: slice) -> tuple[Parameters, Ascended]:
            begin = start.take(part)
            sweeps = Sweeps(self.model, enclosure, owner[part], begin.units, top=k)
            coefficients: dict[int, Columns] = {
                source: np.ascontiguousarray((linear.select(unit[part]) * sign[part, None]).T, dtype=self.model.dtype)
                for source, linear in affine.terms
            }
            constant: Columns = (sign[part] * affine.constant[unit[part]]).astype(self.model.dtype)
            return _climb(sweeps, Fixed(Start(coefficients, constant)), begin, schedule, deadline)

        return self._in_chunks(one, len(owner))

    def _in_chunks(self, one: Any, count: int) -> tuple[Parameters, Ascended]:
        parts = self._chunked(one, count)
        return Parameters.concatenate([p for p, _ in parts]), _concatenated([a for _, a in parts])

    def _chunked(self, one: Any, count: int) -> list[Any]:
        network = self.model.network
        width = max(network.inputs, *(layer.affine.size for layer in network.layers), 1)
        size = int(np.clip(CHUNK_NUMBERS // width, FEWEST_ROWS, MOST_ROWS))
        if count < size * threads():
            size = max(FEWEST_ROWS, -(-count // threads()))
        return map_chunks(
            one, [slice(at, min(at + size, count)) for at in range(0, count, size)] or [slice(0, 0)], width
        )


def _climb(
    sweeps: Sweeps, target: Any, begin: Parameters, schedule: Schedule, deadline: Deadline
) -> tuple[Parameters, Ascended]:
    """All steps of one chunk of rows."""
    dtype = sweeps.model.dtype
    current = point_of(sweeps, begin)
    best = current.copy()
    count = len(current.weights)
    reached: Columns = np.full(count, -np.inf, dtype)
    rows = np.arange(count)
    every = sweeps
    whole = target
    start = target.start(current.weights)
    adam = Adam()
    rate = schedule.rate
    with np.errstate(over="ignore", invalid="ignore"):
        for step in range(schedule.steps + 1):
            deadline.check()
            form = sweeps.down(start, current.slopes, current.multipliers)
            better = form.bound > reached[rows]
            if step:
                best.put(rows, current, better)
            reached[rows[better]] = form.bound[better]
            if step == schedule.steps:
                break
            going = np.flatnonzero(reached[rows] <= schedule.enough)
            if not len(going):
                break
            if 2 * len(going) <= len(rows):
                rows = rows[going]
                sweeps, target, current = sweeps.take(going), target.take(going), current.take(going)
                start = start.take(going)
                adam.take(going)
                form = form.take(going)
            values, everything = sweeps.up(form, current.slopes)
            adam.step()
            _move(sweeps, current, form, values, adam, rate)
            gradient = target.gradient(everything)
            if gradient is not None:
                _reweigh(current, gradient, target.present, adam, rate)
                start = target.start(current.weights)
            rate *= schedule.decay
        if schedule.steps:
            form = every.down(whole.start(best.weights), best.slopes, best.multipliers)
    return parameters_of(begin, every, best), Ascended(
        form.bound.astype(np.float64),
        np.ascontiguousarray(form.slopes.T),
        [None if a is None else np.ascontiguousarray(a.T) for a in form.arrived],
    )


def _move(sweeps: Sweeps, at: Point, form: Down, values: list[Columns | None], adam: Adam, rate: float) -> None:
    """One step of slopes and multipliers, in place."""
    for k in range(sweeps.top):
        a, z, lines = form.arrived[k], values[k], sweeps.lines[k]
        if a is None or z is None or lines is None or not len(lines.units):
            continue
        m = at.multipliers[k]
        if m is not None and lines.split is not None:
            direction = adam.direction(("multiplier", k), np.nan_to_num(lines.pull(m, z), posinf=0.0, neginf=0.0))
            direction *= rate * np.abs(a).max(axis=0)
            m += direction
            lines.project(m)
        gradient = lines.climb(a, z)
        if gradient is None:
            continue
        direction = adam.direction(("slope", k), gradient)
        direction *= rate
        moved = at.slopes[k]
        moved += direction
        np.clip(moved, 0.0, 1.0, out=moved)


def _reweigh(at: Point, gradient: Array, present: NDArray[np.bool_], adam: Adam, rate: float) -> None:
    """One step of the row weights, and the projection to the simplex, in place."""
    width = present.shape[1]
    moved = at.weights[:, :width] + rate * adam.direction("weights", gradient.copy())
    moved = np.where(present, np.maximum(moved, 0.0), 0.0)
    total = moved.sum(axis=1, keepdims=True)
    at.weights[:, :width] = np.where(total > 0.0, moved / np.where(total > 0.0, total, 1.0), at.weights[:, :width])


def _concatenated(parts: list[Ascended]) -> Ascended:
    if len(parts) == 1:
        return parts[0]
    arrived: list[NDArray[Any] | None] = []
    for layer in zip(*(p.arrived for p in parts), strict=True):
        present = [a for a in layer if a is not None]
        arrived.append(np.concatenate(present) if present else None)
    return Ascended(np.concatenate([p.bound for p in parts]), np.concatenate([p.slopes for p in parts]), arrived)

"""Backward linear bounds (CROWN), with split multipliers (beta-CROWN), rigorous in float64.

A lower bound of `c . h` over a domain, for many c at once: start with the coefficients on the top layer and replace,
layer by layer, each activation by one of its two lines and each affine map by what it reads, until only inputs are
left. Rows of all domains of a batch are flattened into one matrix - row r belongs to domain `owner[r]` - so that every
step is one plain matrix product, however ragged the batch is.

Per layer, with coefficient a_j on h_j:

    coefficient on z_j:    a_j lower_slope_j  where a_j >= 0,  a_j upper_slope_j  elsewhere
    the constant gains:    a_j lower_intercept_j, a_j upper_intercept_j  likewise
    multiplier m = q - p:  coefficient - m_j,  constant + q_j l_j - p_j u_j      (q on z >= l, p on z <= u)

Every step's rounding goes into `error`, which is subtracted at the end (see rigorous.py).

Source: Zhang et al., CROWN, NeurIPS 2018; Wang et al., beta-CROWN, NeurIPS 2021.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.chunks import in_chunks
from ivan.bounds.cone import Cone, cones
from ivan.bounds.objective import Objective
from ivan.bounds.rigorous import UNIT, down, gamma, magnitude
from ivan.deadline import NEVER, Deadline
from ivan.network.activations import Choice, Identity, Lines
from ivan.network.affine import Affine
from ivan.network.linear import LinearMap

if TYPE_CHECKING:
    from ivan.bounds.enclosure import Enclosure

Array = NDArray[np.float64]
Index = NDArray[np.int64]


@dataclass
class Rows:
    """R linear forms that are being taken back to the input.

    Attributes:
        owner: (R,) domain of each row.
        coefficients: per source still to be replaced, (R, n_s).
        constant: (R,).
        error: (R,) rounding so far, never negative.
    """

    owner: Index
    coefficients: dict[int, Array]
    constant: Array
    error: Array

    def __len__(self) -> int:
        return len(self.owner)


@dataclass
class Advice:
    """Slopes and multipliers per row; None: the activation's rule and no multipliers.

    Attributes:
        slopes: per layer, (R, n_k) lower slopes in [0, 1]; only an activation that is `sloped` has a use for them.
        multipliers: per layer, (R, m_k) signed multipliers, one for each number of the pre-activation.
        ties: by layer (0-based) of moves, (R, n_k) signed: how much of each move both values take over.
    """

    slopes: list[Array | None] = field(default_factory=list)
    multipliers: list[Array | None] = field(default_factory=list)
    ties: dict[int, Array] = field(default_factory=dict)

    def take(self, rows: slice) -> Advice:
        """The advice for some rows."""
        return Advice(
            [None if s is None else s[rows] for s in self.slopes],
            [None if m is None else m[rows] for m in self.multipliers],
            {k: tie[rows] for k, tie in self.ties.items()},
        )


Advise = Callable[[Index, "Enclosure", "Cone | None"], Advice]
"""Advice for some rows (positions), in terms of an enclosure that may be that of a cone alone."""


@dataclass
class Forms:
    """Linear lower bounds over inputs: what is bounded is at least `slopes . x + constant - error`.

    Attributes:
        slopes: (R, inputs).
        constant: (R,).
        error: (R,).
        bound: (R,) rigorous, the form's minimum over the domain's box, or what else excludes a case; never NaN.
    """

    slopes: Array
    constant: Array
    error: Array
    bound: Array

    @staticmethod
    def concatenate(parts: Sequence[Forms]) -> Forms:
        """One below the other."""
        if len(parts) == 1:
            return parts[0]
        return Forms(
            np.concatenate([p.slopes for p in parts]),
            np.concatenate([p.constant for p in parts]),
            np.concatenate([p.error for p in parts]),
            np.concatenate([p.bound for p in parts]),
        )


def sweep(enclosure: Enclosure, rows: Rows, advice: Advice | None = None) -> Forms:
    """Takes rows on any layers back to the input.

    Args:
        enclosure: bounds of every layer that the rows can reach.
        rows: consumed.
        advice: slopes and multipliers per row.
    """
    owner, coefficients = rows.owner, rows.coefficients
    constant, error = rows.constant, rows.error
    whole = len(owner) == len(enclosure) and np.array_equal(owner, np.arange(len(owner)))
    alone = len(owner) > 1 and bool(np.all(owner == owner[0]))

    def of(table: NDArray[Any]) -> NDArray[Any]:
        return table if whole else table[owner[:1]] if alone else np.take(table, owner, axis=0)

    def dot(a: Array, table: Array) -> Array:
        return np.asarray(a @ table[0] if len(table) == 1 else np.einsum("rj,rj->r", a, table))

    def gained(a: Array, intercept: Array) -> Array:
        total = dot(a, intercept)
        if np.isnan(total).any():  # a line without an end (a pole) costs only the rows that read it
            total = np.where(a == 0.0, 0.0, a * intercept).sum(axis=1)
        return total

    with np.errstate(over="ignore", invalid="ignore"):
        for k in range(len(enclosure.network.layers), 0, -1):
            a = coefficients.pop(k, None)
            if a is None:
                continue
            layer = enclosure.network.layers[k - 1]
            tie = advice.ties.get(k - 1) if advice is not None else None
            if tie is not None:
                a = a - tie
                error = error + gamma(layer.size + 2) * (np.abs(a) * of(enclosure.reach[k])).sum(axis=1)
            if not isinstance(layer.activation, Identity):
                lines = enclosure.lines[k - 1]
                slope = advice.slopes[k - 1] if advice is not None and advice.slopes else None
                if slope is not None and layer.activation.mixed:
                    lines, slope = between(enclosure.choice(k - 1), slope, of), None
                elif not layer.activation.sloped:
                    slope = None
                mixed = lines is not enclosure.lines[k - 1]
                of_lines = (lambda table: table) if mixed else of
                lower_slope = of_lines(lines.lower_slope)
                if slope is not None:
                    lower_slope = np.where(of(enclosure.unstable[k - 1]), np.clip(slope, 0.0, 1.0), lower_slope)
                negative = np.minimum(a, 0.0)
                a = np.subtract(a, negative)
                constant = constant + gained(negative, of_lines(lines.upper_intercept))
                if lines.lower_intercept is not None:
                    constant = constant + gained(a, of_lines(lines.lower_intercept))
                if layer.activation.arity > 1:
                    a, negative = (np.tile(part, (1, layer.activation.arity)) for part in (a, negative))
                # in every place one of the two is zero, so the sum rounds nothing
                a *= lower_slope
                negative *= of_lines(lines.upper_slope)
                a += negative
            if tie is not None:
                values = slice(3 * layer.size, 5 * layer.size)
                a[:, values] += np.concatenate([-tie, tie], axis=1)
                size = magnitude(*(of(side)[:, values] for side in enclosure.intervals[k - 1]))
                error = error + gamma(layer.affine.size + 2) * (np.abs(a[:, values]) * size).sum(axis=1)
            multiplier = advice.multipliers[k - 1] if advice is not None and advice.multipliers else None
            if multiplier is not None:
                low, high = (of(side) for side in enclosure.intervals[k - 1])
                used = np.where(multiplier > 0.0, low, high)
                a = a - multiplier
                # q l - p u with m = q - p is m times whichever bound is used
                product = np.where(multiplier == 0.0, 0.0, multiplier * used)
                constant = constant + product.sum(axis=1)
                error = error + gamma(layer.affine.size + 2) * np.abs(product).sum(axis=1)
            constant, error = through(layer.affine, a, of(enclosure.rounding[k - 1]), coefficients, constant, error)
        slopes = coefficients.get(0)
        if slopes is None:
            slopes = np.zeros((len(owner), enclosure.network.inputs))
        box = (enclosure.lower, enclosure.upper, enclosure.reach[0])
        lower, upper, reach = (table[:1] if enclosure.one_box else of(table) for table in box)
        positive, negative = np.maximum(slopes, 0.0), np.minimum(slopes, 0.0)
        minimum = dot(positive, lower) + dot(negative, upper)
        lost = dot(positive - negative, reach)
        total = minimum + constant
        bound = down(total, error + gamma(enclosure.network.inputs + 4) * lost + 4.0 * UNIT * np.abs(constant))
    return Forms(slopes, constant, error, np.where(np.isnan(bound), -np.inf, bound))


def between(choice: Choice, shares: Array, of: Callable[[Array], Array]) -> Lines:
    """Planes between two, for rows (R,).

    Args:
        choice: the planes of every domain.
        shares: (R, m) of the second lower and upper plane, see `Enclosure.rule`; cut to [0, 1].
        of: the rows' domains' part of a table.
    """
    first, second = choice.first, choice.second
    assert first.lower_intercept is not None
    assert second.lower_intercept is not None
    n = choice.lower_share.shape[1]

    def valid(share: Array, one: Array, other: Array) -> Array:
        """Shares in [0, 1]; where a plane has no end, there is nothing between it and the other."""
        finite = np.isfinite(of(one)) & np.isfinite(of(other))
        return np.where(finite, np.clip(share, 0.0, 1.0), share > 0.5)

    def mixed(share: Array, one: Array, other: Array) -> Array:
        one, other = of(one), of(other)
        result: Array = one + share * (other - one)
        return np.where(np.isnan(result), np.where(share > 0.5, other, one), result)

    low = valid(shares[:, :n], first.lower_intercept, second.lower_intercept)
    high = valid(shares[:, n : 2 * n], first.upper_intercept, second.upper_intercept)
    wide = first.lower_slope.shape[1] // n
    return Lines(
        mixed(np.tile(low, (1, wide)), first.lower_slope, second.lower_slope),
        mixed(low, first.lower_intercept, second.lower_intercept),
        mixed(np.tile(high, (1, wide)), first.upper_slope, second.upper_slope),
        mixed(high, first.upper_intercept, second.upper_intercept),
    )


def through(
    affine: Affine, a: Array, rounding: Array, coefficients: dict[int, Array], constant: Array, error: Array
) -> tuple[Array, Array]:
    """Replaces coefficients on pre-activations by coefficients on the sources; returns constant and error.

    Args:
        affine: what the pre-activations are.
        a: (R, size) their coefficients.
        rounding: (R, size), or (1, size) for all rows alike, see `rounding_of`.
        coefficients: per source, (R, n); gains what goes through the map.
        constant: (R,).
        error: (R,).
    """
    constant = constant + a @ affine.constant
    error = (
        error
        + (np.abs(a) @ rounding[0] if len(rounding) == 1 else np.einsum("rj,rj->r", np.abs(a), rounding))
        + 4.0 * UNIT * np.abs(constant)
    )
    for source, linear in affine.terms:
        contribution = linear.transpose(a)
        coefficients[source] = coefficients[source] + contribution if source in coefficients else contribution
    return constant, error


def bound_units(
    enclosure: Enclosure, affine: Affine, k: int, owner: Index, unit: Index, deadline: Deadline = NEVER
) -> tuple[Array, Array]:
    """Rigorous bounds on single units of an affine map.

    Args:
        enclosure: bounds of every layer below.
        affine: the map, the pre-activation of layer k (0-based).
        k: its layer; `enclosure.rounding[k]` belongs to it.
        owner: (R,) domain of each unit.
        unit: (R,) the unit.
        deadline: checked between chunks.

    Returns:
        lower, upper: (R,) each.
    """
    both = np.concatenate([unit, unit])
    sign = np.repeat([1.0, -1.0], len(unit))
    bound = bound_rows(enclosure, affine, k, np.concatenate([owner, owner]), both, sign, deadline=deadline)
    return bound[: len(unit)], -bound[len(unit) :]


def bound_rows(
    enclosure: Enclosure,
    affine: Affine,
    k: int,
    owner: Index,
    unit: Index,
    sign: Array,
    advice: Advise | None = None,
    deadline: Deadline = NEVER,
) -> Array:
    """Rigorous lower bounds of sign z_unit, (R,); arguments as for `bound_units`.

    Besides, sign (R,) is 1 or -1, and `advice` makes slopes and multipliers for some of the rows.
    """
    base = sign * affine.constant[unit]
    # coefficients that are selected, not computed, only carry the uncertainty of the map's own entries
    uncertainty = enclosure.rounding[k][owner, unit] + 4.0 * UNIT * np.abs(base)
    bound = np.empty(len(unit))
    for rows, cone in cones(enclosure.network, affine, k, unit):
        known, terms, row = enclosure, affine.terms, unit[rows]
        if cone is not None:
            known, terms, row = cone.of(enclosure), cone.affine.terms, np.searchsorted(cone.rows, row)

        def one(
            part: slice,
            rows: Index = rows, cone: Cone | None = cone, known: Enclosure = known,
            terms: Sequence[tuple[int, LinearMap]] = terms, row: Index = row,
        ) -> Array:  # fmt: skip
            deadline.check()
            here = rows[part]
            coefficients = {source: linear.select(row[part]) * sign[here, None] for source, linear in terms}
            chosen = None if advice is None else advice(here, known, cone)
            return sweep(known, Rows(owner[here], coefficients, base[here], uncertainty[here]), chosen).bound

        bound[rows] = np.concatenate(in_chunks(one, known.network, len(rows), owner[rows]))
    return bound


def bound_outputs(
    enclosure: Enclosure,
    owner: Index,
    objective: Objective,
    advice: Advice | None = None,
    *,
    deadline: Deadline = NEVER,
) -> Forms:
    """Lower bounds of weighted rows of cases: by linear forms, or by the interval sweep where only that closes one.

    Args:
        enclosure: bounds of every layer.
        owner: (R,) domain of each row.
        objective: R rows.
        advice: slopes and multipliers per row.
        deadline: checked between chunks.
    """
    output = enclosure.network.output

    def one(part: slice) -> Forms:
        deadline.check()
        rows, row = owner[part], objective.take(part)
        coefficients: dict[int, Array] = {}
        with np.errstate(over="ignore", invalid="ignore"):
            constant, error = -row.d, row.uncertainty(enclosure.reach[-1][rows], enclosure.reach[0][rows])
            constant, error = through(output, row.C, enclosure.rounding[-1][rows], coefficients, constant, error)
            if row.D is not None:
                coefficients[0] = coefficients[0] + row.D if 0 in coefficients else row.D.copy()
        chosen = None if advice is None else advice.take(part)
        forms = sweep(enclosure, Rows(rows, coefficients, constant, error), chosen)
        left = np.flatnonzero(~row.excludes(forms.bound))
        if len(left):
            left_rows = row.take(left)
            least = left_rows.least(rows[left], enclosure.outputs, (enclosure.lower, enclosure.upper))
            closes = left_rows.excludes(least)
            forms.bound[left[closes]] = least[closes]
        return forms

    return Forms.concatenate(in_chunks(one, enclosure.network, len(owner)))

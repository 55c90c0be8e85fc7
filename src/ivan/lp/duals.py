"""Duals of the linear program become slopes and multipliers.

The dual y_j of the row that defines unit j is the coefficient that the backward pass should have on its pre-activation.
Follow that pass: with coefficient a arriving at h_j,

    unstable, a >= 0:  alpha = y / a clipped to [0, 1];      multiplier m = alpha a - y
    unstable, a < 0:                                         multiplier m = s a - y
    active:            m = a - y           inactive:         m = - y

and at a move (`ReluLinked`), whose tie has the dual y: y goes by both values, a - y by the line in d, and m again pays
for what is wanted of d beyond that;

so that the coefficient behind it is y, and what arrives below follows from it. The chord's dual needs no place of its
own: it is what pays for y outside [0, a], and m pays the same through z <= u or z >= l.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.enclosure import Enclosure
from ivan.lp.highs import Solution
from ivan.network.activations import Identity, Lines, ReluLinked
from ivan.proof import Certificates, MultiplierKind, Ragged
from ivan.proof.certificate import MULTIPLIER_COLUMNS, SLOPE_COLUMNS, WEIGHT_COLUMNS

Array = NDArray[np.float64]

NEGLIGIBLE = 1e-13
"""Multipliers this much smaller than the largest coefficient are the solver's rounding, and left out."""


def certificate_of(
    solution: Solution, enclosure: Enclosure, domain: int, node: int, case: int, C: Array
) -> Certificates:
    """The certificate that a solution's duals make.

    Args:
        solution: with duals.
        enclosure: where the domain's bounds are.
        domain: its row there.
        node: row of the tree that the certificate is for.
        case: its case.
        C: (r, outputs) of the case.
    """
    network = enclosure.network
    weights = np.where(solution.weights > NEGLIGIBLE, solution.weights, 0.0)
    coefficients: dict[int, Array] = {}

    def spread(terms: tuple[tuple[int, object], ...], behind: Array) -> None:
        for source, linear in terms:
            part = linear.transpose(behind[None, :])[0]  # type: ignore[attr-defined]
            coefficients[source] = coefficients[source] + part if source in coefficients else part

    spread(network.output.terms, weights @ C)
    slopes: list[tuple[int, NDArray[np.int64], Array]] = []
    multipliers: list[tuple[int, NDArray[np.int64], Array, NDArray[np.int8]]] = []
    for k in range(len(network.layers), 0, -1):
        layer = network.layers[k - 1]
        wanted = solution.coefficients[k - 1]
        a = coefficients.pop(k, np.zeros(layer.size))
        if isinstance(layer.activation, ReluLinked):
            slopes.append((k, np.arange(2 * layer.size), np.zeros(2 * layer.size)))
            behind = _behind(enclosure.choice(k - 1).first, domain, a - wanted, wanted)
            d = slice(layer.size, 2 * layer.size)
            m = _noticeable(behind[d] - solution.moved[k - 1], behind[d], solution.moved[k - 1])
            behind[d] -= m
            for units, numbers, which in (
                (np.arange(layer.size), wanted, MultiplierKind.TIE),
                (np.arange(layer.affine.size)[d], m, MultiplierKind.BOUND),
            ):
                used = np.flatnonzero(numbers)
                multipliers.append((k, units[used], numbers[used], np.full(len(used), which, np.int8)))
            spread(layer.affine.terms, behind)
            continue
        lines = enclosure.lines[k - 1]
        unstable = enclosure.unstable[k - 1][domain]
        high = lines.upper_slope[domain]
        if isinstance(layer.activation, Identity):
            behind = a
        else:
            free = unstable & (a > 0.0)
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                alpha = np.where(free, np.clip(wanted / np.where(free, a, 1.0), 0.0, 1.0), 0.0)
            alpha = alpha.astype(np.float32).astype(np.float64)
            units = np.flatnonzero(free)
            slopes.append((k, units, alpha[units]))
            behind = a * np.where(free, alpha, high)
        m = _noticeable(behind - wanted, behind, wanted)
        units = np.flatnonzero(m)
        mask = enclosure.split[k - 1]
        kind = np.full(len(units), MultiplierKind.BOUND, np.int8)
        if mask is not None:
            kind[mask[domain][units]] = MultiplierKind.SPLIT
        multipliers.append((k, units, m[units], kind))
        spread(layer.affine.terms, behind - m)
    row = np.flatnonzero(weights)
    return Certificates(
        np.array([node], np.int32),
        np.array([case], np.int32),
        np.array([np.inf if solution.bound is None else solution.bound]),
        _single(WEIGHT_COLUMNS, row=row, value=weights[row]),
        _single(
            SLOPE_COLUMNS,
            layer=_joined([np.full(len(u), k) for k, u, _ in slopes]),
            unit=_joined([u for _, u, _ in slopes]),
            value=_joined([v for _, _, v in slopes]),
        ),
        _single(
            MULTIPLIER_COLUMNS,
            layer=_joined([np.full(len(u), k) for k, u, _, _ in multipliers]),
            unit=_joined([u for _, u, _, _ in multipliers]),
            kind=_joined([kind for _, _, _, kind in multipliers]),
            value=_joined([v for _, _, v, _ in multipliers]),
        ),
    )


def _noticeable(m: Array, behind: Array, wanted: Array) -> Array:
    """Multipliers (n,) without those that are the solver's rounding."""
    scale = max(float(np.abs(behind).max(initial=0.0)), float(np.abs(wanted).max(initial=0.0)))
    return np.where(np.abs(m) > NEGLIGIBLE * scale, m, 0.0)


def _behind(lines: Lines, domain: int, alone: Array, both: Array) -> Array:
    """Coefficients on the operands of moves (n,), as far as they go by the lines in d, and by both values."""
    n, zero = len(alone), np.zeros(len(alone))
    slope = np.where(alone > 0.0, lines.lower_slope[domain][n : 2 * n], lines.upper_slope[domain][n : 2 * n])
    return np.concatenate([zero, alone * slope, zero, -both, both])


def _joined(parts: list[NDArray[np.generic]]) -> NDArray[np.generic]:
    return np.concatenate(parts) if parts else np.zeros(0)


def _single(types: dict[str, type], **columns: NDArray[np.generic]) -> Ragged:
    """One row with all the entries."""
    count = len(columns["value"])
    return Ragged(np.array([0, count], np.int64), {name: columns[name].astype(kind) for name, kind in types.items()})

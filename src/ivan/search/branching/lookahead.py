"""Which unit to split: scores name a few candidates, a look one split ahead decides.

There are two ways to go on below a node. The *shallow* one keeps its intermediate bounds: children are cheap, but only
feel the split itself. The *deep* one computes the children's intermediate bounds anew, by the slopes of the nearest
refined ancestor: dearer, but a split in an early layer then tightens everything above it. Which of them is worth it is
measured: if a split gains g1 and g2 in its two children, a gap G takes a tree of about phi^G leaves, where phi^-g1 +
phi^-g2 = 1; that times the seconds one node takes is what the two ways are compared by, at every node that may choose.

Source: Bunel et al., NeurIPS 2020 (look-ahead, FSB); Le Bodic & Nemhauser, Math. Prog. 2017 (phi).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.ascent import Ascent, Parameters
from ivan.bounds.domains import Domains
from ivan.bounds.enclosure import Enclosure, from_known
from ivan.bounds.objective import Rows
from ivan.bounds.refine import apply
from ivan.deadline import Deadline
from ivan.proof.refinement import Refinements
from ivan.search.branching import units
from ivan.search.experience import Experience

Array = NDArray[np.float64]
Index = NDArray[np.int64]

SHALLOW_CANDIDATES = 3
"""Units looked at by either score."""

DEEP_CANDIDATES = 4

LOWEST = 1e300
"""Stands for a bound of minus infinity when candidates are compared."""


@dataclass
class Ahead:
    """The best split of S nodes.

    Attributes:
        layer: (S,) 1-based; 0 where nothing can be split.
        unit: (S,).
        bounds: (S, 2) of the children, active piece first; not rigorous.
        children: domains of the children, (2 S,) active pieces first, with bounds of their own; None when shallow.
    """

    layer: Index
    unit: Index
    bounds: Array
    children: Domains | None = None

    def take(self, rows: Index) -> Ahead:
        """Some of the nodes, without their children."""
        return Ahead(self.layer[rows], self.unit[rows], self.bounds[rows])


class Lookahead:
    """Looks one split ahead.

    Args:
        ascent: bounds rows quickly.
        rows: the problem's rows.
        experience: what splits brought in an earlier proof.
    """

    def __init__(self, ascent: Ascent, rows: Rows, experience: Experience | None = None) -> None:
        self._ascent, self._rows, self._experience = ascent, rows, experience

    def shallow(
        self, enclosure: Enclosure, owner: Index, case: Index, parameters: Parameters,
        arrived: list[NDArray[Any] | None],
        deadline: Deadline,
    ) -> Ahead:  # fmt: skip
        """The best split that keeps intermediate bounds.

        Args:
            enclosure: the domains.
            owner: (S,) domain of each node.
            case: (S,) the case that is looked at.
            parameters: of these pairs.
            arrived: per layer, (S, v_k) coefficients at the parameters' units.
            deadline: checked in every sweep.
        """
        chord, both = units.shallow_scores(enclosure, owner, parameters, arrived)
        tables = self._advised([both, chord], parameters)
        layer, unit, there = units.best(tables, parameters.units, [SHALLOW_CANDIDATES] * 2)
        node, place = np.nonzero(there)
        bounds = np.full((*layer.shape, 2), -np.inf)
        if len(node):
            twice = np.repeat(node, 2)
            bounds[node, place] = self._ascent.after_split(
                enclosure, owner[twice], case[twice], self._rows, parameters.take(twice),
                np.repeat(layer[node, place], 2), np.repeat(unit[node, place], 2),
                np.tile([True, False], len(node)), deadline,
            ).reshape(-1, 2)  # fmt: skip
        return _chosen(layer, unit, bounds, there)[0]

    def _advised(self, tables: list[list[Array]], parameters: Parameters) -> list[list[Array]]:
        """Scores, revised by experience."""
        if self._experience is None:
            return tables
        return [self._experience.of_units(table, parameters.units) for table in tables]

    def deep(
        self, enclosure: Enclosure, owner: Index, case: Index, parameters: Parameters,
        arrived: list[NDArray[Any] | None],
        refinements: Refinements, deadline: Deadline,
    ) -> Ahead:  # fmt: skip
        """The best split with new intermediate bounds below.

        Args:
            enclosure: the domains.
            owner: (S,) domain of each node.
            case: (S,) the case that is looked at.
            parameters: of these pairs.
            arrived: per layer, (S, v_k) coefficients at the parameters' units.
            refinements: slopes of the intermediate bounds of all these nodes.
            deadline: checked in every sweep.
        """
        _, both = units.shallow_scores(enclosure, owner, parameters, arrived)
        scores = units.deep_scores(self._ascent, enclosure, owner, parameters, arrived, refinements, 0, deadline)
        tables = self._advised([scores, both], parameters)
        layer, unit, there = units.best(tables, parameters.units, [DEEP_CANDIDATES - 1, 1])
        node, place = np.nonzero(there)
        bounds = np.full((*layer.shape, 2), -np.inf)
        children = _children(
            enclosure,
            np.repeat(owner[node], 2),
            np.repeat(layer[node, place], 2),
            np.repeat(unit[node, place], 2),
            np.tile([True, False], len(node)),
        )
        which = np.zeros(len(children), np.int64)
        tight = apply(from_known(enclosure.network, children), refinements, which, deadline)
        twice = np.repeat(node, 2)
        pairs = np.arange(len(twice))
        begin = parameters.take(twice).fitted(tight, pairs)
        found = self._ascent.bounds(tight, pairs, case[twice], self._rows, begin, deadline)
        found = np.where(tight.empty, np.inf, found)
        bounds[node, place] = found.reshape(-1, 2)
        ahead, place = _chosen(layer, unit, bounds, there)
        index = np.full(layer.shape, -1)
        index[there] = np.arange(len(node))
        mine = index[np.arange(len(owner)), place]
        mine = np.where(ahead.layer > 0, mine, 0)
        assert np.all(mine >= 0) or not len(node)
        ahead.children = tight.domains.take(np.concatenate([2 * mine, 2 * mine + 1])) if len(node) else None
        return ahead


def _chosen(layer: Index, unit: Index, bounds: Array, there: NDArray[np.bool_]) -> tuple[Ahead, Index]:
    """The candidate whose weaker child is best, the other one's bound deciding between equals; and its place (S,)."""
    # a closed child is closed, however high its bound
    capped = np.clip(np.nan_to_num(bounds, nan=-LOWEST, posinf=0.0, neginf=-LOWEST), -LOWEST, 0.0)
    value = capped.min(axis=2) + 0.2 * capped.max(axis=2)
    value = np.where(there, value, -np.inf)
    best, here = value.argmax(axis=1), np.arange(len(layer))
    some = there[here, best]
    return Ahead(np.where(some, layer[here, best], 0), unit[here, best], bounds[here, best]), best


def _children(enclosure: Enclosure, owner: Index, layer: Index, unit: Index, above: NDArray[np.bool_]) -> Domains:
    """Domains with one more split each, where the activation is to be cut."""
    at = units.cuts(enclosure, owner, layer, unit)
    domains = enclosure.domains.take(owner)
    assert domains.known is not None
    known, split = list(domains.known), list(domains.split)
    for k in range(len(known)):
        rows = np.flatnonzero(layer == k + 1)
        if not len(rows):
            continue
        low, high = known[k]
        mask = split[k]
        mask = split[k] = np.zeros(low.shape, bool) if mask is None else mask
        mask[rows, unit[rows]] = True
        up, down = rows[above[rows]], rows[~above[rows]]
        low[up, unit[up]] = np.maximum(low[up, unit[up]], at[up])
        high[down, unit[down]] = np.minimum(high[down, unit[down]], at[down])
    return replace(domains, known=tuple(known), split=tuple(split))


def log_leaves(gap: Array, bounds: Array) -> Array:
    """(S,) natural logarithm of the leaves of a tree that closes a gap by splits like this one.

    Args:
        gap: (S,) how far each node's bound is below zero.
        bounds: (S, 2) what the two children reach.
    """
    gain = np.clip(bounds + gap[:, None], 1e-9 * gap[:, None] + 1e-300, gap[:, None] + 1e-300)
    low, high = 1.0 / gain.max(axis=1), 1.0 / gain.min(axis=1)
    for _ in range(40):
        middle = 0.5 * (low + high)
        more = np.exp2(-middle[:, None] * gain).sum(axis=1) > 1.0
        low, high = np.where(more, middle, low), np.where(more, high, middle)
    return np.asarray(gap * high * np.log(2.0))

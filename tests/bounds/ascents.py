"""Parameters of ascent for tests: random ones, copies, and the rigorous bounds that go with them."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.engine import Array, Rng
from tests.trees import by_forms, enclosure_at, random_tree, together

from ivan.bounds.ascent import (
    Ascent,
    Model,
    Parameters,
    initial,
    ragged_weights,
)
from ivan.bounds.backward import bound_outputs
from ivan.bounds.enclosure import Enclosure
from ivan.bounds.objective import Rows
from ivan.problem import Problem
from ivan.proof import SpecTree

SEEDS = st.integers(0, 2**32 - 1)
STEP = 1e-6
ZERO = np.zeros(1, np.int64)
Index = NDArray[np.int64]

ROUNDING = {np.float32: 2e-4, np.float64: 1e-9}
"""How far bounds may be off, relative to the largest number that occurs."""


def of(problem: Problem, dtype: type = np.float32) -> Ascent:
    return Ascent(Model(problem.network, dtype))


def random_parameters(
    rng: Rng, enclosure: Enclosure, owner: Index, case: Index, rows: Rows, *, inner: bool = False
) -> Parameters:
    """Any valid parameters; `inner`: in float64, and none of them at its limits."""
    start = initial(enclosure, owner, case, rows)
    dtype: Any = np.float64 if inner else np.float32
    slopes, multipliers = [], []
    for k, (s, m) in enumerate(zip(start.slopes, start.multipliers, strict=True)):
        value = rng.uniform(0.1, 0.9, s.shape) if inner else np.clip(rng.uniform(-0.3, 1.3, s.shape), 0.0, 1.0)
        slopes.append(value.astype(dtype))
        mask = enclosure.split[k]
        if m is None or mask is None:
            multipliers.append(None)
            continue
        chosen = np.ix_(owner, start.units[k])
        low, high = (side[chosen] for side in enclosure.intervals[k])
        size = rng.uniform(0.1, 1.0, s.shape)
        if not inner:
            size *= rng.random(s.shape) < 0.7
        signed = np.where(low >= 0.0, size, np.where(high <= 0.0, -size, 0.0))
        multipliers.append(np.where(mask[chosen], signed, 0.0).astype(dtype))
    weights = np.where(start.weights > 0.0, rng.uniform(0.2, 1.0, start.weights.shape), 0.0)
    return Parameters(start.units, slopes, multipliers, weights / weights.sum(axis=1, keepdims=True))


def copied(p: Parameters) -> Parameters:
    return Parameters(
        tuple(u.copy() for u in p.units),
        [s.copy() for s in p.slopes],
        [None if m is None else m.copy() for m in p.multipliers],
        p.weights.copy(),
    )


def assert_equal(one: Parameters, other: Parameters) -> None:
    for table in ("units", "slopes", "multipliers"):
        for mine, theirs in zip(getattr(one, table), getattr(other, table), strict=True):
            assert (mine is None) == (theirs is None)
            if mine is not None:
                np.testing.assert_array_equal(mine, theirs)
    np.testing.assert_array_equal(one.weights, other.weights)


def rigorous(enclosure: Enclosure, owner: Index, case: Index, rows: Rows, p: Parameters) -> Array:
    objective = rows.weighted(case, ragged_weights(p.weights))
    return bound_outputs(by_forms(enclosure), owner, objective, p.advice(enclosure, owner)).bound


def assert_close(found: Array, expected: Array, dtype: type) -> None:
    np.testing.assert_allclose(
        found, expected, rtol=ROUNDING[dtype], atol=ROUNDING[dtype] * (1.0 + np.abs(expected).max(initial=0.0))
    )


def some_nodes(
    rng: Rng, problem: Problem, splits: int, *, inputs: bool = True
) -> tuple[SpecTree, Index, Enclosure, Index, Index]:
    """A tree, some of its nodes that are not empty, their bounds together, and all (domain, case) pairs in them."""
    tree = random_tree(rng, problem, splits, inputs=inputs)
    found = [(int(node), enclosure_at(problem, tree, int(node))) for node in tree.leaves[:5]]
    found = [(node, enclosure) for node, enclosure in found if not enclosure.empty[0]]
    assume(found)
    nodes = np.array([node for node, _ in found])
    members = [problem.cases_of[region] for region in tree.region()[nodes]]
    owner = np.repeat(np.arange(len(nodes)), [len(cases) for cases in members])
    return tree, nodes, together([enclosure for _, enclosure in found]), owner, np.concatenate(members).astype(np.int64)

"""What ascent improves, taken apart, put together, fitted to other domains, and taken up from certificates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.bounds.ascents import (
    SEEDS,
    assert_close,
    assert_equal,
    copied,
    of,
    random_parameters,
    rigorous,
    some_nodes,
)
from tests.engine import EXACT, FEW, random_problem
from tests.trees import enclosure_at, random_tree, together

from ivan.bounds.ascent import (
    Parameters,
    certificates_of,
    from_certificates,
    initial,
)
from ivan.bounds.objective import Rows


@FEW
@given(seed=SEEDS)
def test_parameters_taken_apart_and_put_together_are_the_same(seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT["dense"](rng), cases=2)
    rows = Rows(problem)
    _, _, enclosure, owner, case = some_nodes(rng, problem, 5, inputs=False)
    p = random_parameters(rng, enclosure, owner, case, rows)
    at = int(rng.integers(0, len(p) + 1))
    parts = [p.take(np.arange(at)), p.take(slice(at, len(p)))]
    assert [len(part) for part in parts] == [at, len(p) - at]
    assert_equal(Parameters.concatenate(parts), p)
    assert_equal(Parameters.concatenate([p]), p)
    order = rng.permutation(len(p))
    assert_equal(p.take(order).take(np.argsort(order)), p)


@pytest.mark.parametrize("kind", sorted(EXACT))
@FEW
@given(seed=SEEDS)
def test_parameters_of_different_units_put_together_give_every_domain_its_own_bound(kind, seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT[kind](rng), cases=2)
    rows, tree = Rows(problem), random_tree(rng, problem, 5)
    parts, expected, enclosures = [], [], []
    owner, case = np.zeros(2, np.int64), np.arange(2)
    for node in tree.leaves[:3]:
        enclosure = enclosure_at(problem, tree, int(node))
        if not enclosure.empty[0]:
            parts.append(random_parameters(rng, enclosure, owner, case, rows))
            expected.append(rigorous(enclosure, owner, case, rows, parts[-1]))
            enclosures.append(enclosure)
    assume(parts)
    before = [copied(p) for p in parts]
    whole = Parameters.concatenate(parts)
    for units in whole.units:
        assert np.all(np.diff(units) > 0)
    owners, cases = np.repeat(np.arange(len(parts)), 2), np.tile(case, len(parts))
    assert_close(rigorous(together(enclosures), owners, cases, rows, whole), np.concatenate(expected), np.float64)
    for mine, kept in zip(parts, before, strict=True):
        assert_equal(mine, kept)


@pytest.mark.parametrize("kind", sorted(EXACT))
@FEW
@given(seed=SEEDS)
def test_fitted_parameters_have_every_choice_of_the_new_domains_and_keep_the_old_ones(kind, seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT[kind](rng), cases=2)
    rows = Rows(problem)
    tree, _, below, owner, case = some_nodes(rng, problem, 5, inputs=False)
    root = enclosure_at(problem, tree, 0)
    old = random_parameters(rng, root, np.zeros(len(owner), np.int64), case, rows)
    # as a search has it where units were forgotten: their slopes are the rule's
    dropped = [rng.random(len(u)) < 0.7 for u in old.units]
    old = Parameters(
        tuple(u[kept] for u, kept in zip(old.units, dropped, strict=True)),
        [s[:, kept] for s, kept in zip(old.slopes, dropped, strict=True)],
        [None if m is None else m[:, kept] for m, kept in zip(old.multipliers, dropped, strict=True)],
        old.weights,
    )
    before = copied(old)
    new = old.fitted(below, owner)
    assert_equal(old, before)
    np.testing.assert_array_equal(new.weights, old.weights)
    for k, units in enumerate(new.units):
        mask = below.split[k]
        needed = below.unstable[k].any(axis=0) | (mask.any(axis=0) if mask is not None else False)
        assert set(np.flatnonzero(needed)) | set(old.units[k]) == set(units)
        assert np.all(np.diff(units) > 0)
        mine = np.searchsorted(units, old.units[k])
        np.testing.assert_array_equal(new.slopes[k][:, mine], old.slopes[k])
        fresh = np.flatnonzero(~np.isin(units, old.units[k]))
        rule = below.lines[k].lower_slope[np.ix_(owner, units[fresh])]
        np.testing.assert_array_equal(new.slopes[k][:, fresh], rule.astype(np.float32))
        signed = new.multipliers[k]
        if mask is not None:
            assert signed is not None
            assert signed.shape == new.slopes[k].shape
            assert not np.any(signed[:, fresh])
    assert_equal(new.fitted(below, owner), new)
    assert_close(
        of(problem, np.float64).bounds(below, owner, case, rows, copied(new)),
        rigorous(below, owner, case, rows, new),
        np.float64,
    )


@FEW
@given(seed=SEEDS, kind=st.sampled_from(sorted(EXACT)))
def test_what_a_certificate_says_is_taken_up_again(seed, kind):
    """Certificates are made of parameters and parameters of certificates; units without a choice are no part of it."""
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT[kind](rng))
    tree = random_tree(rng, problem, 5)
    node = int(rng.choice(tree.leaves))
    enclosure = enclosure_at(problem, tree, node)
    rows, case = Rows(problem), np.arange(len(problem.cases))
    owner = np.zeros(len(case), np.int64)
    start = initial(enclosure, owner, case, rows)
    for slopes in start.slopes:
        slopes[:] = rng.random(slopes.shape)
    for multipliers in start.multipliers:
        if multipliers is not None:
            multipliers[:] = rng.standard_normal(multipliers.shape)
    start.weights[:] = rng.random(start.weights.shape) * (start.weights > 0.0)
    claims = certificates_of(enclosure, owner, np.full(len(case), node), case, np.zeros(len(case)), start)
    again = from_certificates(enclosure, owner, claims, rows)
    shares = start.weights / start.weights.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(again.weights, shares, rtol=1e-12)
    for k, units in enumerate(start.units):
        free = enclosure.unstable[k][np.ix_(owner, units)]
        np.testing.assert_array_equal(again.slopes[k][free], start.slopes[k][free])
        mask = enclosure.split[k]
        if mask is not None:
            split = mask[np.ix_(owner, units)]
            np.testing.assert_allclose(again.multipliers[k][split], start.multipliers[k][split], rtol=1e-6)

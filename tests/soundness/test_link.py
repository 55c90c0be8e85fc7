"""Two runs of one network, tied to one another: the same outputs, and bounds, planes and ties that hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine import EXACT, FEW, LAWS, NETWORKS, PIECEWISE, Array, Box, Half, points, problem_of

from ivan.bounds.ascent import Ascent, Model, Schedule, initial
from ivan.bounds.backward import Advice, bound_outputs
from ivan.bounds.certify import certify
from ivan.bounds.domains import Domains
from ivan.bounds.enclosure import enclose
from ivan.bounds.objective import Rows
from ivan.deadline import NEVER, Deadline
from ivan.lp.duals import certificate_of
from ivan.lp.highs import LiveModel
from ivan.lp.relaxation import relax
from ivan.network.activations import ReluLinked
from ivan.network.layers import Network
from ivan.network.link import linked
from ivan.proof import MultiplierKind
from ivan.search import Search, Seed
from ivan.verdict import Verdict

SEEDS = st.integers(0, 2**32 - 1)
KINDS = sorted(PIECEWISE)
ZERO = np.zeros(1, np.int64)


def two_runs(rng: np.random.Generator, kind: str) -> tuple[Network, Network, Array, Array, Array]:
    """A network, two runs of it, which joint inputs each of these reads, and how the second's lie to the first's."""
    network = PIECEWISE[kind](rng)
    n = network.inputs
    first, second = np.arange(n), np.arange(n)
    moving = rng.choice(n, min(n, int(rng.integers(1, 4))), replace=False)
    second[moving] = n + np.arange(len(moving))
    signs = np.zeros(n, np.int64)
    signs[moving] = rng.integers(-1, 2, len(moving))
    return network, linked(network, first, second, signs, n + len(moving)), first, second, signs


def related(x: Array, first: Array, second: Array, signs: Array) -> Array:
    """Joint inputs that rise and fall as they are known to."""
    x = x.copy()
    for i in np.flatnonzero(signs):
        ends = np.sort(x[:, [first[i], second[i]]], axis=1)
        x[:, first[i]], x[:, second[i]] = ends[:, :: signs[i]].T
    return x


@pytest.mark.parametrize("kind", KINDS)
@FEW
@given(seed=SEEDS)
def test_the_outputs_are_those_of_both_runs_wherever_inputs_lie(kind, seed):
    rng = np.random.default_rng(seed)
    network, both, first, second, _ = two_runs(rng, kind)
    x = points(rng, -np.ones(both.inputs), np.ones(both.inputs))
    expected = np.concatenate([network(x[:, first]), network(x[:, second])], axis=1)
    np.testing.assert_allclose(both(x), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
@FEW
@given(seed=SEEDS, radius=st.sampled_from([0.01, 0.3, 1.0]))
def test_bounds_and_planes_hold_at_every_point_that_the_question_is_about(kind, seed, radius):
    rng = np.random.default_rng(seed)
    _, both, first, second, signs = two_runs(rng, kind)
    centre = rng.standard_normal(both.inputs)
    centre[second] = centre[first]
    lower, upper = centre - radius, centre + radius
    x = related(points(rng, lower, upper), first, second, signs)
    enclosure = enclose(both, Domains.boxes(lower[None], upper[None], len(both.layers)))
    values = dict(enumerate(both.forward(x)))
    for k, layer in enumerate(both.layers):
        z, h, n = layer.affine.evaluate(values), values[k + 1], layer.size
        slack = 1e-9 * (1.0 + np.abs(z).max())
        low, high = enclosure.intervals[k]
        assert np.all(z >= low - slack)
        assert np.all(z <= high + slack)
        planes = [enclosure.lines[k]]
        if isinstance(layer.activation, ReluLinked):
            planes += [enclosure.choice(k).first, enclosure.choice(k).second]
            np.testing.assert_allclose(z[:, n : 2 * n], z[:, 2 * n : 3 * n] - z[:, :n], rtol=1e-9, atol=slack)
            least, most = layer.activation.interval(low, high)
            assert np.all((least - slack <= h) & (h <= most + slack))

        def at(slopes: Array, intercept: Array | None, z: Array = z, n: int = n) -> Array:
            total = (slopes * z).reshape(len(z), -1, n).sum(axis=1)
            return total if intercept is None else total + intercept

        for lines in planes:
            assert np.all(at(lines.upper_slope, lines.upper_intercept) >= h - slack)
            assert np.all(at(lines.lower_slope, lines.lower_intercept) <= h + slack)


@pytest.mark.parametrize("kind", KINDS)
@LAWS
@given(seed=SEEDS)
def test_bounds_hold_with_any_ties_and_shares(kind, seed):
    rng = np.random.default_rng(seed)
    _, both, first, second, signs = two_runs(rng, kind)
    low = rng.standard_normal(both.inputs)
    low[second] = low[first]
    problem = problem_of(both, Box(low, low + 1.0, [[Half(rng.standard_normal(both.outputs), 0.0)]]))
    region = problem.regions[0]
    enclosure = enclose(both, Domains.boxes(region.lower[None], region.upper[None], len(both.layers)))
    moves = [k for k, layer in enumerate(both.layers) if isinstance(layer.activation, ReluLinked)]
    ties = {k: rng.standard_normal((1, both.layers[k].size)) * rng.choice([0.0, 1.0, 30.0]) for k in moves}
    shares = [rng.random((1, at.affine.size)) if k in moves else None for k, at in enumerate(both.layers)]
    advice = Advice(shares, [None] * len(both.layers), ties)
    bound = bound_outputs(enclosure, ZERO, Rows(problem).single(ZERO), advice).bound[0]
    x = related(points(rng, region.lower, region.upper), first, second, signs)
    margins = problem.margins(0, x)
    assert np.isfinite(bound)
    assert bound <= margins.min() + 1e-9 * (1.0 + np.abs(margins).max())


@pytest.mark.parametrize("kind", sorted(EXACT))
@LAWS
@given(seed=SEEDS)
def test_the_program_is_stronger_than_ascent_and_its_duals_replay(kind, seed):
    rng = np.random.default_rng(seed)
    _, both, first, second, _ = two_runs(rng, kind)
    low = rng.standard_normal(both.inputs)
    low[second] = low[first]
    problem = problem_of(both, Box(low, low + 1.0, [[Half(rng.standard_normal(both.outputs), 0.0)]]))
    region = problem.regions[0]
    enclosure = enclose(both, Domains.boxes(region.lower[None], region.upper[None], len(both.layers)))
    solution = LiveModel(relax(enclosure, 0, problem.cases[0])).solve(NEVER)
    assert solution.bound is not None
    rows = Rows(problem)
    start = initial(enclosure, ZERO, ZERO, rows)
    _, ascended = Ascent(Model(both)).outputs(enclosure, ZERO, ZERO, rows, start, Schedule(20))
    slack = 1e-4 * (1.0 + abs(solution.bound))
    assert solution.bound >= ascended.bound[0] - slack
    claim = certificate_of(solution, enclosure, 0, 0, 0, problem.cases[0].C)
    claim.check(1, problem.rows_of_case)
    _, forms = certify(enclosure, ZERO, claim, rows)
    assert forms.bound[0] / claim.weights["value"].sum() == pytest.approx(solution.bound, abs=slack)


def test_a_tie_counts_for_moves_alone():
    rng = np.random.default_rng(3)
    network = NETWORKS["dense"](rng)
    problem = problem_of(network, Box(-np.ones(3), np.ones(3), [[Half([1.0, 0.0], 0.0)]]))
    enclosure = enclose(network, Domains.boxes(-np.ones((1, 3)), np.ones((1, 3)), len(network.layers)))
    solution = LiveModel(relax(enclosure, 0, problem.cases[0])).solve(NEVER)
    claim = certificate_of(solution, enclosure, 0, 0, 0, problem.cases[0].C)
    assert len(claim.multipliers["kind"])
    _, plain = certify(enclosure, ZERO, claim, Rows(problem))
    claim.multipliers["kind"][:] = MultiplierKind.TIE
    _, without = certify(enclosure, ZERO, claim, Rows(problem))
    claim.multipliers["value"][:] = 0.0
    _, none = certify(enclosure, ZERO, claim, Rows(problem))
    assert plain.bound[0] != without.bound[0]
    assert without.bound[0] == none.bound[0]


@pytest.mark.parametrize("signs", [[0, 0, 0], [1, 0, 0], [-1, 0, 0], [1, -1, 0]])
@FEW
@given(seed=SEEDS)
def test_a_search_never_proves_what_a_point_breaks_and_proves_what_is_clear(signs, seed):
    rng = np.random.default_rng(seed)
    network = NETWORKS["dense"](rng)
    moving = np.array([0, 1]) if signs[1] else np.array([0])
    first, second = np.arange(3), np.arange(3)
    second[moving] = 3 + np.arange(len(moving))
    both = linked(network, first, second, np.array(signs), 3 + len(moving))
    x = related(points(rng, -np.ones(both.inputs), np.ones(both.inputs), 4000), first, second, np.array(signs))
    moved = network(x[:, first])[:, 0] - network(x[:, second])[:, 0]
    order = [Half([0.0] * 4, 0.0, _order(both.inputs, first[i], second[i], signs[i])) for i in moving if signs[i]]

    def asked(bound: float) -> Verdict:
        case = [Half([-1.0, 0.0, 1.0, 0.0], -bound), *order]
        problem = problem_of(both, Box(-np.ones(both.inputs), np.ones(both.inputs), [case]))
        return (
            Search(problem, lambda x: both(x[None])[0], Seed.fresh(problem), deadline=Deadline.after(30)).run().verdict
        )

    assert asked(float(moved.max() - 0.05 * np.ptp(moved))) is Verdict.SAT
    assert asked(float(moved.max()) + 0.5 * float(np.ptp(moved)) + 0.1) is Verdict.UNSAT


def _order(inputs: int, first: int, second: int, sign: int) -> Array:
    """The row that holds where the second does not lie to the other side of the first."""
    row = np.zeros(inputs)
    row[first], row[second] = sign, -sign
    return row

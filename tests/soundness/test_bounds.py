"""No point leaves the bounds: of any layer, of any linear form, for any network, box and splits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine import (
    EXACT,
    FEW,
    NETWORKS,
    Box,
    Half,
    affine,
    dense,
    points,
    pre_activations,
    problem_of,
    random_problem,
)
from tests.soundness.exact import ExactNetwork, vector
from tests.trees import Walk, columns_of, inside, random_tree

from ivan.bounds import forward
from ivan.bounds.backward import Forms, bound_outputs
from ivan.bounds.descend import descend, roots
from ivan.bounds.domains import Domains
from ivan.bounds.enclosure import Enclosure, enclose, from_known
from ivan.bounds.forward import Forward
from ivan.bounds.objective import Rows
from ivan.bounds.parallel import set_threads
from ivan.network.activations import Identity, Lines, Relu
from ivan.network.layers import Layer, Network
from ivan.network.linear import Dense
from ivan.problem import Problem

SEEDS = st.integers(0, 2**32 - 1)
SLACK = 1e-11
"""Room for the rounding of sampling itself, relative to the largest number that occurs."""


def boxes(problem: Problem) -> Domains:
    return roots(problem, np.arange(len(problem.regions)))


def assert_layers_hold(enclosure: Enclosure, domain: int, before: list[np.ndarray]) -> None:
    for (low, high), z in zip(enclosure.intervals, before, strict=True):
        slack = SLACK * (1.0 + np.abs(z).max(initial=0.0))
        assert np.all(z >= low[domain] - slack)
        assert np.all(z <= high[domain] + slack)


WAYS: dict[str, Callable[[Network, Domains], Enclosure]] = {
    "backward": enclose,
    "interval": lambda network, domains: enclose(network, domains, refresh=False),
    "forward": lambda network, domains: Forward(network).enclose(domains),
}
"""Every way of bounding all layers."""


def every_row(problem: Problem, region: int) -> np.ndarray:
    """Indices of all rows of a region's cases in the stack of `Rows`."""
    first = Rows(problem).first
    return np.concatenate([np.arange(first[c], first[c + 1]) for c in problem.cases_of[region]])


def margins(problem: Problem, region: int, x: np.ndarray) -> np.ndarray:
    return np.concatenate([problem.margins(c, x) for c in problem.cases_of[region]], axis=1)


def assert_forms_hold(forms: Forms, x: np.ndarray, values: np.ndarray) -> None:
    """Values (B, R) of the rows at points x lie above the forms (R rows) and their bounds."""
    slack = SLACK * (1.0 + np.abs(values).max(initial=0.0) + np.abs(forms.constant).max(initial=0.0))
    assert np.all(values >= x @ forms.slopes.T + forms.constant - forms.error - slack)
    assert np.all(values >= forms.bound - slack)


@pytest.mark.parametrize("way", sorted(WAYS))
@pytest.mark.parametrize("kind", sorted(NETWORKS))
@FEW
@given(seed=SEEDS, radius=st.sampled_from([1.0, 0.1, 1e-3]))
def test_sampled_points_never_leave_the_bounds_of_a_box(kind, way, seed, radius):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, NETWORKS[kind](rng), boxes=2, radius=radius)
    enclosure = WAYS[way](problem.network, boxes(problem))
    for region, box in enumerate(problem.regions):
        x = points(rng, box.lower, box.upper)
        assert_layers_hold(enclosure, region, pre_activations(problem.network, x))
        index = every_row(problem, region)
        forms = bound_outputs(enclosure, np.full(len(index), region), Rows(problem).single(index))
        assert_forms_hold(forms, x, margins(problem, region, x))
        assert np.all(np.isfinite(forms.bound))


@pytest.mark.parametrize("kind", sorted(NETWORKS))
@settings(max_examples=4, deadline=None, derandomize=True)
@given(seed=SEEDS)
def test_sampled_points_that_satisfy_the_splits_never_leave_the_bounds_of_a_node(kind, seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, NETWORKS[kind](rng), radius=0.5)
    tree = random_tree(rng, problem, 8)
    x = points(rng, problem.regions[0].lower, problem.regions[0].upper, 1000)
    before = pre_activations(problem.network, x)
    values, index = margins(problem, 0, x), every_row(problem, 0)
    covered, walk = np.zeros(len(x), bool), Walk(problem, tree)
    for leaf in tree.leaves:
        enclosure = walk.at(leaf)
        here = inside(tree, int(leaf), x, before)
        covered |= here
        assert not (here.any() and enclosure.empty[0])
        assert_layers_hold(enclosure, 0, [z[here] for z in before])
        forms = bound_outputs(enclosure, np.zeros(len(index), np.int64), Rows(problem).single(index))
        assert_forms_hold(forms, x[here], values[here])
    assert covered.all()


@pytest.mark.parametrize("kind", sorted(EXACT))
@FEW
@given(seed=SEEDS)
def test_a_child_never_has_wider_bounds_than_its_parent(kind, seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT[kind](rng))
    tree = random_tree(rng, problem, 8)
    walk = Walk(problem, tree)
    for node in range(1, len(tree)):
        above, below = walk.at(tree.parent[node]), walk.at(node)
        if below.empty[0] or above.empty[0]:
            continue
        for (low, high), (inner_low, inner_high) in zip(above.intervals, below.intervals, strict=True):
            assert np.all(inner_low >= low)
            assert np.all(inner_high <= high)


def exact_values(network: Network, x: np.ndarray) -> tuple[list[list], list]:
    return ExactNetwork(network).forward(vector(x))


@pytest.mark.parametrize("kind", sorted(EXACT))
@pytest.mark.parametrize("radius", [0.0, 5e-324, 1e-300, 1e-17, 1e-9])
@FEW
@given(seed=SEEDS)
def test_bounds_of_points_and_tiny_boxes_hold_exactly(kind, radius, seed):
    rng = np.random.default_rng(seed)
    network = EXACT[kind](rng)
    centre = np.where(rng.random(network.inputs) < 0.2, 0.0, rng.standard_normal(network.inputs))
    row = Half(rng.standard_normal(network.outputs), 0.25, rng.standard_normal(network.inputs))
    problem = problem_of(network, Box(centre - radius, centre + radius, [[row]]))
    exact = ExactNetwork(network)
    [case] = problem.cases
    for way in WAYS.values():
        enclosure = way(network, boxes(problem))
        forms = bound_outputs(enclosure, np.zeros(1, np.int64), Rows(problem).single(np.zeros(1, np.int64)))
        for x in (centre - radius, centre, centre + radius):
            before, y = exact.forward(vector(x))
            for (low, high), z in zip(enclosure.intervals, before, strict=True):
                assert all(a <= v <= b for a, v, b in zip(vector(low[0]), z, vector(high[0]), strict=True))
            [row_exact] = case.rows
            value = sum(c * y[j] for j, c in row_exact.outputs)
            value += sum(c * v for (_, c), v in zip(row_exact.inputs, vector(x), strict=True)) - row_exact.bound
            assert vector(forms.bound)[0] <= value
            assert float(value) - forms.bound[0] <= 1e-6


@pytest.mark.parametrize("kind", sorted(EXACT))
@pytest.mark.parametrize("way", sorted(WAYS))
@pytest.mark.parametrize("scale", [1e8, 1e25, 1e60])
@FEW
@given(seed=SEEDS)
def test_bounds_of_boxes_with_large_numbers_hold_exactly(kind, scale, way, seed):
    rng = np.random.default_rng(seed)
    network = EXACT[kind](rng)
    ends = np.sort(scale * rng.standard_normal((2, network.inputs)), axis=0)
    problem = problem_of(network, Box(ends[0], ends[1], [[Half(rng.standard_normal(network.outputs), 1.0)]]))
    enclosure = WAYS[way](network, boxes(problem))
    forms = bound_outputs(enclosure, np.zeros(1, np.int64), Rows(problem).single(np.zeros(1, np.int64)))
    assert np.isfinite(forms.bound[0])
    for x in points(rng, ends[0], ends[1], 4):
        before, y = exact_values(network, x)
        for (low, high), z in zip(enclosure.intervals, before, strict=True):
            assert all(a <= v <= b for a, v, b in zip(vector(low[0]), z, vector(high[0]), strict=True))
        value = sum(c * y[j] for j, c in problem.cases[0].rows[0].outputs) - 1
        assert vector(forms.bound)[0] <= value


@pytest.mark.parametrize("scale", [1e120, 1e200, 1e300])
def test_numbers_that_overflow_give_infinite_bounds_and_no_warning(scale):
    rng = np.random.default_rng(0)
    for build in EXACT.values():
        network = build(rng)
        ends = np.sort(scale * rng.standard_normal((2, network.inputs)), axis=0)
        row = Half(rng.standard_normal(network.outputs), 0.0)
        problem = problem_of(network, Box(ends[0], ends[1], [[row]]))
        for way in WAYS.values():
            enclosure = way(network, boxes(problem))
            forms = bound_outputs(enclosure, np.zeros(1, np.int64), Rows(problem).single(np.zeros(1, np.int64)))
            assert forms.bound[0] == -np.inf
            assert not enclosure.empty[0]
            for low, high in enclosure.intervals:
                assert np.all(low[0] <= 0.0)
                assert np.all(high[0] >= 0.0)


def test_one_domain_out_of_range_leaves_its_neighbours_bounds_alone():
    rng = np.random.default_rng(1)
    network = EXACT["residual"](rng)
    row = [[Half([1.0, 0.5], 0.0)]]
    tame = Box(-np.ones(3), np.ones(3), row)
    alone = problem_of(network, tame)
    both = problem_of(network, Box(np.full(3, -1e300), np.full(3, 1e300), row), tame)
    zero = np.zeros(1, np.int64)
    expected = bound_outputs(enclose(network, boxes(alone)), zero, Rows(alone).single(zero))
    found = bound_outputs(enclose(network, boxes(both)), np.array([0, 1]), Rows(both).single(np.array([0, 1])))
    assert found.bound[0] == -np.inf
    assert found.bound[1] == pytest.approx(expected.bound[0], rel=1e-12)


@pytest.mark.parametrize("kind", sorted(EXACT))
def test_forward_bounds_in_parts_are_those_of_all_domains_together(monkeypatch, kind):
    rng = np.random.default_rng(0)
    problem = random_problem(rng, EXACT[kind](rng), boxes=5)
    together = Forward(problem.network).enclose(boxes(problem))
    monkeypatch.setattr(forward, "MOST_NUMBERS", 100)
    parts = Forward(problem.network).enclose(boxes(problem))
    for (low, high), (part_low, part_high) in zip(together.intervals, parts.intervals, strict=True):
        np.testing.assert_allclose(part_low, low, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(part_high, high, rtol=1e-12, atol=1e-12)


@FEW
@given(seed=SEEDS)
def test_forward_bounds_of_a_pure_affine_chain_are_exact(seed):
    rng = np.random.default_rng(seed)
    # two sums that interval arithmetic, but not forms, would widen at every step
    turn = np.array([[1.0, 1.0], [1.0, -1.0]])
    layers = tuple(Layer(affine(2, {k: Dense(turn)}, np.zeros(2)), Identity()) for k in range(6))
    network = Network(layers, (2,), affine(1, {6: Dense(np.ones((1, 2)))}, np.zeros(1)), "chain", "float64")
    box = Box(-rng.random(2), rng.random(2), [[Half([1.0], 0.0)]])
    enclosure = Forward(network).enclose(boxes(problem_of(network, box)))
    corners = np.array([[x, y] for x in (box.lower[0], box.upper[0]) for y in (box.lower[1], box.upper[1])])
    for (low, high), z in zip(enclosure.intervals, pre_activations(network, corners), strict=True):
        np.testing.assert_allclose(low[0], z.min(axis=0), rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(high[0], z.max(axis=0), rtol=1e-9, atol=1e-9)


@FEW
@given(seed=SEEDS)
def test_forward_bounds_hold_behind_an_activation_that_is_not_increasing(seed):
    class Down(Relu):
        """max(-z, 0)."""

        increasing = False

        def value(self, z):
            return np.maximum(-z, 0.0)

        def interval(self, lower, upper):
            return np.maximum(-upper, 0.0), np.maximum(-lower, 0.0)

        def lines(self, lower, upper, slopes=None):
            above = super().lines(-upper, -lower)
            return Lines(-above.lower_slope, None, -above.upper_slope, above.upper_intercept)

    rng = np.random.default_rng(seed)
    plain = dense(rng)
    layers = tuple(Layer(layer.affine, Down()) for layer in plain.layers)
    network = Network(layers, plain.input_shape, plain.output)
    problem = random_problem(rng, network)
    enclosure = Forward(network).enclose(boxes(problem))
    x = points(rng, problem.regions[0].lower, problem.regions[0].upper)
    assert_layers_hold(enclosure, 0, pre_activations(network, x))


@FEW
@given(seed=SEEDS)
def test_splits_without_refresh_are_the_known_bounds_cut(seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT["dense"](rng))
    tree = random_tree(rng, problem, 6, inputs=False)
    root = enclose(problem.network, boxes(problem))
    nodes = tree.leaves
    domains = descend(
        root.domains.take(np.zeros(len(nodes), np.int64)), columns_of(tree), nodes, np.zeros(len(nodes), np.int64)
    )
    enclosure = from_known(problem.network, domains)
    for row, node in enumerate(nodes):
        x = points(rng, problem.regions[0].lower, problem.regions[0].upper, 1000)
        before = pre_activations(problem.network, x)
        here = inside(tree, int(node), x, before)
        assert not (here.any() and enclosure.empty[row])
        assert_layers_hold(enclosure, row, [z[here] for z in before])


@FEW
@given(seed=SEEDS)
def test_bounds_do_not_depend_on_the_number_of_threads(seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, EXACT["dense"](rng), boxes=40, cases=4)
    index = np.arange(int(problem.rows_of_case.sum()))
    owner = np.repeat([case.region for case in problem.cases], problem.rows_of_case)

    def bounds() -> np.ndarray:
        return bound_outputs(enclose(problem.network, boxes(problem)), owner, Rows(problem).single(index)).bound

    alone = bounds()
    set_threads(3)
    try:
        together = bounds()
    finally:
        set_threads(1)
    # chunks differ, and with them the order in which BLAS adds up
    np.testing.assert_allclose(together, alone, rtol=1e-12, atol=1e-12)

"""What changed between versions of a model: layer by layer, in structure and in numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.engine import NETWORKS, Rng, affine, dense, from_onnx, perturbed, weights
from tests.models import ALL

from ivan.network.activations import Identity, Relu
from ivan.network.changes import MOST_ENTRIES, Entry, changes, greatest
from ivan.network.layers import Layer, Network
from ivan.network.linear import Dense, Diagonal


def network(rng: Rng, *sizes: int) -> Network:
    return dense(rng, sizes)


@pytest.mark.parametrize("kind", sorted(NETWORKS))
def test_a_network_and_itself_differ_in_nothing(kind):
    same = NETWORKS[kind](np.random.default_rng(0))
    found = changes(same, same)
    assert len(found) == len(same.layers) + 1
    assert greatest(found) == []
    for change in found:
        assert change.differs == ()
        for numbers in (change.weights, change.biases):
            assert numbers is not None
            assert (numbers.changed, numbers.zeroed, numbers.distance, numbers.largest) == (0, 0, 0.0, 0.0)


def edited(rng: Rng) -> tuple[Network, Network]:
    """One weight of the second layer moved, another one made zero, and a bias of the outputs moved."""
    before = network(rng, 3, 5, 4, 2)
    weight = np.array(before.layers[1].affine.terms[0][1].weight)
    weight[2, 3] += 10.0
    weight[1, 0] = 0.0
    [(_, bias)] = before.output.constants
    layer = Layer(affine(4, {1: Dense(weight)}, before.layers[1].affine.constant), Relu(), "edited")
    output = affine(2, dict(before.output.terms), bias + np.array([0.0, 0.5]))
    return before, Network((before.layers[0], layer), before.input_shape, output)


def test_changed_numbers_are_counted_measured_and_named():
    before, after = edited(np.random.default_rng(0))
    first, second, output = changes(before, after)
    assert first.weights is not None
    assert first.weights.changed == 0
    assert second.weights is not None
    assert (second.weights.count, second.weights.changed, second.weights.zeroed) == (20, 2, 1)
    w = before.layers[1].affine.terms[0][1].weight
    assert second.weights.distance == pytest.approx(np.hypot(10.0, w[1, 0]) / np.linalg.norm(w))
    assert second.weights.largest == pytest.approx(10.0)
    assert output.weights is not None
    assert output.weights.changed == 0
    assert output.biases is not None
    assert (output.biases.count, output.biases.changed) == (2, 1)
    top = greatest([first, second, output])
    [(_, bias)] = before.output.constants
    assert top[0] == Entry(2, False, 0, (2, 3), w[2, 3], w[2, 3] + 10.0)
    assert Entry(3, True, 0, (1,), bias[1], bias[1] + 0.5) in top
    assert len(top) == 3


def test_the_entries_that_changed_most_come_first_and_are_few():
    rng = np.random.default_rng(0)
    before = network(rng, 3, 8, 8, 2)
    found = changes(before, perturbed(rng, before, 0.1))
    sizes = [abs(entry.after - entry.before) for entry in greatest(found)]
    assert len(sizes) == MOST_ENTRIES
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == max(numbers.largest for c in found for numbers in (c.weights, c.biases) if numbers is not None)


def test_numbers_that_were_all_zero_are_infinitely_far_from_others():
    zero, one = (Network((), (1,), affine(1, {0: Dense(np.array([[w]]))}, np.zeros(1))) for w in (0.0, 1.0))
    assert changes(zero, one)[0].weights.distance == math.inf


def test_a_layer_that_was_put_in_leaves_its_neighbours_alike():
    rng = np.random.default_rng(0)
    before = network(rng, 3, 5, 6, 2)
    first, last = before.layers
    new = Layer(affine(5, {1: Dense(weights(rng, 5, 5))}, np.zeros(5)), Relu(), "new")
    moved = Layer(affine(6, {2: last.affine.terms[0][1]}, last.affine.constant), Relu(), "last")
    output = affine(2, {3: before.output.terms[0][1]}, before.output.constant)
    found = changes(before, Network((first, new, moved), before.input_shape, output))
    assert [change.differs for change in found] == [(), ("is new",), ("reads 1, now 2",), ("reads 2, now 3",)]
    assert found[1].before is None
    assert [change.weights.changed for change in (found[0], *found[2:])] == [0, 0, 0]
    back = changes(Network((first, new, moved), before.input_shape, output), before)
    assert back[1].differs == ("is gone",)
    assert back[1].after is None


def test_every_difference_of_structure_is_told():
    rng = np.random.default_rng(0)

    def of(layer: Layer) -> Network:
        return Network((layer,), (4,), affine(1, {1: Dense(np.ones((1, layer.size)))}, np.zeros(1)))

    plain = of(Layer(affine(4, {0: Dense(weights(rng, 4, 4))}, np.zeros(4)), Relu()))
    wider = of(Layer(affine(5, {0: Dense(weights(rng, 5, 4))}, np.zeros(5)), Relu()))
    linear = of(Layer(plain.layers[0].affine, Identity()))
    scaled = of(Layer(affine(4, {0: Diagonal(np.ones(4))}, np.zeros(4)), Relu()))
    along = of(Layer(affine(4, {0: Dense(weights(rng, 2, 2), before=2)}, np.zeros(4)), Relu()))
    more = of(Layer(plain.layers[0].affine.plus_constant(np.ones(4)), Relu()))
    told = [changes(plain, other)[0].differs for other in (wider, linear, scaled, along, more)]
    assert told == [
        ("size 4, now 5",),
        ("activation Relu, now Identity",),
        ("maps dense, now diagonal",),
        ("its maps have another structure",),
        ("constants 1, now 2",),
    ]
    assert changes(plain, wider)[0].weights is None


@pytest.mark.parametrize("kind", sorted(ALL))
def test_every_number_of_a_file_is_a_weight_or_a_bias_of_some_layer(kind):
    """Another file of the same kind changes most of both."""
    a, b = (from_onnx(ALL[kind](np.random.default_rng(seed))) for seed in (0, 1))
    found = changes(a, b)
    assert all(change.differs == () for change in found)
    for numbers in ([c.weights for c in found], [c.biases for c in found]):
        assert sum(n.changed for n in numbers if n is not None) > 0

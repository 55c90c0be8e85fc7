"""Several networks as one, and products behind outputs, compute what their parts compute."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine import FEW, convolutional, dense, residual

from ivan.network.activations import Relu
from ivan.network.affine import Affine
from ivan.network.combine import Part, combine, with_products
from ivan.network.joint import side_by_side
from ivan.network.layers import Layer, Network

SEEDS = st.integers(0, 2**32 - 1)
KINDS = {"dense": dense, "residual": residual, "convolutional": convolutional}


@FEW
@given(seed=SEEDS, kinds=st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=3))
def test_outputs_are_those_of_every_network_at_its_own_inputs(seed, kinds):
    rng = np.random.default_rng(seed)
    networks = [KINDS[kind](rng) for kind in kinds]
    n = max(network.inputs for network in networks) + 1
    indices = [rng.integers(0, n, network.inputs) for network in networks]  # with repetitions
    used, indices = (
        np.unique(np.concatenate(indices), return_inverse=True)[0],
        [np.searchsorted(np.unique(np.concatenate(indices)), index) for index in indices],
    )
    order = [rng.permutation(network.outputs) if rng.random() < 0.5 else None for network in networks]
    parts = [Part(*entry) for entry in zip(networks, indices, order, strict=True)]
    joint = combine(parts, (len(used),))
    x = rng.standard_normal((4, len(used)))
    expected = [
        network(x[:, index])[:, slice(None) if chosen is None else chosen]
        for network, index, chosen in zip(networks, indices, order, strict=True)
    ]
    np.testing.assert_allclose(joint(x), np.concatenate(expected, axis=1), atol=1e-12)


def test_a_network_that_stands_there_twice_is_computed_once():
    network = dense(np.random.default_rng(0))
    here, there = np.arange(3), np.array([2, 1, 0])
    same = combine([Part(network, here), Part(network, here)], (3,))
    assert len(same.layers) == len(network.layers) + 1  # its outputs, by a name
    assert same.outputs == 2 * network.outputs
    assert [same.origin(j) for j in range(network.outputs)] == [
        same.origin(network.outputs + j) for j in range(network.outputs)
    ]
    elsewhere = combine([Part(network, here), Part(network, there)], (3,))
    assert len(elsewhere.layers) == 2 * len(network.layers)


def test_side_by_side_both_are_there_whatever_they_are():
    network = dense(np.random.default_rng(0))
    both = side_by_side(network, network)
    assert len(both.layers) == 2 * len(network.layers)
    assert both.input_shape == network.input_shape


def test_a_joint_input_has_the_coarsest_type_of_those_that_it_stands_for():
    def copy(*types: tuple[str, int], precision: str) -> Network:
        n = sum(count for _, count in types)
        return Network((), (n,), Affine.of(0, n), "copy", precision, types)

    first = copy(("float64", 3), ("int8", 1), precision="float64")
    second = copy(("float32", 1), ("int32", 2), precision="float32")
    joint = combine([Part(first, np.array([0, 1, 2, 3])), Part(second, np.array([1, 2, 3]))], (4,))
    assert joint.types == (("float64", 1), ("float32", 1), ("int32", 1), ("int8", 1))
    assert joint.precision == "float32"


def test_what_does_not_fit_is_a_mistake_of_the_program():
    network = dense(np.random.default_rng(0))
    with pytest.raises(ValueError, match="2 joint inputs for 3 inputs of dense"):
        combine([Part(network, np.arange(2))], (2,))
    with pytest.raises(ValueError, match="joint input 3 is an input of no network"):
        combine([Part(network, np.arange(3))], (4,))


@FEW
@given(seed=SEEDS, kind=st.sampled_from(sorted(KINDS)), data=st.data())
def test_products_stand_behind_the_outputs(seed, kind, data):
    rng = np.random.default_rng(seed)
    network = KINDS[kind](rng)
    keys = st.integers(-network.outputs, network.inputs - 1)
    product = st.lists(keys, min_size=2, max_size=4).map(lambda factors: tuple(sorted(factors)))
    products = data.draw(st.lists(product, min_size=1, max_size=4))
    whole = with_products(network, products)
    x = rng.standard_normal((3, network.inputs))
    y = network(x)
    values = [[prod(p[k] if k >= 0 else q[~k] for k in keys) for keys in products] for p, q in zip(x, y, strict=True)]
    np.testing.assert_allclose(whole(x), np.concatenate([y, values], axis=1), atol=1e-12)
    assert with_products(network, products).digest == whole.digest
    assert with_products(network, [(0, 0, 0, 0, 0)]).digest != whole.digest


def test_without_products_a_network_stays_as_it_is():
    network = dense(np.random.default_rng(0))
    assert with_products(network, ()) is network


def test_layers_keep_their_names():
    layer = Layer(Affine.of(0, 2), Relu(), "relu7")
    network = Network((layer,), (2,), Affine.of(1, 2), "named")
    assert combine([Part(network, np.array([1, 0]))], (2,)).layers[0].name == "relu7"

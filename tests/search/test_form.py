"""Whether the second of two networks is carried as differences follows from the bounds, and from nothing else."""

from __future__ import annotations

import numpy as np
from tests.engine import Box, Half, dense, perturbed, problem_of

from ivan.network.carry import carried
from ivan.network.joint import side_by_side
from ivan.search.form import carrying_pays


def question(build, share: float):
    """May the outputs of a network and its perturbation be apart by this much?"""
    rng = np.random.default_rng(0)
    first = dense(rng, (3, 20, 20, 20, 2))
    network = build(first, perturbed(rng, first, share))
    apart = [Half([-1.0, 0.0, 1.0, 0.0], -0.5), Half([0.0, -1.0, 0.0, 1.0], -0.5)]
    return problem_of(network, Box(-np.ones(3), np.ones(3), [[row] for row in apart]))


def test_networks_that_are_nearly_the_same_are_carried():
    assert carrying_pays(question(side_by_side, 1e-5), question(carried, 1e-5))


def test_networks_that_share_nothing_are_searched_side_by_side():
    assert not carrying_pays(question(side_by_side, 3.0), question(carried, 3.0))

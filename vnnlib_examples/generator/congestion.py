"""Congestion of a small road network: a graph network over junctions.

The graph is fixed: eight junctions on a ring with two roads across. Inputs: load and capacity of every junction, both
in [0, 1], (8, 2). Output: how much traffic is in excess of the capacities, averaged over the junctions, after the load
has spread to the neighbours twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from generator import vnnlib
from generator.blocks import GraphConvolution, Mean
from generator.example import Example
from generator.layers import Array, Dense, Relu, Sequential
from generator.training import Data, Schedule, squared_error

JUNCTIONS = 8
ACROSS = [(0, 4), (2, 6)]
WIDTH = 6
SAMPLES = 20_000


def adjacency() -> Array:
    """The graph with loops, divided by the roots of the degrees on both sides."""
    graph = np.eye(JUNCTIONS)
    for here, there in [*((k, (k + 1) % JUNCTIONS) for k in range(JUNCTIONS)), *ACROSS]:
        graph[here, there] = graph[there, here] = 1.0
    root = np.sqrt(graph.sum(1))
    return graph / root[:, None] / root


def excess(states: Array) -> Array:
    """What the network learns, (N, 1), at states (N, 8, 2)."""
    spread = states[:, :, 0] @ np.linalg.matrix_power(adjacency(), 2)
    return np.maximum(spread - states[:, :, 1], 0.0).mean(1, keepdims=True)


def example(rng: np.random.Generator) -> Example:
    """Two rounds of messages, six features per junction."""
    states = rng.uniform([0.0, 0.2], 1.0, (SAMPLES, JUNCTIONS, 2)) * rng.uniform(0.3, 1.0, (SAMPLES, 1, 2))
    data = Data(states, excess(states))

    def error(outputs: Callable[[Array], Array]) -> str:
        root = np.sqrt(np.mean((outputs(data.inputs[:1000]) - data.targets[:1000]) ** 2))
        return f"root mean square error {root:.4f} where the scores vary by {data.targets.std():.4f}"

    graph = adjacency()
    return Example(
        name="congestion",
        model=Sequential(
            GraphConvolution(graph, 2, WIDTH, rng),
            Relu(),
            GraphConvolution(graph, WIDTH, WIDTH, rng),
            Relu(),
            Mean(),
            Dense(WIDTH, 1, rng),
        ),
        data=data,
        loss=squared_error,
        training=Schedule(epochs=30, rate=0.01, batch=100),
        outputs=(1,),
        properties=PROPERTIES,
        quality=error,
    )


def region(
    usual: tuple[float, float], capacity: tuple[float, float], loads: Mapping[int, tuple[float, float]]
) -> list[str]:
    """A box of states: the capacity of all junctions, the load of most, and the loads of those that are named."""
    return vnnlib.box([bounds for k in range(JUNCTIONS) for bounds in (loads.get(k, usual), capacity)])


def _prop(title: str, *assertions: str) -> str:
    return vnnlib.prop(title, 2 * JUNCTIONS, 1, assertions)


PROPERTIES = {
    "surge": _prop(
        "Moderate traffic: whatever happens at junction 1, the score stays below 0.06.",
        *region((0.3, 0.4), (0.55, 0.6), {1: (0.0, 1.0)}),
        "(>= Y_0 0.06)",
    ),
    "crossing": _prop(
        "Moderate traffic: whatever happens at both ends of a road across, 0 and 4, the score stays below 0.1.",
        *region((0.3, 0.4), (0.55, 0.6), dict.fromkeys((0, 4), (0.0, 1.0))),
        "(>= Y_0 0.1)",
    ),
    "jam": _prop(
        "Moderate traffic: whatever happens at junctions 0, 2, 4 and 6, the score stays below 0.1.",
        *region((0.3, 0.4), (0.55, 0.6), dict.fromkeys((0, 2, 4, 6), (0.0, 1.0))),
        "(>= Y_0 0.1)",
    ),
}

"""Networks and problems for tests of the engine: random and small."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import settings
from numpy.typing import NDArray
from tests import models
from tests.questions import nudged

from ivan.network.activations import Exp, Floor, Identity, Product, Relu, Sigmoid, Sin, Tanh
from ivan.network.affine import Affine
from ivan.network.layers import Layer, Network
from ivan.network.linear import Convolution, Dense, Selection
from ivan.network.link import linked
from ivan.network.onnx_reader import read_network
from ivan.problem import Problem, build_problem
from ivan.vnnlib import Query, parse_query

Array = NDArray[np.float64]
Rng = np.random.Generator

LAWS = settings(max_examples=12, deadline=None, derandomize=True)
FEW = settings(max_examples=5, deadline=None, derandomize=True)


# Networks: exact (every entry of every map is a number of the network) unless read from ONNX


def affine(size: int, terms: dict[int, Any], constant: Array) -> Affine:
    return Affine(size, terms, ((None, constant),))


def weights(rng: Rng, *shape: int) -> Array:
    return rng.standard_normal(shape) / np.sqrt(max(1, int(np.prod(shape[1:]))))


def dense(rng: Rng, sizes: Sequence[int] = (3, 5, 5, 2), precision: str = "float64") -> Network:
    layers = []
    for k, (n, m) in enumerate(pairwise(sizes[:-1])):
        layers.append(Layer(affine(m, {k: Dense(weights(rng, m, n))}, weights(rng, m)), Relu()))
    output = affine(sizes[-1], {len(layers): Dense(weights(rng, sizes[-1], sizes[-2]))}, weights(rng, sizes[-1]))
    return Network(tuple(layers), (1, sizes[0]), output, "dense", precision)


def residual(rng: Rng) -> Network:
    """Skip connections over several sources, an identity layer, and an output that reads three layers."""
    n, m = 3, 4
    first = Layer(affine(m, {0: Dense(weights(rng, m, n))}, weights(rng, m)), Relu())
    second = Layer(affine(m, {1: Dense(weights(rng, m, m)), 0: Dense(weights(rng, m, n))}, weights(rng, m)), Relu())
    named = Layer(
        affine(m, {2: Dense(weights(rng, m, m)), 1: Selection.identity_of(m)}, weights(rng, m)),
        Identity(),
    )
    third = Layer(affine(m, {3: Dense(weights(rng, m, m)), 1: Dense(weights(rng, m, m))}, weights(rng, m)), Relu())
    output = affine(
        2, {4: Dense(weights(rng, 2, m)), 3: Selection(np.array([1, -1]), m), 0: Dense(weights(rng, 2, n))}, np.ones(2)
    )
    return Network((first, second, named, third), (n,), output, "residual", "float64")


def convolutional(rng: Rng) -> Network:
    first = Convolution(weights(rng, 2, 1, 3, 3), (1, 3, 3), pads=(1, 1, 1, 1))
    second = Convolution(weights(rng, 2, 2, 2, 2), (2, 3, 3))
    layers = (
        Layer(affine(first.rows, {0: first}, np.repeat(weights(rng, 2), 9)), Relu()),
        Layer(affine(second.rows, {1: second}, np.repeat(weights(rng, 2), 4)), Relu()),
    )
    output = affine(2, {2: Dense(weights(rng, 2, second.rows))}, weights(rng, 2))
    return Network(layers, (1, 1, 3, 3), output, "convolutional", "float64")


def products(rng: Rng) -> Network:
    """ReLUs, products of pairs of them and of inputs, and ReLUs again."""
    n, m = 3, 4
    first = Layer(affine(m, {0: Dense(weights(rng, m, n))}, weights(rng, m)), Relu())
    pairs = affine(2 * m, {1: Dense(weights(rng, 2 * m, m)), 0: Dense(weights(rng, 2 * m, n))}, weights(rng, 2 * m))
    second = Layer(pairs, Product())
    third = Layer(affine(m, {2: Dense(weights(rng, m, m)), 1: Dense(weights(rng, m, m))}, weights(rng, m)), Relu())
    output = affine(2, {3: Dense(weights(rng, 2, m)), 2: Dense(weights(rng, 2, m))}, weights(rng, 2))
    return Network((first, second, third), (n,), output, "products", "float64")


def curves(rng: Rng) -> Network:
    """A curve of another kind in every layer, a step among them."""
    n, m = 3, 4
    layers = []
    for k, activation in enumerate((Tanh(), Sin(), Sigmoid(), Floor(), Exp())):
        terms = {k: Dense(weights(rng, m, n if k == 0 else m))} | ({0: Dense(weights(rng, m, n))} if k else {})
        layers.append(Layer(affine(m, terms, weights(rng, m)), activation))
    output = affine(2, {5: Dense(weights(rng, 2, m)), 3: Dense(weights(rng, 2, m))}, weights(rng, 2))
    return Network(tuple(layers), (n,), output, "curves", "float64")


def lowered(rng: Rng, network: Network, *, share: float = 0.5, by: float = 3.0) -> Network:
    """The network with some biases so low that many units are zero on small boxes."""
    layers = []
    for layer in network.layers:
        shift = np.where(rng.random(layer.affine.size) < share, -by, 0.0)
        affine = layer.affine.plus_constant(shift) if layer.activation.splittable else layer.affine
        layers.append(Layer(affine, layer.activation, layer.name))
    return Network(tuple(layers), network.input_shape, network.output, network.name, network.precision)


def from_onnx(data: bytes) -> Network:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(data)
        return read_network(path)


EXACT: dict[str, Callable[[Rng], Network]] = {"dense": dense, "residual": residual, "convolutional": convolutional}
"""Networks whose maps hold no computed number."""

CURVED: dict[str, Callable[[Rng], Network]] = {"products": products, "curves": curves}
"""Networks with activations that have no slopes to choose, or two operands."""

PIECEWISE: dict[str, Callable[[Rng], Network]] = EXACT | {
    f"onnx {name}": (lambda rng, build=build: from_onnx(build(rng))) for name, build in models.ALL.items()
}
"""Networks of ReLUs alone."""


def tied(network: Network) -> Network:
    """Two runs of a network of three inputs, tied to one another, that differ in the first."""
    return linked(network, np.arange(3), np.array([3, 1, 2]), np.zeros(3, np.int64), 4)


def runs(rng: Rng) -> Network:
    """Two runs of a network with skip connections."""
    return tied(residual(rng))


NETWORKS = PIECEWISE | CURVED | {"runs": runs}


def perturbed(rng: Rng, network: Network, share: float) -> Network:
    """The same architecture with every number moved at random by about this share of itself; 0 moves none."""

    def moved(array: Array) -> Array:
        return array * (1.0 + share * rng.standard_normal(array.shape))

    def of(affine: Affine) -> Affine:
        terms: dict[int, Any] = {}
        for source, linear in affine.terms:
            if isinstance(linear, Dense):
                terms[source] = Dense(moved(linear.weight), linear.before, linear.after)
            elif isinstance(linear, Convolution):
                geometry = (linear.input_shape, linear.strides, linear.pads, linear.dilations, linear.groups)
                terms[source] = Convolution(moved(linear.kernel), *geometry)
            else:
                terms[source] = linear
        return Affine(affine.size, terms, tuple((linear, moved(vector)) for linear, vector in affine.constants))

    layers = tuple(Layer(of(layer.affine), layer.activation, layer.name) for layer in network.layers)
    return Network(layers, network.input_shape, of(network.output), "perturbed", network.precision)


def versions(rng: Rng, kind: str, share: float) -> tuple[Network, Network]:
    """A network of `NETWORKS` and another version of it, all numbers of its file moved."""
    if kind in EXACT or kind in CURVED:
        network = NETWORKS[kind](rng)
        return network, perturbed(rng, network, share)
    if kind == "runs":
        network = residual(rng)
        return tied(network), tied(perturbed(rng, network, share))
    data = models.ALL[kind.removeprefix("onnx ")](rng)
    return from_onnx(data), from_onnx(nudged(data, share, int(rng.integers(2**32))))


# Problems


@dataclass(frozen=True)
class Half:
    """One row: inputs . x + outputs . y <= bound."""

    outputs: Sequence[float]
    bound: float
    inputs: Sequence[float] = ()
    strict: bool = False

    @property
    def text(self) -> str:
        terms = [f"(* {_number(c)} X_{i})" for i, c in enumerate(self.inputs) if c]
        terms += [f"(* {_number(c)} Y_{j})" for j, c in enumerate(self.outputs) if c]
        return f"({'<' if self.strict else '<='} (+ {' '.join(terms)}) {_number(self.bound)})"


@dataclass(frozen=True)
class Box:
    """A box of inputs and the conjunctions that are unsafe there."""

    lower: Array
    upper: Array
    cases: Sequence[Sequence[Half]] = field(default_factory=tuple)

    @property
    def text(self) -> str:
        bounds = [
            f"(>= X_{i} {_number(low)}) (<= X_{i} {_number(high)})"
            for i, (low, high) in enumerate(zip(self.lower, self.upper, strict=True))
        ]
        cases = [f"(and {' '.join(row.text for row in case)})" for case in self.cases]
        return f"(and {' '.join(bounds)} (or {' '.join(cases)}))"


def _number(value: float) -> str:
    return repr(float(value))


def ask(network: Network, *boxes: Box) -> Query:
    declared = [f"(declare-const X_{i} Real)" for i in range(network.inputs)]
    declared += [f"(declare-const Y_{j} Real)" for j in range(network.outputs)]
    return parse_query(f"{' '.join(declared)} (assert (or {' '.join(box.text for box in boxes)}))")


def problem_of(network: Network, *boxes: Box) -> Problem:
    return build_problem(ask(network, *boxes), network)


def random_problem(rng: Rng, network: Network, *, cases: int = 3, boxes: int = 1, radius: float = 1.0) -> Problem:
    """Conjunctions of one to three rows, some reading inputs, some strict, with right-hand sides around zero."""
    n, m = network.inputs, network.outputs

    def row() -> Half:
        inputs = rng.standard_normal(n) if rng.random() < 0.3 else ()
        return Half(rng.standard_normal(m), float(rng.standard_normal()), inputs, bool(rng.random() < 0.3))

    parts = []
    for _ in range(boxes):
        centre, width = rng.standard_normal(n), radius * rng.random(n)
        chosen = [[row() for _ in range(int(rng.integers(1, 4)))] for _ in range(cases)]
        parts.append(Box(centre - width, centre + width, chosen))
    return problem_of(network, *parts)


def hard_problem(
    rng: Rng, network: Network, *, radius: float, gap: float, cases: int = 2, rows: int = 1, boxes: int = 1
) -> Problem:
    """Cases that sampled points stay clear of by `gap` times the rows' ranges; relaxations of wide boxes do not."""
    parts = []
    for _ in range(boxes):
        centre = rng.standard_normal(network.inputs)
        y = network(points(rng, centre - radius, centre + radius, 2000))
        wanted = []
        for _ in range(cases):
            C = rng.standard_normal((rows, network.outputs))
            values = y @ C.T
            middle = np.median(values, axis=0)
            d = middle + np.max(values - middle, axis=1).min() - gap * np.ptp(values, axis=0)
            wanted.append([Half(c, float(b)) for c, b in zip(C, d, strict=True)])
        parts.append(Box(centre - radius, centre + radius, wanted))
    return problem_of(network, *parts)


def sizes_of(network: Network) -> list[int]:
    """Units of every layer, 0 where it cannot be split."""
    return [layer.affine.size if layer.activation.splittable else 0 for layer in network.layers]


def points(rng: Rng, lower: Array, upper: Array, count: int = 400) -> Array:
    """Points of a box: half of them anywhere, half of them with most coordinates at an end."""
    share = rng.random((count, len(lower)))
    share[::2] = np.clip(np.round(1.5 * share[::2] - 0.25, 1), 0.0, 1.0)
    return np.clip(lower + share * (upper - lower), lower, upper)


def pre_activations(network: Network, x: Array) -> list[Array]:
    """Per layer (B, n_k), in float64."""
    values: dict[int, Array] = {0: x}
    before = []
    for k, layer in enumerate(network.layers):
        before.append(layer.affine.evaluate(values))
        values[k + 1] = layer.activation.value(before[k])
    return before

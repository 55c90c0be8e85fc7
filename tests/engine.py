"""Networks, problems, trees and certificates for tests of the engine, and what they mean in plain Python.

Networks are random and small. `Patience` replaces the clock: a budget of deadline checks, so that every test ends and
takes the same path on every machine.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import NDArray
from tests import models
from tests.questions import nudged

from ivan.bounds.backward import Forms
from ivan.bounds.certify import certify
from ivan.bounds.descend import descend, roots
from ivan.bounds.domains import Domains
from ivan.bounds.enclosure import Enclosure, enclose, from_known
from ivan.bounds.forward import Forward
from ivan.bounds.objective import Rows
from ivan.bounds.refine import apply
from ivan.deadline import Deadline, OutOfTime
from ivan.network.activations import Identity, Relu
from ivan.network.affine import Affine
from ivan.network.layers import Layer, Network
from ivan.network.linear import Convolution, Dense, Selection
from ivan.network.onnx_reader import read_network
from ivan.problem import Problem, build_problem
from ivan.proof import (
    Certificates,
    Kind,
    MultiplierKind,
    Proof,
    Ragged,
    Refinements,
    Refresh,
    Side,
    SpecTree,
    TreeBuilder,
)
from ivan.proof.certificate import MULTIPLIER_COLUMNS, SLOPE_COLUMNS, WEIGHT_COLUMNS
from ivan.proof.refinement import BOUND_COLUMNS, SUPPORT_COLUMNS
from ivan.proof.tree import COLUMNS
from ivan.search import Search, SearchResult, Seed, loop
from ivan.search import by_units as units
from ivan.vnnlib import Query, parse_query

Array = NDArray[np.float64]
Rng = np.random.Generator

LAWS = settings(max_examples=20, deadline=None, derandomize=True)
FEW = settings(max_examples=8, deadline=None, derandomize=True)


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


def lowered(rng: Rng, network: Network, *, share: float = 0.5, by: float = 3.0) -> Network:
    """The network with some biases so low that many units are zero on small boxes."""
    layers = []
    for layer in network.layers:
        shift = np.where(rng.random(layer.size) < share, -by, 0.0)
        affine = layer.affine.plus_constant(shift) if layer.activation.split_points else layer.affine
        layers.append(Layer(affine, layer.activation, layer.name))
    return Network(tuple(layers), network.input_shape, network.output, network.name, network.precision)


def from_onnx(data: bytes) -> Network:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(data)
        return read_network(path)


EXACT: dict[str, Callable[[Rng], Network]] = {"dense": dense, "residual": residual, "convolutional": convolutional}
"""Networks whose maps hold no computed number."""

NETWORKS: dict[str, Callable[[Rng], Network]] = EXACT | {
    f"onnx {name}": (lambda rng, build=build: from_onnx(build(rng))) for name, build in models.ALL.items()
}


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
    if kind in EXACT:
        network = EXACT[kind](rng)
        return network, perturbed(rng, network, share)
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


# Trees and certificates


def path_to(tree: SpecTree, node: int) -> list[int]:
    """The nodes from the root to a node."""
    path = [node]
    while tree.parent[path[-1]] >= 0:
        path.append(int(tree.parent[path[-1]]))
    return path[::-1]


def inside(tree: SpecTree, node: int, x: Array, before: Sequence[Array]) -> NDArray[np.bool_]:
    """(B,): which points of the root's box satisfy every split on the way to a node?"""
    result = np.ones(len(x), bool)
    for step in path_to(tree, node)[1:]:
        is_input = tree.kind[step] == Kind.INPUT
        value = x[:, tree.unit[step]] if is_input else before[tree.layer[step] - 1][:, tree.unit[step]]
        result &= value >= tree.at[step] if tree.side[step] == Side.ABOVE else value <= tree.at[step]
    return result


def random_tree(
    rng: Rng, problem: Problem, splits: int, *, inputs: bool = True, units: bool = True, forward_roots: float = 0.0
) -> SpecTree:
    """Random splits of random leaves, in the box or a little beside it, with random refreshed nodes.

    So large a share of the roots is bounded forwards, and half of the other refreshed nodes.
    """
    network = problem.network
    builder = TreeBuilder(SpecTree.roots(len(problem.regions)))
    splittable = [k for k, layer in enumerate(network.layers) if layer.activation.split_points]
    for _ in range(splits):
        tree = builder.snapshot()
        leaf = int(rng.choice(tree.leaves))
        region = problem.regions[tree.region()[leaf]]
        if inputs and (not units or rng.random() < 0.5):
            kind, layer, unit = Kind.INPUT, 0, int(rng.integers(network.inputs))
            width = region.upper[unit] - region.lower[unit]
            at = region.lower[unit] + width * rng.uniform(-0.1, 1.1)
        else:
            k = int(rng.choice(splittable))
            kind, layer, unit = Kind.UNIT, k + 1, int(rng.integers(network.layers[k].size))
            at = 0.0 if rng.random() < 0.7 else float(rng.standard_normal())
        builder.split(*(np.array([column]) for column in (leaf, kind, layer, unit, at, 0)))
    refresh = builder.column("refresh")
    root = np.arange(len(refresh)) < len(problem.regions)
    forward = rng.random(len(refresh)) < np.where(root, forward_roots, 0.5)
    ways = np.where(forward, Refresh.FORWARD, Refresh.BACKWARD)
    refresh[:] = np.where(root | (rng.random(len(refresh)) < 0.4), ways, Refresh.NONE)
    builder.column("firm")[:] = rng.random(len(refresh)) < 0.2
    return builder.snapshot()


def random_certificates(
    rng: Rng, problem: Problem, tree: SpecTree, count: int, scale: Callable[[int], Array] | None = None
) -> Certificates:
    """Certificates with random numbers, for any nodes; some name layers and units that are not there."""
    network = problem.network
    draw = scale or (lambda size: rng.standard_normal(size))
    node, case = rng.integers(0, len(tree), count), rng.integers(0, len(problem.cases), count)
    chosen = [np.flatnonzero(rng.random(rows) < 0.6) for rows in problem.rows_of_case[case]]
    row = np.concatenate([*chosen, np.zeros(0, np.int64)])
    owner = np.repeat(np.arange(count), [len(c) for c in chosen])
    weight = np.maximum(np.abs(draw(len(row))), 5e-324)
    widest = max(layer.size for layer in network.layers)

    def entries(each: int) -> tuple[NDArray[Any], ...]:
        size = each * count
        layer, unit = rng.integers(0, len(network.layers) + 2, size), rng.integers(-1, widest + 1, size)
        return rng.integers(0, count, size), layer, unit

    slope_owner, slope_layer, slope_unit = entries(6)
    owner_m, layer_m, unit_m = entries(4)
    return Certificates(
        node.astype(np.int32),
        case.astype(np.int32),
        rng.standard_normal(count),
        ragged(count, owner, WEIGHT_COLUMNS, row=row, value=weight),
        ragged(
            count, slope_owner, SLOPE_COLUMNS, layer=slope_layer, unit=slope_unit, value=rng.random(len(slope_owner))
        ),
        ragged(
            count, owner_m, MULTIPLIER_COLUMNS, layer=layer_m, unit=unit_m,
            kind=rng.choice(list(MultiplierKind), len(owner_m)), value=draw(len(owner_m)),
        ),
    )  # fmt: skip


def random_refinements(rng: Rng, problem: Problem, nodes: NDArray[np.int64]) -> Refinements:
    """Refinements of some nodes, ascending: any slopes of any units for bounds of any others.

    Stable units are among them, and nodes with bounds or with slopes only.
    """
    layers = [(k + 1, layer.size) for k, layer in enumerate(problem.network.layers) if layer.activation.split_points]
    units = [(k, unit) for k, size in layers for unit in range(size)]
    bounds = [(k, unit, side) for k, unit in units for side in Side]
    tables: dict[str, list[tuple[int, ...]]] = {"support": [], "bounds": []}
    slopes = 0
    for node in range(len(nodes)):
        wanted = [bounds[i] for i in rng.permutation(len(bounds)) if rng.random() < 0.7]
        wanted = wanted if rng.random() < 0.9 else []
        mine = [place for place in units if rng.random() < 0.7] if rng.random() < 0.8 else []
        tables["bounds"] += [(node, *place) for place in wanted]
        tables["support"] += [(node, *place) for place in mine]
        slopes += sum(lower < k for k, _, _ in wanted for lower, _ in mine)

    def table(name: str, types: dict[str, type]) -> Ragged:
        columns = np.array(tables[name], np.int64).reshape(-1, 1 + len(types)).T
        return ragged(len(nodes), columns[0], types, **dict(zip(types, columns[1:], strict=True)))

    return Refinements(
        np.asarray(nodes, np.int32),
        table("support", SUPPORT_COLUMNS),
        table("bounds", BOUND_COLUMNS),
        np.clip(rng.uniform(-0.3, 1.3, slopes), 0.0, 1.0).astype(np.float16),
    )


def some_refreshed(rng: Rng, tree: SpecTree) -> NDArray[np.int64]:
    """Some of the nodes that may be refined."""
    return np.flatnonzero((tree.refresh == Refresh.BACKWARD) & (rng.random(len(tree)) < 0.6))


def ragged(count: int, owner: NDArray[Any], types: dict[str, type], **columns: Any) -> Ragged:
    """Entries tagged with their row, in the columns' own types."""
    typed = {name: np.asarray(columns[name]).astype(kind) for name, kind in types.items()}
    return Ragged.from_rows(count, owner, typed)


def columns_of(tree: SpecTree) -> dict[str, NDArray[Any]]:
    return {name: getattr(tree, name) for name in COLUMNS}


def enclosure_at(problem: Problem, tree: SpecTree, node: int, refinements: Refinements | None = None) -> Enclosure:
    """The bounds of one node by the tree's recipe, walked from the root, one node at a time."""
    refinements = Refinements.none() if refinements is None else refinements
    row = {int(refined): i for i, refined in enumerate(refinements.node)}
    slopes = -1  # which are nearest
    enclosure, anchor = None, -1
    for step in path_to(tree, node):
        if not (tree.refresh[step] or step == node):
            continue
        if enclosure is None:
            domains = roots(problem, np.array([tree.unit[step]]))
        else:
            domains = descend(enclosure.domains, columns_of(tree), np.array([step]), np.array([anchor]))
        own = row.get(step, -1)
        if not tree.refresh[step]:
            enclosure = from_known(problem.network, domains)
        elif tree.refresh[step] == Refresh.FORWARD:
            enclosure = Forward(problem.network).enclose(domains)
        elif slopes < 0:
            enclosure = enclose(problem.network, domains)
        else:
            enclosure = apply(from_known(problem.network, domains), refinements, np.array([slopes]))
        if own >= 0:
            slopes = own
            enclosure = apply(enclosure, refinements, np.array([slopes]))
        anchor = step
    assert enclosure is not None
    return enclosure


def together(enclosures: Sequence[Enclosure]) -> Enclosure:
    """One batch of several."""
    return from_known(enclosures[0].network, Domains.concatenate([e.domains for e in enclosures]))


def tried(
    problem: Problem, tree: SpecTree, certificates: Certificates, refinements: Refinements | None = None
) -> tuple[NDArray[np.bool_], Array]:
    """Which certificates hold, and the bound of each: one certificate at a time."""
    rows = Rows(problem)
    holds, bound = np.zeros(len(certificates), bool), np.zeros(len(certificates))
    for i in range(len(certificates)):
        enclosure = enclosure_at(problem, tree, int(certificates.node[i]), refinements)
        one: tuple[NDArray[np.bool_], Forms] = certify(
            enclosure, np.zeros(1, np.int64), certificates.take(np.array([i])), rows
        )
        holds[i], bound[i] = one[0][0], one[1].bound[0]
    return holds, bound


def left_open(problem: Problem, proof: Proof, holds: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """(leaf, case) pairs that no certificate on the leaf's path excludes."""
    tree, certificates, region = proof.tree, proof.certificates, proof.tree.region()
    missing = []
    for leaf in tree.leaves:
        path = set(path_to(tree, int(leaf)))
        for case in problem.cases_of[region[leaf]]:
            covered = any(
                ok and int(node) in path and claimed == case
                for ok, node, claimed in zip(holds, certificates.node, certificates.case, strict=True)
            )
            if not covered:
                missing.append((int(leaf), case))
    return missing


# Searches


class Patience(Deadline):
    """A deadline that passes after a number of checks, whatever the clock says."""

    def __init__(self, checks: int) -> None:
        super().__init__()
        self._checks = checks

    def check(self) -> None:
        self._checks -= 1
        if self._checks < 0:
            raise OutOfTime


def deployed(network: Network) -> Callable[[Array], Array]:
    """The network as its own deployed model, in float64."""
    return lambda x: network(x[None, :])[0]


def never_confirmed(x: Array) -> Array:
    """A deployed model that confirms no counterexample, so that every certificate is tried."""
    return np.full(2, np.nan)


def eager(patch: pytest.MonkeyPatch, *, programs: int = 0) -> None:
    """Searches with unit splits do on small networks what they do on large ones, whatever the clock says.

    Linear programs only up to so many unstable units, new intermediate bounds wherever they bring anything, and no
    attacks between the batches.
    """
    patch.setattr(units.ByUnits, "program_units", programs)
    patch.setattr(units, "log_leaves", lambda gap, bounds: -1e3 * np.minimum(bounds, 0.0).sum(axis=1))
    patch.setattr(units.ByUnits, "_affordable", lambda self: True)
    patch.setattr(units.ByUnits, "_patience", lambda self: 2.0)
    patch.setattr(loop, "ATTACK_SHARE", 0.0)


def search(
    problem: Problem, *, by_units: bool | None = None, seed: Seed | None = None, checks: int = 4000
) -> SearchResult:
    return Search(
        problem,
        deployed(problem.network),
        Seed.fresh(problem) if seed is None else seed,
        deadline=Patience(checks),
        by_units=by_units,
    ).run()

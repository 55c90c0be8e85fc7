"""Trees, certificates and refinements for tests of the engine, and what they mean in plain Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tests.engine import (
    Array,
    Rng,
)

from ivan.bounds.backward import Forms
from ivan.bounds.certify import certify
from ivan.bounds.descend import descend, roots
from ivan.bounds.domains import Domains
from ivan.bounds.enclosure import Enclosure, enclose, from_known
from ivan.bounds.forward import Forward
from ivan.bounds.objective import Rows
from ivan.bounds.refine import apply
from ivan.problem import Problem
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

Index = NDArray[np.int64]


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
    splittable = [k for k, layer in enumerate(network.layers) if layer.activation.splittable]
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
            kind, layer, unit = Kind.UNIT, k + 1, int(rng.integers(network.layers[k].affine.size))
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
    layers = [
        (k + 1, layer.affine.size) for k, layer in enumerate(problem.network.layers) if layer.activation.splittable
    ]
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


def by_forms(enclosure: Enclosure) -> Enclosure:
    """The enclosure with nothing known of the outputs, so that linear forms alone bound them."""
    found, (low, high) = copy(enclosure), enclosure.outputs
    found.outputs = np.full_like(low, -np.inf), np.full_like(high, np.inf)
    return found


class Walk:
    """The bounds of single nodes by the tree's recipe: from the root down, one node at a time, each walked once."""

    def __init__(self, problem: Problem, tree: SpecTree, refinements: Refinements | None = None) -> None:
        self._problem, self._tree, self._columns = problem, tree, columns_of(tree)
        self._refinements = Refinements.none() if refinements is None else refinements
        self._row = {int(refined): i for i, refined in enumerate(self._refinements.node)}
        self._found: dict[int, tuple[Enclosure, int]] = {}

    def at(self, node: int) -> Enclosure:
        """The bounds of one node."""
        return self._at(int(node))[0]

    def _at(self, node: int) -> tuple[Enclosure, int]:
        """The bounds of a node, and the row of the slopes that are nearest above it or at it, or -1."""
        if node not in self._found:
            self._found[node] = self._step(node)
        return self._found[node]

    def _step(self, node: int) -> tuple[Enclosure, int]:
        problem, tree, refinements = self._problem, self._tree, self._refinements
        above = [step for step in path_to(tree, node)[:-1] if tree.refresh[step]]
        slopes = -1
        if above:
            known, slopes = self._at(above[-1])
            domains = descend(known.domains, self._columns, np.array([node]), np.array([above[-1]]))
        else:
            domains = roots(problem, np.array([tree.unit[node]]))
        if not tree.refresh[node]:
            return from_known(problem.network, domains), slopes
        if tree.refresh[node] == Refresh.FORWARD:
            enclosure = Forward(problem.network).enclose(domains)
        elif slopes < 0:
            enclosure = enclose(problem.network, domains)
        else:
            enclosure = apply(from_known(problem.network, domains), refinements, np.array([slopes]))
        if node in self._row:
            slopes = self._row[node]
            enclosure = apply(enclosure, refinements, np.array([slopes]))
        return enclosure, slopes


def enclosure_at(problem: Problem, tree: SpecTree, node: int, refinements: Refinements | None = None) -> Enclosure:
    """The bounds of one node of a tree by its recipe."""
    return Walk(problem, tree, refinements).at(node)


def together(enclosures: Sequence[Enclosure]) -> Enclosure:
    """One batch of several."""
    return from_known(enclosures[0].network, Domains.concatenate([e.domains for e in enclosures]))


def tried(
    problem: Problem, tree: SpecTree, certificates: Certificates, refinements: Refinements | None = None
) -> tuple[NDArray[np.bool_], Array]:
    """Which certificates hold, and the bound of each: one certificate at a time."""
    rows, walk = Rows(problem), Walk(problem, tree, refinements)
    holds, bound = np.zeros(len(certificates), bool), np.zeros(len(certificates))
    for i in range(len(certificates)):
        enclosure = walk.at(certificates.node[i])
        one: tuple[NDArray[np.bool_], Forms] = certify(
            enclosure, np.zeros(1, np.int64), certificates.take(np.array([i])), rows
        )
        holds[i], bound[i] = one[0][0], one[1].bound[0]
    return holds, bound


def left_open(problem: Problem, proof: Proof, holds: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """(leaf, case) pairs that no certificate on the leaf's path excludes."""
    tree, certificates, region = proof.tree, proof.certificates, proof.tree.region()
    excluded = set(zip(certificates.node[holds].tolist(), certificates.case[holds].tolist(), strict=True))
    missing = []
    for leaf in tree.leaves.tolist():
        path = path_to(tree, leaf)
        missing += [
            (leaf, case)
            for case in problem.cases_of[region[leaf]]
            if not any((node, case) in excluded for node in path)
        ]
    return missing

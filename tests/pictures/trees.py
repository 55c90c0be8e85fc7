"""Trees of any size to draw, with bounds as a search leaves them, and what is said of them in plain Python."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from ivan.incremental.origin import Origin
from ivan.pictures.picture import Facts, Picture
from ivan.proof import Kind, Side, SpecTree, State, TreeBuilder

FACTS = Facts(
    run=12,
    model="model.onnx",
    network="ab" * 32,
    property="robust.vnnlib",
    question="cd" * 32,
    verdict="unsat",
    created=datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
    seconds=1.5,
)
GREW = replace(FACTS, base=7, base_model="older.onnx")


def grown(leaves: int, seed: int = 0, *, regions: int = 1, units: float = 0.3, undecided: float = 0.0) -> SpecTree:
    """A random tree with so many leaves; so large a share of the splits are unit splits, of the leaves are open."""
    rng = np.random.default_rng(seed)
    builder = TreeBuilder(SpecTree.roots(regions))
    while (missing := leaves - len(builder.snapshot().leaves)) > 0:
        open_leaves = builder.snapshot().leaves
        chosen = open_leaves[rng.random(len(open_leaves)) < 0.6][:missing]
        by_unit = rng.random(len(chosen)) < units
        kind = np.where(by_unit, Kind.UNIT, Kind.INPUT)
        layer = np.where(by_unit, rng.integers(1, 4, len(chosen)), 0)
        unit = np.where(by_unit, rng.integers(0, 50, len(chosen)), rng.integers(0, 5, len(chosen)))
        at = np.where(by_unit, 0.0, rng.uniform(-1, 1, len(chosen)))
        builder.split(chosen, kind, layer, unit, at, rng.integers(0, 2, len(chosen)))
    state, bound, depth = (builder.column(name) for name in ("state", "bound", "depth"))
    leaf = state != State.SPLIT
    state[leaf] = np.where(rng.random(int(leaf.sum())) < undecided, State.OPEN, State.CLOSED)
    inner = -10 * np.exp(-depth / 4) * rng.uniform(0.5, 1.0, len(depth))
    bound[:] = np.where(state == State.CLOSED, 0.05 * rng.random(len(depth)) ** 2, inner)
    return builder.snapshot()


def picture_of(tree: SpecTree, facts: Facts = FACTS, seed: int = 0) -> Picture:
    """The picture of a tree; with a base, random leaves are new or transferred."""
    origin = np.full(len(tree), Origin.NEW, np.int8)
    if facts.base is not None:
        rng = np.random.default_rng(seed)
        leaf = np.where(rng.random(len(tree)) < 0.8, Origin.TRANSFERRED, Origin.NEW)
        origin = np.where(tree.state == State.CLOSED, leaf, Origin.REUSED).astype(np.int8)
    return Picture.of(facts, tree, origin)


def parents_of(tree: SpecTree, node: int) -> list[int]:
    """The node and everything above it."""
    path = [node]
    while tree.parent[path[-1]] >= 0:
        path.append(int(tree.parent[path[-1]]))
    return path


def below(tree: SpecTree, node: int) -> set[int]:
    """The rows of all leaves at and below a node."""
    return {leaf for leaf in tree.leaves.tolist() if node in parents_of(tree, leaf)}


def named(tree: SpecTree, node: int) -> str:
    """A node's split."""
    number, at, sign = int(tree.unit[node]), f"{tree.at[node]:.6g}", "<=" if tree.side[node] == Side.BELOW else ">="
    if tree.kind[node] == Kind.ROOT:
        return f"region {number}"
    what = f"X_{number}" if tree.kind[node] == Kind.INPUT else f"layer {tree.layer[node]} unit {number}"
    return f"{what} {sign} {at}"

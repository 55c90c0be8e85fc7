"""Splits, bounds and names as every picture writes them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ivan.incremental.origin import Origin
from ivan.pictures.picture import Facts, Index, Picture
from ivan.proof import Kind, Side, State

STATES = {State.OPEN: "open", State.SPLIT: "split", State.CLOSED: "closed"}
ORIGINS = {
    Origin.UNKNOWN: "unknown",
    Origin.NEW: "new",
    Origin.REUSED: "reused",
    Origin.TRANSFERRED: "transferred",
}
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"


def label(picture: Picture, position: int) -> str:
    """What led to a node: `X_3 <= 0.25`, `layer 2 unit 17 >= 0`, or `region 0` for a root."""
    tree, row = picture.tree, picture.row[position]
    number = int(tree.unit[row])
    if tree.kind[row] == Kind.ROOT:
        return f"region {number}"
    what = f"X_{number}" if tree.kind[row] == Kind.INPUT else f"layer {int(tree.layer[row])} unit {number}"
    return f"{what} {'<=' if tree.side[row] == Side.BELOW else '>='} {float(tree.at[row]):.6g}"


def bound(value: float) -> str:
    """A lower bound with four digits; `empty` for a region that holds nothing, `none` where none is known."""
    if math.isinf(value):
        return "empty" if value > 0 else "none"
    return f"{value:.4g}"


def leaves(count: int) -> str:
    """With their noun."""
    return "1 leaf" if count == 1 else f"{count:,} leaves"


def deep(splits: int) -> str:
    """How deep a tree is."""
    return f"{splits:,} {'split' if splits == 1 else 'splits'} deep"


def below(picture: Picture, position: int) -> str:
    """What is below a node, in a few words."""
    return summed(picture, np.array([position]))


def summed(picture: Picture, positions: Index) -> str:
    """Leaves at and below some nodes beside each other, the worst bound among them, how many are open, and new."""
    parts = [
        leaves(int(picture.leaves[positions].sum())),
        f"worst bound {bound(float(picture.worst[positions].min()))}",
    ]
    counts = {"open": picture.open_leaves}
    if shows_origins(picture):
        counts["new"] = picture.by_origin[Origin.NEW]
    parts += [f"{int(of[positions].sum()):,} {name}" for name, of in counts.items() if of[positions].any()]
    return ", ".join(parts)


def printable(name: str) -> str:
    """A name that came from a file: what would steer a terminal, or is no character of XML, is replaced."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name)


def moment(facts: Facts) -> str:
    """When the run was saved."""
    return f"{facts.created:%Y-%m-%d %H:%M} UTC"


def size(picture: Picture) -> str:
    """How large the tree is."""
    parts = [leaves(picture.total(picture.leaves)), deep(int(picture.depth.max(initial=0)))]
    undecided = picture.total(picture.open_leaves)
    if undecided:
        parts.append(f"{undecided:,} open")
    if len(picture.roots) > 1:
        parts.append(f"{len(picture.roots):,} regions")
    return ", ".join(parts)


def lineage(picture: Picture) -> str:
    """What the proof grew from, and how much of it that is."""
    facts = picture.facts
    if not facts.compared:
        gone = "the proof that it grew from is gone"
        other = f"grew from run {facts.base}, whose proof cannot be compared with"
        return f"{gone if facts.base is None else other}: nothing is known of its nodes' origin"
    if facts.base is None:
        return "from scratch"
    counts = {origin: picture.total(counted) for origin, counted in picture.by_origin.items()}
    parts = [f"{counts[origin]:,} {ORIGINS[origin]}" for origin in (Origin.TRANSFERRED, Origin.REUSED, Origin.NEW)]
    model = f" ({printable(facts.base_model)})" if facts.base_model else ""
    return f"grew from run {facts.base}{model}; leaves: {', '.join(parts)}"


def shows_origins(picture: Picture) -> bool:
    """Is there anything to tell of origins?"""
    return picture.facts.compared and picture.facts.base is not None


def scale(bounds: NDArray[np.float64]) -> tuple[float, float, float]:
    """For colours: below which size of a bound a scale is linear, and the least and the greatest finite bound.

    Bounds span many powers of ten: those of leaves just above zero, those near the root far below it.
    """
    finite = bounds[np.isfinite(bounds)]
    sizes = np.abs(finite[finite != 0])
    linear = float(np.quantile(sizes, 0.1)) if len(sizes) else 1.0
    return linear, float(min(finite.min(initial=0.0), 0.0)), float(max(finite.max(initial=0.0), 0.0))

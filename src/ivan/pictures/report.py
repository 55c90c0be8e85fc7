"""A picture for programs: JSON, every node an object, folded by depth like the others.

A bound that is no finite number is null; `empty` then tells a region that holds nothing from a node without a bound.
"""

from __future__ import annotations

import json
import math
from typing import Any

from ivan.incremental.origin import Origin
from ivan.pictures import words
from ivan.pictures.folding import Folding
from ivan.proof import Kind, Side, State

_KINDS = {Kind.ROOT: "root", Kind.INPUT: "input", Kind.UNIT: "unit"}
_SIDES = {Side.BELOW: "below", Side.ABOVE: "above"}


def json_of(folding: Folding) -> str:
    """The whole text; one line a node."""
    picture, facts = folding.picture, folding.picture.facts
    head: dict[str, Any] = {
        "run": facts.run,
        "verdict": facts.verdict,
        "model": facts.model,
        "network_digest": facts.network,
        "property": facts.property,
        "property_digest": facts.question,
        "created": facts.created.isoformat(timespec="milliseconds"),
        "seconds": facts.seconds,
        "base_run": facts.base,
        "base_model": facts.base_model,
        "leaves": picture.total(picture.leaves),
        "open": picture.total(picture.open_leaves),
        "depth": int(picture.depth.max(initial=0)),
        "regions": len(picture.roots),
        "origins": {words.ORIGINS[origin]: picture.total(count) for origin, count in picture.by_origin.items()},
        "shown_depth": folding.depth,
    }
    nodes = [_node(folding, position) for position in folding.shown.tolist()]
    opening = json.dumps(head, indent=2).removesuffix("\n}")
    listed = ",\n".join(f"    {json.dumps(node)}" for node in nodes)
    return f'{opening},\n  "nodes": [\n{listed}\n  ]\n}}\n'


def _node(folding: Folding, position: int) -> dict[str, Any]:
    picture = folding.picture
    tree, row, parent = picture.tree, int(picture.row[position]), int(picture.parent[position])
    kind = Kind(tree.kind[row])
    node: dict[str, Any] = {
        "node": row,
        "parent": None if parent < 0 else int(picture.row[parent]),
        "depth": int(picture.depth[position]),
        "split": words.label(picture, position),
        "kind": _KINDS[kind],
    }
    if kind is Kind.ROOT:
        node["region"] = int(tree.unit[row])
    else:
        if kind is Kind.INPUT:
            node["input"] = int(tree.unit[row])
        else:
            node |= {"layer": int(tree.layer[row]), "unit": int(tree.unit[row])}
        node |= {"at": float(tree.at[row]), "side": _SIDES[Side(tree.side[row])]}
    bound = float(picture.bound[position])
    return node | {
        "bound": _finite(bound),
        "empty": bound == math.inf,
        "state": words.STATES[State(picture.state[position])],
        "origin": words.ORIGINS[Origin(picture.origin[position])],
        "leaves": int(picture.leaves[position]),
        "open": int(picture.open_leaves[position]),
        "worst": _finite(float(picture.worst[position])),
        "folded": bool(picture.depth[position] == folding.depth and not picture.is_leaf[position]),
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None

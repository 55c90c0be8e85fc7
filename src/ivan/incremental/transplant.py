"""Transplant: a kindred property's proof in the terms of the problem at hand.

Each region gets a copy of the tree of its counterpart, clipped to its own box, with the certificates of its cases'
counterparts under their new numbers. All of it is conjecture: replay judges every certificate on the new problem.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.replay import check_fit
from ivan.incremental.clip import clip
from ivan.incremental.kindred import Counterparts, counterparts
from ivan.problem import Problem
from ivan.proof import Certificates, Proof, Ragged, Refinements, SpecTree
from ivan.proof.tree import COLUMNS

Index = NDArray[np.int64]

MOST_NODES = 500_000
"""Nodes of all copies beyond which none are made."""


def transplant(problem: Problem, old: Problem, proof: Proof) -> Proof | None:
    """An old problem's proof for the problem at hand.

    Args:
        problem: the problem at hand.
        old: a kindred one.
        proof: of the old one.

    Returns:
        Roots for all regions, with what could be taken over; None when nothing could, or too much.

    Raises:
        ProofError: the proof is not one of the old problem.
    """
    check_fit(old, proof)
    found = counterparts(problem, old)
    if found is None:
        return None
    if np.bincount(proof.tree.region())[found.region[found.region >= 0]].sum() > MOST_NODES:
        return None
    copies = _Copies(proof.tree, found.region)
    certificates = _certificates(proof, copies, problem, old, found)
    moved = Proof(copies.tree, certificates, _refinements(proof.refinements, copies))
    clipped = clip(moved, problem.regions)
    nothing = len(clipped.tree) == len(problem.regions) and not len(clipped.certificates)
    return None if nothing else clipped


class _Copies:
    """A copy of an old region's tree for every new region.

    Args:
        tree: the old tree.
        region: (R,) the old region that each copy is of; -1 for a bare root.

    Attributes:
        node: (E,) the old nodes that were copied, ...
        row: (E,) ... and where their copies stand: the roots in front, then the other nodes copy by copy.
    """

    def __init__(self, tree: SpecTree, region: Index) -> None:
        self._old = tree
        owner = tree.region()
        nodes = np.argsort(owner, kind="stable")  # by region, each root in front of its region's other nodes
        counts = np.bincount(owner)
        first = np.cumsum(counts) - counts
        self._position = np.empty(len(tree), np.int64)  # of a node among those of its region
        self._position[nodes] = np.arange(len(tree)) - first[owner[nodes]]
        taken = np.flatnonzero(region >= 0)
        lengths = counts[region[taken]]
        self._size = len(region) + int((lengths - 1).sum())
        self._roots = len(region)
        self._start = np.zeros(len(region), np.int64)  # where a copy's nodes below the root begin
        self._start[taken] = len(region) + np.cumsum(lengths - 1) - (lengths - 1)
        self._copy = np.repeat(taken, lengths)
        place = np.arange(len(self._copy)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        self.node = nodes[first[region[self._copy]] + place]
        self.row = self.rows(self._copy, self.node)

    def rows(self, copy: Index, node: Index) -> Index:
        """Where old nodes stand in copies of their regions."""
        position = self._position[node]
        return np.where(position == 0, copy, self._start[copy] + position - 1)

    @property
    def tree(self) -> SpecTree:
        """All copies as one tree."""
        bare = SpecTree.roots(self._roots)
        columns: dict[str, NDArray[Any]] = {}
        for name, kind in COLUMNS.items():
            columns[name] = np.zeros(self._size, kind)
            columns[name][: self._roots] = getattr(bare, name)
            columns[name][self.row] = getattr(self._old, name)[self.node]
        columns["unit"][: self._roots] = bare.unit  # the new regions
        inner = self._old.parent[self.node] >= 0
        parent = self._old.parent[self.node[inner]].astype(np.int64)
        columns["parent"][self.row[inner]] = self.rows(self._copy[inner], parent)
        return SpecTree(**columns)


def _certificates(proof: Proof, copies: _Copies, problem: Problem, old: Problem, found: Counterparts) -> Certificates:
    """Every case's share of the old certificates: those of its counterpart."""
    certificates = proof.certificates
    region = np.array([case.region for case in old.cases])
    # one about another region's case says nothing
    usable = np.flatnonzero(region[certificates.case] == proof.tree.region()[certificates.node])
    by_case = usable[np.argsort(certificates.case[usable], kind="stable")]
    counts = np.bincount(certificates.case[usable], minlength=len(old.cases))
    first = np.cumsum(counts) - counts
    cases = np.flatnonzero(found.case >= 0)
    lengths = counts[found.case[cases]]
    case = np.repeat(cases, lengths)
    place = np.arange(len(case)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    chosen = certificates.take(by_case[first[found.case[case]] + place])
    copy = np.array([case.region for case in problem.cases])[case]
    weights = chosen.weights
    start = np.cumsum([0, *(len(rows) for rows in found.row)])[case][weights.rows] + weights["row"]
    renamed = {
        "row": np.concatenate(found.row)[start].astype(np.int32),
        "value": weights["value"] * np.concatenate(found.factor)[start],
    }
    return replace(
        chosen,
        node=copies.rows(copy, chosen.node.astype(np.int64)).astype(np.int32),
        case=case.astype(np.int32),
        weights=Ragged(weights.offsets, renamed),
    )


def _refinements(refinements: Refinements, copies: _Copies) -> Refinements:
    """The slopes of every copied node."""
    entry = np.flatnonzero(np.isin(copies.node, refinements.node))
    entry = entry[np.argsort(copies.row[entry])]
    chosen = np.searchsorted(refinements.node, copies.node[entry])
    return replace(refinements.take(chosen), node=copies.row[entry].astype(np.int32))

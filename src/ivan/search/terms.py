"""What a search is given and what it returns."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.domains import Domains
from ivan.problem import Problem
from ivan.proof import Certificates, Proof, Refinements, Refresh, SpecTree, Witness
from ivan.search.experience import Experience
from ivan.verdict import Verdict

Index = NDArray[np.int64]


@dataclass(frozen=True)
class Seed:
    """Where a search starts: all that it knows of the past.

    Attributes:
        tree: a tree whose leaves cover every region.
        certificates: claims that hold on this problem, already replayed.
        leaf: (P,) leaves still to be decided, most suspicious last, ...
        case: (P,) ... and a case that is open there.
        domains: known bounds of some of these leaves, in parts (nodes, their domains).
        refinements: slopes of intermediate bounds in the tree.
        hints: certificates that do not hold, at or above the open leaves: where to climb from.
        experience: what splits brought in an earlier proof.
    """

    tree: SpecTree
    certificates: Certificates
    leaf: Index
    case: Index
    domains: tuple[tuple[Index, Domains], ...] = ()
    refinements: Refinements = field(default_factory=Refinements.none)
    hints: Certificates = field(default_factory=Certificates.none)
    experience: Experience | None = None

    @classmethod
    def fresh(cls, problem: Problem) -> Seed:
        """Nothing is known: every case is open in its region's root; a region that no case is about is closed."""
        region = np.array([case.region for case in problem.cases], np.int64)
        order = np.argsort(region, kind="stable")
        tree = SpecTree.roots(len(problem.regions)).with_open(np.unique(region))
        return cls(tree, Certificates.none(), region[order], order)

    @property
    def proof(self) -> Proof:
        """What is proved already."""
        return Proof(self.tree, self.certificates, self.refinements)

    @property
    def untouched(self) -> bool:
        """True when the tree is nothing but roots, with nothing proved."""
        return not len(self.certificates) and not len(self.refinements) and bool(np.all(self.tree.parent < 0))

    def bounded_by(self, refresh: Refresh) -> Seed:
        """With another recipe for the bounds of all nodes; bounds by the old one are forgotten."""
        return replace(self, tree=replace(self.tree, refresh=np.full(len(self.tree), refresh, np.int8)), domains=())

    def with_open_roots(self, problem: Problem) -> Seed:
        """Without what is proved at roots that are open and have no slopes yet: they are about to get other bounds."""
        roots = np.flatnonzero(self.tree.parent < 0)
        again = roots[np.isin(roots, self.leaf) & ~np.isin(roots, self.refinements.node)]
        claims = np.flatnonzero(~np.isin(self.certificates.node, again))
        if len(claims) == len(self.certificates):
            return self
        lost = np.flatnonzero(np.isin(self.certificates.node, again))
        pairs = np.unique(np.stack([self.certificates.node[lost], self.certificates.case[lost]]), axis=1).astype(
            np.int64
        )
        region = np.array([case.region for case in problem.cases])
        pairs = pairs[:, region[pairs[1]] == self.tree.region()[pairs[0]]]
        leaf, case = np.concatenate([self.leaf, pairs[0]]), np.concatenate([self.case, pairs[1]])
        # in the seed's order of leaves
        leaves, first = np.unique(self.leaf, return_index=True)
        order = np.argsort(first[np.searchsorted(leaves, leaf)], kind="stable")
        return replace(self, certificates=self.certificates.take(claims), leaf=leaf[order], case=case[order])


@dataclass
class Statistics:
    """Counters of one search; also what a progress display shows.

    Attributes:
        domains: domains bounded.
        closed: leaves closed.
        open: domains waiting.
        splits: domains split.
        programs: linear programs solved.
        ascents: (domain, case) pairs that were ascended.
        deepened: domains split with intermediate bounds computed anew below.
        candidates: points given to onnxruntime.
        undecided: (leaf, case) pairs that can neither be closed nor split further; of these ...
        unconfirmed: ... those with a point that violates the case in float64, and not for the deployed model, ...
        tied: ... those with a point that meets a strict requirement with equality, ...
        unbounded: ... and those without any bound.
        unkept: closed (domain, case) pairs whose certificates were let go for want of memory.
        worst: least bound among the domains of the last batch.
        depth: depth of the deepest node.
    """

    domains: int = 0
    closed: int = 0
    open: int = 0
    splits: int = 0
    programs: int = 0
    ascents: int = 0
    deepened: int = 0
    candidates: int = 0
    undecided: int = 0
    unconfirmed: int = 0
    tied: int = 0
    unbounded: int = 0
    unkept: int = 0
    worst: float = float("nan")
    depth: int = 0


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes:
        verdict: `unsat` with a complete proof, `sat` with a witness, `timeout` or `unknown` with an open proof.
        witness: the confirmed counterexample.
        proof: the tree as it stands, with the certificates that hold; where some were not kept, their leaves are open.
        statistics: counters.
    """

    verdict: Verdict
    witness: Witness | None
    proof: Proof
    statistics: Statistics = field(default_factory=Statistics)

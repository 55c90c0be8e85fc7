"""Does a proof speak about a problem, and do the certificates that hold cover all of it?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ivan.bounds.forward import affordable
from ivan.errors import ProofError
from ivan.problem import Problem
from ivan.proof import Proof, Refresh, SpecTree

Index = NDArray[np.int64]
Rows = NDArray[np.int32]


def check_fit(problem: Problem, proof: Proof) -> None:
    """Does the proof speak about this problem's regions, cases, inputs and units?

    Raises:
        ProofError: saying where it does not fit.
    """
    network = problem.network
    sizes = [layer.affine.size if layer.activation.splittable else 0 for layer in network.layers]
    proof.tree.check(len(problem.regions), network.inputs, sizes)
    proof.certificates.check(len(proof.tree), problem.rows_of_case)
    proof.refinements.check(proof.tree, sizes)
    forward = np.unique(proof.tree.region()[proof.tree.refresh == Refresh.FORWARD])
    if not all(affordable(network, len(problem.regions[r].free)) for r in forward):
        raise ProofError("malformed proof: forward bounds over too many inputs for so large a network")


def uncovered(problem: Problem, tree: SpecTree, node: Rows, case: Rows) -> tuple[Index, Index]:
    """Pairs (leaf, case) that are not excluded, at the leaf or above it.

    64 cases at a time are one bit each of a word per node, handed down from parents to children.

    Args:
        problem: the problem.
        tree: a tree of it.
        node: (M,) nodes, row of the tree, ...
        case: (M,) ... and a case that is excluded below each.
    """
    region, depth = tree.region(), tree.depth()
    levels = [np.flatnonzero(depth == level) for level in range(1, int(depth.max(initial=0)) + 1)]
    position = np.zeros(len(problem.cases), np.int64)
    most = 0
    for members in problem.cases_of:
        position[list(members)] = np.arange(len(members))
        most = max(most, len(members))
    sizes = np.array([len(members) for members in problem.cases_of], np.int64)
    case_region = np.array([case.region for case in problem.cases], np.int64)
    # what is known of another region's case says nothing here
    usable = case_region[case] == region[node] if len(case) else np.zeros(0, bool)
    leaves, found = tree.leaves, []
    for start in range(0, most, 64):
        mask = np.zeros(len(tree), np.uint64)
        place = position[case] - start
        here = usable & (place >= 0) & (place < 64)
        np.bitwise_or.at(mask, node[here], np.uint64(1) << place[here].astype(np.uint64))
        for level in levels:
            mask[level] |= mask[tree.parent[level]]
        bits = np.clip(sizes[region[leaves]] - start, 0, 64)
        for bit in range(int(bits.max(initial=0))):
            missing = (bits > bit) & ((mask[leaves] >> np.uint64(bit)) & np.uint64(1) == 0)
            found.append((leaves[missing], np.full(int(missing.sum()), start + bit)))
    if not found:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    leaf, place = np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found])
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    flat = np.concatenate([np.array(members, np.int64) for members in problem.cases_of])
    left = flat[offsets[region[leaf]] + place]
    order = np.lexsort((left, leaf))
    return leaf[order], left[order]

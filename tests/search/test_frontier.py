"""The frontier keeps what is open, whatever is done to it, and holds an ancestor's bounds once."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tests.engine import FEW

from ivan.bounds.domains import Domains
from ivan.search.frontier import Chunk, Frontier, merged

SEEDS = st.integers(0, 2**32 - 1)


def chunk_of(rng: np.random.Generator, first: int, ancestors: int, nodes: int) -> Chunk:
    """Nodes from `first` on below some ancestors, each with one to three open cases; ancestor k has bounds k."""
    ancestor = np.arange(ancestors)
    known = np.repeat(ancestor[:, None].astype(float), 4, axis=1)
    domains = Domains(known, known, ((known, known + 1.0),), (None,), np.zeros(ancestors, bool))
    row = rng.integers(0, ancestors, nodes)
    counts = rng.integers(1, 4, nodes)
    owner = np.repeat(np.arange(nodes), counts)
    case = np.concatenate([np.arange(c) for c in counts])
    return Chunk(first + np.arange(nodes), domains, row, ancestor[row], owner, case)


def content(frontier: Frontier) -> set[tuple[int, int, float]]:
    """(node, case, its ancestor's bound) of everything that is open."""
    found = set()
    for chunk in frontier.chunks:
        assert chunk.known.known is not None
        bound = chunk.known.known[0][0][chunk.row, 0]
        found |= {(int(chunk.node[o]), int(c), float(bound[o])) for o, c in zip(chunk.owner, chunk.case, strict=True)}
    return found


@FEW
@given(seed=SEEDS)
def test_sharing_and_taking_back_loses_nothing_and_copies_no_bounds(seed):
    rng = np.random.default_rng(seed)
    frontier, first = Frontier(), 100
    for _ in range(5):
        nodes = int(rng.integers(1, 40))
        frontier.push(chunk_of(rng, first, 3, nodes))
        first += nodes
    before, count = content(frontier), len(frontier)
    for _ in range(6):
        theirs = frontier.share()
        assert not content(theirs) & content(frontier)
        frontier.take_back(theirs)
    assert content(frontier) == before
    assert len(frontier) == count
    # two processes have two copies at most
    assert sum(len(chunk.known) for chunk in frontier.chunks) <= 2 * 3


@FEW
@given(seed=SEEDS, size=st.integers(1, 30), pairs=st.integers(1, 60))
def test_what_is_popped_was_there_and_is_gone(seed, size, pairs):
    rng = np.random.default_rng(seed)
    frontier, first = Frontier(), 100
    for _ in range(4):
        nodes = int(rng.integers(1, 20))
        frontier.push(chunk_of(rng, first, 2, nodes))
        first += nodes
    before, seen = content(frontier), set()
    while len(frontier):
        batch = Frontier()
        batch.push(merged(frontier.pop(size, pairs)))
        assert len(batch) <= size
        assert not content(batch) & seen
        seen |= content(batch)
    assert seen == before

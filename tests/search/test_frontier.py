"""The frontier keeps what is open, whatever is done to it, and holds an ancestor's bounds once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tests.engine import FEW

from ivan.bounds.ascent import Parameters
from ivan.bounds.domains import Domains
from ivan.search.frontier import Chunk, Frontier, merged

SEEDS = st.integers(0, 2**32 - 1)


def chunk_of(rng: np.random.Generator, first: int, ancestors: int, nodes: int, *, started: bool = False) -> Chunk:
    """Nodes from `first` on below some ancestors, each with one to three open cases; ancestor k has bounds k."""
    ancestor = np.arange(ancestors)
    known = np.repeat(ancestor[:, None].astype(float), 4, axis=1)
    domains = Domains(known, known, ((known, known + 1.0),), (None,), np.zeros(ancestors, bool))
    row = rng.integers(0, ancestors, nodes)
    counts = rng.integers(1, 4, nodes)
    owner = np.repeat(np.arange(nodes), counts)
    case = np.concatenate([np.arange(c) for c in counts])
    chunk = Chunk(first + np.arange(nodes), domains, row, ancestor[row], owner, case)
    if not started:
        return chunk
    # two neighbours start from the same, and its number tells where
    number = np.arange(len(owner), dtype=float)
    start = np.searchsorted(owner, owner // 2 * 2)
    parameters = Parameters((np.arange(3),), [np.tile(number[:, None], 3).astype(np.float32)], [None], number[:, None])
    return replace(chunk, case=first + case, parameters=parameters, start=start)


def starts(frontier: Frontier) -> set[tuple[int, int, float]]:
    """(node, case, where it starts from) of everything that is open."""
    found = set()
    for chunk in frontier.chunks:
        number = chunk.starts(np.arange(len(chunk.owner))).weights[:, 0]
        found |= {
            (int(chunk.node[o]), int(c), float(n)) for o, c, n in zip(chunk.owner, chunk.case, number, strict=True)
        }
    return found


def filled(rng: np.random.Generator, chunks: int, *, started: float = 0.0) -> Frontier:
    """So many chunks of siblings, each below three ancestors; this share of them with something to start from."""
    frontier, first = Frontier(), 100
    for _ in range(chunks):
        nodes = 2 * int(rng.integers(1, 20))
        frontier.push(chunk_of(rng, first, 3, nodes, started=bool(rng.random() < started)))
        first += nodes
    return frontier


def batches(frontier: Frontier, size: int, pairs: int) -> Iterator[Frontier]:
    """Everything in it, batch by batch."""
    while len(frontier):
        batch = Frontier()
        batch.push(merged(frontier.pop(size, pairs)))
        yield batch


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
    frontier = filled(np.random.default_rng(seed), 5)
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
    frontier = filled(np.random.default_rng(seed), 4)
    before, seen = content(frontier), set()
    for batch in batches(frontier, size, pairs):
        assert len(batch) <= size
        assert not content(batch) & seen
        seen |= content(batch)
    assert seen == before


@FEW
@given(seed=SEEDS, size=st.integers(1, 30))
def test_siblings_go_together_and_hold_what_they_start_from_once(seed, size):
    frontier = filled(np.random.default_rng(seed), 4, started=1.0)
    before = starts(frontier)
    theirs = frontier.share()
    for part in (frontier, theirs):
        nodes = np.sort(part.nodes)
        assert np.array_equal(nodes[::2] + 1, nodes[1::2])
        assert np.all(nodes[::2] % 2 == 0)
        for chunk in part.chunks:
            assert chunk.parameters is not None
            assert chunk.start is not None
            assert len(np.unique(chunk.start)) == len(chunk.parameters)
    assert not starts(frontier) & starts(theirs)
    frontier.take_back(theirs)
    assert set().union(*(starts(batch) for batch in batches(frontier, size, 10**6))) == before


@FEW
@given(seed=SEEDS, most=st.integers(0, 2000))
def test_lightening_loses_no_node_and_keeps_the_newest_starts(seed, most):
    frontier = filled(np.random.default_rng(seed), 6, started=0.7)
    before, count, chunks = content(frontier), len(frontier), frontier.chunks
    frontier.lighten(most)
    assert content(frontier) == before
    assert len(frontier) == count
    held = 0
    for chunk in reversed(chunks):
        held += chunk.numbers
        left = next(c for c in frontier.chunks if np.array_equal(c.node, chunk.node))
        assert (left.parameters is None) == (chunk.parameters is None or held > most)

"""Two processes try the nodes of one pass, half of them each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from ivan.bounds import parallel
from ivan.deadline import Deadline, OutOfTime
from ivan.incremental.compact.found import Found
from ivan.partner import Partner, possible
from ivan.proof import Refresh, SpecTree

Index = NDArray[np.int64]
Try = Callable[[Index], Iterator[Found]]

FIRST = 32
"""Nodes that are tried before it is known what one of them costs."""

WORTH_SHARING = 0.1
"""Seconds that a pass must take for another process to pay."""


class Sharing:
    """Tries nodes, alone or together with another process; knows how long one takes.

    Args:
        deadline: when to stop.
    """

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._possible = parallel.threads() > 1 and possible()
        self._spent, self._tried = 0.0, 0

    def first(self, nodes: Index) -> Index:
        """The nodes that a pass should try: only a few where nothing is known yet."""
        return nodes[:FIRST] if self._possible and not self._tried else nodes

    def run(self, attempt: Try, tree: SpecTree, nodes: Index) -> Iterator[Found]:
        """Tries all nodes, in any order; what the other process found comes last.

        Args:
            attempt: tries some nodes, whatever else is tried.
            tree: the nodes' tree.
            nodes: (C,).

        Raises:
            OutOfTime: the deadline passed.
        """
        with parallel.alone():  # threads queue for the interpreter here (measured: a quarter slower)
            if not self._possible or len(nodes) * self._spent < WORTH_SHARING * self._tried or not self._tried:
                yield from self._timed(attempt(nodes))
                return
            mine, theirs = np.array_split(nodes[np.argsort(_anchor(tree, nodes), kind="stable")], 2)
            try:
                partner = Partner(lambda stop: _apart(attempt(theirs), stop))
            except OSError:  # no memory, no processes left
                self._possible = False
                yield from self._timed(attempt(nodes))
                return
            try:
                yield from self._timed(attempt(mine))
                found = partner.findings(self._deadline)
            except OutOfTime:
                partner.stop()
                yield from partner.findings(self._deadline) or []
                raise
            finally:
                partner.end()
            if found is None:  # it died: its part is done here
                self._possible = False
                yield from self._timed(attempt(theirs))
            else:
                yield from found

    def _timed(self, attempt: Iterator[Found]) -> Iterator[Found]:
        began = time.monotonic()
        for found in attempt:
            self._spent += time.monotonic() - began
            self._tried += len(found.tried)
            yield found
            began = time.monotonic()


def _apart(attempt: Iterator[Found], stop: Callable[[], bool]) -> list[Found]:
    """The other process's part: what it found until all was tried, or no more was wanted, or time was up."""
    found = []
    try:
        for part in attempt:
            found.append(part)
            if stop():
                break
    except OutOfTime:
        pass
    return found


def _anchor(tree: SpecTree, nodes: Index) -> Index:
    """(C,) the nearest refreshed node above each: nodes that rest on the same bounds stay together."""
    parent, refresh = tree.parent.astype(np.int64), tree.refresh != Refresh.NONE
    above = np.maximum(parent[nodes], 0)
    while not (settled := refresh[above] | (parent[above] < 0)).all():
        above = np.where(settled, above, parent[above])
    return above

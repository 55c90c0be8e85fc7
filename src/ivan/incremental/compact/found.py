"""What was found out about some nodes of a proof."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ivan.incremental.compact.counts import Counts
from ivan.proof import Certificates

Index = NDArray[np.int64]


def _none() -> Index:
    return np.zeros(0, np.int64)


@dataclass(frozen=True)
class Found:
    """What was found out.

    Attributes:
        tried: nodes that were tried, those below among them.
        joined: nodes that become leaves.
        shared: nodes whose bounds serve their two leaves.
        hoisted: nodes whose leaves do with the bounds of an ancestor.
        claims: what is claimed instead, of the nodes as they are numbered now.
    """

    tried: Index
    joined: Index = field(default_factory=_none)
    shared: Index = field(default_factory=_none)
    hoisted: Index = field(default_factory=_none)
    claims: Certificates = field(default_factory=Certificates.none)

    @property
    def counts(self) -> Counts:
        """The same in numbers."""
        return Counts(len(self.tried), len(self.joined), len(self.shared), len(self.hoisted))

    @staticmethod
    def concatenate(parts: Sequence[Found]) -> Found:
        """All of it."""
        if not parts:
            return Found(_none())
        return Found(
            np.concatenate([p.tried for p in parts]),
            np.concatenate([p.joined for p in parts]),
            np.concatenate([p.shared for p in parts]),
            np.concatenate([p.hoisted for p in parts]),
            Certificates.concatenate([p.claims for p in parts]),
        )

"""Which nodes are shown when deep subtrees are folded, and the regions that there is no room for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ivan.pictures import words
from ivan.pictures.picture import Index, Picture


@dataclass(frozen=True)
class Folding:
    """A part of a picture that covers it: every leaf is shown, or below one folded node, or in a region left out.

    Attributes:
        picture: the picture.
        depth: nodes so deep are shown; their subtrees are folded.
        shown: (M,) positions, ascending.
        left_out: roots of the regions that are not shown.
    """

    picture: Picture
    depth: int
    shown: Index
    left_out: Index

    @classmethod
    def at(cls, picture: Picture, depth: int) -> Folding:
        """Folded at a depth; every region is shown."""
        return cls(picture, depth, np.flatnonzero(picture.depth <= depth), np.zeros(0, np.int64))

    @classmethod
    def within(cls, picture: Picture, most: int) -> Folding:
        """As deep as `most` nodes go; where the roots alone are more, only the first regions are shown."""
        counts = np.cumsum(np.bincount(picture.depth)) if len(picture) else np.zeros(1, np.int64)
        depth = max(int(np.searchsorted(counts, most, side="right")) - 1, 0)
        roots = picture.roots
        if len(roots) <= most:
            return cls.at(picture, depth)
        return cls(picture, 0, roots[:most], roots[most:])

    @property
    def folded(self) -> NDArray[np.bool_]:
        """(M,) which of the shown nodes stand for their subtree."""
        return np.asarray((self.picture.depth[self.shown] == self.depth) & ~self.picture.is_leaf[self.shown])

    @property
    def rest(self) -> str | None:
        """What the regions left out come to; None when there are none."""
        if not len(self.left_out):
            return None
        noun = "region" if len(self.left_out) == 1 else "regions"
        return f"{len(self.left_out):,} more {noun}: {words.summed(self.picture, self.left_out)}"

    @property
    def note(self) -> str | None:
        """Says that something is folded; None when everything is shown."""
        if not (self.folded.any() or len(self.left_out)):
            return None
        return f"folded below depth {self.depth}; --depth {int(self.picture.depth.max())} shows everything"

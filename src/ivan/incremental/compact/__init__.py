"""Compact: the same proof, cheaper to replay.

A replay bounds every leaf anew, so what counts is how many leaves there are, and how many nodes have bounds of their
own. First, leaves that rest on a node's own bounds are tried on those of an ancestor further up (hoisting.py). Then,
bottom-up, each node above two leaves gets bounds and more steps of ascent than a search has time for: where every case
that its leaves exclude is then excluded at the node, it becomes a leaf itself, and where that fails but the leaves can
do with the node's bounds, bounds are computed once instead of twice (joining.py).

Every new certificate holds by a rigorous pass on the bounds that a replay will compute. A node that was tried in vain
is marked as firm, so a compaction that was cut off goes on where it stopped, and the proof of a later version, which
grows from this one, is only tried where it is new.
"""

from ivan.incremental.compact.counts import Counts
from ivan.incremental.compact.run import Compacted, compact

__all__ = ["Compacted", "Counts", "compact"]

"""Replay: a proof against a problem - the one operation behind certifying, checking and re-verifying."""

from ivan.bounds.replay.coverage import check_fit, uncovered
from ivan.bounds.replay.recipe import Recipe, anchors, batch_size, root_bounds
from ivan.bounds.replay.run import Replayed, replay
from ivan.bounds.replay.shrunk import Shrunk

__all__ = ["Recipe", "Replayed", "Shrunk", "anchors", "batch_size", "check_fit", "replay", "root_bounds", "uncovered"]

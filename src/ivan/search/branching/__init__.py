"""Where to split: scores of input axes and of units, and a look ahead."""

from ivan.search.branching.choice import Splits, choose_inputs, unit_splits
from ivan.search.branching.lookahead import DEEP_CANDIDATES, Ahead, Lookahead, log_leaves

__all__ = ["DEEP_CANDIDATES", "Ahead", "Lookahead", "Splits", "choose_inputs", "log_leaves", "unit_splits"]

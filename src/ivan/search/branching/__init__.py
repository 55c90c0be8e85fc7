"""Where to split: scores of input axes and of units. Stateless functions; the greatest score is split."""

from ivan.search.branching.choice import Splits, choose_inputs, choose_units

__all__ = ["Splits", "choose_inputs", "choose_units"]

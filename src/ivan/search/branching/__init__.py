"""Where to split: scores of input axes and of units. Stateless functions; the greatest score is split."""

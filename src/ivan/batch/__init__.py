"""Many instances: a list of them, several at once, results that survive whatever ends the batch."""

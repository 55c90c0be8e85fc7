"""Rigorous linear bounds, and replay: what makes a proof a proof on the weights at hand."""

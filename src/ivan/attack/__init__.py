"""Counterexamples: looked for in float64, believed only when onnxruntime confirms them."""

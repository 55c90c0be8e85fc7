"""What happens to a model after its first release: it is trained on, quantised, pruned.

Every version has the architecture of the base, and its weights are near; the proofs of the base have something to say
about each. Biases and normalisation stay as they are, as is usual in practice.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import numpy as np

from generator.layers import Array, Convolution, Dense, Sequential, walk


def quantised(model: Sequential, bits: int) -> Sequential:
    """Weights rounded to multiples of a scale per tensor, symmetric about zero, and kept as floating-point numbers."""
    largest = 2 ** (bits - 1) - 1

    def rounded(weight: Array) -> Array:
        scale: float = np.abs(weight).max() / largest
        steps: Array = np.round(weight / scale)
        return steps * scale

    return _with_weights(model, rounded)


def pruned(model: Sequential, fraction: float) -> Sequential:
    """The given fraction of each weight tensor, the entries least in magnitude, set to zero."""

    def thinned(weight: Array) -> Array:
        return np.where(np.abs(weight) <= np.quantile(np.abs(weight), fraction), 0.0, weight)

    return _with_weights(model, thinned)


def _with_weights(model: Sequential, change: Callable[[Array], Array]) -> Sequential:
    version = deepcopy(model)
    for layer in walk(version):
        if isinstance(layer, Dense | Convolution):
            layer.weight = change(layer.weight)
    return version

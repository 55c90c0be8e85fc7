"""What every list of cases is written with; what a case is stands in cases.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from tests.models import Graph

Build = Callable[[Graph], str]
Case = tuple[str, tuple[int, ...], tuple[int, ...], Build]

IMAGE = (1, 2, 5, 6)


def weights(random: np.random.Generator) -> Callable[..., np.ndarray]:
    """A source of random weights: called with a shape it draws the next."""
    return lambda *shape: random.standard_normal(shape).astype(np.float32)


def one(operator: str, *operands: Any, **attributes: Any) -> Build:
    """A single node that reads the input first."""
    return lambda g: g.node(operator, "x", *operands, **attributes)

"""How long a linear map takes on this machine: what decides between forms of it (network/reduce.py)."""

from __future__ import annotations

import time

import numpy as np

from ivan.bounds.columns import column_map
from ivan.network.linear import LinearMap

BATCH, TRIES = 32, 3
MOST_NUMBERS = 1 << 24


def seconds_on_columns(linear: LinearMap) -> float:
    """Both ways in float32, batch last, as ascent and attacks use it."""
    columns = column_map(linear, np.float32)
    batch = min(BATCH, max(1, MOST_NUMBERS // max(linear.columns, linear.rows)))
    x, a = np.ones((linear.columns, batch), np.float32), np.ones((linear.rows, batch), np.float32)
    best = np.inf
    for _ in range(TRIES):
        began = time.perf_counter()
        columns.apply(x)
        columns.transpose(a)
        best = min(best, time.perf_counter() - began)
    return float(best)

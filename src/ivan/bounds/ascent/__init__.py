"""Gradient ascent on slopes, multipliers and row weights: advice that a rigorous pass puts to use."""

from ivan.bounds.ascent.loop import Ascended, Ascent, Schedule
from ivan.bounds.ascent.parameters import (
    Parameters,
    certificates_of,
    from_certificates,
    initial,
    ragged_weights,
    units_of,
)
from ivan.bounds.columns import Model

__all__ = [
    "Ascended",
    "Ascent",
    "Model",
    "Parameters",
    "Schedule",
    "certificates_of",
    "from_certificates",
    "initial",
    "ragged_weights",
    "units_of",
]

"""Activations: what each computes and how it is enclosed by two lines on an interval."""

from ivan.network.activations.base import Activation, Choice, Curve, Lines, operands
from ivan.network.activations.identity import Identity
from ivan.network.activations.moved import ReluMoved
from ivan.network.activations.product import Product
from ivan.network.activations.relu import Relu

ACTIVATIONS: dict[str, Activation] = {a.name: a for a in (Identity(), Relu(), Product(), ReluMoved())}
"""Every activation by name."""

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "Choice",
    "Curve",
    "Identity",
    "Lines",
    "Product",
    "Relu",
    "ReluMoved",
    "operands",
]

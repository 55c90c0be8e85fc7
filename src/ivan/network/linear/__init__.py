"""Linear maps, kept as the model's file states them; base.py says what each offers."""

from ivan.network.linear.adjoint import Adjoint
from ivan.network.linear.base import Array, Index, LinearMap
from ivan.network.linear.compositions import COMPUTED, NOTHING, Product, Sum, add, compose, origins
from ivan.network.linear.convolution import Convolution
from ivan.network.linear.dense import Dense
from ivan.network.linear.diagonal import Diagonal
from ivan.network.linear.difference import exact_difference, negative, subtract
from ivan.network.linear.selection import Selection
from ivan.network.linear.sparse import Sparse

__all__ = [
    "COMPUTED",
    "NOTHING",
    "Adjoint",
    "Array",
    "Convolution",
    "Dense",
    "Diagonal",
    "Index",
    "LinearMap",
    "Product",
    "Selection",
    "Sparse",
    "Sum",
    "add",
    "compose",
    "exact_difference",
    "negative",
    "origins",
    "subtract",
]

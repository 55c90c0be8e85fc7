"""What a verification imports once a look into the store has not answered its question."""

from __future__ import annotations

from importlib import import_module

from ivan.network.layers import Network
from ivan.network.linear import Convolution, Dense, LinearMap, Product, Sparse, Sum

ALWAYS = (
    "numpy.ma",  # np.unique asks it
    "onnxruntime",
)
FOR_SPARSE_MAPS = "scipy.sparse"


def load_libraries(network: Network) -> None:
    """Imports them: a library takes as long to load as a small question to answer, and is asked for at its first use.

    Args:
        network: decides whether sparse matrices will be needed.
    """
    for name in ALWAYS:
        import_module(name)
    if any(_is_sparse(linear) for layer in network.layers for _, linear in layer.affine.terms):
        import_module(FOR_SPARSE_MAPS)


def _is_sparse(linear: LinearMap) -> bool:
    """Does the search multiply by it as a sparse matrix?"""
    if isinstance(linear, Product):
        return _is_sparse(linear.outer) or _is_sparse(linear.inner)
    if isinstance(linear, Sum):
        return any(map(_is_sparse, linear.parts))
    return isinstance(linear, Convolution | Sparse) or (isinstance(linear, Dense) and linear.sparse is not None)

"""How alike two versions of a model are: the same architecture? how far apart are the weights?

The store keeps the weights of earlier versions as bytes, so that the nearest one can be found without its file.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ivan.digest import Digestible
from ivan.errors import StoreError
from ivan.network.layers import Network
from ivan.network.linear import Array

_HEADER = b"ivan weights 1 "  # followed by the numbers' type, a newline, and their compressed bytes


def same_architecture(a: Network, b: Network) -> bool:
    """True when two networks differ in numbers only."""
    return a.architecture_digest == b.architecture_digest


def weights(network: Network) -> Array:
    """All numbers of the network that a digest of it sees, in one vector."""
    parts = [part.ravel() for layer in network.layers for part in numbers(layer.affine.describe())]
    parts.extend(part.ravel() for part in numbers(network.output.describe()))
    return np.concatenate(parts) if parts else np.zeros(0)


def numbers(value: Digestible) -> Iterator[Array]:
    """All floats in what a digest is taken over, in order, array by array."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "f":
            yield value.astype(np.float64)
    elif isinstance(value, float):
        yield np.array([value])
    elif value is not None and not isinstance(value, str | bytes | int):
        for item in value:
            yield from numbers(item)


def weight_distance(a: Network, b: Network) -> float:
    """Euclidean distance of the weights relative to those of a; infinite between different architectures."""
    return _relative(weights(a), weights(b)) if same_architecture(a, b) else math.inf


def _relative(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    if a.shape != b.shape:
        return math.inf
    distance, scale = float(np.linalg.norm(a - b)), float(np.linalg.norm(a))
    return 0.0 if distance == 0.0 else distance / scale if scale > 0.0 else math.inf


def weights_bytes(network: Network) -> bytes:
    """The weights for the store, compressed; as float32 where that loses nothing."""
    numbers = weights(network)
    with np.errstate(over="ignore"):
        single = numbers.astype(np.float32)
    kind = "<f4" if np.array_equal(single, numbers) else "<f8"
    return _HEADER + kind.encode() + b"\n" + zlib.compress(numbers.astype(kind).tobytes(), 1)


def distance_to(network: Network, stored: bytes) -> float:
    """`weight_distance` to a version of which only its `weights_bytes` are at hand; infinite when the counts differ.

    Raises:
        StoreError: when the bytes are damaged.
    """
    head, _, body = stored.partition(b"\n")
    kind = head.removeprefix(_HEADER)
    try:
        if not head.startswith(_HEADER) or kind not in (b"<f4", b"<f8"):
            raise ValueError("unknown header")
        numbers = np.frombuffer(zlib.decompress(body), dtype=kind.decode()).astype(np.float64)
    except (ValueError, zlib.error) as error:
        raise StoreError(f"stored weights are damaged: {error}", hint="remove this version from the store") from error
    return _relative(weights(network), numbers)

"""How alike two versions of a model are: the same architecture? how far apart are the weights?

The store keeps the weights of earlier versions as bytes, so that the nearest one can be found without its file.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ivan.digest import Digestible
from ivan.errors import StoreError
from ivan.network.layers import Network
from ivan.network.linear import Array

_MAGIC = b"ivan weights"
# followed by the version, the numbers' type, since version 2 the arrays' shapes (2x3,3), a newline, and the compressed
# numbers
_VERSIONS = (b"1", b"2")


def same_architecture(a: Network, b: Network) -> bool:
    """True when two networks differ in numbers only."""
    return a.architecture_digest == b.architecture_digest


def weights(network: Network) -> Array:
    """All numbers of the network that a digest of it sees, in one vector."""
    return _joined(_arrays_of(network))


def _arrays_of(network: Network) -> list[Array]:
    """The same as the arrays they stand in."""
    return list(arrays([*(layer.affine.describe() for layer in network.layers), network.output.describe()]))


def arrays(value: Digestible) -> Iterator[Array]:
    """All numbers in a description that are no structure, array by array; a number by itself is an array of one."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "f":
            yield np.atleast_1d(value.astype(np.float64))
    elif isinstance(value, float):
        yield np.array([value])
    elif value is not None and not isinstance(value, str | bytes | int):
        for item in value:
            yield from arrays(item)


def _joined(parts: Sequence[Array]) -> Array:
    return np.concatenate([part.ravel() for part in parts]) if parts else np.zeros(0)


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
    parts = _arrays_of(network)
    numbers = _joined(parts)
    with np.errstate(over="ignore"):
        single = numbers.astype(np.float32)
    kind = "<f4" if np.array_equal(single, numbers) else "<f8"
    shapes = ",".join("x".join(map(str, part.shape)) for part in parts)
    head = b" ".join((_MAGIC, _VERSIONS[-1], kind.encode(), shapes.encode()))
    return head + b"\n" + zlib.compress(numbers.astype(kind).tobytes(), 1)


def stored_weights(stored: bytes) -> Array:
    """The weights in what `weights_bytes` wrote.

    Raises:
        StoreError: when the bytes are damaged.
    """
    return _read(stored)[0]


def stored_arrays(stored: bytes) -> list[Array] | None:
    """The same as the arrays they stood in, or None where only their numbers were kept.

    Raises:
        StoreError: when the bytes are damaged.
    """
    numbers, shapes = _read(stored)
    if shapes is None:
        return None
    ends = np.cumsum([math.prod(shape) for shape in shapes])
    parts = np.split(numbers, ends[:-1]) if shapes else []
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]


def _read(stored: bytes) -> tuple[Array, list[tuple[int, ...]] | None]:
    head, _, body = stored.partition(b"\n")
    words = head.removeprefix(_MAGIC + b" ").split(b" ")
    try:
        if not head.startswith(_MAGIC) or words[0] not in _VERSIONS or words[1:2] not in ([b"<f4"], [b"<f8"]):
            raise ValueError("unknown header")
        numbers = np.frombuffer(zlib.decompress(body), dtype=words[1].decode()).astype(np.float64)
        if words[0] == b"1":
            return numbers, None
        shapes = [tuple(int(size) for size in shape.split(b"x")) for shape in words[2].split(b",") if shape]
        if min((size for shape in shapes for size in shape), default=0) < 0:
            raise ValueError("a negative size")
        if sum(math.prod(shape) for shape in shapes) != len(numbers):
            raise ValueError("shapes and numbers do not add up")
    except (ValueError, IndexError, zlib.error) as error:
        raise StoreError(
            f"stored weights are damaged: {error}", hint="`ivan cache doctor --repair` removes them"
        ) from error
    return numbers, shapes


def distance_to(network: Network, stored: bytes) -> float:
    """`weight_distance` to a version of which only its `weights_bytes` are at hand; infinite when the counts differ.

    Raises:
        StoreError: when the bytes are damaged.
    """
    return _relative(weights(network), stored_weights(stored))

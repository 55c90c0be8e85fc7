"""What changed from one version of a model to the next: the structure layer by layer, and the numbers in it.

Layers are compared as the verifier sees them (affine maps and activations). Where the architectures are not the same,
layers are aligned by what they compute, so that one that was put in does not make all later ones look new.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import numpy as np

from ivan.digest import digest
from ivan.network.affine import Affine
from ivan.network.compare import arrays
from ivan.network.layers import Network
from ivan.network.linear import Array

MOST_ENTRIES = 5
"""How many of the entries that changed most are named."""


@dataclass(frozen=True)
class Place:
    """A layer of one version.

    Attributes:
        number: 1-based; one more than there are layers for the outputs.
        name: of the operator in the file, `output` for the outputs.
        activation: its name; empty for the outputs.
        size: number of neurons.
        reads: numbers of the layers it reads; 0 is the input.
        maps: what it reads them through, one word each.
    """

    number: int
    name: str
    activation: str
    size: int
    reads: tuple[int, ...]
    maps: tuple[str, ...]


@dataclass(frozen=True)
class Entry:
    """A number that changed.

    Attributes:
        layer: number of its layer in the later version.
        bias: whether it is a bias, and no weight.
        tensor: which of the layer's arrays of that kind it is in; 0 for the first.
        index: where in that array.
        before: in the earlier version.
        after: in the later one.
    """

    layer: int
    bias: bool
    tensor: int
    index: tuple[int, ...]
    before: float
    after: float


@dataclass(frozen=True)
class Numbers:
    """How the weights, or the biases, of a layer changed.

    Attributes:
        count: how many there are.
        changed: how many of them are other numbers now.
        zeroed: how many are zero now and were not.
        distance: Euclidean, relative to the earlier ones; infinite where those are all zero and these are not.
        largest: greatest absolute change.
    """

    count: int
    changed: int
    zeroed: int
    distance: float
    largest: float


@dataclass(frozen=True)
class LayerChange:
    """A layer of both versions, or of one that has no counterpart in the other.

    Attributes:
        before: the layer of the earlier version; None where it is new.
        after: the layer of the later version; None where it is gone.
        differs: what is not alike about their structure, in a few words each; empty where it is the same.
        weights: how the numbers of its linear maps changed; None where there is nothing to compare.
        biases: how its constants changed.
        entries: the numbers that changed most, the greatest change first.
    """

    before: Place | None
    after: Place | None
    differs: tuple[str, ...]
    weights: Numbers | None = None
    biases: Numbers | None = None
    entries: tuple[Entry, ...] = ()


def changes(earlier: Network, later: Network) -> list[LayerChange]:
    """Every layer of both versions in order, the outputs last."""
    before, after = _places(earlier), _places(later)
    found = []
    for mine, other in _aligned([_key(*p) for p in before], [_key(*p) for p in after]):
        if mine is None or other is None:
            place = before[mine][0] if mine is not None else None
            new = after[other][0] if other is not None else None
            found.append(LayerChange(place, new, ("is gone" if new is None else "is new",)))
        else:
            found.append(_compared(*before[mine], *after[other]))
    return found


def greatest(found: Sequence[LayerChange]) -> list[Entry]:
    """The entries that changed most in all layers, the greatest change first."""
    return _sorted([entry for change in found for entry in change.entries])


def _sorted(entries: list[Entry]) -> list[Entry]:
    key = operator.attrgetter("layer", "bias", "tensor", "index")
    return sorted(sorted(entries, key=key), key=lambda entry: -abs(entry.after - entry.before))[:MOST_ENTRIES]


def _places(network: Network) -> list[tuple[Place, Affine]]:
    def of(affine: Affine, number: int, name: str, activation: str) -> tuple[Place, Affine]:
        maps = tuple(type(linear).__name__.lower() for _, linear in affine.terms)
        reads = tuple(source for source, _ in affine.terms)
        return Place(number, name, activation, affine.size, reads, maps), affine

    layers = [of(at.affine, k, at.name, at.activation.name) for k, at in enumerate(network.layers, 1)]
    return [*layers, of(network.output, len(layers) + 1, "output", "")]


def _key(place: Place, affine: Affine) -> str:
    """Names what a layer computes, whatever layers it reads and whatever its numbers are."""
    shapes = [linear.shape_only() for _, linear in affine.terms]
    return digest("layer", place.activation, place.size, shapes, len(affine.constants))


def _aligned(before: list[str], after: list[str]) -> Iterator[tuple[int | None, int | None]]:
    """Pairs of positions; layers between two that match are paired in order as far as they go."""
    for _, first, end, start, stop in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        for offset in range(max(end - first, stop - start)):
            mine, other = first + offset, start + offset
            yield (mine if mine < end else None), (other if other < stop else None)


def _compared(mine: Place, before: Affine, other: Place, after: Affine) -> LayerChange:
    differs = [
        f"{what} {_words(old)}, now {_words(new)}"
        for what, old, new in (
            ("activation", mine.activation, other.activation),
            ("size", mine.size, other.size),
            ("maps", mine.maps, other.maps),
            ("reads", mine.reads, other.reads),
            ("constants", len(before.constants), len(after.constants)),
        )
        if old != new
    ]
    if not differs and _key(mine, before) != _key(other, after):
        differs.append("its maps have another structure")
    weights = _numbers(_weights(before), _weights(after))
    biases = _numbers(_biases(before), _biases(after))
    entries = [
        *_entries(other.number, False, _weights(before), _weights(after)),
        *_entries(other.number, True, _biases(before), _biases(after)),
    ]
    return LayerChange(mine, other, tuple(differs), weights, biases, tuple(_sorted(entries)))


def _words(value: object) -> str:
    if isinstance(value, tuple):
        return " and ".join(str(item) for item in value) or "nothing"
    return str(value) or "none"


def _weights(affine: Affine) -> list[Array]:
    """The arrays of the maps; those that constants pass through are mostly the same ones."""
    return list(arrays([linear.describe() for _, linear in affine.terms]))


def _biases(affine: Affine) -> list[Array]:
    return [vector for _, vector in affine.constants]


def _alike(before: list[Array], after: list[Array]) -> bool:
    return [a.shape for a in before] == [a.shape for a in after]


def _numbers(before: list[Array], after: list[Array]) -> Numbers | None:
    if not _alike(before, after):
        return None
    a, b = (np.concatenate([np.zeros(0), *(part.ravel() for part in parts)]) for parts in (before, after))
    change, scale = b - a, float(np.linalg.norm(a))
    moved = float(np.linalg.norm(change))
    return Numbers(
        len(a),
        int(np.count_nonzero(change)),
        int(np.count_nonzero((a != 0.0) & (b == 0.0))),
        0.0 if moved == 0.0 else moved / scale if scale > 0.0 else math.inf,
        float(np.abs(change).max(initial=0.0)),
    )


def _entries(layer: int, bias: bool, before: list[Array], after: list[Array]) -> Iterator[Entry]:
    if not _alike(before, after):
        return
    for tensor, (a, b) in enumerate(zip(before, after, strict=True)):
        size = np.abs(b - a).ravel()
        top = np.argpartition(size, -MOST_ENTRIES)[-MOST_ENTRIES:] if size.size > MOST_ENTRIES else np.arange(size.size)
        for flat in top[size[top] > 0.0]:
            index = tuple(int(i) for i in np.unravel_index(flat, a.shape))
            yield Entry(layer, bias, tensor, index, float(a[index]), float(b[index]))

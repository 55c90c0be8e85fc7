"""The deployed model: onnxruntime runs the file as it is, in the model's own arithmetic.

It is the judge of every counterexample, and it checks the reader: before anything is proved about a network, the
network and the deployed model are compared at a few points. They must agree up to the rounding of the model's
arithmetic. How much that is, is measured: the network is run in float64 with every pre-activation moved up or down at
random by as much as summing n products may round, sqrt(n) u (|L| |h| + |b|), and the outputs' largest move, times a
constant for safety, is what is allowed. What is infinite on the way, as exp is behind a mask, stays so. (Bounding the
errors instead, |L| e from layer to layer, allows everything as soon as there are a few layers.)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import accumulate
from math import prod
from typing import Any, Protocol

import numpy as np

from ivan.errors import ModelError
from ivan.network.activations import Activation, Reciprocal
from ivan.network.activations.rounding import EXACT
from ivan.network.affine import Affine
from ivan.network.element_types import FLOATS, coarser, rounded
from ivan.network.layers import Network
from ivan.network.linear import Array
from ivan.network.ranges import departure

_SAFETY = 8.0
_SAMPLES = 8
_CURVE, _FLAT = 2.0, 0.5
"""Errors of a runtime's curve, in units of its values and of 1: small values are often differences of larger ones."""

_DIVISION = "the quotient 1 / x"

_FAR = 1e300
"""How far an infinite value counts as being from one that is not."""

AT_ONCE = 1 << 22
"""Values of all layers, of the points that are compared together."""


class Runtime:
    """A model in onnxruntime.

    Args:
        data: the ONNX file, decompressed.
        threads: threads within an operator.
        name: the file's name, for messages.
        hidden: names of tensors inside that are to be computed as well.

    Raises:
        ModelError: when onnxruntime refuses the model.
    """

    def __init__(self, data: bytes, threads: int = 1, name: str = "model", hidden: Sequence[str] = ()) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # fatal only: errors arrive as exceptions
        # Idle worker threads would spin on the cores that the search needs.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # Weights that the file dequantises are multiplied as floats, not with inputs that are quantised for speed.
        options.add_session_config_entry("session.disable_quant_qdq", "1")
        try:
            data, added = _with_outputs(data, hidden) if hidden else (data, 0)
            self._session: Any = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its exception types share no other base
            raise ModelError(
                f"{name}: onnxruntime refuses the model: {_first_line(error)}",
                hint="check the model with onnx.checker, or export it again",
            ) from error
        stored = {value.name for value in self._session.get_overridable_initializers()}
        declared = [value for value in self._session.get_inputs() if value.name not in stored]
        self._name = name
        names = [value.name for value in self._session.get_outputs()]
        self._order = [*range(len(names) - added), *map(names.index, hidden)]  # of the results
        # An open batch dimension runs as 1, as the reader has it.
        self._inputs = [
            _Input(v.name, tuple(d if isinstance(d, int) and d > 0 else 1 for d in v.shape), _dtype(v.type))
            for v in declared
        ]
        floats = [i.dtype.name for i in self._inputs if i.dtype.kind == "f"]
        self.precision: np.dtype[Any] = np.dtype(reduce(coarser, floats) if floats else FLOATS[0])

    def rounded(self, x: Array) -> Array:
        """The nearest numbers that the inputs can take: (..., n), float64."""
        parts = np.split(np.asarray(x, np.float64), self._starts, axis=-1)
        return np.concatenate([rounded(p, i.dtype.name) for p, i in zip(parts, self._inputs, strict=True)], axis=-1)

    @property
    def _starts(self) -> list[int]:
        """Where the second input begins in the flat vector, and every later one."""
        return list(accumulate(prod(i.shape) for i in self._inputs[:-1]))

    def run(self, x: Array) -> Array:
        """The outputs and then the hidden tensors, flattened and concatenated: (n,) float64 -> (m,) float64.

        Args:
            x: all inputs, flattened and concatenated; rounded to what they can take.

        Raises:
            ModelError: when the model cannot be run.
        """
        parts = np.split(self.rounded(x), self._starts)
        feed = {i.name: part.astype(i.dtype).reshape(i.shape) for part, i in zip(parts, self._inputs, strict=True)}
        try:
            results = self._session.run(None, feed)
        except Exception as error:  # as above
            raise ModelError(f"{self._name}: onnxruntime cannot run the model: {_first_line(error)}") from error
        return np.concatenate([np.asarray(results[k], np.float64).ravel() for k in self._order])


@dataclass(frozen=True)
class _Input:
    """An input as onnxruntime declares it."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


_TYPES = {"tensor(float)": "float32", "tensor(double)": "float64"}
"""onnxruntime's names of types that numpy calls otherwise; `tensor(int8)` is int8."""


def _dtype(kind: str) -> np.dtype[Any]:
    return np.dtype(_TYPES.get(kind, kind.removeprefix("tensor(").removesuffix(")")))


def _with_outputs(data: bytes, names: Sequence[str]) -> tuple[bytes, int]:
    """The model with more tensors among its outputs, and how many more these are."""
    import onnx

    proto = onnx.ModelProto.FromString(data)
    there = {output.name for output in proto.graph.output}
    new = [name for name in dict.fromkeys(names) if name not in there]
    proto.graph.output.extend(onnx.ValueInfoProto(name=name) for name in new)
    return proto.SerializeToString(), len(new)


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0]


class Deployed(Protocol):
    """What computes a network's outputs in the deployed arithmetic: a `Runtime`, or several."""

    @property
    def precision(self) -> np.dtype[Any]:
        """The coarsest floating-point type among its inputs."""

    def rounded(self, x: Array) -> Array:
        """The nearest numbers that the inputs can take."""

    def run(self, x: Array) -> Array:
        """(n,) inputs -> (m,) outputs."""


def self_check(
    network: Network, runtime: Deployed, lower: Array, upper: Array, rng: np.random.Generator, *, behind: int = 0
) -> None:
    """Compares a network with its deployed model at the centre of a box and at two random points.

    Args:
        network: as it was read.
        runtime: the same model in onnxruntime.
        lower: (n,), finite.
        upper: (n,), finite.
        rng: chooses the points.
        behind: outputs of the network, its last ones, that the deployed model does not have.

    Raises:
        ModelError: when they differ by more than rounding explains.
    """
    shares = np.concatenate([np.full((1, len(lower)), 0.5), rng.random((2, len(lower)))])
    points = runtime.rounded(lower + shares * (upper - lower))
    actual = np.stack([runtime.run(point) for point in points])
    expected = network(points)[:, : network.outputs - behind]
    if actual.shape != expected.shape:
        raise _misread(network, f"{expected.shape[1]} outputs instead of {actual.shape[1]}")
    finite = np.all(np.isfinite(actual), axis=1)
    if not np.all(finite):
        raise _not_finite(network, points[~finite], runtime.precision.name)
    difference = np.abs(actual - expected)
    # Comparing this way round, a NaN fails, and so does what is infinite.
    eps = float(np.finfo(coarser(network.precision, runtime.precision.name)).eps)  # inside it may be coarser
    most = network.fitting(AT_ONCE)
    parts = [rounding(network, points[at : at + most], eps, rng) for at in range(0, len(points), most)]
    allowed = np.concatenate(parts)
    wrong = ~((difference <= allowed) & (difference < np.inf))
    if np.any(wrong):
        precision = coarser(network.precision, runtime.precision.name)
        for k in np.flatnonzero(wrong.any(axis=1)):
            left = departure(network, points[k], wrong[k], actual[k], float(allowed[k, 0]), precision)
            if left is not None:
                raise _departed(network, left)
        _, output = np.unravel_index(np.argmax(difference), difference.shape)
        raise _misread(network, f"output {output} differs by {difference.max():.3g}")


def _not_finite(network: Network, x: Array, precision: str) -> ModelError:
    """The error for points (B, n) at which the deployed model's outputs are not all numbers."""
    nothing = "a verdict about numbers that the model cannot compute would mean nothing"
    outside = _outside(network, x)
    if outside is None:
        return ModelError(
            f"{network.name}: the model's outputs leave {precision} inside the property's region",
            hint=f"{nothing}; check the region's bounds, and the model's weights",
        )
    return ModelError(
        f"{network.name}: the property's region reaches outside the model's domain: {outside}",
        hint=f"{nothing}; narrow the region's bounds to where the model is defined",
    )


def _outside(network: Network, x: Array) -> str | None:
    """The first activation that has no value at one of some points (B, n), where it is not too large a one."""
    values = dict(enumerate(network.forward(x)))
    for k, layer in enumerate(network.layers, 1):
        z = layer.affine.evaluate(values)
        operands = z.reshape(len(x), layer.activation.arity, -1)
        pole = np.isinf(values[k]) & (np.abs(operands) <= 1.0).all(axis=1)
        lost = np.isfinite(operands).all(axis=1) & (np.isnan(values[k]) | pole)
        if lost.any():
            point, unit = np.argwhere(lost)[0]
            name = _DIVISION if isinstance(layer.activation, Reciprocal) else layer.activation.name
            where = f" (node {layer.name!r})" if layer.name else ""
            return f"{name}{where} of {float(operands[point, 0, unit]):.4g}"
    return None


def _departed(network: Network, how: str) -> ModelError:
    """The error for outputs that differ because numbers on the way to them leave their type."""
    return ModelError(
        f"{network.name}: numbers inside the model leave {how}",
        hint="the deployed model overflows or underflows there, and its outputs are others than in real numbers; "
        "narrow the region's bounds, or export the model with weights of another scale",
    )


def _misread(network: Network, how: str) -> ModelError:
    return ModelError(
        f"{network.name}: the model was read wrongly: {how} from what onnxruntime computes",
        hint="this is a bug of ivan; please report it with the model",
    )


def rounding(network: Network, x: Array, unit: float, rng: np.random.Generator) -> Array:
    """How far a model in low precision may be from its network: (B, n) inputs -> (B, 1), for all outputs alike.

    Args:
        network: the network.
        x: (B, n).
        unit: distance from 1 to the next number of the arithmetic.
        rng: chooses the disturbances.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # beyond the floats there is no telling
        reach = _reach(network, x, unit, rng)
    return _SAFETY * np.where(np.isnan(reach), np.inf, reach)


def _reach(network: Network, x: Array, unit: float, rng: np.random.Generator) -> Array:
    """The outputs' largest move: (B, 1)."""
    exact = dict(enumerate(network.forward(x)))
    apart = {0: np.zeros((_SAMPLES * len(x), network.inputs))}  # of every layer, how far disturbed values are off

    def noise(affine: Affine) -> Array:
        parts = _parts(affine, exact)
        magnitude = sum(parts, np.zeros((len(x), affine.size)))
        # integers add up without rounding, and a step would magnify it; a sum may be one though its summands are not
        whole = np.all([part == np.rint(part) for part in parts], axis=0) & (magnitude * unit < 1.0)
        size = unit * math.sqrt(_summands(affine) + 4) * np.tile(np.where(whole, 0.0, magnitude), (_SAMPLES, 1))
        moved: Array = size * rng.choice([-1.0, 1.0], size.shape)
        for source, linear in affine.terms:
            moved = moved + linear.apply(apart[source])
        return moved

    for k, layer in enumerate(network.layers, 1):
        here = np.tile(layer.affine.evaluate(exact), (_SAMPLES, 1))
        values = _disturbed(layer.activation, here, noise(layer.affine))
        if layer.activation.rounding != EXACT:
            size = np.where(np.isfinite(values), unit * (_CURVE * np.abs(values) + _FLAT), 0.0)
            values = values + size * rng.choice([-1.0, 1.0], values.shape)
        apart[k] = _apart(values, np.tile(exact[k], (_SAMPLES, 1)))
    reach = np.abs(noise(network.output).reshape(_SAMPLES, len(x), -1))
    return np.asarray(reach.max(axis=(0, 2))[:, None])


def _disturbed(activation: Activation, here: Array, noise: Array) -> Array:
    """The activation's values where its operands `here` are off by `noise`.

    Where it has none, as a root has none below 0, the runtime's operands are not there either, for its values are
    numbers: the noise goes the other way, or nowhere.
    """
    values = activation.value(here + noise)
    for operands in (here - noise, here):
        lost = np.isnan(values)
        if not lost.any():
            break
        values = np.where(lost, activation.value(operands), values)
    return values


def _apart(values: Array, exact: Array) -> Array:
    """How far values are from the exact ones, as numbers: nowhere from one infinity to the same one, or from NaN."""
    difference = np.clip(values - exact, -_FAR, _FAR)
    return np.where((values == exact) | np.isnan(values), 0.0, difference)


def _summands(affine: Affine) -> int:
    parts = len(affine.terms) + len(affine.constants)
    return parts + max((linear.terms for _, linear in affine.terms), default=0)


def _parts(affine: Affine, values: Mapping[int, Array]) -> list[Array]:
    """|L| |h| of every source and |b|, (B, size) each.

    What is infinite counts as nothing: a sum with it is infinite, however it rounds.
    """
    parts = []
    for source, linear in affine.terms:
        size = np.abs(values[source])
        parts.append(linear.absolute().apply(np.where(np.isinf(size), 0.0, size)))
    for constant, vector in affine.constants:
        size = np.broadcast_to(np.abs(vector), (len(values[0]), len(vector)))
        parts.append(size if constant is None else constant.absolute().apply(size))
    return parts

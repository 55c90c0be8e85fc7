"""The deployed model: onnxruntime runs the file as it is, in the model's own arithmetic.

It is the judge of every counterexample, and it checks the reader: before anything is proved about a network, the
network and the deployed model are compared at a few points. They must agree up to the rounding of the model's
arithmetic. How much that is, is measured: the network is run in float64 with every pre-activation moved up or down at
random by as much as summing n products may round, sqrt(n) u (|L| |h| + |b|), and the outputs' largest move, times a
constant for safety, is what is allowed. (Bounding the errors instead, |L| e from layer to layer, allows everything as
soon as there are a few layers.)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ivan.errors import ModelError
from ivan.network.affine import Affine
from ivan.network.layers import Network
from ivan.network.linear import Array

_SAFETY = 8.0
_SAMPLES = 8

AT_ONCE = 1 << 22
"""Values of all layers, of the points that are compared together."""


class Runtime:
    """A model in onnxruntime.

    Args:
        data: the ONNX file, decompressed.
        threads: threads within an operator.
        name: the file's name, for messages.

    Raises:
        ModelError: when onnxruntime refuses the model.
    """

    def __init__(self, data: bytes, threads: int = 1, name: str = "model") -> None:
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
            self._session: Any = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its exception types share no other base
            raise ModelError(
                f"{name}: onnxruntime refuses the model: {_first_line(error)}",
                hint="check the model with onnx.checker, or export it again",
            ) from error
        stored = {value.name for value in self._session.get_overridable_initializers()}
        (declared,) = (value for value in self._session.get_inputs() if value.name not in stored)
        self._name = name
        self._input: str = declared.name
        # An open batch dimension runs as 1, as the reader has it.
        self._shape = tuple(d if isinstance(d, int) and d > 0 else 1 for d in declared.shape)
        self.precision: np.dtype[Any] = np.dtype(np.float64 if declared.type == "tensor(double)" else np.float32)

    def run(self, x: Array) -> Array:
        """The outputs, flattened and concatenated: (n,) float64 -> (m,) float64; x is rounded to the model's precision.

        Raises:
            ModelError: when the model cannot be run.
        """
        tensor = np.asarray(x).astype(self.precision).reshape(self._shape)
        try:
            results = self._session.run(None, {self._input: tensor})
        except Exception as error:  # as above
            raise ModelError(f"{self._name}: onnxruntime cannot run the model: {_first_line(error)}") from error
        return np.concatenate([np.asarray(result, np.float64).ravel() for result in results])


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0]


def self_check(network: Network, runtime: Runtime, lower: Array, upper: Array, rng: np.random.Generator) -> None:
    """Compares a network with its deployed model at the centre of a box and at two random points.

    Args:
        network: as it was read.
        runtime: the same model in onnxruntime.
        lower: (n,), finite.
        upper: (n,), finite.
        rng: chooses the points.

    Raises:
        ModelError: when they differ by more than rounding explains.
    """
    shares = np.concatenate([np.full((1, len(lower)), 0.5), rng.random((2, len(lower)))])
    points = (lower + shares * (upper - lower)).astype(runtime.precision).astype(np.float64)
    actual = np.stack([runtime.run(point) for point in points])
    expected = network(points)
    if actual.shape != expected.shape:
        raise _misread(network, f"{expected.shape[1]} outputs instead of {actual.shape[1]}")
    if not np.all(np.isfinite(actual)):
        raise ModelError(
            f"{network.name}: the model's outputs leave {runtime.precision.name} inside the property's region",
            hint="a verdict about numbers that the model cannot compute would mean nothing; check its weights",
        )
    difference = np.abs(actual - expected)
    # Comparing this way round, a NaN fails.
    eps, most = float(np.finfo(runtime.precision).eps), network.fitting(AT_ONCE)
    parts = [rounding(network, points[at : at + most], eps, rng) for at in range(0, len(points), most)]
    if not np.all(difference <= np.concatenate(parts)):
        _, output = np.unravel_index(np.argmax(difference), difference.shape)
        raise _misread(network, f"output {output} differs by {difference.max():.3g}")


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
    exact = dict(enumerate(network.forward(x)))
    disturbed = {0: np.tile(exact[0], (_SAMPLES, 1))}

    def noisy(affine: Affine) -> Array:
        size = unit * math.sqrt(_summands(affine) + 4) * np.tile(_magnitude(affine, exact), (_SAMPLES, 1))
        moved: Array = affine.evaluate(disturbed) + size * rng.choice([-1.0, 1.0], size.shape)
        return moved

    for k, layer in enumerate(network.layers, 1):
        disturbed[k] = layer.activation.value(noisy(layer.affine))
    reach = np.abs(noisy(network.output).reshape(_SAMPLES, len(x), -1) - network.output.evaluate(exact))
    return np.asarray(_SAFETY * reach.max(axis=(0, 2))[:, None])


def _summands(affine: Affine) -> int:
    parts = len(affine.terms) + len(affine.constants)
    return parts + max((linear.terms for _, linear in affine.terms), default=0)


def _magnitude(affine: Affine, values: Mapping[int, Array]) -> Array:
    """|L| |h| + |b|: (B, size)."""
    total = np.zeros((len(values[0]), affine.size))
    for source, linear in affine.terms:
        total = total + linear.absolute().apply(np.abs(values[source]))
    for constant, vector in affine.constants:
        size = np.abs(vector)[None, :]
        total = total + (size if constant is None else constant.absolute().apply(size))
    return total

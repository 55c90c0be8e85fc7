"""The models that a query is asked about: found, read, fitted to what it declares, and run.

VNN-LIB 1.0 speaks of one model, whatever it is called. A query of VNN-LIB 2.0 declares networks, and every one that is
not equal to another needs a model. Its tensors are matched with the model's by name where the query names them, else in
order; types and shapes must agree, the batch dimension included, save that a declared `real` agrees with every type.

Source: VNN-LIB 2.0 standard, 3.1.3 and 5.3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from hashlib import sha256
from os import PathLike, fspath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ivan.arrangement import REAL, arithmetic, arranged, arranged_as_differences, arranged_as_runs, check_types
from ivan.errors import InputError, MismatchError, ModelError
from ivan.network.affine import UNDONE
from ivan.network.combine import Part
from ivan.network.element_types import coarser
from ivan.network.model import Model, Port
from ivan.network.onnx_reader import read_model
from ivan.network.reference import Runtime
from ivan.problem import Problem, build_problem
from ivan.vnnlib import Query
from ivan.vnnlib.declarations import DeclaredNetwork, DeclaredTensor

Array = NDArray[np.float64]
Index = NDArray[np.int64]

Path = str | PathLike[str]


@dataclass(frozen=True, eq=False)
class _Call:
    """One of the query's networks, as its model computes it.

    Attributes:
        model: the number of the model.
        inputs: the query's input that each of the model's inputs is.
        outputs: which of the model's outputs and hidden tensors the query's are; None for all as they are.
    """

    model: int
    inputs: Index
    outputs: Index | None


class Deployment:
    """The models of a query.

    Args:
        query: what is asked.
        models: the distinct ones.
        calls: the query's networks, in order.

    Raises:
        MismatchError: the query does not fit the models.
        PropertyError: see `build_problem`; or a model may do on the query's boxes what its network does not.
    """

    def __init__(self, query: Query, models: Sequence[Model], calls: Sequence[_Call]) -> None:
        self.query, self.models = query, tuple(models)
        self._calls = tuple(calls)
        if query.networks:
            self.problem: Problem = build_problem(query, *arranged(query, self._parts))
        else:
            self.problem = build_problem(query, models[0].network)
        self._check_scales()
        self._check_limits()

    def _check_scales(self) -> None:
        """Raises where numbers inside a model are scaled down and up again by more than float64 can follow."""
        network = self.problem.network
        maps = [(f"node {layer.name!r}", layer.affine) for layer in network.layers]
        for place, affine in (*maps, ("an output", network.output)):
            if not affine.tame:
                raise ModelError(
                    f"{network.name}: on the way to {place}, numbers are scaled by more than {UNDONE:.0e} and then "
                    "once more: what float64 loses in between would be lost in the bounds",
                    hint="multiply such factors out in the model",
                )

    def _check_limits(self) -> None:
        """Raises where a model may do on the query's boxes what its network does not."""
        if not any(model.limits for model in self.models):
            return
        from ivan.bounds.limits import check_limits

        regions, inputs = self.problem.regions, self.problem.network.inputs
        lower = np.array([region.lower for region in regions]).reshape(len(regions), inputs)
        upper = np.array([region.upper for region in regions]).reshape(len(regions), inputs)
        for call, mine in zip(self._calls, self._places, strict=True):
            model, unit = self.models[call.model], self.problem.network.arithmetic
            check_limits(model, lower[:, mine], upper[:, mine], self.query.path, unit)

    @property
    def _parts(self) -> list[Part]:
        return [Part(self.models[call.model].network, call.inputs, call.outputs) for call in self._calls]

    def as_differences(self) -> Problem | None:
        """The same problem with the second of two networks as differences; None where they do not allow that."""
        network = arranged_as_differences(self.query, self._parts) if self.query.networks else None
        return None if network is None else build_problem(self.query, network, self.problem.place)

    def as_runs(self) -> Problem | None:
        """The same problem with two runs of one network tied to one another; None where it is about anything else."""
        network = arranged_as_runs(self.query, self._parts) if self.query.networks else None
        return None if network is None else build_problem(self.query, network, self.problem.place)

    @property
    def forms(self) -> tuple[Problem, ...]:
        """The problem in every form in which its proof may be stored: side by side, and tied in any way that it can."""
        others = (self.as_differences(), self.as_runs())
        return (self.problem, *(form for form in others if form is not None))

    @property
    def name(self) -> str:
        """What messages call the models."""
        return self.problem.network.name

    @cached_property
    def file_digest(self) -> str:
        """Names the files: of one model its own, of several one over all of them, in the order of the query."""
        digests = [self.models[call.model].file_digest for call in self._calls]
        return digests[0] if len(digests) == 1 else sha256("".join(digests).encode()).hexdigest()

    @cached_property
    def runtimes(self) -> tuple[Runtime, ...]:
        """Each model in onnxruntime.

        Raises:
            ModelError: onnxruntime refuses one.
        """
        return tuple(Runtime(m.data, 1, m.path, [port.name for port in m.hidden]) for m in self.models)

    @cached_property
    def precision(self) -> np.dtype[Any]:
        """The coarsest floating-point type of a model."""
        return np.dtype(reduce(coarser, (runtime.precision.name for runtime in self.runtimes)))

    def rounded(self, x: Array) -> Array:
        """The nearest numbers that the network's inputs can take: (..., n), float64."""
        point = np.array(x, np.float64)
        for call, mine in zip(self._calls * 2, self._places * 2, strict=True):  # twice: an input may be of two types
            point[..., mine] = self.runtimes[call.model].rounded(point[..., mine])
        return point

    def run(self, x: Array) -> Array:
        """The query's outputs where the network's inputs are x: (n,) -> (m,), in the models' own arithmetic.

        NaN where x is not a number of all types of some input.

        Raises:
            ModelError: a model cannot be run.
        """
        known: dict[tuple[int, bytes], Array] = {}
        found = []
        for call, mine in zip(self._calls, self._places, strict=True):
            runtime, inputs = self.runtimes[call.model], x[mine]
            if not np.array_equal(runtime.rounded(inputs), inputs):
                return np.full(self.query.outputs, np.nan)
            key = (call.model, inputs.tobytes())
            if key not in known:
                known[key] = runtime.run(inputs)
            found.append(known[key] if call.outputs is None else known[key][call.outputs])
        return np.concatenate(found)

    @cached_property
    def _places(self) -> tuple[Index, ...]:
        """Of every call the network's inputs that its model reads."""
        return tuple(self.problem.place[call.inputs] for call in self._calls)


def deploy(query: Query, models: Path | Mapping[str, Path]) -> Deployment:
    """Reads the models of a query.

    Args:
        query: what is asked.
        models: the file of the only model, or that of every network by its name in the query.

    Raises:
        InputError: a model is missing, is one too many or cannot be read, or a declared type is not supported.
        MismatchError: the query does not fit the models.
    """
    if not query.networks:
        model = read_model(_only(query, models))
        return Deployment(query, [model], [_Call(0, np.arange(model.network.inputs), None)])
    check_types(query)
    files = _files(query, models)
    hidden: dict[str, list[str]] = {}  # by file: all tensors that some network of it names
    for network in query.networks:
        names = hidden.setdefault(files[network.name], [])
        names += [t.onnx_name for t in network.hidden if t.onnx_name is not None and t.onnx_name not in names]
    read: dict[str, Model] = {}
    for file, names in hidden.items():
        model = read_model(file, names)
        same = (m for m in read.values() if _same_function(m, model, exactly=not arithmetic(query)))
        read[file] = replace(model, network=next(same, model).network)  # one, so that it is seen to be the same
    order = list(read)
    calls, inputs, outputs = [], 0, 0
    for network in query.networks:
        file = files[network.name]
        calls.append(_fitted(query, network, read[file], order.index(file), inputs))
        inputs += sum(tensor.size for tensor in network.inputs)
        outputs += sum(tensor.size for tensor in (*network.outputs, *network.hidden))
    if (inputs, outputs) != (query.inputs, query.outputs):
        raise ValueError(f"{inputs} inputs and {outputs} outputs declared, {query.inputs} and {query.outputs} counted")
    return Deployment(query, list(read.values()), calls)


def _same_function(first: Model, second: Model, *, exactly: bool) -> bool:
    """Do two models surely compute the same: in exact arithmetic, or else in that of every runtime?

    Equal networks are the same function. But a runtime may compute them in another order where the files differ.
    """
    if (first.file_digest, first.hidden) == (second.file_digest, second.hidden):
        return True
    return exactly and first.network.digest == second.network.digest


def _only(query: Query, models: Path | Mapping[str, Path]) -> str:
    if not isinstance(models, Mapping):
        return fspath(models)
    if len(models) != 1:
        raise InputError(
            f"{query.path} is about one network, {len(models)} are given",
            hint="VNN-LIB 1.0 has one network; VNN-LIB 2.0 declares several",
        )
    return fspath(next(iter(models.values())))


def _files(query: Query, models: Path | Mapping[str, Path]) -> dict[str, str]:
    """The model's file of every network of the query."""
    needed = [network.name for network in query.networks if network.equal_to is None]
    if not isinstance(models, Mapping):
        if len(needed) != 1:
            names = ", ".join(needed)
            raise InputError(
                f"{query.path} is about the networks {names}, one model is given",
                hint=f"give each its own: {' '.join(f'--network {name}=MODEL' for name in needed)}",
            )
        models = {needed[0]: models}
    declared = ", ".join(network.name for network in query.networks)
    for name in models:
        if name not in (network.name for network in query.networks):
            raise InputError(f"{query.path} declares no network {name}", hint=f"it declares {declared}")
    missing = [name for name in needed if name not in models]
    if missing:
        raise InputError(
            f"{query.path}: no model for network{'' if len(missing) == 1 else 's'} {', '.join(missing)}",
            hint=" ".join(f"--network {name}=MODEL" for name in missing),
        )
    files = {name: fspath(models[name]) for name in needed}
    by_name = {network.name: network for network in query.networks}
    for network in query.networks:
        root = network
        while root.equal_to is not None:
            root = by_name[root.equal_to]
        file = files[root.name]
        if network is not root and network.name in models and not _same_file(fspath(models[network.name]), file):
            raise InputError(
                f"{query.path}: network {network.name} is equal to {root.name}, but another model is given for it",
                hint=f"leave --network {network.name}=MODEL out",
            )
        files[network.name] = file
    return files


def _same_file(first: str, second: str) -> bool:
    if first == second:
        return True
    return read_model(first).file_digest == read_model(second).file_digest


def _fitted(query: Query, network: DeclaredNetwork, model: Model, number: int, start: int) -> _Call:
    """The network with the tensors of its model that its own are; its inputs begin at the query's input `start`."""
    taken = _matched(query, network, network.inputs, model, model.inputs, "input")
    first = start + np.cumsum([0, *(tensor.size for tensor in network.inputs)])
    inputs = [np.arange(first[k], first[k] + port.size) for k, port in zip(_inverse(taken), model.inputs, strict=True)]
    ports = (*model.outputs, *model.hidden)
    begin = np.cumsum([0, *(port.size for port in ports)])
    chosen = _matched(query, network, network.outputs, model, model.outputs, "output")
    inside = [port.name for port in model.hidden]
    for tensor in network.hidden:
        place = inside.index(str(tensor.onnx_name))
        _check_tensor(query, network, tensor, model, model.hidden[place], "hidden tensor")
        chosen.append(len(model.outputs) + place)
    outputs = np.concatenate([np.arange(begin[k], begin[k + 1]) for k in chosen])
    whole = np.array_equal(outputs, np.arange(model.network.outputs))
    return _Call(number, np.concatenate(inputs), None if whole else outputs)


def _inverse(order: Sequence[int]) -> list[int]:
    return [int(k) for k in np.argsort(order)]


def _matched(
    query: Query,
    network: DeclaredNetwork,
    tensors: Sequence[DeclaredTensor],
    model: Model,
    ports: Sequence[Port],
    what: str,
) -> list[int]:
    """Which of the model's ports every declared tensor is."""
    if len(tensors) != len(ports):
        raise MismatchError(
            f"{query.path}: network {network.name} has {_count(len(tensors), what)}, {model.path} has {len(ports)}",
            hint=f"the model's: {', '.join(f'{port.name} {port.dtype} {_shape(port.shape)}' for port in ports)}",
        )
    names = [port.name for port in ports]
    order = []
    for k, tensor in enumerate(tensors):
        place = k if tensor.onnx_name is None else names.index(tensor.onnx_name) if tensor.onnx_name in names else -1
        if place < 0:
            raise MismatchError(
                f"{query.path}: network {network.name}: {model.path} has no {what} {tensor.onnx_name!r}",
                hint=f"it has {', '.join(map(repr, names))}",
            )
        _check_tensor(query, network, tensor, model, ports[place], what)
        order.append(place)
    if len(set(order)) < len(order):
        raise MismatchError(
            f"{query.path}: network {network.name}: two of its {what}s are the same {what} of {model.path}",
            hint="name all of them, or none",
        )
    return order


def _check_tensor(
    query: Query, network: DeclaredNetwork, tensor: DeclaredTensor, model: Model, port: Port, what: str
) -> None:
    """Raises where declared type or shape are not the model's."""
    place = f"{query.path}: network {network.name}: {tensor.name} is declared"
    if tuple(tensor.shape) != port.shape:
        raise MismatchError(
            f"{place} {_shape(tensor.shape)}, {what} {port.name!r} of {model.path} is {_shape(port.shape)}",
            hint="shapes must agree, the batch dimension included"
            if tensor.size == port.size
            else "is this the property of another model?",
        )
    if tensor.element.lower() not in (REAL, port.dtype):
        raise MismatchError(
            f"{place} {tensor.element}, {what} {port.name!r} of {model.path} is of {port.dtype}",
            hint=f"declare it {port.dtype}, or {REAL} for exact arithmetic",
        )


def _shape(shape: Sequence[int]) -> str:
    return "[" + ",".join(map(str, shape)) + "]"


def _count(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"

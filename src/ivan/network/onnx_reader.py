"""ONNX to the normal form: the graph is run once on affine expressions instead of numbers.

A linear operator composes its map onto the expression, an operator on constants is computed on the spot, and a
nonlinear one adds a layer. Nodes that no output needs are not read. An operator that cannot be read leaves its outputs
unknown and the walk goes on, so that one run names everything that is in the way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ivan.errors import ModelError, UnsupportedOperatorError
from ivan.network.affine import Affine
from ivan.network.layers import Layer, Network
from ivan.network.onnx_file import (
    attribute_value,
    initializers,
    input_shape,
    needed_nodes,
    opset,
    parse,
    read_bytes,
    read_names,
    without_functions,
)
from ivan.network.onnx_ops import OPERATORS, Expression, Node, Tensor, UsageError, Value, check_size, lift

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto, ValueInfoProto

OPSETS = range(7, 29)
"""Versions of the operator set that are understood; 7 is the first one with today's broadcasting."""

_WIDE = 6
"""An expression of more maps and constants than this gets a layer of its own before it is used twice."""

_LONG = 100
"""And more than this are too many to evaluate inside one another even for a single use."""

_FLOATS: dict[int, np.dtype[Any]] = {1: np.dtype(np.float32), 11: np.dtype(np.float64)}
"""TensorProto.DataType of the inputs that can be read."""

_INFINITE = frozenset({"Clip", "Cast", "CastLike", "Identity", "IsInf", "IsNaN"})
"""Operators whose constant operands may be infinite: the limits of a Clip, what they pass through, what they ask."""

_VARIADIC = 0x04  # inspect.CO_VARARGS


@dataclass(frozen=True)
class Port:
    """An input or output of the model.

    Attributes:
        name: in the file.
        shape: of the tensor; an open batch dimension is 1.
        dtype: numpy's name of its type.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str


MOST_BYTES, MOST_NEURONS = 300_000_000, 5_000_000
"""Largest model, by its file and by what it computes. In the verifier a number of the file takes up to ten times its
room (in two precisions, with its absolute value, in two orders), and of a network of so many neurons a search takes up
to two gigabytes; four are to be enough."""

_SMALLER = "verify the part of the network that matters, or a smaller version of it"


@dataclass(frozen=True, eq=False)
class Model:
    """A model as deployed and as verified.

    Attributes:
        network: its normal form.
        data: the decompressed ONNX file, with external data inside: what onnxruntime is given.
        path: where it was read.
        file_digest: SHA-256 of `data`.
        input: its input.
        outputs: its outputs, in the order in which `network` concatenates them.
    """

    network: Network
    data: bytes
    path: str
    file_digest: str
    input: Port
    outputs: tuple[Port, ...]


def read_network(path: str | PathLike[str]) -> Network:
    """The network in an ONNX file; see `read_model`."""
    return read_model(path).network


def read_model(path: str | PathLike[str]) -> Model:
    """Reads an ONNX file, plain or compressed with gzip.

    Raises:
        UnsupportedOperatorError: when it uses operators, or forms of them, that cannot be verified; names all.
        ModelError: when it is missing, damaged, ill-formed or too large.
    """
    place = Path(path)
    proto, data = parse(read_bytes(place), place)
    if len(data) > MOST_BYTES:
        raise ModelError(
            f"{place}: too large: {len(data) / 1e6:,.0f} MB, at most {MOST_BYTES / 1e6:,.0f} MB can be verified",
            hint=_SMALLER,
        )
    reader = _Reader(without_functions(proto, place).graph, place, opset(proto, place, OPSETS))
    network, source, outputs = reader.read()
    return Model(network, data, str(path), sha256(data).hexdigest(), source, outputs)


class _Reader:
    """The state of one walk over a graph."""

    def __init__(self, graph: GraphProto, path: Path, version: int) -> None:
        self.graph, self.path, self.opset = graph, path, version
        self.layers: list[Layer] = []
        self.values: dict[str, Value] = dict(initializers(graph, path))
        self.infinite: set[str] = set()
        self.unknown: set[str] = set()
        self.unsupported: dict[str, list[str]] = {}  # usage -> names of the nodes
        for name, value in self.values.items():
            self._note_finite(name, value)

    def read(self) -> tuple[Network, Port, tuple[Port, ...]]:
        """The network with its input and outputs."""
        source = self._declare_input()
        nodes = needed_nodes(self.graph)
        uses = Counter(name for node in nodes for name in read_names(node))
        uses.update(output.name for output in self.graph.output)
        for proto in nodes:
            self._read_node(proto, uses)
            self._check_size(proto)
        if self.unsupported:
            found = [self._described(usage, names) for usage, names in self.unsupported.items()]
            raise UnsupportedOperatorError(str(self.path), found)
        results = [self._output(output) for output in self.graph.output]
        network = Network(
            tuple(self.layers),
            source.shape,
            Affine.concatenated([result.affine for result in results]),
            self.path.name,
            source.dtype,
        )
        names = (output.name for output in self.graph.output)
        ports = (Port(name, result.shape, result.dtype.name) for name, result in zip(names, results, strict=True))
        return network, source, tuple(ports)

    def _error(self, message: str, hint: str = "export the model again; onnx.checker may say more") -> ModelError:
        return ModelError(f"{self.path}: {' '.join(message.split())}", hint=hint)

    def _declare_input(self) -> Port:
        inputs: list[ValueInfoProto] = [i for i in self.graph.input if i.name not in self.values]
        if len(inputs) != 1:
            names = ", ".join(repr(i.name) for i in inputs) or "none"
            raise self._error(
                f"has {len(inputs)} inputs ({names}), not one", "concatenate the inputs into one and split it inside"
            )
        shape = input_shape(inputs[0], self.path)
        kind = inputs[0].type.tensor_type.elem_type
        if kind not in _FLOATS:
            raise self._error(f"input {inputs[0].name!r} is not float32 or float64", "export with float32 inputs")
        dtype = _FLOATS[kind]
        try:
            size = int(np.prod(check_size(shape)))
        except ValueError as error:
            raise self._error(f"input {inputs[0].name!r}: {error}") from error
        self.values[inputs[0].name] = Expression(Affine.of(0, size), shape, dtype)
        return Port(inputs[0].name, shape, dtype.name)

    def _read_node(self, proto: NodeProto, uses: Counter[str]) -> None:
        name = proto.name or next(iter(proto.output), "")
        kind = repr(proto.op_type)[1:-1]  # a damaged name may hold anything; it is shown on one line
        node = Node(kind, name, self.opset, self.layers, len(proto.output))
        place = f"{kind} (node {name!r}, opset {self.opset})"
        for output in proto.output:
            if output in self.values or output in self.unknown:
                raise self._error(f"{place}: tensor {output!r} is computed twice")
        self.unknown.update(filter(None, proto.output))  # until they are known
        standard = proto.domain in ("", "ai.onnx")
        if kind == "If" and standard:
            self._read_branch(proto, node, place, uses)
            return
        operator = OPERATORS.get(proto.op_type) if standard else None
        if operator is None:
            full = kind if standard else f"{repr(proto.domain)[1:-1]}::{kind}"
            self.unsupported.setdefault(full, []).append(name)
            return
        inputs = self._inputs(proto, place)
        if any(tensor in self.unknown for tensor in proto.input):
            return
        try:
            attributes = {a.name: attribute_value(a) for a in proto.attribute}
            _check_call(operator, node, len(inputs), attributes)
            results = _call(operator, node, inputs, attributes)
        except UsageError as error:
            self.unsupported.setdefault(str(error), []).append(name)
            return
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            # numpy's complaint about shapes, indices or types is about the file
            raise self._error(f"{place}: {error}") from error
        for output, value in zip(proto.output, results, strict=False):
            if output:
                self._keep(output, value, node, uses)
        for output in proto.output[len(results) :]:
            if uses[output]:
                self.unsupported.setdefault(f"{kind} whose extra output {output!r} is used", []).append(name)

    def _keep(self, output: str, value: Value, node: Node, uses: Counter[str]) -> None:
        """Takes down what a node has computed."""
        if isinstance(value, Expression) and value.affine.width > (_WIDE if uses[output] > 1 else _LONG):
            value = node.named(value)
        self._note_finite(output, value)
        self.values[output] = value
        self.unknown.discard(output)

    def _read_branch(self, proto: NodeProto, node: Node, place: str, uses: Counter[str]) -> None:
        """If, by a constant condition: the nodes of the branch that is taken, as if they stood in the graph itself."""
        inputs = self._inputs(proto, place)
        if any(tensor in self.unknown for tensor in proto.input):
            return
        condition = inputs[0] if inputs else None
        if condition is None or isinstance(condition, Expression):
            usage = str(node.unsupported("whose condition depends on the input"))
            self.unsupported.setdefault(usage, []).append(node.name)
            return
        if condition.size != 1:
            raise self._error(f"{place}: a condition of shape {list(condition.shape)}")
        wanted = "then_branch" if condition.ravel()[0] else "else_branch"
        branch = next((a.g for a in proto.attribute if a.name == wanted), None)
        if branch is None or len(branch.output) != len(proto.output):
            raise self._error(f"{place}: lacks its attribute {wanted!r} with {len(proto.output)} outputs")
        for name, value in initializers(branch, self.path).items():
            if name in self.values or name in self.unknown:
                raise self._error(f"{place}: tensor {name!r} is computed twice")
            self.values[name] = value
            self._note_finite(name, value)
        for inner in needed_nodes(branch):
            self._read_node(inner, uses)
            self._check_size(inner)
        for output, result in zip(proto.output, branch.output, strict=True):
            if result.name in self.values:
                self._keep(output, self.values[result.name], node, uses)
            elif result.name not in self.unknown:
                raise self._error(f"{place}: reads tensor {result.name!r}, which nothing has computed before")

    def _check_size(self, proto: NodeProto) -> None:
        """Before anything is built on a value that is too large."""
        values = [self.values[name] for name in proto.output if name in self.values]
        sizes = [value.size for value in values if isinstance(value, Expression)]
        if max([*sizes, sum(layer.size for layer in self.layers)]) > MOST_NEURONS:
            place = f"{proto.op_type} (node {proto.name!r})"
            raise self._error(f"{place}: too large: more than {MOST_NEURONS:,} neurons cannot be verified", _SMALLER)

    def _inputs(self, proto: NodeProto, place: str) -> list[Value | None]:
        found: list[Value | None] = []
        for name in proto.input:
            value = self.values.get(name) if name else None
            if name and value is None and name not in self.unknown:
                raise self._error(f"{place}: reads tensor {name!r}, which nothing has computed before")
            if name in self.infinite and proto.op_type not in _INFINITE:
                raise self._error(f"tensor {name!r} holds NaN or infinity", "train or export the model again")
            found.append(value)
        while found and found[-1] is None and not proto.input[len(found) - 1]:
            found.pop()
        return found

    def _note_finite(self, name: str, value: Value) -> None:
        if not isinstance(value, Expression) and value.dtype.kind == "f" and not np.all(np.isfinite(value)):
            self.infinite.add(name)

    def _output(self, output: ValueInfoProto) -> Expression:
        value = self.values.get(output.name)
        if value is None:
            raise self._error(f"output {output.name!r} is computed by no node")
        if output.name in self.infinite:
            raise self._error(f"output {output.name!r} holds NaN or infinity", "train or export the model again")
        if value.dtype.kind != "f":
            raise self._error(f"output {output.name!r} is of type {value.dtype}, not a float", "export float outputs")
        return lift(value)

    def _described(self, usage: str, nodes: list[str]) -> str:
        others = f" and {len(nodes) - 1} more" if len(nodes) > 1 else ""
        return f"{usage} (node {nodes[0]!r}{others}, opset {self.opset})"


def _check_call(operator: Any, node: Node, inputs: int, attributes: dict[str, Any]) -> None:
    """Raises where a node has too many or too few inputs, or an attribute that its operator does not know."""
    code, optional = operator.__code__, len(operator.__defaults__ or ())
    most = code.co_argcount - 1  # without the node itself
    least = 1 if code.co_flags & _VARIADIC else most - optional
    if inputs < least or (inputs > most and not code.co_flags & _VARIADIC):
        raise ValueError(f"has {inputs} inputs; it takes {least}{f' to {most}' if most != least else ''}")
    known = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    for name in attributes.keys() - set(known):
        raise node.unsupported(f"with attribute {name!r}")
    for name in set(known) - attributes.keys() - set(operator.__kwdefaults__ or ()):
        raise ValueError(f"lacks its attribute {name!r}")


def _call(operator: Any, node: Node, inputs: Sequence[Value | None], attributes: dict[str, Any]) -> tuple[Value, ...]:
    """The operator's results; constants when all its inputs are."""
    if any(isinstance(value, Expression) for value in inputs):
        return _tuple(operator(node, *inputs, **attributes))
    # On a scratch pad: an operator that lowers itself to layers does so for constants too, and they are computed here.
    scratch = Node(node.operator, node.name, node.opset, [], node.outputs)
    return tuple(_constant(value, scratch.layers) for value in _tuple(operator(scratch, *inputs, **attributes)))


def _tuple(results: Any) -> tuple[Value, ...]:
    return results if isinstance(results, tuple) else (results,)


def _constant(value: Value, layers: Sequence[Layer]) -> Tensor:
    if not isinstance(value, Expression):
        return value
    known = {0: np.zeros((1, 0))}
    for k, layer in enumerate(layers, 1):
        known[k] = layer.activation.value(layer.affine.evaluate(known))
    result = value.affine.evaluate(known)[0].reshape(value.shape)
    return np.asarray(result, value.dtype)

"""ONNX to the normal form: the graph is run once on affine expressions instead of numbers.

A linear operator composes its map onto the expression, an operator on constants is computed on the spot, and a
nonlinear one adds a layer. Nodes that no output needs are not read. An operator that cannot be read leaves its outputs
unknown and the walk goes on, so that one run names everything that is in the way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import reduce
from hashlib import sha256
from math import prod
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ivan.errors import MismatchError, ModelError, UnsupportedOperatorError
from ivan.network.affine import Affine
from ivan.network.element_types import FLOATS, INTEGERS, MOST_EXACT, coarser, whole_range
from ivan.network.layers import Layer, Network
from ivan.network.limits import Limit
from ivan.network.linear import Selection
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
from ivan.network.onnx_ops.values import LARGEST

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto, ValueInfoProto

OPSETS = range(7, 29)
"""Versions of the operator set that are understood; 7 is the first one with today's broadcasting."""

_WIDE = 6
"""An expression of more maps and constants than this gets a layer of its own before it is used twice."""

_LONG = 100
"""And more than this are too many to evaluate inside one another even for a single use."""

_ON_INTEGERS = frozenset(
    {"And", "Cast", "Clip", "Concat", "DepthToSpace", "Dropout", "Equal", "Expand", "Flatten", "Gather", "Greater",
     "GreaterOrEqual", "Identity", "Less", "LessOrEqual", "Max", "Min", "Not", "Or", "Pad", "ReduceMax", "ReduceMin",
     "Relu", "Reshape", "Shape", "Sign", "Size", "Slice", "SpaceToDepth", "Split", "Squeeze", "Tile", "Transpose",
     "Unsqueeze", "Where", "Xor"}
)  # fmt: skip
"""Operators whose result on integers is the one on the real numbers that they are."""

_ON_WIDE_INTEGERS = frozenset({"Abs", "Add", "Gemm", "MatMul", "Mul", "Neg", "ReduceSum", "Sub", "Sum"})
"""Likewise on int32 and int64, as long as nothing overflows; a quotient is cut off on all."""

_WRAPPING = _ON_WIDE_INTEGERS | {"Cast", "CastLike"}
"""Operators whose integers are other numbers where they do not fit into their type."""

_MASKED = frozenset(
    {"Add", "Cast", "CastLike", "Concat", "Dropout", "Expand", "Flatten", "Gather", "Identity", "IsInf", "IsNaN",
     "Reshape", "Slice", "Softmax", "Split", "Squeeze", "Tile", "Transpose", "Unsqueeze", "Where"}
)  # fmt: skip
"""Operators that know what to do with entries that a mask has made -infinity."""

_NUMERIC = range(1, 14)  # the plain types of TensorProto.DataType; what they are called is numpy's affair

_VARIADIC = 0x04  # inspect.CO_VARARGS


@dataclass(frozen=True)
class Port:
    """An input or output of the model, or a tensor inside.

    Attributes:
        name: in the file.
        shape: of the tensor; an open batch dimension is 1.
        dtype: numpy's name of its type.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str

    @property
    def size(self) -> int:
        """Number of entries."""
        return prod(self.shape)


MOST_BYTES, MOST_NEURONS = 300_000_000, 5_000_000
"""Largest model, by its file and by what it computes. In the verifier a number of the file takes up to ten times its
room (in two precisions, with its absolute value, in two orders), and of a network of so many neurons a search takes up
to two gigabytes; four are to be enough."""

Ports = tuple[Port, ...]

_SMALLER = "verify the part of the network that matters, or a smaller version of it"


@dataclass(frozen=True, eq=False)
class Model:
    """A model as deployed and as verified.

    Attributes:
        network: its normal form.
        data: the decompressed ONNX file, with external data inside: what onnxruntime is given.
        path: where it was read.
        file_digest: SHA-256 of `data`.
        inputs: its inputs, in the order in which `network` expects them one after the other.
        outputs: its outputs, in the order in which `network` concatenates them.
        hidden: tensors inside that were asked for; `network` has them behind the outputs.
        limits: what `network` takes for granted: it is the model only where they hold.
    """

    network: Network
    data: bytes
    path: str
    file_digest: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    hidden: tuple[Port, ...] = ()
    limits: tuple[Limit, ...] = ()


def read_network(path: str | PathLike[str]) -> Network:
    """The network in an ONNX file; see `read_model`."""
    return read_model(path).network


def read_model(path: str | PathLike[str], hidden: Sequence[str] = ()) -> Model:
    """Reads an ONNX file, plain or compressed with gzip.

    Args:
        path: the file.
        hidden: names of tensors inside that the network is to yield behind its outputs.

    Raises:
        MismatchError: there is no tensor of such a name.
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
    network, inputs, outputs, inside = reader.read(tuple(hidden))
    digest = sha256(data).hexdigest()
    return Model(network, data, str(path), digest, inputs, outputs, inside, tuple(reader.limits))


class _Reader:
    """The state of one walk over a graph."""

    def __init__(self, graph: GraphProto, path: Path, version: int) -> None:
        self.graph, self.path, self.opset = graph, path, version
        self.layers: list[Layer] = []
        self.values: dict[str, Value] = dict(initializers(graph, path))
        self.limits: list[Limit] = []
        self.infinite: set[str] = set()
        self.floats: set[str] = set()  # types of what depends on the input
        self.unknown: set[str] = set()
        self.unsupported: dict[str, list[str]] = {}  # usage -> names of the nodes
        for name, value in self.values.items():
            self._note_finite(name, value)

    def read(self, hidden: tuple[str, ...]) -> tuple[Network, Ports, Ports, Ports]:
        """The network with its inputs, outputs and the hidden tensors of these names."""
        inputs = self._declare_inputs()
        self._check_names(hidden)
        names = tuple(output.name for output in self.graph.output) + hidden
        nodes = needed_nodes(self.graph, hidden)
        uses = Counter(name for node in nodes for name in read_names(node))
        uses.update(names)
        for proto in nodes:
            self._read_node(proto, uses)
            self._check_size(proto)
        if self.unsupported:
            found = [self._described(usage, names) for usage, names in self.unsupported.items()]
            raise UnsupportedOperatorError(str(self.path), found)
        results = [self._result(name, "output") for name in names[: len(self.graph.output)]]
        results += [self._result(name, "hidden tensor") for name in hidden]
        network = Network(
            tuple(self.layers),
            inputs[0].shape if len(inputs) == 1 else (sum(port.size for port in inputs),),
            Affine.concatenated([result.present for result in results]),
            self.path.name,
            reduce(coarser, sorted(self.floats)) if self.floats else FLOATS[0],
            tuple((port.dtype, port.size) for port in inputs),
        )
        ports = [Port(name, result.shape, result.dtype.name) for name, result in zip(names, results, strict=True)]
        count = len(self.graph.output)
        return network, inputs, tuple(ports[:count]), tuple(ports[count:])

    def _error(self, message: str, hint: str = "export the model again; onnx.checker may say more") -> ModelError:
        return ModelError(f"{self.path}: {' '.join(message.split())}", hint=hint)

    def _declare_inputs(self) -> Ports:
        declared: list[ValueInfoProto] = [i for i in self.graph.input if i.name not in self.values]
        if not declared:
            raise self._error("has no inputs", "a model without inputs computes one constant")
        ports = []
        for value in declared:
            dtype, shape = self._input_type(value), input_shape(value, self.path)
            try:
                ports.append(Port(value.name, check_size(shape), dtype.name))
            except ValueError as error:
                raise self._error(f"input {value.name!r}: {error}") from error
        total, start = sum(port.size for port in ports), 0
        if total > LARGEST:
            raise self._error(f"too large: more than {LARGEST:,} inputs cannot be verified", _SMALLER)
        for port in ports:
            index = np.arange(start, start + port.size)
            affine = Affine.of(0, total) if port.size == total else Affine(port.size, {0: Selection(index, total)})
            self.values[port.name] = Expression(affine, port.shape, np.dtype(port.dtype))
            self._note_type(self.values[port.name])
            start += port.size
        return tuple(ports)

    def _input_type(self, value: ValueInfoProto) -> np.dtype[Any]:
        from onnx.helper import tensor_dtype_to_np_dtype

        kind = value.type.tensor_type.elem_type
        dtype = np.dtype(tensor_dtype_to_np_dtype(kind)) if kind in _NUMERIC else None
        if dtype is None or dtype.name not in (*FLOATS, *INTEGERS):
            raise self._error(
                f"input {value.name!r} is not of float32, float64 or an integer type", "export with float32 inputs"
            )
        return dtype

    def _check_names(self, hidden: Sequence[str]) -> None:
        """Raises where the graph has no tensor of such a name."""
        known = set(self.values) | {name for node in self.graph.node for name in node.output if name}
        for name in hidden:
            if name in known:
                continue
            made = [node.output[0] for node in self.graph.node if node.name == name and node.output]
            near = made or get_close_matches(name, sorted(known), n=3)
            shown = ", ".join(repr(other) for other in near)
            raise MismatchError(
                f"{self.path}: there is no tensor {name!r} inside",
                hint=f"did you mean {shown}?" if near else "`ivan model info` shows the nodes that were read",
            )

    def _read_node(self, proto: NodeProto, uses: Counter[str]) -> None:
        name = proto.name or next(iter(proto.output), "")
        kind = repr(proto.op_type)[1:-1]  # a damaged name may hold anything; it is shown on one line
        node = Node(kind, name, self.opset, self.layers, len(proto.output), self.limits)
        place = node.place
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
            _check_integers(node, inputs)
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
                self._limit(value, node)
                self._keep(output, value, node, uses)
        for output in proto.output[len(results) :]:
            if uses[output]:
                self.unsupported.setdefault(f"{kind} whose extra output {output!r} is used", []).append(name)

    def _keep(self, output: str, value: Value, node: Node, uses: Counter[str]) -> None:
        """Takes down what a node has computed."""
        if isinstance(value, Expression) and value.affine.width > (_WIDE if uses[output] > 1 else _LONG):
            value = node.named(value)
        self._note_finite(output, value)
        self._note_type(value)
        self.values[output] = value
        self.unknown.discard(output)

    def _limit(self, value: Value, node: Node) -> None:
        """Takes down what an integer must not do."""
        if isinstance(value, Expression) and value.dtype.kind in "iu" and node.operator in _WRAPPING:
            least, most = whole_range(value.dtype.name)
            # what is a whole number and below the next one fits, however bounds were rounded
            low, high = np.nextafter(float(least - 1), np.inf), np.nextafter(float(most + 1), -np.inf)
            self.limits.append(
                Limit(
                    value.present, float(low), float(high), node.place, f"may leave {value.dtype}, which wraps around"
                )
            )

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
            found.append(value)
        if any(isinstance(value, Expression) for value in found):  # numpy knows what constants alone become
            self._check_finite(proto, found)
        while found and found[-1] is None and not proto.input[len(found) - 1]:
            found.pop()
        return found

    def _check_finite(self, proto: NodeProto, values: Sequence[Value | None]) -> None:
        """Raises where an operator is given infinite constants, or masked entries, of which it makes nothing."""
        for name, value in zip(proto.input, values, strict=False):
            if name in self.infinite and not _useful(proto.op_type, value):
                raise self._error(f"tensor {name!r} holds NaN or infinity", "train or export the model again")
            if isinstance(value, Expression) and value.missing is not None and proto.op_type not in _MASKED:
                raise self._error(f"tensor {name!r}, which {proto.op_type} reads, holds infinity behind a mask")

    def _note_finite(self, name: str, value: Value) -> None:
        if not isinstance(value, Expression) and value.dtype.kind == "f" and not np.all(np.isfinite(value)):
            self.infinite.add(name)

    def _note_type(self, value: Value) -> None:
        if isinstance(value, Expression) and value.dtype.name in FLOATS:
            self.floats.add(value.dtype.name)

    def _result(self, name: str, what: str) -> Expression:
        value = self.values.get(name)
        if value is None:
            raise self._error(f"{what} {name!r} is computed by no node")
        if name in self.infinite or (isinstance(value, Expression) and value.missing is not None):
            raise self._error(f"{what} {name!r} holds NaN or infinity", "train or export the model again")
        if value.dtype.kind not in "fiub":
            raise self._error(f"{what} {name!r} is of type {value.dtype}, not a number", "export float outputs")
        return lift(value)

    def _described(self, usage: str, nodes: list[str]) -> str:
        others = f" and {len(nodes) - 1} more" if len(nodes) > 1 else ""
        return f"{usage} (node {nodes[0]!r}{others}, opset {self.opset})"


def _useful(operator: str, constant: Value | None) -> bool:
    """Can an infinite constant mean something beside what depends on the input: the limit of a Clip, or a mask?"""
    if operator == "Clip":
        return True
    masks = isinstance(constant, np.ndarray) and np.all(np.isfinite(constant) | np.isneginf(constant))
    return bool(masks) and operator in ("Add", "Concat", "Where")


def _check_integers(node: Node, inputs: Sequence[Value | None]) -> None:
    """Raises where an operator does to integers what it does not do to real numbers."""
    kinds = {value.dtype.name for value in inputs if isinstance(value, Expression) and value.dtype.kind in "iub"}
    if not kinds or node.operator in _ON_INTEGERS:
        return
    if node.operator not in _ON_WIDE_INTEGERS or not kinds <= {"int32", "int64"}:
        raise node.unsupported(f"of integers that depend on the input ({', '.join(sorted(kinds))})")
    for value in inputs:
        if value is not None and not isinstance(value, Expression) and np.any(np.abs(value) > MOST_EXACT):
            raise node.unsupported("of integers beyond 2^53")


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
    result = value.affine.evaluate(known)[0]
    if value.missing is not None:
        result[value.missing] = -np.inf
    return np.asarray(result.reshape(value.shape), value.dtype)

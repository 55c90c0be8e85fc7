"""ONNX graphs to the normal form: a graph is run once on affine expressions instead of numbers.

A linear operator composes its map onto the expression, an operator on constants is computed on the spot, and a
nonlinear one adds a layer. Nodes that no output needs are not read. An operator that cannot be read leaves its outputs
unknown and the walk goes on, so that one run names everything that is in the way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from difflib import get_close_matches
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ivan.errors import MismatchError, ModelError, UnsupportedOperatorError
from ivan.network.affine import Affine
from ivan.network.element_types import FLOATS, coarser
from ivan.network.layers import Layer, Network
from ivan.network.limits import Limit
from ivan.network.linear import Selection
from ivan.network.model import Port, Ports
from ivan.network.onnx_file import (
    attribute_value,
    initializers,
    input_shape,
    input_type,
    needed_nodes,
    read_names,
)
from ivan.network.onnx_ops import OPERATORS, Expression, Node, UsageError, Value, check_size, lift
from ivan.network.onnx_ops.call import called
from ivan.network.onnx_ops.infinities import is_infinite, is_masked, takes_infinite, takes_masked
from ivan.network.onnx_ops.integers import check_integers, overflow
from ivan.network.onnx_ops.values import LARGEST, InfiniteError, PrecisionError

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto, ValueInfoProto

_WIDE = 6
"""An expression of more maps and constants than this gets a layer of its own before it is used twice."""

_LONG = 100
"""And more than this are too many to evaluate inside one another even for a single use."""

_MASKED = (
    "a Pad by infinity or a mask makes it so, and bounds are of numbers: "
    "leave such entries out, or pad and mask by a finite number such as -1e4"
)

SMALLER = "verify the part of the network that matters, or a smaller version of it"
"""A hint for what is too large."""


class GraphReader:
    """The state of one walk over a graph.

    Args:
        graph: it calls no functions of the model's own.
        path: its file, for messages.
        version: of the operator set.
        most_neurons: in a network that is not too large.

    Attributes:
        limits: what the network that was read takes for granted.
    """

    def __init__(self, graph: GraphProto, path: Path, version: int, most_neurons: int) -> None:
        self.graph, self.path, self.opset, self.most_neurons = graph, path, version, most_neurons
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
        """The network with its inputs, outputs and the hidden tensors of these names.

        Raises:
            MismatchError: there is no tensor of such a name.
            UnsupportedOperatorError: operators, or forms of them, cannot be verified; names all.
            ModelError: the graph is ill-formed or too large.
        """
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
            dtype, shape = input_type(value, self.path), input_shape(value, self.path)
            try:
                ports.append(Port(value.name, check_size(shape), dtype.name))
            except ValueError as error:
                raise self._error(f"input {value.name!r}: {error}") from error
        total, start = sum(port.size for port in ports), 0
        if total > LARGEST:
            raise self._error(f"too large: more than {LARGEST:,} inputs cannot be verified", SMALLER)
        for port in ports:
            index = np.arange(start, start + port.size)
            affine = Affine.of(0, total) if port.size == total else Affine(port.size, {0: Selection(index, total)})
            self.values[port.name] = Expression(affine, port.shape, np.dtype(port.dtype))
            self._note_type(self.values[port.name])
            start += port.size
        return tuple(ports)

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
            check_integers(node, inputs)
            attributes = {a.name: attribute_value(a) for a in proto.attribute}
            results = called(operator, node, inputs, attributes)
        except UsageError as error:
            self.unsupported.setdefault(str(error), []).append(name)
            return
        except InfiniteError as error:
            raise self._error(f"{place}: {error}, whatever the input", _MASKED) from error
        except PrecisionError as error:
            raise self._error(f"{place}: {error}", "keep such numbers apart from what depends on the input") from error
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            # numpy's complaint about shapes, indices or types is about the file
            raise self._error(f"{place}: {error}") from error
        for output, value in zip(proto.output, results, strict=False):
            if output:
                limit = overflow(node, value)
                if limit is not None:
                    self.limits.append(limit)
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
        if max([*sizes, sum(layer.size for layer in self.layers)]) > self.most_neurons:
            place = f"{proto.op_type} (node {proto.name!r})"
            raise self._error(
                f"{place}: too large: more than {self.most_neurons:,} neurons cannot be verified", SMALLER
            )

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
            if name in self.infinite and not takes_infinite(proto.op_type, value):
                hint = "train or export the model again; where infinity is meant, as in a frame, take a large number"
                raise self._error(f"tensor {name!r} holds NaN or infinity", hint)
            if is_masked(value) and not takes_masked(proto.op_type, value):
                end = "+infinity" if value.above else "-infinity"
                usage = f"tensor {name!r}, which {proto.op_type} reads, is {end} somewhere, whatever the input"
                raise self._error(usage, _MASKED)

    def _note_finite(self, name: str, value: Value) -> None:
        if is_infinite(value):
            self.infinite.add(name)

    def _note_type(self, value: Value) -> None:
        if isinstance(value, Expression) and value.dtype.name in FLOATS:
            self.floats.add(value.dtype.name)

    def _result(self, name: str, what: str) -> Expression:
        value = self.values.get(name)
        if value is None:
            raise self._error(f"{what} {name!r} is computed by no node")
        if isinstance(value, Expression) and value.missing is not None:
            at = int(np.flatnonzero(value.missing)[0])
            end = "+infinity" if value.above else "-infinity"
            raise self._error(f"{what} {name!r} is {end} at entry {at}, whatever the input", _MASKED)
        if name in self.infinite:
            raise self._error(f"{what} {name!r} holds NaN or infinity", "train or export the model again")
        if value.dtype.kind not in "fiub":
            raise self._error(f"{what} {name!r} is of type {value.dtype}, not a number", "export float outputs")
        return lift(value)

    def _described(self, usage: str, nodes: list[str]) -> str:
        others = f" and {len(nodes) - 1} more" if len(nodes) > 1 else ""
        return f"{usage} (node {nodes[0]!r}{others}, opset {self.opset})"

"""ONNX files: from a path to a parsed protobuf, and from its tensors and attributes to numpy."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ivan.errors import ModelError
from ivan.network.element_types import FLOATS, INTEGERS
from ivan.network.onnx_ops.values import Tensor, check_size

if TYPE_CHECKING:
    from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, SparseTensorProto, TensorProto, ValueInfoProto

_GZIP = b"\x1f\x8b"
_LARGEST_FILE = 2**31 - 1  # what one protobuf message can hold
_EXTERNAL = 1  # TensorProto.EXTERNAL
_NUMERIC = range(1, 14)  # the plain types of TensorProto.DataType; what they are called is numpy's affair


def read_bytes(path: Path) -> bytes:
    """The file's content, decompressed where it starts as gzip does.

    Raises:
        ModelError: when it cannot be read, is empty, or is larger than a protobuf can be.
    """
    try:
        data = path.read_bytes()
        if data[:2] == _GZIP:
            with gzip.open(path) as stream:
                data = stream.read(_LARGEST_FILE + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ModelError(f"{path}: damaged gzip file: {error}", hint="fetch or compress the model again") from error
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}", hint="check the path") from error
    if not data:
        raise ModelError(f"{path}: the file is empty", hint="export the model again")
    if len(data) > _LARGEST_FILE:
        raise ModelError(f"{path}: more than 2 GB", hint="models of that size cannot be verified")
    return data


def parse(data: bytes, path: Path) -> tuple[ModelProto, bytes]:
    """The model, with external data loaded, and its bytes in one piece.

    Raises:
        ModelError: when the bytes are not an ONNX model or external data is missing.
    """
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # ships no types

    hint = "a model is a binary ONNX file (.onnx or .onnx.gz); was the download or the export cut off?"
    try:
        model = onnx.ModelProto.FromString(data)
    except DecodeError as error:
        raise ModelError(f"{path}: not an ONNX model, or a damaged one", hint=hint) from error
    # Many short byte strings parse as a protobuf that says nothing.
    if not model.opset_import or not model.graph.output:
        raise ModelError(f"{path}: not an ONNX model: it declares no operator set or no outputs", hint=hint)
    external = [t for t in model.graph.initializer if t.data_location == _EXTERNAL]
    if not external:
        return model, data
    from onnx.external_data_helper import load_external_data_for_tensor

    for tensor in external:
        try:
            load_external_data_for_tensor(tensor, str(path.parent))
        except (OSError, ValueError, onnx.checker.ValidationError) as error:
            raise ModelError(
                f"{path}: external data of tensor {tensor.name!r} cannot be read: {_line(error)}",
                hint="keep the data file beside the model, or export the model as one file",
            ) from error
        del tensor.external_data[:]
        tensor.data_location = 0
    return model, model.SerializeToString()


def _line(error: Exception) -> str:
    """Another library's message on one line."""
    return " ".join(str(error).split())


def opset(model: ModelProto, path: Path, supported: range) -> int:
    """The version of the standard operator set that the model declares.

    Raises:
        ModelError: when it declares none, or one that is not supported.
    """
    versions = {entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")}
    if not versions:
        raise ModelError(f"{path}: uses no standard operators", hint="only the operators of ai.onnx are supported")
    version: int = max(versions)
    if version not in supported:
        raise ModelError(
            f"{path}: operator set {version} is not supported",
            hint=f"export with an operator set from {supported[0]} to {supported[-1]}",
        )
    return version


def without_functions(model: ModelProto, path: Path) -> ModelProto:
    """The model with the functions that it defines itself written out where they are called.

    Raises:
        ModelError: when they cannot be, for instance because one calls itself.
    """
    if not model.functions:
        return model
    from onnx.inliner import inline_local_functions

    try:
        return inline_local_functions(model)
    except Exception as error:  # its exception types share no other base
        raise ModelError(
            f"{path}: the functions that it defines cannot be written out: {_line(error)}",
            hint="export the model without local functions",
        ) from error


def read_names(node: NodeProto) -> list[str]:
    """The tensors that a node reads, those that its subgraphs take from around them included."""
    names = list(node.input)
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            names.extend(name for inner in graph.node for name in read_names(inner))
            names.extend(output.name for output in graph.output)
    return names


def needed_nodes(graph: GraphProto, hidden: Sequence[str] = ()) -> list[NodeProto]:
    """The nodes that the outputs, and the hidden tensors of these names, depend on; in the file's order."""
    wanted = {output.name for output in graph.output}.union(hidden)
    nodes = []
    for node in reversed(graph.node):
        if wanted.intersection(node.output):
            nodes.append(node)
            wanted.update(read_names(node))
    return nodes[::-1]


def tensor_value(tensor: TensorProto) -> Tensor:
    """The numbers of a tensor in its own type.

    Raises:
        ValueError: when its data does not fit its shape or type.
    """
    from onnx import numpy_helper

    array = numpy_helper.to_array(tensor)
    if array.dtype.kind not in "fiub":
        # bfloat16 and the small floats are types of their own; float32 holds each of their numbers
        try:
            return array.astype("float32")
        except (TypeError, ValueError) as error:
            raise ValueError(f"type {array.dtype} is not supported") from error
    return array


def attribute_value(attribute: AttributeProto) -> Any:
    """An attribute as a Python value; tensors as arrays.

    Raises:
        ValueError: when it is a graph, a type, or several strings or tensors.
    """
    kind = attribute.type
    if kind == attribute.FLOAT:
        return attribute.f
    if kind == attribute.INT:
        return attribute.i
    if kind == attribute.STRING:
        return attribute.s.decode("utf-8", "replace")
    if kind == attribute.TENSOR:
        return tensor_value(attribute.t)
    if kind in (attribute.FLOATS, attribute.INTS):
        return list(attribute.floats if kind == attribute.FLOATS else attribute.ints)
    if kind == attribute.SPARSE_TENSOR:
        return _dense(attribute.sparse_tensor)
    raise ValueError(f"attribute {attribute.name!r} is of a type that no supported operator takes")


def _dense(sparse: SparseTensorProto) -> Tensor:
    """A sparse tensor with its zeros."""
    values, indices = tensor_value(sparse.values), tensor_value(sparse.indices)
    shape = check_size(sparse.dims)
    result = np.zeros(shape, values.dtype)
    flat = indices if indices.ndim == 1 else np.ravel_multi_index(tuple(indices.T), shape)
    result.reshape(-1)[flat] = values
    return result


def initializers(graph: GraphProto, path: Path) -> dict[str, Tensor]:
    """The graph's stored tensors by name.

    Raises:
        ModelError: when one cannot be decoded, or is sparse.
    """
    if graph.sparse_initializer:
        name = graph.sparse_initializer[0].values.name
        raise ModelError(f"{path}: tensor {name!r} is sparse", hint="export it as a dense tensor")
    found = {}
    for tensor in graph.initializer:
        try:
            found[tensor.name] = tensor_value(tensor)
        except (TypeError, ValueError, KeyError) as error:
            raise ModelError(
                f"{path}: tensor {tensor.name!r} cannot be decoded: {_line(error)}", hint="export the model again"
            ) from error
    return found


def input_shape(value: ValueInfoProto, path: Path) -> tuple[int, ...]:
    """An input's shape; a batch dimension that is left open is read as 1.

    Raises:
        ModelError: when it is not a tensor, declares no shape, or leaves another dimension open.
    """
    kind = value.type.tensor_type
    if not value.type.HasField("tensor_type") or not kind.HasField("shape"):
        raise ModelError(f"{path}: input {value.name!r} declares no shape", hint="export with fixed input shapes")
    shape = [d.dim_value for d in kind.shape.dim]
    if shape and shape[0] <= 0:
        shape[0] = 1
    if any(d <= 0 for d in shape):
        declared = ", ".join(str(d.dim_value or d.dim_param or "?") for d in kind.shape.dim)
        raise ModelError(
            f"{path}: input {value.name!r} has shape [{declared}]: only the batch dimension may be open",
            hint="export with fixed input shapes",
        )
    return tuple(shape)


def input_type(value: ValueInfoProto, path: Path) -> np.dtype[Any]:
    """The type of an input's numbers.

    Raises:
        ModelError: when it is not one that can be read.
    """
    from onnx.helper import tensor_dtype_to_np_dtype

    kind = value.type.tensor_type.elem_type
    dtype = np.dtype(tensor_dtype_to_np_dtype(kind)) if kind in _NUMERIC else None
    if dtype is None or dtype.name not in (*FLOATS, *INTEGERS):
        raise ModelError(
            f"{path}: input {value.name!r} is not of float32, float64 or an integer type",
            hint="export with float32 inputs",
        )
    return dtype

"""ONNX files to models: the file is decompressed and parsed, its graph read (onnx_graph.py)."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from os import PathLike
from pathlib import Path

from ivan.errors import ModelError
from ivan.network.layers import Network
from ivan.network.model import Model
from ivan.network.onnx_file import opset, parse, read_bytes, without_functions
from ivan.network.onnx_graph import SMALLER, GraphReader

OPSETS = range(7, 29)
"""Versions of the operator set that are understood; 7 is the first one with today's broadcasting."""

MOST_BYTES, MOST_NEURONS = 300_000_000, 5_000_000
"""Largest model, by its file and by what it computes. In the verifier a number of the file takes up to ten times its
room (in two precisions, with its absolute value, in two orders), and of a network of so many neurons a search takes up
to two gigabytes; four are to be enough."""


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
            hint=SMALLER,
        )
    graph = without_functions(proto, place).graph
    reader = GraphReader(graph, place, opset(proto, place, OPSETS), MOST_NEURONS)
    network, inputs, outputs, inside = reader.read(tuple(hidden))
    digest = sha256(data).hexdigest()
    return Model(network, data, str(path), digest, inputs, outputs, inside, tuple(reader.limits))

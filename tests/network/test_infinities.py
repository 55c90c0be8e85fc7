"""Infinite numbers in a model that nothing can be made of: whose fault they are, and where they come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.models import Graph

from ivan.errors import ModelError
from ivan.network.onnx_reader import read_model


def refused(data: bytes, folder: Path) -> tuple[str, str]:
    """Message and hint with which a model is refused."""
    path = folder / "model.onnx"
    path.write_bytes(data)
    with pytest.raises(ModelError) as caught:
        read_model(path)
    error = caught.value
    assert type(error) is ModelError
    assert error.hint
    assert "\n" not in error.message
    return error.message, error.hint


def test_an_infinite_constant_that_is_computed_is_refused_by_the_tensors_name(tmp_path):
    g = Graph()
    huge = g.node("Mul", np.float32([3e38]), np.float32([10]))
    assert (
        f"tensor {huge!r} holds NaN or infinity"
        in refused(g.model({"x": [1]}, [g.node("Add", "x", huge)]), tmp_path)[0]
    )
    g = Graph()
    output = g.node("Reciprocal", np.float32([0]))
    assert f"output {output!r} holds NaN" in refused(g.model({"x": [1]}, [output]), tmp_path)[0]


def masked(
    operator: str | None = None, *operands: Any, first: bool = True, by: float = -np.inf, **attributes: Any
) -> bytes:
    """An operator on three inputs behind a pad of one infinity; None for none."""
    g = Graph(13)
    padded = g.node("Pad", "x", np.array([0, 1, 0, 0]), np.float32(by))
    if operator is None:
        return g.model({"x": [1, 3]}, [padded])
    inputs = [padded if isinstance(operand, str) and operand == "pad" else operand for operand in operands]
    read = (padded, *inputs) if first else (*inputs, padded)
    return g.model({"x": [1, 3]}, [g.node("ReduceMax", g.node(operator, *read, **attributes))])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (masked("Mul", np.float32(-1)), "Mul (node 'mul1_node', opset 13): an operand is -infinity somewhere"),
        (masked("Mul", np.float32(0)), "its factor there not positive, whatever the input"),
        (masked("Mul", np.float32([0, 1, 1, 1])), "Mul (node"),
        (masked("Mul", np.float32(1e-45)), "Mul (node"),
        (masked("Mul", "pad"), "Mul (node"),
        (masked("Div", np.float32(-2)), "Div (node"),
        (masked("Div", "pad"), "Div (node"),
        (masked("Div", np.float32(2), first=False), "Div (node"),
        (masked("Sub", np.float32(2), first=False), "Sub (node"),
        (masked("Sub", "pad"), "Sub (node"),
        (masked("Clip"), "there is no lower limit"),
        (masked("Clip", np.float32(np.finfo(np.float32).min), np.float32(1)), "there is no lower limit"),
        (masked("Clip", "", np.float32(1)), "there is no lower limit"),
        (masked("Tanh"), "tensor 'pad0', which Tanh reads, is -infinity somewhere, whatever the input"),
        (masked("MatMul", np.ones((4, 2), np.float32)), "tensor 'pad0', which MatMul reads"),
        (masked(by=np.inf), "output 'pad0' is +infinity at entry 0, whatever the input"),
        (masked("Add", np.float32(1), by=np.inf), "tensor 'pad0', which Add reads, is +infinity somewhere"),
        (masked("Identity", by=np.inf), "tensor 'pad0', which Identity reads, is +infinity somewhere"),
        (masked("ReduceMin", by=-np.inf), "tensor 'pad0', which ReduceMin reads, is -infinity somewhere"),
        (masked("ReduceMin", by=np.inf, axes=[0]), "ReduceMin (node"),
        (masked(), "output 'pad0' is -infinity at entry 0, whatever the input"),
    ],
)
def test_what_a_mask_makes_infinite_is_refused_where_it_stays_no_number_and_not_the_export_to_blame(
    data, words, tmp_path
):
    message, hint = refused(data, tmp_path)
    assert words in message
    assert "a Pad by infinity or a mask makes it so" in hint
    assert "export the model again" not in hint

"""Numbers that leave the floats on the way are meant: nobody is warned of them, and nothing false follows."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from tests.models import Graph
from tests.soundness.test_declared_real import question

import ivan
from ivan.bounds.columns import Model as Columns
from ivan.network.onnx_reader import read_model


def masked_attention(folder: Path, element: str) -> tuple[Path, Path]:
    g, mask = Graph(), np.triu(np.full((3, 3), -1e9, np.float32), 1)
    scores = g.node("MatMul", "x", g.node("Transpose", "x", perm=[0, 2, 1]))
    weights = g.node("Softmax", g.node("Add", scores, mask), axis=-1)
    model, query = folder / "model.onnx", folder / "query.vnnlib"
    model.write_bytes(g.model({"x": [1, 3, 2]}, [g.node("MatMul", weights, "x")]))
    tensors = f"(declare-input X {element} [1,3,2]) (declare-output Y {element} [1,3,2])"
    places = [f"X[0,{i},{j}]" for i in range(3) for j in range(2)]
    box = "".join(f"(>= {place} 0.2) (<= {place} 0.3) " for place in places)
    query.write_text(f"(vnnlib-version <2.0>) (declare-network f {tensors}) (assert (and {box} (>= Y[0,1,0] 0.3001)))")
    return model, query


ASKED = {
    "any float": ("Relu", None, "(<= Y[0,0] -1.0)"),
    "any float, undecided": ("Sin", None, "(>= Y[0,0] 1.0)"),
    "exp beyond float32": ("Exp", None, "(>= X[0,0] 0.0) (<= X[0,0] 100.0) (> Y[0,0] 3.5e38)"),
    "a pole": ("Reciprocal", None, "(>= X[0,0] -1.0) (<= X[0,0] 2.0) (<= Y[0,0] 0.25) (>= Y[0,0] -0.25)"),
    "a logarithm of 0": ("Log", None, "(>= X[0,0] 0.0) (<= X[0,0] 2.0) (>= Y[0,0] 1.0)"),
    "a large factor": ("Mul", 1e38, "(>= X[0,0] -3.0) (<= X[0,0] 3.0) (> Y[0,0] 3.3e38)"),
}


@pytest.mark.parametrize(
    ("name", "element"),
    [
        (name, element)
        for name in ("attention", "exp / exp", *sorted(ASKED))
        for element in ("float32", "real")
        if not (name.startswith("any float") and element == "real")  # which would be unbounded
    ],
)
def test_nobody_is_warned(tmp_path: Path, name: str, element: str) -> None:
    if name == "attention":
        files = masked_attention(tmp_path, element)
    elif name == "exp / exp":
        files = question(tmp_path, "Exp", None, "(>= X[0,0] 0.0) (<= X[0,0] 100.0) (< Y[0,0] 0.9)", element)
        g = Graph()
        e = g.node("Exp", "x")
        files[0].write_bytes(g.model({"x": [1, 1]}, [g.node("Div", e, e)]))
    else:
        files = question(tmp_path, *ASKED[name], element)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ivan.verify(*files, store=False, timeout=1.0)


def test_an_infinitely_steep_curve_leaves_the_rest_of_a_gradient(tmp_path: Path) -> None:
    """1 / (1 + exp(1000 x)) is flat: its slope is 0 times infinity."""
    g, path = Graph(), tmp_path / "model.onnx"
    steep = g.node("Exp", g.node("Mul", "x", np.full(1, 1000.0, np.float32)))
    flat = g.node("Reciprocal", g.node("Add", steep, np.ones(1, np.float32)))
    path.write_bytes(g.model({"x": [1, 2]}, [g.node("Add", flat, "x")]))
    model = Columns(read_model(path).network)
    before, _ = model.forward(np.ones((2, 1), np.float32))
    np.testing.assert_array_equal(model.gradient(before, np.eye(2, dtype=np.float32)[:, :1]), [[1.0], [0.0]])

"""Queries that declare `real` are answered about exact arithmetic, whatever the deployed model rounds to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.models import Graph

import ivan


def question(folder: Path, operator: str, constant: float | None, asserted: str, element: str) -> tuple[Path, Path]:
    """One operator on one number, and a query of VNN-LIB 2.0."""
    g = Graph()
    operands = [] if constant is None else [np.full((1, 1), constant, np.float32)]
    model, query = folder / "model.onnx", folder / "query.vnnlib"
    model.write_bytes(g.model({"x": [1, 1]}, [g.node(operator, "x", *operands)]))
    tensors = f"(declare-input X {element} [1,1]) (declare-output Y {element} [1,1])"
    query.write_text(f"(vnnlib-version <2.0>) (declare-network f {tensors}) (assert (and {asserted}))")
    return model, query


ROUNDED_AWAY = ("Add", 1.0, "(>= X[0,0] 1e-9) (<= X[0,0] 2e-8) (<= Y[0,0] 1.0)")
ASKED = {
    "x + 1": ROUNDED_AWAY,
    "3 times a tenth": ("Mul", 0.1, "(== X[0,0] 3.0) (> Y[0,0] 0.30000001)"),
    "exp that underflows": ("Exp", None, "(>= X[0,0] -200.0) (<= X[0,0] -110.0) (<= Y[0,0] 0.0)"),
}


@pytest.mark.parametrize("name", sorted(ASKED))
def test_what_only_rounding_violates_holds_of_real_numbers(tmp_path: Path, name: str) -> None:
    assert ivan.verify(*question(tmp_path, *ASKED[name], "real"), store=False).verdict is ivan.Verdict.UNSAT
    deployed = ivan.verify(*question(tmp_path, *ASKED[name], "float32"), store=False)
    assert deployed.verdict is ivan.Verdict.SAT


def test_a_violation_of_real_numbers_is_found_among_those_of_rounding(tmp_path: Path) -> None:
    asserted = "(>= X[0,0] -1e-9) (<= X[0,0] 2e-8) (<= Y[0,0] 1.0)"
    outcome = ivan.verify(*question(tmp_path, "Add", 1.0, asserted, "real"), store=False)
    assert outcome.verdict is ivan.Verdict.SAT
    assert outcome.witness is not None
    assert outcome.witness.inputs[0] <= 0.0


def test_a_stored_witness_is_held_to_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files, store = question(tmp_path, *ROUNDED_AWAY, "real"), tmp_path / "proofs"
    with monkeypatch.context() as patch:
        patch.setattr("ivan.attack.confirm.excluded_at", lambda *at: False)
        assert ivan.verify(*files, store=store).verdict is ivan.Verdict.SAT
    assert ivan.verify(*files, store=store).verdict is ivan.Verdict.UNSAT

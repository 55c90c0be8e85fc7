"""Every example gets the verdict that stands beside it, also when it is verified from another version's proof."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

import ivan
from ivan.network.onnx_reader import read_model
from ivan.network.reference import Runtime
from ivan.verdict import Verdict
from ivan.vnnlib import read_query

FOLDER = Path(__file__).parent.parent / "vnnlib_examples"
ROWS = list(csv.DictReader((FOLDER / "expected.csv").read_text().splitlines()))

PATIENCE = 600.0
"""Seconds, far more than any example takes: a slow machine must not decide a test."""


def identity(row: dict[str, str]) -> str:
    return f"{row['model'].removesuffix('.onnx')}-{row['property'].removesuffix('.vnnlib')}"


@pytest.mark.parametrize("row", ROWS, ids=identity)
def test_example_has_the_verdict_beside_it(row: dict[str, str]) -> None:
    model, query = FOLDER / row["model"], FOLDER / row["property"]
    outcome = ivan.verify(model, query, timeout=PATIENCE, store=False)
    assert outcome.verdict.value == row["expected"]
    if outcome.verdict is Verdict.SAT:
        witness = outcome.witness
        assert witness is not None
        outputs = Runtime(read_model(model).data).run(witness.inputs)
        x, y = [float(v) for v in witness.inputs], [float(v) for v in outputs]
        assert read_query(query).violated_in_floats(x, y, lambda value: value)


@pytest.mark.parametrize("name", sorted({row["property"] for row in ROWS}))
def test_versions_verified_from_a_stored_proof_get_the_same_verdicts(name: str, tmp_path: Path) -> None:
    rows = sorted(
        (row for row in ROWS if row["property"] == name), key=lambda row: (row["model"].count("."), row["model"])
    )
    store = tmp_path / "proofs.sqlite"
    for row in rows:
        outcome = ivan.verify(FOLDER / row["model"], FOLDER / name, timeout=PATIENCE, store=store)
        assert outcome.verdict.value == row["expected"], row["model"]
    again = ivan.verify(FOLDER / rows[0]["model"], FOLDER / name, store=store)
    assert again.exact
    assert again.verdict.value == rows[0]["expected"]


def test_every_file_of_the_folder_is_listed() -> None:
    listed = {row["model"] for row in ROWS} | {row["property"] for row in ROWS}
    there = {path.name for pattern in ("*.onnx", "*.vnnlib") for path in FOLDER.glob(pattern)}
    assert there == listed
    assert {row["expected"] for row in ROWS} == {"sat", "unsat"}

"""Every example gets the verdict that stands beside it, also when it is verified from another version's proof."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ivan
from ivan.deployment import deploy
from ivan.network.onnx_reader import read_model
from ivan.network.reference import Runtime
from ivan.verdict import Verdict
from ivan.vnncomp import networks
from ivan.vnnlib import read_query

FOLDER = Path(__file__).parent.parent / "vnnlib_examples"
ROWS = list(csv.DictReader((FOLDER / "expected.csv").read_text().splitlines()))

PATIENCE = 600.0
"""Seconds, far more than any example takes: a slow machine must not decide a test."""


def files(row: dict[str, str]) -> tuple[str, ...]:
    """The models: one, or those of the networks that a query is about, the version at hand last."""
    return tuple(path for _, path in networks(row["model"]))


def models(row: dict[str, str]) -> Path | dict[str, Path]:
    """What is verified."""
    named = {name: FOLDER / path for name, path in networks(row["model"])}
    return named[None] if None in named else {str(name): path for name, path in named.items()}


def identity(row: dict[str, str]) -> str:
    return f"{files(row)[-1].removesuffix('.onnx')}-{row['property'].removesuffix('.vnnlib')}"


def assignment(row: dict[str, str], x: np.ndarray[Any, Any]) -> tuple[list[float], list[float]]:
    """Every input and output that a query declares, by onnxruntime; a second network may be the first again."""
    query = read_query(FOLDER / row["property"])
    x = x[deploy(query, models(row)).problem.place]  # inputs that two networks share are there once
    several = max(len(query.networks), 1)
    paths = files(row) if len(files(row)) == several else files(row) * several
    y = [Runtime(read_model(FOLDER / p).data).run(part) for p, part in zip(paths, np.split(x, several), strict=True)]
    return x.tolist(), np.concatenate(y).tolist()


@pytest.mark.parametrize("row", ROWS, ids=identity)
def test_example_has_the_verdict_beside_it(row: dict[str, str]) -> None:
    query = FOLDER / row["property"]
    outcome = ivan.verify(models(row), query, timeout=PATIENCE, store=False)
    assert outcome.verdict.value == row["expected"]
    if outcome.verdict is Verdict.SAT:
        witness = outcome.witness
        assert witness is not None
        assert read_query(query).violated_in_floats(*assignment(row, witness.inputs), lambda value: value)


@pytest.mark.parametrize("name", sorted({row["property"] for row in ROWS}))
def test_versions_verified_from_a_stored_proof_get_the_same_verdicts(name: str, tmp_path: Path) -> None:
    rows = sorted(
        (row for row in ROWS if row["property"] == name), key=lambda row: (files(row)[-1].count("."), files(row))
    )
    store = tmp_path / "proofs.sqlite"
    for row in rows:
        outcome = ivan.verify(models(row), FOLDER / name, timeout=PATIENCE, store=store)
        assert outcome.verdict.value == row["expected"], row["model"]
    again = ivan.verify(models(rows[0]), FOLDER / name, store=store)
    assert again.exact
    assert again.verdict.value == rows[0]["expected"]


def test_every_file_of_the_folder_is_listed() -> None:
    listed = {path for row in ROWS for path in files(row)} | {row["property"] for row in ROWS}
    there = {path.name for pattern in ("*.onnx", "*.vnnlib") for path in FOLDER.glob(pattern)}
    assert there == listed
    assert {row["expected"] for row in ROWS} == {"sat", "unsat"}

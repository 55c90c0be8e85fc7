"""The examples as they are listed beside their expected verdicts, and what makes a verdict on one right."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np

from ivan.deployment import deploy
from ivan.network.onnx_reader import read_model
from ivan.network.reference import Runtime
from ivan.outcome import Outcome
from ivan.verdict import Verdict
from ivan.vnncomp import networks
from ivan.vnnlib import read_query

Row = dict[str, str]

FOLDER = Path(__file__).parent.parent.parent / "vnnlib_examples"
ROWS: list[Row] = list(csv.DictReader((FOLDER / "expected.csv").read_text().splitlines()))

PATIENCE = 600.0
"""Seconds, far more than any example takes: a slow machine must not decide a test."""


def files(row: Row) -> tuple[str, ...]:
    """The models: one, or those of the networks that a query is about, the version at hand last."""
    return tuple(path for _, path in networks(row["model"]))


def models(row: Row) -> Path | dict[str, Path]:
    """What is verified."""
    named = {name: FOLDER / path for name, path in networks(row["model"])}
    return named[None] if None in named else {str(name): path for name, path in named.items()}


def versions(name: str) -> list[Row]:
    """The rows of a property: the model as it was trained, then the versions made from it."""
    rows = (row for row in ROWS if row["property"] == name)
    return sorted(rows, key=lambda row: (files(row)[-1].count("."), files(row)))


def assert_expected(outcome: Outcome, row: Row) -> None:
    """Fails unless the verdict is the one that is listed, and its counterexample is one by onnxruntime."""
    assert outcome.verdict.value == row["expected"], row["model"]
    if outcome.verdict is Verdict.SAT:
        witness = outcome.witness
        assert witness is not None
        query = read_query(FOLDER / row["property"])
        assert query.violated_in_floats(*_assignment(row, witness.inputs), lambda value: value)


def _assignment(row: Row, x: np.ndarray[Any, Any]) -> tuple[list[float], list[float]]:
    """Every input and output that a query declares, by onnxruntime; a second network may be the first again."""
    query = read_query(FOLDER / row["property"])
    if len(query.networks) > 1:
        x = x[deploy(query, models(row)).problem.place]  # inputs that two networks share are there once
    several = max(len(query.networks), 1)
    paths = files(row) if len(files(row)) == several else files(row) * several
    y = [Runtime(read_model(FOLDER / p).data).run(part) for p, part in zip(paths, np.split(x, several), strict=True)]
    return x.tolist(), np.concatenate(y).tolist()

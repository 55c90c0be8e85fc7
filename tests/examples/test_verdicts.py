"""Every version of an example gets the verdict that stands beside it, from scratch.

The model that it was made from does so in test_versions.py, where its proof is stored. So does the version of 16 bits
where `unsat` is expected: it computes nearly the same, and a search from scratch would be the one of that model again.
Where a search takes thousands of leaves, it is done for that model and for the version that differs from it by most.
"""

from __future__ import annotations

import pytest
from tests.examples.listed import FOLDER, PATIENCE, ROWS, Row, assert_expected, files, models, versions

import ivan

LARGE = ("collision-boundary.vnnlib", "collision-departing.vnnlib", "collision-overtaken.vnnlib")
"""Properties whose proofs have thousands of leaves."""


def from_scratch(row: Row) -> bool:
    alike = [other for other in versions(row["property"]) if other["expected"] == row["expected"] == "unsat"]
    first = row is versions(row["property"])[0]
    nearly_the_first = bool(alike) and ".int16." in files(row)[-1]
    like_the_last = row["property"] in LARGE and row in alike[:-1]  # pruned comes last, or eight bits
    return not (first or nearly_the_first or like_the_last)


def identity(row: Row) -> str:
    return f"{files(row)[-1].removesuffix('.onnx')}-{row['property'].removesuffix('.vnnlib')}"


@pytest.mark.parametrize("row", list(filter(from_scratch, ROWS)), ids=identity)
def test_example_has_the_verdict_beside_it(row: Row) -> None:
    assert_expected(ivan.verify(models(row), FOLDER / row["property"], timeout=PATIENCE, store=False), row)


def test_every_file_of_the_folder_is_listed() -> None:
    listed = {path for row in ROWS for path in files(row)} | {row["property"] for row in ROWS}
    there = {path.name for pattern in ("*.onnx", "*.vnnlib") for path in FOLDER.glob(pattern)}
    assert there == listed
    assert {row["expected"] for row in ROWS} == {"sat", "unsat"}

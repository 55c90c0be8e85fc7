"""Every example gets the verdict that stands beside it also where it is verified from another version's proof."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.examples.listed import FOLDER, PATIENCE, ROWS, assert_expected, models, versions

import ivan


@pytest.mark.parametrize("name", sorted({row["property"] for row in ROWS}))
def test_versions_verified_from_a_stored_proof_get_the_same_verdicts(name: str, tmp_path: Path) -> None:
    """The first one, of which nothing is stored yet, from scratch."""
    rows, store = versions(name), tmp_path / "proofs.sqlite"
    for row in rows:
        outcome = ivan.verify(models(row), FOLDER / name, timeout=PATIENCE, store=store)
        assert row is not rows[0] or outcome.base_run is None
        assert_expected(outcome, row)
    again = ivan.verify(models(rows[0]), FOLDER / name, store=store)
    assert again.exact
    assert_expected(again, rows[0])

"""The suites in specs/ are complete, and the base versions keep what they demand."""

from __future__ import annotations

import csv
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SUITES = sorted((ROOT / "specs").glob("*.toml"))
VERDICTS = {
    (row["model"], row["property"]): row["expected"]
    for row in csv.DictReader((ROOT / "vnnlib_examples" / "expected.csv").read_text().splitlines())
}


@pytest.mark.parametrize("path", SUITES, ids=lambda path: path.stem)
def test_a_suite_names_files_that_are_there_and_demands_what_the_base_version_keeps(path: Path) -> None:
    suite = tomllib.loads(path.read_text())
    assert set(suite) == {"model", "property"}
    model = path.parent / suite["model"]
    assert model.is_file()
    for entry in suite["property"]:
        assert set(entry) == {"query", "severity", "timeout"}
        query = path.parent / entry["query"]
        assert query.is_file()
        demanded = {"must-hold": "unsat", "may-fail": "sat"}[entry["severity"]]
        assert VERDICTS[model.name, query.name] == demanded
        assert entry["timeout"] > 0


def test_every_example_property_is_in_exactly_one_suite() -> None:
    named = [Path(entry["query"]).name for path in SUITES for entry in tomllib.loads(path.read_text())["property"]]
    assert sorted(named) == sorted({query for _, query in VERDICTS})

"""The suites in specs/ are complete, and the base versions keep what they demand."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from ivan.gate.suite import ONLY, Severity, read_suite

ROOT = Path(__file__).parent.parent
SUITES = sorted((ROOT / "specs").glob("*.toml"))
VERDICTS = {
    (row["model"], row["property"]): row["expected"]
    for row in csv.DictReader((ROOT / "vnnlib_examples" / "expected.csv").read_text().splitlines())
}


@pytest.mark.parametrize("path", SUITES, ids=lambda path: path.stem)
def test_a_suite_names_files_that_are_there_and_demands_what_the_base_version_keeps(path: Path) -> None:
    suite = read_suite(path)
    model = suite.models[ONLY]
    assert model.is_file()
    for asked in suite.properties:
        if isinstance(asked.asks, Path):
            assert asked.asks.is_file()
            demanded = {Severity.MUST_HOLD: "unsat", Severity.MAY_FAIL: "sat"}[asked.severity]
            assert VERDICTS[model.name, asked.asks.name] == demanded


def test_every_example_property_is_in_exactly_one_suite() -> None:
    asked = [one.asks for path in SUITES for one in read_suite(path).properties]
    assert sorted(q.name for q in asked if isinstance(q, Path)) == sorted({query for _, query in VERDICTS})

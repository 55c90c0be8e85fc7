"""The suites in specs/ are complete, and the base versions keep what they demand."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from ivan.gate.questions import questions
from ivan.gate.suite import ONLY, Severity, read_suite
from ivan.vnnlib import read_query

ROOT = Path(__file__).parent.parent
SUITES = sorted((ROOT / "specs").glob("*.toml"))
VERDICTS = {
    (row["model"], row["property"]): row["expected"]
    for row in csv.DictReader((ROOT / "vnnlib_examples" / "expected.csv").read_text().splitlines())
}
DEMANDED = {Severity.MUST_HOLD: "unsat", Severity.MAY_FAIL: "sat"}


@pytest.mark.parametrize("path", SUITES, ids=lambda path: path.stem)
def test_a_suite_names_files_that_are_there_and_demands_what_the_base_version_keeps(path: Path) -> None:
    suite = read_suite(path)
    model = suite.models[ONLY]
    assert model.is_file()
    for asked in suite.properties:
        if isinstance(asked.asks, Path):
            assert asked.asks.is_file()
            assert VERDICTS[model.name, asked.asks.name] == DEMANDED[asked.severity]


def test_every_example_property_is_in_exactly_one_suite() -> None:
    asked = [
        one.asks.stem if isinstance(one.asks, Path) else one.name
        for path in SUITES
        for one in read_suite(path).properties
    ]
    assert sorted(asked) == sorted({Path(query).stem for _, query in VERDICTS})


@pytest.mark.parametrize("path", SUITES, ids=lambda path: path.stem)
def test_a_property_that_is_stated_inline_is_the_one_of_the_example(path: Path, tmp_path: Path) -> None:
    suite = read_suite(path)
    for question in questions(suite, tmp_path, warn=pytest.fail):
        if isinstance(question.property.asks, Path):
            continue
        name = f"{question.name}.vnnlib"
        assert read_query(question.query).digest == read_query(path.parent.parent / "vnnlib_examples" / name).digest
        if question.networks is None:
            (verdict,) = (expected for (_, query), expected in VERDICTS.items() if query == name)
            assert verdict == DEMANDED[question.property.severity]

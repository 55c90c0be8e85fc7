"""What is made of results: numbers, reports for programs, pictures."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path as File
from xml.etree import ElementTree as ET

import pytest
from tests.batch.lists import listing, plain
from tests.report.schema import faults

from ivan.batch.cactus import COLOURS, FORMATS, _step, drawn, page, plot
from ivan.batch.instances import InstanceList
from ivan.batch.report import json_report, junit_report
from ivan.batch.results import VERDICTS, Result
from ivan.batch.summary import Summary
from ivan.pictures.drawing import Dot, Label, Path

WHEN = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def bench(tmp_path: File) -> InstanceList:
    return listing(tmp_path, *plain(("nets/a.b", "b&b", "c", "d", "<e>"), 10))


@pytest.fixture
def results(bench: InstanceList) -> list[Result]:
    """One of each verdict."""
    seconds = 1.0, 4.0, 2.0, 10.0, 0.5
    found = [Result(i, v, s) for i, v, s in zip(bench.instances, VERDICTS, seconds, strict=True)]
    found[0] = Result(bench.instances[0], "unsat", 1.0, leaves=9, base_leaves=8, reused_leaves=6, base_run=3)
    found[1] = Result(bench.instances[1], "sat", 4.0, counterexample="r.csv.d/b.counterexample")
    found[4] = Result(bench.instances[4], "error", 0.5, reason="no <such> operator", hint="another")
    return found


def test_the_summary_counts_what_is_not_solved_for_twice_its_timeout(results: list[Result]) -> None:
    summary = Summary.of(results)
    assert (summary.instances, summary.solved) == (5, 2)
    assert summary.counts == dict.fromkeys(VERDICTS, 1)
    assert summary.par2 == (1.0 + 4.0 + 3 * 20.0) / 5
    assert summary.geometric_mean == pytest.approx(2.0)
    assert summary.seconds == 17.5
    assert (summary.warm, summary.reused) == (1, 0.75)


def test_a_summary_of_nothing_solved_has_no_mean(results: list[Result]) -> None:
    summary = Summary.of(results[2:])
    assert (summary.solved, summary.geometric_mean, summary.reused) == (0, None, None)
    assert summary.par2 == 20.0


def test_the_report_holds_every_result_and_the_summary(bench: InstanceList, results: list[Result]) -> None:
    report = json.loads(json_report(bench, results, began=WHEN, wall_seconds=8.0, jobs=2))
    assert (report["benchmark"], report["jobs"], report["began"]) == ("bench", 2, "2026-01-02T00:00:00+00:00")
    assert report["summary"]["solved"] == 2
    assert [entry["verdict"] for entry in report["instances"]] == list(VERDICTS)
    assert report["instances"][0]["onnx"] == "nets/a.b.onnx"
    assert report["instances"][4]["reason"] == "no <such> operator"


def test_junit_passes_unsat_fails_sat_and_skips_what_is_open(bench: InstanceList, results: list[Result]) -> None:
    document = junit_report(bench, results, began=WHEN)
    assert faults(document) == []
    (suite,) = ET.fromstring(document)
    cases = suite.findall("testcase")
    assert [case.get("classname") for case in cases][:2] == ["bench.nets/a_b", "bench.b&b"]
    assert [case[0].tag if len(case) else "" for case in cases] == ["", "failure", "skipped", "skipped", "error"]
    messages = [case[0].get("message") for case in cases[1:]]
    assert messages == [
        "there is a counterexample: r.csv.d/b.counterexample",
        "not decided",
        "not decided in 10 s",
        "no <such> operator",
    ]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_picture_has_a_point_for_every_instance_that_is_solved(results: list[Result], count: int) -> None:
    shapes = plot("title", results[:count]).shapes
    solved = min(count, 2)
    for name, number in (("solved", solved), ("unsat", 1), ("sat", int(count > 1))):
        # the last dot of a colour is the legend's
        *points, _ = [s.at for s in shapes if isinstance(s, Dot) and s.colour == COLOURS[name]]
        assert len(points) == number
        assert [s.points for s in shapes if isinstance(s, Path) and s.colour == COLOURS[name]] == [tuple(points)] * (
            number > 1
        )
        assert points == sorted(points, key=lambda point: (point[0], -point[1]))  # never downwards
        assert all(64 <= x <= 576 and 64 <= y <= 336 for x, y in points)
        assert f"{name} {number}" in [s.text for s in shapes if isinstance(s, Label)]


def test_nothing_solved_is_a_picture_too(bench: InstanceList, results: list[Result]) -> None:
    for suffix in FORMATS:
        assert drawn(suffix, bench, results[2:])


def test_the_picture_is_drawn_as_the_suffix_says(bench: InstanceList, results: list[Result]) -> None:
    drawing = plot(bench.benchmark, results)
    assert drawn(".svg", bench, results) == drawing.svg()
    assert drawn(".png", bench, results) == drawing.png()


def test_the_page_needs_nothing_else_and_shows_every_instance(bench: InstanceList, results: list[Result]) -> None:
    text = page(bench, results)
    assert not re.search(r"(src|href)=|url\(|@import|<script", text)
    assert text.count("<tr><td>") == 5
    assert "&lt;e&gt;.onnx" in text
    assert "<e>" not in text
    assert 'title="no &lt;such&gt; operator"' in text
    assert "6 of 8" in text
    assert "2 of 5 solved" in text
    assert drawn(".html", bench, results) == text


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 99, 100, 101, 1080, 12345])
def test_an_axis_has_a_handful_of_round_numbers(count: int) -> None:
    step = _step(count)
    assert count / step <= 10
    assert step == 1 or count / step >= 2
    assert str(step)[0] in "125"

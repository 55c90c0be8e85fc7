"""JUnit's XML: read back it says what was put in, and it keeps the rules of both schemas in use."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.report.schema import faults

from ivan.report.junit import Case, junit

WHEN = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)

texts = st.text(st.sampled_from("a<>&\"' \n\r\x00\x1b\ud800\uffff]\U0001f600"), max_size=4)
cases = st.builds(
    Case,
    group=texts,
    name=texts,
    seconds=st.just(1.0),
    kind=st.sampled_from(["passed", "failure", "error", "skipped"]),
    type=texts,
    message=texts,
    text=texts,
)


@settings(deadline=None, derandomize=True)
@given(texts, st.lists(cases, max_size=3))
def test_any_text_makes_a_document_that_is_well_formed_and_counts_its_cases(name: str, made: list[Case]) -> None:
    document = junit(name, made, when=WHEN, properties={"a": name})
    (suite,) = ET.fromstring(document)
    elements = suite.findall("testcase")
    kinds = [element[0].tag if len(element) else "passed" for element in elements]
    assert kinds == [case.kind for case in made]
    counts = {kind: kinds.count(kind) for kind in ("failure", "error", "skipped")}
    assert suite.get("tests") == str(len(made))
    assert faults(junit(f"a suite has a name: {name}", made, when=WHEN, properties={"a": name})) == []
    assert (suite.get("failures"), suite.get("errors"), suite.get("skipped")) == tuple(map(str, counts.values()))


def test_what_was_put_in_is_read_back() -> None:
    case = Case("bench.net", 'p<"&>', 1.25, "error", "error", "no\x00 memory & no <time>", "details")
    (suite,) = ET.fromstring(junit("bench", [case], when=WHEN, properties={"list": "a&b"}))
    element = suite.find("testcase")
    assert element is not None
    assert element.attrib == {"classname": "bench.net", "name": 'p<"&>', "time": "1.250"}
    assert element[0].attrib == {"type": "error", "message": "no\N{REPLACEMENT CHARACTER} memory & no <time>"}
    assert element[0].text == "details"
    assert [p.attrib for p in suite.iter("property")] == [{"name": "list", "value": "a&b"}]


MADE = [Case("g", str(k), 1e5, kind, kind, "why") for k, kind in enumerate(("passed", "failure", "error", "skipped"))]


@pytest.mark.parametrize(
    ("what", "becomes"),
    [
        ('tests="4"', ""),
        ('tests="4"', 'tests="some"'),
        ('errors="1"', 'errors="-1"'),
        ('hostname="', 'host="'),
        (' time="100000.000"', ""),
        ('time="100000.000"', 'time="100000.0001"'),
        ('time="100000.000"', 'time="1e5"'),
        ('classname="g" ', ""),
        ("2026-01-02T03:04:05", "2026-01-02T03:04:05+00:00"),
        ("<properties />", ""),
        ("<properties />", '<properties><property name="a" /></properties>'),
        ("<system-out />", ""),
        ("<failure ", "<failed "),
        ('type="error" ', ""),
        ("testsuites>", "tests>"),
    ],
)
def test_the_schema_refuses_what_readers_would_not_understand(what: str, becomes: str) -> None:
    document = junit("bench", MADE, when=WHEN, properties={})
    assert faults(document) == []
    assert what in document
    with_fault = document.replace(what, becomes)
    assert faults(with_fault)


def test_a_suite_has_the_parts_that_the_schemas_ask_for_in_their_order() -> None:
    root = ET.fromstring(junit("bench", MADE, when=WHEN, properties={}))
    (suite,) = root
    assert (root.tag, suite.tag) == ("testsuites", "testsuite")
    assert [child.tag for child in suite] == ["properties", *["testcase"] * 4, "system-out", "system-err"]
    required = {"name", "package", "id", "timestamp", "hostname", "tests", "failures", "errors", "skipped", "time"}
    assert set(suite.attrib) == required
    assert suite.get("timestamp") == "2026-01-02T03:04:05"
    assert all(suite.attrib.values())
    for element in suite.findall("testcase"):
        assert set(element.attrib) == {"classname", "name", "time"}
        assert re.fullmatch(r"\d+\.\d{3}", element.get("time", ""))
        assert len(element) <= 1
        assert all(set(child.attrib) == {"type", "message"} for child in element)

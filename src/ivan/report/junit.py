"""JUnit's XML, which continuous integration reads: one suite of cases.

No one owns the format; what is written here is valid by the two schemas that are in use, that of Ant's reports (Windy
Road's JUnit.xsd) and that of Jenkins (junit-10.xsd).
"""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from xml.etree import ElementTree as ET

_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML 1.0 document may contain, however it is written."""


@dataclass(frozen=True)
class Case:
    """One case.

    Attributes:
        group: what it belongs to; dots make levels.
        name: its name there.
        seconds: how long it took.
        kind: how it ended.
        type: one word for that, where it did not pass.
        message: one line about it.
        text: whatever else there is to say.
    """

    group: str
    name: str
    seconds: float
    kind: Literal["passed", "failure", "error", "skipped"]
    type: str = ""
    message: str = ""
    text: str = ""


def junit(name: str, cases: Sequence[Case], *, when: datetime, properties: Mapping[str, str]) -> str:
    """The document.

    Args:
        name: of the suite.
        cases: in order.
        when: the suite began.
        properties: of the suite as a whole.
    """

    def count(kind: str) -> str:
        return str(sum(case.kind == kind for case in cases))

    root = ET.Element("testsuites")
    suite = ET.SubElement(
        root,
        "testsuite",
        name=_legal(name),
        package=_legal(name),
        id="0",
        timestamp=when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        hostname=platform.node() or "localhost",
        tests=str(len(cases)),
        failures=count("failure"),
        errors=count("error"),
        skipped=count("skipped"),
        time=f"{sum(case.seconds for case in cases):.3f}",
    )
    values = ET.SubElement(suite, "properties")
    for key, value in properties.items():
        ET.SubElement(values, "property", name=_legal(key), value=_legal(value))
    for case in cases:
        element = ET.SubElement(
            suite, "testcase", classname=_legal(case.group), name=_legal(case.name), time=f"{case.seconds:.3f}"
        )
        if case.kind != "passed":
            ending = ET.SubElement(element, case.kind, type=_legal(case.type), message=_legal(case.message))
            ending.text = _legal(case.text) or None
    ET.SubElement(suite, "system-out")
    ET.SubElement(suite, "system-err")
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document.decode() + "\n"


def _legal(text: str) -> str:
    return _ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", text)

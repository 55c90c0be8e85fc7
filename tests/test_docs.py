"""The documentation is whole and true: links lead somewhere, and what it lists is what the program has."""

from __future__ import annotations

import json
import re
import runpy
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import click
import pytest
from tests.cli.shell import Shell
from tests.questions import HOLDS, small

from ivan import errors
from ivan.batch.instances import Instance
from ivan.batch.results import Result
from ivan.bounds import parallel
from ivan.cli.explain import topics
from ivan.cli.main import cli
from ivan.gate.answers import Answer, Checked, State
from ivan.gate.questions import Question
from ivan.gate.report import Gate, json_report
from ivan.gate.suite import ONLY, Property, Severity, Suite
from ivan.network import onnx_reader
from ivan.network.onnx_ops import OPERATORS, values
from ivan.problem import MOST_CASES
from ivan.proof import codec
from ivan.search import ledger, loop
from ivan.store.rows import WEIGHTS_LIMIT
from ivan.vnnlib.formula import MAX_HEIGHT

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md"), *ROOT.glob("specs/*.md"), *ROOT.glob("vnnlib_examples/*.md")])

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
CODE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
QUOTED = re.compile(r"`([^`]+)`")


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return CODE.sub("", page.read_text())


def anchor(heading: str) -> str:
    """What a browser finds a heading by, as GitHub forms it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def anchors(page: Path) -> list[str]:
    return [anchor(heading) for _, heading in HEADING.findall(prose(page))]


def part(page: str, heading: str) -> str:
    """What stands below a heading, down to the next one of its level or above."""
    text = (DOCS / page).read_text()
    (start,) = (match for match in HEADING.finditer(text) if match[2] == heading)
    behind = text[start.end() :]
    ends = (match.start() for match in HEADING.finditer(behind) if len(match[1]) <= len(start[1]))
    return behind[: next(ends, len(behind))]


def rows(text: str) -> Iterator[list[str]]:
    """The cells of all tables, without headings."""
    lines = text.split("\n")
    for above, line in pairwise(lines):
        if line.startswith("| ") and above.startswith("|"):
            yield [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def first_column(text: str) -> list[str]:
    """What is quoted in the first column of all tables, in order."""
    return [name for row in rows(text) for name in QUOTED.findall(row[0])]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(prose(page)):
        if link.startswith("http"):
            continue
        path, _, fragment = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        if fragment:
            assert fragment in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_headings_of_a_page_differ(page: Path) -> None:
    assert len(anchors(page)) == len(set(anchors(page)))


def test_the_index_lists_every_page() -> None:
    listed = [link for link in LINK.findall((DOCS / "README.md").read_text()) if "/" not in link]
    assert sorted(listed) == sorted(page.name for page in DOCS.glob("*.md") if page.name != "README.md")


def test_the_readme_names_every_command() -> None:
    named = [name.split()[1] for name in first_column((ROOT / "README.md").read_text()) if name.startswith("ivan ")]
    assert named == cli.list_commands(click.Context(cli))


def test_make_knows_the_targets_that_are_named() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {name for page in PAGES for name in re.findall(r"(?:^|`)make ([a-z]+)", page.read_text(), re.MULTILINE)}
    assert {"demo", "test"} <= named <= targets


def test_the_page_of_commands_is_what_the_program_says() -> None:
    written = runpy.run_path(str(DOCS / "generate_commands.py"))
    assert written["PAGE"].read_text() == written["page"](), "run `make docs`, which writes docs/commands.md again"


def test_every_class_of_errors_is_explained_by_the_command_that_its_message_names() -> None:
    def classes(kind: type[errors.IvanError]) -> Iterator[type[errors.IvanError]]:
        yield kind
        for below in kind.__subclasses__():
            yield from classes(below)

    own = [kind for kind in classes(errors.IvanError) if kind.__module__ == "ivan.errors"]
    explained = {f"ivan explain {anchor(heading)}" for _, heading in HEADING.findall(part("errors.md", "Errors"))}
    assert {kind.explanation() for kind in own} == explained
    assert all(kind.__name__ in (DOCS / "errors.md").read_text() for kind in own)


def test_every_part_about_an_error_or_a_warning_can_be_linked_to_by_its_topic() -> None:
    assert set(topics()) <= set(anchors(DOCS / "errors.md"))


def test_errors_that_users_see_have_their_class_in_one_place() -> None:
    """A class that is derived from these elsewhere would be explained nowhere."""
    kinds = {
        name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.IvanError)
    }
    for path in (ROOT / "src" / "ivan").rglob("*.py"):
        derived = re.findall(r"^class \w+\(([^)]*)\)", path.read_text(), re.MULTILINE)
        bases = {base.strip().rpartition(".")[2] for line in derived for base in line.split(",")}
        assert path.name == "errors.py" or not bases & kinds, path


READ = sorted({*OPERATORS, "If"})  # If is no operator on tensors: the reader itself goes on in its branch


@pytest.mark.parametrize("operator", READ)
def test_the_table_of_operators_has_a_row_for(operator: str) -> None:
    own = [row for row in rows(part("operators.md", "Operators")) if row[0] == f"`{operator}`"]
    assert len(own) == 1, f"docs/operators.md needs one row for {operator}"
    assert len(own[0]) == 4
    assert all(own[0])


def test_the_table_of_operators_is_in_order_and_has_no_others() -> None:
    assert first_column(part("operators.md", "Operators")) == READ


@pytest.mark.parametrize(
    ("heading", "stated"),
    [
        ("Operators", f"from {onnx_reader.OPSETS[0]} to {onnx_reader.OPSETS[-1]}"),
        ("Size", f"{onnx_reader.MOST_BYTES // 10**6} MB"),
        ("Size", f"{onnx_reader.MOST_NEURONS:,} neurons"),
        ("Size", f"{values.LARGEST:,} numbers"),
        ("Size", f"{MOST_CASES:,} cases"),
        ("Size", f"at most {MAX_HEIGHT} deep"),
        ("Size", f"up to {loop.MOST_SPLIT_INPUTS} inputs vary"),
        ("Memory", f"{ledger.MOST_BYTES // 10**6} MB"),
        ("Memory", f"{loop.MOST_NODES:,} nodes"),
        ("Memory", f"{WEIGHTS_LIMIT // 2**20} MiB"),
        ("Threads and processes", f"{parallel.WIDE} neurons"),
    ],
)
def test_limits_are_those_of_the_program(heading: str, stated: str) -> None:
    assert stated in " ".join(part("limits.md", heading).split())


def test_the_fields_of_a_report_are_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("model.onnx").write_bytes(small())
    Path("holds.vnnlib").write_text(HOLDS)
    report = Shell(capsys).report("model.onnx", "holds.vnnlib")
    text = part("formats.md", "The report of a verification")
    assert first_column(text) == list(report)
    (counters,) = (QUOTED.findall(row[1]) for row in rows(text) if row[0] == "`statistics`")
    assert counters == list(report["statistics"])
    (phases,) = (QUOTED.findall(row[1]) for row in rows(text) if row[0] == "`phases`")
    assert set(report["phases"]) <= set(phases)


def test_the_fields_of_a_checked_proof_are_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("model.onnx").write_bytes(small())
    Path("holds.vnnlib").write_text(HOLDS)
    shell = Shell(capsys)
    shell.verify("model.onnx", "holds.vnnlib", "--proof", "holds.proof")
    report = json.loads(shell("proof", "check", "holds.proof", "model.onnx", "holds.vnnlib", "--json").out)
    listed = [row for row in rows(part("formats.md", "Proofs")) if len(row) == 2]
    assert [name for row in listed for name in QUOTED.findall(row[0])][-len(report) :] == list(report)


def test_the_fields_of_details_are_listed() -> None:
    instance = Instance(0, "model.onnx", "holds.vnnlib", 60.0, Path("model.onnx"), Path("holds.vnnlib"))
    listed = first_column(part("formats.md", "Lists and results"))
    assert listed == list(Result(instance, "unsat", 1.0).as_json())


def test_the_fields_of_a_gate_are_listed() -> None:
    text = part("formats.md", "The report of a gate")
    asked = Question(Property("p", ONLY, Path("p.vnnlib"), Severity.MUST_HOLD, 60.0, ()), "p", Path("p.vnnlib"))
    answer = Answer(State.HOLDS, "unsat", 1.0)
    suite = Suite(Path("suite.toml"), {ONLY: Path("model.onnx")}, (asked.property,))
    gate = Gate(suite, suite.models, None, [Checked(asked, answer, answer)], datetime.now(UTC), 1.0)
    report = json.loads(json_report(gate))
    (one,) = report["properties"]
    assert sorted(first_column(text)) == sorted([*report, *report["totals"], *one, *one["now"]])


def test_the_arrays_of_a_proof_are_listed_in_their_order() -> None:
    listed = []
    for names, kinds, *_ in (row for row in rows(part("formats.md", "Proofs")) if len(row) == 3):
        arrays, types = QUOTED.findall(names), QUOTED.findall(kinds)
        listed += zip(arrays, types * len(arrays) if len(types) == 1 else types, strict=True)
    assert listed == [(name, kind.str) for name, kind in codec._layout()]
    assert f"format {codec.FORMAT};" in part("formats.md", "Proofs")

"""`ivan explain` prints the part of the page that a hint names, from the repository as from a wheel."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from tests.cli.shell import Shell

from ivan import errors
from ivan.cli import explain

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize(
    "kind", [errors.IvanError, *errors.IvanError.__subclasses__(), errors.UnsupportedOperatorError]
)
def test_the_command_that_a_hint_names_explains_the_class(ivan: Shell, kind: type[errors.IvanError]) -> None:
    done = ivan(*kind.explanation().split()[1:])
    assert (done.code, done.err) == (0, "")
    assert done.out == ivan("explain", kind.__name__).out
    assert done.out.lower().startswith(errors.topic_of(kind.__name__).replace("-", " ") + "\n\n")


def test_without_a_topic_all_are_listed_and_each_is_explained(ivan: Shell) -> None:
    listed = ivan("explain").out.splitlines()
    assert {"input-error", "internal-error", "a-base-that-is-not-used"} <= set(listed)
    page = (ROOT / "docs" / "errors.md").read_text()
    assert len(listed) == page.count("\n### ")
    for topic in listed:
        out = ivan("explain", topic).out
        assert out.count("\n") > 4
        assert out.endswith(f"\n\n(docs/errors.md#{topic})\n")


def test_what_is_printed_is_for_a_terminal_and_ends_with_its_part(ivan: Shell) -> None:
    out = ivan("explain", "input-error").out
    assert "\n    error: nowhere/report.json: cannot be written" in out
    assert "(limits.md).\n" in out
    assert "```" not in out
    assert "](" not in out
    assert "Model error" not in out


@pytest.mark.parametrize(
    ("topic", "hint"), [("modle-error", "do you mean model-error?"), ("weather", "`ivan explain` lists")]
)
def test_another_topic_is_an_error(ivan: Shell, topic: str, hint: str) -> None:
    done = ivan("explain", topic)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"error: nothing is called {topic!r}\nhint: {hint}")


def test_a_wheel_has_the_page_where_it_is_looked_for(
    ivan: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    (shipped,) = wheel["force-include"].items()
    assert (ROOT / shipped[0]).samefile(explain.PLACES[1])
    assert Path(shipped[1]) == explain.PLACES[0].relative_to(explain.PACKAGE.parent)
    page = tmp_path / "errors.md"
    page.write_text("# Page\n\n## Errors\n\n### Input error\n\nAs in the package.\n")
    monkeypatch.setattr(explain, "PLACES", (page, tmp_path / "docs"))
    assert ivan("explain", "input-error").out == "Input error\n\nAs in the package.\n\n(docs/errors.md#input-error)\n"


def test_without_the_page_the_installation_is_broken(
    ivan: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explain, "PLACES", (tmp_path / "errors.md",))
    done = ivan("explain")
    assert (done.code, done.out) == (4, "")
    assert done.err.startswith(f"error: {tmp_path / 'errors.md'}: the page that explains errors is missing\nhint: ")

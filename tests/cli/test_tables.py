"""Numbers as people read them, and tables as programs do."""

from __future__ import annotations

import pytest

from ivan.cli.tables import duration, listed, plural, show, size, table


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (9949, "9.9 kB"),
        (9951, "10 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (52_000_000, "52 MB"),
        (7_100_000_000, "7.1 GB"),
        (2_500_000_000_000, "2.5 TB"),
    ],
)
def test_sizes_are_rounded_to_what_people_read(count: int, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.00 s"),
        (9.994, "9.99 s"),
        (9.996, "10 s"),
        (119.4, "119 s"),
        (119.6, "2 min"),
        (7169.0, "119 min"),
        (7171.0, "2 h"),
        (430_190.0, "119 h"),
        (430_210.0, "5 days"),
    ],
)
def test_durations_are_rounded_to_what_people_read(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("parts", "text"),
    [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")],
)
def test_lists_read_like_sentences(parts: list[str], text: str) -> None:
    assert listed(parts) == text


def test_nouns_follow_their_numbers() -> None:
    assert [plural(number, "property", "properties") for number in (0, 1, 2000)] == [
        "0 properties",
        "1 property",
        "2,000 properties",
    ]
    assert [plural(number, "run") for number in (1, 2)] == ["1 run", "2 runs"]


def test_a_row_for_a_pipe_is_a_line_that_ends_with_its_last_word(capsys: pytest.CaptureFixture[str]) -> None:
    rows = table("name", "what it is")
    rows.add_row("a", "x" * 300)
    rows.add_row("bb", "")
    show(rows)
    assert capsys.readouterr().out == f"name  what it is\na     {'x' * 300}\nbb\n"

"""The live table of a batch: numbers stay whole however narrow the terminal is, and the estimate counts what runs."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from ivan.batch.instances import Instance, InstanceList
from ivan.batch.results import Result
from ivan.batch.run import Running
from ivan.cli.batch_progress import LiveTable

NOW = 1000.0


def instance(index: int, timeout: float = 300.0) -> Instance:
    model = f"ACASXU_run2a_{index}_1_batch_2000"
    return Instance(index, f"{model}.onnx", "prop_2.vnnlib", timeout, Path(model), Path("prop_2"))


def table(total: int, done: list[float], jobs: int = 2) -> LiveTable:
    """Of a batch in which instances of these seconds are done."""
    live = LiveTable(verbose=False)
    listing = InstanceList(Path("list.csv"), "list", tuple(instance(index) for index in range(total)))
    live.began(listing, [Result(instance(index), "unsat", seconds) for index, seconds in enumerate(done)], jobs)
    return live


def running(index: int, seconds: float, timeout: float = 300.0) -> Running:
    state = {"open": 1353, "closed": 4109, "worst": -0.03482}
    return Running(instance(index, timeout), NOW - seconds, "search", state)


@pytest.mark.parametrize("columns", [72, 80, 100, 140])
def test_where_room_is_short_only_the_beginnings_of_names_give_way(columns: int) -> None:
    console = Console(file=io.StringIO(), width=columns, highlight=False)
    with console.capture() as capture:
        console.print(table(9, [1.0]).drawn([running(7, 62.0), running(8, 3.0)], NOW))
    head, counts, names, *rows = capture.get().rstrip().split("\n")
    assert "1 of 9" in head
    assert "left" in head
    assert counts.strip() == "1 unsat"
    assert names.split() == ["running", "time", "of", "phase", "worst", "bound", "domains"]
    for row, seconds in zip(rows, ["62 s", "3 s"], strict=True):
        assert " prop_2  " in row
        assert f" {seconds}  5 min" in row
        assert row.rstrip().endswith("search     -0.03482  1,353 open, 4,109 closed")
        assert row.startswith("ACASXU" if columns == 140 else ("ACASXU", "\N{HORIZONTAL ELLIPSIS}"))
        assert len(row) <= columns


def test_nothing_is_estimated_before_anything_is_done() -> None:
    assert table(3, [])._left([running(0, 5.0)], NOW) is None


def test_what_waits_takes_the_mean_and_is_shared_by_the_jobs() -> None:
    assert table(8, [10.0, 20.0])._left([running(2, 0.0), running(3, 0.0)], NOW) == pytest.approx((4 + 2) * 15.0 / 2)


@pytest.mark.parametrize(
    ("seconds", "timeout", "left"), [(0.5, 300.0, 0.5), (40.0, 300.0, 40.0), (40.0, 60.0, 20.0), (61.0, 60.0, 0.0)]
)
def test_what_takes_longer_than_the_mean_takes_as_long_again_but_no_longer_than_it_may(
    seconds: float, timeout: float, left: float
) -> None:
    assert table(2, [1.0])._left([running(1, seconds, timeout)], NOW) == pytest.approx(left)

"""A results file: what is in it once is never lost, and what is cut off never happened."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.batch.lists import listing, plain

from ivan.batch.instances import InstanceList
from ivan.batch.results import Result, ResultsFile
from ivan.errors import InputError

NAMES = ("a", "b", "c")
VERDICTS = ("unsat", "sat", "error")


@pytest.fixture
def bench(tmp_path: Path) -> InstanceList:
    return listing(tmp_path, *plain(NAMES))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "results.csv"


def results(bench: InstanceList) -> list[Result]:
    return [
        Result(instance, verdict, 1.5 + instance.number, reason="why" if verdict == "error" else None, leaves=7)
        for instance, verdict in zip(bench.instances, VERDICTS, strict=True)
    ]


def write(out: Path, bench: InstanceList, order: tuple[int, ...] = (0, 1, 2), *, resume: bool = False) -> list[Result]:
    found = results(bench)
    with ResultsFile(out, bench, resume=resume) as file:
        for number in order:
            file.add(found[number], "((X_0 1.0))" if found[number].verdict == "sat" else None)
        return file.finish()


def test_rows_are_those_of_vnn_comp_and_details_stand_beside_them(out: Path, bench: InstanceList) -> None:
    write(out, bench)
    assert out.read_text() == (
        "bench,a.onnx,p.vnnlib,0.0,unsat,1.500\n"
        "bench,b.onnx,p.vnnlib,0.0,sat,2.500\n"
        "bench,c.onnx,p.vnnlib,0.0,error,3.500\n"
    )
    folder = out.with_name("results.csv.d")
    assert (folder / "b_p.counterexample").read_text() == "((X_0 1.0))\n"
    details = [json.loads(line) for line in (folder / "details.jsonl").read_text().splitlines()]
    assert [(d["onnx"], d["verdict"], d["reason"], d["leaves"]) for d in details] == [
        ("a.onnx", "unsat", None, 7),
        ("b.onnx", "sat", None, 7),
        ("c.onnx", "error", "why", 7),
    ]


def test_rows_are_there_as_soon_as_they_are_added_and_sorted_at_the_end(out: Path, bench: InstanceList) -> None:
    found = results(bench)
    with ResultsFile(out, bench, resume=False) as file:
        for count, number in enumerate((2, 0), 1):
            file.add(found[number])
            assert len(out.read_text().splitlines()) == count
        assert out.read_text().startswith("bench,c.onnx")
        assert [result.instance.number for result in file.finish()] == [0, 2]
    assert out.read_text().startswith("bench,a.onnx")


def test_wherever_the_file_is_cut_whole_rows_are_kept_with_all_that_is_known(out: Path, bench: InstanceList) -> None:
    finished = write(out, bench)
    whole = out.read_bytes()
    ends = [0, *(k + 1 for k, byte in enumerate(whole) if byte == ord("\n"))]
    for cut in sorted({min(max(0, end + k), len(whole)) for end in ends for k in (-20, -1, 0, 1)}):
        out.write_bytes(whole[:cut])
        with ResultsFile(out, bench, resume=True) as file:
            kept = file.kept
            assert out.read_bytes() == whole[: whole[:cut].rfind(b"\n") + 1]
        assert list(kept.values()) == finished[: whole[:cut].count(b"\n")]
        write(out, bench, tuple(n for n in range(3) if n not in kept), resume=True)
        assert out.read_bytes() == whole


def test_rows_that_somebody_deleted_are_asked_again(out: Path, bench: InstanceList) -> None:
    write(out, bench)
    lines = out.read_text().splitlines(keepends=True)
    out.write_text(lines[0] + lines[2])
    with ResultsFile(out, bench, resume=True) as file:
        assert sorted(file.kept) == [0, 2]
    assert not list(out.with_name("results.csv.d").glob("*.counterexample"))  # nobody speaks of it any more


@pytest.mark.parametrize("damage", [None, b"", b"\xff{]\n", b'{"onnx": "a.onnx"}\n'])
def test_rows_count_without_details(out: Path, bench: InstanceList, damage: bytes | None) -> None:
    write(out, bench)
    details = out.with_name("results.csv.d") / "details.jsonl"
    details.unlink()
    if damage is not None:
        details.write_bytes(damage)
    with ResultsFile(out, bench, resume=True) as file:
        kept = file.kept
    assert [(r.verdict, r.seconds, r.leaves) for r in kept.values()] == [
        ("unsat", 1.5, None),
        ("sat", 2.5, None),
        ("error", 3.5, None),
    ]
    assert kept[1].counterexample is not None


def test_a_row_listed_twice_has_two_results(out: Path, tmp_path: Path) -> None:
    twice = listing(tmp_path, *plain(("a", "a")))
    with ResultsFile(out, twice, resume=False) as file:
        for instance in twice.instances:
            file.add(Result(instance, "sat", 1.0 + instance.number), "((X_0 1.0))")
    with ResultsFile(out, twice, resume=True) as file:
        assert [(n, r.seconds) for n, r in file.kept.items()] == [(0, 1.0), (1, 2.0)]
        assert len({result.counterexample for result in file.kept.values()}) == 2
    with pytest.raises(InputError, match="or not so often"):
        ResultsFile(out, listing(tmp_path, *plain(("a",))), resume=True)


def test_names_of_files_are_safe_on_every_system(out: Path, tmp_path: Path) -> None:
    rows = ['"x/é:a?.onnx.gz",p.vnnlib.gz,1', r"y\NET.onnx,p.vnnlib,1", "net.onnx,P.vnnlib,1", f"{'n' * 300}.onnx,p,1"]
    bench = listing(tmp_path, *rows)
    with ResultsFile(out, bench, resume=False) as file:
        files = [file.add(Result(i, "sat", 1.0), "((X_0 1.0))").counterexample for i in bench.instances]
    names = [Path(name or "").name.removesuffix(".counterexample") for name in files]
    assert names == ["é_a__p", "NET_p", "net_P~2", "n" * 90 + "_p"]


def test_resuming_what_never_began_begins(out: Path, bench: InstanceList) -> None:
    assert len(write(out, bench, resume=True)) == 3


def test_results_that_are_there_are_not_overwritten(out: Path, bench: InstanceList) -> None:
    write(out, bench)
    before = out.read_bytes()
    with pytest.raises(InputError, match=r"results\.csv: exists already") as caught:
        ResultsFile(out, bench, resume=False)
    assert caught.value.hint is not None
    assert "--resume" in caught.value.hint
    assert out.read_bytes() == before


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("bench,z.onnx,p.vnnlib,0.0,sat,1.0\n", "results.csv:2: bench, z.onnx, p.vnnlib is not in"),
        ("other,b.onnx,p.vnnlib,0.0,sat,1.0\n", "results.csv:2: other, b.onnx, p.vnnlib is not in"),
        ("bench,a.onnx,p.vnnlib,0.0,sat,1.0\n", "or not so often"),
        ("bench,b.onnx,p.vnnlib,0.0,holds,1.0\n", "results.csv:2: not a row of results"),
        ("bench,b.onnx,p.vnnlib,0.0,sat,soon\n", "results.csv:2: not a row of results"),
        ("bench,b.onnx,p.vnnlib,0.0,sat\n", "results.csv:2: not a row of results"),
        ("\0\0\0\n", "results.csv:2: not a row of results"),
    ],
)
def test_results_of_another_list_are_not_touched(out: Path, bench: InstanceList, line: str, message: str) -> None:
    write(out, bench, (0,))
    out.write_text(out.read_text() + line)
    before = out.read_bytes()
    with pytest.raises(InputError, match=message):
        ResultsFile(out, bench, resume=True)
    assert out.read_bytes() == before


def test_two_batches_do_not_write_one_file(out: Path, bench: InstanceList) -> None:
    pytest.importorskip("fcntl", reason="no such locks on this system")
    with (
        ResultsFile(out, bench, resume=False),
        pytest.raises(InputError, match="another batch is writing it"),
    ):
        ResultsFile(out, bench, resume=True)
    with ResultsFile(out, bench, resume=True) as file:
        assert file.kept == {}


def test_what_becomes_known_later_belongs_to_its_row(out: Path, bench: InstanceList) -> None:
    """Of two rows that say the same, too: each has its own last line of details."""
    found = results(bench)
    with ResultsFile(out, bench, resume=False) as file:
        file.add(found[0])
        file.amend(replace(found[0], run=12, warnings=("killed after the answer",)))
        file.add(found[2])
    with ResultsFile(out, bench, resume=True) as file:
        assert (file.kept[0].run, file.kept[0].warnings) == (12, ("killed after the answer",))
        assert (file.kept[2].run, file.kept[2].reason) == (None, "why")

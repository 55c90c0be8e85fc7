"""Lists: what they may look like, and what is said of those that cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivan.batch.instances import Instance, read_instances
from ivan.errors import InputError


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    folder = tmp_path / "bench"
    folder.mkdir()
    return folder / "instances.csv"


def rows(path: Path) -> list[tuple[str, str, float]]:
    return [(i.onnx, i.vnnlib, i.timeout) for i in read_instances(path).instances]


def test_paths_start_from_the_lists_folder_and_names_are_kept(listed: Path) -> None:
    listed.write_text("onnx/a.onnx,./p.vnnlib,116\n/else/b.onnx,p.vnnlib,.5\n")
    listing = read_instances(listed)
    folder = listed.parent
    assert listing.instances == (
        Instance(0, "onnx/a.onnx", "./p.vnnlib", 116.0, folder / "onnx/a.onnx", folder / "p.vnnlib"),
        Instance(1, "/else/b.onnx", "p.vnnlib", 0.5, Path("/else/b.onnx"), folder / "p.vnnlib"),
    )


def test_a_row_of_several_networks_names_the_file_of_each(listed: Path) -> None:
    field = "[('f', 'onnx/a.onnx'), ('g', '/else/b.onnx')]"
    (listed.parent / "onnx").mkdir()
    (listed.parent / "onnx" / "a.onnx.gz").touch()
    listed.write_text(f"\"{field}\",./p.vnnlib,100\n\"[('f', 'a.onnx')]\",p.vnnlib,1\n")
    two, one = read_instances(listed).instances
    files = {"f": listed.parent / "onnx/a.onnx.gz", "g": Path("/else/b.onnx")}
    assert (two.onnx, two.model, two.models) == (field, files, tuple(files.values()))
    assert one.model == {"f": listed.parent / "a.onnx"}


@pytest.mark.parametrize(
    "text",
    [
        "a.onnx,p.vnnlib,10\nb.onnx,q.vnnlib,20",
        "\ufeffa.onnx,p.vnnlib,10\r\nb.onnx,q.vnnlib,20\r\n",
        "\n# comment\n a.onnx , p.vnnlib , 10 \n\n  # another\nb.onnx,q.vnnlib,20\n\n",
        'onnx,vnnlib,timeout\n"a.onnx", "p.vnnlib", 10\n"b.onnx",q.vnnlib,2e1\n',
        "expected,VNNLIB,ONNX,Timeout\nsat,p.vnnlib,a.onnx,10\n,q.vnnlib,b.onnx,20\n",
        "model,property,timeout\na.onnx,p.vnnlib,10\nb.onnx,q.vnnlib,20\n",
    ],
    ids=["plain", "windows", "comments", "heading", "other columns", "other names"],
)
def test_every_spelling_of_a_list_means_the_same(listed: Path, text: str) -> None:
    listed.write_text(text, encoding="utf-8", newline="")
    assert rows(listed) == [("a.onnx", "p.vnnlib", 10.0), ("b.onnx", "q.vnnlib", 20.0)]


def test_a_file_that_is_not_there_may_be_there_compressed(listed: Path) -> None:
    for name in ("a.onnx.gz", "both.vnnlib", "both.vnnlib.gz"):
        (listed.parent / name).touch()
    listed.write_text("a.onnx,both.vnnlib,1\nnone.onnx,both.vnnlib.gz,1\n")
    files = [(i.model.name, i.query.name) for i in read_instances(listed).instances]
    assert files == [("a.onnx.gz", "both.vnnlib"), ("none.onnx", "both.vnnlib.gz")]


def test_timeouts_come_from_the_row_or_else_from_the_caller_and_are_multiplied(listed: Path) -> None:
    listed.write_text("a.onnx,p.vnnlib,10\na.onnx,p.vnnlib,\na.onnx,p.vnnlib\n")
    found = read_instances(listed, timeout=3, factor=0.5).instances
    assert [instance.timeout for instance in found] == [5.0, 1.5, 1.5]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ": the list is empty"),
        ("# nothing\n\n", ": the list is empty"),
        ("onnx,vnnlib,timeout\n", ": the list is empty"),
        ("a.onnx,p.vnnlib,1\nb.onnx\n", ":2: 1 columns where 3 are expected"),
        ("\n\na.onnx,p.vnnlib,1,2\n", ":3: 4 columns where 3 are expected"),
        ("a.onnx,p.vnnlib,soon\n", ":1: 'soon' is not a number of seconds"),
        ("a.onnx,p.vnnlib,-1\n", ":1: '-1' is not a number of seconds"),
        ("a.onnx,p.vnnlib,nan\n", ":1: 'nan' is not a number of seconds"),
        ("a.onnx,p.vnnlib,inf\n", ":1: 'inf' is not a number of seconds"),
        ("a.onnx,p.vnnlib\n", ":1: no timeout"),
        (",p.vnnlib,1\n", ":1: no model is named"),
        ("a.onnx,,1\n", ":1: no property is named"),
        ("\"['a.onnx']\",p.vnnlib,1\n", ":1: ['a.onnx']: 'a.onnx' is not a name with a path"),
        (
            "\"[('f', 'a.onnx'), ('f', 'b.onnx')]\",p.vnnlib,1\n",
            ":1: [('f', 'a.onnx'), ('f', 'b.onnx')]: network 'f' stands there twice",
        ),
        ('"a.onnx,p.vnnlib,1\n', ":1: unexpected end of data"),
    ],
)
def test_a_malformed_row_is_an_error_with_its_place(listed: Path, text: str, message: str) -> None:
    listed.write_text(text)
    with pytest.raises(InputError) as caught:
        read_instances(listed)
    assert caught.value.message == f"{listed}{message}"
    assert caught.value.hint


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.write_bytes(b"\xff\xfe"), lambda path: None])
def test_what_is_no_list_is_an_error(tmp_path: Path, make) -> None:
    path = tmp_path / "list.csv"
    make(path)
    with pytest.raises(InputError, match=r"list\.csv: "):
        read_instances(path)


@pytest.mark.parametrize(
    ("name", "benchmark"),
    [("instances.csv", "bench"), ("acasxu_instances.csv", "acasxu"), ("nightly.csv", "nightly")],
)
def test_the_benchmark_is_named_after_the_list_or_its_folder(listed: Path, name: str, benchmark: str) -> None:
    path = listed.with_name(name)
    path.write_text("a.onnx,p.vnnlib,1\n")
    assert read_instances(path).benchmark == benchmark

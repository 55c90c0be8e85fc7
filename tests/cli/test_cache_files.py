"""`ivan cache export` and `import`: from one store to another by a file, told to people and to programs."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.cli.shell import Shell

from ivan.cli import cache as command
from ivan.errors import InputError, StoreError


def invoke(*arguments: str | Path, answer: str | None = None) -> Result:
    result = CliRunner().invoke(command.cache, [str(argument) for argument in arguments], input=answer)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def store(ivan: Shell, here: Path) -> Path:
    """A store with a proof and a counterexample."""
    path = here / "proofs.sqlite"
    for query in ("holds.vnnlib", "fails.vnnlib"):
        ivan.verify("model.onnx", query, "--store", path)
    return path


def runs(path: Path) -> int:
    return len(json.loads(invoke("list", "--all", "--json", "--store", path).stdout))


def test_a_store_goes_to_another_place_by_a_file(ivan: Shell, here: Path, store: Path) -> None:
    written = invoke("export", "carried.sqlite", "--store", store)
    assert written.stdout == ""
    assert written.stderr.startswith("wrote 2 runs to carried.sqlite (")
    new = here / "new" / "proofs.sqlite"
    taken = invoke("import", "carried.sqlite", "--store", new)
    assert (taken.stdout, taken.stderr) == ("", f"added 2 runs, 1 network and 2 properties to {new}\n")
    again = invoke("import", "carried.sqlite", "--store", new)
    assert again.stderr == f"added 0 runs, 0 networks and 0 properties to {new}; 2 runs of it were there already\n"
    shown = invoke("show", "1", "--store", new).stdout
    assert "to be replayed before its answer is repeated" in shown
    first = ivan.report("model.onnx", "holds.vnnlib", "--store", new)
    assert (first["verdict"], first["exact"], first["base_run"]) == ("unsat", False, 1)
    assert first["reused_leaves"] == first["base_leaves"] > 0
    assert ivan.report("model.onnx", "holds.vnnlib", "--store", new)["exact"]


def test_chosen_runs_and_reports_for_programs(here: Path, store: Path) -> None:
    written = json.loads(invoke("export", "one.sqlite", "--run", "2", "--json", "--store", store).stdout)
    assert written == {
        "location": str(store),
        "file": "one.sqlite",
        "bytes": (here / "one.sqlite").stat().st_size,
        "runs": 1,
        "networks": 1,
        "properties": 1,
        "left_out": 0,
    }
    new = here / "new.sqlite"
    taken = json.loads(invoke("import", "one.sqlite", "--json", "--store", new).stdout)
    counts = {"runs": 1, "known": 0, "networks": 1, "properties": 1}
    assert taken == {"location": str(new), "file": "one.sqlite", **counts}


def test_quiet_says_nothing(here: Path, store: Path) -> None:
    for words in (("export", "a.sqlite", "--store", store), ("import", "a.sqlite", "--store", here / "b.sqlite")):
        result = invoke(*words, "--quiet")
        assert (result.stdout, result.stderr) == ("", "")


@pytest.mark.usefixtures("here")
def test_an_existing_file_is_replaced_only_when_told_to(store: Path) -> None:
    path = Path("carried.sqlite")
    path.write_text("what was there before")
    refused = invoke("export", path, "--store", store, answer="n\n")
    assert (refused.exit_code, path.read_text()) == (0, "what was there before")
    assert refused.stderr.startswith("Replace carried.sqlite?")
    assert refused.stderr.endswith("nothing was written\n")
    with pytest.raises(InputError, match="nobody answered"):
        invoke("export", path, "--store", store, answer="")
    assert path.read_text() == "what was there before"
    invoke("export", path, "--store", store, answer="y\n")
    assert runs(path) == 2
    invoke("export", path, "--run", "1", "--yes", "--store", store)
    assert runs(path) == 1


@pytest.mark.usefixtures("here")
def test_what_is_damaged_is_named_and_left_out(store: Path) -> None:
    connection = sqlite3.connect(store)
    with connection:
        connection.execute("UPDATE proofs SET leaves = leaves + 1")
    connection.close()
    result = invoke("export", "carried.sqlite", "--store", store)
    warning, told = result.stderr.splitlines()
    assert warning == "warning: left out: run 1  model.onnx  holds.vnnlib  its checksum does not hold"
    assert told.startswith("wrote 1 run to carried.sqlite")
    with pytest.raises(StoreError, match="nothing was exported"):
        invoke("export", "one.sqlite", "--run", "1", "--store", store)
    assert not Path("one.sqlite").exists()


def test_broken_pages_are_told_of_and_the_rest_is_written(ivan: Shell, here: Path, store: Path) -> None:
    connection = sqlite3.connect(store)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'proofs'").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    data = bytearray(store.read_bytes())
    data[(page - 1) * size : page * size] = bytes(size)
    store.write_bytes(data)
    done = ivan("cache", "export", "carried.sqlite", "--store", store)
    assert (done.code, done.out) == (1, "")
    first, second, told = done.err.splitlines()
    assert first.startswith(f"warning: {store}: has broken pages")
    assert second.startswith("warning: left out: run 1  model.onnx  holds.vnnlib  its checksum does")
    assert told.startswith("wrote 1 run to carried.sqlite")
    assert runs(here / "carried.sqlite") == 1
    assert store.read_bytes() == data
    examined = ivan("cache", "doctor", "--store", store)
    assert examined.code == 1
    assert "hint: `ivan cache export FILE` rescues what can be read" in examined.err
    assert ivan("cache", "export", "one.sqlite", "--run", "2", "--store", store).code == 0
    assert ivan("cache", "export", "one.sqlite", "--run", "1", "--store", store, "--yes").code == 2


@pytest.mark.usefixtures("here")
def test_of_much_that_is_left_out_the_first_is_named(ivan: Shell, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = sqlite3.connect(store)
    with connection:
        connection.execute("UPDATE runs SET checksum = ''")
    connection.close()
    monkeypatch.setattr("ivan.cli.cache_files.MOST_NAMED", 1)
    done = ivan("cache", "export", "carried.sqlite", "--store", store)
    assert done.code == 1
    first, more, _ = done.err.splitlines()
    assert first.startswith("warning: left out: run 1")
    assert more == f"warning: left out: 1 more; `ivan cache doctor --store {store}` names what is damaged"


def test_a_damaged_file_is_an_error_of_one_line(ivan: Shell, here: Path, store: Path) -> None:
    invoke("export", "carried.sqlite", "--store", store)
    connection = sqlite3.connect(here / "carried.sqlite")
    with connection:
        connection.execute("UPDATE witnesses SET outputs = zeroblob(8)")
    connection.close()
    done = ivan("cache", "import", "carried.sqlite", "--store", here / "new.sqlite")
    assert (done.code, done.out) == (2, "")
    error, hint = done.err.splitlines()
    assert error.endswith("nothing was imported: run 2 (model.onnx, fails.vnnlib): its checksum does not hold")
    assert "`ivan cache doctor --store carried.sqlite`" in hint
    assert runs(here / "new.sqlite") == 0
    assert ivan("cache", "doctor", "--store", "carried.sqlite").code == 1


@pytest.mark.usefixtures("here")
def test_places_where_no_file_can_be_are_errors(store: Path) -> None:
    for target, message in (("nowhere/carried.sqlite", "there is no folder"), (".", "is a folder")):
        with pytest.raises(InputError, match=message):
            invoke("export", target, "--store", store)
    with pytest.raises(InputError, match="there is no run 99"):
        invoke("export", "carried.sqlite", "--run", "99", "--store", store)
    with pytest.raises(StoreError, match="no proof store there"):
        invoke("import", "missing.sqlite", "--store", store)
    with pytest.raises(StoreError, match="is the proof store itself"):
        invoke("import", store, "--store", store)

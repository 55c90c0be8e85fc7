"""A store that cannot be used is a warning: the exit code and the answer are those of the question."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.cli.shell import Shell
from tests.questions import box, nudged, small

from ivan.memory import memory
from ivan.store import database


def garbage(path: Path) -> None:
    path.write_bytes(b"no database at all" * 100)


def torn(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[100 : len(data) // 2] = bytes(len(data) // 2 - 100)
    path.write_bytes(data)


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE ivan_revision SET version_num = '9999'")


def foreign(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.fixture
def store(ivan: Shell, here: Path) -> Path:
    """A store that knows the small question."""
    path = here / "proofs.sqlite"
    assert ivan.verify("model.onnx", "holds.vnnlib", "--store", path).verdict == "unsat"
    return path


@pytest.mark.parametrize("harm", [garbage, torn, newer, foreign, folder])
@pytest.mark.parametrize(("query", "verdict"), [("holds.vnnlib", "unsat"), ("fails.vnnlib", "sat")])
def test_an_unusable_store_costs_a_warning(
    ivan: Shell, store: Path, harm: Callable[[Path], None], query: str, verdict: str
) -> None:
    harm(store)
    done = ivan.verify("model.onnx", query, "--store", store)
    assert done.verdict == verdict
    assert done.err.startswith(f"warning: {store}")
    assert "Traceback" not in done.err
    assert "internal" not in done.err
    assert ivan.verify("model.onnx", query, "--store", store, "--quiet").err == ""


@pytest.fixture
def locked(store: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The store while another process writes for longer than anybody waits."""
    monkeypatch.setattr(memory, "MOST_PATIENCE", 0.05)
    with closing(sqlite3.connect(store, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield store


def test_a_locked_store_is_read_and_not_written(ivan: Shell, here: Path, locked: Path) -> None:
    assert ivan.report("model.onnx", "holds.vnnlib", "--store", locked)["exact"]
    (here / "next.onnx").write_bytes(nudged(small(), 1e-4))
    done = ivan.verify("next.onnx", "holds.vnnlib", "--store", locked)
    assert done.verdict == "unsat"
    assert done.err.startswith(f"warning: {locked}: the proof store is locked by another process")


def test_a_store_held_exclusively_costs_a_warning(ivan: Shell, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MOST_PATIENCE", 0.05)
    with closing(sqlite3.connect(store, isolation_level=None)) as connection:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        done = ivan.verify("model.onnx", "holds.vnnlib", "--store", store)
    assert done.verdict == "unsat"
    assert "is locked by another process" in done.err


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_read_only_store_is_read_and_not_written(ivan: Shell, store: Path) -> None:
    store.chmod(0o400)
    store.parent.chmod(0o500)
    try:
        done = ivan.verify("model.onnx", "holds.vnnlib", "--store", store)
    finally:
        store.parent.chmod(0o700)
    assert done.verdict == "unsat"
    assert "nothing will be saved" in done.err


def test_what_cannot_be_written_is_not_written(ivan: Shell, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_writable", lambda path: False)
    before = store.read_bytes()
    done = ivan.verify("model.onnx", "fails.vnnlib", "--store", store)
    assert done.verdict == "sat"
    assert done.err.splitlines()[0] == f"warning: {store} cannot be written: nothing will be saved"
    assert store.read_bytes() == before
    monkeypatch.undo()


@pytest.mark.parametrize("url", [False, True], ids=["path", "url"])
@pytest.mark.usefixtures("here")
def test_the_store_is_where_it_is_said_to_be(ivan: Shell, tmp_path: Path, no_real_store: Path, url: bool) -> None:
    path = tmp_path / "deep" / "folder" / "proofs.sqlite"
    place = f"sqlite:///{path}" if url else str(path)
    assert not ivan.report("model.onnx", "holds.vnnlib", "--store", place)["exact"]
    assert path.exists()
    assert not no_real_store.exists()
    assert ivan.report("model.onnx", "holds.vnnlib", "--store", path)["exact"]


@pytest.mark.usefixtures("here")
def test_the_environment_names_the_default_store(ivan: Shell, no_real_store: Path) -> None:
    assert ivan.report("model.onnx", "holds.vnnlib")["run"] == 1
    assert no_real_store.exists()


@pytest.mark.usefixtures("here")
def test_an_unreachable_server_costs_a_warning_without_its_password(ivan: Shell) -> None:
    done = ivan.verify("model.onnx", "holds.vnnlib", "--store", "nosuchdialect://user:secret@host/database")
    assert done.verdict == "unsat"
    assert done.err.startswith("warning: nosuchdialect://user:***@host/database")
    assert "secret" not in done.err


# -- options that choose what is used ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("here")
def test_an_answer_given_before_is_reported_as_such(ivan: Shell) -> None:
    first, second = (ivan.report("model.onnx", "holds.vnnlib") for _ in range(2))
    assert (first["exact"], first["base_run"]) == (False, None)
    assert (second["exact"], second["base_run"], second["domains"]) == (True, first["run"], 0)
    assert second["leaves"] == second["reused_leaves"] == first["leaves"]


@pytest.mark.usefixtures("here")
def test_a_repeated_counterexample_is_printed_alike(ivan: Shell) -> None:
    assert ivan.verify("model.onnx", "fails.vnnlib").out == ivan.verify("model.onnx", "fails.vnnlib").out


def test_an_update_is_reported_with_what_it_reused(ivan: Shell, here: Path) -> None:
    old = ivan.report("model.onnx", "holds.vnnlib")
    (here / "next.onnx").write_bytes(nudged(small(), 1e-4))
    new = ivan.report("next.onnx", "holds.vnnlib")
    assert (new["verdict"], new["exact"], new["base_name"], new["base_run"]) == (
        "unsat",
        False,
        "model.onnx",
        old["run"],
    )
    assert 0 < new["reused_leaves"] <= new["base_leaves"] == old["leaves"]
    assert new["network_digest"] != old["network_digest"]
    done = ivan.verify("next.onnx", "holds.vnnlib", "--recheck", "--verbose")
    assert f"proof of run {new['run']} (next.onnx), {new['leaves']:,} of {new['leaves']:,} leaves reused" in done.err


@pytest.mark.usefixtures("here")
def test_fresh_searches_again_and_recheck_replays(ivan: Shell) -> None:
    ivan.verify("model.onnx", "holds.vnnlib")
    fresh = ivan.report("model.onnx", "holds.vnnlib", "--fresh")
    assert (fresh["exact"], fresh["base_run"], fresh["run"]) == (False, None, 2)
    assert fresh["domains"] > 0
    replayed = ivan.report("model.onnx", "holds.vnnlib", "--recheck")
    assert (replayed["exact"], replayed["base_run"], replayed["domains"]) == (False, 2, 0)
    assert replayed["reused_leaves"] == fresh["leaves"]


@pytest.mark.parametrize("names", ["reuse", "reuse,prune", "reorder", "reuse,reorder,prune,transfer", "none"])
def test_what_is_taken_over_from_an_old_proof_can_be_chosen(ivan: Shell, here: Path, names: str) -> None:
    ivan.verify("model.onnx", "holds.vnnlib")
    (here / "next.onnx").write_bytes(nudged(small(), 1e-4))
    new = ivan.report("next.onnx", "holds.vnnlib", "--incremental", names, "--theta", "0.01", "--alpha", "0.5")
    assert new["verdict"] == "unsat"
    assert (new["reused_leaves"] > 0) == ("transfer" in names)
    assert (new["domains"] > 0) == ("transfer" not in names)


def test_a_base_is_named_by_file_or_digest(ivan: Shell, here: Path) -> None:
    old = ivan.report("model.onnx", "holds.vnnlib")
    for number, base in enumerate(("model.onnx", old["network_digest"][:10])):
        (here / "next.onnx").write_bytes(nudged(small(), 1e-4, seed=number))
        report = ivan.report("next.onnx", "holds.vnnlib", "--base", base)
        assert (report["base_run"], report["base_name"]) == (old["run"], "model.onnx")


def test_a_base_that_is_not_there_is_an_error_even_when_the_answer_is_stored(ivan: Shell, store: Path) -> None:
    assert ivan.report("model.onnx", "holds.vnnlib", "--store", store)["exact"]
    done = ivan.verify("model.onnx", "holds.vnnlib", "--store", store, "--base", "nosuch.onnx")
    assert done.code == 2
    assert done.out == ""
    assert "--base nosuch.onnx" in done.err


# -- other questions --------------------------------------------------------------------------------------------------


def test_what_is_implied_is_reported_as_such(ivan: Shell, here: Path) -> None:
    first = ivan.report("model.onnx", "holds.vnnlib")
    (here / "stronger.vnnlib").write_text(box(3, "(>= Y_0 2.3)"))
    report = ivan.report("model.onnx", "stronger.vnnlib")
    assert (report["verdict"], report["exact"], report["base_use"]) == ("unsat", False, "implication")
    assert (report["base_run"], report["base_property"], report["run"]) == (first["run"], "holds.vnnlib", None)
    done = ivan.verify("model.onnx", "stronger.vnnlib", "--verbose")
    assert f", implied by run {first['run']} (model.onnx, holds.vnnlib)\n" in done.err
    assert ivan.report("model.onnx", "holds.vnnlib")["base_use"] == "answer"


def test_a_kindred_proof_is_reported_as_such(ivan: Shell, here: Path) -> None:
    first = ivan.report("model.onnx", "holds.vnnlib")
    (here / "weaker.vnnlib").write_text(box(3, "(>= Y_0 2.255)"))
    done = ivan.verify("model.onnx", "weaker.vnnlib", "--verbose")
    leaves = f"{first['leaves']} of {first['leaves']} leaves reused"
    assert f", proof of run {first['run']} (model.onnx, holds.vnnlib), {leaves}\n" in done.err
    shown = ivan("cache", "show").out
    assert shown.rstrip().endswith(f"from run {first['run']}")


def test_a_counterexample_to_another_property_is_reported_as_such(ivan: Shell, here: Path) -> None:
    first = ivan.report("model.onnx", "fails.vnnlib")
    (here / "also.vnnlib").write_text(box(3, "(>= Y_0 2)"))
    done = ivan.verify("model.onnx", "also.vnnlib", "--verbose")
    assert done.verdict == "sat"
    assert f", counterexample of run {first['run']} (model.onnx, fails.vnnlib)\n" in done.err

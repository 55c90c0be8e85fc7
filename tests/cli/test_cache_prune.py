"""`ivan cache prune` says what would go, deletes it only when told to, and gives the space back."""

from __future__ import annotations

import io
import json
import sqlite3
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from tests.cli.shell import Shell

from ivan.cli import cache as command
from ivan.cli.quantities import age, file_size
from ivan.errors import StoreError
from ivan.store import NetworkRecord, ProofRecord, ProofStore, PropertyRecord, RunRecord, WitnessRecord

DAY = 86400
ASKED = PropertyRecord(digest="ef" * 32, name="safe.vnnlib", size=200, inputs=1)


def invoke(*arguments: str | Path, answer: str | None = None) -> Result:
    words = ["prune", *(str(argument) for argument in arguments)]
    result = CliRunner().invoke(command.cache, words, input=answer)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Four versions a day apart, the newest from today: proofs of 100 kB each, and a counterexample of the second."""
    path = tmp_path / "proofs.sqlite"
    with ProofStore.open(path) as store:
        for version in range(1, 5):
            network = NetworkRecord(digest=f"{version:02}" * 32, architecture="cd" * 32, name=f"v{version}.onnx",
                                    parameters=9, file_digest="ab" * 32)  # fmt: skip
            refuted = version == 2
            run = RunRecord(network=network.digest, property=ASKED.digest, options="01" * 32, version="1.0",
                            verdict="sat" if refuted else "unsat", seconds=1.0, parent=version - 1 or None)  # fmt: skip
            proof = ProofRecord(format=1, leaves=7, depth=3, open=False, data=bytes(100_000))
            witness = WitnessRecord(inputs=(1.0,), outputs=(2.0,), precision="float32")
            store.save(run, network, ASKED, None if refuted else proof, witness if refuted else None)
    connection = sqlite3.connect(path)
    with connection:
        for version in range(1, 5):
            moment = time.time() - DAY * (4 - version)
            connection.execute("UPDATE runs SET created = ? WHERE id = ?", (moment, version))
            connection.execute("UPDATE networks SET first_seen = ? WHERE name = ?", (moment, f"v{version}.onnx"))
    connection.close()
    return path


def left(path: Path) -> list[int]:
    with ProofStore.open(path) as store:
        return sorted(run.id for run in store.holdings().runs)


@pytest.mark.parametrize("words", ["cache clear", "cache prune --older-than 1h", "cache export FILE"])
def test_where_nobody_can_answer_nothing_changes_and_the_hint_says_how_not_to_be_asked(
    ivan: Shell, path: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    target = path.with_name("exported")
    target.write_text("mine")
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    done = ivan(*words.replace("FILE", str(target)).split(), "--store", path)
    assert (done.code, done.out.count("deleted")) == (2, 0)
    assert "\nerror: nobody answered, and nothing was changed\nhint: --yes goes on without asking" in done.err
    assert left(path) == [1, 2, 3, 4]
    assert target.read_text() == "mine"


def test_what_would_go_is_listed_and_counted(path: Path) -> None:
    result = invoke("--store", path, "--older-than", "36h", "--dry-run")
    heading, line = result.stdout.splitlines()
    assert heading.split() == ["run", "age", "verdict", "proof", "rule", "property", "network"]
    assert line.split() == ["1", "72", "h", "unsat", "100", "kB", "age", "safe.vnnlib", "v1.onnx", "01010101"]
    assert result.stderr.splitlines() == [
        f"would delete 1 of 4 runs, with 1 proof and 1 network (100 kB), from {path}",
        "1 run stays: it is the last proof or counterexample of a property; --all lets it go",
    ]
    assert left(path) == [1, 2, 3, 4]


@pytest.mark.parametrize(("arguments", "answer"), [(["--yes"], None), ([], "y\n")])
def test_old_runs_go_when_told_to_and_the_file_shrinks(path: Path, arguments: list[str], answer: str | None) -> None:
    before = path.stat().st_size
    result = invoke("--store", path, "--older-than", "12h", *arguments, answer=answer)
    assert (result.exit_code, result.stdout) == (0, "")
    assert f"deleted 2 runs from {path}; it takes " in result.stderr
    assert left(path) == [2, 4]
    assert path.stat().st_size < before - 190_000
    with ProofStore.open(path) as store:
        assert store.info().networks == 2


@pytest.mark.parametrize("answer", ["n\n", "\n"])
def test_nothing_goes_unless_told_to(path: Path, answer: str) -> None:
    result = invoke("--store", path, "--keep-versions", "1", answer=answer)
    assert result.exit_code == 0
    assert result.stderr.startswith(f"Delete 2 of 4 runs, with 2 proofs and 2 networks (200 kB), from {path}?")
    assert "nothing was deleted" in result.stderr
    assert left(path) == [1, 2, 3, 4]


def test_what_the_newest_versions_grew_from_can_be_kept(path: Path) -> None:
    invoke("--store", path, "--keep-versions", "1", "--keep-ancestors", "--yes")
    assert left(path) == [1, 2, 3, 4]
    invoke("--store", path, "--keep-versions", "1", "--yes")
    assert left(path) == [2, 4]


def test_the_store_is_made_to_fit(path: Path) -> None:
    result = invoke("--store", path, "--max-size", "320kB", "--yes", "--quiet")
    assert (result.stdout, result.stderr) == ("", "")
    assert left(path) == [2, 3, 4]
    assert path.stat().st_size <= 320_000


def test_a_store_that_cannot_be_made_to_fit_says_so(path: Path) -> None:
    result = invoke("--store", path, "--max-size", "1kB", "--yes")
    assert left(path) == [2, 4]
    assert "warning: what is left takes " in result.stderr
    assert "2 runs stay: they are the last proof or counterexample of a property" in result.stderr
    invoke("--store", path, "--max-size", "1kB", "--all", "--yes")
    assert left(path) == []


def test_as_json(path: Path) -> None:
    report = json.loads(invoke("--store", path, "--older-than", "1d", "--json", "--yes").stdout)
    assert report["location"] == str(path)
    assert [(run["id"], run["rule"], run["network_name"]) for run in report["runs"]] == [
        (3, "age", "v3.onnx"),
        (1, "age", "v1.onnx"),
    ]
    assert (report["deleted"], report["proofs"], report["networks"], report["properties"]) == (2, 2, 2, 0)
    assert (report["kept"], report["damaged"]) == (1, 0)
    assert report["bytes"] >= 200_000
    report = json.loads(invoke("--store", path, "--older-than", "1d", "--json", "--dry-run").stdout)
    assert (report["runs"], report["deleted"]) == ([], 0)


def test_nothing_is_asked_where_there_is_nothing_to_delete(path: Path) -> None:
    result = invoke("--store", path, "--older-than", "2w")
    assert (result.exit_code, result.stderr) == (0, f"nothing to delete from {path}\n")


def test_a_damaged_run_is_left_to_the_doctor(path: Path) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE runs SET created = 'yesterday' WHERE id = 1")
    connection.close()
    result = invoke("--store", path, "--max-size", "1kB", "--all", "--yes")
    assert "1 damaged run left alone; `ivan cache doctor` says what is wrong" in result.stderr
    with ProofStore.open(path) as store:
        assert store.info().runs == 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "nothing says what goes"),
        (["--keep-ancestors", "--max-size", "1MB"], "goes with --keep-versions"),
        (["--older-than", "30"], "'30' is not a duration such as 30d"),
        (["--older-than", "-3d"], "is not a duration"),
        (["--older-than", "3 months"], "is not a duration"),
        (["--max-size", "much"], "'much' is not a size such as 500MB"),
        (["--keep-versions", "-1"], "-1 is not in the range"),
    ],
)
def test_what_makes_no_sense_is_an_error(path: Path, arguments: list[str], complaint: str) -> None:
    result = invoke("--store", path, *arguments)
    assert result.exit_code == 2
    assert complaint in result.stderr


def test_a_store_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no proof store there"):
        invoke("--store", tmp_path / "mistyped.sqlite", "--older-than", "1d")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30d", 30 * DAY), ("12h", 43200), ("2w", 14 * DAY), ("90min", 5400), ("1.5 H", 5400), ("45s", 45), (None, None)],
)
def test_durations(text: str | None, seconds: float | None) -> None:
    assert age(click.Context(command.cache), click.Option(["--x"]), text) == seconds


@pytest.mark.parametrize(
    ("text", "count"),
    [("500MB", 500 * 10**6), ("2GiB", 2 * 2**30), ("1.5kB", 1500), ("1 TB", 10**12), ("7B", 7), (None, None)],
)
def test_sizes(text: str | None, count: int | None) -> None:
    assert file_size(click.Context(command.cache), click.Option(["--x"]), text) == count
